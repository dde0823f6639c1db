#include <algorithm>
#include <cmath>
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
  std::vector<double> delivered{0};
  double buffer_bits = 0;

  void window() {
    WindowKpis kpis;
    FlowRoom room;
    for (std::size_t k = 0; k < cell_kpis.size(); ++k) kpis.*cell_kpis[k].values = {out.data() + k, 1, 1};
    kpis.delivered_bits = {delivered.data(), 1, 1};
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
             {bits, age}, kpis, room);
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

// Bits of packets that end in time, from a timer shorter than a packet takes to one far longer: no jump anywhere, more
// and more, and from nothing to (nearly) all that is sent.
void test_timers_about_a_packet() {
  for (double arriving : {100.0, 4000.0, 9000.0, 10000.0, 11000.0, 16000.0}) {
    double last = 0, most = 0;
    for (int k = 0; k <= 4000; ++k) {
      OneUser user;
      user.timers[0] = 40;
      user.arriving[0] = arriving;
      user.packet[0] = 6000.0 * std::pow(0.01, k / 4000.0);  // 60 TTIs down to 0.6 for 100 bits each
      user.window();
      const double delivered = user.delivered[0];
      CHECK(delivered >= last - 1e-9);
      CHECK(delivered - last < 0.01 * arriving);
      if (user.packet[0] >= 4000) CHECK(delivered == 0);
      last = delivered;
      most = std::min(arriving, 10000.0);
    }
    CHECK(last > (arriving > 9000 ? 0.6 : 0.99) * most);
  }
}

// M/D/1: H(v) = sum_k (-x (v - k))^k e^(x (v - k)) / k!, k up to v.
double work_below(double x, double v) {
  double sum = 0, factorial = 1;
  for (int k = 0; k <= v; ++k) {
    if (k > 0) factorial *= k;
    sum += std::pow(-x * (v - k), k) * std::exp(x * (v - k)) / factorial;
  }
  return sum;
}

// A user with a part x of the work that can be done, nothing left over: all is sent, and what finds too much work
// before it does not end within a timer of four packets' times.
void test_ended_part_is_that_of_the_queue() {
  for (double x : {0.2, 0.5, 0.8, 0.95}) {
    OneUser user;
    user.timers[0] = 40;
    user.packet[0] = 1000;  // 10 TTIs
    user.arriving[0] = 10000 * x;
    user.window();
    CHECK_CLOSE(user.delivered[0] / user.arriving[0], std::min(1.0, x * work_below(x, 3) / (work_below(x, 4) - 1)),
                5e-3);
  }
}

}  // namespace

void test_flow() {
  test_timers_about_a_packet();
  test_ended_part_is_that_of_the_queue();
  test_starved();
  test_overload();
  test_drops_and_refusals();
}
