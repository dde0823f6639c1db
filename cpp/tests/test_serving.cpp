#include <algorithm>
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
  std::vector<float> power{1.0f, 1.0f};
  std::vector<std::int32_t> serving{0}, timed = std::vector<std::int32_t>(n_timers),
                                        steps = std::vector<std::int32_t>(n_timers);
  void update(const HandoverConfig& config) {
    update_serving({gain.data(), 1, gain.size()}, power, config, serving, {timed, steps});
  }
};

void handover_waits_for_margin_and_time() {
  OneUser within_margin;
  within_margin.update({.margin_db = 7.0, .time_to_trigger_steps = 0});
  CHECK(within_margin.serving[0] == 0 && within_margin.steps[0] == 0);

  OneUser user;
  for (int step = 1; step < 3; ++step) {
    user.update({.margin_db = 3.0, .time_to_trigger_steps = 3});
    CHECK(user.serving[0] == 0 && user.steps[0] == step);
  }
  user.update({.margin_db = 3.0, .time_to_trigger_steps = 3});
  CHECK(user.serving[0] == 1 && user.steps[0] == 0);

  OneUser interrupted;
  interrupted.update({.margin_db = 3.0, .time_to_trigger_steps = 2});
  interrupted.gain = {4.0f, 4.0f};
  interrupted.update({.margin_db = 3.0, .time_to_trigger_steps = 2});
  CHECK(interrupted.serving[0] == 0 && interrupted.steps[0] == 0);
}

// Two neighbours take turns above the margin: neither is there for long enough, though always one is.
void every_neighbour_has_its_own_timer() {
  OneUser user;
  user.power = {1.0, 1.0, 1.0};
  for (int step = 0; step < 9; ++step) {
    user.gain = step % 2 == 0 ? std::vector<float>{1.0f, 4.0f, 1.0f} : std::vector<float>{1.0f, 1.0f, 4.0f};
    user.update({.margin_db = 3.0, .time_to_trigger_steps = 2});
    CHECK(user.serving[0] == 0);
  }
  // Both stay: the one that has been there goes first, though the other is stronger.
  user.gain = {1.0f, 4.0f, 5.0f};
  user.gain[1] = 1.0f;
  user.update({.margin_db = 3.0, .time_to_trigger_steps = 3});
  user.gain[1] = 9.0f;
  for (int step = 0; step < 2; ++step) user.update({.margin_db = 3.0, .time_to_trigger_steps = 3});
  CHECK(user.serving[0] == 2);
}

// Twelve cells exceed the margin, more and more: the eight strongest have timers.
void the_strongest_eight_are_timed() {
  OneUser user;
  user.power.assign(13, 1.0);
  user.gain.assign(13, 1.0f);
  for (std::size_t n = 1; n < 13; ++n) user.gain[n] = 3.0f + static_cast<float>(n * 5 % 13);
  user.update({.margin_db = 3.0, .time_to_trigger_steps = 5});
  std::vector<float> timed;
  for (std::size_t i = 0; i < n_timers; ++i) timed.push_back(user.gain[static_cast<std::size_t>(user.timed[i])]);
  std::sort(timed.begin(), timed.end());
  CHECK(timed.front() == 8.0f && timed.back() == 15.0f);
  CHECK(std::count(user.steps.begin(), user.steps.end(), 1) == 8);
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
  CHECK(user.serving[0] == 2 && user.steps[0] == 0);
}

}  // namespace

void test_serving() {
  handover_waits_for_margin_and_time();
  every_neighbour_has_its_own_timer();
  the_strongest_eight_are_timed();
  users_without_a_cell_take_the_best_at_once();
  refusals_change_nothing();
}
