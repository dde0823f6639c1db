// Network: from shares and arrivals to the interference and every user's bits per PRB, with the PRBs that the scheduler
// will spend (scheduling/prb_usage.hpp) as what interferes.
//
//   demand    d_u h c_ns             h: expected transmissions; c_ns: PRBs used over work, of the windows so far
//   load      d_u h c_ns / (W eff)   eff: bits per PRB of the scheduler, by transport block where it has them
//   far cells                        folded at the loads of the step before, where that does at these
//   out of reach                     users without a rate wait: no load in the coupling, no PRB from the scheduler
#include <algorithm>
#include <numeric>

#include "radio/far_cells.hpp"
#include "slicefast/checks.hpp"
#include "slicefast/link_adaptation.hpp"
#include "slicefast/network.hpp"

namespace slicefast {

// Slices that lend without limits are one queue for the cell's PRBs, as far as interference goes.
bool Network::one_queue() const { return config_.lend && config_.dedicated_part.empty() && config_.max_ratio.empty(); }

// Whether a PRB carries less than its rate often enough for the coupling to be told. With single PRBs alone the part of
// a queue's last one that stays empty matters where it is more than 4 % of a packet (ours; half a PRB at 20 dB): below,
// what is left queued at the window's end makes up for it.
bool Network::measures_usage() const {
  if (config_.fidelity == Fidelity::flow) return false;
  const SchedulerConfig& rule = config_.scheduler;
  if (config_.transport_blocks || rule.harq() || rule.rbg_prb > 1 || rule.buffer_bits > 0) return true;
  if (has_jumps(config_.efficiency)) return true;  // users at the edge of reach, whose queues outlast windows
  constexpr double sinr = 100.0, part = 0.04;
  const double lost = 0.5 * config_.prb_bandwidth_hz * config_.scheduler.tti_s *
                      spectral_efficiency(config_.efficiency, sinr, config_.ceiling_bps_per_hz, config_.layers);
  return std::any_of(config_.packet_bits.begin(), config_.packet_bits.end(),
                     [&](double bits) { return lost > part * bits; });
}

void Network::prepare_rates() {
  const auto n_users = static_cast<std::size_t>(config_.scheduler.n_users), n_groups = most_.rows() * most_.cols();
  if (measures_usage()) {
    correction_ = PrbCorrection(n_groups);
    work_.resize(n_groups);
  }
  if (config_.transport_blocks) {
    tbs_index_.assign(n_users, -1);
    prepare_steps();
  }
  if (config_.transport_blocks || has_jumps(config_.efficiency)) waits_.resize(n_users);
  if (config_.interference == Interference::fluctuating) efficiency_.resize(n_users);
}

// From CQI to CQI and rank to rank, as far as each carries at least what fewer dB do.
void Network::prepare_steps() {
  const SchedulerConfig& rule = config_.scheduler;
  struct Step {
    double sinr, rate;
    std::int32_t block;
  };
  std::vector<Step> steps;
  for (int layers = 1; layers <= config_.layers; ++layers) {
    double next = no_ceiling;  // rising, though a table's row of few PRBs may carry more than the next
    for (int quality = 15; quality > 0; --quality) {
      const int block = block_row(tbs_index(quality, rule.mcs_table), layers, rule.mcs_table);
      const double bits = transport_block_bits(block, rule.n_prb, rule.mcs_table);
      next = std::min(next, bits / (rule.n_prb * config_.prb_bandwidth_hz * rule.tti_s));
      steps.push_back({layers * cqi_threshold(quality, rule.mcs_table), next, block});
    }
  }
  std::sort(steps.begin(), steps.end(),
            [](const Step& a, const Step& b) { return a.sinr != b.sinr ? a.sinr < b.sinr : a.rate < b.rate; });
  for (const Step& step : steps) {
    if (!step_rate_.empty() && step.rate < step_rate_.back()) continue;
    step_sinr_.push_back(step.sinr);
    step_rate_.push_back(step.rate);
    step_block_.push_back(step.block);
  }
}

void Network::find_demand(std::span<const std::int32_t> serving, const Arrivals& arrivals) {
  const double window_s = config_.window_ttis * config_.scheduler.tti_s;
  const std::span<const double> backlog = backlog_bits();
  std::copy(backlog.begin(), backlog.end(), demand_bps_.begin());
  for (std::size_t i = 0; i < arrivals.user.size(); ++i)
    demand_bps_[static_cast<std::size_t>(arrivals.user[i])] += arrivals.bits[i];
  if (config_.fidelity == Fidelity::flow) {
    std::fill(arriving_bits_.begin(), arriving_bits_.end(), 0.0);
    for (std::size_t i = 0; i < arrivals.user.size(); ++i)
      arriving_bits_[static_cast<std::size_t>(arrivals.user[i])] += static_cast<double>(arrivals.bits[i]);
  }
  const double transmissions = expected_transmissions(config_.scheduler);
  for (double& demand : demand_bps_) demand *= transmissions / window_s;
  if (correction_.empty()) return;
  for (std::size_t u = 0; u < demand_bps_.size(); ++u) demand_bps_[u] *= correction_.factor(group_of(serving, u));
}

std::size_t Network::group_of(std::span<const std::int32_t> serving, std::size_t user) const {
  return static_cast<std::size_t>(serving[user]) * most_.cols() + static_cast<std::size_t>(config_.slice_of[user]);
}

// The most that each slice may use under `share`.
ConstMatrixView<double> Network::find_limits(ConstMatrixView<double> share) {
  check_share_parts(share, most_.rows(), most_.cols());
  const SchedulerConfig& rule = config_.scheduler;
  if (config_.lend) {
    for (std::size_t n = 0; n < share.rows; ++n)
      for (std::size_t s = 0; s < share.cols; ++s) {
        if (!config_.dedicated_part.empty()) dedicated_.view()(n, s) = config_.dedicated_part[s] * share(n, s);
        if (!config_.max_ratio.empty()) most_.view()(n, s) = std::max(config_.max_ratio[s], share(n, s));
      }
    return most_.view();
  }
  if (config_.fidelity == Fidelity::flow || (rule.n_prb % rule.rbg_prb == 0 && rule.cell_prb.empty())) return share;
  usable_share(rule, share, most_.view());
  return most_.view();
}

// Parts of a cell's PRBs as parts of the carrier's.
ConstMatrixView<double> Network::of_carrier(ConstMatrixView<double> of_cells, Matrix<double>& out) const {
  if (config_.scheduler.cell_prb.empty() || of_cells.empty()) return of_cells;
  out = Matrix<double>(of_cells.rows, of_cells.cols);
  for (std::size_t n = 0; n < of_cells.rows; ++n)
    for (std::size_t s = 0; s < of_cells.cols; ++s) out.view()(n, s) = of_cells(n, s) * whole_(n, 0);
  return out.view();
}

CouplingProblem Network::coupling_problem(std::span<const std::int32_t> serving, ConstMatrixView<double> most) {
  const bool one = one_queue();
  // Of two floats the sum is never below either, so what interferes is never negative.
  for (std::size_t u = 0; u < own_images_.size(); ++u) {
    const auto cell = static_cast<std::size_t>(serving[u]);
    own_images_[u] = reach_(u, cell) - gain_(u, cell);
  }
  return {
      .gain = links_->has_images() ? reach_.view() : gain_.view(),
      .power_w = config_.power_w,
      .noise_w = config_.noise_w,
      .demand_bps = demand_bps_,
      .serving = serving,
      .slice_of = one ? std::span<const std::int32_t>{} : config_.slice_of,
      .share = one ? ConstMatrixView<double>(whole_.view()) : of_carrier(most, coupled_most_),
      .bandwidth_hz = config_.prb_bandwidth_hz * config_.scheduler.n_prb * config_.scheduler.downlink_share(),
      .efficiency = config_.efficiency,
      .ceiling_bps_per_hz = config_.ceiling_bps_per_hz,
      .layers = config_.layers,
      .folded = links_->folds() ? &folded_ : nullptr,
      .own_images = own_images_,
      .steps = {.sinr = step_sinr_, .bits_per_s_hz = step_rate_},
      .waits = waits_,
      .interference = config_.interference,
      .bands = config_.bands,
      .dedicated = config_.lend && !one ? of_carrier(dedicated_.view(), coupled_dedicated_) : ConstMatrixView<double>(),
      .whole = std::span<const double>(whole_.view().flat())};
}

// Into the trial load and SINR: whatever is refused, here or later, the network stays as it is.
void Network::find_rates(ConstMatrixView<double> share, std::span<const std::int32_t> serving,
                         const Arrivals& arrivals) {
  if (x_m_.empty()) refuse("positions", "none", "those of all users: attach() comes first");
  check_size("serving", serving.size(), sinr_.size(), "user");
  check_indices("serving", serving, config_.power_w.size());
  check_arrivals(arrivals.user, arrivals.tti, arrivals.bits, backlog_bits(), config_.window_ttis);
  const ConstMatrixView<double> most = find_limits(share);
  find_demand(serving, arrivals);
  trial_load_ = load_;
  const CouplingProblem problem = coupling_problem(serving, most);
  couple(problem);
  if (links_->folds()) find_misfolded_sinr(serving);
  const std::span<const double> activity =
      config_.bands == Bands::in_order ? std::span<const double>(trial_load_.view().flat()) : rho_;
  if (!efficiency_.empty()) mean_efficiencies(problem, activity, config_.isa, efficiency_, &pool_);
  find_bits();
  if (!correction_.empty()) find_work(serving, most);
}

// Loads from the last ones, and SINR at them.
void Network::couple(const CouplingProblem& problem) {
  const MatrixView<double> load = trial_load_.view();
  std::fill(waits_.begin(), waits_.end(), std::uint8_t{0});
  CouplingOptions options{.isa = config_.isa};
  // A tenth of what folded links may be off by: loads need not be known better than the gains they come of.
  if (links_->folds()) options.tolerance = 0.1 * folded_.far->tolerance;
  coupling_.solve(problem, options, load, &pool_);
  add_slices(load, rho_);
  const std::span<const double> activity =
      config_.bands == Bands::in_order ? std::span<const double>(load.flat()) : rho_;
  coupling_.sinr(problem, activity, config_.isa, trial_sinr_, &pool_);
}

// Users are folded at the loads of before. Where these have changed so much that far cells weigh more than that allowed
// for, SINR comes of every link: so few users that loads do not move.
void Network::find_misfolded_sinr(std::span<const std::int32_t> serving) {
  met_.resize(serving.size());
  for (std::size_t u = 0; u < serving.size(); ++u) {
    const auto place = static_cast<std::size_t>(folded_.place_of[u]), cell = static_cast<std::size_t>(serving[u]);
    const auto gain = static_cast<double>(folded_.link(place, cell)), sinr = static_cast<double>(trial_sinr_[u]);
    met_[u] = config_.power_w[cell] * gain / sinr;
  }
  const std::vector<double> activity = folding_activity(rho_);
  const std::vector<std::int32_t> users = folded_.misfolded(emissions(activity), met_);
  constexpr std::size_t chunk = 128;  // users, whose rows of gains a thread keeps
  share_items(&pool_, (users.size() + chunk - 1) / chunk, [&](std::size_t item, int) {
    const std::size_t first = item * chunk;
    find_whole_sinr(std::span(users).subspan(first, std::min(chunk, users.size() - first)), serving);
  });
}

void Network::find_whole_sinr(std::span<const std::int32_t> users, std::span<const std::int32_t> serving) {
  std::vector<double> x_m, y_m;
  for (std::int32_t user : users) {
    x_m.push_back(x_m_[static_cast<std::size_t>(user)]);
    y_m.push_back(y_m_[static_cast<std::size_t>(user)]);
  }
  Matrix<float> gain(users.size(), rho_.size());
  links_->gains(x_m, y_m, gain.view());
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto u = static_cast<std::size_t>(users[i]), own = static_cast<std::size_t>(serving[u]);
    const double kept = kept_.empty() ? 1.0 : static_cast<double>(kept_[u]);
    double met = 0.0;
    for (std::size_t n = 0; n < rho_.size(); ++n)
      if (n != own) met += rho_[n] * config_.power_w[n] * static_cast<double>(gain(i, n));
    trial_sinr_[u] = static_cast<float>(kept * config_.power_w[own] * static_cast<double>(gain(i, own)) /
                                        (kept * met + config_.noise_w));
  }
}

void Network::find_bits() {
  const SchedulerConfig& rule = config_.scheduler;
  // The flow level knows no TTIs: with TDD every one carries its part.
  const double downlink = config_.fidelity == Fidelity::flow ? rule.downlink_share() : 1.0;
  for (std::size_t u = 0; u < trial_sinr_.size(); ++u) {
    const auto sinr = static_cast<double>(trial_sinr_[u]);
    const bool waits = !waits_.empty() && waits_[u] != 0;
    if (config_.transport_blocks) {
      const auto above = std::upper_bound(step_sinr_.begin(), step_sinr_.end(), sinr) - step_sinr_.begin();
      tbs_index_[u] = waits || above == 0 ? -1 : step_block_[static_cast<std::size_t>(above - 1)];
      bits_per_prb_[u] =
          static_cast<float>(downlink * transport_block_bits(tbs_index_[u], rule.n_prb, rule.mcs_table)) /
          static_cast<float>(rule.n_prb);
      continue;
    }
    const double rate = efficiency_.empty()
                            ? spectral_efficiency(config_.efficiency, sinr, config_.ceiling_bps_per_hz, config_.layers)
                            : efficiency_[u];
    bits_per_prb_[u] = waits ? 0.0f : static_cast<float>(downlink * config_.prb_bandwidth_hz * rule.tti_s * rate);
  }
}

// The work of the window to come, as it will count. A cell that lends and is full says nothing about its slices.
void Network::find_work(std::span<const std::int32_t> serving, ConstMatrixView<double> most) {
  std::fill(work_.begin(), work_.end(), 0.0);
  const SchedulerConfig& rule = config_.scheduler;
  const double ttis_per_s = rule.downlink_share() / rule.tti_s;
  for (std::size_t u = 0; u < demand_bps_.size(); ++u)
    if (bits_per_prb_[u] > 0) {
      const double prbs_per_s = rule.prbs_of(static_cast<std::size_t>(serving[u])) * ttis_per_s;
      work_[group_of(serving, u)] += demand_bps_[u] / (static_cast<double>(bits_per_prb_[u]) * prbs_per_s);
    }
  for (std::size_t n = 0; n < most.rows; ++n) {
    const std::span<double> row = std::span(work_).subspan(n * most.cols, most.cols);
    const bool full = config_.lend && std::accumulate(row.begin(), row.end(), 0.0) > 1.0;
    for (std::size_t s = 0; s < most.cols; ++s)
      row[s] = full ? 0.0 : correction_.counted(n * most.cols + s, row[s], most(n, s));
  }
}

// RRMPolicyRatio of 3GPP TS 28.541: the share is min. The other two are found with the limits.
void Network::set_policy(ConstMatrixView<double> share, Window& played) {
  played.min_ratio = share;
  if (!config_.dedicated_part.empty()) played.dedicated_ratio = dedicated_.view();
  if (!config_.max_ratio.empty()) played.max_ratio = most_.view();
}

}  // namespace slicefast
