#include <algorithm>
#include <cmath>
#include <utility>

#include "coupling/iterations.hpp"

namespace slicefast {
namespace {

// Newton steps without asking whether they help: the start of the real iteration may be anything.
void advance(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingKernels& kernels, int steps,
             const ThreadPool* pool) {
  NewtonStep newton;
  for (int s = 0; s < steps; ++s) {
    w.evaluate(p, kernels, true, pool);
    const bool solved = newton.find(w, kernels);
    for (std::size_t i = 0; i < w.n_cells; ++i) {
      const double moved = solved ? w.rho[i] + w.step[i] : w.value_cell[i];
      w.rho[i] = std::isfinite(moved) ? std::clamp(moved, 0.0, 10.0) : 1.0;
    }
  }
}

}  // namespace

// Newton's method on a concave map comes down to the fixed point from any activity above it, but leaps from below: full
// activity, and with many users the solution of a sample.
void guess_start(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                 const ThreadPool* pool) {
  for (std::size_t i = 0; i < w.n_cells; ++i) w.rho[i] = p.share.empty() ? 1.0 : w.cap_of(p, i);
  constexpr std::size_t least_users_per_group = 32;
  if (w.n_cells <= direct_cells || w.users.size() < least_users_per_group * w.n_cells * w.n_slices) return;
  // Each finer sample needs one step from the solution of the coarser one.
  for (const auto& [stride, steps] : {std::pair{16, 3}, std::pair{3, 1}}) {
    LoadCoupling::Workspace few;
    few.sample(p, w, static_cast<std::size_t>(stride));
    advance(few, p, select_coupling_kernels(options.isa), steps, pool);
    w.rho = few.rho;
  }
}

}  // namespace slicefast
