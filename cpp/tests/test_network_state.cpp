#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "worlds.hpp"

namespace {

using namespace slicefast;
using worlds::SmallWorld;

// All numbers of a state, bit by bit, with the length of every field.
std::vector<double> numbers_of(const NetworkState& state) {
  std::vector<double> all;
  const auto add = [&](const char*, const auto& values) {
    if constexpr (requires { values.size(); }) {
      all.push_back(static_cast<double>(values.size()));
      for (const auto value : values) all.push_back(static_cast<double>(value));
    } else {
      all.push_back(static_cast<double>(values));
    }
  };
  visit_network_state(state, [&](const char* name, const auto& field) {
    if constexpr (requires { field.clock_ttis; })
      visit_scheduler_state(field, add);
    else
      add(name, field);
  });
  return all;
}

bool same(const NetworkState& a, const NetworkState& b) { return numbers_of(a) == numbers_of(b); }

void test_steps_and_states() {
  for (Fidelity fidelity : {Fidelity::tti, Fidelity::flow}) {
    SmallWorld world(fidelity);
    Network network = world.network();
    for (int k = 0; k < 4; ++k) world.step(network);
    for (double value : world.out) CHECK(std::isfinite(value) && value >= 0);
    double load = 0;
    for (std::size_t i = 0; i < 6; ++i) load += world.out[2 * 6 + i];
    CHECK(load > 0.1 && load <= 3);
    const NetworkState state = network.state();
    SmallWorld other_world = world;
    Network other = world.network();
    other.set_state(state);  // a network that was never attached
    CHECK(same(other.state(), state));
    world.step(network);
    other_world.step(other);
    CHECK(world.out == other_world.out);
    CHECK(same(other.state(), network.state()));
    network.set_state(state);
    CHECK(same(network.state(), state));
  }
}

void test_probe_changes_nothing() {
  for (Fidelity fidelity : {Fidelity::tti, Fidelity::flow}) {
    SmallWorld world(fidelity);
    Network network = world.network();
    world.step(network);
    network.attach(world.x_m, world.y_m, world.serving);
    const NetworkState before = network.state();
    network.probe(world.shares(), world.shares(), world.serving, world.arrivals(), world.kpis());
    CHECK(same(network.state(), before));
    const std::vector<double> probed = world.out;
    network.step(world.shares(), world.serving, world.arrivals(), world.kpis());
    if (fidelity == Fidelity::flow) CHECK(world.out == probed);
  }
}

void test_refusals_change_nothing() {
  SmallWorld world;
  Network network = world.network();
  CHECK(message_of([&] { Network none(world.config, nullptr); }) ==
        "links: got none, allowed: a LinkModel or a GainMap");
  CHECK(message_of([&] {
          Network unattached = world.network();
          std::fill(world.serving.begin(), world.serving.end(), 0);
          unattached.step(world.shares(), world.serving, world.arrivals(), world.kpis());
        }).starts_with("positions: got none"));
  for (int k = 0; k < 3; ++k) world.step(network);
  const NetworkState good = network.state();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [&](const char* name, auto damage) {
    NetworkState bad = good;
    damage(bad);
    const std::string said = message_of([&] { network.set_state(bad); });
    CHECK(said.starts_with(name));
    CHECK(same(network.state(), good));
  };
  refused("load: row 2", [&](NetworkState& s) { s.load[2] = -1; });
  refused("load: row 0", [&](NetworkState& s) { s.load[0] = nan; });
  refused("load: got", [](NetworkState& s) { s.load.pop_back(); });
  refused("timer_steps: timer 1", [](NetworkState& s) { s.timer_steps[1] = -1; });
  refused("timer_steps: timer 1", [](NetworkState& s) { s.timer_steps[1] = 3; });
  refused("timer_cell: timer 2", [](NetworkState& s) { s.timer_cell[2] = 3; });
  refused("timer_cell: got 1", [](NetworkState& s) { s.timer_cell = {0}; });
  refused("filtered_log2: got 5", [](NetworkState& s) { s.filtered_log2.assign(5, 0.0f); });
  refused("average: row 4", [](NetworkState& s) { s.scheduler.average[4] = 0; });
  refused("carry: row 5", [&](NetworkState& s) { s.scheduler.carry[5] = nan; });
  refused("packet_tti: row 0", [](NetworkState& s) { s.scheduler.packet_tti[0] = 1000; });
  refused("backlog_bits: got 1", [](NetworkState& s) { s.flow_backlog_bits = {1.0}; });
  refused("link_x_m: row 0", [&](NetworkState& s) { s.link_x_m[0] = nan; });
  refused("link_y_m: got 0", [](NetworkState& s) { s.link_y_m.clear(); });
  refused("places: got 12", [](NetworkState& s) { s.places.assign(12, 0); });
  refused("sinr: row 0", [](NetworkState& s) { s.sinr[0] = -1; });
  world.serving[3] = 3;
  CHECK(message_of([&] {
          network.step(world.shares(), world.serving, world.arrivals(), world.kpis());
        }).starts_with("serving: row 3"));
  world.serving[3] = 0;
  world.arrival_bits[7] = 0.5f;
  CHECK(message_of([&] {
          network.step(world.shares(), world.serving, world.arrivals(), world.kpis());
        }).starts_with("arrival_bits: row 7"));
  CHECK(same(network.state(), good));
}

}  // namespace

void test_network_state() {
  test_steps_and_states();
  test_probe_changes_nothing();
  test_refusals_change_nothing();
}
