// What a scheduler is: sizes, rules and options.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace slicefast {

enum class SchedulerKind { round_robin, proportional_fair, max_ci };
SchedulerKind scheduler_kind(std::string_view name);

inline constexpr double tti_s = 1e-3;
// Bits are kept in whole 1/1024: up to here sums in double are exact. No user may have more queued.
inline constexpr double most_bits = 8796093022208.0;  // 2^43

struct SchedulerConfig {
  int n_cells = 0, n_slices = 0, n_users = 0, n_prb = 100;
  SchedulerKind kind = SchedulerKind::proportional_fair;
  double alpha = 1, beta = 1;          // proportional fair only
  double averaging_ttis = 100;         // a > 1
  std::vector<int> discard_ttis = {};  // (S) age at which a slice's packets are dropped, 0: never; empty: none are
  // Options; as they stand they change nothing and cost nothing.
  int rbg_prb = 1;              // PRBs of a resource block group: the unit that is dealt; a cell's last may be smaller
  bool deal_leftover = true;    // round robin: false leaves idle what does not divide equally among the users
  double buffer_bits = 0;       // per user, 0: unlimited; a packet that does not fit is refused and counted
  double block_error_rate = 0;  // of every transmission; above 0, see HARQ in scheduler.hpp
  int max_retransmissions = 3;  // then the block's bits are dropped and counted
  int retransmission_ttis = 8;  // round trip
  std::uint64_t harq_seed = 0;  // errors are drawn by counter from (seed, user, TTI, attempt)
  double prb_bandwidth_hz = 180e3;  // for the spectral efficiency

  bool harq() const { return block_error_rate > 0; }
};

// Throws InvalidArgument.
void check_config(const SchedulerConfig& config);

}  // namespace slicefast
