#include "slicefast/network.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "slicefast/checks.hpp"

namespace slicefast {

Fidelity fidelity(std::string_view name) {
  constexpr std::string_view names[] = {"tti", "flow"};
  return static_cast<Fidelity>(check_name("fidelity", name, names));
}

namespace {

std::shared_ptr<const GainSource> present(std::shared_ptr<const GainSource> links) {
  if (!links) refuse("links", "none", "a LinkModel or a GainMap");
  return links;
}

void check(const NetworkConfig& config, const GainSource& links) {
  const auto n_users = static_cast<std::size_t>(config.scheduler.n_users);
  const auto n_cells = static_cast<std::size_t>(config.scheduler.n_cells);
  const auto n_slices = static_cast<std::size_t>(config.scheduler.n_slices);
  if (static_cast<std::size_t>(links.n_cells()) != n_cells)
    refuse("links", "those of " + text_of(links.n_cells()) + " cells", text_of(n_cells) + ", n_cells of the scheduler");
  check_size("power_w", config.power_w.size(), n_cells, "cell");
  check_values("power_w", std::span(config.power_w), not_negative, "cell");
  check_value("noise_w", config.noise_w, not_negative);
  check_value("prb_bandwidth_hz", config.prb_bandwidth_hz, positive);
  check_value("ceiling_bps_per_hz", config.ceiling_bps_per_hz, positive);
  check_value("layers", config.layers, within(1, most_layers));
  check_value("window_ttis", config.window_ttis, at_least(1));
  check_value("handover_margin_db", config.handover.margin_db, not_negative);
  check_value("time_to_trigger_steps", config.handover.time_to_trigger_steps, not_negative);
  check_value("filter_weight", config.filter_weight, Range{0, 1, true, false});
  if (config.filter_weight < 1 && links.folds())
    refuse("filter_weight", text_of(config.filter_weight), "1 where far cells fold");
  check_value("resolution_m", config.resolution_m, not_negative);
  check_size("slice_of", config.slice_of.size(), n_users, "user");
  check_indices("slice_of", config.slice_of, n_slices);
  if (config.interference == Interference::fluctuating && config.transport_blocks)
    refuse("interference", "fluctuating", "mean beside transport blocks");
  if (config.bands == Bands::in_order && config.lend) refuse("bands", "in_order", "anywhere where slices lend");
  if (config.bands == Bands::in_order && links.folds()) refuse("bands", "in_order", "anywhere where far cells fold");
  if (config.profile && config.profile->size() != n_users)
    refuse("profile", text_of(config.profile->size()) + " users", text_of(n_users));
  if (links.folds() && config.profile)
    refuse("profile", "one beside links that fold", "fold_db = 0: far cells fold for outdoor users only");
  if (!config.user_loss_db.empty()) {
    check_size("user_loss_db", config.user_loss_db.size(), n_users, "user");
    check_values("user_loss_db", std::span(config.user_loss_db), within(-100, 100), "user");
  }
  const auto check_ratios = [&](const char* name, const std::vector<double>& values) {
    if (values.empty()) return;
    if (!config.lend) refuse(name, text_of(values.size()) + " values", "none, unless slices lend");
    check_size(name, values.size(), n_slices, "slice");
    check_values(name, std::span(values), unit_interval, "slice");
  };
  check_ratios("dedicated_part", config.dedicated_part);
  check_ratios("max_ratio", config.max_ratio);
  if (config.fidelity != Fidelity::flow) return;
  if (config.lend) refuse("fidelity", "flow", "tti where slices lend");
  check_size("packet_bits", config.packet_bits.size(), n_users, "user");
  check_values("packet_bits", std::span(config.packet_bits), within(1, 1e15), "user");
}

}  // namespace

Network::Network(NetworkConfig config, std::shared_ptr<const GainSource> links)
    : config_(std::move(config)),
      links_(present(std::move(links))),
      pool_(config_.n_threads),
      scheduler_(config_.scheduler, config_.isa),
      trial_scheduler_(scheduler_) {
  check(config_, *links_);
  const auto n_users = static_cast<std::size_t>(config_.scheduler.n_users);
  const auto n_cells = static_cast<std::size_t>(config_.scheduler.n_cells);
  const auto n_slices = static_cast<std::size_t>(config_.scheduler.n_slices);
  power_w_.assign(config_.power_w.begin(), config_.power_w.end());
  if (!links_->folds()) gain_ = Matrix<float>(n_users, n_cells);
  if (links_->has_images()) {
    reach_ = Matrix<float>(n_users, n_cells);
    own_images_.resize(n_users);
  }
  const std::size_t n_columns = one_queue() ? 1 : n_slices;
  load_ = Matrix<double>(n_cells, n_columns);
  trial_load_ = Matrix<double>(n_cells, n_columns);
  if (config_.lend) dedicated_ = Matrix<double>(n_cells, n_slices);
  most_ = Matrix<double>(n_cells, n_slices, 1.0);
  whole_ = Matrix<double>(n_cells, 1);
  for (std::size_t n = 0; n < n_cells; ++n)
    whole_(n, 0) = static_cast<double>(config_.scheduler.prbs_of(n)) / config_.scheduler.n_prb;
  demand_bps_.resize(n_users);
  rho_.resize(n_cells);
  if (links_->folds()) fold_activity_.assign(n_cells, 1.0);
  sinr_.resize(n_users);
  trial_sinr_.resize(n_users);
  bits_per_prb_.resize(n_users);
  if (config_.handover.time_to_trigger_steps > 1)
    for (auto* timers : {&timer_cell_, &timer_steps_}) timers->assign(n_users * n_timers, 0);
  if (config_.filter_weight < 1) filtered_log2_ = measured_ = Matrix<float>(n_users, n_cells);
  for (double loss : config_.user_loss_db) kept_.push_back(static_cast<float>(std::pow(10.0, -loss / 10.0)));
  all_.resize(kept_.size());
  std::iota(all_.begin(), all_.end(), 0);
  prepare_rates();
  if (config_.fidelity == Fidelity::flow)
    for (auto* values : {&arriving_bits_, &flow_backlog_, &flow_age_}) values->assign(n_users, 0.0);
}

void Network::attach(std::span<const double> x_m, std::span<const double> y_m, std::span<std::int32_t> serving) {
  for (const auto& [name, size] : {std::pair("x_m", x_m.size()), {"y_m", y_m.size()}, {"serving", serving.size()}})
    check_size(name, size, config_.slice_of.size(), "user");
  check_indices("serving", serving, config_.power_w.size(), "row", -1);
  find_gains(x_m, y_m);
  if (links_->folds())
    update_serving(folded_, power_w_, config_.handover, serving, {timer_cell_, timer_steps_}, &pool_);
  else
    update_serving(measure(), power_w_, config_.handover, serving, {timer_cell_, timer_steps_}, &pool_);
}

// The gains that handovers go by: filtered in log2 units, as dB are, the first as it is; 1e-38 stands for none.
ConstMatrixView<float> Network::measure() {
  if (measured_.view().empty()) return gain_.view();
  const std::span<const float> gain = gain_.view().flat();
  const std::span<float> filtered = filtered_log2_.view().flat(), measured = measured_.view().flat();
  const auto weight = static_cast<float>(is_filtered_ ? config_.filter_weight : 1.0);
  for (std::size_t i = 0; i < gain.size(); ++i) {
    filtered[i] += weight * (std::log2(std::max(gain[i], 1e-38f)) - filtered[i]);
    measured[i] = std::exp2(filtered[i]);
  }
  is_filtered_ = true;
  return measured_.view();
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
    find_all_gains(x_m, y_m, last_loads());
    x_m_.assign(x_m.begin(), x_m.end());
    y_m_.assign(y_m.begin(), y_m.end());
    return;
  }
  if (links_->folds())
    links_->refold(x_m, y_m, moved_, emissions(fold_activity_), folded_, &pool_);
  else
    links_->update_gains(x_m, y_m, moved_, gain_.view(), &pool_, config_.profile.get(), reach_.view());
  lose(moved_);
  for (std::int32_t user : moved_) {
    const auto u = static_cast<std::size_t>(user);
    x_m_[u] = x_m[u];
    y_m_[u] = y_m[u];
  }
}

// The loads, but for a cell that may wake up and must not have been forgotten; full where none is known.
std::vector<double> Network::folding_activity(std::span<const double> rho) {
  constexpr double least = 0.01;
  std::vector<double> activity(rho.begin(), rho.end());
  const bool known = std::any_of(rho.begin(), rho.end(), [](double load) { return load > 0.0; });
  for (double& a : activity) a = known ? std::max(a, least) : 1.0;
  return activity;
}

void Network::add_slices(ConstMatrixView<double> load, std::span<double> rho) {
  for (std::size_t n = 0; n < load.rows; ++n) {
    rho[n] = 0.0;
    for (double part : load.row(n)) rho[n] += part;
  }
}

// As an activity to fold at, empty unless far cells fold.
std::vector<double> Network::last_loads() const {
  if (!links_->folds()) return {};
  std::vector<double> rho(load_.rows());
  add_slices(load_.view(), rho);
  return folding_activity(rho);
}

void Network::find_all_gains(std::span<const double> x_m, std::span<const double> y_m, std::vector<double> activity) {
  if (links_->folds())
    links_->fold(x_m, y_m, emissions(activity), folded_, &pool_);
  else
    links_->gains(x_m, y_m, gain_.view(), &pool_, config_.profile.get(), reach_.view());
  fold_activity_ = std::move(activity);
  lose(all_);
}

// Of users whose links were just found.
void Network::lose(std::span<const std::int32_t> users) {
  if (kept_.empty()) return;
  for (std::int32_t user : users) {
    const auto u = static_cast<std::size_t>(user);
    if (links_->folds()) {
      folded_.scale(static_cast<std::size_t>(folded_.place_of[u]), kept_[u]);
      continue;
    }
    for (float& gain : gain_.view().row(u)) gain *= kept_[u];
    if (!reach_.view().empty())
      for (float& gain : reach_.view().row(u)) gain *= kept_[u];
  }
}

NetworkState Network::state() const {
  const auto vector_of = []<class T>(std::span<const T> values) {
    return std::vector<T>(values.begin(), values.end());
  };
  return {.load = vector_of(std::span<const double>(load_.view().flat())),
          .timer_cell = timer_cell_,
          .timer_steps = timer_steps_,
          .scheduler = scheduler_.state(),
          .flow_backlog_bits = flow_backlog_,
          .link_x_m = x_m_,
          .link_y_m = y_m_,
          .places = vector_of(std::span<const std::int32_t>(folded_.user_of)),
          .fold_activity = fold_activity_,
          .sinr = sinr_,
          .flow_age_bit_ttis = flow_age_,
          .prbs_used = correction_.used(),
          .prb_work = correction_.work(),
          .filtered_log2 = vector_of(std::span<const float>(filtered_log2_.view().flat())
                                         .first(is_filtered_ ? filtered_log2_.view().flat().size() : 0))};
}

void Network::check_own_state(const NetworkState& state) const {
  const std::size_t n_users = config_.slice_of.size(), n_links = state.link_x_m.size();
  check_size("load", state.load.size(), load_.view().flat().size(), one_queue() ? "cell" : "slice of a cell");
  check_values("load", std::span(state.load), within(0, 1 + 1e-6));
  check_size("timer_cell", state.timer_cell.size(), timer_cell_.size(), "timer of a user");
  check_size("timer_steps", state.timer_steps.size(), timer_steps_.size(), "timer of a user");
  check_indices("timer_cell", state.timer_cell, config_.power_w.size(), "timer");
  check_values("timer_steps", std::span(state.timer_steps), within(0, config_.handover.time_to_trigger_steps), "timer");
  const std::size_t n_filtered = state.filtered_log2.empty() ? 0 : filtered_log2_.view().flat().size();
  check_size("filtered_log2", state.filtered_log2.size(), n_filtered, "link");
  check_values("filtered_log2", std::span(state.filtered_log2), within(-200, 128), "link");
  check_flow_queues(state.flow_backlog_bits, state.flow_age_bit_ttis, flow_backlog_.size());
  check_size("link_x_m", n_links, n_links == 0 ? 0 : n_users, "user");
  check_size("link_y_m", state.link_y_m.size(), n_links, "user");
  check_values("link_x_m", std::span(state.link_x_m), within(-1e9, 1e9));
  check_values("link_y_m", std::span(state.link_y_m), within(-1e9, 1e9));
  check_size("places", state.places.size(), links_->folds() ? n_links : 0, "user where far cells fold");
  check_indices("places", state.places, n_users);
  check_size("fold_activity", state.fold_activity.size(), fold_activity_.size(), "cell where far cells fold");
  check_values("fold_activity", std::span(state.fold_activity), within(0, 1 + 1e-6));
  std::vector<bool> seen(n_users, false);
  for (std::size_t i = 0; i < state.places.size(); ++i) {
    const auto user = static_cast<std::size_t>(state.places[i]);
    if (seen[user]) refuse_entry("places", "row", i, text_of(user) + " again", "every user once");
    seen[user] = true;
  }
  check_size("sinr", state.sinr.size(), n_users, "user");
  check_values("sinr", std::span(state.sinr), not_negative);
  correction_.check(state.prbs_used, state.prb_work);
}

void Network::check_state(const NetworkState& state) const {
  check_own_state(state);
  scheduler_.check_state(state.scheduler);
}

void Network::set_state(const NetworkState& state) {
  check_own_state(state);
  scheduler_.set_state(state.scheduler);  // the last to refuse, and the first to change
  restore_links(state);
  std::copy(state.load.begin(), state.load.end(), load_.view().data);
  timer_cell_ = state.timer_cell;
  timer_steps_ = state.timer_steps;
  is_filtered_ = !state.filtered_log2.empty();
  std::copy(state.filtered_log2.begin(), state.filtered_log2.end(), filtered_log2_.view().data);
  flow_backlog_ = state.flow_backlog_bits;
  flow_age_ = state.flow_age_bit_ttis;
  sinr_ = state.sinr;
  correction_.set(state.prbs_used, state.prb_work);
}

void Network::restore_links(const NetworkState& state) {
  if (state.link_x_m.empty()) {
    x_m_.clear();
    y_m_.clear();
    folded_ = {};
    fold_activity_ = state.fold_activity;
    return;
  }
  const bool same = state.link_x_m == x_m_ && state.link_y_m == y_m_ && state.fold_activity == fold_activity_;
  if (!same) find_all_gains(state.link_x_m, state.link_y_m, state.fold_activity);
  x_m_ = state.link_x_m;
  y_m_ = state.link_y_m;
  if (!links_->folds() || std::equal(state.places.begin(), state.places.end(), folded_.user_of.begin())) return;
  // Sums run in the order of the places: as they were, so that a restored network goes on to the last bit.
  folded_.set_places(state.places);
  std::fill(folded_.far_first.begin(), folded_.far_first.end(), 0u);
  links_->refold(x_m_, y_m_, state.places, emissions(fold_activity_), folded_, &pool_);
  lose(all_);
}

Matrix<float> Network::gain() const {
  Matrix<float> all(config_.slice_of.size(), config_.power_w.size());
  if (x_m_.size() == all.rows()) links_->gains(x_m_, y_m_, all.view(), nullptr, config_.profile.get());
  for (std::size_t u = 0; u < kept_.size(); ++u)
    for (float& gain : all.view().row(u)) gain *= kept_[u];
  return all;
}

Matrix<float> Network::reach() const { return links_->has_images() ? reach_ : gain(); }

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
  return {
      .n_ttis = config_.window_ttis,
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
      .prb_bandwidth_hz = config_.prb_bandwidth_hz * config_.scheduler.downlink_share(),
      .tti_s = config_.scheduler.tti_s,
      .transmissions = expected_transmissions(config_.scheduler),
      .retransmission_ttis = (expected_transmissions(config_.scheduler) - 1) * config_.scheduler.retransmission_ttis,
      .lost_part = lost_blocks(config_.scheduler)};
}

// The flow level knows parts of the carrier; a cell's load is that of its own PRBs.
void Network::play_flow(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                        const FlowQueues& queues, const WindowKpis& kpis) {
  check_share_parts(share, most_.rows(), most_.cols());  // too much of a cell may be little of a carrier
  run_flow(flow_window(of_carrier(share, coupled_most_), serving, arrivals), queues, kpis, flow_room_);
  for (std::size_t n = 0; n < kpis.load.rows; ++n)
    for (double& load : kpis.load.row(n)) load /= whole_(n, 0);
}

void Network::step(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                   const WindowKpis& kpis) {
  find_rates(share, serving, arrivals);
  if (config_.fidelity == Fidelity::flow) {
    play_flow(share, serving, arrivals, {flow_backlog_, flow_age_}, kpis);
  } else {
    Window played = window(share, serving, arrivals);
    if (config_.lend) set_policy(share, played);
    scheduler_.play_window(played, kpis, &pool_);
  }
  if (!correction_.empty()) correction_.update(work_, kpis.load.flat());
  std::swap(load_, trial_load_);
  std::swap(sinr_, trial_sinr_);
}

void Network::probe(ConstMatrixView<double> share, ConstMatrixView<double> coupled_share,
                    std::span<const std::int32_t> serving, const Arrivals& arrivals, const WindowKpis& kpis) {
  find_rates(coupled_share, serving, arrivals);
  try_window(share, serving, arrivals, kpis);
}

// On copies of the queues, at the rates that were found.
void Network::try_window(ConstMatrixView<double> share, std::span<const std::int32_t> serving, const Arrivals& arrivals,
                         const WindowKpis& kpis) {
  if (config_.fidelity == Fidelity::flow) {
    trial_backlog_ = flow_backlog_;
    trial_age_ = flow_age_;
    return play_flow(share, serving, arrivals, {trial_backlog_, trial_age_}, kpis);
  }
  trial_scheduler_ = scheduler_;
  Window trial = window(share, serving, arrivals);
  trial.separate_slices = true;
  trial_scheduler_.play_window(trial, kpis, &pool_);
}

}  // namespace slicefast
