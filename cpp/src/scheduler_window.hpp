// One window of Scheduler::run: scratch arrays, and one (cell, slice) at work. Internal to the core.
//
// Users of a group are numbered locally 0..n-1 in the order of their user numbers; slot = first + local indexes the
// scratch arrays, so that a group touches one stretch of memory. Sets of users are bit masks over local numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "slicefast/scheduler.hpp"

namespace slicefast {

// Bits are kept in whole 1/1024: below 2^43 bits a sum in double is exact.
inline constexpr double bit_grid = 1024.0;
inline double packet_on_grid(double bits) { return std::nearbyint(bits * bit_grid) / bit_grid; }
// For totals over all users: exact modulo 2^64, whatever they come to.
inline std::uint64_t grid_units(double bits) { return static_cast<std::uint64_t>(bits * bit_grid); }
inline int in_groups(int n_prb, int group) { return group == 1 ? n_prb : (n_prb + group - 1) / group; }
inline double rate_on_grid(double bits) { return std::floor(bits * bit_grid) / bit_grid; }

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
  std::size_t next(std::size_t from) const;

 private:
  static std::uint64_t bit(std::size_t i) { return std::uint64_t{1} << (i & 63); }
  std::vector<std::uint64_t> words_;
};

struct ArrivedPacket {
  double bits;
  std::int32_t local, tti;
};

struct Scheduler::Group {
  Scheduler* own = nullptr;
  Scratch* work = nullptr;
  const Window* window = nullptr;
  std::size_t index = 0;  // cell * S + slice
  std::size_t first = 0, n_users = 0;
  const ArrivedPacket *next_arrival = nullptr, *last_arrival = nullptr;
  UserMask ready;    // backlogged and within reach
  UserMask touched;  // had data in this window
  std::size_t n_ready = 0;
  std::size_t pointer = 0;  // local number of the user who got the last PRB
  int span_start = 0;
  int discard_ttis = 0;  // of its slice
  bool simple = true;    // neither HARQ nor transport blocks
  bool dealt = false;    // round robin moved the pointer
  double gain = 0;       // 1/a in the scale of the averages, see run_metric
  std::int64_t delay_sum = 0, n_packets = 0, prbs_used = 0;
  std::int64_t next_expiry = 0;  // no discard timer runs out before this TTI of the simulated clock

  const WindowKpis* kpis = nullptr;
  double delivered_bits = 0, dropped_bits = 0;
  std::vector<Block> blocks;  // HARQ: of the group's users, by due TTI

  void begin(std::size_t group);
  void touch(std::size_t local);
  void admit(int tti);
  void start_timer(std::size_t user);
  void expire(int tti);
  void drop(std::size_t user, double bits);
  void set_ready(std::size_t local);
  void clear_ready(std::size_t local);
  bool idle() const { return n_ready == 0 && blocks.empty(); }
  double fresh_bits(std::size_t user) const;           // queued and not yet sent
  double capacity(std::size_t slot, int n_prb) const;  // bits of a transmission
  int need(std::size_t slot, int limit) const;         // PRBs that empty the queue, in whole groups, at most limit
  int need_in_groups(int limit, int tti) const;        // of all users, in resource block groups
  void serve(std::size_t local, int n_prb, int tti);   // a transmission of new bits
  void hand_up(std::size_t local, double bits, int tti, bool lost = false);
  bool transmission_fails(std::size_t user, std::int64_t sent_at, int attempt) const;
  void send_block(std::size_t local, double bits, int n_prb, int tti);
  int retransmit(int quota, int tti);  // returns the PRBs left
  void settle(std::size_t local, int tti);
  void settle_all(int tti);
  void keep_blocks();
  double metric_of(std::size_t slot) const;
  std::size_t best() const;
  void allocate(int quota, int tti);
  void allocate_best(int quota, int tti);
  void allocate_round_robin(int quota, int tti);
  bool deal_plenty(int left, int missing, int tti);
  void deal_two(int quota, int left, int missing, int tti);
  void rescale(double factor);
  void run();
  void run_span(int from, int to);
  void end_window();
  void measure();
};

struct Scheduler::Scratch {
  std::vector<std::int32_t> group_of, slot_of;                // (U)
  std::vector<std::int32_t> user_at;                          // (U) slot -> user
  std::vector<std::int32_t> first, first_arrival;             // (N * S + 1)
  std::vector<std::int32_t> cursor;                           // (N * S)
  std::vector<ArrivedPacket> arrivals;                        // by group, then TTI
  std::vector<double> rate, rate_alpha, metric, delivered;    // by slot
  std::vector<std::int32_t> busy_since, busy, needed, given;  // by slot
  std::vector<double> active_users;                           // (N * S)
  std::vector<double> remainder, fraction;                    // (S, block) of the quota kernel
  std::vector<std::int32_t> base;                             // (S, block)
  std::vector<std::uint16_t> quota;                           // (n_ttis, S, block)
  std::vector<std::int64_t> extras;                           // (block)
  double gains_for = 0;                                       // the decay that gain_at and decay_over were made for
  std::vector<double> gain_at;                                // 1/a / decay^(k + 1) over a span
  std::vector<double> decay_over;                             // decay^k over a span
  std::vector<std::size_t> order;                             // who is served, while the mask changes
  std::size_t quota_offset = 0, quota_stride = 0;             // of the group at work
  std::vector<std::int32_t> tbs_index;                        // by slot; of the transport block table
  std::vector<double> user_throughput;                        // of one group, for the percentile
  std::vector<std::uint16_t> dedicated, guaranteed, most;     // (n_ttis, S) of the cell at work, in groups
  std::vector<std::int32_t> settling;                         // users
  std::vector<Block> kept_blocks;
  std::vector<double> shares;      // of one cell
  std::vector<int> needs, grants;  // (S)
  std::vector<Group> groups;       // one; or the S of a cell, where slices lend
  std::uint64_t bits_out = 0;      // delivered and dropped in the window, in grid units
};

}  // namespace slicefast
