#include "slicefast/network.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "slicefast/errors.hpp"
#include "slicefast/link_adaptation.hpp"

namespace slicefast {

Fidelity fidelity(std::string_view name) {
  if (name == "tti") return Fidelity::tti;
  if (name == "flow") return Fidelity::flow;
  throw InvalidArgument("fidelity: got '" + std::string(name) + "', allowed: tti, flow");
}

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
  if (links_->folds() && config_.profile)
    throw InvalidArgument("profile: far cells fold for outdoor users only, the links need fold_db = 0");
  if (!links_->folds()) gain_ = Matrix<float>(n_users, n_cells);
  // Slices that lend are one queue for the cell's PRBs, as far as interference goes.
  const std::size_t n_columns = config_.lend ? 1 : n_slices;
  load_ = Matrix<double>(n_cells, n_columns);
  trial_load_ = Matrix<double>(n_cells, n_columns);
  if (config_.lend) whole_ = Matrix<double>(n_cells, 1, 1.0);
  for (const auto& [values, name] :
       {std::pair{&config_.dedicated_part, "dedicated_part"}, {&config_.max_ratio, "max_ratio"}}) {
    if (!values->empty() && (values->size() != n_slices || !config_.lend))
      throw InvalidArgument(std::string(name) + ": got " + std::to_string(values->size()) +
                            " values, allowed: none, or one per slice that lends (" + std::to_string(n_slices) + ")");
    for (const double value : *values)
      if (!(value >= 0 && value <= 1))
        throw InvalidArgument(std::string(name) + ": got " + std::to_string(value) + ", allowed: 0 to 1");
  }
  if (!config_.dedicated_part.empty()) dedicated_ = Matrix<double>(n_cells, n_slices);
  if (!config_.max_ratio.empty()) most_ = Matrix<double>(n_cells, n_slices);
  demand_bps_.resize(n_users);
  rho_.resize(n_cells);
  sinr_.resize(n_users);
  trial_sinr_.resize(n_users);
  bits_per_prb_.resize(n_users);
  pending_steps_.assign(n_users, 0);
  if (config_.transport_blocks) {
    for (int quality = 0; quality < static_cast<int>(tbs_index_of_.size()); ++quality)
      tbs_index_of_[static_cast<std::size_t>(quality)] = tbs_index(quality);
    tbs_index_.assign(n_users, -1);
  }
  if (config_.fidelity == Fidelity::flow) {
    if (config_.packet_bits.size() != n_users)
      throw InvalidArgument("packet_bits: got " + std::to_string(config_.packet_bits.size()) +
                            " values, expected one per user (" + std::to_string(n_users) + ")");
    if (config_.lend) throw InvalidArgument("fidelity: at the flow level slices cannot lend");
    arriving_bits_.assign(n_users, 0.0);
    flow_backlog_.assign(n_users, 0.0);
  }
}

void Network::attach(std::span<const double> x_m, std::span<const double> y_m, std::span<std::int32_t> serving) {
  find_gains(x_m, y_m);
  if (links_->folds())
    update_serving(folded_, config_.power_w, config_.handover, serving, pending_steps_);
  else
    update_serving(gain_.view(), config_.power_w, config_.handover, serving, pending_steps_);
}

// Few who moved cost little: a user who stays where it was, or near it, keeps its gains.
void Network::find_gains(std::span<const double> x_m, std::span<const double> y_m) {
  const bool known = x_m_.size() == x_m.size();
  const double near2 = config_.resolution_m * config_.resolution_m;
  moved_.clear();
  for (std::size_t u = 0; known && u < x_m.size(); ++u) {
    const double dx = x_m[u] - x_m_[u], dy = y_m[u] - y_m_[u];
    if (!(dx * dx + dy * dy <= near2)) moved_.push_back(static_cast<std::int32_t>(u));
  }
  if (!known || (near2 == 0.0 && moved_.size() >= x_m.size() / 4)) {
    find_all_gains(x_m, y_m);
    x_m_.assign(x_m.begin(), x_m.end());
    y_m_.assign(y_m.begin(), y_m.end());
    return;
  }
  if (links_->folds())
    links_->refold(x_m, y_m, moved_, config_.power_w, config_.noise_w, folded_);
  else
    links_->update_gains(x_m, y_m, moved_, gain_.view(), config_.profile.get());
  for (std::int32_t user : moved_) {
    const auto u = static_cast<std::size_t>(user);
    x_m_[u] = x_m[u];
    y_m_[u] = y_m[u];
  }
}

void Network::find_all_gains(std::span<const double> x_m, std::span<const double> y_m) {
  if (links_->folds())
    links_->fold(x_m, y_m, config_.power_w, config_.noise_w, folded_);
  else
    links_->gains(x_m, y_m, gain_.view(), nullptr, config_.profile.get());
}

void Network::restore_links(std::span<const double> x_m, std::span<const double> y_m,
                            std::span<const std::int32_t> places) {
  const bool known = std::equal(x_m.begin(), x_m.end(), x_m_.begin(), x_m_.end()) &&
                     std::equal(y_m.begin(), y_m.end(), y_m_.begin(), y_m_.end());
  if (!known) find_all_gains(x_m, y_m);
  x_m_.assign(x_m.begin(), x_m.end());
  y_m_.assign(y_m.begin(), y_m.end());
  if (!links_->folds() || std::equal(places.begin(), places.end(), folded_.user_of.begin(), folded_.user_of.end()))
    return;
  // Sums run in the order of the places: as they were, so that a restored network goes on to the last bit.
  folded_.set_places(places);
  std::fill(folded_.far_first.begin(), folded_.far_first.end(), 0u);
  links_->refold(x_m, y_m, places, config_.power_w, config_.noise_w, folded_);
}

Matrix<float> Network::gain() const {
  Matrix<float> all(config_.slice_of.size(), config_.power_w.size());
  if (x_m_.size() == all.rows()) links_->gains(x_m_, y_m_, all.view(), nullptr, config_.profile.get());
  return all;
}

// Into the trial load and SINR: whatever is refused, here or later, the network stays as it is.
void Network::find_rates(ConstMatrixView<double> share, std::span<const std::int32_t> serving,
                         const Arrivals& arrivals) {
  check_arrivals(arrivals.user, arrivals.tti, arrivals.bits, config_.scheduler.n_users, config_.window_ttis);
  trial_load_ = load_;
  const MatrixView<double> load = trial_load_.view();
  const double window_s = config_.window_ttis * tti_s;
  const std::span<const double> backlog = backlog_bits();
  std::copy(backlog.begin(), backlog.end(), demand_bps_.begin());
  for (std::size_t i = 0; i < arrivals.user.size(); ++i)
    demand_bps_[static_cast<std::size_t>(arrivals.user[i])] += arrivals.bits[i];
  if (config_.fidelity == Fidelity::flow) {
    std::fill(arriving_bits_.begin(), arriving_bits_.end(), 0.0);
    for (std::size_t i = 0; i < arrivals.user.size(); ++i)
      arriving_bits_[static_cast<std::size_t>(arrivals.user[i])] += static_cast<double>(arrivals.bits[i]);
  }
  for (double& demand : demand_bps_) demand /= window_s;

  const CouplingProblem problem{.gain = gain_.view(),
                                .power_w = config_.power_w,
                                .noise_w = config_.noise_w,
                                .demand_bps = demand_bps_,
                                .serving = serving,
                                .slice_of = config_.lend ? std::span<const std::int32_t>{} : config_.slice_of,
                                .share = config_.lend ? ConstMatrixView<double>(whole_.view()) : share,
                                .bandwidth_hz = config_.prb_bandwidth_hz * config_.scheduler.n_prb,
                                .efficiency = config_.efficiency,
                                .folded = links_->folds() ? &folded_ : nullptr};
  coupling_.solve(problem, CouplingOptions{.isa = config_.isa}, load);
  for (std::size_t n = 0; n < load.rows; ++n) {
    rho_[n] = 0.0;
    for (double part : load.row(n)) rho_[n] += part;
  }
  coupled_sinr(problem, rho_, config_.isa, trial_sinr_);
  find_bits();
}

void Network::find_bits() {
  if (config_.transport_blocks) {
    const int n_prb = config_.scheduler.n_prb;
    for (std::size_t u = 0; u < trial_sinr_.size(); ++u) {
      tbs_index_[u] = tbs_index_of_[static_cast<std::size_t>(cqi(static_cast<double>(trial_sinr_[u])))];
      bits_per_prb_[u] = static_cast<float>(transport_block_bits(tbs_index_[u], n_prb)) / static_cast<float>(n_prb);
    }
    return;
  }
  for (std::size_t u = 0; u < trial_sinr_.size(); ++u)
    bits_per_prb_[u] = static_cast<float>(config_.prb_bandwidth_hz * tti_s *
                                          spectral_efficiency(config_.efficiency, static_cast<double>(trial_sinr_[u])));
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
          .active = arrivals.active,
          .tbs_index = tbs_index_};
}

FlowWindow Network::flow_window(ConstMatrixView<double> share, std::span<const std::int32_t> serving,
                                const Arrivals& arrivals) const {
  return {.n_ttis = config_.window_ttis,
          .n_prb = config_.scheduler.n_prb,
          .arriving_bits = arriving_bits_,
          .packet_bits = config_.packet_bits,
          .serving = serving,
          .slice_of = config_.slice_of,
          .bits_per_prb = bits_per_prb_,
          .share = share,
          .active = arrivals.active,
          .discard_ttis = config_.scheduler.discard_ttis,
          .buffer_bits = config_.scheduler.buffer_bits,
          .prb_bandwidth_hz = config_.prb_bandwidth_hz};
}

// RRMPolicyRatio of 3GPP TS 28.541: the share is min.
void Network::set_policy(ConstMatrixView<double> share, Window& played) {
  played.min_ratio = share;
  for (std::size_t n = 0; n < dedicated_.rows(); ++n)
    for (std::size_t s = 0; s < share.cols; ++s) dedicated_.view()(n, s) = config_.dedicated_part[s] * share(n, s);
  for (std::size_t n = 0; n < most_.rows(); ++n)
    for (std::size_t s = 0; s < share.cols; ++s) most_.view()(n, s) = std::max(config_.max_ratio[s], share(n, s));
  if (!config_.dedicated_part.empty()) played.dedicated_ratio = dedicated_.view();
  if (!config_.max_ratio.empty()) played.max_ratio = most_.view();
}

void Network::step(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                   WindowKpis kpis) {
  find_rates(share, serving, arrivals);
  if (config_.fidelity == Fidelity::flow) {
    run_flow(flow_window(share, serving, arrivals), flow_backlog_, kpis);
  } else {
    Window played = window(share, serving, arrivals);
    if (config_.lend) set_policy(share, played);
    scheduler_.run(played, kpis);
  }
  std::swap(load_, trial_load_);
  std::swap(sinr_, trial_sinr_);
}

void Network::probe(ConstMatrixView<double> share, ConstMatrixView<double> coupled_share,
                    std::span<const std::int32_t> serving, const Arrivals& arrivals, WindowKpis kpis) {
  find_rates(coupled_share, serving, arrivals);
  if (config_.fidelity == Fidelity::flow) {
    trial_backlog_ = flow_backlog_;
    return run_flow(flow_window(share, serving, arrivals), trial_backlog_, kpis);
  }
  trial_scheduler_ = scheduler_;
  Window trial = window(share, serving, arrivals);
  trial.separate_slices = true;
  trial_scheduler_.run(trial, kpis);
}

}  // namespace slicefast
