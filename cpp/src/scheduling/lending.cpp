// RRMPolicyRatio of 3GPP TS 28.541: the slices of a cell side by side, lending each other what is not needed.
//
// Per TTI and slice, in resource block groups: dedicated D <= guaranteed G <= most M, whole numbers with the fraction
// carried over, sum of G <= B. Grants:
//   1. g = min(need, G)
//   2. pool = B - sum of max(g, D): what is dedicated stays with its slice, needed or not
//   3. the pool is dealt in equal parts to the slices with need > g, up to M, the odd one in turn
#include <algorithm>
#include <cmath>

#include "kernels/scheduler.hpp"
#include "scheduling/cell_slice.hpp"

namespace slicefast {

namespace {

double ratio(const ConstMatrixView<double>& ratios, std::size_t n, std::size_t s, double otherwise) {
  return ratios.empty() ? otherwise : ratios(n, s);
}

// Adds `part` to what is carried and takes the whole units of it, `most` at most.
double take_whole(double& carry, double part, double most) {
  carry += part;
  const double taken = std::min(most, std::floor(carry));
  carry -= taken;
  return taken;
}

}  // namespace

// D, G and M of a cell for every TTI.
void BlockPlayer::make_limits(const Window& window, std::size_t cell, std::size_t lane) {
  const auto n_slices = static_cast<std::size_t>(config.n_slices), n_ttis = static_cast<std::size_t>(window.n_ttis);
  const double total = rbgs_of(config.prbs_of(cell), config.rbg_prb);
  for (auto* limits : {&work.dedicated, &work.guaranteed, &work.most}) limits->resize(n_ttis * n_slices);
  for (std::size_t s = 0; s < n_slices; ++s) {
    const double low = ratio(window.min_ratio, cell, s, 0.0);
    const double dedicated = ratio(window.dedicated_ratio, cell, s, 0.0);
    const double high = ratio(window.max_ratio, cell, s, 1.0);
    double& dedicated_carry = live.dedicated_carry[cell * n_slices + s];
    double& max_carry = live.max_carry[cell * n_slices + s];
    const bool reserves = dedicated > 0 || dedicated_carry >= 1;  // else D is 0
    for (std::size_t t = 0; t < n_ttis; ++t) {
      const std::uint16_t guaranteed = work.quota[t * work.quota_stride + s * quota_block + lane];
      double d = guaranteed, m = guaranteed;
      if (dedicated < low) d = reserves ? take_whole(dedicated_carry, dedicated * total, guaranteed) : 0.0;
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

// The grants of a TTI.
void BlockPlayer::lend(std::span<const CellSlice> slices, std::size_t cell, int tti) {
  const std::size_t n_slices = slices.size(), row = static_cast<std::size_t>(tti) * n_slices;
  int pool = rbgs_of(config.prbs_of(cell), config.rbg_prb);
  std::size_t hungry = 0;
  for (std::size_t s = 0; s < n_slices; ++s) {
    work.needs[s] = slices[s].needed_rbgs(work.most[row + s], tti);
    work.grants[s] = std::min(work.needs[s], static_cast<int>(work.guaranteed[row + s]));
    pool -= std::max(work.grants[s], static_cast<int>(work.dedicated[row + s]));
    if (work.grants[s] < work.needs[s]) ++hungry;
  }
  auto last = static_cast<std::size_t>(live.lending_pointer[cell]);
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
  live.lending_pointer[cell] = static_cast<std::int32_t>(last);
  // What is left over could have been anyone's.
  for (std::size_t s = 0; s < n_slices; ++s)
    work.rooms[s] = std::min(static_cast<int>(work.most[row + s]),
                             std::max(work.grants[s], static_cast<int>(work.dedicated[row + s])) + pool);
}

// Where all RBGs are granted, the last slice has the cell's last one, which may be smaller.
void BlockPlayer::allocate_grants(std::span<CellSlice> slices, std::size_t cell, int tti, double gain) {
  const int n_prb = config.prbs_of(cell), n_rbgs = rbgs_of(n_prb, config.rbg_prb);
  const int missing = n_rbgs * config.rbg_prb - n_prb;
  int granted = 0;
  std::size_t last = 0;
  for (std::size_t s = 0; s < slices.size(); ++s)
    if (work.grants[s] > 0) {
      granted += work.grants[s];
      last = s;
    }
  for (std::size_t s = 0; s < slices.size(); ++s) {
    if (work.grants[s] == 0) continue;
    const int short_by = granted == n_rbgs && s == last ? missing : 0;
    const int quota_prb = work.grants[s] * config.rbg_prb - short_by;
    slices[s].allocate(quota_prb, std::max(quota_prb, std::min(n_prb, work.rooms[s] * config.rbg_prb)), tti, gain);
  }
}

void BlockPlayer::play_lending_cell(std::span<CellSlice> slices, const Window& window, std::size_t cell,
                                    std::size_t lane) {
  make_limits(window, cell, lane);
  for (std::size_t s = 0; s < slices.size(); ++s) slices[s].start_window(cell * slices.size() + s);
  const bool averages = config.kind == SchedulerKind::proportional_fair;
  const int span = averages ? static_cast<int>(sorted.gain_at.size()) : window.n_ttis;
  for (int from = 0; from < window.n_ttis; from += span) {
    const int to = std::min(window.n_ttis, from + span);
    for (CellSlice& slice : slices) slice.start_span(from);
    for (int tti = from; tti < to; ++tti) {
      bool idle = true;
      for (CellSlice& slice : slices) {
        slice.start_tti(tti);
        idle = idle && slice.idle();
      }
      if (idle || !config.is_downlink(live.clock + tti)) continue;  // nothing to grant
      lend(slices, cell, tti);
      allocate_grants(slices, cell, tti, averages ? sorted.gain_at[static_cast<std::size_t>(tti - from)] : 0.0);
    }
    if (averages)
      for (CellSlice& slice : slices) slice.end_span(sorted.decay_over[static_cast<std::size_t>(to - from)]);
  }
  for (CellSlice& slice : slices) slice.end_window();
}

}  // namespace slicefast
