#include "slicefast/network.hpp"

#include <algorithm>
#include <string>

#include "slicefast/errors.hpp"

namespace slicefast {

Network::Network(NetworkConfig config, std::shared_ptr<const LinkModel> links)
    : config_(std::move(config)),
      links_(std::move(links)),
      scheduler_(config_.scheduler, config_.isa),
      trial_scheduler_(scheduler_) {
  const auto n_users = static_cast<std::size_t>(config_.scheduler.n_users);
  const auto n_cells = static_cast<std::size_t>(config_.scheduler.n_cells);
  const auto n_slices = static_cast<std::size_t>(config_.scheduler.n_slices);
  if (config_.power_w.size() != n_cells)
    throw InvalidArgument("power_w: got " + std::to_string(config_.power_w.size()) +
                          " values, expected one per cell (" + std::to_string(n_cells) + ")");
  if (config_.slice_of.size() != n_users)
    throw InvalidArgument("slice_of: got " + std::to_string(config_.slice_of.size()) +
                          " values, expected one per user (" + std::to_string(n_users) + ")");
  gain_ = Matrix<float>(n_users, n_cells);
  load_ = Matrix<double>(n_cells, n_slices);
  trial_load_ = Matrix<double>(n_cells, n_slices);
  demand_bps_.resize(n_users);
  rho_.resize(n_cells);
  sinr_.resize(n_users);
  bits_per_prb_.resize(n_users);
  pending_steps_.assign(n_users, 0);
}

void Network::attach(std::span<const double> x_m, std::span<const double> y_m, std::span<std::int32_t> serving) {
  links_->gains(x_m, y_m, gain_.view());
  update_serving(gain_.view(), config_.power_w, config_.handover, serving, pending_steps_);
}

void Network::find_rates(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                         MatrixView<double> load) {
  const double window_s = config_.window_ttis * tti_s;
  const std::span<const double> backlog = scheduler_.backlog_bits();
  std::copy(backlog.begin(), backlog.end(), demand_bps_.begin());
  for (std::size_t i = 0; i < arrivals.user.size(); ++i)
    demand_bps_[static_cast<std::size_t>(arrivals.user[i])] += arrivals.bits[i];
  for (double& demand : demand_bps_) demand /= window_s;

  const CouplingProblem problem{.gain = gain_.view(),
                                .power_w = config_.power_w,
                                .noise_w = config_.noise_w,
                                .demand_bps = demand_bps_,
                                .serving = serving,
                                .slice_of = config_.slice_of,
                                .share = share,
                                .bandwidth_hz = config_.prb_bandwidth_hz * config_.scheduler.n_prb,
                                .efficiency = config_.efficiency};
  coupling_.solve(problem, CouplingOptions{.isa = config_.isa}, load);
  for (std::size_t n = 0; n < load.rows; ++n) {
    rho_[n] = 0.0;
    for (double part : load.row(n)) rho_[n] += part;
  }
  coupled_sinr(problem, rho_, config_.isa, sinr_);
  for (std::size_t u = 0; u < sinr_.size(); ++u)
    bits_per_prb_[u] = static_cast<float>(config_.prb_bandwidth_hz * tti_s *
                                          spectral_efficiency(config_.efficiency, static_cast<double>(sinr_[u])));
}

Window Network::window(ConstMatrixView<double> share, std::span<const std::int32_t> serving,
                       const Arrivals& arrivals) const {
  return {.n_ttis = config_.window_ttis,
          .arrival_user = arrivals.user,
          .arrival_tti = arrivals.tti,
          .arrival_bits = arrivals.bits,
          .serving = serving,
          .slice_of = config_.slice_of,
          .bits_per_prb = bits_per_prb_,
          .share = share,
          .active = arrivals.active};
}

void Network::step(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                   WindowKpis kpis) {
  find_rates(share, serving, arrivals, load_.view());
  scheduler_.run(window(share, serving, arrivals), kpis);
}

void Network::probe(ConstMatrixView<double> share, ConstMatrixView<double> coupled_share,
                    std::span<const std::int32_t> serving, const Arrivals& arrivals, WindowKpis kpis) {
  trial_load_ = load_;
  find_rates(coupled_share, serving, arrivals, trial_load_.view());
  trial_scheduler_ = scheduler_;
  Window trial = window(share, serving, arrivals);
  trial.separate_slices = true;
  trial_scheduler_.run(trial, kpis);
}

}  // namespace slicefast
