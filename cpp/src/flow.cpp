#include "slicefast/flow.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "quantile.hpp"
#include "slicefast/errors.hpp"

namespace slicefast {

namespace {

void check_value(double value, double low, double high, std::size_t row, const char* name) {
  if (!(value >= low && value <= high))
    throw InvalidArgument(std::string(name) + ": row " + std::to_string(row) + " has " + std::to_string(value) +
                          ", allowed: " + std::to_string(low) + " to " + std::to_string(high));
}

void check(const FlowWindow& w, std::span<const double> backlog) {
  const std::size_t n_users = w.serving.size();
  const auto check_size = [&](std::size_t size, const char* name) {
    if (size != n_users)
      throw InvalidArgument(std::string(name) + ": got " + std::to_string(size) + " values, expected " +
                            std::to_string(n_users));
  };
  check_size(w.arriving_bits.size(), "arriving_bits");
  check_size(w.packet_bits.size(), "packet_bits");
  check_size(w.slice_of.size(), "slice_of");
  check_size(w.bits_per_prb.size(), "bits_per_prb");
  check_size(backlog.size(), "backlog_bits");
  if (!w.active.empty()) check_size(w.active.size(), "active");
  if (w.n_ttis < 1) throw InvalidArgument("n_ttis: got " + std::to_string(w.n_ttis) + ", must be at least 1");
  if (!w.discard_ttis.empty() && w.discard_ttis.size() != w.share.cols)
    throw InvalidArgument("discard_ttis: got " + std::to_string(w.discard_ttis.size()) + " values, expected " +
                          std::to_string(w.share.cols));
  if (w.n_prb < 1) throw InvalidArgument("n_prb: got " + std::to_string(w.n_prb) + ", must be at least 1");
  for (std::size_t u = 0; u < n_users; ++u) {
    check_value(w.serving[u], 0, static_cast<double>(w.share.rows) - 1, u, "serving");
    check_value(w.slice_of[u], 0, static_cast<double>(w.share.cols) - 1, u, "slice_of");
    check_value(w.arriving_bits[u], 0, 1e15, u, "arriving_bits");
    check_value(w.packet_bits[u], 1, 1e15, u, "packet_bits");
    check_value(static_cast<double>(w.bits_per_prb[u]), 0, 1e9, u, "bits_per_prb");
    check_value(backlog[u], 0, 1e300, u, "backlog_bits");
  }
  for (std::size_t n = 0; n < w.share.rows; ++n)
    for (const double a : w.share.row(n)) check_value(a, 0, 1 + 1e-6, n, "share");
}

void check(const WindowKpis& kpis, const FlowWindow& w) {
  const auto check_matrix = [&](const MatrixView<double>& kpi) {
    if (kpi.rows != w.share.rows || kpi.cols != w.share.cols)
      throw InvalidArgument("kpis: got shape (" + std::to_string(kpi.rows) + ", " + std::to_string(kpi.cols) +
                            "), expected that of share");
  };
  for (const auto& kpi : {kpis.throughput_bps, kpis.delay_ms, kpis.load, kpis.users}) check_matrix(kpi);
  for (const auto& kpi : {kpis.delivered_bits, kpis.dropped_bits, kpis.spectral_efficiency, kpis.throughput_p5_bps})
    if (!kpi.empty()) check_matrix(kpi);
  for (const auto& values : {kpis.user_delivered_bits, kpis.user_busy_ttis, kpis.user_dropped_bits})
    if (!values.empty() && values.size() != w.serving.size())
      throw InvalidArgument("kpis: got " + std::to_string(values.size()) + " users, expected " +
                            std::to_string(w.serving.size()));
}

struct UserFlow {
  double delay, throughput, delivered, dropped;  // TTI, bit per TTI, bit, bit
};

// Where a slice's work is more than its share, the level its users are served up to: sum_u min(w_u, level) is what the
// share has. Raised pass by pass from the equal part, as those who want less leave theirs to the others.
std::vector<double> fair_levels(const FlowWindow& w, const std::vector<std::size_t>& group,
                                const std::vector<double>& work, const std::vector<double>& user_work) {
  std::vector<double> levels(work.size(), 0.0), wanted_below(work.size()), above(work.size());
  bool raised = false;  // is any slice full?
  for (std::size_t g = 0; g < work.size(); ++g) raised |= work[g] > w.share.data[g] * w.n_prb * w.n_ttis;
  while (raised) {
    raised = false;
    std::fill(wanted_below.begin(), wanted_below.end(), 0.0);
    std::fill(above.begin(), above.end(), 0.0);
    for (std::size_t u = 0; u < group.size(); ++u) {
      if (user_work[u] > levels[group[u]])
        above[group[u]] += 1;
      else
        wanted_below[group[u]] += user_work[u];
    }
    for (std::size_t g = 0; g < work.size(); ++g) {
      const double has = w.share.data[g] * w.n_prb * w.n_ttis;
      if (work[g] <= has || above[g] == 0) continue;
      const double level = (has - wanted_below[g]) / above[g];
      if (level <= levels[g] * (1 + 1e-12)) continue;
      levels[g] = level;
      raised = true;
    }
  }
  return levels;
}

// w_u and the slice's sum of them, PRBs times TTIs. `level`: see fair_levels.
UserFlow flow_of(const FlowWindow& w, std::size_t u, double share, double mine, double work, double level,
                 double backlog) {
  const double n_ttis = w.n_ttis, arriving = w.arriving_bits[u], demand = backlog + arriving;
  const double capacity = share * w.n_prb * static_cast<double>(w.bits_per_prb[u]);  // bit per TTI, alone
  UserFlow flow{n_ttis, 0, 0, 0};
  if (capacity > 0) {
    const double room = share * w.n_prb * n_ttis, size = w.packet_bits[u];
    const bool full = work > room;
    const double rate = full ? level / n_ttis * static_cast<double>(w.bits_per_prb[u]) : capacity;
    const double x = full ? mine / level : work / room;
    flow.delivered = demand * std::min(1.0, 1.0 / x);
    const double alone = size / rate;
    const double longest = alone + 2.0 / 3.0 * std::sqrt(2.0 * alone * n_ttis / std::numbers::pi);
    const double waited = full ? alone * (1 + 0.5 * x / (1 - x)) : alone / (1 - x);
    const double sojourn = x < 1 ? std::min(waited, longest) : longest;
    const double idle = alone / sojourn;  // 1 - x, as far as the window lets it fall
    const double busy_rate = full ? rate : rate * std::min(1.0, idle + mine / room);
    const double bits = full ? size / std::max(0.0, 1 - x) : size * (1 + mine / room / idle);  // of a busy period
    flow.throughput = busy_rate;
    if (std::isfinite(bits)) flow.throughput = bits / std::max(1.0, bits / busy_rate + 0.5);
    flow.throughput = std::max(flow.throughput, flow.delivered / n_ttis);
    flow.delay = std::max(1.0, sojourn + 0.5) + 0.5 * (backlog + demand - flow.delivered) / (demand / n_ttis);
  }
  const double left = demand - flow.delivered;
  double kept = left;
  const int timer_ttis = w.discard_ttis.empty() ? 0 : w.discard_ttis[static_cast<std::size_t>(w.slice_of[u])];
  if (timer_ttis > 0) {
    // Beyond the window, what was queued at its start is as old as anything up to the timer, evenly.
    const double timer = timer_ttis;
    const double young = arriving * std::min(1.0, timer / n_ttis) + backlog * std::max(0.0, 1.0 - n_ttis / timer);
    kept = std::min(kept, young);
    flow.delay = std::min(flow.delay, timer);
  }
  if (w.buffer_bits > 0) kept = std::min(kept, w.buffer_bits);
  flow.dropped = left - kept;
  return flow;
}

// The 5th percentile of `throughput` (U), below 0 where a user had no data, in every group.
void percentiles(const std::vector<std::size_t>& group, const std::vector<double>& throughput, MatrixView<double> out) {
  std::vector<std::size_t> first(out.flat().size() + 1, 0);
  for (std::size_t u = 0; u < group.size(); ++u)
    if (throughput[u] >= 0) ++first[group[u] + 1];
  for (std::size_t g = 0; g + 1 < first.size(); ++g) first[g + 1] += first[g];
  std::vector<std::size_t> cursor(first.begin(), first.end() - 1);
  std::vector<double> sorted(first.back());
  for (std::size_t u = 0; u < group.size(); ++u)
    if (throughput[u] >= 0) sorted[cursor[group[u]]++] = throughput[u];
  for (std::size_t g = 0; g + 1 < first.size(); ++g)
    out.data[g] = quantile(std::span(sorted).subspan(first[g], first[g + 1] - first[g]), 0.05);
}

}  // namespace

void run_flow(const FlowWindow& w, std::span<double> backlog_bits, const WindowKpis& kpis) {
  check(w, backlog_bits);
  check(kpis, w);
  const std::size_t n_users = w.serving.size(), n_groups = w.share.rows * w.share.cols;
  std::vector<std::size_t> group(n_users);
  std::vector<double> work(n_groups, 0.0), packets(n_groups, 0.0), with_data(n_groups, 0.0);
  std::vector<double> delivered(n_groups, 0.0), user_throughput(n_users, -1.0), user_work(n_users, 0.0);
  for (MatrixView<double> kpi : {kpis.throughput_bps, kpis.delay_ms, kpis.load, kpis.users, kpis.dropped_bits})
    std::fill(kpi.flat().begin(), kpi.flat().end(), 0.0);
  for (std::span<double> values : {kpis.user_delivered_bits, kpis.user_busy_ttis, kpis.user_dropped_bits})
    std::fill(values.begin(), values.end(), 0.0);

  for (std::size_t u = 0; u < n_users; ++u) {
    group[u] = static_cast<std::size_t>(w.serving[u]) * w.share.cols + static_cast<std::size_t>(w.slice_of[u]);
    if (!w.active.empty() && w.active[u]) kpis.users.data[group[u]] += 1;
    if (w.bits_per_prb[u] > 0)
      user_work[u] = (backlog_bits[u] + w.arriving_bits[u]) / static_cast<double>(w.bits_per_prb[u]);
    work[group[u]] += user_work[u];
  }
  const std::vector<double> levels = fair_levels(w, group, work, user_work);
  const double n_ttis = w.n_ttis;
  for (std::size_t u = 0; u < n_users; ++u) {
    const double demand = backlog_bits[u] + w.arriving_bits[u];
    if (demand <= 0) continue;
    const std::size_t g = group[u];
    const UserFlow flow = flow_of(w, u, w.share.data[g], user_work[u], work[g], levels[g], backlog_bits[u]);
    const double count = demand / w.packet_bits[u];
    user_throughput[u] = flow.throughput / tti_s;
    kpis.throughput_bps.data[g] += user_throughput[u];
    kpis.delay_ms.data[g] += flow.delay * count * (tti_s * 1e3);
    packets[g] += count;
    with_data[g] += 1;
    delivered[g] += flow.delivered;
    backlog_bits[u] = demand - flow.delivered - flow.dropped;
    if (!kpis.dropped_bits.empty()) kpis.dropped_bits.data[g] += flow.dropped;
    if (!kpis.user_dropped_bits.empty()) kpis.user_dropped_bits[u] = flow.dropped;
    if (!kpis.user_delivered_bits.empty()) kpis.user_delivered_bits[u] = flow.delivered;
    if (!kpis.user_busy_ttis.empty())
      kpis.user_busy_ttis[u] = flow.throughput > 0 ? flow.delivered / flow.throughput : n_ttis;
  }
  for (std::size_t g = 0; g < n_groups; ++g) {
    if (with_data[g] > 0) {
      kpis.throughput_bps.data[g] /= with_data[g];
      kpis.delay_ms.data[g] /= packets[g];
    }
    if (w.active.empty()) kpis.users.data[g] = with_data[g];
    kpis.load.data[g] = std::min(work[g] / (w.n_prb * n_ttis), w.share.data[g]);
    const double used = kpis.load.data[g] * w.n_prb * n_ttis * w.prb_bandwidth_hz * tti_s;  // [Hz s]
    if (!kpis.spectral_efficiency.empty()) kpis.spectral_efficiency.data[g] = used > 0 ? delivered[g] / used : 0.0;
    if (!kpis.delivered_bits.empty()) kpis.delivered_bits.data[g] = delivered[g];
  }
  if (!kpis.throughput_p5_bps.empty()) percentiles(group, user_throughput, kpis.throughput_p5_bps);
}

}  // namespace slicefast
