#include <cstdint>
#include <string>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/radio/serving.hpp"

using namespace slicefast;

namespace {

// One user between two cells, the second 6 dB stronger than the first.
struct OneUser {
  std::vector<float> gain{1.0f, 4.0f};
  std::vector<double> power{1.0, 1.0};
  std::vector<std::int32_t> serving{0}, pending{0};
  void update(const HandoverConfig& config) { update_serving({gain.data(), 1, 2}, power, config, serving, pending); }
};

void handover_waits_for_margin_and_time() {
  OneUser within_margin;
  within_margin.update({.margin_db = 7.0, .time_to_trigger_steps = 0});
  CHECK(within_margin.serving[0] == 0 && within_margin.pending[0] == 0);

  OneUser user;
  for (int step = 1; step < 3; ++step) {
    user.update({.margin_db = 3.0, .time_to_trigger_steps = 3});
    CHECK(user.serving[0] == 0 && user.pending[0] == step);
  }
  user.update({.margin_db = 3.0, .time_to_trigger_steps = 3});
  CHECK(user.serving[0] == 1 && user.pending[0] == 0);

  OneUser interrupted;
  interrupted.update({.margin_db = 3.0, .time_to_trigger_steps = 2});
  interrupted.gain = {4.0f, 4.0f};
  interrupted.update({.margin_db = 3.0, .time_to_trigger_steps = 2});
  CHECK(interrupted.serving[0] == 0 && interrupted.pending[0] == 0);
}

void users_without_a_cell_take_the_best_at_once() {
  OneUser fresh;
  fresh.serving[0] = -1;
  fresh.update({.margin_db = 30.0, .time_to_trigger_steps = 9});
  CHECK(fresh.serving[0] == 1);
  OneUser stranded;
  stranded.gain[0] = 0.0f;
  stranded.update({.margin_db = 30.0, .time_to_trigger_steps = 9});
  CHECK(stranded.serving[0] == 1);
}

void refusals_change_nothing() {
  OneUser user;
  user.serving[0] = 2;
  std::string message;
  try {
    user.update({});
  } catch (const InvalidArgument& error) {
    message = error.what();
  }
  CHECK(message == "serving: user 0 has 2, allowed: -1 (none), 0 to 1");
  CHECK(user.serving[0] == 2 && user.pending[0] == 0);
}

}  // namespace

void test_serving() {
  handover_waits_for_margin_and_time();
  users_without_a_cell_take_the_best_at_once();
  refusals_change_nothing();
}
