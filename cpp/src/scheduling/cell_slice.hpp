// One slice of one cell through a window. Internal to the core.
//
// The averages T_u all decay by the same factor, so their order only changes where someone is served. They are kept in
// the scale of the span's start, T'_u(k) = T_u(k) / d^k with d = 1 - 1/a: unserved users then cost nothing, and a
// service of D bits in TTI k adds D / (a d^(k + 1)). A span ends before d^-k could overflow.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "scheduling/live.hpp"
#include "slicefast/link_adaptation.hpp"

namespace slicefast {

inline constexpr std::int64_t no_tti = std::numeric_limits<std::int64_t>::max();

// A set of users, as a bit mask over their local numbers.
class UserMask {
 public:
  void reset(std::size_t n_users) { words_.assign((n_users + 63) / 64, 0); }
  void set(std::size_t i) { words_[i >> 6] |= bit(i); }
  void clear(std::size_t i) { words_[i >> 6] &= ~bit(i); }
  bool test(std::size_t i) const { return (words_[i >> 6] & bit(i)) != 0; }
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t w = 0; w < words_.size(); ++w)
      for (std::uint64_t left = words_[w]; left != 0; left &= left - 1)
        visit((w << 6) + static_cast<std::size_t>(__builtin_ctzll(left)));
  }
  // The first member behind `from`, round the end; there must be one.
  std::size_t next_behind(std::size_t from) const {
    const std::size_t w0 = from >> 6;
    const std::uint64_t behind = words_[w0] & ~up_to(from);
    if (behind) return (w0 << 6) + static_cast<std::size_t>(__builtin_ctzll(behind));
    for (std::size_t k = 1; k <= words_.size(); ++k) {
      const std::size_t w = (w0 + k) % words_.size();
      if (words_[w]) return (w << 6) + static_cast<std::size_t>(__builtin_ctzll(words_[w]));
    }
    return from;
  }
  // The k-th member behind `from`, round the end; there must be as many.
  std::size_t nth_behind(std::size_t from, std::size_t k) const {
    std::size_t w = from >> 6;
    std::uint64_t left = words_[w] & ~up_to(from);
    for (std::size_t n; (n = static_cast<std::size_t>(std::popcount(left))) < k; left = words_[w]) {
      k -= n;
      w = w + 1 == words_.size() ? 0 : w + 1;
    }
    for (; k > 1; --k) left &= left - 1;
    return (w << 6) + static_cast<std::size_t>(__builtin_ctzll(left));
  }
  // Members up to `last`, itself included.
  std::int64_t count_up_to(std::size_t last) const {
    std::int64_t n = std::popcount(words_[last >> 6] & up_to(last));
    for (std::size_t w = 0; w < last >> 6; ++w) n += std::popcount(words_[w]);
    return n;
  }

 private:
  static std::uint64_t up_to(std::size_t i) { return ~std::uint64_t{0} >> (63 - (i & 63)); }
  static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << (i & 63); }
  std::vector<std::uint64_t> words_;
};

// base^exponent, exact and fast where it is the default.
inline double power(double base, double exponent) {
  if (exponent == 1.0) return base;
  if (exponent == 0.0) return 1.0;
  return std::pow(base, exponent);
}

class CellSlice {
 public:
  CellSlice(const SchedulerConfig& config, const Averaging& averaging, LiveState& live, Workspace& work, CellWork& own,
            const Window& window, const WindowKpis& kpis);

  void start_window(std::size_t group);
  void start_span(int tti) { span_start_ = tti; }
  void play_window();
  // A TTI of play_window(), where slices lend and the quota is known last.
  void start_tti(int tti);                    // packets in, what is too old out
  int needed_rbgs(int limit, int tti) const;  // of all users, at most `limit`
  // `room_prb`: what it could have in this TTI if it wanted more, at least the quota.
  void allocate(int quota_prb, int room_prb, int tti, double gain);
  void end_span(double decay);
  void end_window();
  bool idle() const { return n_ready_ == 0 && blocks_.empty(); }

 private:
  // queues.cpp
  void note_first_data(std::size_t local);
  void admit_packets(int tti);
  void refuse_packet(std::size_t local, double bits);
  void start_discard_timer(std::size_t user);
  void discard_old_packets(int tti);
  void count_dropped(std::size_t user, double bits);
  void take_back(std::size_t local);
  void count_sent_part(std::size_t local);
  void end_packet(std::size_t local, int tti);
  void hand_up(std::size_t local, double bits, int tti, bool lost = false);
  void set_ready(std::size_t local);
  void clear_ready(std::size_t local);
  // share_out.cpp
  void play_span(int from, int to);
  int needed_prbs(std::size_t slot, int limit) const;         // that empty the queue, in whole RBGs, at most `limit`
  void send_new_bits(std::size_t local, int n_prb, int tti);  // a transmission
  std::size_t best_user() const;
  void allocate_best(int quota_prb, int tti);
  void allocate_round_robin(int quota_prb, int tti);
  bool deal_where_all_want_more(int left, int missing, int tti);
  void deal_to_two(int quota_prb, int left, int missing, int tti);
  void deal_in_rounds(int quota_prb, int left, int missing, int tti);
  int place_in_rounds(std::size_t local, std::size_t behind) const;
  // turns.cpp
  void deal_in_turns(int quota_prb, int tti);
  void note_next_end(std::size_t local);
  void catch_up(std::size_t local, std::int64_t turns);
  void catch_up_with_all();
  struct Emptied {
    std::int64_t at, sweep = 0;
    std::size_t local = 0;
  };
  Emptied find_first_emptied(std::int64_t until) const;
  void deal_to_one(int quota_prb, int tti);
  void empty_in_turn(std::size_t local, std::int64_t turns_before, int tti);
  void end_packets_in_turn(int tti);
  std::int64_t position(std::int64_t sweep, std::size_t local) const {
    return sweep * static_cast<std::int64_t>(n_users_) + static_cast<std::int64_t>(local);
  }
  std::int64_t turns_of(std::size_t local) const { return sweep_ + (local <= pointer_ ? 1 : 0); }
  // harq.cpp
  bool transmission_fails(std::size_t user, std::int64_t sent_at, int attempt) const;
  void send_block(std::size_t local, double bits, int n_prb, int tti);
  int retransmit(int quota_prb, int tti);  // returns the PRBs left
  void hand_up_in_order(std::size_t local, int tti);
  void hand_up_settled(int tti);
  void take_blocks(std::size_t group);
  bool within_reach(const FailedBlock& block) const;
  // measure.cpp
  void measure();
  double throughput_bits(std::size_t local) const;

  double fresh_bits(std::size_t user) const {  // queued and not yet sent
    return simple_ || !harq_ ? live_->backlog[user] : live_->backlog[user] - live_->sent[user];
  }
  double capacity(std::size_t slot, int n_prb) const {  // bits of a transmission
    return simple_ || window_->tbs_index.empty()
               ? n_prb * work_->rate[slot]
               : transport_block_bits(work_->tbs_index[slot], n_prb, config_->mcs_table);
  }
  double metric_of(std::size_t slot) const {
    if (!averages_) return work_->rate[slot];
    const double average = live_->users[static_cast<std::size_t>(work_->user_at[slot])].average;
    if (averaging_->metric == Metric::quotient) return work_->rate_part[slot] / power(average, config_->beta);
    return work_->rate_part[slot] - config_->beta * std::log(average);
  }
  std::size_t number_of(std::size_t local) const { return static_cast<std::size_t>(work_->user_at[first_ + local]); }

  const SchedulerConfig* config_;
  const Averaging* averaging_;
  LiveState* live_;
  Workspace* work_;
  CellWork* own_;
  const Window* window_;
  const WindowKpis* kpis_;
  bool averages_, harq_;
  bool simple_;            // neither HARQ nor transport blocks
  std::size_t group_ = 0;  // cell * S + slice
  std::size_t first_ = 0;  // slot of its first user
  std::size_t n_users_ = 0;
  const ArrivedPacket *next_arrival_ = nullptr, *last_arrival_ = nullptr;
  UserMask ready_;    // backlogged and within reach
  UserMask touched_;  // had data in this window
  std::size_t n_ready_ = 0;
  std::size_t pointer_ = 0;                // local number of the user who got the last PRB
  bool dealt_ = false;                     // round robin moved the pointer
  bool in_turns_ = false;                  // round robin without a look at every user in every TTI: turns.cpp
  std::int64_t sweep_ = 0, next_end_ = 0;  // see there
  // Of a TTI: the PRBs it could have, those dealt so far (round robin: up to the last one of the user at work, one by
  // one), and up to where of these what is handed up fills them.
  int room_prb_ = 0, dealt_prb_ = 0;
  double filled_prb_ = 0;
  bool by_packet_ = false;  // packets can be discarded, so bits count as delivered when theirs is complete
  int span_start_ = 0;
  int discard_ttis_ = 0;             // of its slice
  std::int64_t next_expiry_ = 0;     // no discard timer runs out before this TTI of the simulated clock
  double gain_ = 0;                  // 1/a in the scale of the averages
  std::vector<FailedBlock> blocks_;  // of its users, by due TTI
  std::int64_t delay_sum_ = 0, n_packets_ = 0, prbs_used_ = 0;
  std::uint64_t dropped_units_ = 0;
  std::int64_t delivered_delay_sum_ = 0;
  std::uint32_t n_delivered_ = 0, n_lost_ = 0;  // packets
  std::uint32_t* delay_counts_ = nullptr;       // (n_delay_bins), if asked for
};

inline void CellSlice::start_tti(int tti) {
  if (next_arrival_ != last_arrival_ && next_arrival_->tti <= tti) admit_packets(tti);
  if (live_->clock + tti >= next_expiry_) discard_old_packets(tti);
}

inline void CellSlice::set_ready(std::size_t local) {
  const std::size_t slot = first_ + local;
  if (work_->rate[slot] <= 0 || fresh_bits(number_of(local)) <= 0) return;
  ready_.set(local);
  ++n_ready_;
  if (in_turns_) {
    work_->turns[slot] = turns_of(local);
    work_->end_at[slot] = position(work_->turns[slot], local);  // at the earliest: perhaps it never has to be known
    next_end_ = std::min(next_end_, work_->end_at[slot]);
    return;
  }
  work_->metric[slot] = metric_of(slot);
}

inline void CellSlice::clear_ready(std::size_t local) {
  ready_.clear(local);
  --n_ready_;
}

}  // namespace slicefast
