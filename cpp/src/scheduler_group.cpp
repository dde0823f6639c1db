// One (cell, slice) through a window. See scheduler.hpp for the rules and scheduler_window.hpp for the layout.
//
// The averages T_u all decay by the same factor, so their order only changes where someone is served. They are kept in
// the scale of the span's start, T'_u(k) = T_u(k) / d^k with d = 1 - 1/a: unserved users then cost nothing, and a
// service of D bits in TTI k adds D / (a d^(k + 1)). A span ends before d^-k could overflow.
#include <algorithm>
#include <limits>

#include "scheduler_window.hpp"

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

std::size_t UserMask::next(std::size_t from) const {
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
  next_expiry = never;
  dropped_bits = 0;
  n_ready = 0;
  span_start = 0;
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
      enter(i, 0);
    }
}

void Scheduler::Group::touch(std::size_t local) {
  const std::size_t slot = first + local;
  const auto user = static_cast<std::size_t>(work->user_at[slot]);
  touched.set(local);
  work->delivered[slot] = 0;
  work->busy[slot] = 0;
  work->rate[slot] = rate_on_grid(static_cast<double>(window->bits_per_prb[user]));
  if (own->config_.kind == SchedulerKind::proportional_fair) {
    work->rate_alpha[slot] = power(work->rate[slot], own->config_.alpha);
    User& state = own->users_[user];
    const std::int64_t now = own->clock_ + span_start;
    const auto idle = static_cast<double>(now - state.average_tti);
    if (idle > 0) state.average = std::max(state.average * std::pow(own->decay_, idle), smallest_average);
    state.average_tti = now;
  }
}

double Scheduler::Group::metric_of(std::size_t slot) const {
  if (own->config_.kind != SchedulerKind::proportional_fair) return work->rate[slot];
  const User& user = own->users_[static_cast<std::size_t>(work->user_at[slot])];
  return work->rate_alpha[slot] / power(user.average, own->config_.beta);
}

void Scheduler::Group::enter(std::size_t local, int tti) {
  const std::size_t slot = first + local;
  work->busy_since[slot] = tti;
  const User& user = own->users_[static_cast<std::size_t>(work->user_at[slot])];
  if (own->config_.discard_ttis > 0)
    next_expiry =
        std::min(next_expiry, own->packets_[static_cast<std::size_t>(user.head)].tti + own->config_.discard_ttis);
  if (work->rate[slot] <= 0) return;
  ready.set(local);
  ++n_ready;
  work->metric[slot] = metric_of(slot);
}

void Scheduler::Group::leave(std::size_t local, int tti) {
  const std::size_t slot = first + local;
  work->busy[slot] += tti + 1 - work->busy_since[slot];
  if (!ready.test(local)) return;
  ready.clear(local);
  --n_ready;
}

// Drops what is too old. Serving moves heads on without updating next_expiry, so a call may find nothing to drop; it
// then looks up when the next timer runs out.
void Scheduler::Group::expire(int tti) {
  const std::int64_t now = own->clock_ + tti;
  next_expiry = never;
  touched.for_each([&](std::size_t local) {
    const auto number = static_cast<std::size_t>(work->user_at[first + local]);
    User& user = own->users_[number];
    if (user.queued == 0) return;
    while (user.queued > 0) {
      const std::int64_t arrived = own->packets_[static_cast<std::size_t>(user.head)].tti;
      if (arrived + own->config_.discard_ttis > now) {
        next_expiry = std::min(next_expiry, arrived + own->config_.discard_ttis);
        return;
      }
      delay_sum += now - arrived;
      ++n_packets;
      dropped_bits += user.head_left;
      own->backlog_[number] -= user.head_left;
      own->pop(user);
    }
    leave(local, tti - 1);
  });
}

void Scheduler::Group::admit(int tti) {
  for (; next_arrival != last_arrival && next_arrival->tti <= tti; ++next_arrival) {
    const auto local = static_cast<std::size_t>(next_arrival->local);
    const std::int32_t user = work->user_at[first + local];
    const bool idle = own->users_[static_cast<std::size_t>(user)].queued == 0;
    own->push(user, next_arrival->bits, own->clock_ + next_arrival->tti);
    if (!idle) continue;
    if (!touched.test(local)) touch(local);
    enter(local, tti);
  }
}

int Scheduler::Group::need(std::size_t slot, int limit) const {
  const double backlog = own->backlog_[static_cast<std::size_t>(work->user_at[slot])];
  if (backlog >= limit * work->rate[slot]) return limit;
  return static_cast<int>(std::ceil(backlog / work->rate[slot]));  // exact: both are on the grid
}

void Scheduler::Group::serve(std::size_t local, int n_prb, int tti) {
  const std::size_t slot = first + local;
  const auto number = static_cast<std::size_t>(work->user_at[slot]);
  User& user = own->users_[number];
  double& backlog = own->backlog_[number];
  const double bits = std::min(backlog, n_prb * work->rate[slot]);
  prbs_used += n_prb;
  backlog -= bits;
  work->delivered[slot] += bits;

  double left = bits;
  while (user.queued > 0 && left >= user.head_left) {
    left -= user.head_left;
    delay_sum += own->clock_ + tti + 1 - own->packets_[static_cast<std::size_t>(user.head)].tti;
    ++n_packets;
    own->pop(user);
  }
  user.head_left -= left;

  if (own->config_.kind == SchedulerKind::proportional_fair) {
    user.average += bits * gain;
    work->metric[slot] = metric_of(slot);
  }
  if (user.queued == 0) leave(local, tti);
}

std::size_t Scheduler::Group::best() const {
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

// PRB by PRB round the users, in bulk: every pass deals as many full rounds as are sure to be there.
void Scheduler::Group::allocate_round_robin(int quota, int tti) {
  dealt = true;
  if (n_ready == 1) {
    const std::size_t local = ready.next(pointer);
    pointer = local;
    serve(local, need(first + local, quota), tti);
    return;
  }
  auto& needed = work->needed;
  auto& given = work->given;
  ready.for_each([&](std::size_t local) {
    needed[first + local] = need(first + local, quota);
    given[first + local] = 0;
  });
  std::size_t hungry = n_ready;
  const std::size_t members = n_ready;
  while (quota > 0 && hungry > 0) {
    const int rounds = std::max(1, quota / static_cast<int>(hungry));
    int most = 0;
    std::size_t at = pointer, last = pointer;
    for (std::size_t k = 0; k < members && quota > 0; ++k) {
      at = ready.next(at);
      const std::size_t slot = first + at;
      const int part = std::min(rounds, needed[slot] - given[slot]);
      if (part <= 0) continue;
      given[slot] += part;
      quota -= part;
      if (part >= most) {  // the last PRB dealt is the one of the longest run, the later user first
        most = part;
        last = at;
      }
      if (given[slot] == needed[slot]) --hungry;
    }
    pointer = last;
  }
  auto& order = work->order;
  order.clear();
  ready.for_each([&](std::size_t local) { order.push_back(local); });
  for (const std::size_t local : order)
    if (given[first + local] > 0) serve(local, given[first + local], tti);
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
  const bool round_robin = own->config_.kind == SchedulerKind::round_robin;
  for (int tti = from; tti < to; ++tti) {
    admit(tti);
    if (own->clock_ + tti >= next_expiry) expire(tti);
    if (n_ready == 0) {
      std::int64_t event = next_expiry == never ? never : next_expiry - own->clock_;
      if (next_arrival != last_arrival) event = std::min<std::int64_t>(event, next_arrival->tti);
      if (event >= to) return;
      tti = static_cast<int>(event) - 1;
      continue;
    }
    const int quota = quotas[static_cast<std::size_t>(tti) * stride];
    if (quota == 0) continue;
    if (averages) gain = work->gain_at[static_cast<std::size_t>(tti - from)];
    round_robin ? allocate_round_robin(quota, tti) : allocate_best(quota, tti);
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
  touched.for_each([&](std::size_t local) {
    own->users_[static_cast<std::size_t>(work->user_at[first + local])].average_tti = own->clock_ + n_ttis;
  });
}

void Scheduler::Group::measure(const WindowKpis& kpis) {
  const int n_ttis = window->n_ttis;
  const std::int64_t now = own->clock_ + n_ttis;
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
    if (work->busy[slot] > 0) {  // 0: all it had was dropped at the window's start
      throughput += work->delivered[slot] / (work->busy[slot] * tti_s);
      ++users;
    }
    if (!kpis.user_delivered_bits.empty()) kpis.user_delivered_bits[number] = work->delivered[slot];
    if (!kpis.user_busy_ttis.empty()) kpis.user_busy_ttis[number] = work->busy[slot];
  });
  if (dealt) own->pointer_[index] = work->user_at[first + pointer];
  kpis.throughput_bps.data[index] = users ? throughput / static_cast<double>(users) : 0.0;
  kpis.delay_ms.data[index] =
      n_packets ? static_cast<double>(delay_sum) / static_cast<double>(n_packets) * (tti_s * 1e3) : 0.0;
  kpis.load.data[index] = static_cast<double>(prbs_used) / (static_cast<double>(own->config_.n_prb) * n_ttis);
  if (!kpis.dropped_bits.empty()) kpis.dropped_bits.data[index] = dropped_bits;
  kpis.users.data[index] = window->active.empty() ? static_cast<double>(users) : work->active_users[index];
}

}  // namespace slicefast
