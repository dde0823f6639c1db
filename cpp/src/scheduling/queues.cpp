// Packets in and out: admission and its limits, discard timers, first in, first out.
#include "scheduling/cell_slice.hpp"

namespace slicefast {

CellSlice::CellSlice(const SchedulerConfig& config, const Averaging& averaging, LiveState& live, Workspace& work,
                     CellWork& own, const Window& window, const WindowKpis& kpis)
    : config_(&config),
      averaging_(&averaging),
      live_(&live),
      work_(&work),
      own_(&own),
      window_(&window),
      kpis_(&kpis),
      averages_(averaging.metric != Metric::rate),
      harq_(config.harq()),
      simple_(!harq_ && window.tbs_index.empty()),
      in_turns_(config.kind == SchedulerKind::round_robin && simple_ && config.rbg_prb == 1 && config.deal_leftover &&
                !window.policy()) {}

void LiveState::pop_packet(UserQueue& user, std::vector<std::int32_t>& free) {
  const std::int32_t freed = user.head;
  const QueuedPacket& packet = packets[static_cast<std::size_t>(freed)];
  user.arrival_sum -= packet.tti;
  user.head = packet.next;
  free.push_back(freed);
  --user.queued;
  user.head_lost = false;
  user.head_left = user.queued > 0 ? packets[static_cast<std::size_t>(user.head)].bits : 0.0;
}

void LiveState::push_packet(std::int32_t user, double bits, std::int64_t tti, std::vector<std::int32_t>& free) {
  auto place = static_cast<std::int32_t>(packets.size());
  if (free.empty()) {
    packets.emplace_back();
  } else {
    place = free.back();
    free.pop_back();
  }
  packets[static_cast<std::size_t>(place)] = {bits, tti, -1};
  const auto number = static_cast<std::size_t>(user);
  UserQueue& queue = users[number];
  if (queue.queued == 0) {
    queue.head = place;
    queue.head_left = bits;
  } else {
    packets[static_cast<std::size_t>(queue.tail)].next = place;
  }
  queue.tail = place;
  ++queue.queued;
  queue.arrival_sum += tti;
  backlog[number] += bits;
}

// A user's first data in the window: its counters start, its average comes to the scale of the span.
void CellSlice::note_first_data(std::size_t local) {
  const std::size_t slot = first_ + local, user = number_of(local);
  touched_.set(local);
  work_->carried[slot] = work_->completed[slot] = work_->taken_back[slot] = work_->busy[slot] = 0;
  work_->refused[slot] = 0;
  if (window_->tbs_index.empty()) {
    work_->rate[slot] = rate_on_grid(static_cast<double>(window_->bits_per_prb[user]));
  } else {
    work_->tbs_index[slot] = window_->tbs_index[user];
    work_->rate[slot] = transport_block_bits(work_->tbs_index[slot], config_->n_prb, config_->mcs_table) /
                        static_cast<double>(config_->n_prb);
  }
  if (!averages_) return;
  work_->rate_part[slot] = averaging_->metric == Metric::quotient ? power(work_->rate[slot], config_->alpha)
                                                                  : config_->alpha * std::log(work_->rate[slot]);
  UserQueue& queue = live_->users[user];
  const std::int64_t now = live_->clock + span_start_;
  const auto idle_ttis = static_cast<double>(now - queue.average_tti);
  if (idle_ttis > 0) {
    const auto k = static_cast<std::size_t>(idle_ttis);
    const double decay = k < work_->decay_over.size() ? work_->decay_over[k] : std::pow(averaging_->decay, idle_ttis);
    queue.average = std::max(queue.average * decay, averaging_->smallest);
  }
  queue.average_tti = now;
}

// A packet, whole.
void CellSlice::count_dropped(std::size_t user, double bits) {
  dropped_units_ += grid_units(bits);
  ++n_lost_;
  if (!kpis_->user_dropped_bits.empty()) kpis_->user_dropped_bits[user] += bits;
}

// What was sent of the packet at the head is of no use: the packet is not going to be complete.
void CellSlice::take_back(std::size_t local) {
  UserQueue& user = live_->users[number_of(local)];
  if (!user.head_lost) work_->taken_back[first_ + local] += live_->head_sent(user);
}

inline void CellSlice::start_discard_timer(std::size_t user) {
  if (discard_ttis_ == 0) return;
  const std::int64_t arrived = live_->packets[static_cast<std::size_t>(live_->users[user].head)].tti;
  next_expiry_ = std::min(next_expiry_, arrived + discard_ttis_);
}

// Drops what is too old. Serving moves heads on without updating next_expiry_, so a call may find nothing to drop; it
// then looks up when the next timer runs out. A packet with bits in the air is left to HARQ.
void CellSlice::discard_old_packets(int tti) {
  const std::int64_t now = live_->clock + tti;
  next_expiry_ = no_tti;
  touched_.for_each([&](std::size_t local) {
    const std::size_t number = number_of(local);
    UserQueue& user = live_->users[number];
    if (user.queued == 0) return;
    if (harq_ && live_->sent[number] > 0) {
      next_expiry_ = now + 1;
      return;
    }
    if (const std::int64_t oldest = live_->packets[static_cast<std::size_t>(user.head)].tti;
        oldest + discard_ttis_ > now) {
      next_expiry_ = std::min(next_expiry_, oldest + discard_ttis_);
      return;
    }
    if (in_turns_ && ready_.test(local)) catch_up(local, turns_of(local));
    while (user.queued > 0) {
      const std::int64_t arrived = live_->packets[static_cast<std::size_t>(user.head)].tti;
      if (arrived + discard_ttis_ > now) {
        next_expiry_ = std::min(next_expiry_, arrived + discard_ttis_);
        if (in_turns_ && ready_.test(local)) note_next_end(local);
        return;
      }
      delay_sum_ += now - arrived;
      ++n_packets_;
      take_back(local);
      count_dropped(number, live_->packets[static_cast<std::size_t>(user.head)].bits);
      live_->backlog[number] -= user.head_left;
      live_->pop_packet(user, *own_->free_places);
    }
    work_->busy[first_ + local] += tti - work_->busy_since[first_ + local];
    if (ready_.test(local)) clear_ready(local);
  });
}

// It counts as one that waits the whole window, in vain: see kpis.hpp.
void CellSlice::refuse_packet(std::size_t local, double bits) {
  if (!touched_.test(local)) note_first_data(local);
  work_->refused[first_ + local] = 1;
  delay_sum_ += window_->n_ttis;
  ++n_packets_;
  count_dropped(number_of(local), bits);
}

void CellSlice::admit_packets(int tti) {
  const double limit = config_->buffer_bits;
  for (; next_arrival_ != last_arrival_ && next_arrival_->tti <= tti; ++next_arrival_) {
    const auto local = static_cast<std::size_t>(next_arrival_->local);
    const std::size_t slot = first_ + local, number = number_of(local);
    if (limit > 0 && in_turns_ && ready_.test(local)) catch_up(local, turns_of(local));
    if (limit > 0 && live_->backlog[number] + next_arrival_->bits > limit) {
      refuse_packet(local, next_arrival_->bits);
      continue;
    }
    const bool was_empty = live_->users[number].queued == 0;
    live_->push_packet(work_->user_at[slot], next_arrival_->bits, live_->clock + next_arrival_->tti,
                       *own_->free_places);
    if (was_empty) {
      if (!touched_.test(local)) note_first_data(local);
      work_->busy_since[slot] = tti;
      start_discard_timer(number);
    }
    if (!ready_.test(local)) set_ready(local);
  }
}

// Where no packet is discarded what is sent counts at once, what was sent in a slice with a timer included.
void CellSlice::count_sent_part(std::size_t local) {
  UserQueue& user = live_->users[number_of(local)];
  work_->completed[first_ + local] += live_->head_sent(user);
  live_->packets[static_cast<std::size_t>(user.head)].bits = user.head_left;
}

// The packet at the head has left whole: it is there, or lost with a block of HARQ.
void CellSlice::end_packet(std::size_t local, int tti) {
  const std::size_t number = number_of(local);
  UserQueue& user = live_->users[number];
  const QueuedPacket& packet = live_->packets[static_cast<std::size_t>(user.head)];
  const std::int64_t delay = live_->clock + tti + 1 - packet.tti;
  delay_sum_ += delay;
  ++n_packets_;
  if (user.head_lost) {
    count_dropped(number, packet.bits);
  } else {
    if (by_packet_) work_->completed[first_ + local] += packet.bits;
    delivered_delay_sum_ += delay;
    ++n_delivered_;
    if (delay_counts_) ++delay_counts_[delay_bin(delay)];
  }
  live_->pop_packet(user, *own_->free_places);
}

// The next `bits` of the queue leave: to the user above, or lost for good.
void CellSlice::hand_up(std::size_t local, double bits, int tti, bool lost) {
  const std::size_t slot = first_ + local, number = number_of(local);
  UserQueue& user = live_->users[number];
  live_->backlog[number] -= bits;
  for (double left = bits; left > 0;) {
    if (lost) {
      take_back(local);
      user.head_lost = true;
    }
    const double part = std::min(left, user.head_left);
    if (!user.head_lost) work_->carried[slot] += part;
    left -= part;
    user.head_left -= part;
    if (user.head_left == 0) end_packet(local, tti);
  }
  // The TTI counts up to where the user had no more to send.
  if (user.queued == 0) work_->busy[slot] += tti - work_->busy_since[slot] + filled_prb_ / room_prb_;
}

void CellSlice::start_window(std::size_t group) {
  group_ = group;
  first_ = static_cast<std::size_t>(work_->first[group]);
  n_users_ = static_cast<std::size_t>(work_->first[group + 1]) - first_;
  next_arrival_ = work_->arrivals.data() + work_->first_arrival[group];
  last_arrival_ = work_->arrivals.data() + work_->first_arrival[group + 1];
  delay_sum_ = n_packets_ = prbs_used_ = 0;
  dropped_units_ = 0;
  delivered_delay_sum_ = 0;
  n_delivered_ = n_lost_ = 0;
  delay_counts_ = kpis_->delay_counts.empty() ? nullptr : kpis_->delay_counts.row(group).data();
  if (delay_counts_) std::fill_n(delay_counts_, n_delay_bins, 0u);
  next_expiry_ = no_tti;
  n_ready_ = 0;
  span_start_ = 0;
  const auto& ages = config_->discard_ttis;
  discard_ttis_ = ages.empty() ? 0 : ages[group % ages.size()];
  dealt_ = false;
  sweep_ = 0;
  next_end_ = no_tti;
  by_packet_ = harq_ || discard_ttis_ > 0;
  ready_.reset(n_users_);
  touched_.reset(n_users_);
  // The user who got the last PRB may be gone: go on from where it stood.
  const auto begin = work_->user_at.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto end = begin + static_cast<std::ptrdiff_t>(n_users_);
  const auto behind = std::upper_bound(begin, end, live_->pointer[group]);
  pointer_ = behind == begin ? (n_users_ ? n_users_ - 1 : 0) : static_cast<std::size_t>(behind - begin) - 1;
  for (std::size_t local = 0; local < n_users_; ++local)
    if (live_->users[number_of(local)].queued > 0) {
      note_first_data(local);
      work_->busy_since[first_ + local] = 0;
      if (!by_packet_) count_sent_part(local);
      start_discard_timer(number_of(local));
      set_ready(local);
    }
  take_blocks(group);
}

void CellSlice::end_window() {
  if (in_turns_) catch_up_with_all();
  if (averages_)
    touched_.for_each(
        [&](std::size_t local) { live_->users[number_of(local)].average_tti = live_->clock + window_->n_ttis; });
  if (dealt_) live_->pointer[group_] = work_->user_at[first_ + pointer_];
  own_->end->failed.insert(own_->end->failed.end(), blocks_.begin(), blocks_.end());
  measure();
}

}  // namespace slicefast
