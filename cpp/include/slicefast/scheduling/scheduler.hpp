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
// A discard timer (3GPP TS 36.323, discardTimer) drops packets of that age at the start of a TTI. How dropped traffic
// counts: kpis.hpp.
// HARQ: a block fails with probability error_rate(attempt); 8 TTIs later it is sent again before anything new, on as
// many PRBs (or what the quota has). The receiver hands packets up in order, so those behind a failed block wait for
// it. All blocks, first or again, fail independently: expected transmissions (1 - p^4) / (1 - p), residual loss p^4.
//
// Bits are kept in whole 1/1024 (rates rounded down, packets to nearest), so sums in double are exact, and bits in =
// bits out + bits queued or sent in part (kpis.hpp) + bits dropped holds to the last digit; 2^43 bits (8.8e12), up to
// which that is so, is the most that a user may have queued and that a slice of a cell may send in a window.
// Proportional fair after Jalali, Padovani and Pankaj (VTC 2000); KPIs after 3GPP TS 28.552.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "slicefast/isa.hpp"
#include "slicefast/scheduling/config.hpp"
#include "slicefast/scheduling/kpis.hpp"
#include "slicefast/scheduling/levels.hpp"
#include "slicefast/scheduling/state.hpp"
#include "slicefast/scheduling/window.hpp"
#include "slicefast/threads.hpp"

namespace slicefast {

// Copyable: a probe is a copy that plays a window with other shares. One thread at a time per object.
class Scheduler {
 public:
  // Throws InvalidArgument.
  explicit Scheduler(const SchedulerConfig& config, Isa isa = Isa::baseline);
  Scheduler(const Scheduler& other);
  Scheduler(Scheduler&& other) noexcept;
  Scheduler& operator=(const Scheduler& other);  // keeps its workspace
  Scheduler& operator=(Scheduler&& other) noexcept;
  ~Scheduler();

  // Cost follows arrivals and backlogged users, plus a light pass over U. Blocks of 16 cells are shared among the
  // pool's threads; the result does not depend on their number. Throws InvalidArgument with nothing changed.
  void play_window(const Window& window, const WindowKpis& kpis, const ThreadPool* pool = nullptr);

  // What `from`, a scheduler of the same settings, would give every slice of `window` at each level of share in place
  // of window.share, slices side by side (separate_slices); this one's own state is lost. To the last bit what copies
  // of `from` give that play the window level by level. Throws InvalidArgument.
  void try_levels(const Scheduler& from, const Window& window, const Levels& levels);

  const SchedulerConfig& config() const;
  std::int64_t clock_ttis() const;
  std::span<const double> backlog_bits() const;  // (U,)
  double queued_bits() const;
  SchedulerState state() const;
  // Throws InvalidArgument with nothing changed, unless a scheduler of these settings could have come to this state.
  void set_state(const SchedulerState& state);
  void check_state(const SchedulerState& state) const;  // the same, changing nothing at all

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace slicefast
