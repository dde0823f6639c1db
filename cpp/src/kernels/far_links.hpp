// Single links to far sites, gathered from many users: those in line of sight or loud, and their gains.
#pragma once

#include "kernels/radio.hpp"

namespace slicefast {

inline constexpr std::size_t far_links = 256;  // that are looked at in one call

struct FarLinksKernels {
  // Of n <= far_links links user[i] - site[i] those in line of sight, and of the others those whose own shadowing is
  // below loud_below: their number; kept[j] (which i), base[j] (log2 gain without antenna), azimuth[j], depression[j].
  std::size_t (*far_singles)(const RadioSite* sites, const RadioTorus* torus, const RadioTiles* tiles,
                             const RadioUsers* users, const std::int32_t* user, const std::int32_t* site,
                             float loud_below, std::size_t n, std::int32_t* kept, float* base, float* azimuth,
                             float* depression);
  // gain[i] = 2^(base[i] + antenna) of cell cells[index[i]].
  void (*far_cells)(const RadioCell* cells, const std::int32_t* index, std::size_t n, const float* base,
                    const float* azimuth, const float* depression, float* gain);
};

SLICEFAST_DECLARE_KERNELS(FarLinksKernels, far_links_kernels)

}  // namespace slicefast
