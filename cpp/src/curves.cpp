// Network: what every share would give, at the interference of given shares.
#include <algorithm>

#include "slicefast/checks.hpp"
#include "slicefast/network.hpp"

namespace slicefast {

void Network::curves(const Levels& levels, ConstMatrixView<double> coupled_share, std::span<const std::int32_t> serving,
                     const Arrivals& arrivals) {
  check_values("levels", levels.share, unit_interval);
  const std::size_t n_cells = most_.rows(), n_slices = most_.cols(), n_groups = n_cells * n_slices;
  check_size("throughput_bps", levels.throughput_bps.size(), levels.share.size() * n_groups, "level, cell and slice");
  check_size("delay_ms", levels.delay_ms.size(), levels.share.size() * n_groups, "level, cell and slice");
  if (!levels.enough_bps.empty()) {
    check_size("enough_bps", levels.enough_bps.size(), n_groups, "cell and slice");
    check_size("enough_ms", levels.enough_ms.size(), n_groups, "cell and slice");
  }
  find_rates(coupled_share, serving, arrivals);
  if (levels.share.empty()) return;
  Matrix<double> share(n_cells, n_slices, levels.share[0]);
  if (config_.fidelity == Fidelity::tti) {
    Window trial = window(share.view(), serving, arrivals);
    trial.separate_slices = true;
    return trial_scheduler_.try_levels(scheduler_, trial, levels);
  }
  Matrix<double> throughput(n_cells, n_slices), delay(n_cells, n_slices), load(n_cells, n_slices),
      users(n_cells, n_slices);
  const WindowKpis kpis{
      .throughput_bps = throughput.view(), .delay_ms = delay.view(), .load = load.view(), .users = users.view()};
  std::vector<std::uint8_t> enough(n_groups, 0);
  for (std::size_t k = 0; k < levels.share.size(); ++k) {
    std::fill_n(share.view().data, n_groups, levels.share[k]);
    try_window(share.view(), serving, arrivals, kpis);
    for (std::size_t g = 0; g < n_groups; ++g)
      if (!enough[g]) enough[g] = levels.note(k, g, n_groups, throughput.view().data[g], delay.view().data[g]);
  }
}

}  // namespace slicefast
