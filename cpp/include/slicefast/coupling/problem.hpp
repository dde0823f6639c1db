// Load coupling: who disturbs whom, and the SINR that given cell activities leave.
//
//   SINR_u(rho) = p_n (g_un - e_u) / (sum_{k != n} rho_k p_k g_uk + rho_n p_n e_u + sigma^2),  n = serving cell of u
//
// g: gain, linear; p: power_w; sigma^2: noise_w, over the same bandwidth unit as p; rho: activity of the cells; e: the
// part of the serving cell's gain that does not serve, but interferes as other cells do: on a torus, its further
// images.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "slicefast/coupling/efficiency.hpp"
#include "slicefast/isa.hpp"
#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/threads.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

// The rate that a user has: at its mean interference, or in the mean over its neighbours' states (fluctuating.hpp), of
// SINRs with and without each of them.
enum class Interference { mean, fluctuating };
Interference interference(std::string_view name);

// Where the PRBs of a slice lie: spread over the carrier, so that all slices of a cell meet the same interference; or
// in a band of its own, shares laid out in the order of the slices from the carrier's start (coupling/bands.hpp).
enum class Bands { anywhere, in_order };
Bands bands(std::string_view name);

// One instance; all arrays belong to the caller. Exactly one of `gain`, `gain64` and `folded` is there.
struct CouplingProblem {
  ConstMatrixView<float> gain;      // (U, N), linear, user-major
  std::span<const double> power_w;  // (N,)
  double noise_w = 0;
  std::span<const double> demand_bps;      // (U,); users with zero demand add no load
  std::span<const std::int32_t> serving;   // (U,) in [0, N)
  std::span<const std::int32_t> slice_of;  // (U,) in [0, S); may be empty when load has one column
  ConstMatrixView<double> share;           // (N, S) caps; empty: uncapped
  double bandwidth_hz = 0;
  Efficiency efficiency = Efficiency::shannon;
  double ceiling_bps_per_hz = no_ceiling;  // of the efficiency, over all layers
  int layers = 1;                          // of the efficiency
  ConstMatrixView<double> gain64 = {};     // (U, N) in place of `gain`, for callers that need double precision
  const FoldedGains* folded = nullptr;     // in place of `gain`; made by LinkModel::fold
  // (U,) e; empty: zero. Only beside `gain`.
  std::span<const float> own_images = {};
  RateSteps steps = {};  // in place of `efficiency`
  // (U,) zeros, or empty. There: users to whom the efficiency gives nothing wait, add no load and are set to 1 (which:
  // solver.hpp). Otherwise they ask for all that there is.
  std::span<std::uint8_t> waits = {};
  Interference interference = Interference::mean;
  Bands bands = Bands::anywhere;  // in_order: of `share`, which is there then, without `dedicated`
  // Slices that lend, (N, S) or empty; `share` is then the most that a slice may use. These PRBs are never lent.
  ConstMatrixView<double> dedicated = {};
  // (N,) the part of the carrier's PRBs that a cell has, or empty: all of it. Read where `dedicated` is there;
  // otherwise `share` says it all.
  std::span<const double> whole = {};

  double whole_of(std::size_t cell) const { return whole.empty() ? 1.0 : whole[cell]; }
};

// Whether cell loads may fit together in more than one way.
inline bool has_jumps(const CouplingProblem& problem) {
  return problem.interference == Interference::fluctuating || !problem.steps.empty() || has_jumps(problem.efficiency);
}

// The activity rho is that of cells, (N,); of slices, (N * S) in parts of the cell's PRBs, where they have bands.

// bit/s/Hz of every user, (U,), in the mean over neighbours' states.
void mean_efficiencies(const CouplingProblem& problem, std::span<const double> rho, Isa isa,
                       std::span<double> efficiency, const ThreadPool* pool = nullptr);

}  // namespace slicefast
