#include <cmath>
#include <string>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/radio/antenna.hpp"
#include "slicefast/radio/los.hpp"
#include "slicefast/radio/path_loss.hpp"

using namespace slicefast;

namespace {

// WINNER+ D5.3 Table 4-1 and TR 38.901 Table 7.4.1-1 at 2.6 GHz, 25 m mast, 1.5 m user; antennas of the three families.
void golden_values() {
  const auto loss = [](PathLossModel m, bool los, double d) { return path_loss_db(m, los, d, 2.6e9, 25.0, 1.5); };
  CHECK_CLOSE(loss(path_loss_model("winner_plus_c2"), true, 100), 85.2995, 1e-3);
  CHECK_CLOSE(loss(path_loss_model("winner_plus_c2"), false, 1000), 143.3049, 1e-3);
  CHECK_CLOSE(loss(path_loss_model("tr38901_uma"), true, 100), 80.5563, 1e-3);
  CHECK_CLOSE(loss(path_loss_model("tr38901_uma"), false, 100), 100.4556, 1e-3);
  CHECK_CLOSE(los_probability(path_loss_model("winner_plus_c2"), 100, 1.5), 0.347671, 1e-6);
  CHECK_CLOSE(antenna_gain_db(AntennaPattern::tr36814, -35, 15, 15, 1), 11.0, 1e-9);
  CHECK_CLOSE(antenna_gain_db(AntennaPattern::omni, 123, 40, 15, 1), 0.0, 1e-12);
  CHECK_CLOSE(antenna_gain_db(AntennaPattern::tr38901_element, 0, 12, 12, 10), 8.0 - 12.0 * 144 / 4225 + 10.0, 1e-9);
}

// Each row of the table is a model that can be used: named, with ranges that hold together, and with curves that grow.
void every_model_is_whole() {
  for (const auto& [name, model] : path_loss_models()) {
    CHECK(path_loss_model(name) == model);
    const ModelParameters p = model_parameters(model);
    CHECK(0.0 < p.min_distance_m && p.min_distance_m < p.max_distance_m);
    CHECK(0.0 < p.min_frequency_hz && p.min_frequency_hz < p.max_frequency_hz);
    CHECK(p.ue_height_m.low <= p.default_ue_height_m && p.default_ue_height_m <= p.ue_height_m.high);
    CHECK(p.made_for_bs_height_m.empty() == p.made_for_ue_height_m.empty());
    CHECK(p.supports_indoor || !(p.tall_users_see_further || p.supports_tr38901_building || p.sigma_indoor_db > 0));
    const double frequency_hz = p.min_frequency_hz;
    for (const bool los : {true, false}) {
      double previous = 0.0;
      for (double d = p.min_distance_m; d <= p.max_distance_m; d *= 1.3) {
        const double loss = path_loss_db(model, los, d, frequency_hz, 25.0, p.default_ue_height_m);
        CHECK(std::isfinite(loss) && loss > previous);
        previous = loss;
      }
    }
    CHECK(los_probability(model, p.min_distance_m, 1.5) > los_probability(model, 1000.0, 1.5));
  }
}

// The branches of the line-of-sight curve meet at the breakpoint.
void curves_meet_at_the_breakpoint() {
  for (const auto& [name, model] : path_loss_models()) {
    const double d = breakpoint_distance_m(model, 2.6e9, 25.0, 1.5);
    CHECK_CLOSE(path_loss_db(model, true, d * (1 - 1e-9), 2.6e9, 25.0, 1.5),
                path_loss_db(model, true, d * (1 + 1e-9), 2.6e9, 25.0, 1.5), 0.06);
  }
}

void tall_users_see_further_where_the_model_says_so() {
  for (const auto& [name, model] : path_loss_models()) {
    const bool further = los_probability(model, 200.0, 22.5) > los_probability(model, 200.0, 1.5);
    CHECK(further == model_parameters(model).tall_users_see_further);
  }
}

void unknown_names_are_refused() {
  std::string message;
  try {
    path_loss_model("winner");
  } catch (const InvalidArgument& error) {
    message = error.what();
  }
  CHECK(message.find("model: got 'winner', allowed: winner_plus_c1, winner_plus_c2") == 0);
  message.clear();
  try {
    antenna_pattern("isotropic");
  } catch (const InvalidArgument& error) {
    message = error.what();
  }
  CHECK(message == "pattern: got 'isotropic', allowed: tr36814, m2135, tr38901_element, omni");
}

}  // namespace

void test_path_loss() {
  golden_values();
  every_model_is_whole();
  curves_meet_at_the_breakpoint();
  tall_users_see_further_where_the_model_says_so();
  unknown_names_are_refused();
}
