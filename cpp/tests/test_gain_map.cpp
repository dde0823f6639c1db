#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/radio/gain_map.hpp"

using namespace slicefast;

namespace {

// Two rows of three pixels, 10 m by 20 m, the first centred at (100, 200); the gain to cell n of pixel p is p + n / 10.
struct SixPixels {
  PixelGrid grid{.rows = 2, .cols = 3, .first_x_m = 100, .first_y_m = 200, .step_x_m = 10, .step_y_m = 20};
  Matrix<float> gain{6, 2};
  SixPixels() {
    for (std::size_t p = 0; p < 6; ++p)
      for (std::size_t n = 0; n < 2; ++n) gain(p, n) = static_cast<float>(p) + 0.1f * static_cast<float>(n);
  }
  GainMap map() const { return {grid, gain.view()}; }
};

void a_user_has_the_gains_of_the_nearest_pixel() {
  const GainMap map = SixPixels().map();
  CHECK(map.n_cells() == 2 && !map.folds());
  const std::vector<double> x{100, 104.9, 105.1, 120, 124, 900, -900, 110},
      y{200, 200, 209.9, 210.1, 230, 900, -900, 200};
  const std::vector<float> pixel{0, 0, 1, 5, 5, 5, 0, 1};
  Matrix<float> gain(x.size(), 2);
  map.gains(x, y, gain.view(), nullptr, nullptr);
  for (std::size_t u = 0; u < x.size(); ++u) CHECK(gain(u, 0) == pixel[u] && gain(u, 1) == pixel[u] + 0.1f);

  ThreadPool pool(3);
  const std::vector<double> many_x(1000, 120.0), many_y(1000, 220.0);
  Matrix<float> shared(1000, 2), some(1000, 2, -1.0f);
  map.gains(many_x, many_y, shared.view(), &pool, nullptr);
  for (std::size_t u = 0; u < 1000; ++u) CHECK(shared(u, 0) == 5.0f);
  map.update_gains(many_x, many_y, std::vector<std::int32_t>{7}, some.view(), nullptr, nullptr);
  for (std::size_t u = 0; u < 1000; ++u) CHECK(some(u, 0) == (u == 7 ? 5.0f : -1.0f));
}

void bad_maps_are_refused() {
  SixPixels pixels;
  pixels.grid.rows = 3;
  CHECK(message_of([&] { pixels.map(); }) == "gain: got 6 values, allowed: 9, one per pixel");
  pixels = {};
  pixels.grid.step_y_m = 0;
  CHECK(message_of([&] { pixels.map(); }).starts_with("step_y_m: got 0"));
  pixels = {};
  pixels.gain(4, 1) = -1.0f;
  CHECK(message_of([&] { pixels.map(); }).starts_with("gain: cell 1 has -1"));
  pixels.gain(4, 1) = std::nanf("");
  CHECK(!message_of([&] { pixels.map(); }).empty());

  const GainMap map = SixPixels().map();
  const std::vector<double> x{100}, y{200}, nowhere{std::nan("")};
  Matrix<float> gain(1, 2), narrow(1, 1);
  CHECK(message_of([&] { map.gains(x, nowhere, gain.view(), nullptr, nullptr); }).starts_with("y_m: user 0 has"));
  CHECK(message_of([&] { map.gains(x, y, narrow.view(), nullptr, nullptr); }).starts_with("gain: got shape (1, 1)"));
  const std::vector<double> height{1.5}, zero{0.0};
  const std::vector<std::uint8_t> indoor{0};
  const UserProfile profile(height, indoor, zero, zero, zero);
  CHECK(message_of([&] { map.gains(x, y, gain.view(), nullptr, &profile); }).starts_with("profile: got one beside"));
  FoldedGains folded;
  CHECK(message_of([&] { map.fold(x, y, {}, folded, nullptr); }).starts_with("fold: got a gain map"));
}

}  // namespace

void test_gain_map() {
  a_user_has_the_gains_of_the_nearest_pixel();
  bad_maps_are_refused();
}
