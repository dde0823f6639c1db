// One table of function pointers per noun and instruction set: the only way from the core into the kernel files.
//
// A kernel file defines `extern const <Noun>Kernels <noun>_kernels` in slicefast::SLICEFAST_ISA; the core picks a table
// with `select(isa, &baseline::..., ...)` through the macro below. Plain pointers and lengths only (see isa.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/select.hpp"

namespace slicefast {

struct AgentAct;  // learner_args.hpp
struct AgentUpdate;

struct LearnerKernels {
  void (*update)(const AgentUpdate& agent);
  void (*act)(const AgentAct& agent);
};

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

SLICEFAST_DECLARE_KERNELS(LearnerKernels, learner_kernels)
SLICEFAST_DECLARE_KERNELS(SchedulerKernels, scheduler_kernels)

}  // namespace slicefast
