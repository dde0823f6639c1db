// The fields as LinkModel keeps them: packed tiles, and what brings a value between nodes back to unit variance.
//
// Symbols: s, t coordinates in units of the tile's periods; fx, fy fractions inside a mesh; rho correlation of two
// nodes, e^(-distance / decorrelation).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/radio.hpp"
#include "slicefast/radio/fields.hpp"
#include "slicefast/radio/path_loss.hpp"

namespace slicefast {

// 1 / standard deviation of the bilinear value at (fx, fy): neighbouring nodes are correlated, not equal, so the mean
// of four has a smaller variance than one; this restores it.
struct UnitVariance {
  float along_col, along_row, diagonal, antidiagonal;
  void scale(const float* fx, const float* fy, std::size_t n, float* out) const;
};

struct PackedFields {
  PackedFields(const FieldTiles& tiles, const ModelParameters& parameters);

  double inverse[4];  // (s, t) = inverse (x, y)
  int size, log2_size;
  std::vector<std::int32_t> los_state, shadow;  // packed; the shadow of LOS links, then of the others
  UnitVariance unit_state, unit_los, unit_nlos;
  std::int32_t common_row, common_col;  // where the field common to all sites is read

  RadioTiles tiles() const { return {los_state.data(), shadow.data(), size, log2_size}; }
  // In units of nodes.
  double col_at(double x, double y) const { return (inverse[0] * x + inverse[1] * y) * size; }
  double row_at(double x, double y) const { return (inverse[2] * x + inverse[3] * y) * size; }
};

// Rounding down, through the conversion: std::floor is a library call on the baseline instruction set.
inline std::int64_t rounded_down(double value) { return static_cast<std::int64_t>(value) - (value < 0.0); }

}  // namespace slicefast
