#include "slicefast/coupling/solver.hpp"

#include <algorithm>

#include "coupling/bands.hpp"
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

void LoadCoupling::sinr(const CouplingProblem& p, std::span<const double> rho, Isa isa, std::span<float> sinr,
                        const ThreadPool* pool) {
  const std::size_t n_users = users_of(p), n_cells = cells_of(p);
  const bool banded = p.bands == Bands::in_order;
  check_size("rho", rho.size(), banded ? n_cells * p.share.cols : n_cells, banded ? "slice of a cell" : "cell");
  check_values("rho", rho, not_negative, "cell");
  check_size("sinr", sinr.size(), n_users, "user");
  check_radio(p);
  const CouplingKernels& kernels = select_coupling_kernels(isa);
  if (banded || has_gain64(p))
    return visit_users(p, rho, pool, [&](std::size_t row, std::span<const double>, Weights& met) {
      sinr[user_at(p, row)] = static_cast<float>(link_at(p, kernels, row, met).sinr(p.noise_w));
    });
  Weights& weights = work_->everybody;
  weights.set(p, rho);
  leave_own_out(p, weights);
  share_items(pool, (n_users + rows_most - 1) / rows_most, [&](std::size_t item, int) {
    const std::size_t first = item * rows_most, n = std::min(rows_most, n_users - first);
    double interference[rows_most];
    interference_of_rows(p, kernels, first, weights, {interference, n});
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t user = user_at(p, first + i), cell = static_cast<std::size_t>(p.serving[user]);
      const Link link{p.power_w[cell] * serving_gain_at(p, first + i, cell), interference[i]};
      sinr[user] = static_cast<float>(link.sinr(p.noise_w));
    }
  });
}

}  // namespace slicefast
