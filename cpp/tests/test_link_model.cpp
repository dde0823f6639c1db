#include <cmath>
#include <cstdint>
#include <random>
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
  for (std::size_t u = 0; u < x.size(); ++u) x[u] = random() % 6000 / 10.0, y[u] = random() % 6000 / 10.0;
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
  network.config.model = PathLossModel::tr38901_uma;
  network.config.pattern = AntennaPattern::tr38901_element;
  network.config.site_height_m = {20, 20};
  std::vector<double> x(150), y(150), height(150), inside(150), loss(150, 20.0), draw(150);
  const std::vector<std::uint8_t> indoor(150, 1);
  std::mt19937 random(2);
  for (std::size_t u = 0; u < x.size(); ++u) {
    x[u] = random() % 6000 / 10.0, y[u] = random() % 6000 / 10.0;
    height[u] = 1.5 + 3.0 * (random() % 8), inside[u] = random() % 25, draw[u] = random() % 1000 / 1000.0;
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
    first = gain;
  }
}

void refusals() {
  RadioWorld network = two_sites();
  network.config.v1_x_m = 450;  // not a whole multiple of the tile's period
  bool refused = false;
  try {
    LinkModel(network.config, network.tiles(), Isa::baseline);
  } catch (const InvalidArgument&) {
    refused = true;
  }
  CHECK(refused);
}

}  // namespace

void test_link_model() {
  levels_and_threads_agree();
  profiles_agree();
  refusals();
}
