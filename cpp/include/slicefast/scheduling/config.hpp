// What a scheduler is: sizes, rules and options.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "slicefast/link_adaptation.hpp"

namespace slicefast {

enum class SchedulerKind { round_robin, proportional_fair, max_ci };
SchedulerKind scheduler_kind(std::string_view name);

// Bits are kept in whole 1/1024: up to here sums in double are exact. No user may have more queued.
inline constexpr double most_bits = 8796093022208.0;  // 2^43

struct SchedulerConfig {
  int n_cells = 0, n_slices = 0, n_users = 0, n_prb = 100;
  SchedulerKind kind = SchedulerKind::proportional_fair;
  double alpha = 1, beta = 1;          // proportional fair only
  double averaging_ttis = 100;         // a > 1
  std::vector<int> discard_ttis = {};  // (S) age at which a slice's packets are dropped, 0: never; empty: none are
  // Options; as they stand they change nothing and cost nothing.
  std::vector<int> cell_prb = {};  // (N) PRBs of each cell, at most n_prb; empty: n_prb
  int rbg_prb = 1;              // PRBs of a resource block group: the unit that is dealt; a cell's last may be smaller
  bool deal_leftover = true;    // round robin: false leaves idle what does not divide equally among the users
  double buffer_bits = 0;       // per user, 0: unlimited; a packet that does not fit is refused and counted
  double block_error_rate = 0;  // of a block's first transmission; above 0, see HARQ in scheduler.hpp
  // Of its retransmissions, combined with what came before; the last for all further ones. Empty: as the first.
  std::vector<double> retransmission_error_rate = {};
  int max_retransmissions = 3;         // then the block's bits are dropped and counted
  int retransmission_ttis = 8;         // round trip
  std::uint64_t harq_seed = 0;         // errors are drawn by counter from (seed, user, TTI, attempt)
  double prb_bandwidth_hz = 180e3;     // for the spectral efficiency
  double tti_s = 1e-3;                 // length of a TTI: of a subframe of LTE, a slot of NR
  McsTable mcs_table = McsTable::lte;  // of transport blocks
  // TDD: of `tdd_parts` TTIs in a row `downlink_parts` carry the downlink, evenly spread; others deal no PRB and offer
  // none.
  int downlink_parts = 1, tdd_parts = 1;

  int prbs_of(std::size_t cell) const { return cell_prb.empty() ? n_prb : cell_prb[cell]; }
  bool harq() const { return block_error_rate > 0; }
  double error_rate(int attempt) const {  // 0: the first transmission
    const auto& again = retransmission_error_rate;
    return attempt == 0 || again.empty() ? block_error_rate
                                         : again[std::min(static_cast<std::size_t>(attempt), again.size()) - 1];
  }
  double downlink_share() const { return static_cast<double>(downlink_parts) / tdd_parts; }
  // Downlink TTIs of [0, clock).
  std::int64_t downlink_ttis(std::int64_t clock) const {
    return clock / tdd_parts * downlink_parts + clock % tdd_parts * downlink_parts / tdd_parts;
  }
  bool is_downlink(std::int64_t clock) const {
    return downlink_parts == tdd_parts || downlink_ttis(clock + 1) > downlink_ttis(clock);
  }
};

// Throws InvalidArgument.
void check_config(const SchedulerConfig& config);

// Transmissions of a block until it arrives or is given up, in the mean; 1 without HARQ.
double expected_transmissions(const SchedulerConfig& config);

// The part of the blocks that HARQ gives up: the product of all attempts' error rates.
double lost_blocks(const SchedulerConfig& config);

}  // namespace slicefast
