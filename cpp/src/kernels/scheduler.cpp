// Whole-PRB quotas of a block of cells over a window, cells side by side in the vector lanes.
#include "kernels/scheduler.hpp"

#include "kernels/isa.hpp"

namespace slicefast::SLICEFAST_ISA {

constexpr std::size_t lanes = quota_block;

// One TTI: every slice's remainder grows by its fraction, the `extras` largest remainders win a PRB and pay for it.
static inline void one_tti(const QuotaProblem& p, std::uint16_t* SLICEFAST_RESTRICT out) {
  double* SLICEFAST_RESTRICT remainder = p.remainder;
  const std::size_t n = p.n_slices;
  for (std::size_t i = 0; i < n * lanes; ++i) remainder[i] += p.fraction[i];
  for (std::size_t s = 0; s < n; ++s) {
    std::int64_t rank[lanes];
    for (std::size_t c = 0; c < lanes; ++c) rank[c] = 0;
    const double* SLICEFAST_RESTRICT mine = remainder + s * lanes;
    for (std::size_t r = 0; r < n; ++r) {
      const double* SLICEFAST_RESTRICT other = remainder + r * lanes;
      if (r < s) {
        for (std::size_t c = 0; c < lanes; ++c) rank[c] += other[c] >= mine[c] ? 1 : 0;
      } else {
        for (std::size_t c = 0; c < lanes; ++c) rank[c] += other[c] > mine[c] ? 1 : 0;
      }
    }
    for (std::size_t c = 0; c < lanes; ++c)
      out[s * lanes + c] = static_cast<std::uint16_t>(p.base[s * lanes + c] + (rank[c] < p.extras[c] ? 1 : 0));
  }
  for (std::size_t i = 0; i < n * lanes; ++i) remainder[i] -= out[i] - p.base[i];
}

static void quotas(const QuotaProblem& p) {
  for (std::size_t t = 0; t < p.n_ttis; ++t) one_tti(p, p.quota + t * p.n_slices * lanes);
}

// Every slice alone: it gets a PRB whenever its remainder reaches one half, as against a single other slice.
static void separate_quotas(const QuotaProblem& p) {
  const std::size_t n = p.n_slices * lanes;
  for (std::size_t t = 0; t < p.n_ttis; ++t) {
    std::uint16_t* SLICEFAST_RESTRICT out = p.quota + t * n;
    double* SLICEFAST_RESTRICT remainder = p.remainder;
    for (std::size_t i = 0; i < n; ++i) {
      remainder[i] += p.fraction[i];
      const std::int32_t won = remainder[i] >= 0.5 ? 1 : 0;
      remainder[i] -= won;
      out[i] = static_cast<std::uint16_t>(p.base[i] + won);
    }
  }
}

extern const SchedulerKernels scheduler_kernels = {quotas, separate_quotas};

}  // namespace slicefast::SLICEFAST_ISA
