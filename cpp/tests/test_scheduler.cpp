#include <string>
#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/scheduling/prb_usage.hpp"
#include "slicefast/scheduling/scheduler.hpp"
#include "slicefast/simd.hpp"

namespace {

using namespace slicefast;

struct Instance {
  int n_cells = 2, n_slices = 2, n_users = 12, n_ttis = 50;
  std::vector<std::int32_t> user, tti, serving, slice_of;
  std::vector<float> bits, rate;
  std::vector<double> share{0.3, 0.7, 0.55, 0.45};
  std::vector<double> out = std::vector<double>(16);
  double offered = 0;

  Instance() {
    unsigned state = 7;
    const auto draw = [&](unsigned n) { return (state = state * 1664525u + 1013904223u) / 65536u % n; };
    for (int u = 0; u < n_users; ++u) {
      serving.push_back(static_cast<int>(draw(2)));
      slice_of.push_back(static_cast<int>(draw(2)));
      rate.push_back(u == 3 ? 0.0f : 20.0f + static_cast<float>(draw(400)));
    }
    for (int t = 0; t < n_ttis; ++t)
      for (unsigned k = draw(4); k > 0; --k) {
        user.push_back(static_cast<int>(draw(12)));
        tti.push_back(t);
        bits.push_back(1000.0f + static_cast<float>(draw(20000)));
        offered += bits.back();
      }
  }

  Window window() const {
    return {.n_ttis = n_ttis,
            .arrival_user = user,
            .arrival_tti = tti,
            .arrival_bits = bits,
            .serving = serving,
            .slice_of = slice_of,
            .bits_per_prb = rate,
            .share = {share.data(), 2, 2},
            .active = {}};
  }
  WindowKpis kpis(std::span<double> delivered = {}) {
    const auto view = [&](int k) { return MatrixView<double>{out.data() + 4 * k, 2, 2}; };
    WindowKpis kpis{view(0), view(1), view(2), view(3)};
    kpis.user_delivered_bits = delivered;
    return kpis;
  }
};

void test_conservation_and_state() {
  for (Isa isa : available_isas())
    for (auto kind : {SchedulerKind::round_robin, SchedulerKind::proportional_fair, SchedulerKind::max_ci}) {
      Instance instance;
      const SchedulerConfig config{.n_cells = 2, .n_slices = 2, .n_users = 12, .n_prb = 25, .kind = kind};
      Scheduler scheduler(config, isa);
      std::vector<double> delivered(12);
      double total = 0;
      for (int k = 1; k <= 4; ++k) {
        scheduler.play_window(instance.window(), instance.kpis(delivered));
        for (double bits : delivered) total += bits;
        CHECK(total + scheduler.queued_bits() == k * instance.offered);  // exact: bits are on a grid
      }
      Scheduler other(config, isa);
      other.set_state(scheduler.state());
      Scheduler copy = scheduler;
      scheduler.play_window(instance.window(), instance.kpis());
      const auto expected = instance.out;
      other.play_window(instance.window(), instance.kpis());
      CHECK(instance.out == expected);
      copy.play_window(instance.window(), instance.kpis());
      CHECK(instance.out == expected);
    }
}

// Every option at once; built for debugging, run() checks the bits of every window itself.
void test_options() {
  for (auto kind : {SchedulerKind::round_robin, SchedulerKind::proportional_fair, SchedulerKind::max_ci})
    for (bool policy : {false, true}) {
      Instance instance;
      SchedulerConfig config{.n_cells = 2, .n_slices = 2, .n_users = 12, .n_prb = 25, .kind = kind};
      config.rbg_prb = 2;
      config.buffer_bits = 30000;
      config.block_error_rate = 0.3;
      Scheduler scheduler(config);
      std::vector<double> delivered(12), dropped(12);
      const std::vector<std::int32_t> tbs{-1, 0, 5, 9, 12, 26, 26, 20, 3, 2, 7, 8};
      const std::vector<double> low{0.2, 0.3, 0.5, 0.5}, dedicated{0.1, 0.3, 0.0, 0.2}, high{0.6, 0.9, 1.0, 0.5};
      double total = 0;
      for (int k = 1; k <= 6; ++k) {
        Window window = instance.window();
        window.tbs_index = tbs;
        if (policy) {
          window.dedicated_ratio = {dedicated.data(), 2, 2};
          window.min_ratio = {low.data(), 2, 2};
          window.max_ratio = {high.data(), 2, 2};
        }
        WindowKpis kpis = instance.kpis(delivered);
        kpis.user_dropped_bits = dropped;
        scheduler.play_window(window, kpis);
        for (std::size_t u = 0; u < 12; ++u) total += delivered[u] + dropped[u];
        double sent = 0;  // of packets not complete
        for (double bits : scheduler.state().head_sent) sent += bits;
        CHECK(total + scheduler.queued_bits() + sent == k * instance.offered);
        Scheduler other(config);
        other.set_state(scheduler.state());
        scheduler = other;
      }
    }
}

// Together beyond the 2^43 bits up to which sums are exact: built for debugging, run() must still see no bit lost.
void test_large_totals() {
  constexpr int n_users = 30;
  const std::vector<std::int32_t> zeros(n_users, 0);
  std::vector<std::int32_t> user(n_users);
  for (int u = 0; u < n_users; ++u) user[static_cast<std::size_t>(u)] = u;
  const std::vector<float> bits(n_users, 999999.0f * 1e6f), rate(n_users, 100.0f + 1.0f / 1024.0f);
  const std::vector<double> share{1.0};
  std::vector<double> out(4);
  Scheduler scheduler({.n_cells = 1, .n_slices = 1, .n_users = n_users, .n_prb = 10});
  const auto view = [&](std::size_t k) { return MatrixView<double>{out.data() + k, 1, 1}; };
  scheduler.play_window({.n_ttis = 50,
                         .arrival_user = user,
                         .arrival_tti = zeros,
                         .arrival_bits = bits,
                         .serving = zeros,
                         .slice_of = zeros,
                         .bits_per_prb = rate,
                         .share = {share.data(), 1, 1},
                         .active = {}},
                        {view(0), view(1), view(2), view(3)});
  double sent = 0;
  for (double left : scheduler.backlog_bits()) sent += static_cast<double>(bits[0]) - left;
  CHECK(sent == 500 * (100.0 + 1.0 / 1024.0));
}

void test_refusals() {
  Instance instance;
  Scheduler scheduler({.n_cells = 2, .n_slices = 2, .n_users = 12, .n_prb = 25});
  scheduler.play_window(instance.window(), instance.kpis());
  const double queued = scheduler.queued_bits();
  const auto refused = [&](const std::string& word) {
    try {
      scheduler.play_window(instance.window(), instance.kpis());
    } catch (const InvalidArgument& error) {
      return std::string(error.what()).find(word) != std::string::npos && scheduler.queued_bits() == queued &&
             scheduler.clock_ttis() == 50;
    }
    return false;
  };
  instance.share[3] = 0.5;
  CHECK(refused("share: row 1"));
  instance.share[3] = 0.45;
  instance.tti[2] = 49;
  CHECK(refused("arrival_tti: row 3"));
  instance.tti[2] = instance.tti[1];
  instance.bits[5] = -1;
  CHECK(refused("arrival_bits: row 5"));
  instance.bits[5] = 1;
  instance.serving[4] = 2;
  CHECK(refused("serving: row 4"));
}

void test_usage() {
  SchedulerConfig config{.n_cells = 1, .n_slices = 2, .n_users = 1, .n_prb = 100, .rbg_prb = 16};
  CHECK(expected_transmissions(config) == 1.0);
  config.block_error_rate = 0.1;
  CHECK_CLOSE(expected_transmissions(config), 1.111, 1e-12);
  config.max_retransmissions = 0;
  CHECK(expected_transmissions(config) == 1.0);
  // Seven groups, the last of 4 PRBs: the second slice's, unless it has none.
  std::vector<double> usable(2);
  for (const auto& share : {std::vector{3.0 / 7, 4.0 / 7}, std::vector{1.0, 0.0}}) {
    usable_share(config, {share.data(), 1, 2}, {usable.data(), 1, 2});
    CHECK_CLOSE(usable[0], share[1] > 0 ? 0.48 : 1.0, 1e-12);
    CHECK_CLOSE(usable[1], share[1] > 0 ? 0.52 : 0.0, 1e-12);
  }
  PrbCorrection correction(1);
  for (int k = 0; k < 30; ++k) correction.update({{correction.counted(0, 0.2 * correction.factor(0), 0.5)}}, {{0.3}});
  CHECK_CLOSE(correction.factor(0), 1.5, 1e-6);
  CHECK(correction.counted(0, 0.7, 0.5) == 0.0 && correction.counted(0, 0.6, 0.5) < 0.34);
}

}  // namespace

void test_scheduler() {
  test_usage();
  test_conservation_and_state();
  test_options();
  test_large_totals();
  test_refusals();
}
