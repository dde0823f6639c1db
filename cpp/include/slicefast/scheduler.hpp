// PRB scheduling of one window, TTI by TTI, with real queues.
//
//   a_ns  share of slice s in cell n      B   PRBs of a cell       R_u  bits one PRB carries for user u in one TTI
//   T_u   average service of user u       a   averaging_ttis       D_u  bits served to user u in one TTI
//
// Quota: slice s gets floor(a_ns B) PRBs a TTI; the PRBs left go one each to the slices with the largest remainder, the
// fraction carried over: e_ns += a_ns B - granted, so that the long-run mean meets the share exactly.
// Inside a slice: round robin deals PRB by PRB in the order of user numbers from behind the user who got the last one;
// proportional fair serves argmax R_u^alpha / T_u^beta first, T_u <- (1 - 1/a) T_u + D_u / a every TTI, T_u = 1 bit at
// the start; max C/I serves argmax R_u. Ties go to the lowest user number. A user takes no more PRBs than its queue
// needs. Queues are first in, first out, and move along with the user. A packet that arrives in TTI k is there from its
// start; if its last bit leaves in TTI k' its delay is k' + 1 - k TTIs of 1 ms.
//
// A discard timer (3GPP TS 36.323, discardTimer) drops packets of that age at the start of a TTI; they count in the
// delay with their age, so that dropping never looks better than sending.
// HARQ: a block fails with probability block_error_rate; 8 TTIs later it is sent again before anything new, on as many
// PRBs (or what the quota has). The receiver hands packets up in order, so those behind a failed block wait for it. All
// blocks, first or again, fail independently: expected transmissions (1 - p^4) / (1 - p), residual loss p^4.
//
// Bits are kept in whole 1/1024 (rates rounded down, packets to nearest), so sums in double are exact, and bits in =
// bits out + bits queued + bits dropped holds to the last digit, up to 2^43 bits (8.8e12) per sum: a user's queue, or
// what a slice of a cell sends in a window. Proportional fair after Jalali, Padovani and
// Pankaj (VTC 2000); KPIs after 3GPP TS 28.552.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "slicefast/isa.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

enum class SchedulerKind { round_robin, proportional_fair, max_ci };
SchedulerKind scheduler_kind(std::string_view name);

inline constexpr double tti_s = 1e-3;

struct SchedulerConfig {
  int n_cells = 0, n_slices = 0, n_users = 0, n_prb = 100;
  SchedulerKind kind = SchedulerKind::proportional_fair;
  double alpha = 1, beta = 1;          // proportional fair only
  double averaging_ttis = 100;         // a > 1
  std::vector<int> discard_ttis = {};  // (S) age at which a slice's packets are dropped, 0: never; empty: none are
  // Options; as they stand they change nothing and cost nothing.
  int rbg_prb = 1;              // PRBs of a resource block group: the unit that is dealt; a cell's last may be smaller
  bool deal_leftover = true;    // round robin: false leaves idle what does not divide equally among the users
  double buffer_bits = 0;       // per user, 0: unlimited; a packet that does not fit is dropped and counted
  double block_error_rate = 0;  // of every transmission; above 0, see HARQ below
  int max_retransmissions = 3;  // then the block's bits are dropped and counted
  int retransmission_ttis = 8;  // round trip
  std::uint64_t harq_seed = 0;  // errors are drawn by counter from (seed, user, TTI, attempt)
  double prb_bandwidth_hz = 180e3;  // for the spectral efficiency
};

struct Window {
  int n_ttis = 0;
  std::span<const std::int32_t> arrival_user;  // sorted by arrival_tti
  std::span<const std::int32_t> arrival_tti;   // in [0, n_ttis)
  std::span<const float> arrival_bits;         // > 0
  std::span<const std::int32_t> serving;       // (U,) in [0, N)
  std::span<const std::int32_t> slice_of;      // (U,) in [0, S)
  std::span<const float> bits_per_prb;         // (U,) per TTI; 0: out of reach, waits
  ConstMatrixView<double> share;               // (N, S), rows on the simplex
  std::span<const std::uint8_t> active;        // (U,); empty: users count when they have data
  // Rows of `share` need not add up: every slice is measured as if it were alone with its share. For searches over
  // shares, where one run then answers for all slices at once.
  bool separate_slices = false;
  // In place of bits_per_prb, (U,): rows of the transport block table, -1: out of reach (see link_adaptation.hpp).
  std::span<const std::int32_t> tbs_index = {};
  // RRMPolicyRatio of 3GPP TS 28.541 in place of `share`, (N, S) each or empty: shares 0 <= dedicated <= min <= max <=
  // 1, sum of min <= 1. Dedicated PRBs are never lent; those up to min are guaranteed when needed and lent when idle;
  // what nobody holds is dealt equally among the slices that need it, up to max.
  ConstMatrixView<double> dedicated_ratio = {}, min_ratio = {}, max_ratio = {};
  bool policy() const { return !dedicated_ratio.empty() || !min_ratio.empty() || !max_ratio.empty(); }
};

// All (N, S), written by run. A slice whose users had no data has throughput 0, delay 0, load 0.
struct WindowKpis {
  MatrixView<double> throughput_bps;  // bits delivered / time with data in the buffer, mean over users that had data
  MatrixView<double> delay_ms;        // mean over packets delivered and, with their age, those dropped or still queued
  MatrixView<double> load;            // PRBs used / (B n_ttis)
  MatrixView<double> users;           // active users
  std::span<double> user_delivered_bits = {};  // (U,) or empty
  std::span<double> user_busy_ttis = {};       // (U,) or empty: TTIs with data in the buffer
  std::span<double> user_dropped_bits = {};    // (U,) or empty
  // (N, S) or empty
  MatrixView<double> delivered_bits = {};
  MatrixView<double> dropped_bits = {};
  MatrixView<double> spectral_efficiency = {};  // bits delivered / (PRBs used, bandwidth x time) [bit/s/Hz]
  MatrixView<double> throughput_p5_bps = {};    // 5th percentile of the users' throughput, linear between users
};

// Everything that persists over windows, as flat arrays. Packets in queue order, grouped by user.
struct SchedulerState {
  std::int64_t clock_ttis = 0;
  std::vector<std::int32_t> packet_user;
  std::vector<std::int64_t> packet_tti;   // arrival, on the simulated clock
  std::vector<double> packet_bits;        // bits still to be sent
  std::vector<double> carry;              // (N * S) PRB fractions
  std::vector<std::int32_t> pointer;      // (N * S) user who got the last PRB, -1 at the start
  std::vector<double> average;            // (U) T_u at average_tti
  std::vector<std::int64_t> average_tti;  // (U)
  std::vector<double> sent;               // (U) HARQ: bits sent beyond those handed up
  // HARQ: blocks that failed, in order of their next transmission; lost ones wait to be passed over.
  std::vector<std::int32_t> block_user, block_prb, block_attempts;
  std::vector<std::int64_t> block_due, block_sent_at;
  std::vector<double> block_offset, block_bits;  // in the user's bits not yet handed up
  // RRMPolicyRatio, (N * S): fractions of dedicated and max; (N): slice that was lent the last PRB.
  std::vector<double> dedicated_carry, max_carry;
  std::vector<std::int32_t> lending_pointer;
};

// Throws InvalidArgument unless packets are of users 0 to n_users - 1, sorted by TTI in [0, n_ttis), of 1 to 1e12 bits.
void check_arrivals(std::span<const std::int32_t> user, std::span<const std::int32_t> tti, std::span<const float> bits,
                    int n_users, int n_ttis);

// Copyable: a probe is a copy that runs with other shares. One thread at a time per object.
class Scheduler {
 public:
  explicit Scheduler(const SchedulerConfig& config, Isa isa = Isa::baseline);

  // Cost follows arrivals and backlogged users, plus a light pass over U. Throws InvalidArgument with nothing changed.
  void run(const Window& window, const WindowKpis& kpis);

  const SchedulerConfig& config() const { return config_; }
  std::int64_t clock_ttis() const { return clock_; }
  std::span<const double> backlog_bits() const { return backlog_; }  // (U,)
  double queued_bits() const;
  SchedulerState state() const;
  void set_state(const SchedulerState& state);  // throws InvalidArgument with nothing changed

 private:
  struct Packet {
    double bits;
    std::int64_t tti;
    std::int32_t next;
  };
  struct User {
    double head_left = 0;  // bits left of the packet at the head
    double average = 1;    // T_u at average_tti
    std::int64_t average_tti = 0;
    std::int64_t arrival_sum = 0;  // of the packets queued, on the simulated clock
    std::int32_t head = -1, tail = -1, queued = 0;
  };
  struct Block {
    double offset, bits;  // in the user's bits not yet handed up
    std::int64_t due, sent_at;
    std::int32_t user, n_prb, attempts;  // attempts < 0: lost
  };
  struct Scratch;  // what a window needs and nobody keeps
  struct Group;    // one (cell, slice) during a window

  // A copied scheduler makes its own scratch; an assigned one keeps what it has.
  struct OwnScratch {
    OwnScratch();
    OwnScratch(const OwnScratch&);
    OwnScratch(OwnScratch&&) noexcept;
    OwnScratch& operator=(const OwnScratch&) { return *this; }
    OwnScratch& operator=(OwnScratch&&) noexcept { return *this; }
    ~OwnScratch();
    std::unique_ptr<Scratch> data;
  };

  void check(const Window& window, const WindowKpis& kpis) const;
  void group_users(const Window& window);
  void group_arrivals(const Window& window);
  void prepare_averages(int n_ttis);
  void make_quotas(const Window& window, std::size_t first_cell, std::size_t n_cells);
  void to_prbs(const Window& window);
  void make_limits(const Window& window, std::size_t cell, std::size_t lane);
  void run_cell(const Window& window, std::size_t cell, std::size_t lane);
  void lend(std::size_t cell, int tti);
  void check_policy(const Window& window) const;
  void push(std::int32_t user, double bits, std::int64_t tti);
  void pop(User& user);  // takes the packet at the head off the queue

  SchedulerConfig config_;
  Isa isa_;
  double decay_;  // 1 - 1/a
  std::int64_t clock_ = 0;
  std::vector<double> backlog_;
  std::vector<User> users_;
  std::vector<Packet> packets_;
  std::int32_t free_packet_ = -1;
  std::vector<double> carry_;
  std::vector<std::int32_t> pointer_;
  std::vector<double> sent_;                         // (U), HARQ only
  std::vector<Block> blocks_;                        // HARQ
  std::vector<double> dedicated_carry_, max_carry_;  // RRMPolicyRatio
  std::vector<std::int32_t> lending_pointer_;
  OwnScratch scratch_;
};

}  // namespace slicefast
