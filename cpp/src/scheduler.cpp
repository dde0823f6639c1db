#include "slicefast/scheduler.hpp"
#include <algorithm>
#include <cmath>
namespace slicefast {
Scheduler::Scheduler(const SchedulerConfig& c) : config_(c), head_(c.n_users, -1), tail_(c.n_users, -1), backlog_(c.n_users, 0.0), carry_(c.n_cells * c.n_slices, 0.0), average_(c.n_users, 1.0), pointer_(c.n_cells * c.n_slices, 0) {}
void Scheduler::push(std::int32_t u, double bits, std::int64_t tti) {
  std::int32_t p;
  if (free_ >= 0) { p = free_; free_ = pool_[p].next; } else { p = (std::int32_t)pool_.size(); pool_.push_back({}); }
  pool_[p] = {bits, tti, -1};
  if (head_[u] < 0) head_[u] = p; else pool_[tail_[u]].next = p;
  tail_[u] = p; backlog_[u] += bits;
}
void Scheduler::run(const Window& w, WindowKpis k) {
  const int N = config_.n_cells, S = config_.n_slices, T = w.n_ttis, B = config_.n_prb;
  std::vector<int> budget((std::size_t)N * T * S);
  for (int n = 0; n < N; ++n) {
    double total = 0; for (int s = 0; s < S; ++s) total += w.share(n, s);
    for (int t = 0; t < T; ++t) {
      int left = B; double want[64]; int give[64];
      for (int s = 0; s < S; ++s) { want[s] = w.share(n, s) * B + carry_[n * S + s]; give[s] = std::max(0, (int)std::floor(want[s] + 1e-9)); left -= give[s]; }
      if (total <= 1 + 1e-9) while (left > 0) { int b = -1; double m = 1e-9; for (int s = 0; s < S; ++s) if (want[s] - give[s] > m) { m = want[s] - give[s]; b = s; } if (b < 0) break; ++give[b]; --left; }
      for (int s = 0; s < S; ++s) { carry_[n * S + s] = want[s] - give[s]; budget[((std::size_t)n * T + t) * S + s] = give[s]; }
    }
  }
  const int Q = N * S;
  std::vector<std::vector<std::int32_t>> arr(Q), act(Q);
  for (std::size_t i = 0; i < w.arrival_user.size(); ++i) { int u = w.arrival_user[i]; arr[w.serving[u] * S + w.slice_of[u]].push_back((int)i); }
  std::vector<int> users(Q, 0), busy(config_.n_users, 0); std::vector<double> served(config_.n_users, 0.0);
  for (int u = 0; u < config_.n_users; ++u) { int q = w.serving[u] * S + w.slice_of[u]; users[q] += w.active[u]; if (head_[u] >= 0) act[q].push_back(u); }
  for (int q = 0; q < Q; ++q) {
    const int n = q / S, s = q % S; auto& list = act[q]; std::size_t next = 0; double delay = 0; long packets = 0; long used_total = 0;
    std::vector<std::int32_t> touched(list);
    for (int t = 0; t < T; ++t) {
      while (next < arr[q].size() && w.arrival_tti[arr[q][next]] == t) { int i = arr[q][next++], u = w.arrival_user[i]; if (head_[u] < 0) { list.push_back(u); if (!busy[u] && served[u] == 0) touched.push_back(u); } push(u, w.arrival_bits[i], now_ + t); }
      if (list.empty()) { if (next >= arr[q].size()) break; t = w.arrival_tti[arr[q][next]] - 1; continue; }
      int left = budget[((std::size_t)n * T + t) * S + s];
      for (int u : list) ++busy[u];
      const int L = (int)list.size();
      int start = pointer_[q] % L, i = 0;
      int given = 0;
      for (; i < L && left > 0; ++i) {
        int u = list[(start + i) % L];
        int need = (int)std::ceil((backlog_[u] + 1e-2) / std::max(w.bits_per_prb[u], 1e-3f));
        int p = std::min({need, (left + (L - i) - 1) / (L - i), left});
        if (w.bits_per_prb[u] <= 0) p = 0;
        left -= p; given += p;
        double bits = std::min<double>((double)p * w.bits_per_prb[u], backlog_[u] + 1e-2);
        served[u] += bits; backlog_[u] = std::max(0.0, backlog_[u] - bits);
        while (head_[u] >= 0 && bits > 0) { auto& pk = pool_[head_[u]]; if (pk.bits <= bits + 1e-3) { bits -= pk.bits; delay += (double)(now_ + t + 1 - pk.arrival); ++packets; int h = head_[u]; head_[u] = pk.next; pool_[h].next = free_; free_ = h; } else { pk.bits -= bits; bits = 0; } }
        if (head_[u] < 0) { backlog_[u] = 0; tail_[u] = -1; }
      }
      pointer_[q] += (std::uint32_t)i;
      used_total += given;
      list.erase(std::remove_if(list.begin(), list.end(), [&](int u) { return head_[u] < 0; }), list.end());
    }
    for (int u : list) for (int p = head_[u]; p >= 0; p = pool_[p].next) { delay += (double)(now_ + T - pool_[p].arrival); ++packets; }
    double thr = 0; int cnt = 0; for (int u : touched) if (busy[u]) { thr += served[u] / (busy[u] * 1e-3); ++cnt; }
    k.throughput_bps(n, s) = cnt ? thr / cnt : 0; k.delay_ms(n, s) = packets ? delay / packets : 0; k.load(n, s) = (double)used_total / ((double)B * T); k.users(n, s) = users[q];
  }
  now_ += T;
}

Scheduler::State Scheduler::state() const {
  State out{.carry = carry_, .pointer = pointer_, .now = now_};
  for (int u = 0; u < config_.n_users; ++u)
    for (int p = head_[u]; p >= 0; p = pool_[p].next) {
      out.packet_user.push_back(u);
      out.packet_bits.push_back(pool_[p].bits);
      out.packet_arrival.push_back(pool_[p].arrival);
    }
  return out;
}
void Scheduler::set_state(const State& in) {
  Scheduler fresh(config_);
  for (std::size_t i = 0; i < in.packet_user.size(); ++i) fresh.push(in.packet_user[i], in.packet_bits[i], in.packet_arrival[i]);
  fresh.carry_ = in.carry; fresh.pointer_ = in.pointer; fresh.now_ = in.now;
  *this = std::move(fresh);
}
}
