// RRMPolicyRatio of 3GPP TS 28.541: the slices of a cell side by side, lending each other what is not needed.
//
// Per TTI and slice, in resource block groups: dedicated D <= guaranteed G <= most M, whole numbers with the fraction
// carried over, sum of G <= B. Grants:
//   1. g = min(need, G)
//   2. pool = B - sum of max(g, D): what is dedicated stays with its slice, needed or not
//   3. the pool is dealt in equal parts to the slices with need > g, up to M, the odd one in turn
#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/tables.hpp"
#include "scheduler_window.hpp"
#include "slicefast/errors.hpp"

namespace slicefast {

namespace {

constexpr double ratio_tolerance = 1e-6;
constexpr double order_tolerance = 1e-9;  // 0.1 + 0.2 is at most 0.3

double ratio(const ConstMatrixView<double>& ratios, std::size_t n, std::size_t s, double otherwise) {
  return ratios.empty() ? otherwise : ratios(n, s);
}

}  // namespace

void Scheduler::check_policy(const Window& window) const {
  const auto n_cells = static_cast<std::size_t>(config_.n_cells), n_slices = static_cast<std::size_t>(config_.n_slices);
  const auto check_shape = [&](const ConstMatrixView<double>& ratios, const char* name) {
    if (!ratios.empty() && (ratios.rows != n_cells || ratios.cols != n_slices))
      throw InvalidArgument(std::string(name) + ": got shape (" + std::to_string(ratios.rows) + ", " +
                            std::to_string(ratios.cols) + "), expected (" + std::to_string(n_cells) + ", " +
                            std::to_string(n_slices) + ")");
  };
  check_shape(window.dedicated_ratio, "dedicated_ratio");
  check_shape(window.min_ratio, "min_ratio");
  check_shape(window.max_ratio, "max_ratio");
  if (window.separate_slices) throw InvalidArgument("separate_slices: slices that lend cannot be separated");
  for (std::size_t n = 0; n < n_cells; ++n) {
    double sum = 0;
    for (std::size_t s = 0; s < n_slices; ++s) {
      const double low = ratio(window.min_ratio, n, s, 0.0);
      const double dedicated = ratio(window.dedicated_ratio, n, s, 0.0), high = ratio(window.max_ratio, n, s, 1.0);
      const auto check_value = [&](double value, const char* name) {
        if (!(value >= 0 && value <= 1 + ratio_tolerance))
          throw InvalidArgument(std::string(name) + ": row " + std::to_string(n) + ", slice " + std::to_string(s) +
                                " has " + std::to_string(value) + ", allowed: 0 to 1");
      };
      check_value(dedicated, "dedicated_ratio");
      check_value(low, "min_ratio");
      check_value(high, "max_ratio");
      if (dedicated > low + order_tolerance || low > high + order_tolerance)
        throw InvalidArgument("min_ratio: row " + std::to_string(n) + ", slice " + std::to_string(s) +
                              " has dedicated " + std::to_string(dedicated) + ", min " + std::to_string(low) +
                              ", max " + std::to_string(high) + ", allowed: 0 <= dedicated <= min <= max <= 1");
      sum += low;
    }
    if (sum > 1 + ratio_tolerance)
      throw InvalidArgument("min_ratio: row " + std::to_string(n) + " sums to " + std::to_string(sum) +
                            ", allowed: at most 1");
  }
}

// D, G and M of a cell for every TTI.
void Scheduler::make_limits(const Window& window, std::size_t cell, std::size_t lane) {
  Scratch& work = *scratch_.data;
  const auto n_slices = static_cast<std::size_t>(config_.n_slices), n_ttis = static_cast<std::size_t>(window.n_ttis);
  const double total = in_groups(config_.n_prb, config_.rbg_prb);
  for (auto* limits : {&work.dedicated, &work.guaranteed, &work.most}) limits->resize(n_ttis * n_slices);
  for (std::size_t s = 0; s < n_slices; ++s) {
    const double low = ratio(window.min_ratio, cell, s, 0.0);
    const double dedicated = ratio(window.dedicated_ratio, cell, s, 0.0);
    const double high = ratio(window.max_ratio, cell, s, 1.0);
    double& dedicated_carry = dedicated_carry_[cell * n_slices + s];
    double& max_carry = max_carry_[cell * n_slices + s];
    for (std::size_t t = 0; t < n_ttis; ++t) {
      const std::uint16_t guaranteed = work.quota[t * work.quota_stride + s * quota_block + lane];
      double d = guaranteed, m = guaranteed;
      if (dedicated < low) {
        dedicated_carry += dedicated * total;
        d = std::min(d, std::floor(dedicated_carry));
        dedicated_carry -= d;
      }
      if (high >= 1) {
        m = total;
      } else if (high > low) {
        max_carry += high * total;
        m = std::min(total, std::max(m, std::floor(max_carry)));
        max_carry -= m;
      }
      work.guaranteed[t * n_slices + s] = guaranteed;
      work.dedicated[t * n_slices + s] = static_cast<std::uint16_t>(d);
      work.most[t * n_slices + s] = static_cast<std::uint16_t>(m);
    }
  }
}

void Scheduler::lend(std::size_t cell, int tti) {
  Scratch& work = *scratch_.data;
  const auto n_slices = static_cast<std::size_t>(config_.n_slices);
  const std::size_t row = static_cast<std::size_t>(tti) * n_slices;
  int pool = in_groups(config_.n_prb, config_.rbg_prb);
  std::size_t hungry = 0;
  for (std::size_t s = 0; s < n_slices; ++s) {
    work.needs[s] = work.groups[s].idle() ? 0 : work.groups[s].need_in_groups(work.most[row + s], tti);
    work.grants[s] = std::min(work.needs[s], static_cast<int>(work.guaranteed[row + s]));
    pool -= std::max(work.grants[s], static_cast<int>(work.dedicated[row + s]));
    if (work.grants[s] < work.needs[s]) ++hungry;
  }
  auto last = static_cast<std::size_t>(lending_pointer_[cell]);
  while (pool > 0 && hungry > 0) {
    const int part = std::max(1, pool / static_cast<int>(hungry));
    const std::size_t start = last;
    for (std::size_t k = 1; k <= n_slices && pool > 0; ++k) {
      const std::size_t s = (start + k) % n_slices;
      const int more = std::min({part, pool, work.needs[s] - work.grants[s]});
      if (more <= 0) continue;
      work.grants[s] += more;
      pool -= more;
      last = s;
      if (work.grants[s] == work.needs[s]) --hungry;
    }
  }
  lending_pointer_[cell] = static_cast<std::int32_t>(last);
}

void Scheduler::run_cell(const Window& window, std::size_t cell, std::size_t lane) {
  Scratch& work = *scratch_.data;
  const auto n_slices = static_cast<std::size_t>(config_.n_slices);
  make_limits(window, cell, lane);
  for (std::size_t s = 0; s < n_slices; ++s) work.groups[s].begin(cell * n_slices + s);
  const bool averages = config_.kind == SchedulerKind::proportional_fair;
  const int span = averages ? static_cast<int>(work.gain_at.size()) : window.n_ttis;
  const int n_groups = in_groups(config_.n_prb, config_.rbg_prb);
  const int missing = n_groups * config_.rbg_prb - config_.n_prb;  // of the cell's last resource block group
  for (int from = 0; from < window.n_ttis; from += span) {
    const int to = std::min(window.n_ttis, from + span);
    for (std::size_t s = 0; s < n_slices; ++s) work.groups[s].span_start = from;
    for (int tti = from; tti < to; ++tti) {
      for (std::size_t s = 0; s < n_slices; ++s) {
        work.groups[s].admit(tti);
        if (clock_ + tti >= work.groups[s].next_expiry) work.groups[s].expire(tti);
      }
      lend(cell, tti);
      int granted = 0;
      std::size_t last = 0;
      for (std::size_t s = 0; s < n_slices; ++s)
        if (work.grants[s] > 0) {
          granted += work.grants[s];
          last = s;
        }
      for (std::size_t s = 0; s < n_slices; ++s) {
        if (work.grants[s] == 0) continue;
        if (averages) work.groups[s].gain = work.gain_at[static_cast<std::size_t>(tti - from)];
        const int short_by = granted == n_groups && s == last ? missing : 0;
        work.groups[s].allocate(work.grants[s] * config_.rbg_prb - short_by, tti);
      }
    }
    if (averages)
      for (std::size_t s = 0; s < n_slices; ++s)
        work.groups[s].rescale(work.decay_over[static_cast<std::size_t>(to - from)]);
  }
  for (std::size_t s = 0; s < n_slices; ++s) work.groups[s].end_window();
}

}  // namespace slicefast
