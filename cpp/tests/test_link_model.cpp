#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/radio/link_model.hpp"
#include "slicefast/radio/los.hpp"
#include "slicefast/simd.hpp"

using namespace slicefast;

namespace {

// WINNER+ D5.3 Table 4-1 and TR 38.901 Table 7.4.1-1 at 2.6 GHz, 25 m mast, 1.5 m user; antennas of the three families.
void golden_values() {
  const auto loss = [](PathLossModel m, bool los, double d) { return path_loss_db(m, los, d, 2.6e9, 25.0, 1.5); };
  CHECK_CLOSE(loss(PathLossModel::winner_plus_c2, true, 100), 85.2995, 1e-3);
  CHECK_CLOSE(loss(PathLossModel::winner_plus_c2, false, 1000), 143.3049, 1e-3);
  CHECK_CLOSE(loss(PathLossModel::tr38901_uma, true, 100), 80.5563, 1e-3);
  CHECK_CLOSE(loss(PathLossModel::tr38901_uma, false, 100), 100.4556, 1e-3);
  CHECK_CLOSE(los_probability(PathLossModel::winner_plus_c2, 100, 1.5), 0.347671, 1e-6);
  CHECK_CLOSE(antenna_gain_db(AntennaPattern::tr36814, -35, 15, 15, 1), 11.0, 1e-9);
  CHECK_CLOSE(antenna_gain_db(AntennaPattern::tr38901_element, 0, 12, 12, 10), 8.0 - 12.0 * 144 / 4225 + 10.0, 1e-9);
}

struct Network {
  RadioConfig config;
  std::vector<float> nodes;
  std::vector<std::int32_t> offsets;
  FieldTiles tiles() const { return {16, 300, 0, 0, 300, nodes, nodes, nodes, 50, offsets, offsets}; }
};

// 8 x 8 sites on a torus, 500 m apart, with white noise for fields.
Network grid() {
  Network n;
  n.config.wrap = true;
  n.config.fold_db = 0.1;
  n.config.v1_x_m = 3900, n.config.v2_y_m = 3900;
  std::mt19937 random(2);
  for (int k = 0; k < 64; ++k) {
    n.config.site_x_m.push_back(487.5 * (k % 8));
    n.config.site_y_m.push_back(487.5 * (k / 8));
    n.config.site_height_m.push_back(25);
    for (double azimuth : {30.0, 150.0, 270.0}) {
      n.config.cell_site.push_back(k);
      n.config.azimuth_deg.push_back(azimuth);
      n.config.tilt_deg.push_back(15);
    }
  }
  for (int i = 0; i < 256; ++i) n.nodes.push_back(static_cast<float>(random() % 401) / 100.0f - 2.0f);
  for (int k = 0; k < 65; ++k) n.offsets.push_back(static_cast<std::int32_t>(random() % 16));
  return n;
}

Network two_sites() {
  Network n;
  n.config.wrap = true;
  n.config.v1_x_m = 600, n.config.v2_y_m = 600;
  n.config.site_x_m = {0, 300}, n.config.site_y_m = {0, 300}, n.config.site_height_m = {25, 25};
  n.config.cell_site = {0, 0, 0, 1, 1, 1};
  n.config.azimuth_deg = {30, 150, 270, 30, 150, 270};
  n.config.tilt_deg.assign(6, 15);
  n.nodes.resize(256);
  for (std::size_t i = 0; i < 256; ++i) n.nodes[i] = std::sin(static_cast<float>(i % 16) * 0.4f) + 0.3f;
  n.offsets = {0, 5, 9};
  return n;
}

void levels_and_threads_agree() {
  const Network network = two_sites();
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

void folded_gains_stand_for_all() {
  const Network network = grid();
  const std::vector<double> power(192, 0.4), activity(192, 1.0);
  const double noise = 5.7e-15;
  std::vector<double> x(500), y(500);
  std::mt19937 random(1);
  for (std::size_t u = 0; u < x.size(); ++u) x[u] = random() % 39000 / 10.0, y[u] = random() % 39000 / 10.0;
  for (Isa isa : available_isas()) {
    const LinkModel model(network.config, network.tiles(), isa);
    CHECK(model.folds());
    Matrix<float> gain(x.size(), 192);
    model.gains(x, y, gain.view());
    FoldedGains folded;
    ThreadPool pool(2);
    model.fold(x, y, power, noise, folded, &pool);
    const std::vector<std::int32_t> some = {3, 77, 499};
    model.refold(x, y, some, power, noise, folded);
    std::vector<std::int32_t> server(x.size());
    std::vector<float> sinr(x.size());
    model.best_server(x, y, power, activity, noise, server, sinr, &pool);
    for (std::size_t u = 0; u < x.size(); ++u) {
      double total = 0.0;
      for (std::size_t n = 0; n < 192; ++n) total += power[n] * gain(u, n);
      const double own = power[0] * gain(u, static_cast<std::size_t>(server[u]));
      CHECK(std::abs(10.0 * std::log10(sinr[u] * (total - own + noise) / own)) <= 0.1);
      const auto place = static_cast<std::size_t>(folded.place_of[u]);
      CHECK(static_cast<std::size_t>(folded.user_of[place]) == u);
      CHECK(folded.strongest[place] == server[u]);
      CHECK_CLOSE(
          folded.link(place, static_cast<std::size_t>(server[u])) / gain(u, static_cast<std::size_t>(server[u])), 1.0,
          1e-5);
    }
  }
}

// Users on floors, one below and one above the mast, agree on every instruction set; buildings cost what they cost.
void profiles_agree() {
  Network network = two_sites();
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
  Network network = two_sites();
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
  golden_values();
  levels_and_threads_agree();
  folded_gains_stand_for_all();
  profiles_agree();
  refusals();
}
