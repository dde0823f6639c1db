// Whole resource block groups for every slice and TTI, by largest remainder; cells side by side in blocks.
#include <algorithm>

#include "kernels/scheduler.hpp"
#include "scheduling/live.hpp"

namespace slicefast {

// Of one cell, in a lane of the block. Under RRMPolicyRatio one more column holds what is promised to nobody.
void BlockPlayer::set_shares(const Window& window, std::size_t cell, std::size_t lane) {
  const auto n_slices = static_cast<std::size_t>(config.n_slices);
  const std::size_t n_columns = n_slices + (window.policy() ? 1 : 0);
  const int total = rbgs_of(config.prbs_of(cell), config.rbg_prb);
  double sum = 0, carried = 0;
  work.shares.assign(n_columns, 0.0);
  for (std::size_t s = 0; s < n_slices; ++s) {
    work.shares[s] = !window.policy()           ? window.share(cell, s)
                     : window.min_ratio.empty() ? 0
                                                : window.min_ratio(cell, s);
    sum += work.shares[s];
    carried += live.carry[cell * n_slices + s];
  }
  if (window.policy() && sum < 1) {
    work.shares[n_slices] = 1 - sum;
    sum = 1;
  }
  const double scale = window.separate_slices ? total : total / sum;
  std::int64_t left = total;
  for (std::size_t s = 0; s < n_columns; ++s) {
    const std::size_t i = s * quota_block + lane;
    const double exact = std::min(work.shares[s] * scale, static_cast<double>(total));
    work.base[i] = static_cast<std::int32_t>(exact);
    work.fraction[i] = exact - work.base[i];
    if (work.fraction[i] > 0) work.remainder[i] = s < n_slices ? live.carry[cell * n_slices + s] : -carried;
    left -= work.base[i];
  }
  work.extras[lane] = left;
}

void BlockPlayer::deal_quotas(const Window& window, std::size_t first_cell, std::size_t n_cells) {
  const auto n_slices = static_cast<std::size_t>(config.n_slices);
  const std::size_t n_columns = n_slices + (window.policy() ? 1 : 0);
  const std::size_t n = n_columns * quota_block;
  work.quota_stride = n;
  work.remainder.assign(n, no_remainder);
  work.fraction.assign(n, 0.0);
  work.base.assign(n, 0);
  work.extras.assign(quota_block, 0);
  work.quota.resize(static_cast<std::size_t>(window.n_ttis) * n);
  for (std::size_t c = 0; c < n_cells; ++c) set_shares(window, first_cell + c, c);
  const QuotaProblem problem{work.remainder.data(),
                             work.fraction.data(),
                             work.base.data(),
                             work.extras.data(),
                             work.quota.data(),
                             n_columns,
                             static_cast<std::size_t>(window.n_ttis)};
  const SchedulerKernels& kernels = select_scheduler_kernels(isa);
  (window.separate_slices ? kernels.separate_quotas : kernels.quotas)(problem);
  for (std::size_t c = 0; c < n_cells; ++c)
    for (std::size_t s = 0; s < n_slices; ++s)
      if (work.fraction[s * quota_block + c] > 0)
        live.carry[(first_cell + c) * n_slices + s] = work.remainder[s * quota_block + c];
}

// From RBGs to PRBs; the cell's last RBG may be smaller, and is the last slice's. A slice that is measured alone has it
// only when it has all.
void BlockPlayer::quotas_in_prbs(const Window& window, std::size_t first_cell, std::size_t n_cells) {
  const auto n_ttis = static_cast<std::size_t>(window.n_ttis), n_slices = static_cast<std::size_t>(config.n_slices);
  const int rbg_prb = config.rbg_prb;
  for (std::size_t c = 0; c < n_cells; ++c) {
    const int n_prb = config.prbs_of(first_cell + c), total = rbgs_of(n_prb, rbg_prb);
    const int missing = total * rbg_prb - n_prb, most = window.separate_slices ? n_prb : total * rbg_prb;
    for (std::size_t t = 0; t < n_ttis; ++t) {
      std::uint16_t* quota = work.quota.data() + t * work.quota_stride + c;
      std::uint16_t* last = nullptr;
      for (std::size_t s = 0; s < n_slices; ++s) {
        std::uint16_t& mine = quota[s * quota_block];
        if (mine > 0) last = &mine;
        mine = static_cast<std::uint16_t>(std::min(mine * rbg_prb, most));
      }
      if (last && !window.separate_slices) *last = static_cast<std::uint16_t>(*last - missing);
    }
  }
}

}  // namespace slicefast
