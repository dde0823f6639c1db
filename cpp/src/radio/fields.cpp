#include "slicefast/radio/fields.hpp"

#include <cmath>

#include "radio/packed_fields.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

// See RadioTiles: every row ends with its first node again.
void pack_tile(std::span<const float> nodes, std::size_t rows, std::size_t cols, std::int16_t* packed) {
  const auto at = [&](std::size_t r, std::size_t c) {
    const float value = nodes[(r % rows) * cols + c % cols];
    return static_cast<std::uint32_t>(std::clamp(static_cast<int>(std::lrint(value * 32.0f)), -127, 127)) & 0xffu;
  };
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c <= cols; ++c)
      packed[r * (cols + 1) + c] = static_cast<std::int16_t>(static_cast<std::uint16_t>(at(r, c) | at(r + 1, c) << 8));
}

UnitVariance unit_variance(const FieldTiles& t, double decorrelation_m) {
  const auto rho = [&](double x, double y) {
    return static_cast<float>(std::exp(-std::hypot(x, y) / t.size / decorrelation_m));
  };
  return {rho(t.e1_x_m, t.e1_y_m), rho(t.e2_x_m, t.e2_y_m), rho(t.e1_x_m + t.e2_x_m, t.e1_y_m + t.e2_y_m),
          rho(t.e1_x_m - t.e2_x_m, t.e1_y_m - t.e2_y_m)};
}

}  // namespace

void check_tiles(const FieldTiles& tiles, std::size_t n_sites) {
  if (tiles.size < 2 || (tiles.size & (tiles.size - 1)))
    refuse("tile size", text_of(tiles.size), "a power of two, at least 2");
  const std::size_t nodes = static_cast<std::size_t>(tiles.size) * static_cast<std::size_t>(tiles.size);
  check_size("los_state", tiles.los_state.size(), nodes, "node");
  check_size("shadow_los", tiles.shadow_los.size(), nodes, "node");
  check_size("shadow_nlos", tiles.shadow_nlos.size(), nodes, "node");
  check_size("row_offset", tiles.row_offset.size(), n_sites, "site");
  check_size("col_offset", tiles.col_offset.size(), n_sites, "site");
  check_value("common_cols", tiles.common_cols, at_least(2));
  check_value("common_rows", tiles.common_rows, at_least(2));
  const std::size_t common = static_cast<std::size_t>(tiles.common_cols) * static_cast<std::size_t>(tiles.common_rows);
  check_size("common_los", tiles.common_los.size(), common, "node");
  check_size("common_nlos", tiles.common_nlos.size(), common, "node");
}

PackedFields::PackedFields(const FieldTiles& t, const ModelParameters& p)
    : size(t.size), common_cols(t.common_cols), common_rows(t.common_rows) {
  const double determinant = t.e1_x_m * t.e2_y_m - t.e2_x_m * t.e1_y_m;
  if (!(std::abs(determinant) > 0.0))
    refuse("e1_m, e2_m", "an area of " + text_of(determinant), "periods that span one");
  inverse[0] = t.e2_y_m / determinant;
  inverse[1] = -t.e2_x_m / determinant;
  inverse[2] = -t.e1_y_m / determinant;
  inverse[3] = t.e1_x_m / determinant;
  log2_size = static_cast<int>(std::lround(std::log2(size)));
  const auto side = static_cast<std::size_t>(size), nodes = side * (side + 1);
  shadow_los.resize(nodes);
  pack_tile(t.shadow_los, side, side, shadow_los.data());
  std::vector<std::int16_t> state(nodes), shadow(nodes);
  pack_tile(t.los_state, side, side, state.data());
  pack_tile(t.shadow_nlos, side, side, shadow.data());
  outside.resize(nodes);
  for (std::size_t i = 0; i < nodes; ++i)
    outside[i] = static_cast<std::int32_t>(static_cast<std::uint16_t>(state[i]) |
                                           static_cast<std::uint32_t>(static_cast<std::uint16_t>(shadow[i])) << 16);
  const auto rows = static_cast<std::size_t>(common_rows), cols = static_cast<std::size_t>(common_cols);
  common_los.resize(rows * (cols + 1));
  common_nlos.resize(rows * (cols + 1));
  pack_tile(t.common_los, rows, cols, common_los.data());
  pack_tile(t.common_nlos, rows, cols, common_nlos.data());
  unit_state = unit_variance(t, t.los_state_decorrelation_m);
  unit_los = unit_variance(t, p.decorrelation_los_m);
  unit_nlos = unit_variance(t, p.decorrelation_nlos_m);
}

void UnitVariance::scale(const float* fx, const float* fy, std::size_t n, float* out) const {
  for (std::size_t i = 0; i < n; ++i) {
    const float gx = 1.0f - fx[i], gy = 1.0f - fy[i];
    const float w00 = gx * gy, w01 = fx[i] * gy, w10 = gx * fy[i], w11 = fx[i] * fy[i];
    const float variance = w00 * w00 + w01 * w01 + w10 * w10 + w11 * w11 +
                           2.0f * (along_col * (w00 * w01 + w10 * w11) + along_row * (w00 * w10 + w01 * w11) +
                                   diagonal * w00 * w11 + antidiagonal * w01 * w10);
    out[i] = 1.0f / std::sqrt(variance);
  }
}

}  // namespace slicefast
