// Load coupling: the fixed point of cell loads and interference.
//
//   l_ns(rho)   = min(a_ns, sum_{u in (n, s)} d_u / (W eff(SINR_u(rho)))),  rho_n = sum_s l_ns
//
// d: demand_bps; W: bandwidth_hz; a: share; SINR: problem.hpp. Siomina & Yuan 2012 (arXiv 1201.4116).
//
// Which fixed point: with an efficiency without jumps (shannon, mogensen) the map is a standard interference mapping
// (Yates 1995) and has one at most. With jumps (tr36942, cqi) it may have several; since it is monotone one of them is
// the lowest in every cell (Tarski), the limit of l(l(...l(0))), and that one is returned, whatever the start.
// Users out of reach (CouplingProblem::waits) make the map fall where they fall out, so that no fixed point need exist
// with everybody who would have service at it. Loads rise from an idle network; whoever loses service on the way is out
// for good. Where nobody does, this is the lowest fixed point.
// Slices that lend (dedicated D, most M = share, need w_ns the sum above without its cap) use, as in
// src/scheduling/lending.cpp, rho_n = min(sum_s min(w_ns, M_ns), 1 - sum_s max(0, D_ns - w_ns)): a standard map too.
#pragma once

#include <memory>

#include "slicefast/coupling/problem.hpp"

namespace slicefast {

struct CouplingOptions {
  double tolerance = 1e-6;   // on max |l(rho) - rho| relative to max(1, rho)
  int max_iterations = 200;  // evaluations of the map; with jumps, between two of them
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

  // `load` (N, S), or (N, 1) without slices: the start on entry (any values >= 0; a near solution makes it fast, and
  // changes nothing where the efficiency jumps), the solution on return. Throws InvalidArgument, or NotConverged with
  // iterations and residual (load then holds the start again). The result does not depend on the number of threads.
  CouplingResult solve(const CouplingProblem& problem, const CouplingOptions& options, MatrixView<double> load,
                       const ThreadPool* pool = nullptr);

  // sinr[u], linear, of every user (zero demand included).
  void sinr(const CouplingProblem& problem, std::span<const double> rho, Isa isa, std::span<float> sinr,
            const ThreadPool* pool = nullptr);

  struct Workspace;

 private:
  std::unique_ptr<Workspace> work_;
};

}  // namespace slicefast
