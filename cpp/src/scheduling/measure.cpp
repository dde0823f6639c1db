// The KPIs of one slice of a cell: what each means stands in kpis.hpp.
#include "scheduling/cell_slice.hpp"
#include "scheduling/quantile.hpp"

namespace slicefast {

//   carried     bits sent in the window, but for what HARQ lost
//   completed   bits of the packets completed, where packets can be discarded
//   taken_back  what was sent, in whatever window, of packets discarded in this one
//   busy        TTIs with data in the buffer

// Of a user whose packets can be discarded: what is under way counts if the user gets packets through at all.
double CellSlice::throughput_bits(std::size_t local) const {
  const std::size_t slot = first_ + local;
  if (!by_packet_) return work_->carried[slot];
  double bits = work_->carried[slot] - work_->taken_back[slot];
  const UserQueue& user = live_->users[number_of(local)];
  if (work_->completed[slot] == 0 && !user.head_lost) bits -= live_->head_sent(user);
  return std::max(0.0, bits);
}

void CellSlice::measure() {
  const int n_ttis = window_->n_ttis;
  const std::int64_t now = live_->clock + n_ttis;
  const bool percentile = !kpis_->throughput_p5_bps.empty();
  own_->user_throughput.clear();
  double throughput_bits_sum = 0, busy_ttis = 0, delivered_bits = 0, carried_bits = 0;
  std::size_t users = 0;
  std::int64_t waiting = 0;
  touched_.for_each([&](std::size_t local) {
    const std::size_t slot = first_ + local, number = number_of(local);
    const UserQueue& user = live_->users[number];
    if (user.queued > 0) {
      work_->busy[slot] += n_ttis - work_->busy_since[slot];
      delay_sum_ += now * user.queued - user.arrival_sum;
      n_packets_ += user.queued;
      waiting += user.queued;
      if (!by_packet_) live_->packets[static_cast<std::size_t>(user.head)].bits = user.head_left;  // counted
    }
    if (work_->refused[slot]) work_->busy[slot] = n_ttis;
    const double delivered = work_->completed[slot] + (by_packet_ ? 0.0 : work_->carried[slot]);
    delivered_bits += delivered;
    carried_bits += work_->carried[slot];
    const double bits = throughput_bits(local);
    if (work_->busy[slot] > 0) {  // 0: all it had was dropped at the window's start
      throughput_bits_sum += bits;
      busy_ttis += work_->busy[slot];
      ++users;
      if (percentile) own_->user_throughput.push_back(bits / (work_->busy[slot] * config_->tti_s));
    }
    if (!kpis_->user_delivered_bits.empty()) kpis_->user_delivered_bits[number] = delivered;
    if (!kpis_->user_busy_ttis.empty()) kpis_->user_busy_ttis[number] = work_->busy[slot];
    if (!kpis_->user_throughput_bits.empty()) kpis_->user_throughput_bits[number] = bits;
  });
  const auto write = [&](const MatrixView<double>& kpi, double value) {
    if (!kpi.empty()) kpi.data[group_] = value;
  };
  write(kpis_->throughput_bps, users ? throughput_bits_sum / (busy_ttis * config_->tti_s) : 0.0);
  write(kpis_->delay_ms,
        n_packets_ ? static_cast<double>(delay_sum_) / static_cast<double>(n_packets_) * (config_->tti_s * 1e3) : 0.0);
  const std::int64_t offered_ttis = config_->downlink_ttis(now) - config_->downlink_ttis(live_->clock);
  const int n_prb = config_->prbs_of(group_ / static_cast<std::size_t>(config_->n_slices));
  const double offered_prbs = n_prb * static_cast<double>(offered_ttis);
  write(kpis_->load, offered_ttis > 0 ? static_cast<double>(prbs_used_) / offered_prbs : 0.0);
  write(kpis_->users, window_->active.empty() ? static_cast<double>(users) : work_->active_users[group_]);
  write(kpis_->delivered_bits, delivered_bits);
  write(kpis_->mean_delay_ms, n_delivered_
                                  ? static_cast<double>(delivered_delay_sum_) / n_delivered_ * (config_->tti_s * 1e3)
                                  : std::numeric_limits<double>::quiet_NaN());
  write(kpis_->lost_packets, n_lost_);
  write(kpis_->waiting_packets, static_cast<double>(waiting));
  write(kpis_->dropped_bits, static_cast<double>(dropped_units_) / bit_grid);
  write(
      kpis_->spectral_efficiency,
      prbs_used_ ? carried_bits / (static_cast<double>(prbs_used_) * config_->prb_bandwidth_hz * config_->tti_s) : 0.0);
  if (percentile) write(kpis_->throughput_p5_bps, quantile(own_->user_throughput, 0.05));
  own_->end->bits_out += grid_units(delivered_bits) + dropped_units_;
}

}  // namespace slicefast
