// Load coupling: the fixed point of cell loads and interference, and the SINR it leaves.
//
//   SINR_u(rho) = p_n g_un / (sum_{k != n} rho_k p_k g_uk + sigma^2),  n = serving cell of u
//   l_ns(rho)   = min(a_ns, sum_{u in (n, s)} d_u / (W eff(SINR_u(rho)))),  rho_n = sum_s l_ns
//
// g: gain, linear; p: power_w; sigma^2: noise_w, over the same bandwidth unit as p; d: demand_bps; W: bandwidth_hz;
// a: share. Siomina & Yuan 2012 (arXiv 1201.4116). The capped map is a standard interference mapping (Yates 1995).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/isa.hpp"
#include "slicefast/threads.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

// Link adaptation, SINR -> bit/s/Hz: Shannon; attenuated truncated Shannon (TR 36.942 A.1); Mogensen et al. 2007; CQI
// table (TS 36.213 Table 7.2.3-1) with 10 % block-error thresholds.
enum class Efficiency { shannon, tr36942, mogensen, cqi };
Efficiency efficiency(std::string_view name);

// Bit/s/Hz at a linear SINR >= 0.
double spectral_efficiency(Efficiency efficiency, double sinr);

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
  ConstMatrixView<double> gain64 = {};  // (U, N) in place of `gain`, for callers that need double precision
  const FoldedGains* folded = nullptr;  // in place of `gain`; made by LinkModel::fold
};

struct CouplingOptions {
  double tolerance = 1e-6;  // on max |l(rho) - rho| relative to max(1, rho)
  int max_iterations = 200;
  Isa isa = Isa::baseline;
};

struct CouplingResult {
  int iterations = 0;  // evaluations of the map
  double residual = 0;
};

// A workspace that grows to the largest problem it has seen. One thread at a time.
class LoadCoupling {
 public:
  LoadCoupling();
  ~LoadCoupling();
  LoadCoupling(LoadCoupling&&) noexcept;

  // `load` (N, S), or (N, 1) without slices: the start on entry (any values >= 0; a near solution makes it fast), the
  // solution on return. Throws InvalidArgument, or NotConverged with iterations and residual (load then holds the
  // start again). The result does not depend on the number of threads.
  CouplingResult solve(const CouplingProblem& problem, const CouplingOptions& options, MatrixView<double> load,
                       ThreadPool* pool = nullptr);

 private:
  struct Workspace;
  std::unique_ptr<Workspace> work_;
};

// sinr[u], linear, of every user (zero demand included) at cell activities rho (N,).
void coupled_sinr(const CouplingProblem& problem, std::span<const double> rho, Isa isa, std::span<float> sinr,
                  ThreadPool* pool = nullptr);

// Spectral radius of the asymptotic mapping for the Shannon efficiency (Cavalcante, Liao, Stanczak, IEEE TSP 67, 2019):
// M_ik = sum_{u in i} (d_u ln2 / W) p_k g_uk / (p_i g_ui), k != i. Demand is feasible at some finite load iff < 1.
double spectral_radius(const CouplingProblem& problem, Isa isa);

}  // namespace slicefast
