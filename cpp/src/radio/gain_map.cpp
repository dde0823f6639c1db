#include "slicefast/radio/gain_map.hpp"

#include <algorithm>
#include <cmath>

#include "slicefast/checks.hpp"
#include "slicefast/radio/serving.hpp"

namespace slicefast {
namespace {

constexpr std::size_t block = 256;  // users that a thread takes at once

// The index nearest to `place`, counted in steps from the first.
std::size_t nearest(double place, std::size_t size) {
  return static_cast<std::size_t>(std::clamp(std::floor(place + 0.5), 0.0, static_cast<double>(size - 1)));
}

[[noreturn]] void refuse_folding() { refuse("fold", "a gain map", "links of formulas: the map's never fold"); }

}  // namespace

GainMap::GainMap(const PixelGrid& grid, ConstMatrixView<float> gain) : grid_(grid) {
  check_value("rows", grid.rows, at_least(1));
  check_value("cols", grid.cols, at_least(1));
  check_value("first_x_m", grid.first_x_m, any_finite);
  check_value("first_y_m", grid.first_y_m, any_finite);
  check_value("step_x_m", grid.step_x_m, positive);
  check_value("step_y_m", grid.step_y_m, positive);
  check_size("gain", gain.rows, grid.rows * grid.cols, "pixel");
  check_value("cells of gain", gain.cols, at_least(1));
  for (std::size_t p = 0; p < gain.rows; ++p) check_values("gain", gain.row(p), not_negative, "cell");
  gain_ = Matrix<float>(gain.rows, gain.cols);
  for (std::size_t p = 0; p < gain.rows; ++p) std::ranges::copy(gain.row(p), gain_.view().row(p).begin());
}

std::size_t GainMap::pixel(double x_m, double y_m) const {
  return nearest((y_m - grid_.first_y_m) / grid_.step_y_m, grid_.rows) * grid_.cols +
         nearest((x_m - grid_.first_x_m) / grid_.step_x_m, grid_.cols);
}

void GainMap::check(std::span<const double> x_m, std::span<const double> y_m, const MatrixView<float>& gain,
                    const UserProfile* profile) const {
  if (profile) refuse("profile", "one beside a gain map", "none: what buildings cost is in the map, or nowhere");
  check_size("y_m", y_m.size(), x_m.size(), "user");
  check_values("x_m", x_m, any_finite, "user");
  check_values("y_m", y_m, any_finite, "user");
  check_shape("gain", gain, x_m.size(), gain_.cols());
}

void GainMap::gains(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain,
                    const ThreadPool* pool, const UserProfile* profile, MatrixView<float> /*reach*/) const {
  check(x_m, y_m, gain, profile);
  share_items(pool, (x_m.size() + block - 1) / block, [&](std::size_t item, int) {
    for (std::size_t u = item * block; u < std::min(x_m.size(), (item + 1) * block); ++u)
      std::ranges::copy(gain_.view().row(pixel(x_m[u], y_m[u])), gain.row(u).begin());
  });
}

void GainMap::update_gains(std::span<const double> x_m, std::span<const double> y_m,
                           std::span<const std::int32_t> users, MatrixView<float> gain, const ThreadPool*,
                           const UserProfile* profile, MatrixView<float> /*reach*/) const {
  check(x_m, y_m, gain, profile);
  check_indices("users", users, x_m.size());
  for (std::int32_t user : users) {
    const auto u = static_cast<std::size_t>(user);
    std::ranges::copy(gain_.view().row(pixel(x_m[u], y_m[u])), gain.row(u).begin());
  }
}

void GainMap::fold(std::span<const double>, std::span<const double>, const Emissions&, FoldedGains&,
                   const ThreadPool*) const {
  refuse_folding();
}

void GainMap::refold(std::span<const double>, std::span<const double>, std::span<const std::int32_t>, const Emissions&,
                     FoldedGains&, const ThreadPool*) const {
  refuse_folding();
}

}  // namespace slicefast
