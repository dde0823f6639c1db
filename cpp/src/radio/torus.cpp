// The torus that a network with wrap-around lives on.
#include <cmath>
#include <utility>

#include "radio/link_state.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

RadioTorus make_torus(const RadioConfig& c, const PackedFields& fields) {
  if (!c.wrap) return {};
  double ax = c.v1_x_m, ay = c.v1_y_m, bx = c.v2_x_m, by = c.v2_y_m;
  if (!(std::abs(ax * by - ay * bx) > 0.0))
    refuse("v1_m, v2_m", "an area of " + text_of(ax * by - ay * bx), "vectors that span one, when wrap is on");
  for (const auto& [x, y] : {std::pair{ax, ay}, std::pair{bx, by}}) {
    const double s = fields.col_at(x, y) / fields.common_cols, r = fields.row_at(x, y) / fields.common_rows;
    if (std::abs(s - std::round(s)) > 1e-6 || std::abs(r - std::round(r)) > 1e-6)
      refuse("v1_m, v2_m", text_of(s) + " and " + text_of(r) + " periods of the common fields",
             "whole multiples, when wrap is on");
  }
  while (true) {
    if (ax * ax + ay * ay > bx * bx + by * by) {
      std::swap(ax, bx);
      std::swap(ay, by);
    }
    const double ratio = (ax * bx + ay * by) / (ax * ax + ay * ay);
    if (std::abs(ratio) <= 0.5 + 1e-9) break;  // at exactly one half rounding would go to and fro
    const double m = std::round(ratio);
    bx -= m * ax;
    by -= m * ay;
  }
  if (ax * bx + ay * by < 0.0) {
    bx = -bx;
    by = -by;
  }
  const double d = ax * by - ay * bx;
  const auto f = [](double v) { return static_cast<float>(v); };
  const auto col = [&](double x, double y) { return f(std::round(fields.col_at(x, y))); };
  const auto row = [&](double x, double y) { return f(std::round(fields.row_at(x, y))); };
  return {1,          f(ax),     f(ay),       f(bx),       f(by),       f(by / d),  f(-bx / d),
          f(-ay / d), f(ax / d), col(ax, ay), row(ax, ay), col(bx, by), row(bx, by)};
}

// Everything closer to a point than half the lattice's shortest vector, v1, is nearest to it.
bool shares_image(const RadioTorus& t, float dx, float dy, float radius, float& first, float& second) {
  const float closest = 0.499f * std::sqrt(t.v1_x * t.v1_x + t.v1_y * t.v1_y) - radius;
  if (!(closest > 0.0f)) return false;
  first = std::round(t.i11 * dx + t.i12 * dy);
  second = std::round(t.i21 * dx + t.i22 * dy);
  const float x = dx - first * t.v1_x - second * t.v2_x, y = dy - first * t.v1_y - second * t.v2_y;
  return x * x + y * y < closest * closest;
}

void to_nearest_image(const RadioTorus& torus, double& dx, double& dy) {
  const double s = std::round(torus.i11 * dx + torus.i12 * dy), t = std::round(torus.i21 * dx + torus.i22 * dy);
  const double x = dx - s * torus.v1_x - t * torus.v2_x, y = dy - s * torus.v1_y - t * torus.v2_y;
  dx = x, dy = y;
  for (const double i : {-1.0, 0.0, 1.0})
    for (const double j : {-1.0, 0.0, 1.0}) {
      const double image_x = x + i * torus.v1_x + j * torus.v2_x, image_y = y + i * torus.v1_y + j * torus.v2_y;
      if (image_x * image_x + image_y * image_y < dx * dx + dy * dy) dx = image_x, dy = image_y;
    }
}

}  // namespace slicefast
