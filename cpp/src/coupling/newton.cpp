#include <algorithm>
#include <cmath>
#include <limits>

#include "coupling/iterations.hpp"
#include "slicefast/errors.hpp"

namespace slicefast {

bool NewtonStep::find(LoadCoupling::Workspace& at, const CouplingKernels& kernels) {
  at.step.resize(at.n_cells);
  for (std::size_t i = 0; i < at.n_cells; ++i) at.step[i] = at.value_cell[i] - at.rho[i];
  return at.n_cells <= direct_cells ? factorise(at) : sweep(at, kernels);
}

// Gaussian elimination without pivoting: I - J has only positive pivots iff its inverse is non-negative, i.e. iff the
// spectral radius of J is below one; otherwise the Newton step means nothing.
bool NewtonStep::factorise(LoadCoupling::Workspace& at) {
  const std::size_t n = at.n_cells;
  std::vector<double>& matrix = at.jacobian.dense();
  for (double& j : matrix) j = -j;
  for (std::size_t i = 0; i < n; ++i) matrix[i * n + i] += 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double* pivot_row = matrix.data() + i * n;
    if (!(pivot_row[i] > 1e-12)) return false;
    for (std::size_t r = i + 1; r < n; ++r) {
      double* target = matrix.data() + r * n;
      const double factor = target[i] / pivot_row[i];
      if (factor == 0.0) continue;
      for (std::size_t c = i + 1; c < n; ++c) target[c] -= factor * pivot_row[c];
      at.step[r] -= factor * at.step[i];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t c = i + 1; c < n; ++c) at.step[i] -= matrix[i * n + c] * at.step[c];
    at.step[i] /= matrix[i * n + i];
  }
  error_ = 1e-9;
  return true;
}

// Gauss-Seidel sweeps, to 1e-4 of the step: more would be lost on the next Jacobian.
bool NewtonStep::sweep(LoadCoupling::Workspace& at, const CouplingKernels& kernels) {
  const std::size_t n = at.n_cells;
  double previous = std::numeric_limits<double>::infinity();
  for (int sweep = 0; sweep < 200; ++sweep) {
    double change = 0.0, size = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double updated = at.value_cell[i] - at.rho[i] + at.jacobian.times(kernels, i, at.step);
      change = std::max(change, std::abs(updated - at.step[i]));
      size = std::max(size, std::abs(updated));
      at.step[i] = updated;
    }
    if (change <= 1e-4 * size) {
      error_ = 1e-4;  // the system's residual is the change the next sweep would bring, less than the last
      return true;
    }
    if (sweep > 20 && change > previous) return false;  // the spectral radius of J is not below one
    previous = change;
  }
  return false;
}

// With x = SINR and L = ln(1 + x), load h(I) of a user has |I^2 h'' / h| = |e (e - 1) + x (x - L) / ((1 + x) L)^2| <
// 1/4, e = x / ((1 + x) L). A step of relative size r moves every interference by at most the factor 1 + r, so the map
// leaves its tangent by at most r^2 / 8 of its value (and the fourth power of 1 / (1 - r), for the curvature along the
// way). Shannon-like maps without caps only.
double NewtonStep::bound_on_residual(const CouplingProblem& p, const LoadCoupling::Workspace& at) const {
  const double unknown = std::numeric_limits<double>::infinity();
  if (at.n_slices != 1 || !p.share.empty()) return unknown;
  if (p.efficiency != Efficiency::shannon && p.efficiency != Efficiency::mogensen) return unknown;
  if (p.ceiling_bps_per_hz < no_ceiling) return unknown;  // a kink
  double relative = 0.0, most = 0.0, loosest = 0.0;
  for (std::size_t i = 0; i < at.n_cells; ++i) {
    if (at.rho[i] == 0.0 && at.step[i] == 0.0) continue;
    relative = std::max(relative, std::abs(at.step[i]) / at.rho[i]);
    most = std::max(most, at.value_cell[i]);
    loosest = std::max(loosest, std::abs(at.step[i]));
  }
  if (!(relative < 0.1)) return unknown;
  return 0.125 * relative * relative / std::pow(1.0 - relative, 4) * most + error_ * loosest;
}

void throw_infeasible(int iterations, double residual) {
  throw NotConverged("load coupling: the load grows without bound, the demand is infeasible", iterations, residual);
}

CouplingResult newton_iteration(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                                const ThreadPool* pool) {
  const CouplingKernels& kernels = select_coupling_kernels(options.isa);
  NewtonStep newton;
  int newton_allowed = 3;  // failures forgiven before the plain iteration is left alone
  bool from_newton = false, restarted = false;
  double last = std::numeric_limits<double>::infinity();
  for (int iteration = 1; iteration <= options.max_iterations; ++iteration) {
    // What is probably the last look needs no slopes: a Newton step leaves about an eighth of its square, see
    // bound_on_residual().
    const bool likely_last = from_newton && 0.125 * last * last <= options.tolerance;
    w.evaluate(p, kernels, newton_allowed > 0 && !likely_last, pool);
    const double now = w.residual();
    if (now <= options.tolerance) return {iteration, now};
    if (newton_allowed > 0 && likely_last) w.evaluate(p, kernels, true, pool);
    if (!std::isfinite(now) || *std::max_element(w.value_cell.begin(), w.value_cell.end()) > hopeless_load) {
      if (restarted) throw_infeasible(iteration, now);
      // A start or a Newton step far above the fixed point; from zero the plain iteration only rises towards it.
      restarted = true;
      newton_allowed = 0;
      from_newton = false;
      std::fill(w.rho.begin(), w.rho.end(), 0.0);
      continue;
    }
    if (from_newton && now > 0.5 * last) {
      --newton_allowed;
      w.rho = w.plain;
      from_newton = false;
      last = std::numeric_limits<double>::infinity();
      continue;
    }
    last = now;
    w.plain = w.value_cell;
    from_newton = newton_allowed > 0 && newton.find(w, kernels);
    if (!from_newton) {
      w.rho = w.value_cell;
      continue;
    }
    if (const double bound = newton.bound_on_residual(p, w); bound <= options.tolerance) {
      for (std::size_t i = 0; i < w.n_cells; ++i) w.value[i] = w.value_cell[i] = std::max(0.0, w.rho[i] + w.step[i]);
      return {iteration, bound};
    }
    for (std::size_t i = 0; i < w.n_cells; ++i)
      w.rho[i] = std::clamp(w.rho[i] + w.step[i], 0.0,
                            p.share.empty() ? std::numeric_limits<double>::infinity() : w.cap_of(p, i));
  }
  throw NotConverged("load coupling: residual " + text_of(last) + " after " + text_of(options.max_iterations) +
                         " iterations, tolerance " + text_of(options.tolerance),
                     options.max_iterations, last);
}

}  // namespace slicefast
