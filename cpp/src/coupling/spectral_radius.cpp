#include "slicefast/coupling/spectral_radius.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "coupling/interference.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

// Gelfand's formula by repeated squaring, |M^n|^(1/n) with n = 2^45: right for reducible and nilpotent matrices too.
double radius_by_squaring(std::vector<double> m, std::size_t n) {
  std::vector<double> squared(n * n);
  double log_scale = 0.0, power = 1.0;  // M^power = 2^log_scale m
  for (int k = 0; k <= 45; ++k) {
    const double norm = *std::max_element(m.begin(), m.end());
    if (norm == 0.0) return 0.0;
    log_scale += std::log2(norm);
    for (double& entry : m) entry /= norm;
    if (k == 45) break;
    std::fill(squared.begin(), squared.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        if (const double factor = m[i * n + j]; factor != 0.0)
          for (std::size_t c = 0; c < n; ++c) squared[i * n + c] += factor * m[j * n + c];
    m.swap(squared);
    log_scale *= 2.0;
    power *= 2.0;
  }
  return std::exp2(log_scale / power);
}

// Power iteration on M + c I, which has no second eigenvalue of the same size, between Collatz-Wielandt bounds; c, the
// mean row sum, keeps it quick at any scale. Where the bounds do not meet (cells without mutual interference),
// squaring.
double radius_of(const CouplingKernels& kernels, std::vector<double> m, std::size_t n) {
  double shift = 0.0;
  for (double entry : m) shift += entry;
  shift /= static_cast<double>(n);
  if (!(shift > 0.0)) return 0.0;
  std::vector<double> x(n, 1.0), y(n);
  double high = 0.0;
  for (int iteration = 0; iteration < 3000; ++iteration) {
    double low = std::numeric_limits<double>::infinity(), norm = 0.0;
    high = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      y[i] = kernels.dot(m.data() + i * n, x.data(), n) + shift * x[i];
      low = std::min(low, y[i] / x[i]);
      high = std::max(high, y[i] / x[i]);
      norm = std::max(norm, y[i]);
    }
    if (high - low <= 1e-14 * high) return std::max(0.0, 0.5 * (high + low) - shift);
    // In a reducible M some components fade away; the floor keeps the quotients defined.
    for (std::size_t i = 0; i < n; ++i) x[i] = std::max(y[i] / norm, 1e-250);
  }
  constexpr std::size_t squaring_cells = 512;  // beyond, 45 squarings take minutes: the upper bound must do
  return n <= squaring_cells ? radius_by_squaring(std::move(m), n) : std::max(0.0, high - shift);
}

}  // namespace

double spectral_radius(const CouplingProblem& p, Isa isa) {
  if (p.folded) refuse("gain", "folded gains", "the matrix of every link");
  check_problem(p, 1);
  const std::size_t n_users = users_of(p), n_cells = cells_of(p);
  const CouplingKernels& kernels = select_coupling_kernels(isa);
  std::vector<double> m(n_cells * n_cells, 0.0), itself(n_cells, 0.0);
  for (std::size_t row = 0; row < n_users; ++row) {
    const std::size_t u = user_at(p, row), i = static_cast<std::size_t>(p.serving[u]);
    if (!(p.demand_bps[u] > 0.0)) continue;
    const double own = p.power_w[i] * serving_gain_at(p, row, i);
    if (!(own > 0.0)) refuse_entry("gain", "user", u, text_of(own), "above 0 to the serving cell");
    const double factor = p.demand_bps[u] * std::numbers::ln2 / p.bandwidth_hz / own;
    const std::int32_t place = static_cast<std::int32_t>(row);
    add_slopes(p, kernels, {&place, 1}, &factor, m.data() + i * n_cells);
    itself[i] += own_slopes(p, {&place, 1}, &factor);
  }
  for (std::size_t i = 0; i < n_cells; ++i) {
    m[i * n_cells + i] = itself[i];
    for (std::size_t k = 0; k < n_cells; ++k) m[i * n_cells + k] *= p.power_w[k];
  }
  return radius_of(kernels, std::move(m), n_cells);
}

}  // namespace slicefast
