// Checks and plain functions of load coupling; the solver is in load_coupling.cpp.
#include "coupling/interference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "cqi_table.hpp"
#include "radio/far_cells.hpp"

namespace slicefast {

Weights::Weights(const CouplingProblem& p, std::span<const double> rho) {
  for (std::size_t k = 0; k < rho.size(); ++k) {
    if (has_gain64(p))
      twice.push_back(rho[k] * p.power_w[k]);
    else
      single.push_back(static_cast<float>(rho[k] * p.power_w[k]));
  }
  if (!p.folded) return;
  const FarCells& far = *p.folded->far;
  const std::size_t stride = p.folded->stride;
  near.assign(far.n_regions * stride, 0.0f);
  remainder.assign(far.n_regions, 0.0);
  for (std::size_t r = 0; r < far.n_regions; ++r) {
    const std::span<const std::int32_t> cells = far.near.cells_of(r);
    for (std::size_t c = 0; c < cells.size(); ++c) near[r * stride + c] = single[static_cast<std::size_t>(cells[c])];
    remainder[r] = far.remainder(r, single);
  }
}

namespace {

// Places of one region from `begin` on.
std::size_t region_end(const FoldedGains& g, std::span<const std::int32_t> places, std::size_t begin) {
  const std::int32_t region = g.region[static_cast<std::size_t>(places[begin])];
  std::size_t end = begin + 1;
  while (end < places.size() && g.region[static_cast<std::size_t>(places[end])] == region) ++end;
  return end;
}

void folded_interference(const FoldedGains& g, const CouplingKernels& kernels, std::span<const std::int32_t> places,
                         std::size_t readable, std::size_t cell, Weights& weights, double* out) {
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    end = region_end(g, places, begin);
    const auto first = static_cast<std::size_t>(places[begin]);
    double rest = 0.0;
    if (g.region[first] < 0) {
      std::fill(out + begin, out + end, 0.0);
    } else {
      const auto region = static_cast<std::size_t>(g.region[first]);
      float* near = weights.near.data() + region * g.stride;
      const std::ptrdiff_t column = g.near_column(first, cell);
      const float own = column < 0 ? 0.0f : std::exchange(near[column], 0.0f);
      kernels.interference_f32(g.near.data(), g.stride, places.data() + begin, end - begin, readable - begin, near,
                               out + begin);
      if (column >= 0) near[column] = own;
      rest = weights.remainder[region];
    }
    for (std::size_t i = begin; i < end; ++i) {
      const auto place = static_cast<std::size_t>(places[i]);
      double far = static_cast<double>(g.factor[place]) * rest;
      for (std::uint32_t j = g.far_first[place]; j < g.far_first[place + 1]; ++j)
        if (g.far_cell[j] != static_cast<std::int32_t>(cell))
          far += static_cast<double>(weights.single[static_cast<std::size_t>(g.far_cell[j])] * g.far_gain[j]);
      out[i] += far;
    }
  }
}

void add_folded_slopes(const FoldedGains& g, const CouplingKernels& kernels, std::span<const std::int32_t> places,
                       const double* slope, double* sum) {
  std::vector<double> near(g.stride);
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    end = region_end(g, places, begin);
    const std::span<const std::int32_t> cells = g.near_cells(static_cast<std::size_t>(places[begin]));
    std::fill(near.begin(), near.end(), 0.0);
    kernels.add_slopes_f32(g.near.data(), g.stride, places.data() + begin, end - begin, slope + begin, near.data());
    for (std::size_t c = 0; c < cells.size(); ++c) sum[cells[c]] += near[c];
    for (std::size_t i = begin; i < end; ++i) {
      const auto place = static_cast<std::size_t>(places[i]);
      for (std::uint32_t j = g.far_first[place]; j < g.far_first[place + 1]; ++j)
        sum[g.far_cell[j]] += slope[i] * static_cast<double>(g.far_gain[j]);
    }
  }
}

}  // namespace

void interference_of(const CouplingProblem& p, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                     std::size_t readable, std::size_t cell, Weights& weights, double* out) {
  const std::size_t n_cells = cells_of(p);
  if (p.folded) {
    folded_interference(*p.folded, kernels, rows, readable, cell, weights, out);
  } else if (has_gain64(p)) {
    const double own = std::exchange(weights.twice[cell], 0.0);
    kernels.interference_f64(p.gain64.data, n_cells, rows.data(), rows.size(), readable, weights.twice.data(), out);
    weights.twice[cell] = own;
  } else {
    const float own = std::exchange(weights.single[cell], 0.0f);
    kernels.interference_f32(p.gain.data, n_cells, rows.data(), rows.size(), readable, weights.single.data(), out);
    weights.single[cell] = own;
  }
}

void add_slopes(const CouplingProblem& p, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                const double* slope, double* sum) {
  if (p.folded)
    add_folded_slopes(*p.folded, kernels, rows, slope, sum);
  else if (has_gain64(p))
    kernels.add_slopes_f64(p.gain64.data, p.gain64.cols, rows.data(), rows.size(), slope, sum);
  else
    kernels.add_slopes_f32(p.gain.data, p.gain.cols, rows.data(), rows.size(), slope, sum);
}

void check_gains(const CouplingProblem& p, const CouplingKernels& kernels, std::span<const std::int32_t> rows) {
  const std::size_t n_cells = cells_of(p);
  if (p.folded) return;  // the core's own
  if (has_gain64(p) ? kernels.valid_f64(p.gain64.data, n_cells, rows.data(), rows.size())
                    : kernels.valid_f32(p.gain.data, n_cells, rows.data(), rows.size()))
    return;
  for (std::int32_t user : rows)
    for (std::size_t n = 0; n < n_cells; ++n)
      if (const double g = gain_at(p, static_cast<std::size_t>(user), n); !(g >= 0.0 && std::isfinite(g)))
        refuse("gain: user " + std::to_string(user) + ", cell " + std::to_string(n) + " has " + text_of(g) +
               ", must be finite and >= 0");
}

namespace {

void check_radio(const CouplingProblem& p) {
  for (double w : p.power_w)
    if (!(w > 0.0 && std::isfinite(w))) refuse("power_w: got " + text_of(w) + ", must be positive and finite");
  if (!(p.noise_w > 0.0 && std::isfinite(p.noise_w)))
    refuse("noise_w: got " + text_of(p.noise_w) + ", must be positive and finite");
}

}  // namespace

void check(const CouplingProblem& p, std::size_t n_slices) {
  const std::size_t n_users = users_of(p), n_cells = cells_of(p);
  const auto value = [](double v) { return text_of(v); };
  if (p.power_w.size() != n_cells)
    refuse("power_w: got " + std::to_string(p.power_w.size()) + " values, expected one per cell, " +
           std::to_string(n_cells));
  check_radio(p);
  if (!(p.bandwidth_hz > 0.0 && std::isfinite(p.bandwidth_hz)))
    refuse("bandwidth_hz: got " + value(p.bandwidth_hz) + ", must be positive");
  if (p.demand_bps.size() != n_users || p.serving.size() != n_users)
    refuse("demand_bps, serving: need one value per user, " + std::to_string(n_users));
  if (n_slices > 1 && p.slice_of.size() != n_users)
    refuse("slice_of: needs one value per user, " + std::to_string(n_users));
  if (!p.share.empty() && (p.share.rows != n_cells || p.share.cols != n_slices))
    refuse("share: expected shape (" + std::to_string(n_cells) + ", " + std::to_string(n_slices) + ")");
  for (double a : p.share.flat())
    if (!(a >= 0.0 && a <= 1.0)) refuse("share: got " + value(a) + ", allowed 0..1");
  for (std::size_t u = 0; u < n_users; ++u) {
    if (!(p.demand_bps[u] >= 0.0 && std::isfinite(p.demand_bps[u])))
      refuse("demand_bps: user " + std::to_string(u) + " has " + value(p.demand_bps[u]) + ", must be finite and >= 0");
    if (p.serving[u] < 0 || static_cast<std::size_t>(p.serving[u]) >= n_cells)
      refuse("serving: user " + std::to_string(u) + " has cell " + std::to_string(p.serving[u]) + ", allowed 0.." +
             std::to_string(n_cells - 1));
    if (!p.slice_of.empty() && (p.slice_of[u] < 0 || static_cast<std::size_t>(p.slice_of[u]) >= n_slices))
      refuse("slice_of: user " + std::to_string(u) + " has slice " + std::to_string(p.slice_of[u]) + ", allowed 0.." +
             std::to_string(n_slices - 1));
  }
}

Efficiency efficiency(std::string_view name) {
  if (name == "shannon") return Efficiency::shannon;
  if (name == "tr36942") return Efficiency::tr36942;
  if (name == "mogensen") return Efficiency::mogensen;
  if (name == "cqi") return Efficiency::cqi;
  throw InvalidArgument("efficiency: got '" + std::string(name) + "', allowed: shannon, tr36942, mogensen, cqi");
}

double spectral_efficiency(Efficiency efficiency, double sinr) {
  switch (efficiency) {
    case Efficiency::shannon:
      return std::log2(1.0 + sinr);
    case Efficiency::tr36942:
      return sinr < 0.1 ? 0.0 : std::min(0.6 * std::log2(1.0 + sinr), 4.4);
    case Efficiency::mogensen:
      return 0.75 * std::log2(1.0 + sinr / 1.25);
    case Efficiency::cqi:
      break;
  }
  const auto above = std::upper_bound(std::begin(cqi_sinr), std::end(cqi_sinr), sinr) - std::begin(cqi_sinr);
  return above == 0 ? 0.0 : cqi_bits_per_element[above - 1] * elements_per_hz_s;
}

void coupled_sinr(const CouplingProblem& p, std::span<const double> rho, Isa isa, std::span<float> sinr,
                  ThreadPool* pool) {
  const std::size_t n_users = users_of(p), n_cells = cells_of(p);
  if (rho.size() != n_cells)
    refuse("rho: got " + std::to_string(rho.size()) + " values, expected one per cell, " + std::to_string(n_cells));
  if (p.power_w.size() != n_cells) refuse("power_w: expected one value per cell, " + std::to_string(n_cells));
  if (sinr.size() != n_users || p.serving.size() != n_users)
    refuse("sinr, serving: need one value per user, " + std::to_string(n_users));
  check_radio(p);
  for (double activity : rho)
    if (!(activity >= 0.0 && std::isfinite(activity)))
      refuse("rho: got " + text_of(activity) + ", must be finite and >= 0");
  for (std::int32_t cell : p.serving)
    if (cell < 0 || static_cast<std::size_t>(cell) >= n_cells)
      refuse("serving: got " + std::to_string(cell) + ", allowed 0.." + std::to_string(n_cells - 1));
  const CouplingKernels& kernels = select_coupling_kernels(isa);
  constexpr std::size_t block = 256;
  std::vector<Weights> weights_of(pool ? static_cast<std::size_t>(pool->n_threads()) : 1, Weights(p, rho));
  const auto work = [&](std::size_t item, int thread) {
    Weights& weights = weights_of[static_cast<std::size_t>(thread)];
    for (std::size_t row = item * block; row < std::min(n_users, (item + 1) * block); ++row) {
      const std::size_t u = user_at(p, row), cell = static_cast<std::size_t>(p.serving[u]);
      const std::int32_t place = static_cast<std::int32_t>(row);
      double interference = 0.0;
      interference_of(p, kernels, {&place, 1}, 1, cell, weights, &interference);
      sinr[u] = static_cast<float>(p.power_w[cell] * gain_at(p, row, cell) / (interference + p.noise_w));
    }
  };
  const std::size_t n_blocks = (n_users + block - 1) / block;
  over(pool, n_blocks, work);
}

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
  if (p.folded) refuse("gain: got folded gains, this needs the matrix of every link");
  check(p, 1);
  const std::size_t n_users = users_of(p), n_cells = cells_of(p);
  const CouplingKernels& kernels = select_coupling_kernels(isa);
  std::vector<double> m(n_cells * n_cells, 0.0);
  for (std::size_t row = 0; row < n_users; ++row) {
    const std::size_t u = user_at(p, row), i = static_cast<std::size_t>(p.serving[u]);
    if (!(p.demand_bps[u] > 0.0)) continue;
    const double own = p.power_w[i] * gain_at(p, row, i);
    if (!(own > 0.0)) refuse("gain: user " + std::to_string(u) + " has no gain to its serving cell");
    const double factor = p.demand_bps[u] * std::numbers::ln2 / p.bandwidth_hz / own;
    const std::int32_t place = static_cast<std::int32_t>(row);
    add_slopes(p, kernels, {&place, 1}, &factor, m.data() + i * n_cells);
  }
  for (std::size_t i = 0; i < n_cells; ++i) {
    for (std::size_t k = 0; k < n_cells; ++k) m[i * n_cells + k] *= p.power_w[k];
    m[i * n_cells + i] = 0.0;
  }
  return radius_of(kernels, std::move(m), n_cells);
}

}  // namespace slicefast
