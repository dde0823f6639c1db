// The KPIs of one slice of a cell: what each means stands in kpis.hpp.
#include "scheduling/quantile.hpp"
#include "scheduling/cell_slice.hpp"

namespace slicefast {

void CellSlice::measure() {
  const int n_ttis = window_->n_ttis;
  const std::int64_t now = live_->clock + n_ttis;
  const bool percentile = !kpis_->throughput_p5_bps.empty();
  work_->user_throughput.clear();
  double throughput = 0;
  std::size_t users = 0;
  touched_.for_each([&](std::size_t local) {
    const std::size_t slot = first_ + local, number = number_of(local);
    const UserQueue& user = live_->users[number];
    if (user.queued > 0) {
      work_->busy[slot] += n_ttis - work_->busy_since[slot];
      delay_sum_ += now * user.queued - user.arrival_sum;
      n_packets_ += user.queued;
    }
    if (work_->refused[slot]) work_->busy[slot] = n_ttis;
    delivered_bits_ += work_->delivered[slot];
    if (work_->busy[slot] > 0) {  // 0: all it had was dropped at the window's start
      const double user_throughput = work_->delivered[slot] / (work_->busy[slot] * tti_s);
      throughput += user_throughput;
      ++users;
      if (percentile) work_->user_throughput.push_back(user_throughput);
    }
    if (!kpis_->user_delivered_bits.empty()) kpis_->user_delivered_bits[number] = work_->delivered[slot];
    if (!kpis_->user_busy_ttis.empty()) kpis_->user_busy_ttis[number] = work_->busy[slot];
  });
  const auto write = [&](const MatrixView<double>& kpi, double value) {
    if (!kpi.empty()) kpi.data[group_] = value;
  };
  write(kpis_->throughput_bps, users ? throughput / static_cast<double>(users) : 0.0);
  write(kpis_->delay_ms,
        n_packets_ ? static_cast<double>(delay_sum_) / static_cast<double>(n_packets_) * (tti_s * 1e3) : 0.0);
  write(kpis_->load, static_cast<double>(prbs_used_) / (static_cast<double>(config_->n_prb) * n_ttis));
  write(kpis_->users, window_->active.empty() ? static_cast<double>(users) : work_->active_users[group_]);
  write(kpis_->delivered_bits, delivered_bits_);
  write(kpis_->dropped_bits, static_cast<double>(dropped_units_) / bit_grid);
  write(kpis_->spectral_efficiency,
        prbs_used_ ? delivered_bits_ / (static_cast<double>(prbs_used_) * config_->prb_bandwidth_hz * tti_s) : 0.0);
  if (percentile) write(kpis_->throughput_p5_bps, quantile(work_->user_throughput, 0.05));
  work_->bits_out += grid_units(delivered_bits_) + dropped_units_;
}

}  // namespace slicefast
