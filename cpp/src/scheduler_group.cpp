// One (cell, slice) through a window. See scheduler.hpp for the rules and scheduler_window.hpp for the layout.
//
// The averages T_u all decay by the same factor, so their order only changes where someone is served. They are kept in
// the scale of the span's start, T'_u(k) = T_u(k) / d^k with d = 1 - 1/a: unserved users then cost nothing, and a
// service of D bits in TTI k adds D / (a d^(k + 1)). A span ends before d^-k could overflow.
#include <algorithm>
#include <limits>

#include "quantile.hpp"
#include "scheduler_window.hpp"
#include "slicefast/link_adaptation.hpp"

namespace slicefast {

namespace {

// Keeps an average that decayed for thousands of TTIs out of the denormals; far below any average of a served user.
constexpr double smallest_average = 1e-30;

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

double power(double base, double exponent) {
  if (exponent == 1.0) return base;
  if (exponent == 0.0) return 1.0;
  return std::pow(base, exponent);
}

}  // namespace

inline std::size_t UserMask::next(std::size_t from) const {
  const std::size_t w0 = from >> 6;
  const std::uint64_t behind = (from & 63) == 63 ? 0 : words_[w0] & (~std::uint64_t{0} << ((from & 63) + 1));
  if (behind) return (w0 << 6) + static_cast<std::size_t>(__builtin_ctzll(behind));
  for (std::size_t k = 1; k <= words_.size(); ++k) {
    const std::size_t w = (w0 + k) % words_.size();
    if (words_[w]) return (w << 6) + static_cast<std::size_t>(__builtin_ctzll(words_[w]));
  }
  return from;
}

void Scheduler::Group::begin(std::size_t group) {
  index = group;
  first = static_cast<std::size_t>(work->first[group]);
  n_users = static_cast<std::size_t>(work->first[group + 1]) - first;
  next_arrival = work->arrivals.data() + work->first_arrival[group];
  last_arrival = work->arrivals.data() + work->first_arrival[group + 1];
  delay_sum = n_packets = prbs_used = 0;
  delivered_bits = dropped_bits = 0;
  next_expiry = never;
  n_ready = 0;
  span_start = 0;
  const auto& ages = own->config_.discard_ttis;
  discard_ttis = ages.empty() ? 0 : ages[group % ages.size()];
  simple = own->sent_.empty() && window->tbs_index.empty();
  dealt = false;
  ready.reset(n_users);
  touched.reset(n_users);
  // The user who got the last PRB may be gone: go on from where it stood.
  const auto begin = work->user_at.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = begin + static_cast<std::ptrdiff_t>(n_users);
  const auto behind = std::upper_bound(begin, end, own->pointer_[group]);
  pointer = behind == begin ? (n_users ? n_users - 1 : 0) : static_cast<std::size_t>(behind - begin) - 1;
  for (std::size_t i = 0; i < n_users; ++i)
    if (own->users_[static_cast<std::size_t>(begin[static_cast<std::ptrdiff_t>(i)])].queued > 0) {
      touch(i);
      work->busy_since[first + i] = 0;
      start_timer(static_cast<std::size_t>(work->user_at[first + i]));
      set_ready(i);
    }
  const auto of_group = [this](const Block& block) {
    return static_cast<std::size_t>(work->group_of[static_cast<std::size_t>(block.user)]);
  };
  // Not std::ranges::equal_range: clang 14 and 15 cannot compile the ranges of libstdc++.
  const auto low = std::partition_point(own->blocks_.begin(), own->blocks_.end(),
                                        [&](const Block& block) { return of_group(block) < group; });
  const auto high =
      std::partition_point(low, own->blocks_.end(), [&](const Block& block) { return of_group(block) == group; });
  blocks.assign(low, high);
}

inline void Scheduler::Group::touch(std::size_t local) {
  const std::size_t slot = first + local;
  const auto user = static_cast<std::size_t>(work->user_at[slot]);
  touched.set(local);
  work->delivered[slot] = 0;
  work->busy[slot] = 0;
  if (window->tbs_index.empty()) {
    work->rate[slot] = rate_on_grid(static_cast<double>(window->bits_per_prb[user]));
  } else {
    work->tbs_index[slot] = window->tbs_index[user];
    work->rate[slot] =
        transport_block_bits(work->tbs_index[slot], own->config_.n_prb) / static_cast<double>(own->config_.n_prb);
  }
  if (own->config_.kind == SchedulerKind::proportional_fair) {
    work->rate_alpha[slot] = power(work->rate[slot], own->config_.alpha);
    User& state = own->users_[user];
    const std::int64_t now = own->clock_ + span_start;
    const auto idle = static_cast<double>(now - state.average_tti);
    if (idle > 0) {
      const auto k = static_cast<std::size_t>(idle);
      const double decay = k < work->decay_over.size() ? work->decay_over[k] : std::pow(own->decay_, idle);
      state.average = std::max(state.average * decay, smallest_average);
    }
    state.average_tti = now;
  }
}

inline double Scheduler::Group::metric_of(std::size_t slot) const {
  if (own->config_.kind != SchedulerKind::proportional_fair) return work->rate[slot];
  const User& user = own->users_[static_cast<std::size_t>(work->user_at[slot])];
  return work->rate_alpha[slot] / power(user.average, own->config_.beta);
}

inline void Scheduler::Group::set_ready(std::size_t local) {
  const std::size_t slot = first + local;
  if (work->rate[slot] <= 0 || fresh_bits(static_cast<std::size_t>(work->user_at[slot])) <= 0) return;
  ready.set(local);
  ++n_ready;
  work->metric[slot] = metric_of(slot);
}

inline void Scheduler::Group::clear_ready(std::size_t local) {
  ready.clear(local);
  --n_ready;
}

void Scheduler::Group::drop(std::size_t user, double bits) {
  dropped_bits += bits;
  if (!kpis->user_dropped_bits.empty()) kpis->user_dropped_bits[user] += bits;
}

inline void Scheduler::Group::start_timer(std::size_t user) {
  if (discard_ttis == 0) return;
  const std::int64_t arrived = own->packets_[static_cast<std::size_t>(own->users_[user].head)].tti;
  next_expiry = std::min(next_expiry, arrived + discard_ttis);
}

// Drops what is too old. Serving moves heads on without updating next_expiry, so a call may find nothing to drop; it
// then looks up when the next timer runs out. A packet with bits in the air is left to HARQ.
void Scheduler::Group::expire(int tti) {
  const std::int64_t now = own->clock_ + tti;
  next_expiry = never;
  touched.for_each([&](std::size_t local) {
    const auto number = static_cast<std::size_t>(work->user_at[first + local]);
    User& user = own->users_[number];
    if (user.queued == 0) return;
    if (!own->sent_.empty() && own->sent_[number] > 0) {
      next_expiry = now + 1;
      return;
    }
    while (user.queued > 0) {
      const std::int64_t arrived = own->packets_[static_cast<std::size_t>(user.head)].tti;
      if (arrived + discard_ttis > now) {
        next_expiry = std::min(next_expiry, arrived + discard_ttis);
        return;
      }
      delay_sum += now - arrived;
      ++n_packets;
      drop(number, user.head_left);
      own->backlog_[number] -= user.head_left;
      own->pop(user);
    }
    work->busy[first + local] += tti - work->busy_since[first + local];
    if (ready.test(local)) clear_ready(local);
  });
}

void Scheduler::Group::admit(int tti) {
  const double limit = own->config_.buffer_bits;
  for (; next_arrival != last_arrival && next_arrival->tti <= tti; ++next_arrival) {
    const auto local = static_cast<std::size_t>(next_arrival->local);
    const std::int32_t user = work->user_at[first + local];
    const auto number = static_cast<std::size_t>(user);
    if (limit > 0 && own->backlog_[number] + next_arrival->bits > limit) {
      drop(number, next_arrival->bits);
      continue;
    }
    const bool was_empty = own->users_[number].queued == 0;
    own->push(user, next_arrival->bits, own->clock_ + next_arrival->tti);
    if (was_empty) {
      if (!touched.test(local)) touch(local);
      work->busy_since[first + local] = tti;
      start_timer(number);
    }
    if (!ready.test(local)) set_ready(local);
  }
}

inline double Scheduler::Group::fresh_bits(std::size_t user) const {
  return simple || own->sent_.empty() ? own->backlog_[user] : own->backlog_[user] - own->sent_[user];
}

inline double Scheduler::Group::capacity(std::size_t slot, int n_prb) const {
  return simple || window->tbs_index.empty() ? n_prb * work->rate[slot]
                                             : transport_block_bits(work->tbs_index[slot], n_prb);
}

inline int Scheduler::Group::need(std::size_t slot, int limit) const {
  const double bits = fresh_bits(static_cast<std::size_t>(work->user_at[slot]));
  if (bits >= capacity(slot, limit)) return limit;
  int n_prb = 1;
  if (window->tbs_index.empty()) {
    const double exact = bits / work->rate[slot];  // rounded right: both are on the grid
    n_prb = static_cast<int>(exact);
    n_prb += n_prb < exact;
  } else {
    int low = 0;  // capacity(low) < bits <= capacity(high)
    for (int high = n_prb = limit; high - low > 1; n_prb = high) {
      const int middle = (low + high) / 2;
      (capacity(slot, middle) < bits ? low : high) = middle;
    }
  }
  const int group = own->config_.rbg_prb;
  return group == 1 ? n_prb : std::min(limit, in_groups(n_prb, group) * group);
}

inline void Scheduler::Group::serve(std::size_t local, int n_prb, int tti) {
  const std::size_t slot = first + local;
  const auto number = static_cast<std::size_t>(work->user_at[slot]);
  prbs_used += n_prb;
  User& user = own->users_[number];
  const bool averages = own->config_.kind == SchedulerKind::proportional_fair;
  const double bits = std::min(fresh_bits(number), capacity(slot, n_prb));
  if (simple && bits < user.head_left) {  // no packet ends: most transmissions
    user.head_left -= bits;
    own->backlog_[number] -= bits;
    work->delivered[slot] += bits;
    if (averages) {
      user.average += bits * gain;
      work->metric[slot] = metric_of(slot);
    }
    return;
  }
  if (own->sent_.empty()) {
    hand_up(local, bits, tti);
  } else {
    send_block(local, bits, n_prb, tti);
  }
  if (averages) {
    user.average += bits * gain;
    work->metric[slot] = metric_of(slot);
  }
  if (fresh_bits(number) <= 0) clear_ready(local);
}

// The next `bits` of the queue leave: to the user above, or lost for good.
void Scheduler::Group::hand_up(std::size_t local, double bits, int tti, bool lost) {
  const std::size_t slot = first + local;
  const auto number = static_cast<std::size_t>(work->user_at[slot]);
  User& user = own->users_[number];
  own->backlog_[number] -= bits;
  if (lost) {
    drop(number, bits);
  } else {
    work->delivered[slot] += bits;
  }
  double left = bits;
  while (user.queued > 0 && left >= user.head_left) {
    left -= user.head_left;
    delay_sum += own->clock_ + tti + 1 - own->packets_[static_cast<std::size_t>(user.head)].tti;
    ++n_packets;
    own->pop(user);
  }
  user.head_left -= left;
  if (user.queued == 0) work->busy[slot] += tti + 1 - work->busy_since[slot];
}

inline std::size_t Scheduler::Group::best() const {
  const double* metric = work->metric.data() + first;
  std::size_t found = 0;
  double highest = -1.0;
  ready.for_each([&](std::size_t local) {
    if (metric[local] > highest) {
      highest = metric[local];
      found = local;
    }
  });
  return found;
}

// The best user takes what its queue needs, then the next best: with one rate per user and TTI this is the argmax of
// every single PRB.
void Scheduler::Group::allocate_best(int quota, int tti) {
  while (quota > 0 && n_ready > 0) {
    const std::size_t local = best();
    const int n_prb = need(first + local, quota);
    serve(local, n_prb, tti);
    quota -= n_prb;
  }
}

// Where every queue takes its equal part and one more, nothing has to be looked up: the common case under load.
bool Scheduler::Group::deal_plenty(int left, int missing, int tti) {
  const int unit = own->config_.rbg_prb, users = static_cast<int>(n_ready);
  const int rounds = left / users, odd = left % users, extra = own->config_.deal_leftover ? odd : 0;
  bool plenty = true;
  ready.for_each([&](std::size_t local) {
    const std::size_t slot = first + local;
    plenty &= fresh_bits(static_cast<std::size_t>(work->user_at[slot])) >= capacity(slot, (rounds + 1) * unit);
  });
  if (!plenty) return false;
  const int last = extra > 0 ? extra : users;  // who is dealt the last one
  std::size_t at = pointer;
  for (int k = 1; k <= users; ++k) {
    at = ready.next(at);
    if (k == last) pointer = at;
    serve(at, (rounds + (k <= extra ? 1 : 0)) * unit - (k == last && extra == odd ? missing : 0), tti);
  }
  return true;
}

// Two users take turns until one has what it needs; the other takes the rest. The longest run ends last.
void Scheduler::Group::deal_two(int quota, int left, int missing, int tti) {
  const int unit = own->config_.rbg_prb;
  const std::size_t next = ready.next(pointer), other = ready.next(next);
  const int next_need = in_groups(need(first + next, quota), unit);
  const int other_need = in_groups(need(first + other, quota), unit);
  const int next_part = std::min(next_need, std::max(left - left / 2, left - other_need));
  const int other_part = std::min(other_need, std::max(left / 2, left - next_need));
  pointer = next_part > other_part ? next : other;
  const bool short_by_some = next_part + other_part == left;
  const auto deal = [&](std::size_t local, int part) {
    if (part > 0) serve(local, part * unit - (short_by_some && local == pointer ? missing : 0), tti);
  };
  // In the order of user numbers, as everywhere.
  next < other ? deal(next, next_part) : deal(other, other_part);
  next < other ? deal(other, other_part) : deal(next, next_part);
}

// Group by group of PRBs round the users, in bulk: every pass deals as many full rounds as are sure to be there.
void Scheduler::Group::allocate_round_robin(int quota, int tti) {
  const int unit = own->config_.rbg_prb;
  int left = in_groups(quota, unit);
  const int missing = left * unit - quota;  // of the last group
  if (left <= static_cast<int>(n_ready)) {  // one each, and whoever waits needs one
    std::size_t at = pointer;
    for (; left > 0; --left) {
      at = ready.next(at);
      serve(at, left > 1 ? unit : unit - missing, tti);
    }
    pointer = at;
    return;
  }
  if (deal_plenty(left, missing, tti)) return;
  if (n_ready == 2 && own->config_.deal_leftover) return deal_two(quota, left, missing, tti);
  auto& needed = work->needed;
  auto& given = work->given;
  auto& order = work->order;
  order.clear();
  ready.for_each([&](std::size_t local) {
    needed[first + local] = in_groups(need(first + local, quota), unit);
    given[first + local] = 0;
    order.push_back(local);
  });
  std::size_t hungry = order.size();
  while (left > 0 && hungry > 0) {
    const int rounds = std::max(1, left / static_cast<int>(hungry));
    int most = 0;
    std::size_t at = pointer, last = pointer;
    for (std::size_t k = 0; k < order.size() && left > 0; ++k) {
      at = ready.next(at);
      const std::size_t slot = first + at;
      const int part = std::min(rounds, needed[slot] - given[slot]);
      if (part <= 0) continue;
      given[slot] += part;
      left -= part;
      if (part >= most) {  // the last one dealt is the one of the longest run, the later user first
        most = part;
        last = at;
      }
      if (given[slot] == needed[slot]) --hungry;
    }
    pointer = last;
    if (!own->config_.deal_leftover) break;
  }
  for (const std::size_t local : order)
    if (given[first + local] > 0)
      serve(local, given[first + local] * unit - (left == 0 && local == pointer ? missing : 0), tti);
}

void Scheduler::Group::allocate(int quota, int tti) {
  if (!blocks.empty()) quota = retransmit(quota, tti);
  if (quota <= 0 || n_ready == 0) return;
  if (own->config_.kind != SchedulerKind::round_robin) return allocate_best(quota, tti);
  dealt = true;
  if (n_ready > 1) return allocate_round_robin(quota, tti);
  pointer = ready.next(pointer);
  serve(pointer, need(first + pointer, quota), tti);
}

int Scheduler::Group::need_in_groups(int limit, int tti) const {
  const int unit = own->config_.rbg_prb;
  int total = 0;
  for (const Block& block : blocks)
    if (block.attempts >= 0 && block.due <= own->clock_ + tti) total += in_groups(block.n_prb, unit);
  ready.for_each([&](std::size_t local) {
    if (total < limit) total += in_groups(need(first + local, limit * unit), unit);
  });
  return std::min(total, limit);
}

void Scheduler::Group::rescale(double factor) {
  touched.for_each([&](std::size_t local) {
    const std::size_t slot = first + local;
    User& user = own->users_[static_cast<std::size_t>(work->user_at[slot])];
    user.average = std::max(user.average * factor, smallest_average);
    work->metric[slot] = metric_of(slot);
  });
}

void Scheduler::Group::run_span(int from, int to) {
  const std::uint16_t* quotas = work->quota.data() + work->quota_offset;
  const std::size_t stride = work->quota_stride;
  const bool averages = own->config_.kind == SchedulerKind::proportional_fair;
  for (int tti = from; tti < to; ++tti) {
    if (next_arrival != last_arrival && next_arrival->tti <= tti) admit(tti);
    if (own->clock_ + tti >= next_expiry) expire(tti);
    if (idle()) {
      std::int64_t event = next_expiry == never ? never : next_expiry - own->clock_;
      if (next_arrival != last_arrival) event = std::min<std::int64_t>(event, next_arrival->tti);
      if (event >= to) return;
      tti = static_cast<int>(event) - 1;
      continue;
    }
    const int quota = quotas[static_cast<std::size_t>(tti) * stride];
    if (quota == 0) continue;
    if (averages) gain = work->gain_at[static_cast<std::size_t>(tti - from)];
    allocate(quota, tti);
  }
}

void Scheduler::Group::run() {
  const int n_ttis = window->n_ttis;
  if (own->config_.kind != SchedulerKind::proportional_fair) return run_span(0, n_ttis);
  const int span = static_cast<int>(work->gain_at.size());
  for (int from = 0; from < n_ttis; from += span) {
    const int to = std::min(n_ttis, from + span);
    span_start = from;
    run_span(from, to);
    rescale(work->decay_over[static_cast<std::size_t>(to - from)]);
  }
}

void Scheduler::Group::end_window() {
  if (own->config_.kind == SchedulerKind::proportional_fair)
    touched.for_each([&](std::size_t local) {
      own->users_[static_cast<std::size_t>(work->user_at[first + local])].average_tti = own->clock_ + window->n_ttis;
    });
  if (dealt) own->pointer_[index] = work->user_at[first + pointer];
  keep_blocks();
  measure();
}

void Scheduler::Group::measure() {
  const int n_ttis = window->n_ttis;
  const std::int64_t now = own->clock_ + n_ttis;
  const bool percentile = !kpis->throughput_p5_bps.empty();
  work->user_throughput.clear();
  double throughput = 0;
  std::size_t users = 0;
  touched.for_each([&](std::size_t local) {
    const std::size_t slot = first + local;
    const auto number = static_cast<std::size_t>(work->user_at[slot]);
    const User& user = own->users_[number];
    if (user.queued > 0) {
      work->busy[slot] += n_ttis - work->busy_since[slot];
      delay_sum += now * user.queued - user.arrival_sum;
      n_packets += user.queued;
    }
    delivered_bits += work->delivered[slot];
    if (work->busy[slot] > 0) {  // 0: all it had was dropped at the window's start
      const double user_throughput = work->delivered[slot] / (work->busy[slot] * tti_s);
      throughput += user_throughput;
      ++users;
      if (percentile) work->user_throughput.push_back(user_throughput);
    }
    if (!kpis->user_delivered_bits.empty()) kpis->user_delivered_bits[number] = work->delivered[slot];
    if (!kpis->user_busy_ttis.empty()) kpis->user_busy_ttis[number] = work->busy[slot];
  });
  kpis->throughput_bps.data[index] = users ? throughput / static_cast<double>(users) : 0.0;
  kpis->delay_ms.data[index] =
      n_packets ? static_cast<double>(delay_sum) / static_cast<double>(n_packets) * (tti_s * 1e3) : 0.0;
  kpis->load.data[index] = static_cast<double>(prbs_used) / (static_cast<double>(own->config_.n_prb) * n_ttis);
  kpis->users.data[index] = window->active.empty() ? static_cast<double>(users) : work->active_users[index];
  work->bits_out += grid_units(delivered_bits) + grid_units(dropped_bits);
  if (!kpis->delivered_bits.empty()) kpis->delivered_bits.data[index] = delivered_bits;
  if (!kpis->dropped_bits.empty()) kpis->dropped_bits.data[index] = dropped_bits;
  if (!kpis->spectral_efficiency.empty())
    kpis->spectral_efficiency.data[index] =
        prbs_used ? delivered_bits / (static_cast<double>(prbs_used) * own->config_.prb_bandwidth_hz * tti_s) : 0.0;
  if (percentile) kpis->throughput_p5_bps.data[index] = quantile(work->user_throughput, 0.05);
}

}  // namespace slicefast
