// Scheduler: a window's book-keeping. Steps of play(): sort users and arrivals by (cell, slice), deal whole PRBs to the
// slices of a block of cells, play each (cell, slice) through the window.
#include "slicefast/scheduling/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "kernels/scheduler.hpp"
#include "scheduling/cell_slice.hpp"

namespace slicefast {

namespace {

// Averages are rescaled before decay^-k passes this.
constexpr double largest_gain = 1e60;
constexpr int longest_span = 1024;

SchedulerConfig checked(const SchedulerConfig& config) {
  check_config(config);
  return config;
}

Metric metric_for(const SchedulerConfig& config) {
  if (config.kind != SchedulerKind::proportional_fair) return Metric::rate;
  // Rates are 1e-3 to 1e9 bits, averages 1e-30 to 1e14 times the gain: all powers stay within 1e300 up to here.
  return 9 * config.alpha + 74 * config.beta <= 300 ? Metric::quotient : Metric::logarithm;
}

#ifndef NDEBUG
std::uint64_t units_of(std::span<const double> bits) {
  return std::accumulate(bits.begin(), bits.end(), std::uint64_t{0},
                         [](std::uint64_t sum, double value) { return sum + grid_units(value); });
}

// What is queued, and what was sent of packets that are not complete.
std::uint64_t units_waiting(const LiveState& live) {
  std::uint64_t units = units_of(live.backlog);
  for (const UserQueue& user : live.users) units += grid_units(live.head_sent(user));
  return units;
}
#endif

}  // namespace

Averaging::Averaging(const SchedulerConfig& config)
    : decay(1.0 - 1.0 / config.averaging_ttis),
      metric(metric_for(config)),
      smallest(metric == Metric::logarithm ? 1e-240 : 1e-30) {}

Scheduler::Impl::Impl(const SchedulerConfig& given, Isa level) : config(checked(given)), isa(level), averaging(config) {
  const auto n_groups = static_cast<std::size_t>(config.n_cells) * static_cast<std::size_t>(config.n_slices);
  const auto n_users = static_cast<std::size_t>(config.n_users);
  if (config.harq()) live.sent.assign(n_users, 0.0);
  live.dedicated_carry.assign(n_groups, 0.0);
  live.max_carry.assign(n_groups, 0.0);
  live.lending_pointer.assign(static_cast<std::size_t>(config.n_cells), 0);
  live.backlog.assign(n_users, 0.0);
  live.users.assign(n_users, {});
  live.free_places.resize((static_cast<std::size_t>(config.n_cells) + quota_block - 1) / quota_block);
  cell_work.resize(1);
  live.carry.assign(n_groups, 0.0);
  live.pointer.assign(n_groups, -1);
}

Scheduler::Scheduler(const SchedulerConfig& config, Isa isa) : impl_(std::make_unique<Impl>(config, isa)) {}
Scheduler::Scheduler(const Scheduler& other) : impl_(std::make_unique<Impl>(other.impl_->config, other.impl_->isa)) {
  impl_->live = other.impl_->live;
}
Scheduler::Scheduler(Scheduler&& other) noexcept = default;
Scheduler& Scheduler::operator=(const Scheduler& other) {
  impl_->config = other.impl_->config;
  impl_->isa = other.impl_->isa;
  impl_->averaging = other.impl_->averaging;
  impl_->live = other.impl_->live;
  return *this;
}
Scheduler& Scheduler::operator=(Scheduler&& other) noexcept = default;
Scheduler::~Scheduler() = default;

const SchedulerConfig& Scheduler::config() const { return impl_->config; }
std::int64_t Scheduler::clock_ttis() const { return impl_->live.clock; }
std::span<const double> Scheduler::backlog_bits() const { return impl_->live.backlog; }
double Scheduler::queued_bits() const {
  return std::accumulate(impl_->live.backlog.begin(), impl_->live.backlog.end(), 0.0);
}

void Scheduler::play_window(const Window& window, const WindowKpis& kpis, const ThreadPool* pool) {
  const SchedulerConfig& config = impl_->config;
  check_window(window, config, impl_->live.backlog);
  check_kpis(kpis, static_cast<std::size_t>(config.n_cells), static_cast<std::size_t>(config.n_slices),
             static_cast<std::size_t>(config.n_users));
  impl_->play(window, kpis, pool);
}

// Counting sort of the users by (cell, slice), in the order of their numbers.
void Scheduler::Impl::group_users(const Window& window) {
  const std::size_t n_users = live.users.size(), n_groups = live.carry.size();
  work.group_of.resize(n_users);
  work.slot_of.resize(n_users);
  work.user_at.resize(n_users);
  work.first.assign(n_groups + 1, 0);
  work.active_users.assign(n_groups, 0.0);
  for (std::size_t u = 0; u < n_users; ++u) {
    const std::int32_t group = window.serving[u] * config.n_slices + window.slice_of[u];
    work.group_of[u] = group;
    ++work.first[static_cast<std::size_t>(group) + 1];
    if (!window.active.empty()) work.active_users[static_cast<std::size_t>(group)] += window.active[u] ? 1.0 : 0.0;
  }
  for (std::size_t g = 0; g < n_groups; ++g) work.first[g + 1] += work.first[g];
  work.cursor.assign(work.first.begin(), work.first.end() - 1);
  for (std::size_t u = 0; u < n_users; ++u) {
    const std::int32_t slot = work.cursor[static_cast<std::size_t>(work.group_of[u])]++;
    work.slot_of[u] = slot;
    work.user_at[static_cast<std::size_t>(slot)] = static_cast<std::int32_t>(u);
  }
  for (auto* values :
       {&work.rate, &work.rate_part, &work.metric, &work.carried, &work.completed, &work.taken_back, &work.busy})
    values->resize(n_users);
  for (auto* values : {&work.busy_since, &work.needed, &work.given, &work.tbs_index}) values->resize(n_users);
  for (auto* values : {&work.turns, &work.end_at}) values->resize(n_users);
  work.refused.resize(n_users);
}

void Scheduler::Impl::group_arrivals(const Window& window) {
  const std::size_t n_arrivals = window.arrival_user.size(), n_groups = live.carry.size();
  work.first_arrival.assign(n_groups + 1, 0);
  for (const std::int32_t user : window.arrival_user)
    ++work.first_arrival[static_cast<std::size_t>(work.group_of[static_cast<std::size_t>(user)]) + 1];
  for (std::size_t g = 0; g < n_groups; ++g) work.first_arrival[g + 1] += work.first_arrival[g];
  work.cursor.assign(work.first_arrival.begin(), work.first_arrival.end() - 1);
  work.arrivals.resize(n_arrivals);
  for (std::size_t i = 0; i < n_arrivals; ++i) {
    const auto user = static_cast<std::size_t>(window.arrival_user[i]);
    const auto group = static_cast<std::size_t>(work.group_of[user]);
    work.arrivals[static_cast<std::size_t>(work.cursor[group]++)] = {
        packet_on_grid(static_cast<double>(window.arrival_bits[i])), work.slot_of[user] - work.first[group],
        window.arrival_tti[i]};
  }
}

void Scheduler::Impl::prepare_averages(int n_ttis) {
  if (averaging.metric == Metric::rate) return;
  const double decay = averaging.decay, reach = std::log(largest_gain) / -std::log(decay);
  const int span =
      std::max(1, std::min({n_ttis, longest_span, reach < longest_span ? static_cast<int>(reach) : n_ttis}));
  if (work.gain_at.size() == static_cast<std::size_t>(span) && work.gains_for == decay) return;
  work.gains_for = decay;
  work.gain_at.resize(static_cast<std::size_t>(span));
  work.decay_over.resize(static_cast<std::size_t>(span) + 1);
  for (int k = 0; k <= span; ++k) work.decay_over[static_cast<std::size_t>(k)] = std::pow(decay, k);
  for (int k = 0; k < span; ++k)
    work.gain_at[static_cast<std::size_t>(k)] = std::pow(decay, -(k + 1)) / config.averaging_ttis;
}

void Scheduler::Impl::sort_blocks() {
  std::stable_sort(live.blocks.begin(), live.blocks.end(), [&](const FailedBlock& a, const FailedBlock& b) {
    return work.group_of[static_cast<std::size_t>(a.user)] < work.group_of[static_cast<std::size_t>(b.user)];
  });
}

void Scheduler::Impl::play(const Window& window, const WindowKpis& kpis, const ThreadPool* pool) {
  group_users(window);
  group_arrivals(window);
  sort_blocks();
  prepare_averages(window.n_ttis);
  for (const UserKpi& kpi : user_kpis) std::fill((kpis.*kpi.values).begin(), (kpis.*kpi.values).end(), 0.0);
#ifndef NDEBUG
  std::uint64_t bits_in = units_waiting(live);
  for (const ArrivedPacket& packet : work.arrivals) bits_in += grid_units(packet.bits);
#endif
  play_cells(window, kpis, pool);
  join_blocks();
  live.clock += window.n_ttis;
#ifndef NDEBUG
  std::uint64_t bits_out = 0;
  for (const BlockEnd& end : work.ends) bits_out += end.bits_out;
  if (bits_in != bits_out + units_waiting(live))
    throw std::logic_error("scheduler: bits in differ from bits out + dropped + queued + sent in part");
#endif
}

// Every block has as many free places as packets arrive in it, so that none takes another's: out of those that others
// have to spare, or new ones.
void Scheduler::Impl::reserve_places() {
  const auto n_cells = static_cast<std::size_t>(config.n_cells), n_slices = static_cast<std::size_t>(config.n_slices);
  const auto arriving = [&](std::size_t block) {
    const std::size_t first = block * quota_block, last = std::min(first + quota_block, n_cells);
    return static_cast<std::size_t>(work.first_arrival[last * n_slices] - work.first_arrival[first * n_slices]);
  };
  std::size_t giver = 0;
  for (std::size_t block = 0; block < live.free_places.size(); ++block) {
    std::vector<std::int32_t>& free = live.free_places[block];
    const std::size_t needed = arriving(block);
    while (free.size() < needed && giver < live.free_places.size()) {
      std::vector<std::int32_t>& others = live.free_places[giver];
      const std::size_t kept = arriving(giver);
      if (others.size() <= kept) {
        ++giver;
        continue;
      }
      const auto moved = static_cast<std::ptrdiff_t>(std::min(others.size() - kept, needed - free.size()));
      free.insert(free.end(), others.end() - moved, others.end());
      others.erase(others.end() - moved, others.end());
    }
    for (; free.size() < needed; live.packets.emplace_back())
      free.push_back(static_cast<std::int32_t>(live.packets.size()));
  }
}

void Scheduler::Impl::play_cells(const Window& window, const WindowKpis& kpis, const ThreadPool* pool) {
  const std::size_t n_threads = pool ? static_cast<std::size_t>(pool->n_threads()) : 1;
  if (cell_work.size() < n_threads) cell_work.resize(n_threads);
  work.ends.resize(live.free_places.size());
  reserve_places();
  share_items(pool, work.ends.size(), [&](std::size_t block, int thread) {
    BlockPlayer(*this, cell_work[static_cast<std::size_t>(thread)]).play(window, kpis, block);
  });
}

void Scheduler::Impl::join_blocks() {
  if (!config.harq()) return;
  live.blocks.clear();
  for (const BlockEnd& end : work.ends) live.blocks.insert(live.blocks.end(), end.failed.begin(), end.failed.end());
  std::stable_sort(live.blocks.begin(), live.blocks.end(),
                   [](const FailedBlock& a, const FailedBlock& b) { return a.due < b.due; });
}

void BlockPlayer::play(const Window& window, const WindowKpis& kpis, std::size_t block) {
  const auto n_cells = static_cast<std::size_t>(config.n_cells), n_slices = static_cast<std::size_t>(config.n_slices);
  const std::size_t first = block * quota_block, n_block = std::min(quota_block, n_cells - first);
  work.free_places = &live.free_places[block];
  work.end = &sorted.ends[block];
  work.end->failed.clear();
  work.end->bits_out = 0;
  for (auto* values : {&work.needs, &work.grants, &work.rooms}) values->resize(n_slices);
  std::vector<CellSlice>& slices = work.slices;
  slices.assign(window.policy() ? n_slices : 1, CellSlice(config, averaging, live, sorted, work, window, kpis));
  deal_quotas(window, first, n_block);
  if (config.rbg_prb > 1 && !window.policy()) quotas_in_prbs(window, first, n_block);
  for (std::size_t c = 0; c < n_block; ++c) {
    if (window.policy()) {
      play_lending_cell(slices, window, first + c, c);
      continue;
    }
    for (std::size_t s = 0; s < n_slices; ++s) {
      work.quota_offset = s * quota_block + c;
      slices[0].start_window((first + c) * n_slices + s);
      slices[0].play_window();
      slices[0].end_window();
    }
  }
}

}  // namespace slicefast
