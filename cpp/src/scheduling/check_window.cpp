// What a scheduler takes: its settings, a window, the arrays for the KPIs.
#include <algorithm>
#include <cmath>
#include <string>

#include "scheduling/grid.hpp"
#include "slicefast/checks.hpp"
#include "slicefast/scheduling/scheduler.hpp"

namespace slicefast {

namespace {

constexpr double simplex_tolerance = 1e-6;
constexpr double order_tolerance = 1e-9;  // 0.1 + 0.2 is at most 0.3
constexpr double largest_exponent = 1e12;

void check_share(const Window& window, const SchedulerConfig& config) {
  const auto n_cells = static_cast<std::size_t>(config.n_cells), n_slices = static_cast<std::size_t>(config.n_slices);
  check_share_parts(window.share, n_cells, n_slices);
  if (window.separate_slices) return;
  for (std::size_t n = 0; n < n_cells; ++n) {
    double sum = 0;
    for (const double a : window.share.row(n)) sum += a;
    if (std::abs(sum - 1.0) > simplex_tolerance) refuse_entry("share", "row", n, "the sum " + text_of(sum), "1");
  }
}

void check_policy(const Window& window, const SchedulerConfig& config) {
  const auto n_cells = static_cast<std::size_t>(config.n_cells), n_slices = static_cast<std::size_t>(config.n_slices);
  if (window.separate_slices) refuse("separate_slices", "true", "false where slices lend");
  const auto check_ratios = [&](const char* name, const ConstMatrixView<double>& ratios) {
    if (ratios.empty()) return;
    check_shape(name, ratios, n_cells, n_slices);
    const Range allowed = within(0, 1 + simplex_tolerance);
    if (all_within(ratios.flat(), allowed)) return;
    for (std::size_t n = 0; n < n_cells; ++n)
      check_values(name, ratios.row(n), allowed, "row " + text_of(n) + ", slice");
  };
  check_ratios("dedicated_ratio", window.dedicated_ratio);
  check_ratios("min_ratio", window.min_ratio);
  check_ratios("max_ratio", window.max_ratio);
  const auto ratio = [](const ConstMatrixView<double>& ratios, std::size_t n, std::size_t s, double otherwise) {
    return ratios.empty() ? otherwise : ratios(n, s);
  };
  for (std::size_t n = 0; n < n_cells; ++n) {
    double sum = 0;
    for (std::size_t s = 0; s < n_slices; ++s) {
      const double low = ratio(window.min_ratio, n, s, 0.0), high = ratio(window.max_ratio, n, s, 1.0);
      const double dedicated = ratio(window.dedicated_ratio, n, s, 0.0);
      if (dedicated > low + order_tolerance || low > high + order_tolerance)
        refuse_entry("min_ratio", "row " + text_of(n) + ", slice", s,
                     "dedicated " + text_of(dedicated) + ", min " + text_of(low) + ", max " + text_of(high),
                     "0 <= dedicated <= min <= max <= 1");
      sum += low;
    }
    if (sum > 1 + simplex_tolerance) refuse_entry("min_ratio", "row", n, "the sum " + text_of(sum), "at most 1");
  }
}

// What a slice of a cell sends in a window stays below most_bits.
void check_rates(const Window& window, const SchedulerConfig& config) {
  const auto n_users = static_cast<std::size_t>(config.n_users);
  if (!window.tbs_index.empty()) {
    check_size("tbs_index", window.tbs_index.size(), n_users, "user");
    const int n_rows = most_block_layers * n_tbs_rows(config.mcs_table);
    check_indices("tbs_index", window.tbs_index, static_cast<std::size_t>(n_rows), "row", -1);
    return;
  }
  check_size("bits_per_prb", window.bits_per_prb.size(), n_users, "user");
  const double largest = std::min(1e9, most_bits / (static_cast<double>(config.n_prb) * window.n_ttis));
  check_values("bits_per_prb", window.bits_per_prb, within(0, largest));
}

void check_sorted(std::span<const std::int32_t> tti, int n_ttis) {
  std::int32_t wrong = 0;  // one pass without branches, as all_within()
  for (std::size_t i = 1; i < tti.size(); ++i) wrong |= static_cast<std::int32_t>(tti[i] < tti[i - 1]);
  if (wrong == 0 && (tti.empty() || (tti.front() >= 0 && tti.back() < n_ttis))) return;
  std::int32_t last = 0;
  for (std::size_t i = 0; i < tti.size(); ++i) {
    if (tti[i] < last || tti[i] >= n_ttis)
      refuse_entry("arrival_tti", "row", i, text_of(tti[i]), "sorted, 0 to " + text_of(n_ttis - 1));
    last = tti[i];
  }
}

// Eight sums side by side, so that an addition need not wait for the one before.
double sum_of(std::span<const float> bits) {
  double sums[8] = {};
  const std::size_t n_whole = bits.size() / 8 * 8;
  for (std::size_t i = 0; i < n_whole; i += 8)
    for (std::size_t k = 0; k < 8; ++k) sums[k] += static_cast<double>(bits[i + k]);
  for (std::size_t i = n_whole; i < bits.size(); ++i) sums[i % 8] += static_cast<double>(bits[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace

SchedulerKind scheduler_kind(std::string_view name) {
  constexpr std::string_view names[] = {"round_robin", "proportional_fair", "max_ci"};
  return static_cast<SchedulerKind>(check_name("kind", name, names));
}

void check_config(const SchedulerConfig& config) {
  check_value("n_cells", config.n_cells, at_least(1));
  check_value("n_slices", config.n_slices, at_least(1));
  check_value("n_users", config.n_users, at_least(1));
  check_value("n_prb", config.n_prb, within(1, 65535));
  if (!config.discard_ttis.empty())
    check_size("discard_ttis", config.discard_ttis.size(), static_cast<std::size_t>(config.n_slices), "slice");
  check_values("discard_ttis", std::span(config.discard_ttis), not_negative, "slice");
  check_value("averaging_ttis", config.averaging_ttis, above(1));
  check_value("alpha", config.alpha, within(0, largest_exponent));
  check_value("beta", config.beta, within(0, largest_exponent));
  check_value("rbg_prb", config.rbg_prb, within(1, config.n_prb));
  if (!config.cell_prb.empty())
    check_size("cell_prb", config.cell_prb.size(), static_cast<std::size_t>(config.n_cells), "cell");
  check_values("cell_prb", std::span<const int>(config.cell_prb), within(config.rbg_prb, config.n_prb), "cell");
  check_value("retransmission_ttis", config.retransmission_ttis, at_least(1));
  check_value("max_retransmissions", config.max_retransmissions, not_negative);
  check_value("buffer_bits", config.buffer_bits, not_negative);
  const bool combined = !config.retransmission_error_rate.empty();
  check_value("block_error_rate", config.block_error_rate, Range{.low = 0, .high = 1, .without_high = !combined});
  check_values("retransmission_error_rate", std::span<const double>(config.retransmission_error_rate), unit_interval,
               "attempt");
  if (combined && lost_blocks(config) == 1)
    refuse("retransmission_error_rate", "1 in every attempt", "some block to arrive");
  check_value("prb_bandwidth_hz", config.prb_bandwidth_hz, positive);
  check_value("tti_s", config.tti_s, within(1e-6, 1));
  check_value("tdd_parts", config.tdd_parts, within(1, 100000));
  check_value("downlink_parts", config.downlink_parts, within(1, config.tdd_parts));
}

double expected_transmissions(const SchedulerConfig& config) {
  double transmissions = 1, reached = 1;
  for (int attempt = 0; attempt < config.max_retransmissions && reached > 0; ++attempt)
    transmissions += reached *= config.error_rate(attempt);
  return transmissions;
}

double lost_blocks(const SchedulerConfig& config) {
  double lost = config.harq() ? 1 : 0;
  for (int attempt = 0; attempt <= config.max_retransmissions && lost > 0; ++attempt)
    lost *= config.error_rate(attempt);
  return lost;
}

void check_arrivals(std::span<const std::int32_t> user, std::span<const std::int32_t> tti, std::span<const float> bits,
                    std::span<const double> backlog_bits, int n_ttis) {
  check_size("arrival_tti", tti.size(), user.size(), "arrival_user");
  check_size("arrival_bits", bits.size(), user.size(), "arrival_user");
  check_indices("arrival_user", user, backlog_bits.size());
  check_sorted(tti, n_ttis);
  check_values("arrival_bits", bits, within(1, 1e12));
  // All of it beside the longest queue: nearly always far below, and no user needs a sum of its own then.
  const double arriving = sum_of(bits);
  if (arriving <= most_bits && all_within(backlog_bits, within(0, most_bits - arriving))) return;
  std::vector<double> queued(backlog_bits.begin(), backlog_bits.end());
  for (std::size_t i = 0; i < user.size(); ++i) {
    double& mine = queued[static_cast<std::size_t>(user[i])] += static_cast<double>(bits[i]);
    if (mine > most_bits)
      refuse_entry("arrival_bits", "user", static_cast<std::size_t>(user[i]),
                   text_of(mine) + " bits queued and arriving", "up to 2^43, " + text_of(most_bits));
  }
}

void check_share_parts(ConstMatrixView<double> share, std::size_t n_cells, std::size_t n_slices) {
  check_shape("share", share, n_cells, n_slices);
  if (all_within(share.flat(), within(0, 1 + simplex_tolerance))) return;
  for (std::size_t n = 0; n < n_cells; ++n)
    for (const double a : share.row(n))
      if (!within(0, 1 + simplex_tolerance).holds(a)) refuse_entry("share", "row", n, text_of(a), "0 to 1");
}

void check_window(const Window& window, const SchedulerConfig& config, std::span<const double> backlog_bits) {
  const auto n_users = static_cast<std::size_t>(config.n_users);
  check_value("n_ttis", window.n_ttis, at_least(1));
  check_size("serving", window.serving.size(), n_users, "user");
  check_size("slice_of", window.slice_of.size(), n_users, "user");
  if (!window.active.empty()) check_size("active", window.active.size(), n_users, "user");
  check_indices("serving", window.serving, static_cast<std::size_t>(config.n_cells));
  check_indices("slice_of", window.slice_of, static_cast<std::size_t>(config.n_slices));
  check_rates(window, config);
  if (window.policy())
    check_policy(window, config);
  else
    check_share(window, config);
  check_arrivals(window.arrival_user, window.arrival_tti, window.arrival_bits, backlog_bits, window.n_ttis);
}

void check_kpis(const WindowKpis& kpis, std::size_t n_cells, std::size_t n_slices, std::size_t n_users) {
  for (std::size_t i = 0; i < cell_kpis.size(); ++i) {
    const MatrixView<double>& values = kpis.*cell_kpis[i].values;
    if (i < n_required_kpis || !values.empty()) check_shape(cell_kpis[i].name, values, n_cells, n_slices);
  }
  if (!kpis.delivered_bits.empty()) check_shape("delivered_bits", kpis.delivered_bits, n_cells, n_slices);
  if (!kpis.delay_counts.empty()) {
    check_shape("delay_counts", kpis.delay_counts, n_cells * n_slices, n_delay_bins);
    for (const CellKpi& kpi : packet_kpis) check_shape(kpi.name, kpis.*kpi.values, n_cells, n_slices);
  }
  for (const UserKpi& kpi : user_kpis)
    if (!(kpis.*kpi.values).empty()) check_size(kpi.name, (kpis.*kpi.values).size(), n_users, "user");
}

}  // namespace slicefast
