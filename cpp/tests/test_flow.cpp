#include <string>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/scheduling/flow.hpp"

namespace {

using namespace slicefast;

// One cell, one slice, one user; what a window leaves goes into the next.
struct OneUser {
  std::vector<double> arriving{0}, packet{1000}, share{1}, bits{0}, age{0};
  std::vector<std::int32_t> zero{0};
  std::vector<float> rate{10};
  std::vector<double> out = std::vector<double>(cell_kpis.size());
  std::vector<int> timers{0};
  double buffer_bits = 0;

  void window() {
    WindowKpis kpis;
    for (std::size_t k = 0; k < cell_kpis.size(); ++k) kpis.*cell_kpis[k].values = {out.data() + k, 1, 1};
    run_flow({.n_ttis = 100,
              .n_prb = 10,
              .arriving_bits = arriving,
              .packet_bits = packet,
              .serving = zero,
              .slice_of = zero,
              .bits_per_prb = rate,
              .share = {share.data(), 1, 1},
              .active = {},
              .discard_ttis = timers,
              .buffer_bits = buffer_bits},
             {bits, age}, kpis);
  }
  double delay_ms() const { return out[1]; }
};

// Nothing is served: ages grow by the window, exactly.
void test_starved() {
  OneUser user;
  user.share[0] = 0;
  user.arriving[0] = 2000;
  for (int k = 1; k <= 5; ++k) {
    user.window();
    CHECK(user.bits[0] == 2000.0 * k);
    CHECK_CLOSE(user.age[0], 2000.0 * 100 * k * k / 2, 1e-6);
    CHECK_CLOSE(user.delay_ms(), 100.0 * k / 2 + 0.5, 1e-9);
  }
}

// Twice what can be served: of the queue the head is as old as half the time gone by.
void test_overload() {
  OneUser user;
  user.arriving[0] = 20000;
  for (int k = 1; k <= 10; ++k) user.window();
  CHECK_CLOSE(user.bits[0], 100000, 1e-6);
  CHECK_CLOSE(user.age[0] / user.bits[0], 250, 10);
  user.arriving[0] = 0;  // what is queued leaves, oldest first
  double last = user.age[0] / user.bits[0];
  for (int k = 0; k < 9; ++k) {
    user.window();
    CHECK(user.bits[0] > 0 && user.age[0] > 0);
    CHECK(user.delay_ms() > last);
    last = user.age[0] / user.bits[0];
  }
  user.window();
  CHECK(user.bits[0] == 0 && user.age[0] == 0);
}

void test_drops_and_refusals() {
  OneUser user;
  user.arriving[0] = 20000;
  user.timers[0] = 30;
  user.window();
  CHECK(user.age[0] <= 30 * user.bits[0]);
  CHECK(user.delay_ms() <= 30);
  user.timers[0] = 0;
  user.buffer_bits = 999;
  user.window();
  CHECK(user.out[4] == 20000);
  CHECK(user.delay_ms() > 50);
  const std::vector<double> bits = user.bits, age = user.age, out = user.out;
  user.age[0] = -1;
  std::string said;
  try {
    user.window();
  } catch (const InvalidArgument& error) {
    said = error.what();
  }
  CHECK(said == "backlog_age_bit_ms: row 0 has -1, allowed: 0 to 1e+300");
  CHECK(user.bits == bits && user.out == out);
}

}  // namespace

void test_flow() {
  test_starved();
  test_overload();
  test_drops_and_refusals();
}
