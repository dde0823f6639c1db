#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"
#include "radio_worlds.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/simd.hpp"

using namespace slicefast;

namespace {

void levels_and_threads_agree() {
  const RadioWorld network = two_sites();
  std::vector<double> x(333), y(333);
  std::mt19937 random(1);
  for (std::size_t u = 0; u < x.size(); ++u)
    x[u] = static_cast<double>(random() % 6000) / 10.0, y[u] = static_cast<double>(random() % 6000) / 10.0;
  Matrix<float> first(x.size(), 6), gain(x.size(), 6);
  LinkModel(network.config, network.tiles(), Isa::baseline).gains(x, y, first.view());
  for (Isa isa : available_isas()) {
    const LinkModel model(network.config, network.tiles(), isa);
    ThreadPool pool(2);
    model.gains(x, y, gain.view(), &pool);
    std::size_t close = 0;
    for (std::size_t u = 0; u < x.size(); ++u)
      for (std::size_t n = 0; n < 6; ++n) close += std::abs(std::log(gain(u, n) / first(u, n))) < 1e-3;
    CHECK(close >= 6 * x.size() - 6);  // a LOS state at its threshold may differ by rounding
  }
}

// Users on floors, one below and one above the mast, agree on every instruction set; buildings cost what they cost.
void profiles_agree() {
  RadioWorld network = two_sites();
  network.config.model = path_loss_model("tr38901_uma");
  network.config.pattern = AntennaPattern::tr38901_element;
  network.config.site_height_m = {20, 20};
  std::vector<double> x(150), y(150), height(150), inside(150), loss(150, 20.0), draw(150);
  const std::vector<std::uint8_t> indoor(150, 1);
  std::mt19937 random(2);
  for (std::size_t u = 0; u < x.size(); ++u) {
    x[u] = static_cast<double>(random() % 6000) / 10.0, y[u] = static_cast<double>(random() % 6000) / 10.0;
    height[u] = 1.5 + 3.0 * static_cast<double>(random() % 8), inside[u] = static_cast<double>(random() % 25),
    draw[u] = static_cast<double>(random() % 1000) / 1000.0;
  }
  const UserProfile profile(height, indoor, inside, loss, draw);
  const UserProfile open(height, indoor, inside, std::vector<double>(150), draw);
  Matrix<float> first(x.size(), 6), gain(x.size(), 6);
  LinkModel(network.config, network.tiles(), Isa::baseline).gains(x, y, first.view(), nullptr, &profile);
  for (Isa isa : available_isas()) {
    const LinkModel model(network.config, network.tiles(), isa);
    model.gains(x, y, gain.view(), nullptr, &profile);
    std::size_t close = 0;
    for (std::size_t u = 0; u < x.size(); ++u)
      for (std::size_t n = 0; n < 6; ++n) close += std::abs(std::log(gain(u, n) / first(u, n))) < 1e-3;
    CHECK(close >= 6 * x.size() - 6);
    model.gains(x, y, first.view(), nullptr, &open);
    for (std::size_t u = 0; u < x.size(); ++u) CHECK_CLOSE(first(u, 0) / gain(u, 0), 100.0, 0.01);
    std::swap(first, gain);
  }
}

// A draw that rounds to 1 in single precision raises nobody's environment where it is 1 m for certain.
void last_draw_is_below_one() {
  RadioWorld network = two_sites();
  network.config.model = path_loss_model("tr38901_uma");
  const std::vector<double> x{10, 200, 400}, y{20, 500, 100}, height(3, 4.5), zero(3, 0.0);
  const std::vector<double> last(3, std::nextafter(1.0, 0.0));
  const std::vector<std::uint8_t> outdoor(3, 0);
  const UserProfile first_draw(height, outdoor, zero, zero, zero), last_draw(height, outdoor, zero, zero, last);
  Matrix<float> first(3, 6), other(3, 6);
  for (Isa isa : available_isas()) {
    const LinkModel model(network.config, network.tiles(), isa);
    model.gains(x, y, first.view(), nullptr, &first_draw);
    model.gains(x, y, other.view(), nullptr, &last_draw);
    for (std::size_t u = 0; u < 3; ++u)
      for (std::size_t n = 0; n < 6; ++n) CHECK(first(u, n) == other(u, n));
  }
}

// Named users only, whatever the order of the cells.
void updates_write_the_named_rows() {
  RadioWorld network = two_sites();
  network.config.cell_site = {1, 0, 1, 0, 1, 0};
  const LinkModel model(network.config, network.tiles(), available_isas().back());
  std::vector<double> x{10, 200, 400, 50}, y{20, 500, 100, 300};
  Matrix<float> gain(4, 6), moved(4, 6);
  model.gains(x, y, gain.view());
  x[2] = 333;
  model.gains(x, y, moved.view());
  const std::vector<std::int32_t> users{2};
  model.update_gains(x, y, users, gain.view());
  for (std::size_t u = 0; u < 4; ++u)
    for (std::size_t n = 0; n < 6; ++n) CHECK(gain(u, n) == moved(u, n));
  // Cell 0 and cell 1 stand at sites 1 and 0.
  Matrix<float> sorted(4, 6);
  network.config.cell_site = {0, 1, 0, 1, 0, 1};
  std::swap(network.config.azimuth_deg[0], network.config.azimuth_deg[1]);
  LinkModel(network.config, network.tiles(), available_isas().back()).gains(x, y, sorted.view());
  for (std::size_t u = 0; u < 4; ++u) CHECK(sorted(u, 0) == moved(u, 1) && sorted(u, 1) == moved(u, 0));
}

// What a change of a good network is refused with.
template <class Change>
std::string refusal_of(Change change) {
  RadioWorld network = two_sites();
  change(network.config);
  try {
    LinkModel(network.config, network.tiles(), Isa::baseline);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return {};
}

void refusals() {
  CHECK(refusal_of([](RadioConfig&) {}).empty());
  // Not a whole multiple of the tile's period.
  CHECK(refusal_of([](RadioConfig& c) { c.v1_x_m = 450; }).find("v1_m, v2_m: got 1.5 and 0 periods") == 0);
  CHECK(refusal_of([](RadioConfig& c) { c.fold_db = -1e-9; }) == "fold_db: got -1e-09, allowed: 0 to 10");
  CHECK(refusal_of([](RadioConfig& c) { c.cell_site[4] = 2; }) == "cell_site: cell 4 has 2, allowed: 0 to 1");
  CHECK(refusal_of([](RadioConfig& c) { c.tilt_deg.pop_back(); }) ==
        "tilt_deg: got 5 values, allowed: 6, one per cell");
  CHECK(refusal_of([](RadioConfig& c) { c.site_height_m[1] = 1.5; }).find("site_height_m: site 1 has 1.5") == 0);
  CHECK(refusal_of([](RadioConfig& c) { c.elements = 4; }).find("elements: got 4") == 0);
}

}  // namespace

void test_link_model() {
  levels_and_threads_agree();
  profiles_agree();
  last_draw_is_below_one();
  updates_write_the_named_rows();
  refusals();
}
