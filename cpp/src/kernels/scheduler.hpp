// What the core asks of the scheduler kernels.
#pragma once

#include "kernels/select.hpp"

namespace slicefast {

// Whole-PRB quotas of up to quota_block cells; unused lanes are zero. Arrays (S, quota_block), cells contiguous.
inline constexpr std::size_t quota_block = 16;
struct QuotaProblem {
  double* remainder;           // carried over; far below zero where a slice has no fraction
  const double* fraction;      // of a_ns B, in [0, 1)
  const std::int32_t* base;    // floor(a_ns B)
  const std::int64_t* extras;  // (quota_block) PRBs left for the largest remainders
  std::uint16_t* quota;        // (n_ttis, S, quota_block)
  std::size_t n_slices, n_ttis;
};

struct SchedulerKernels {
  void (*quotas)(const QuotaProblem& problem);
  void (*separate_quotas)(const QuotaProblem& problem);
};

SLICEFAST_DECLARE_KERNELS(SchedulerKernels, scheduler_kernels)

}  // namespace slicefast
