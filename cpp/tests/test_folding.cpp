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

void folded_gains_stand_for_all() {
  const RadioWorld network = grid();
  const std::vector<double> power(192, 0.4), activity(192, 1.0);
  const double noise = 5.7e-15;
  std::vector<double> x(3000), y(3000);
  std::mt19937 random(1);
  for (std::size_t u = 0; u < x.size(); ++u)
    x[u] = static_cast<double>(random() % 39000) / 10.0, y[u] = static_cast<double>(random() % 39000) / 10.0;
  for (Isa isa : available_isas()) {
    const LinkModel model(network.config, network.tiles(), isa);
    CHECK(model.folds());
    Matrix<float> gain(x.size(), 192);
    model.gains(x, y, gain.view());
    FoldedGains folded;
    ThreadPool pool(2);
    const Emissions at{power, activity, noise};
    model.fold(x, y, at, folded, &pool);
    const FoldedGains together = folded;
    for (std::int32_t user = 0; user < 3000; ++user) model.refold(x, y, std::vector{user}, at, folded);
    // Alone as beside all others of its region.
    CHECK(folded.near == together.near && folded.factor == together.factor && folded.level == together.level);
    CHECK(folded.far_cell == together.far_cell && folded.far_gain == together.far_gain);
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

}  // namespace

void test_folding() { folded_gains_stand_for_all(); }
