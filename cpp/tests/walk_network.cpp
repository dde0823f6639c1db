// What must hold, whatever the options:
//   bits      queued before + arriving = delivered + dropped + queued after, for every user, to the last bit with real
//             queues and to rounding at the flow level; what was sent of a packet that may be discarded is queued
//   KPIs      finite, loads within the cell, shares and users within their bounds
//   probe     changes nothing
//   curves    are what probes give, level by level, and change nothing
//   refusal   changes nothing; and what is refused never reaches a queue
//   restore   goes on bit by bit as the network that was snapped did, on any number of threads
//   gains     do not depend on the number of threads
#include "walk_network.hpp"

#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <optional>
#include <string>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/threads.hpp"
#include "walk_replica.hpp"

namespace slicefast::walk {
namespace {

// Queued, and sent of packets that do not count as delivered yet.
std::vector<double> waiting_bits(const Network& network) {
  const auto backlog = network.backlog_bits();
  std::vector<double> bits(backlog.begin(), backlog.end());
  const std::vector<double> sent = network.state().scheduler.head_sent;
  for (std::size_t u = 0; u < bits.size(); ++u) bits[u] += sent[u];
  return bits;
}

class Walk {
 public:
  Walk(Choices& choices_, const Limits& limits_, Tally& tally_)
      : choices(choices_),
        limits(limits_),
        tally(tally_),
        world(draw_world(choices_, limits_)),
        links(draw_source(choices_, world)),
        replica(world, links) {}

  void go();

 private:
  void place_users();
  void move_users();
  Play draw_play();
  std::vector<double> draw_share();
  void probe(const Play& play);
  void offend(Play play);
  void spoil(const Play& play);
  void step(const Play& play);
  void check_kpis(Kpis& kpis, bool probed);
  void check_bits(Kpis& kpis, const Play& play, const std::vector<double>& queued_before);
  void check_gains();
  void replay();

  Choices& choices;
  const Limits& limits;
  Tally& tally;
  const World world;
  std::shared_ptr<const GainSource> links;
  Replica replica;
  std::vector<double> x_m, y_m;
  std::optional<Snapshot> snapped;
  std::vector<Play> plays;                    // since the snapshot
  std::vector<std::vector<double>> outcomes;  // of these
};

void Walk::place_users() {
  const double margin = 0.2 * world.extent_m;
  for (std::size_t u = 0; u < world.n_users(); ++u) {
    x_m.push_back(choices.between(-margin, world.extent_m + margin));
    y_m.push_back(choices.between(-margin, world.extent_m + margin));
  }
}

void Walk::move_users() {
  const std::size_t rarity = choices.of<std::size_t>({1, 2, 10, 1000});
  const double way = choices.of({1.0, 50.0, 1000.0});
  for (std::size_t u = 0; u < world.n_users(); ++u)
    if (choices.value_below(rarity) == 0) {
      x_m[u] += choices.between(-way, way);
      y_m[u] += choices.between(-way, way);
    }
}

// On the simplex, with slices that get nothing, and slices that get all.
std::vector<double> Walk::draw_share() {
  std::vector<double> share(world.n_cells() * world.n_slices());
  const bool whole = choices.one_in(4);
  for (std::size_t n = 0; n < world.n_cells(); ++n) {
    const std::span row = std::span(share).subspan(n * world.n_slices(), world.n_slices());
    double sum = 0;
    for (double& part : row) sum += part = choices.value_below(5) == 0 ? 0.0 : choices.between(0, 1);
    if (whole || sum == 0.0) {
      for (double& part : row) part = 0.0;
      row[choices.value_below(row.size())] = 1.0;
    } else {
      for (double& part : row) part /= sum;
    }
  }
  return share;
}

Play Walk::draw_play() {
  Play play;
  play.x_m = x_m, play.y_m = y_m;
  play.share = draw_share(), play.coupled_share = draw_share();
  const std::size_t n_arrivals = choices.below(4) == 0 ? 0 : choices.value_below(limits.n_arrivals + 1);
  const double largest = choices.of({2e4, 10.0, 1e6, 1e9});
  const int n_ttis = world.network.window_ttis;
  for (std::size_t i = 0; i < n_arrivals; ++i) {
    play.user.push_back(static_cast<std::int32_t>(choices.value_below(world.n_users())));
    play.tti.push_back(static_cast<std::int32_t>(i * static_cast<std::size_t>(n_ttis) / n_arrivals));
    play.bits.push_back(static_cast<float>(std::floor(choices.between(1, largest))));
  }
  for (std::size_t u = 0; u < world.n_users(); ++u) play.active.push_back(choices.value_below(4) > 0);
  return play;
}

void Walk::check_kpis(Kpis& kpis, bool probed) {
  bool finite = true, negative = false;
  for (double value : kpis.values) {
    finite = finite && std::isfinite(value);
    negative = negative || value < 0.0;
  }
  CHECK(finite);
  CHECK(!negative);
  std::vector<double> users(world.n_cells(), 0.0), load(world.n_cells(), 0.0);
  for (std::size_t n = 0; n < world.n_cells(); ++n)
    for (std::size_t s = 0; s < world.n_slices(); ++s) {
      users[n] += kpis.views().users(n, s);
      load[n] += kpis.views().load(n, s);
    }
  for (std::size_t n = 0; n < world.n_cells(); ++n) {
    std::size_t attached = 0;
    for (std::int32_t cell : replica.serving) attached += static_cast<std::size_t>(cell) == n;
    CHECK(users[n] <= static_cast<double>(attached));
    CHECK(probed || load[n] <= 1.0 + 1e-9);
  }
  const WindowKpis all = kpis.views();
  const double tti_ms = world.network.scheduler.tti_s * 1e3;
  for (std::size_t g = 0; g < all.delay_counts.rows; ++g) {
    double delivered = 0, shortest = 0;
    for (std::size_t bin = n_delay_bins; bin-- > 0;)
      if (const double count = all.delay_counts(g, bin); count > 0) {
        delivered += count;
        shortest = delay_of_bin(bin);
      }
    const double mean_ms = all.mean_delay_ms.data[g];
    CHECK(delivered > 0 ? shortest >= 1 && mean_ms >= 0.98 * tti_ms * shortest : std::isnan(mean_ms));
    CHECK(all.lost_packets.data[g] >= 0 && all.waiting_packets.data[g] >= 0);
  }
  double per_slice = 0, per_user = 0;
  for (double bits : kpis.views().delivered_bits.flat()) per_slice += bits;
  for (double bits : kpis.per_user(0)) per_user += bits;
  CHECK_CLOSE(per_slice, per_user, 1e-9 * per_user);
  for (double ttis : kpis.per_user(1)) CHECK(ttis <= world.network.window_ttis * (1 + 1e-9));
}

void Walk::check_bits(Kpis& kpis, const Play& play, const std::vector<double>& queued_before) {
  std::vector<double> expected = queued_before;
  for (std::size_t i = 0; i < play.user.size(); ++i)
    expected[static_cast<std::size_t>(play.user[i])] += static_cast<double>(play.bits[i]);
  const std::vector<double> queued = waiting_bits(replica.network);
  const double tolerance = world.network.fidelity == Fidelity::flow ? 1e-9 : 0.0;
  for (std::size_t u = 0; u < world.n_users(); ++u)
    CHECK_CLOSE(kpis.per_user(0)[u] + kpis.per_user(2)[u] + queued[u], expected[u], tolerance * expected[u]);
}

void Walk::probe(const Play& play) {
  const Snapshot before = replica.snapshot();
  std::vector<double> share = play.share;
  if (choices.one_in(2))  // rows need not add up
    for (double& part : share) part = choices.between(0, 1);
  const ConstMatrixView<double> coupled{play.coupled_share.data(), world.n_cells(), world.n_slices()};
  Kpis kpis(world);
  replica.network.probe({share.data(), world.n_cells(), world.n_slices()}, coupled, replica.serving, play.arrivals(),
                        kpis.views());
  check_kpis(kpis, true);
  const double level = choices.between(0, 1);
  std::fill(share.begin(), share.end(), level);
  replica.network.probe({share.data(), world.n_cells(), world.n_slices()}, coupled, replica.serving, play.arrivals(),
                        kpis.views());
  const std::vector<double> levels{choices.between(0, 1), level, 1.0};
  const std::size_t n = share.size();
  std::vector<double> got(2 * levels.size() * n);
  const std::span<double> all(got);
  replica.network.curves({.share = levels, .throughput_bps = all.first(3 * n), .delay_ms = all.last(3 * n)}, coupled,
                         replica.serving, play.arrivals());
  CHECK(std::equal(&got[n], &got[2 * n], kpis.matrix(0).data) &&
        std::equal(&got[4 * n], &got[5 * n], kpis.matrix(1).data));
  CHECK(replica.snapshot() == before);
  ++tally.probes;
}

// A step with one thing wrong.
void Walk::offend(Play play) {
  const Snapshot before = replica.snapshot();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto n_users = static_cast<std::int32_t>(world.n_users());
  const auto n_cells = static_cast<std::int32_t>(world.n_cells());
  const std::size_t row = choices.value_below(play.share.size());
  std::vector<std::int32_t> serving = replica.serving;
  if (play.user.empty()) play.user.push_back(0), play.tti.push_back(0), play.bits.push_back(100.0f);
  Kpis kpis(world);
  WindowKpis views = kpis.views();
  switch (choices.below(10)) {
    case 0:
      play.share[row] = choices.of({nan, -0.1, 1.5});
      break;
    case 1:
      play.user.back() = choices.of<std::int32_t>({n_users, -1});
      break;
    case 2:
      play.tti.back() = choices.of({world.network.window_ttis, -1});
      break;
    case 3:
      play.bits.back() = choices.of({0.0f, -1.0f, 1e13f, static_cast<float>(nan)});
      break;
    case 4:
      serving.back() = choices.of<std::int32_t>({n_cells, -1});
      break;
    case 5:
      serving.pop_back();
      break;
    case 6:
      play.active.push_back(1);
      break;
    case 7:
      play.bits.pop_back();
      break;
    case 8:
      views.user_busy_ttis = std::span(kpis.values).first(world.n_users() + 1);
      break;
    default:
      views.load.rows += 1;
      break;
  }
  bool refused = false;
  try {
    replica.network.step({play.share.data(), world.n_cells(), world.n_slices()}, serving, play.arrivals(), views);
  } catch (const InvalidArgument&) {
    refused = true;
  }
  CHECK(refused);
  CHECK(replica.snapshot() == before);
  ++tally.refusals;
}

// One number of a state, or one size, becomes something else.
class Spoiler {
 public:
  Spoiler(Choices& choices, std::size_t field) : choices_(choices), fields_left_(field) {}
  template <class Field>
  void operator()(std::string_view, Field& field) {
    if constexpr (!std::is_same_v<Field, SchedulerState>) {
      if (fields_left_-- != 0) return;
      if constexpr (std::is_arithmetic_v<Field>) {
        field = bad<Field>();
      } else if (field.empty() || choices_.one_in(4)) {
        field.push_back(bad<typename Field::value_type>());
      } else if (choices_.one_in(4)) {
        field.pop_back();
      } else {
        field[choices_.value_below(field.size())] = bad<typename Field::value_type>();
      }
    }
  }

 private:
  template <class T>
  T bad() {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_floating_point_v<T>)
      return choices_.of({Limits::quiet_NaN(), Limits::infinity(), T(-1), T(0), Limits::max(), T(0.5), T(1e6)});
    else
      return choices_.of({T(-1), T(0), Limits::max(), Limits::min(), T(1), T(3), T(1000)});
  }

  Choices& choices_;
  std::size_t fields_left_;
};

// A state with one thing changed is refused without effect; or it is one that a step goes on from.
void Walk::spoil(const Play& play) {
  const Snapshot before = replica.snapshot();
  Snapshot spoiled = before;
  std::size_t n_own = 0, n_fields = 0;  // the network's own fields, and with the scheduler's
  visit_network_state(spoiled.network, [&]<class Field>(std::string_view, const Field&) {
    n_own += !std::is_same_v<Field, SchedulerState>;
  });
  visit_scheduler_state(spoiled.network.scheduler, [&](std::string_view, const auto&) { ++n_fields; });
  n_fields += n_own;
  const std::size_t field = choices.below(n_fields);
  if (field < n_own)
    visit_network_state(spoiled.network, Spoiler(choices, field));
  else
    visit_scheduler_state(spoiled.network.scheduler, Spoiler(choices, field - n_own));
  try {
    replica.restore(spoiled);
  } catch (const InvalidArgument&) {
    CHECK(replica.snapshot() == before);
    ++tally.spoiled;
    return;
  }
  Kpis kpis = replica.step(world, play);
  check_kpis(kpis, false);
  replica.restore(before);
  CHECK(replica.snapshot() == before);
}

void Walk::step(const Play& play) {
  const std::vector<double> queued = waiting_bits(replica.network);
  Kpis kpis = replica.step(world, play);
  check_kpis(kpis, false);
  check_bits(kpis, play, queued);
  for (float sinr : replica.network.sinr()) CHECK(std::isfinite(sinr) && sinr >= 0.0f);
  if (snapped) {
    plays.push_back(play);
    outcomes.push_back(kpis.values);
  }
  ++tally.steps;
}

void Walk::check_gains() {
  ThreadPool pool(3);
  Matrix<float> shared(world.n_users(), world.n_cells()), alone(world.n_users(), world.n_cells());
  links->gains(x_m, y_m, shared.view(), &pool, world.network.profile.get());
  links->gains(x_m, y_m, alone.view(), nullptr, world.network.profile.get());
  CHECK(std::memcmp(shared.view().data, alone.view().data, shared.view().flat().size_bytes()) == 0);
  for (float gain : alone.view().flat()) CHECK(std::isfinite(gain) && gain >= 0.0f);
}

// From the snapshot on once more: here, and beside it in a network made anew, whose steps may use several threads.
void Walk::replay() {
  const Snapshot last = replica.snapshot();
  const bool threads = choices.one_in(limits.rarity_of_threads);
  World same = world;
  if (threads) same.network.n_threads = std::array{1, 2, 3, 7}[choices.below(4)];
  Replica fresh(same, links);
  Replica* const replicas[] = {&replica, &fresh};
  std::vector<std::vector<double>> again[2];
  const auto play_again = [&](std::size_t i, int) {
    replicas[i]->restore(*snapped);
    for (const Play& play : plays) again[i].push_back(replicas[i]->step(world, play).values);
  };
  const ThreadPool pool(threads ? 2 : 1);
  pool.for_each(2, play_again);
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t k = 0; k < plays.size(); ++k) CHECK(again[i][k] == outcomes[k]);
    CHECK(replicas[i]->snapshot() == last);
  }
  tally.replays += plays.size();
}

void Walk::go() {
  place_users();
  replica.network.attach(x_m, y_m, replica.serving);
  const std::size_t n_steps = 1 + choices.below(limits.n_steps);
  const std::size_t snapped_before = choices.below(n_steps + 1);
  for (std::size_t k = 0; k < n_steps; ++k) {
    if (k == snapped_before) snapped = replica.snapshot();
    move_users();
    const Play play = draw_play();
    if (choices.one_in(2)) probe(play);
    if (choices.one_in(3)) offend(play);
    if (choices.one_in(3)) spoil(play);
    step(play);
  }
  if (choices.one_in(limits.rarity_of_threads)) check_gains();
  if (snapped) replay();
  tally.folded_worlds += links->folds();
  tally.flow_worlds += world.network.fidelity == Fidelity::flow;
  tally.profiled_worlds += world.network.profile != nullptr;
}

}  // namespace

void walk_network(Choices& choices, const Limits& limits, Tally& tally) {
  try {
    Walk(choices, limits, tally).go();
  } catch (const std::exception& error) {
    std::printf("a walk was refused: %s\n", error.what());
    const bool allowed = false;  // every world and step is drawn within the options
    CHECK(allowed);
  }
}

}  // namespace slicefast::walk
