#include "slicefast/flow.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

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

}  // namespace

void run_flow(const FlowWindow& w, std::span<double> backlog_bits, const WindowKpis& kpis) {
  check(w, backlog_bits);
  for (const MatrixView<double>& kpi : {kpis.throughput_bps, kpis.delay_ms, kpis.load, kpis.users})
    if (kpi.rows != w.share.rows || kpi.cols != w.share.cols)
      throw InvalidArgument("kpis: got shape (" + std::to_string(kpi.rows) + ", " + std::to_string(kpi.cols) +
                            "), expected that of share");
  const std::size_t n_users = w.serving.size(), n_groups = w.share.rows * w.share.cols;
  std::vector<std::size_t> group(n_users);
  std::vector<double> work(n_groups, 0.0), packets(n_groups, 0.0), with_data(n_groups, 0.0);
  for (MatrixView<double> kpi : {kpis.throughput_bps, kpis.delay_ms, kpis.load, kpis.users})
    std::fill(kpi.flat().begin(), kpi.flat().end(), 0.0);

  for (std::size_t u = 0; u < n_users; ++u) {
    group[u] = static_cast<std::size_t>(w.serving[u]) * w.share.cols + static_cast<std::size_t>(w.slice_of[u]);
    if (!w.active.empty() && w.active[u]) kpis.users.data[group[u]] += 1;
    if (w.bits_per_prb[u] > 0)
      work[group[u]] += (backlog_bits[u] + w.arriving_bits[u]) / static_cast<double>(w.bits_per_prb[u]);
  }
  const double n_ttis = w.n_ttis;
  for (std::size_t u = 0; u < n_users; ++u) {
    const double demand = backlog_bits[u] + w.arriving_bits[u];
    if (demand <= 0) continue;
    const std::size_t g = group[u];
    const double capacity = w.share.data[g] * w.n_prb * static_cast<double>(w.bits_per_prb[u]);  // bit per TTI, alone
    double delay = n_ttis, throughput = 0, delivered = 0;
    if (capacity > 0) {
      const double x = work[g] / (w.share.data[g] * w.n_prb * n_ttis);
      delivered = demand * std::min(1.0, 1.0 / x);
      const double alone = w.packet_bits[u] / capacity;
      const double longest = alone + 0.5 * n_ttis;
      const double sojourn = (x < 1 ? std::min(alone / (1 - x), longest) : longest) + 0.5;
      throughput = std::max(w.packet_bits[u] / sojourn, delivered / n_ttis) / tti_s;
      delay = sojourn + 0.5 * (backlog_bits[u] + demand - delivered) / (delivered / n_ttis);
    }
    const double count = demand / w.packet_bits[u];
    kpis.throughput_bps.data[g] += throughput;
    kpis.delay_ms.data[g] += delay * count * (tti_s * 1e3);
    packets[g] += count;
    with_data[g] += 1;
    backlog_bits[u] = demand - delivered;
  }
  for (std::size_t g = 0; g < n_groups; ++g) {
    if (with_data[g] > 0) {
      kpis.throughput_bps.data[g] /= with_data[g];
      kpis.delay_ms.data[g] /= packets[g];
    }
    if (w.active.empty()) kpis.users.data[g] = with_data[g];
    kpis.load.data[g] = std::min(work[g] / (w.n_prb * n_ttis), w.share.data[g]);
  }
}

}  // namespace slicefast
