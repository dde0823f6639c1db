// A slice's PRBs of a TTI among its users.
#include "scheduling/cell_slice.hpp"

namespace slicefast {

int CellSlice::needed_prbs(std::size_t slot, int limit) const {
  const double bits = fresh_bits(static_cast<std::size_t>(work_->user_at[slot]));
  int n_prb = 1;
  // A block over one PRB may carry more than over two: row 6 of LTE's table does.
  if (!simple_ && config_->rbg_prb == 1 && bits <= capacity(slot, 1)) return 1;
  if (bits >= capacity(slot, limit)) return limit;
  if (window_->tbs_index.empty()) {
    const double exact = bits / work_->rate[slot];  // rounded right: both are on the grid
    n_prb = static_cast<int>(exact);
    n_prb += n_prb < exact;
  } else {
    int low = 0;  // capacity(low) < bits <= capacity(high)
    for (int high = n_prb = limit; high - low > 1; n_prb = high) {
      const int middle = (low + high) / 2;
      (capacity(slot, middle) < bits ? low : high) = middle;
    }
  }
  const int rbg_prb = config_->rbg_prb;
  return rbg_prb == 1 ? n_prb : std::min(limit, rbgs_of(n_prb, rbg_prb) * rbg_prb);
}

void CellSlice::send_new_bits(std::size_t local, int n_prb, int tti) {
  const std::size_t slot = first_ + local, number = number_of(local);
  prbs_used_ += n_prb;
  UserQueue& user = live_->users[number];
  const double bits = std::min(fresh_bits(number), capacity(slot, n_prb));
  if (simple_ && bits < user.head_left) {  // no packet ends: most transmissions
    user.head_left -= bits;
    live_->backlog[number] -= bits;
    work_->carried[slot] += bits;
    if (averages_) {
      user.average += bits * gain_;
      work_->metric[slot] = metric_of(slot);
    }
    return;
  }
  filled_prb_ = dealt_prb_ - n_prb * (1.0 - bits / capacity(slot, n_prb));
  if (harq_) {
    send_block(local, bits, n_prb, tti);
  } else {
    hand_up(local, bits, tti);
  }
  if (averages_) {
    user.average += bits * gain_;
    work_->metric[slot] = metric_of(slot);
  }
  if (fresh_bits(number) <= 0) clear_ready(local);
}

inline std::size_t CellSlice::best_user() const {
  const double* metric = work_->metric.data() + first_;
  std::size_t best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  ready_.for_each([&](std::size_t local) {
    if (metric[local] > highest) {
      highest = metric[local];
      best = local;
    }
  });
  return best;
}

// The best user takes what its queue needs, then the next best: with one rate per user and TTI this is the argmax of
// every single PRB.
void CellSlice::allocate_best(int quota_prb, int tti) {
  while (quota_prb > 0 && n_ready_ > 0) {
    const std::size_t local = best_user();
    const int n_prb = needed_prbs(first_ + local, quota_prb);
    dealt_prb_ += n_prb;
    send_new_bits(local, n_prb, tti);
    quota_prb -= n_prb;
  }
}

// Where every queue takes its equal part and one more, nothing has to be looked up: the common case under load.
bool CellSlice::deal_where_all_want_more(int left, int missing, int tti) {
  const int rbg_prb = config_->rbg_prb, users = static_cast<int>(n_ready_);
  const int rounds = left / users, odd = left % users, extra = config_->deal_leftover ? odd : 0;
  bool plenty = true;
  ready_.for_each([&](std::size_t local) {
    plenty &= fresh_bits(number_of(local)) >= capacity(first_ + local, (rounds + 1) * rbg_prb);
  });
  if (!plenty) return false;
  const int last = extra > 0 ? extra : users;  // who is dealt the last one
  const int before = dealt_prb_ + rounds * users * rbg_prb;
  std::size_t at = pointer_;
  for (int k = 1; k <= users; ++k) {
    at = ready_.next_behind(at);
    if (k == last) pointer_ = at;
    const int short_by = k == last && extra == odd ? missing : 0;
    dealt_prb_ = before + k * rbg_prb - short_by;  // only who gets one more can have no more to send
    send_new_bits(at, (rounds + (k <= extra ? 1 : 0)) * rbg_prb - short_by, tti);
  }
  return true;
}

// Two users take turns until one has what it needs; the other takes the rest. The longest run ends last.
void CellSlice::deal_to_two(int quota_prb, int left, int missing, int tti) {
  const int rbg_prb = config_->rbg_prb;
  const std::size_t next = ready_.next_behind(pointer_), other = ready_.next_behind(next);
  const int next_need = rbgs_of(needed_prbs(first_ + next, quota_prb), rbg_prb);
  const int other_need = rbgs_of(needed_prbs(first_ + other, quota_prb), rbg_prb);
  const int next_part = std::min(next_need, std::max(left - left / 2, left - other_need));
  const int other_part = std::min(other_need, std::max(left / 2, left - next_need));
  pointer_ = next_part > other_part ? next : other;
  const bool short_by_some = next_part + other_part == left;
  const int before = dealt_prb_;
  const auto deal = [&](std::size_t local, int part) {
    if (part == 0) return;
    const int others = local == next ? std::min(other_part, part - 1) : std::min(next_part, part);
    const int short_by = short_by_some && local == pointer_ ? missing : 0;
    dealt_prb_ = before + (part + others) * rbg_prb - short_by;
    send_new_bits(local, part * rbg_prb - short_by, tti);
  };
  // In the order of user numbers, as everywhere.
  next < other ? deal(next, next_part) : deal(other, other_part);
  next < other ? deal(other, other_part) : deal(next, next_part);
}

// RBGs dealt, one by one in rounds that begin behind user `behind`, when a user gets its last one.
int CellSlice::place_in_rounds(std::size_t local, std::size_t behind) const {
  const auto turn = [&](std::size_t user) { return user > behind ? user : user + n_users_; };
  const int own = work_->given[first_ + local];
  int place = 0;
  for (const std::size_t other : own_->order)
    place += std::min(work_->given[first_ + other], own - (turn(other) > turn(local) ? 1 : 0));
  return place;
}

// In bulk: every pass deals as many full rounds as are sure to be there.
void CellSlice::deal_in_rounds(int quota_prb, int left, int missing, int tti) {
  const int rbg_prb = config_->rbg_prb;
  auto& needed = work_->needed;
  auto& given = work_->given;
  auto& order = own_->order;
  order.clear();
  ready_.for_each([&](std::size_t local) {
    needed[first_ + local] = rbgs_of(needed_prbs(first_ + local, quota_prb), rbg_prb);
    given[first_ + local] = 0;
    order.push_back(local);
  });
  const std::size_t behind = pointer_;
  std::size_t hungry = order.size();
  while (left > 0 && hungry > 0) {
    const int rounds = std::max(1, left / static_cast<int>(hungry));
    int most = 0;
    std::size_t at = pointer_, last = pointer_;
    for (std::size_t k = 0; k < order.size() && left > 0; ++k) {
      at = ready_.next_behind(at);
      const std::size_t slot = first_ + at;
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
    pointer_ = last;
    if (!config_->deal_leftover) break;
  }
  const int before = dealt_prb_;
  for (const std::size_t local : order) {
    const int part = given[first_ + local];
    if (part == 0) continue;
    const int short_by = left == 0 && local == pointer_ ? missing : 0;
    if (part == needed[first_ + local]) dealt_prb_ = before + place_in_rounds(local, behind) * rbg_prb - short_by;
    send_new_bits(local, part * rbg_prb - short_by, tti);
  }
}

// RBG by RBG round the users.
void CellSlice::allocate_round_robin(int quota_prb, int tti) {
  const int rbg_prb = config_->rbg_prb;
  int left = rbgs_of(quota_prb, rbg_prb);
  const int missing = left * rbg_prb - quota_prb;  // of the last RBG
  if (left <= static_cast<int>(n_ready_)) {        // one each, and whoever waits needs one
    std::size_t at = pointer_;
    for (; left > 0; --left) {
      at = ready_.next_behind(at);
      const int n_prb = left > 1 ? rbg_prb : rbg_prb - missing;
      dealt_prb_ += n_prb;
      send_new_bits(at, n_prb, tti);
    }
    pointer_ = at;
    return;
  }
  if (deal_where_all_want_more(left, missing, tti)) return;
  if (n_ready_ == 2 && config_->deal_leftover) return deal_to_two(quota_prb, left, missing, tti);
  deal_in_rounds(quota_prb, left, missing, tti);
}

void CellSlice::allocate(int quota_prb, int room_prb, int tti, double gain) {
  gain_ = gain;
  room_prb_ = room_prb;
  dealt_prb_ = 0;
  if (!blocks_.empty()) quota_prb = retransmit(quota_prb, tti);
  if (quota_prb <= 0 || n_ready_ == 0) return;
  if (config_->kind != SchedulerKind::round_robin) return allocate_best(quota_prb, tti);
  dealt_ = true;
  if (in_turns_) return deal_in_turns(quota_prb, tti);
  if (n_ready_ > 1) return allocate_round_robin(quota_prb, tti);
  pointer_ = ready_.next_behind(pointer_);
  const int n_prb = needed_prbs(first_ + pointer_, quota_prb);
  dealt_prb_ += n_prb;
  send_new_bits(pointer_, n_prb, tti);
}

int CellSlice::needed_rbgs(int limit, int tti) const {
  if (idle()) return 0;
  const int rbg_prb = config_->rbg_prb;
  int total = 0;
  for (const FailedBlock& block : blocks_)
    if (block.status == BlockStatus::waiting && block.due <= live_->clock + tti && within_reach(block))
      total += rbgs_of(block.n_prb, rbg_prb);
  ready_.for_each([&](std::size_t local) {
    if (total < limit) total += rbgs_of(needed_prbs(first_ + local, limit * rbg_prb), rbg_prb);
  });
  return std::min(total, limit);
}

// Of the users touched alone: what others do meanwhile is in their average_tti.
void CellSlice::end_span(double decay) {
  touched_.for_each([&](std::size_t local) {
    const std::size_t slot = first_ + local;
    UserQueue& user = live_->users[number_of(local)];
    user.average = std::max(user.average * decay, averaging_->smallest);
    work_->metric[slot] = metric_of(slot);
  });
}

void CellSlice::play_span(int from, int to) {
  const std::uint16_t* quotas = own_->quota.data() + own_->quota_offset;
  const std::size_t stride = own_->quota_stride;
  for (int tti = from; tti < to; ++tti) {
    start_tti(tti);
    if (idle()) {
      std::int64_t event = next_expiry_ == no_tti ? no_tti : next_expiry_ - live_->clock;
      if (next_arrival_ != last_arrival_) event = std::min<std::int64_t>(event, next_arrival_->tti);
      if (event >= to) return;
      tti = static_cast<int>(event) - 1;
      continue;
    }
    const int quota_prb = quotas[static_cast<std::size_t>(tti) * stride];
    if (quota_prb == 0 || !config_->is_downlink(live_->clock + tti)) continue;
    allocate(quota_prb, quota_prb, tti, averages_ ? work_->gain_at[static_cast<std::size_t>(tti - from)] : 0.0);
  }
}

void CellSlice::play_window() {
  const int n_ttis = window_->n_ttis;
  if (!averages_) return play_span(0, n_ttis);
  const int span = static_cast<int>(work_->gain_at.size());
  for (int from = 0; from < n_ttis; from += span) {
    const int to = std::min(n_ttis, from + span);
    start_span(from);
    play_span(from, to);
    end_span(work_->decay_over[static_cast<std::size_t>(to - from)]);
  }
}

}  // namespace slicefast
