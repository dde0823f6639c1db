// Serving cells: who is connected where, with handover margin and time to trigger.
#pragma once

#include <cstdint>
#include <span>

#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/threads.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

// Serving cells with handover margin and time to trigger (3GPP TS 36.331, event A3): a user moves to the strongest of
// the cells that have each exceeded its serving cell by `margin_db` for `time_to_trigger_steps` consecutive calls (0
// and 1: at once). Every neighbour has a timer of its own; of more than eight that exceed it at once the strongest
// eight do. serving[u] < 0 means not attached yet: the best cell is taken at once.
struct HandoverConfig {
  double margin_db = 3.0;
  int time_to_trigger_steps = 0;
};

// The timers that run, (U, 8) each: for how many calls a cell has exceeded the margin, 0: none runs here. Both are
// zero at the start, and may be empty where nothing waits: time_to_trigger_steps of 0 and 1.
inline constexpr std::size_t n_timers = 8;
struct Timers {
  std::span<std::int32_t> cell, steps;
};

void update_serving(ConstMatrixView<float> gain, std::span<const float> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, const Timers& timers, const ThreadPool* pool = nullptr);
// Refuses gains that are negative or not finite: for callers whose gains do not come from LinkModel.
void check_gains(ConstMatrixView<float> gain);
// A user whose serving cell has gone into the remainder takes its best cell at once.
void update_serving(const FoldedGains& gain, std::span<const float> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, const Timers& timers, const ThreadPool* pool = nullptr);

}  // namespace slicefast
