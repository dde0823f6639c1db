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
  std::vector<std::int32_t> outside;     // see RadioTiles
  std::vector<std::int16_t> shadow_los;  // packed
  UnitVariance unit_state, unit_los, unit_nlos;
  int common_cols, common_rows;
  std::vector<std::int16_t> common_los, common_nlos;  // packed

  RadioTiles tiles() const { return {outside.data(), shadow_los.data(), size, log2_size}; }
  // In units of nodes.
  double col_at(double x, double y) const { return (inverse[0] * x + inverse[1] * y) * size; }
  double row_at(double x, double y) const { return (inverse[2] * x + inverse[3] * y) * size; }
  std::int32_t common_at(std::int64_t row, std::int64_t col) const;
};

// Rounding down, through the conversion: std::floor is a library call on the baseline instruction set.
inline std::int64_t rounded_down(double value) { return static_cast<std::int64_t>(value) - (value < 0.0); }

// Index of a node of the common tile. Positions are below 1e9 m and nodes are not denser than one a millimetre, so
// that half a node is more than the rounding of the quotient: cheaper than dividing whole numbers.
inline std::int32_t PackedFields::common_at(std::int64_t row, std::int64_t col) const {
  const auto within = [](std::int64_t at, int n) {
    return static_cast<std::int32_t>(at - n * rounded_down((static_cast<double>(at) + 0.5) / n));
  };
  return within(row, common_rows) * (common_cols + 1) + within(col, common_cols);
}

}  // namespace slicefast
