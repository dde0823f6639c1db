// The iterations that lead a workspace to a fixed point.
#pragma once

#include "coupling/workspace.hpp"

namespace slicefast {

inline constexpr double hopeless_load = 1e9;     // an uncapped load beyond it is growing without bound
inline constexpr std::size_t direct_cells = 64;  // up to here the Newton system is factorised, beyond it is swept

// Newton's method on rho = f(rho): the linear system (I - J) step = f - rho of a workspace that was evaluated with its
// Jacobian, which it overwrites; the step is the workspace's.
class NewtonStep {
 public:
  // False where the step means nothing, the spectral radius of J not being below one.
  bool find(LoadCoupling::Workspace& at, const CouplingKernels& kernels);
  // A bound on the residual after the step, without looking; infinite where none is known.
  double bound_on_residual(const CouplingProblem& p, const LoadCoupling::Workspace& at) const;

 private:
  bool factorise(LoadCoupling::Workspace& at);
  bool sweep(LoadCoupling::Workspace& at, const CouplingKernels& kernels);

  double error_ = 0.0;  // of the linear system, relative to the step
};

// A start for those who have none (start.cpp).
void guess_start(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                 const ThreadPool* pool);

// The fixed point of a map without jumps, from w.rho (newton.cpp): Newton's method, with the plain iteration rho =
// f(rho) as its safety net, which converges from any start whenever a fixed point exists (Yates 1995).
CouplingResult newton_iteration(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                                const ThreadPool* pool);

// The lowest fixed point of a map with jumps (lowest.cpp); w.rho is not read.
CouplingResult lowest_fixed_point(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                                  const ThreadPool* pool);

[[noreturn]] void throw_infeasible(int iterations, double residual);

}  // namespace slicefast
