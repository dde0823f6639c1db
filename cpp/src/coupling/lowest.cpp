// The lowest fixed point of a load map with jumps.
//
// The map f only grows with rho, and jumps only up: where a user falls out of a step of its efficiency. Below the
// lowest fixed point rho* nobody has lost a step that it holds at rho*. So with every user held at the step that it has
// at some rho <= rho*, the map g without jumps lies nowhere above f on [rho, rho*], and its fixed point is again at
// most rho*. From rho = 0 the steps therefore fall one after another, until nobody loses one: then g = f, and the fixed
// point of g, being one of f, is rho*. Every user has few steps to lose, so this ends.
//
// cqi, tables: between two jumps the load is constant, and the fixed point of g is one evaluation: the plain iteration
// from zero. tr36942: the step is service or none; between two jumps the curve is smooth, and Newton's method finds the
// fixed point of g, which is unique.
//
// Fluctuating interference and bands: the plain iteration from zero, for all curves.
//
// Users who wait when they have no service make f fall where they lose it, see rise().
#include <algorithm>
#include <cmath>
#include <limits>

#include "coupling/curves.hpp"
#include "coupling/iterations.hpp"
#include "slicefast/errors.hpp"

namespace slicefast {
namespace {

// The plain iteration from zero to where no cell moves by more than `still`; 0 for steps: floating-point sums are
// monotone too. Where users on the way lose service and wait, loads first fall, in every cell as far as they do not
// rise again, to a point that the map leads up from: so the iteration cannot turn in a circle.
CouplingResult rise(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingKernels& kernels, double still,
                    const ThreadPool* pool) {
  std::fill(w.rho.begin(), w.rho.end(), 0.0);
  bool falling = false;
  for (int iteration = 1;; ++iteration) {
    w.evaluate(p, kernels, false, pool);
    if (!p.waits.empty() && w.leave_out_unserved(p)) {
      falling = true;
      continue;
    }
    const std::vector<double>& value = w.mapped();
    if (!std::all_of(value.begin(), value.end(), [](double v) { return std::isfinite(v); }))
      throw_infeasible(iteration, w.residual());
    double up = 0.0, down = 0.0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      up = std::max(up, value[i] - w.rho[i]);
      down = std::max(down, w.rho[i] - value[i]);
    }
    falling = falling && down > still;
    if (!falling && up <= still) return {iteration, w.residual()};
    for (std::size_t i = 0; i < value.size(); ++i) w.rho[i] = falling ? std::min(w.rho[i], value[i]) : value[i];
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
                      const ThreadPool* pool) {
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
                                    const CouplingOptions& options, const ThreadPool* pool) {
  std::fill(w.interference.begin(), w.interference.end(), 0.0);
  const bool wait = !p.waits.empty();
  if (wait) w.leave_out_unserved(p);
  bool one_more = !wait && drop_unserved(w, p);
  guess_start(w, p, options, pool);
  CouplingResult result;
  do {
    if (one_more && p.share.empty()) throw_infeasible(result.iterations, std::numeric_limits<double>::infinity());
    const CouplingResult piece = settle(w, p, options, pool);
    result = {result.iterations + piece.iterations, piece.residual};
    if (wait) {
      if (!w.anybody_unserved(p)) return result;
      return rise(w, p, select_coupling_kernels(options.isa), options.tolerance, pool);
    }
    one_more = drop_unserved(w, p);
    w.rho = w.value_cell;
  } while (one_more);
  return result;
}

}  // namespace

CouplingResult lowest_fixed_point(LoadCoupling::Workspace& w, const CouplingProblem& p, const CouplingOptions& options,
                                  const ThreadPool* pool) {
  if (p.interference == Interference::fluctuating || p.bands == Bands::in_order)
    return rise(w, p, select_coupling_kernels(options.isa), options.tolerance, pool);
  const bool steps = !p.steps.empty() || p.efficiency == Efficiency::cqi;
  return steps ? rise(w, p, select_coupling_kernels(options.isa), 0.0, pool)
               : newton_between_jumps(w, p, options, pool);
}

}  // namespace slicefast
