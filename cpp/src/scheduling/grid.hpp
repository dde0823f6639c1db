// The grid of bits, and resource block groups. Internal to the core.
#pragma once

#include <cmath>
#include <cstdint>

namespace slicefast {

// Bits are kept in whole 1/1024: below 2^43 bits a sum in double is exact.
inline constexpr double bit_grid = 1024.0;
inline double packet_on_grid(double bits) { return std::nearbyint(bits * bit_grid) / bit_grid; }
inline double rate_on_grid(double bits) { return std::floor(bits * bit_grid) / bit_grid; }
// For totals over all users: exact modulo 2^64, whatever they come to.
inline std::uint64_t grid_units(double bits) { return static_cast<std::uint64_t>(bits * bit_grid); }

// Resource block groups (RBG) of `rbg_prb` PRBs that hold n_prb.
inline int rbgs_of(int n_prb, int rbg_prb) { return rbg_prb == 1 ? n_prb : (n_prb + rbg_prb - 1) / rbg_prb; }

}  // namespace slicefast
