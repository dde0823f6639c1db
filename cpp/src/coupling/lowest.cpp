// The lowest fixed point of a load map with jumps.
//
// The map f only grows with rho, and jumps only up: where a user falls out of a step of its efficiency. Below the
// lowest fixed point rho* nobody has lost a step that it holds at rho*. So with every user held at the step that it has
// at some rho <= rho*, the map g without jumps lies nowhere above f on [rho, rho*], and its fixed point is again at
// most rho*. From rho = 0 the steps therefore fall one after another, until nobody loses one: then g = f, and the fixed
// point of g, being one of f, is rho*. Every user has few steps to lose, so this ends.
//
// cqi: between two jumps the load is constant, and the fixed point of g is one evaluation: the plain iteration from
// zero. tr36942: the step is service or none; between two jumps the curve is smooth, and Newton's method finds the
// fixed point of g, which is unique.
#include <algorithm>
#include <cmath>
#include <limits>

#include "coupling/curves.hpp"
#include "coupling/iterations.hpp"
#include "slicefast/errors.hpp"

namespace slicefast {
namespace {

// From zero to where an evaluation changes nothing: floating-point sums are monotone too.
CouplingResult iterate_from_zero(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingKernels& kernels,
                                 ThreadPool* pool) {
  std::fill(w.rho.begin(), w.rho.end(), 0.0);
  for (int iteration = 1;; ++iteration) {
    w.evaluate(p, kernels, false, pool);
    if (w.value_cell == w.rho) return {iteration, 0.0};
    if (!std::all_of(w.value_cell.begin(), w.value_cell.end(), [](double v) { return std::isfinite(v); }))
      throw_infeasible(iteration, w.residual());
    w.rho = w.value_cell;
  }
}

// Users who have no service at the interference of the last evaluation ask for everything from now on. Returns whether
// there is one more of them.
bool drop_unserved(LoadCoupling::Workspace& w, const CouplingProblem& p) {
  bool one_more = false;
  for (std::size_t i = 0; i < w.users.size(); ++i) {
    const double sinr = w.signal[i] / (w.interference[i] + p.noise_w);
    if (!(sinr < Tr36942Curve::least) || std::isinf(w.demand_per_hz[i])) continue;
    w.demand_per_hz[i] = std::numeric_limits<double>::infinity();
    one_more = true;
  }
  return one_more;
}

// The fixed point between two jumps. Under caps there is one: where Newton's method gave up before the caps in force
// were settled, it starts again from where the plain iteration has come meanwhile.
CouplingResult settle(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                      ThreadPool* pool) {
  constexpr int most_rounds = 100;  // or the tolerance is below what rounding leaves
  int iterations = 0;
  for (int round = 1;; ++round) {
    try {
      const CouplingResult result = newton_iteration(w, p, options, pool);
      return {iterations + result.iterations, result.residual};
    } catch (const NotConverged& error) {
      if (p.share.empty() || round == most_rounds) throw;
      iterations += error.iterations;
    }
  }
}

CouplingResult newton_between_jumps(LoadCoupling::Workspace& w, const CouplingProblem& p,
                                    const CouplingOptions& options, ThreadPool* pool) {
  std::fill(w.interference.begin(), w.interference.end(), 0.0);
  bool one_more = drop_unserved(w, p);
  guess_start(w, p, options, pool);
  CouplingResult result;
  do {
    if (one_more && p.share.empty()) throw_infeasible(result.iterations, std::numeric_limits<double>::infinity());
    const CouplingResult piece = settle(w, p, options, pool);
    result = {result.iterations + piece.iterations, piece.residual};
    one_more = drop_unserved(w, p);
    w.rho = w.value_cell;
  } while (one_more);
  return result;
}

}  // namespace

CouplingResult lowest_fixed_point(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                                  ThreadPool* pool) {
  return p.efficiency == Efficiency::cqi ? iterate_from_zero(w, p, select_coupling_kernels(options.isa), pool)
                                         : newton_between_jumps(w, p, options, pool);
}

}  // namespace slicefast
