// Network: what every share would give, at the interference of given shares.
#include <algorithm>

#include "slicefast/checks.hpp"
#include "slicefast/network.hpp"

namespace slicefast {

void Network::curves(std::span<const double> levels, ConstMatrixView<double> coupled_share,
                     std::span<const std::int32_t> serving, const Arrivals& arrivals, std::span<double> throughput_bps,
                     std::span<double> delay_ms) {
  check_values("levels", levels, unit_interval);
  const std::size_t n_cells = most_.rows(), n_slices = most_.cols(), n_groups = n_cells * n_slices;
  check_size("throughput_bps", throughput_bps.size(), levels.size() * n_groups, "level, cell and slice");
  check_size("delay_ms", delay_ms.size(), levels.size() * n_groups, "level, cell and slice");
  find_rates(coupled_share, serving, arrivals);
  Matrix<double> share(n_cells, n_slices), load(n_cells, n_slices), users(n_cells, n_slices);
  for (std::size_t k = 0; k < levels.size(); ++k) {
    std::fill_n(share.view().data, n_groups, levels[k]);
    const WindowKpis kpis{.throughput_bps = {throughput_bps.data() + k * n_groups, n_cells, n_slices},
                          .delay_ms = {delay_ms.data() + k * n_groups, n_cells, n_slices},
                          .load = load.view(),
                          .users = users.view()};
    try_window(share.view(), serving, arrivals, kpis);
  }
}

}  // namespace slicefast
