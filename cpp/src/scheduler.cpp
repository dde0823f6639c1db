// Scheduler: a window's book-keeping. Steps of run(): check everything, sort users and arrivals by (cell, slice), deal
// whole PRBs to the slices of a block of cells, play each (cell, slice) through the window (scheduler_group.cpp).
#include "slicefast/scheduler.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kernels/tables.hpp"
#include "scheduler_window.hpp"
#include "slicefast/errors.hpp"

namespace slicefast {

namespace {

// Averages are rescaled before decay^-k passes this.
constexpr double largest_gain = 1e60;
constexpr int longest_span = 1024;
constexpr double simplex_tolerance = 1e-6;
// A remainder no slice can win with.
constexpr double never = -1e300;

[[noreturn]] void refuse(const std::string& what) { throw InvalidArgument(what); }

template <class T>
void check_size(std::span<T> values, std::size_t expected, const char* name) {
  if (values.size() != expected)
    refuse(std::string(name) + ": got " + std::to_string(values.size()) + " values, expected " +
           std::to_string(expected));
}

void check_index(std::span<const std::int32_t> values, int limit, const char* name) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0 || values[i] >= limit)
      refuse(std::string(name) + ": row " + std::to_string(i) + " has " + std::to_string(values[i]) +
             ", allowed: 0 to " + std::to_string(limit - 1));
}

void check_kpi(const MatrixView<double>& kpi, const SchedulerConfig& config, const char* name) {
  if (kpi.rows != static_cast<std::size_t>(config.n_cells) || kpi.cols != static_cast<std::size_t>(config.n_slices))
    refuse(std::string(name) + ": got shape (" + std::to_string(kpi.rows) + ", " + std::to_string(kpi.cols) +
           "), expected (" + std::to_string(config.n_cells) + ", " + std::to_string(config.n_slices) + ")");
}

void check_share(const Window& window, const SchedulerConfig& config) {
  const auto n_cells = static_cast<std::size_t>(config.n_cells);
  if (window.share.rows != n_cells || window.share.cols != static_cast<std::size_t>(config.n_slices))
    refuse("share: got shape (" + std::to_string(window.share.rows) + ", " + std::to_string(window.share.cols) +
           "), expected (" + std::to_string(config.n_cells) + ", " + std::to_string(config.n_slices) + ")");
  for (std::size_t n = 0; n < n_cells; ++n) {
    double sum = 0;
    for (const double a : window.share.row(n)) {
      if (!(a >= 0.0 && a <= 1.0 + simplex_tolerance))
        refuse("share: row " + std::to_string(n) + " has " + std::to_string(a) + ", allowed: 0 to 1");
      sum += a;
    }
    if (!window.separate_slices && std::abs(sum - 1.0) > simplex_tolerance)
      refuse("share: row " + std::to_string(n) + " sums to " + std::to_string(sum) + ", allowed: 1");
  }
}

void check_rates(const Window& window, std::size_t n_users) {
  if (!window.tbs_index.empty()) {
    check_size(window.tbs_index, n_users, "tbs_index");
    for (std::size_t u = 0; u < n_users; ++u)
      if (window.tbs_index[u] < -1 || window.tbs_index[u] > 26)
        refuse("tbs_index: row " + std::to_string(u) + " has " + std::to_string(window.tbs_index[u]) +
               ", allowed: -1 to 26");
    return;
  }
  check_size(window.bits_per_prb, n_users, "bits_per_prb");
  for (std::size_t u = 0; u < n_users; ++u)
    if (!(window.bits_per_prb[u] >= 0.0f && window.bits_per_prb[u] <= 1e9f))
      refuse("bits_per_prb: row " + std::to_string(u) + " has " + std::to_string(window.bits_per_prb[u]) +
             ", allowed: 0 to 1e9");
}

}  // namespace

void check_arrivals(std::span<const std::int32_t> user, std::span<const std::int32_t> tti, std::span<const float> bits,
                    int n_users, int n_ttis) {
  check_size(tti, user.size(), "arrival_tti");
  check_size(bits, user.size(), "arrival_bits");
  check_index(user, n_users, "arrival_user");
  std::int32_t last = 0;
  for (std::size_t i = 0; i < tti.size(); ++i) {
    if (tti[i] < last || tti[i] >= n_ttis)
      refuse("arrival_tti: row " + std::to_string(i) + " has " + std::to_string(tti[i]) + ", allowed: sorted, 0 to " +
             std::to_string(n_ttis - 1));
    last = tti[i];
    if (!(bits[i] >= 1.0f && bits[i] <= 1e12f))
      refuse("arrival_bits: row " + std::to_string(i) + " has " + std::to_string(bits[i]) + ", allowed: 1 to 1e12");
  }
}

SchedulerKind scheduler_kind(std::string_view name) {
  if (name == "round_robin") return SchedulerKind::round_robin;
  if (name == "proportional_fair") return SchedulerKind::proportional_fair;
  if (name == "max_ci") return SchedulerKind::max_ci;
  throw InvalidArgument("kind: got '" + std::string(name) + "', allowed: round_robin, proportional_fair, max_ci");
}

Scheduler::OwnScratch::OwnScratch() : data(std::make_unique<Scratch>()) {}
Scheduler::OwnScratch::OwnScratch(const OwnScratch&) : OwnScratch() {}
Scheduler::OwnScratch::OwnScratch(OwnScratch&&) noexcept = default;
Scheduler::OwnScratch::~OwnScratch() = default;

Scheduler::Scheduler(const SchedulerConfig& config, Isa isa)
    : config_(config), isa_(isa), decay_(1.0 - 1.0 / config.averaging_ttis) {
  const auto at_least_one = [](int value, const char* name) {
    if (value < 1) refuse(std::string(name) + ": got " + std::to_string(value) + ", must be at least 1");
    return static_cast<std::size_t>(value);
  };
  const std::size_t n_groups = at_least_one(config.n_cells, "n_cells") * at_least_one(config.n_slices, "n_slices");
  const std::size_t n_users = at_least_one(config.n_users, "n_users");
  if (at_least_one(config.n_prb, "n_prb") > 65535)
    refuse("n_prb: got " + std::to_string(config.n_prb) + ", allowed: 1 to 65535");
  if (!config.discard_ttis.empty())
    check_size(std::span(config.discard_ttis), static_cast<std::size_t>(config.n_slices), "discard_ttis");
  for (const int age : config.discard_ttis)
    if (age < 0) refuse("discard_ttis: got " + std::to_string(age) + ", must be at least 0 (0: never)");
  if (!(config.averaging_ttis > 1.0 && std::isfinite(config.averaging_ttis)))
    refuse("averaging_ttis: got " + std::to_string(config.averaging_ttis) + ", must be above 1");
  if (!(config.alpha >= 0 && std::isfinite(config.alpha)))
    refuse("alpha: got " + std::to_string(config.alpha) + ", must be at least 0");
  if (!(config.beta >= 0 && std::isfinite(config.beta)))
    refuse("beta: got " + std::to_string(config.beta) + ", must be at least 0");
  at_least_one(config.rbg_prb, "rbg_prb");
  if (config.rbg_prb > config.n_prb)
    refuse("rbg_prb: got " + std::to_string(config.rbg_prb) + ", allowed: 1 to n_prb, " + std::to_string(config.n_prb));
  at_least_one(config.retransmission_ttis, "retransmission_ttis");
  if (config.max_retransmissions < 0)
    refuse("max_retransmissions: got " + std::to_string(config.max_retransmissions) + ", must be at least 0");
  if (!(config.buffer_bits >= 0 && std::isfinite(config.buffer_bits)))
    refuse("buffer_bits: got " + std::to_string(config.buffer_bits) + ", must be at least 0");
  if (!(config.block_error_rate >= 0 && config.block_error_rate < 1))
    refuse("block_error_rate: got " + std::to_string(config.block_error_rate) + ", allowed: 0 to below 1");
  if (!(config.prb_bandwidth_hz > 0 && std::isfinite(config.prb_bandwidth_hz)))
    refuse("prb_bandwidth_hz: got " + std::to_string(config.prb_bandwidth_hz) + ", must be above 0");
  if (config.block_error_rate > 0) sent_.assign(n_users, 0.0);
  dedicated_carry_.assign(n_groups, 0.0);
  max_carry_.assign(n_groups, 0.0);
  lending_pointer_.assign(static_cast<std::size_t>(config.n_cells), 0);
  backlog_.assign(n_users, 0.0);
  users_.assign(n_users, {});
  carry_.assign(n_groups, 0.0);
  pointer_.assign(n_groups, -1);
}

double Scheduler::queued_bits() const {
  double total = 0;
  for (const double bits : backlog_) total += bits;
  return total;
}

void Scheduler::pop(User& user) {
  const std::int32_t freed = user.head;
  Packet& packet = packets_[static_cast<std::size_t>(freed)];
  user.arrival_sum -= packet.tti;
  user.head = packet.next;
  packet.next = free_packet_;
  free_packet_ = freed;
  --user.queued;
  user.head_left = user.queued > 0 ? packets_[static_cast<std::size_t>(user.head)].bits : 0.0;
}

void Scheduler::push(std::int32_t user, double bits, std::int64_t tti) {
  std::int32_t slot = free_packet_;
  if (slot < 0) {
    slot = static_cast<std::int32_t>(packets_.size());
    packets_.emplace_back();
  } else {
    free_packet_ = packets_[static_cast<std::size_t>(slot)].next;
  }
  packets_[static_cast<std::size_t>(slot)] = {bits, tti, -1};
  const auto number = static_cast<std::size_t>(user);
  User& state = users_[number];
  if (state.queued == 0) {
    state.head = slot;
    state.head_left = bits;
  } else {
    packets_[static_cast<std::size_t>(state.tail)].next = slot;
  }
  state.tail = slot;
  ++state.queued;
  state.arrival_sum += tti;
  backlog_[number] += bits;
}

void Scheduler::check(const Window& window, const WindowKpis& kpis) const {
  const auto n_users = static_cast<std::size_t>(config_.n_users);
  if (window.n_ttis < 1) refuse("n_ttis: got " + std::to_string(window.n_ttis) + ", must be at least 1");
  check_size(window.serving, n_users, "serving");
  check_size(window.slice_of, n_users, "slice_of");
  if (!window.active.empty()) check_size(window.active, n_users, "active");
  check_index(window.serving, config_.n_cells, "serving");
  check_index(window.slice_of, config_.n_slices, "slice_of");
  check_rates(window, n_users);
  if (window.policy())
    check_policy(window);
  else
    check_share(window, config_);
  check_arrivals(window.arrival_user, window.arrival_tti, window.arrival_bits, config_.n_users, window.n_ttis);
  check_kpi(kpis.throughput_bps, config_, "throughput_bps");
  check_kpi(kpis.delay_ms, config_, "delay_ms");
  check_kpi(kpis.load, config_, "load");
  check_kpi(kpis.users, config_, "users");
  if (!kpis.user_delivered_bits.empty()) check_size(kpis.user_delivered_bits, n_users, "user_delivered_bits");
  if (!kpis.user_busy_ttis.empty()) check_size(kpis.user_busy_ttis, n_users, "user_busy_ttis");
  if (!kpis.user_dropped_bits.empty()) check_size(kpis.user_dropped_bits, n_users, "user_dropped_bits");
  if (!kpis.delivered_bits.empty()) check_kpi(kpis.delivered_bits, config_, "delivered_bits");
  if (!kpis.dropped_bits.empty()) check_kpi(kpis.dropped_bits, config_, "dropped_bits");
  if (!kpis.spectral_efficiency.empty()) check_kpi(kpis.spectral_efficiency, config_, "spectral_efficiency");
  if (!kpis.throughput_p5_bps.empty()) check_kpi(kpis.throughput_p5_bps, config_, "throughput_p5_bps");
}

// Counting sort of the users by (cell, slice), in the order of their numbers.
void Scheduler::group_users(const Window& window) {
  Scratch& work = *scratch_.data;
  const std::size_t n_users = users_.size(), n_groups = carry_.size();
  work.group_of.resize(n_users);
  work.slot_of.resize(n_users);
  work.user_at.resize(n_users);
  work.first.assign(n_groups + 1, 0);
  work.active_users.assign(n_groups, 0.0);
  for (std::size_t u = 0; u < n_users; ++u) {
    const std::int32_t group = window.serving[u] * config_.n_slices + window.slice_of[u];
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
  for (auto* values : {&work.rate, &work.rate_alpha, &work.metric, &work.delivered}) values->resize(n_users);
  for (auto* values : {&work.busy_since, &work.busy, &work.needed, &work.given, &work.tbs_index})
    values->resize(n_users);
}

void Scheduler::group_arrivals(const Window& window) {
  Scratch& work = *scratch_.data;
  const std::size_t n_arrivals = window.arrival_user.size(), n_groups = carry_.size();
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
        packet_on_grid(window.arrival_bits[i]), work.slot_of[user] - work.first[group], window.arrival_tti[i]};
  }
}

// Whole resource block groups per slice and TTI. Under RRMPolicyRatio the guaranteed ones, with one more slice that
// holds what is promised to nobody.
void Scheduler::make_quotas(const Window& window, std::size_t first_cell, std::size_t n_cells) {
  Scratch& work = *scratch_.data;
  const auto n_slices = static_cast<std::size_t>(config_.n_slices);
  const std::size_t n_columns = n_slices + (window.policy() ? 1 : 0);
  const std::size_t n = n_columns * quota_block;
  const int total = in_groups(config_.n_prb, config_.rbg_prb);
  work.quota_stride = n;
  work.remainder.assign(n, never);
  work.fraction.assign(n, 0.0);
  work.base.assign(n, 0);
  work.extras.assign(quota_block, 0);
  work.quota.resize(static_cast<std::size_t>(window.n_ttis) * n);
  for (std::size_t c = 0; c < n_cells; ++c) {
    const std::size_t cell = first_cell + c;
    double sum = 0, carried = 0;
    work.shares.assign(n_columns, 0.0);
    for (std::size_t s = 0; s < n_slices; ++s) {
      work.shares[s] = !window.policy()           ? window.share(cell, s)
                       : window.min_ratio.empty() ? 0
                                                  : window.min_ratio(cell, s);
      sum += work.shares[s];
      carried += carry_[cell * n_slices + s];
    }
    if (window.policy() && sum < 1) {
      work.shares[n_slices] = 1 - sum;
      sum = 1;
    }
    const double scale = window.separate_slices ? total : total / sum;
    std::int64_t left = total;
    for (std::size_t s = 0; s < n_columns; ++s) {
      const std::size_t i = s * quota_block + c;
      const double exact = std::min(work.shares[s] * scale, static_cast<double>(total));
      work.base[i] = static_cast<std::int32_t>(exact);
      work.fraction[i] = exact - work.base[i];
      if (work.fraction[i] > 0) work.remainder[i] = s < n_slices ? carry_[cell * n_slices + s] : -carried;
      left -= work.base[i];
    }
    work.extras[c] = left;
  }
  const QuotaProblem problem{work.remainder.data(),
                             work.fraction.data(),
                             work.base.data(),
                             work.extras.data(),
                             work.quota.data(),
                             n_columns,
                             static_cast<std::size_t>(window.n_ttis)};
  const SchedulerKernels& kernels = select_scheduler_kernels(isa_);
  (window.separate_slices ? kernels.separate_quotas : kernels.quotas)(problem);
  for (std::size_t c = 0; c < n_cells; ++c)
    for (std::size_t s = 0; s < n_slices; ++s)
      if (work.fraction[s * quota_block + c] > 0)
        carry_[(first_cell + c) * n_slices + s] = work.remainder[s * quota_block + c];
}

// From resource block groups to PRBs; the cell's last group may be smaller, and is the last slice's. A slice that is
// measured alone has it only when it has all.
void Scheduler::to_prbs(const Window& window) {
  const auto n_ttis = static_cast<std::size_t>(window.n_ttis), n_slices = static_cast<std::size_t>(config_.n_slices);
  Scratch& work = *scratch_.data;
  const int unit = config_.rbg_prb, total = in_groups(config_.n_prb, unit);
  const int missing = total * unit - config_.n_prb;
  for (std::size_t t = 0; t < n_ttis; ++t)
    for (std::size_t c = 0; c < quota_block; ++c) {
      std::uint16_t* quota = work.quota.data() + t * work.quota_stride + c;
      std::uint16_t* last = nullptr;
      for (std::size_t s = 0; s < n_slices; ++s) {
        std::uint16_t& mine = quota[s * quota_block];
        if (mine > 0) last = &mine;
        mine = static_cast<std::uint16_t>(std::min(mine * unit, window.separate_slices ? config_.n_prb : total * unit));
      }
      if (last && !window.separate_slices) *last = static_cast<std::uint16_t>(*last - missing);
    }
}

void Scheduler::run(const Window& window, const WindowKpis& kpis) {
  check(window, kpis);
  Scratch& work = *scratch_.data;
  group_users(window);
  group_arrivals(window);
  const auto of_group = [&](const Block& block) { return work.group_of[static_cast<std::size_t>(block.user)]; };
  std::ranges::stable_sort(blocks_, {}, of_group);
  prepare_averages(window.n_ttis);
  for (auto& values : {kpis.user_delivered_bits, kpis.user_busy_ttis, kpis.user_dropped_bits})
    std::fill(values.begin(), values.end(), 0.0);
  work.bits_out = 0;
  work.kept_blocks.clear();
#ifndef NDEBUG
  std::uint64_t bits_in = 0;
  for (const double bits : backlog_) bits_in += grid_units(bits);
  for (const ArrivedPacket& packet : work.arrivals) bits_in += grid_units(packet.bits);
#endif

  const auto n_cells = static_cast<std::size_t>(config_.n_cells), n_slices = static_cast<std::size_t>(config_.n_slices);
  work.groups.resize(window.policy() ? n_slices : 1);
  work.needs.resize(n_slices);
  work.grants.resize(n_slices);
  for (Group& group : work.groups) {
    group.own = this;
    group.work = &work;
    group.window = &window;
    group.kpis = &kpis;
  }
  for (std::size_t first = 0; first < n_cells; first += quota_block) {
    const std::size_t n_block = std::min(quota_block, n_cells - first);
    make_quotas(window, first, n_block);
    if (config_.rbg_prb > 1 && !window.policy()) to_prbs(window);
    for (std::size_t c = 0; c < n_block; ++c) {
      if (window.policy()) {
        run_cell(window, first + c, c);
        continue;
      }
      for (std::size_t s = 0; s < n_slices; ++s) {
        work.quota_offset = s * quota_block + c;
        work.groups[0].begin((first + c) * n_slices + s);
        work.groups[0].run();
        work.groups[0].end_window();
      }
    }
  }
  if (!sent_.empty()) {
    blocks_ = work.kept_blocks;
    std::stable_sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) { return a.due < b.due; });
  }
  clock_ += window.n_ttis;
#ifndef NDEBUG
  std::uint64_t bits_out = work.bits_out;
  for (const double bits : backlog_) bits_out += grid_units(bits);
  if (bits_in != bits_out) throw std::logic_error("scheduler: bits in differ from bits out + dropped + queued");
#endif
}

void Scheduler::prepare_averages(int n_ttis) {
  if (config_.kind != SchedulerKind::proportional_fair) return;
  Scratch& work = *scratch_.data;
  const double reach = std::log(largest_gain) / -std::log(decay_);
  const int span =
      std::max(1, std::min({n_ttis, longest_span, reach < longest_span ? static_cast<int>(reach) : n_ttis}));
  if (work.gain_at.size() == static_cast<std::size_t>(span) && work.gains_for == decay_) return;
  work.gains_for = decay_;
  work.gain_at.resize(static_cast<std::size_t>(span));
  work.decay_over.resize(static_cast<std::size_t>(span) + 1);
  for (int k = 0; k <= span; ++k) work.decay_over[static_cast<std::size_t>(k)] = std::pow(decay_, k);
  for (int k = 0; k < span; ++k)
    work.gain_at[static_cast<std::size_t>(k)] = std::pow(decay_, -(k + 1)) / config_.averaging_ttis;
}

SchedulerState Scheduler::state() const {
  SchedulerState out;
  out.clock_ttis = clock_;
  out.carry = carry_;
  out.pointer = pointer_;
  out.sent = sent_;
  out.dedicated_carry = dedicated_carry_;
  out.max_carry = max_carry_;
  out.lending_pointer = lending_pointer_;
  for (const Block& block : blocks_) {
    out.block_user.push_back(block.user);
    out.block_prb.push_back(block.n_prb);
    out.block_attempts.push_back(block.attempts);
    out.block_due.push_back(block.due);
    out.block_sent_at.push_back(block.sent_at);
    out.block_offset.push_back(block.offset);
    out.block_bits.push_back(block.bits);
  }
  for (std::size_t u = 0; u < users_.size(); ++u) {
    const User& user = users_[u];
    std::int32_t at = user.head;
    for (std::int32_t k = 0; k < user.queued; ++k) {
      const Packet& packet = packets_[static_cast<std::size_t>(at)];
      out.packet_user.push_back(static_cast<std::int32_t>(u));
      out.packet_tti.push_back(packet.tti);
      out.packet_bits.push_back(k == 0 ? user.head_left : packet.bits);
      at = packet.next;
    }
    out.average.push_back(user.average);
    out.average_tti.push_back(user.average_tti);
  }
  return out;
}

void Scheduler::set_state(const SchedulerState& state) {
  check_size(std::span(state.packet_tti), state.packet_user.size(), "packet_tti");
  check_size(std::span(state.packet_bits), state.packet_user.size(), "packet_bits");
  check_size(std::span(state.carry), carry_.size(), "carry");
  check_size(std::span(state.pointer), pointer_.size(), "pointer");
  check_size(std::span(state.average), users_.size(), "average");
  check_size(std::span(state.average_tti), users_.size(), "average_tti");
  check_index(state.packet_user, config_.n_users, "packet_user");
  check_size(std::span(state.sent), sent_.size(), "sent");
  check_size(std::span(state.dedicated_carry), carry_.size(), "dedicated_carry");
  check_size(std::span(state.max_carry), carry_.size(), "max_carry");
  check_size(std::span(state.lending_pointer), lending_pointer_.size(), "lending_pointer");
  check_index(state.lending_pointer, config_.n_slices, "lending_pointer");
  check_index(state.block_user, config_.n_users, "block_user");
  const std::size_t n_blocks = state.block_user.size();
  check_size(std::span(state.block_prb), n_blocks, "block_prb");
  check_size(std::span(state.block_attempts), n_blocks, "block_attempts");
  check_size(std::span(state.block_due), n_blocks, "block_due");
  check_size(std::span(state.block_sent_at), n_blocks, "block_sent_at");
  check_size(std::span(state.block_offset), n_blocks, "block_offset");
  check_size(std::span(state.block_bits), n_blocks, "block_bits");
  for (std::size_t i = 0; i < state.packet_user.size(); ++i) {
    if (!(state.packet_bits[i] > 0) || state.packet_bits[i] != packet_on_grid(state.packet_bits[i]))
      refuse("packet_bits: row " + std::to_string(i) + " has " + std::to_string(state.packet_bits[i]) +
             ", allowed: above 0, in whole 1/1024");
    if (state.packet_tti[i] > state.clock_ttis)
      refuse("packet_tti: row " + std::to_string(i) + " has " + std::to_string(state.packet_tti[i]) +
             ", allowed: up to the clock, " + std::to_string(state.clock_ttis));
  }
  Scheduler fresh(config_, isa_);
  for (std::size_t i = 0; i < state.packet_user.size(); ++i)
    fresh.push(state.packet_user[i], state.packet_bits[i], state.packet_tti[i]);
  for (std::size_t u = 0; u < users_.size(); ++u) {
    fresh.users_[u].average = state.average[u];
    fresh.users_[u].average_tti = state.average_tti[u];
  }
  for (std::size_t i = 0; i < n_blocks; ++i)
    fresh.blocks_.push_back({state.block_offset[i], state.block_bits[i], state.block_due[i], state.block_sent_at[i],
                             state.block_user[i], state.block_prb[i], state.block_attempts[i]});
  fresh.sent_ = state.sent;
  fresh.dedicated_carry_ = state.dedicated_carry;
  fresh.max_carry_ = state.max_carry;
  fresh.lending_pointer_ = state.lending_pointer;
  fresh.carry_ = state.carry;
  fresh.pointer_ = state.pointer;
  fresh.clock_ = state.clock_ttis;
  *this = std::move(fresh);
}

}  // namespace slicefast
