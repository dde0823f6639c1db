// A node's gains, cell by cell. Both halves take the same steps, so that the sum of the further images is never below
// their strongest.
#include "kernels/image_map.hpp"

#include "kernels/isa.hpp"

namespace slicefast::SLICEFAST_ISA {

static inline float widened(std::uint16_t upper_half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(upper_half) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

static inline void add_row(const ImageUser& user, std::size_t n, std::size_t padded) {
  const std::uint16_t *strongest = user.node, *all = strongest + padded;
  const float passing = user.passing;
  float* SLICEFAST_RESTRICT gain = user.gain;
  if (user.reach) {
    float* SLICEFAST_RESTRICT reach = user.reach;
    for (std::size_t j = 0; j < n; ++j) reach[j] = gain[j] + passing * widened(all[j]);
  }
  for (std::size_t j = 0; j < n; ++j) {
    const float further = passing * widened(strongest[j]);
    gain[j] = gain[j] > further ? gain[j] : further;
  }
}

// Rows of the usual 12 cells have a length that the compiler knows.
static void add(const ImageUser* users, std::size_t n, std::size_t n_cells, std::size_t padded) {
  const std::size_t ahead = 8, usual = 12, line = 64 / sizeof(std::uint16_t);
  for (std::size_t i = 0; i < n; ++i) {
    if (i + ahead < n)
      for (std::size_t k = 0; k < 2 * padded; k += line) __builtin_prefetch(users[i + ahead].node + k);
    if (n_cells == usual)
      add_row(users[i], usual, padded);
    else
      add_row(users[i], n_cells, padded);
  }
}

extern const ImageMapKernels image_map_kernels = {add};

}  // namespace slicefast::SLICEFAST_ISA
