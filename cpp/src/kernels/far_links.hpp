// Single links to far sites, gathered from many users: those in line of sight, and their gains.
#pragma once

#include "kernels/radio.hpp"

namespace slicefast {

inline constexpr std::size_t far_links = 256;  // that are looked at in one call

struct FarLinksKernels {
  // Of n <= far_links links user[i] - site[i] those in line of sight: their number; visible[j] (which i), base[j] (log2
  // gain without antenna), azimuth[j], depression[j].
  std::size_t (*far_los)(const RadioSite* sites, const RadioTorus* torus, const RadioTiles* tiles,
                         const RadioUsers* users, const std::int32_t* user, const std::int32_t* site, std::size_t n,
                         std::int32_t* visible, float* base, float* azimuth, float* depression);
  // gain[i] = 2^(base[i] + antenna) of cell cells[index[i]].
  void (*far_cells)(const RadioCell* cells, const std::int32_t* index, std::size_t n, const float* base,
                    const float* azimuth, const float* depression, float* gain);
};

SLICEFAST_DECLARE_KERNELS(FarLinksKernels, far_links_kernels)

}  // namespace slicefast
