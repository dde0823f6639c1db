// What the cells beyond those that a region's users meet add up to, and how far that may be off; see far_cells.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "radio/far_cells.hpp"

namespace slicefast {

// At given weights rho_k p_k, before a user's factor c_u h_u.
struct Remainder {
  float sum, deviation;
};

class Remainders {
 public:
  // Of the regions that are wanted, (R,); weight (N,).
  Remainders(const FarCells& far, const std::vector<std::uint8_t>& wanted, std::span<const double> weight);
  // Beyond the sites of a level.
  const Remainder& beyond(std::size_t region, std::size_t level) const { return all_[region * n_levels_ + level]; }

 private:
  std::size_t n_levels_;
  std::vector<Remainder> all_;  // (R, n_levels)
};

}  // namespace slicefast
