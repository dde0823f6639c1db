// Load coupling: Newton's method on l(rho) = rho, with the plain iteration as its safety net.
//
// Steps: users with demand are grouped by serving cell and slice; one evaluation of the map walks each cell's users,
// whose gain rows stay in cache between the interference sum and the Jacobian row; the linear system of the Newton step
// is solved on the N x N Jacobian; a step that does not shrink the residual is taken back and replaced by plain
// iterations, which converge from any start whenever a fixed point exists (Yates 1995).
//
// Symbols: rho (N,) cell activities, f (N, S) the map's value, J (N, N) its Jacobian d f_i / d rho_k >= 0.
#include "slicefast/coupling/solver.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "coupling/interference.hpp"

namespace slicefast {
namespace {

constexpr double hopeless_load = 1e9;     // an uncapped load beyond it is growing without bound
constexpr std::size_t chunk_users = 16;   // whose gain rows stay in the first-level cache
constexpr std::size_t folded_chunk = 64;  // folded rows are short, and a region's users are better met together
constexpr std::size_t direct_cells = 64;  // up to here the Newton system is factorised, beyond it is swept

}  // namespace

struct LoadCoupling::Workspace {
  std::size_t n_cells, n_slices;
  std::vector<std::size_t> first;                                        // (N * S + 1,) groups of `users`
  std::vector<std::int32_t> users;                                       // by their rows
  std::vector<double> signal, demand_per_hz, interference, load, slope;  // per entry of users
  std::vector<double> value, value_cell, rho, trial, step;               // f (N, S) and its row sums; iterates
  std::vector<double> jacobian;                                          // (N, N)
  std::vector<double> row;                                               // per thread: one slice's row of J
  bool gains_checked = false;
  double step_error = 0.0;  // of the linear system behind `step`, relative to the step

  void group(const CouplingProblem& p, std::size_t slices, int n_threads);
  void sample(const Workspace& all, std::size_t stride);
  void advance(const CouplingProblem& p, const CouplingKernels& kernels, int steps, ThreadPool* pool);
  void guess(const CouplingProblem& p, const CouplingOptions& options, ThreadPool* pool);
  void evaluate(const CouplingProblem& p, const CouplingKernels& kernels, bool with_jacobian, ThreadPool* pool);
  void evaluate_cell(const CouplingProblem& p, const CouplingKernels& kernels, bool with_jacobian, std::size_t cell,
                     Weights& weights, double* slice_row);
  double residual() const;
  bool newton_step(const CouplingKernels& kernels);
  double tangent_error(const CouplingProblem& p) const;
  bool factorised_step();
  bool swept_step(const CouplingKernels& kernels);
  CouplingResult iterate(const CouplingProblem& p, const CouplingOptions& options, ThreadPool* pool);
};

LoadCoupling::LoadCoupling() : work_(std::make_unique<Workspace>()) {}
LoadCoupling::~LoadCoupling() = default;
LoadCoupling::LoadCoupling(LoadCoupling&&) noexcept = default;

// Counting sort of the users with demand by (serving cell, slice).
void LoadCoupling::Workspace::group(const CouplingProblem& p, std::size_t slices, int n_threads) {
  n_cells = cells_of(p);
  n_slices = slices;
  const std::size_t n_users = users_of(p), n_groups = n_cells * n_slices;
  const auto key = [&](std::size_t u) {
    return static_cast<std::size_t>(p.serving[u]) * n_slices +
           (n_slices > 1 ? static_cast<std::size_t>(p.slice_of[u]) : 0);
  };
  first.assign(n_groups + 1, 0);
  for (std::size_t u = 0; u < n_users; ++u)
    if (p.demand_bps[u] > 0.0) ++first[key(u) + 1];
  for (std::size_t g = 0; g < n_groups; ++g) first[g + 1] += first[g];
  const std::size_t n = first[n_groups];
  users.resize(n);
  for (auto* array : {&signal, &demand_per_hz, &interference, &load, &slope}) array->resize(n);
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  for (std::size_t row = 0; row < n_users; ++row) {
    const std::size_t u = user_at(p, row);
    if (!(p.demand_bps[u] > 0.0)) continue;
    const std::size_t at = next[key(u)]++, cell = static_cast<std::size_t>(p.serving[u]);
    const double gain = gain_at(p, row, cell);
    if (!(gain > 0.0 && std::isfinite(gain)))
      refuse("gain: user " + std::to_string(u) + ", cell " + std::to_string(cell) + " has " + text_of(gain) +
             ", must be positive and finite to the serving cell");
    users[at] = static_cast<std::int32_t>(row);
    signal[at] = p.power_w[cell] * gain;
    demand_per_hz[at] = p.demand_bps[u] / p.bandwidth_hz;
  }
  value.assign(n_groups, 0.0);
  for (auto* array : {&value_cell, &rho, &trial, &step}) array->assign(n_cells, 0.0);
  jacobian.resize(n_cells * n_cells);
  gains_checked = false;
  row.resize(n_cells * static_cast<std::size_t>(n_threads));
}

void LoadCoupling::Workspace::evaluate_cell(const CouplingProblem& p, const CouplingKernels& kernels,
                                            bool with_jacobian, std::size_t cell, Weights& weights, double* slice_row) {
  const std::size_t chunk_most = p.folded ? folded_chunk : chunk_users;
  double* jacobian_row = jacobian.data() + cell * n_cells;
  if (with_jacobian) std::fill_n(jacobian_row, n_cells, 0.0);
  value_cell[cell] = 0.0;
  for (std::size_t s = 0; s < n_slices; ++s) {
    const std::size_t g = cell * n_slices + s;
    double sum = 0.0;
    if (with_jacobian) std::fill_n(slice_row, n_cells, 0.0);
    for (std::size_t begin = first[g]; begin < first[g + 1]; begin += chunk_most) {
      const std::size_t n = std::min(chunk_most, first[g + 1] - begin);
      const std::span<const std::int32_t> chunk{users.data() + begin, n};
      interference_of(p, kernels, chunk, users.size() - begin, cell, weights, interference.data() + begin);
      if (!gains_checked) check_gains(p, kernels, chunk);
      kernels.user_load(static_cast<int>(p.efficiency), signal.data() + begin, interference.data() + begin, p.noise_w,
                        demand_per_hz.data() + begin, n, load.data() + begin, slope.data() + begin);
      for (std::size_t i = begin; i < begin + n; ++i) sum += load[i];
      if (with_jacobian) add_slopes(p, kernels, chunk, slope.data() + begin, slice_row);
    }
    const bool capped = !p.share.empty() && sum >= p.share(cell, s);
    value[g] = capped ? p.share(cell, s) : sum;
    value_cell[cell] += value[g];
    if (!with_jacobian || capped) continue;
    for (std::size_t k = 0; k < n_cells; ++k) jacobian_row[k] += slice_row[k] * p.power_w[k];
  }
  if (with_jacobian) jacobian_row[cell] = 0.0;
}

// f and, on request, J at rho. A cell is one item of work, so sums do not depend on the number of threads.
void LoadCoupling::Workspace::evaluate(const CouplingProblem& p, const CouplingKernels& kernels, bool with_jacobian,
                                       ThreadPool* pool) {
  std::vector<Weights> weights(pool ? static_cast<std::size_t>(pool->n_threads()) : 1, Weights(p, rho));
  const auto work = [&](std::size_t cell, int thread) {
    const auto t = static_cast<std::size_t>(thread);
    evaluate_cell(p, kernels, with_jacobian, cell, weights[t], row.data() + t * n_cells);
  };
  over(pool, n_cells, work);
  gains_checked = true;
}

double LoadCoupling::Workspace::residual() const {
  double worst = 0.0;
  for (std::size_t i = 0; i < n_cells; ++i)
    worst = std::max(worst, std::abs(value_cell[i] - rho[i]) / std::max(1.0, rho[i]));
  return worst;
}

// Gaussian elimination without pivoting: I - J has only positive pivots iff its inverse is non-negative, i.e. iff the
// spectral radius of J is below one; otherwise the Newton step means nothing.
bool LoadCoupling::Workspace::factorised_step() {
  for (double& j : jacobian) j = -j;
  for (std::size_t i = 0; i < n_cells; ++i) {
    jacobian[i * n_cells + i] += 1.0;
    step[i] = value_cell[i] - rho[i];
  }
  for (std::size_t i = 0; i < n_cells; ++i) {
    const double* pivot_row = jacobian.data() + i * n_cells;
    if (!(pivot_row[i] > 1e-12)) return false;
    for (std::size_t r = i + 1; r < n_cells; ++r) {
      double* target = jacobian.data() + r * n_cells;
      const double factor = target[i] / pivot_row[i];
      if (factor == 0.0) continue;
      for (std::size_t c = i + 1; c < n_cells; ++c) target[c] -= factor * pivot_row[c];
      step[r] -= factor * step[i];
    }
  }
  for (std::size_t i = n_cells; i-- > 0;) {
    for (std::size_t c = i + 1; c < n_cells; ++c) step[i] -= jacobian[i * n_cells + c] * step[c];
    step[i] /= jacobian[i * n_cells + i];
  }
  step_error = 1e-9;
  return true;
}

// Gauss-Seidel sweeps on (I - J) step = f - rho, to 1e-4 of the step: more would be lost on the next Jacobian.
bool LoadCoupling::Workspace::swept_step(const CouplingKernels& kernels) {
  for (std::size_t i = 0; i < n_cells; ++i) step[i] = value_cell[i] - rho[i];
  double previous = std::numeric_limits<double>::infinity();
  for (int sweep = 0; sweep < 200; ++sweep) {
    double change = 0.0, size = 0.0;
    for (std::size_t i = 0; i < n_cells; ++i) {
      const double updated = value_cell[i] - rho[i] + kernels.dot(jacobian.data() + i * n_cells, step.data(), n_cells);
      change = std::max(change, std::abs(updated - step[i]));
      size = std::max(size, std::abs(updated));
      step[i] = updated;
    }
    if (change <= 1e-4 * size) {
      step_error = 1e-4;  // the system's residual is the change the next sweep would bring, less than the last
      return true;
    }
    if (sweep > 20 && change > previous) return false;  // the spectral radius of J is not below one
    previous = change;
  }
  return false;
}

bool LoadCoupling::Workspace::newton_step(const CouplingKernels& kernels) {
  return n_cells <= direct_cells ? factorised_step() : swept_step(kernels);
}

// One user in `stride` of every group, with the demand of the group: a small problem with nearly the same solution.
void LoadCoupling::Workspace::sample(const Workspace& all, std::size_t stride) {
  n_cells = all.n_cells;
  n_slices = all.n_slices;
  first.assign(1, 0);
  for (auto* array : {&signal, &demand_per_hz}) array->clear();
  users.clear();
  for (std::size_t g = 0; g + 1 < all.first.size(); ++g) {
    double total = 0.0, taken = 0.0;
    const std::size_t begin = users.size();
    for (std::size_t at = all.first[g]; at < all.first[g + 1]; ++at) {
      total += all.demand_per_hz[at];
      if ((at - all.first[g]) % stride != 0) continue;
      taken += all.demand_per_hz[at];
      users.push_back(all.users[at]);
      signal.push_back(all.signal[at]);
      demand_per_hz.push_back(all.demand_per_hz[at]);
    }
    for (std::size_t at = begin; at < users.size(); ++at) demand_per_hz[at] *= total / taken;
    first.push_back(users.size());
  }
  for (auto* array : {&interference, &load, &slope}) array->resize(users.size());
  value.assign(all.value.size(), 0.0);
  for (auto* array : {&value_cell, &trial, &step}) array->assign(n_cells, 0.0);
  rho = all.rho;
  jacobian.resize(n_cells * n_cells);
  row.resize(all.row.size());
  gains_checked = false;
}

// A start for those who have none. Newton's method on a concave map comes down to the fixed point from any activity
// above it, but leaps from below: full activity, and with many users the solution of a sample.
void LoadCoupling::Workspace::guess(const CouplingProblem& p, const CouplingOptions& options, ThreadPool* pool) {
  for (std::size_t i = 0; i < n_cells; ++i) {
    rho[i] = p.share.empty() ? 1.0 : 0.0;
    if (!p.share.empty())
      for (double a : p.share.row(i)) rho[i] += a;
  }
  constexpr std::size_t least_users_per_group = 32;
  if (n_cells <= direct_cells || users.size() < least_users_per_group * n_cells * n_slices) return;
  // Each finer sample needs one step from the solution of the coarser one.
  for (const auto& [stride, steps] : {std::pair{16, 3}, std::pair{3, 1}}) {
    Workspace few;
    few.sample(*this, static_cast<std::size_t>(stride));
    few.advance(p, select_coupling_kernels(options.isa), steps, pool);
    rho = few.rho;
  }
}

// Newton steps without asking whether they help: the start of the real iteration may be anything.
void LoadCoupling::Workspace::advance(const CouplingProblem& p, const CouplingKernels& kernels, int steps,
                                      ThreadPool* pool) {
  for (int s = 0; s < steps; ++s) {
    evaluate(p, kernels, true, pool);
    const bool solved = newton_step(kernels);
    for (std::size_t i = 0; i < n_cells; ++i) {
      const double moved = solved ? rho[i] + step[i] : value_cell[i];
      rho[i] = std::isfinite(moved) ? std::clamp(moved, 0.0, 10.0) : 1.0;
    }
  }
}

// Whether the Newton step just taken leaves a residual below the tolerance, without looking: with x = SINR and L =
// ln(1 + x), load h(I) of a user has |I^2 h'' / h| = |e (e - 1) + x (x - L) / ((1 + x) L)^2| < 1/4, e = x / ((1 + x)
// L). A step of relative size r moves every interference by at most the factor 1 + r, so the map leaves its tangent by
// at most r^2 / 8 of its value (and the fourth power of 1 / (1 - r), for the curvature along the way). Shannon-like
// maps only.
double LoadCoupling::Workspace::tangent_error(const CouplingProblem& p) const {
  if (n_slices != 1 || !p.share.empty()) return std::numeric_limits<double>::infinity();
  if (p.efficiency != Efficiency::shannon && p.efficiency != Efficiency::mogensen)
    return std::numeric_limits<double>::infinity();
  double relative = 0.0, most = 0.0, loosest = 0.0;
  for (std::size_t i = 0; i < n_cells; ++i) {
    if (rho[i] == 0.0 && step[i] == 0.0) continue;
    relative = std::max(relative, std::abs(step[i]) / rho[i]);
    most = std::max(most, value_cell[i]);
    loosest = std::max(loosest, std::abs(step[i]));
  }
  if (!(relative < 0.1)) return std::numeric_limits<double>::infinity();
  return 0.125 * relative * relative / std::pow(1.0 - relative, 4) * most + step_error * loosest;
}

CouplingResult LoadCoupling::Workspace::iterate(const CouplingProblem& p, const CouplingOptions& options,
                                                ThreadPool* pool) {
  const CouplingKernels& kernels = select_coupling_kernels(options.isa);
  int newton_allowed = 3;  // failures forgiven before the plain iteration is left alone
  bool from_newton = false, restarted = false;
  double last = std::numeric_limits<double>::infinity();
  for (int iteration = 1; iteration <= options.max_iterations; ++iteration) {
    evaluate(p, kernels, newton_allowed > 0, pool);
    const double now = residual();
    if (now <= options.tolerance) return {iteration, now};
    const bool hopeless =
        !std::isfinite(now) || *std::max_element(value_cell.begin(), value_cell.end()) > hopeless_load;
    if (hopeless && restarted)
      throw NotConverged("load coupling: the load grows without bound, the demand is infeasible", iteration, now);
    // A start or a Newton step above the fixed point may lie where some user cannot be served at all, and a map with
    // jumps (CQI) can lead in circles; from zero the plain iteration only rises towards the smallest fixed point.
    const bool circling = p.efficiency == Efficiency::cqi && iteration > options.max_iterations / 2;
    if (!restarted && (hopeless || circling)) {
      restarted = true;
      newton_allowed = 0;
      from_newton = false;
      std::fill(rho.begin(), rho.end(), 0.0);
      continue;
    }
    if (from_newton && now > 0.5 * last) {
      --newton_allowed;
      rho = trial;  // the plain step from where Newton started
      from_newton = false;
      last = std::numeric_limits<double>::infinity();
      continue;
    }
    last = now;
    trial = value_cell;
    from_newton = newton_allowed > 0 && newton_step(kernels);
    if (!from_newton) {
      rho = value_cell;
      continue;
    }
    if (const double bound = tangent_error(p); bound <= options.tolerance) {
      for (std::size_t i = 0; i < n_cells; ++i) value[i] = value_cell[i] = std::max(0.0, rho[i] + step[i]);
      return {iteration, bound};
    }
    for (std::size_t i = 0; i < n_cells; ++i) {
      double most = std::numeric_limits<double>::infinity();
      if (!p.share.empty()) {
        most = 0.0;
        for (double a : p.share.row(i)) most += a;
      }
      rho[i] = std::clamp(rho[i] + step[i], 0.0, most);
    }
  }
  throw NotConverged("load coupling: residual " + std::to_string(last) + " after " +
                         std::to_string(options.max_iterations) + " iterations, tolerance " +
                         std::to_string(options.tolerance),
                     options.max_iterations, last);
}

CouplingResult LoadCoupling::solve(const CouplingProblem& problem, const CouplingOptions& options,
                                   MatrixView<double> load, ThreadPool* pool) {
  if (!(options.tolerance > 0.0)) refuse("tolerance: got " + std::to_string(options.tolerance) + ", must be positive");
  if (options.max_iterations < 1)
    refuse("max_iterations: got " + std::to_string(options.max_iterations) + ", must be at least 1");
  if (load.rows != cells_of(problem) || load.cols < 1)
    refuse("load: expected one row per cell, " + std::to_string(cells_of(problem)));
  check(problem, load.cols);
  for (double l : load.flat())
    if (!(l >= 0.0 && std::isfinite(l)))
      refuse("load: the start holds " + std::to_string(l) + ", must be finite and >= 0");
  Workspace& w = *work_;
  w.group(problem, load.cols, pool ? pool->n_threads() : 1);
  for (std::size_t i = 0; i < w.n_cells; ++i)
    for (double l : load.row(i)) w.rho[i] += l;
  if (std::all_of(w.rho.begin(), w.rho.end(), [](double r) { return r == 0.0; })) w.guess(problem, options, pool);
  const CouplingResult result = w.iterate(problem, options, pool);
  std::copy(w.value.begin(), w.value.end(), load.data);
  return result;
}

}  // namespace slicefast
