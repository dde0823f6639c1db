// Round robin PRB by PRB, without a look at every user in every TTI: a turn moves round the users, and what each of
// them got follows from where it stands. Users are looked at when one of their packets ends, comes in or is dropped.
//
// | symbol | meaning                                                                                    |
// |--------|--------------------------------------------------------------------------------------------|
// | w      | sweep_: times that the turn has passed the last user and begun with the first, this window |
// | p      | pointer_: the user who got the last PRB                                                    |
// | T_u    | turns_of(u) = w + [u <= p]: grows by 1 with every PRB that a user who has data gets        |
// | t_u    | work.turns: T_u up to which the bits of user u are counted                                 |
// | e_u    | work.end_at: position at which its packet at the head ends, w n + p of that PRB, or before |
//
// Bits and rates are on a grid on which sums are exact, so (T_u - t_u) PRBs at once take what they take one by one. A
// user who runs empty leaves in the middle of a TTI: the turn goes there first.
#include "scheduling/cell_slice.hpp"

namespace slicefast {

namespace {

constexpr std::int64_t most_turns = std::int64_t{1} << 40;  // more than a window has PRBs

// PRBs that carry `bits`.
std::int64_t turns_for(double bits, double rate) {
  const double exact = bits / rate;  // rounded right: both are on the grid
  if (exact >= static_cast<double>(most_turns)) return most_turns;
  const auto whole = static_cast<std::int64_t>(exact);
  return whole + (static_cast<double>(whole) < exact ? 1 : 0);
}

}  // namespace

// Of a user whose bits are counted up to now.
void CellSlice::note_next_end(std::size_t local) {
  const std::size_t slot = first_ + local;
  const double head_left = live_->users[number_of(local)].head_left;
  work_->end_at[slot] = position(work_->turns[slot] + turns_for(head_left, work_->rate[slot]) - 1, local);
  next_end_ = std::min(next_end_, work_->end_at[slot]);
}

// No packet has ended since.
void CellSlice::catch_up(std::size_t local, std::int64_t turns) {
  const std::size_t slot = first_ + local, number = number_of(local);
  const double bits = static_cast<double>(turns - work_->turns[slot]) * work_->rate[slot];
  work_->turns[slot] = turns;
  live_->users[number].head_left -= bits;
  live_->backlog[number] -= bits;
  work_->carried[slot] += bits;
}

void CellSlice::catch_up_with_all() {
  ready_.for_each([&](std::size_t local) { catch_up(local, turns_of(local)); });
}

// Who runs empty first of those who would up to position `until`; nobody: behind it.
CellSlice::Emptied CellSlice::find_first_emptied(std::int64_t until) const {
  Emptied first{.at = until + 1};
  ready_.for_each([&](std::size_t local) {
    const std::size_t slot = first_ + local;
    if (work_->end_at[slot] > until) return;
    const double bits = live_->backlog[number_of(local)];
    const std::int64_t sweep = work_->turns[slot] + turns_for(bits, work_->rate[slot]) - 1, at = position(sweep, local);
    if (at < first.at) first = {at, sweep, local};
  });
  return first;
}

// The turn stands at its last PRB; `turns_before`: T_u when the TTI began.
void CellSlice::empty_in_turn(std::size_t local, std::int64_t turns_before, int tti) {
  const std::size_t slot = first_ + local;
  catch_up(local, turns_before);
  const auto n_prb = static_cast<int>(turns_of(local) - turns_before);
  const double bits = live_->backlog[number_of(local)];
  filled_prb_ = dealt_prb_ - n_prb * (1.0 - bits / capacity(slot, n_prb));
  hand_up(local, bits, tti);
  clear_ready(local);
}

// Packets of those who go on.
void CellSlice::end_packets_in_turn(int tti) {
  const std::int64_t now = position(sweep_, pointer_);
  next_end_ = no_tti;
  ready_.for_each([&](std::size_t local) {
    const std::size_t slot = first_ + local;
    if (work_->end_at[slot] > now) {
      next_end_ = std::min(next_end_, work_->end_at[slot]);
      return;
    }
    const std::int64_t turns = turns_of(local);
    const double bits = static_cast<double>(turns - work_->turns[slot]) * work_->rate[slot];
    work_->turns[slot] = turns;
    hand_up(local, bits, tti);
    note_next_end(local);
  });
}

// Most TTIs of a slice that has enough.
void CellSlice::deal_to_one(int quota_prb, int tti) {
  const std::size_t only = ready_.next_behind(pointer_), slot = first_ + only;
  const std::int64_t before = turns_of(only);
  const bool goes_on = position(before + quota_prb - 1, only) < next_end_;
  if (!goes_on) catch_up(only, before);
  const int n_prb = goes_on ? quota_prb : needed_prbs(slot, quota_prb);
  sweep_ = before + n_prb - 1;
  pointer_ = only;
  dealt_prb_ += n_prb;
  if (goes_on) {
    prbs_used_ += n_prb;
    return;
  }
  work_->turns[slot] = before + n_prb;
  next_end_ = no_tti;
  send_new_bits(only, n_prb, tti);
  if (n_ready_ > 0) note_next_end(only);
}

void CellSlice::deal_in_turns(int quota_prb, int tti) {
  if (n_ready_ == 1) return deal_to_one(quota_prb, tti);
  const std::int64_t sweep_before = sweep_;
  const std::size_t pointer_before = pointer_;
  bool some_end = false;
  for (int left = quota_prb; left > 0 && n_ready_ > 0;) {
    const auto n_ready = static_cast<int>(n_ready_);
    const int sweeps = left > n_ready ? (left - 1) / n_ready : 0;
    const std::size_t last = ready_.nth_behind(pointer_, static_cast<std::size_t>(left - sweeps * n_ready));
    const std::int64_t last_sweep = sweep_ + sweeps + (last <= pointer_ ? 1 : 0), until = position(last_sweep, last);
    Emptied emptied{.at = until + 1};
    if (until >= next_end_) {
      some_end = true;
      emptied = find_first_emptied(until);
    }
    if (emptied.at > until) {
      sweep_ = last_sweep;
      pointer_ = last;
      dealt_prb_ += left;
      break;
    }
    const auto n_prb = static_cast<int>((emptied.sweep - sweep_) * n_ready + ready_.count_up_to(emptied.local) -
                                        ready_.count_up_to(pointer_));
    sweep_ = emptied.sweep;
    pointer_ = emptied.local;
    dealt_prb_ += n_prb;
    left -= n_prb;
    empty_in_turn(emptied.local, sweep_before + (emptied.local <= pointer_before ? 1 : 0), tti);
  }
  prbs_used_ += dealt_prb_;
  if (some_end) end_packets_in_turn(tti);
}

}  // namespace slicefast
