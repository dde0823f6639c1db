// The periodic tiles of LinkModel's fields: how they are packed, and their variance between the nodes.
//
// Symbols: fx, fy fractions inside a mesh; rho correlation of two nodes, e^(-distance / decorrelation).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "slicefast/radio.hpp"

namespace slicefast {

// Four corners per node, as signed bytes in steps of 1/32 standard deviation.
inline void pack_tile(std::span<const float> nodes, int size, std::int32_t* packed) {
  const auto at = [&](int r, int c) {
    const float value = nodes[static_cast<std::size_t>(r % size) * size + c % size];
    return static_cast<std::uint32_t>(std::clamp(static_cast<int>(std::lrint(value * 32.0f)), -127, 127)) & 0xffu;
  };
  for (int r = 0; r < size; ++r)
    for (int c = 0; c < size; ++c)
      packed[static_cast<std::size_t>(r) * size + c] =
          static_cast<std::int32_t>(at(r, c) | at(r, c + 1) << 8 | at(r + 1, c) << 16 | at(r + 1, c + 1) << 24);
}

// 1 / standard deviation of the bilinear value at (fx, fy): neighbouring nodes are correlated, not equal, so the mean
// of four has a smaller variance than one; this restores it.
struct UnitVariance {
  float along_col, along_row, diagonal, antidiagonal;
  void scale(const float* fx, const float* fy, std::size_t n, float* out) const {
    for (std::size_t i = 0; i < n; ++i) {
      const float gx = 1.0f - fx[i], gy = 1.0f - fy[i];
      const float w00 = gx * gy, w01 = fx[i] * gy, w10 = gx * fy[i], w11 = fx[i] * fy[i];
      const float variance = w00 * w00 + w01 * w01 + w10 * w10 + w11 * w11 +
                             2.0f * (along_col * (w00 * w01 + w10 * w11) + along_row * (w00 * w10 + w01 * w11) +
                                     diagonal * w00 * w11 + antidiagonal * w01 * w10);
      out[i] = 1.0f / std::sqrt(variance);
    }
  }
};

inline UnitVariance unit_variance(const FieldTiles& t, double decorrelation_m) {
  const auto rho = [&](double x, double y) {
    return static_cast<float>(std::exp(-std::hypot(x, y) / t.size / decorrelation_m));
  };
  return {rho(t.e1_x_m, t.e1_y_m), rho(t.e2_x_m, t.e2_y_m), rho(t.e1_x_m + t.e2_x_m, t.e1_y_m + t.e2_y_m),
          rho(t.e1_x_m - t.e2_x_m, t.e1_y_m - t.e2_y_m)};
}

}  // namespace slicefast
