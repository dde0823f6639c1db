// Load coupling over one cell's users: interference, load with its slope, Jacobian row.
#pragma once

#include "kernels/select.hpp"

namespace slicefast {

// The efficiencies as load sees them. That of tr36942 goes on below its cut-off: which users it leaves without service
// is the solver's to say.
enum class LoadCurve { shannon, tr36942, mogensen, cqi, steps };

// As RateSteps (efficiency.hpp), n of them.
struct StepTable {
  const double *sinr, *bits_per_s_hz;
  std::size_t n;
};

// How a user's rate follows from its SINR: a curve on so many layers, at most `ceiling` [bit/s/Hz] in all, or steps.
struct LinkRate {
  LoadCurve curve;
  double ceiling, layers;
  StepTable steps;
};

// Users of one cell (and slice), named by index into a user-major gain matrix of row length `stride`.
struct CouplingKernels {
  // interference[i] = sum_k weight[k] gain(users[i], k), i < n. users[n .. readable) are the next to come.
  void (*interference_f32)(const float* gain, std::size_t stride, const std::int32_t* users, std::size_t n,
                           std::size_t readable, const float* weight, double* interference);
  void (*interference_f64)(const double* gain, std::size_t stride, const std::int32_t* users, std::size_t n,
                           std::size_t readable, const double* weight, double* interference);
  // The same from columns: of user i to cell k columns[k * stride + i], i < n. To the last bit the same.
  void (*column_interference)(const float* columns, std::size_t stride, std::size_t n, std::size_t n_cells,
                              const float* weight, double* interference);
  // Of n rows that lie one after another, each without its own column, -1: none. To the last bit as with weight 0 there.
  // ones_around_0: the 0 of `stride` ones, a 0, and `stride` + 1 ones.
  void (*others_interference)(const float* rows, std::size_t stride, const std::int32_t* own, std::size_t n,
                              const float* weight, const float* ones_around_0, double* interference);
  // Per user with SINR s = signal / (interference + noise): load[i] = demand / (W eff(s)) and
  // slope[i] = d load / d interference. An efficiency of zero gives an infinite load and no slope.
  void (*user_load)(const LinkRate& link, const double* signal, const double* interference, double noise,
                    const double* demand_per_hz, std::size_t n, double* load, double* slope);
  // row[k] += sum_i slope[i] gain(users[i], k).
  void (*add_slopes_f32)(const float* gain, std::size_t stride, const std::int32_t* users, std::size_t n,
                         const double* slope, double* row);
  void (*add_slopes_f64)(const double* gain, std::size_t stride, const std::int32_t* users, std::size_t n,
                         const double* slope, double* row);
  // Whether all gains of these users are finite and not negative.
  bool (*valid_f32)(const float* gain, std::size_t stride, const std::int32_t* users, std::size_t n);
  bool (*valid_f64)(const double* gain, std::size_t stride, const std::int32_t* users, std::size_t n);
  double (*dot)(const double* a, const double* b, std::size_t n);
};

SLICEFAST_DECLARE_KERNELS(CouplingKernels, coupling_kernels)

}  // namespace slicefast
