#include "coupling/fluctuating.hpp"

#include <algorithm>

#include "coupling/bands.hpp"
#include "coupling/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

namespace {

LoadCurve curve_of(const CouplingProblem& p) {
  if (!p.steps.empty()) return LoadCurve::steps;
  switch (p.efficiency) {
    case Efficiency::shannon:
      return LoadCurve::shannon;
    case Efficiency::tr36942:
      return LoadCurve::tr36942;
    case Efficiency::mogensen:
      return LoadCurve::mogensen;
    case Efficiency::cqi:
      break;
  }
  return LoadCurve::cqi;
}

}  // namespace

LinkRate link_rate(const CouplingProblem& p) {
  return {curve_of(p),
          p.ceiling_bps_per_hz,
          static_cast<double>(p.layers),
          {p.steps.sinr.data(), p.steps.bits_per_s_hz.data(), p.steps.sinr.size()}};
}

double least_sinr(const CouplingProblem& p) {
  if (!p.steps.empty()) return p.steps.sinr.front();
  if (p.efficiency == Efficiency::cqi) return cqi_sinr[0];
  return p.efficiency == Efficiency::tr36942 ? Tr36942Curve::least : 0.0;
}

// By insertion: few stay, and most cells are weaker than all of them.
StrongNeighbours strong_neighbours(const CouplingProblem& p, std::size_t row, std::size_t cell) {
  StrongNeighbours strong;
  for (std::size_t k = 0; k < cells_of(p); ++k) {
    const double received = k == cell ? 0.0 : p.power_w[k] * gain_at(p, row, k);
    if (!(received > strong.received_w.back())) continue;
    std::size_t at = n_strongest - 1;
    for (; at > 0 && strong.received_w[at - 1] < received; --at) {
      strong.received_w[at] = strong.received_w[at - 1];
      strong.cell[at] = strong.cell[at - 1];
    }
    strong.received_w[at] = received;
    strong.cell[at] = static_cast<std::int32_t>(k);
  }
  return strong;
}

double mean_efficiency(const CouplingProblem& p, const CouplingKernels& kernels, const LinkRate& rate,
                       const StrongNeighbours& strong, std::span<const double> rho, double signal,
                       double interference) {
  std::array<double, n_neighbour_states> disturbance, probability, signals, demand, time, slope;
  double rest = interference;
  for (std::size_t i = 0; i < n_strongest; ++i)
    rest -= rho[static_cast<std::size_t>(strong.cell[i])] * strong.received_w[i];
  disturbance[0] = std::max(0.0, rest);
  probability[0] = 1.0;
  std::size_t n = 1;
  for (std::size_t i = 0; i < n_strongest; ++i) {
    const double on = std::min(1.0, rho[static_cast<std::size_t>(strong.cell[i])]);
    for (std::size_t j = 0; j < n; ++j) {
      disturbance[n + j] = disturbance[j] + strong.received_w[i];
      probability[n + j] = probability[j] * on;
      probability[j] *= 1.0 - on;
    }
    n *= 2;
  }
  signals.fill(signal);
  demand.fill(1.0);
  kernels.user_load(rate, signals.data(), disturbance.data(), p.noise_w, demand.data(), n, time.data(), slope.data());
  const double least = least_sinr(p);
  double efficiency = 0.0;
  for (std::size_t j = 0; j < n; ++j)
    if (signal >= least * (disturbance[j] + p.noise_w)) efficiency += probability[j] / time[j];
  return efficiency;
}

void mean_efficiencies(const CouplingProblem& p, std::span<const double> rho, Isa isa, std::span<double> out,
                       const ThreadPool* pool) {
  check_size("efficiency", out.size(), users_of(p), "user");
  const CouplingKernels& kernels = select_coupling_kernels(isa);
  const LinkRate rate = link_rate(p);
  visit_users(p, rho, pool, [&](std::size_t row, std::span<const double> activity, Weights& weights) {
    const std::size_t u = user_at(p, row);
    const Link link = link_at(p, kernels, row, weights);
    out[u] = mean_efficiency(p, kernels, rate, strong_neighbours(p, row, static_cast<std::size_t>(p.serving[u])),
                             activity, link.signal_w, link.interference_w);
  });
}

}  // namespace slicefast
