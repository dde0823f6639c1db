#include "slicefast/coupling/solver.hpp"

#include <algorithm>

#include "coupling/iterations.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

LoadCoupling::LoadCoupling() : work_(std::make_unique<Workspace>()) {}
LoadCoupling::~LoadCoupling() = default;
LoadCoupling::LoadCoupling(LoadCoupling&&) noexcept = default;

CouplingResult LoadCoupling::solve(const CouplingProblem& problem, const CouplingOptions& options,
                                   MatrixView<double> load, const ThreadPool* pool) {
  check_value("tolerance", options.tolerance, positive);
  check_value("max_iterations", options.max_iterations, at_least(1));
  check_size("load", load.rows, cells_of(problem), "cell");
  check_value("load columns", load.cols, at_least(1));
  check_problem(problem, load.cols);
  for (std::size_t n = 0; n < load.rows; ++n)
    for (double l : load.row(n))
      if (!not_negative.holds(l)) refuse_entry("start", "cell", n, text_of(l), not_negative.text());
  Workspace& w = *work_;
  w.group(problem, load.cols, pool ? pool->n_threads() : 1);
  CouplingResult result;
  if (has_jumps(problem) || problem.bands == Bands::in_order) {
    result = lowest_fixed_point(w, problem, options, pool);
  } else {
    for (std::size_t i = 0; i < w.n_cells; ++i)
      for (double l : load.row(i)) w.rho[i] += l;
    if (std::all_of(w.rho.begin(), w.rho.end(), [](double r) { return r == 0.0; }))
      guess_start(w, problem, options, pool);
    result = newton_iteration(w, problem, options, pool);
  }
  std::copy(w.value.begin(), w.value.end(), load.data);
  return result;
}

}  // namespace slicefast
