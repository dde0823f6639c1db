// The flow level: see flow.hpp for the formulas.
#include "slicefast/scheduling/flow.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "scheduling/quantile.hpp"
#include "slicefast/checks.hpp"
#include "slicefast/scheduling/config.hpp"
#include "slicefast/scheduling/window.hpp"

namespace slicefast {

namespace {

void check(const FlowWindow& w, const FlowQueues& queues, const WindowKpis& kpis) {
  const std::size_t n_users = w.serving.size();
  check_size("arriving_bits", w.arriving_bits.size(), n_users, "user");
  check_size("packet_bits", w.packet_bits.size(), n_users, "user");
  check_size("slice_of", w.slice_of.size(), n_users, "user");
  check_size("bits_per_prb", w.bits_per_prb.size(), n_users, "user");
  if (!w.active.empty()) check_size("active", w.active.size(), n_users, "user");
  if (!w.discard_ttis.empty()) check_size("discard_ttis", w.discard_ttis.size(), w.share.cols, "slice");
  check_value("n_ttis", w.n_ttis, at_least(1));
  check_value("n_prb", w.n_prb, at_least(1));
  check_value("buffer_bits", w.buffer_bits, not_negative);
  check_value("tti_s", w.tti_s, within(1e-6, 1));
  check_value("transmissions", w.transmissions, at_least(1));
  check_value("retransmission_ttis", w.retransmission_ttis, not_negative);
  check_value("lost_part", w.lost_part, unit_interval);
  check_values("discard_ttis", w.discard_ttis, not_negative, "slice");
  check_indices("serving", w.serving, w.share.rows);
  check_indices("slice_of", w.slice_of, w.share.cols);
  check_values("arriving_bits", w.arriving_bits, within(0, 1e15));
  check_values("packet_bits", w.packet_bits, within(1, 1e15));
  check_values("bits_per_prb", w.bits_per_prb, within(0, 1e9));
  check_share_parts(w.share, w.share.rows, w.share.cols);
  check_flow_queues(queues.bits, queues.age_bit_ttis, n_users);
  check_kpis(kpis, w.share.rows, w.share.cols, n_users);
  if (!kpis.delay_counts.empty()) refuse("delay_counts", "an array", "none at the flow level, which knows no packets");
}

// One user's window. Times in TTIs.
struct UserFlow {
  double delay = 0, rate = 0;  // while it has data [bit per TTI]
  // Bits: wasted are those of `sent` whose packets are dropped all the same, dropped those never sent.
  double sent = 0, wasted = 0, dropped = 0;
  double age_bit_ttis = 0;  // of what is queued at the end

  double busy_ttis(double n_ttis) const { return rate > 0 ? std::min(n_ttis, sent / rate) : n_ttis; }
};

// Where a slice's work is more than its share, the level its users are served up to: sum_u min(w_u, level) is what the
// share has. Raised pass by pass from the equal part, as those who want less leave theirs to the others.
void find_fair_levels(const FlowWindow& w, FlowRoom& room) {
  const std::vector<double>& work = room.work;
  std::vector<double>&levels = room.levels, &wanted_below = room.wanted_below, &above = room.above;
  levels.assign(work.size(), 0.0);
  bool raised = false;  // is any slice full?
  for (std::size_t g = 0; g < work.size(); ++g) raised |= work[g] > w.share.data[g] * w.n_prb * w.n_ttis;
  while (raised) {
    raised = false;
    wanted_below.assign(work.size(), 0.0);
    above.assign(work.size(), 0.0);
    for (std::size_t u = 0; u < room.group.size(); ++u) {
      const std::size_t g = room.group[u];
      if (room.user_work[u] > levels[g])
        above[g] += 1;
      else
        wanted_below[g] += room.user_work[u];
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
}

// What a user has of its slice: w_u and the slice's sum of them, PRBs times TTIs; `level`: see find_fair_levels().
struct UserPart {
  double share, mine, work, level;
};

// The bits of a window, from one user: `backlog` of them since before it.
struct UserDemand {
  double backlog, age_bit_ttis, arriving;
  double bits() const { return backlog + arriving; }
};

// What fluctuations add to the queue that overload x >= 1 builds up by itself, which counts with what is left over.
double overload_sojourn(double alone, double x, double n_ttis) {
  return alone + std::min(2.0 / 3.0 * std::sqrt(2.0 * alone * n_ttis / std::numbers::pi), alone / (2 * (x - 1)));
}

// A queue of packets of one size, first in first out, with x times the work that it can do. Within a timer of n
// packets' times the work before a packet is at most v of them with probability H(v) / H(n),
//   H' = x (H(v) - H(v - 1)), H(0) = 1;  H = 1 / (1 - x) + exp(g v) / (1 - x exp(-g)), x (1 - exp(-g)) = g,
// but for terms that fade with v (2 % at v = 1, x = 0.5); g above 0 where x > 1, below where x < 1.
class TimedQueue {
 public:
  explicit TimedQueue(double x) : x_(std::max(x, 1e-9)), g_(2 * (x_ - 1)) {
    if (is_critical()) return;
    if (std::abs(x_ - 1) > 0.1) g_ = x_ > 1 ? x_ : 2 * std::log(x_);
    double step = g_;
    for (int k = 0; k < 12 && std::abs(step) > 1e-15 * std::abs(g_); ++k) {
      const double decayed = std::exp(-g_);
      step = (g_ - x_ * (1 - decayed)) / (1 - x_ * decayed);
      g_ -= step;
    }
  }

  // What is sent in vain over what is never sent, with a timer that is long against a packet: one gets through if it
  // finds less than the timer and its own time leave, x exp(-g) of what could be sent.
  double wasted() const { return x_ < 1.001 ? 1.0 : (1 - x_ * std::exp(-g_)) / (x_ - 1); }

  // The part of that which ends within a timer of so many packets' times: x H(n - 1) / (H(n) - 1), the queue being busy
  // with probability 1 - 1 / H(n), over what it is where n is large. From all that may end at n = 2 to nothing at 1 in
  // a straight line (ours): sizes and rates are never quite alike.
  double ended(double packets) const {
    if (packets <= 1) return 0.0;
    const double part = above_1(packets - 1) + 1, whole = above_1(packets);
    const double limit = x_ > 1 ? std::exp(g_) : x_;
    const double some = std::isfinite(whole) ? limit * part / whole : 1.0;
    return std::min(1.0, some * std::min(1.0, packets - 1));
  }

 private:
  bool is_critical() const { return std::abs(x_ - 1) < 1e-5; }
  double above_1(double v) const {  // H(v) - 1
    return is_critical() ? 2 * v - 1.0 / 3 : x_ / (1 - x_) + std::exp(g_ * v) / (1 - x_ * std::exp(-g_));
  }
  double x_, g_;
};

// Whether ended() is 1 to the last bits without a look: below x = 1 the root g is at most ln x <= x - 1, so that
// exp(g v) is below exp(-45) = 3e-20. That is nearly everybody, and each would cost a dozen exponentials.
bool surely_ends(double x, double packets) { return x < 0.9 && (1 - x) * (packets - 1) > 45; }

// Service and throughput where the user has any; the delay without what is left over.
UserFlow served(const FlowWindow& w, std::size_t u, const UserPart& part, double demand) {
  UserFlow flow;
  const double n_ttis = w.n_ttis, rate_per_prb = static_cast<double>(w.bits_per_prb[u]) / w.transmissions;
  const double capacity = part.share * w.n_prb * rate_per_prb;  // bit per TTI, alone
  if (capacity <= 0) {
    flow.delay = 0.5;
    return flow;
  }
  const double room = part.share * w.n_prb * n_ttis, size = w.packet_bits[u];
  const bool full = part.work > room;
  const double rate = full ? part.level / n_ttis * rate_per_prb : capacity;
  const double x = full ? part.mine / part.level : part.work / room;
  flow.sent = demand * std::min(1.0, 1.0 / x);
  const double alone = size / rate;
  const double longest = alone + 2.0 / 3.0 * std::sqrt(2.0 * alone * n_ttis / std::numbers::pi);
  const double waited = full ? alone * (1 + 0.5 * x / (1 - x)) : alone / (1 - x);
  const double sojourn = x < 1 ? std::min(waited, longest) : overload_sojourn(size / capacity, x, n_ttis);
  const double idle = alone / sojourn;  // 1 - x, as far as the window lets it fall
  flow.rate = std::max(full ? rate : rate * std::min(1.0, idle + part.mine / room), flow.sent / n_ttis);
  flow.delay = std::max(1.0, sojourn + 0.5);
  return flow;
}

// The sum of the ages of the `left` bits that a window leaves of `demand`, the oldest having gone.
double age_left(const UserDemand& demand, double left, double n_ttis) {
  const double arrived = 0.5 * n_ttis;  // mean age of what arrived in the window
  if (left <= demand.arriving) return left > 0 ? left * arrived * (left / demand.arriving) : 0.0;
  const double old = left - demand.arriving, part = old / demand.backlog;
  return demand.arriving * arrived + old * n_ttis + demand.age_bit_ttis * part * part;
}

UserFlow flow_of(const FlowWindow& w, std::size_t u, const UserPart& part, const UserDemand& demand) {
  const double n_ttis = w.n_ttis;
  UserFlow flow = served(w, u, part, demand.bits());
  const double left = demand.bits() - flow.sent;
  flow.delay += (demand.age_bit_ttis + n_ttis * 0.5 * (demand.backlog + left)) / demand.bits();
  flow.age_bit_ttis = age_left(demand, left, n_ttis);
  double staying = left;
  const int timer_ttis = w.discard_ttis.empty() ? 0 : w.discard_ttis[static_cast<std::size_t>(w.slice_of[u])];
  if (timer_ttis > 0) {
    // Beyond the window, what was queued at its start is as old as anything up to the timer, evenly.
    const double timer = timer_ttis;
    const double young =
        demand.arriving * std::min(1.0, timer / n_ttis) + demand.backlog * std::max(0.0, 1.0 - n_ttis / timer);
    if (young < left) {
      flow.age_bit_ttis *= (young / left) * (young / left);
      staying = young;
    }
    if (flow.sent > 0) {
      const double busy = flow.busy_ttis(n_ttis) / n_ttis,
                   x = left > 0 ? std::max(1.0, demand.arriving / flow.sent) : busy;
      const double packets = flow.rate * timer / w.packet_bits[u];
      if (!surely_ends(x, packets)) {
        const TimedQueue queue(x);
        if (young < left) flow.wasted = std::min(flow.sent, (left - young) * queue.wasted());
        flow.wasted = flow.sent - (flow.sent - flow.wasted) * queue.ended(packets);
      }
    }
    flow.age_bit_ttis = std::min(flow.age_bit_ttis, staying * timer);
    flow.delay = std::min(flow.delay, timer);
  }
  if (w.buffer_bits > 0 && staying > w.buffer_bits) {
    // Refused: in vain through the whole window, half of which the queue left over has counted.
    flow.delay += 0.5 * n_ttis * (staying - w.buffer_bits) / demand.bits();
    flow.rate = flow.sent / n_ttis;
    flow.age_bit_ttis *= w.buffer_bits / staying;
    staying = w.buffer_bits;
  }
  flow.dropped = left - staying;
  flow.wasted += w.lost_part * (flow.sent - flow.wasted);
  if (flow.sent > 0) flow.delay += w.retransmission_ttis;
  return flow;
}

// A buffer that no packet fits into refuses all that arrives.
bool refuses_all(const FlowWindow& w, std::size_t u) {
  return w.buffer_bits > 0 && w.packet_bits[u] > w.buffer_bits && w.arriving_bits[u] > 0;
}

void add_refused(const FlowWindow& w, std::size_t u, double queued, UserFlow& flow) {
  const double n_ttis = w.n_ttis, refused = w.arriving_bits[u];
  flow.delay = (flow.delay * queued + n_ttis * refused) / (queued + refused);
  flow.rate = flow.sent / n_ttis;
  flow.dropped += refused;
}

// The 5th percentile in every group of the users' throughput, which is below 0 where a user had no data.
void find_percentiles(FlowRoom& room, MatrixView<double> out) {
  std::vector<std::size_t>&first = room.first, &cursor = room.cursor;
  first.assign(out.flat().size() + 1, 0);
  for (std::size_t u = 0; u < room.group.size(); ++u)
    if (room.user_throughput[u] >= 0) ++first[room.group[u] + 1];
  for (std::size_t g = 0; g + 1 < first.size(); ++g) first[g + 1] += first[g];
  cursor.assign(first.begin(), first.end() - 1);
  room.sorted.resize(first.back());
  for (std::size_t u = 0; u < room.group.size(); ++u)
    if (room.user_throughput[u] >= 0) room.sorted[cursor[room.group[u]]++] = room.user_throughput[u];
  for (std::size_t g = 0; g + 1 < first.size(); ++g)
    out.data[g] = quantile(std::span(room.sorted).subspan(first[g], first[g + 1] - first[g]), 0.05);
}

}  // namespace

void check_flow_queues(std::span<const double> bits, std::span<const double> age_bit_ttis, std::size_t n_users) {
  check_size("backlog_bits", bits.size(), n_users, "user");
  check_size("backlog_age_bit_ms", age_bit_ttis.size(), n_users, "user");
  check_values("backlog_bits", bits, within(0, 1e300));
  check_values("backlog_age_bit_ms", age_bit_ttis, within(0, 1e300));
  for (std::size_t u = 0; u < n_users; ++u)
    if (bits[u] == 0 && age_bit_ttis[u] > 0)
      refuse_entry("backlog_age_bit_ms", "row", u, text_of(age_bit_ttis[u]), "0, where no bits are queued");
}

namespace {

void finish_kpis(const FlowWindow& w, const FlowRoom& sums, const WindowKpis& kpis) {
  const double n_ttis = w.n_ttis;
  for (std::size_t g = 0; g < sums.work.size(); ++g) {
    if (sums.with_data[g] > 0) {
      kpis.throughput_bps.data[g] = sums.delivered[g] / (sums.busy[g] * w.tti_s);
      kpis.delay_ms.data[g] /= sums.packets[g];
    }
    if (w.active.empty()) kpis.users.data[g] = sums.with_data[g];
    kpis.load.data[g] = std::min(sums.work[g] / (w.n_prb * n_ttis), w.share.data[g]);
    const double used = kpis.load.data[g] * w.n_prb * n_ttis * w.prb_bandwidth_hz * w.tti_s;  // [Hz s]
    if (!kpis.spectral_efficiency.empty()) kpis.spectral_efficiency.data[g] = used > 0 ? sums.sent[g] / used : 0.0;
    if (!kpis.delivered_bits.empty()) kpis.delivered_bits.data[g] = sums.delivered[g];
  }
}

}  // namespace

void run_flow(const FlowWindow& w, const FlowQueues& queues, const WindowKpis& kpis, FlowRoom& room) {
  check(w, queues, kpis);
  const std::size_t n_users = w.serving.size(), n_groups = w.share.rows * w.share.cols;
  room.group.resize(n_users);
  room.user_throughput.assign(n_users, -1.0);
  room.user_work.assign(n_users, 0.0);
  for (auto* sum : {&room.work, &room.packets, &room.with_data, &room.busy, &room.sent, &room.delivered})
    sum->assign(n_groups, 0.0);
  for (const CellKpi& kpi : cell_kpis) std::fill_n((kpis.*kpi.values).data, (kpis.*kpi.values).flat().size(), 0.0);
  for (const UserKpi& kpi : user_kpis) std::fill((kpis.*kpi.values).begin(), (kpis.*kpi.values).end(), 0.0);

  for (std::size_t u = 0; u < n_users; ++u) {
    room.group[u] = static_cast<std::size_t>(w.serving[u]) * w.share.cols + static_cast<std::size_t>(w.slice_of[u]);
    if (!w.active.empty() && w.active[u]) kpis.users.data[room.group[u]] += 1;
    const double demand = queues.bits[u] + (refuses_all(w, u) ? 0.0 : w.arriving_bits[u]);
    if (w.bits_per_prb[u] > 0) room.user_work[u] = demand * w.transmissions / static_cast<double>(w.bits_per_prb[u]);
    room.work[room.group[u]] += room.user_work[u];
  }
  find_fair_levels(w, room);
  for (std::size_t u = 0; u < n_users; ++u) {
    const bool refused = refuses_all(w, u);
    const UserDemand demand{queues.bits[u], queues.age_bit_ttis[u], refused ? 0.0 : w.arriving_bits[u]};
    const double offered = queues.bits[u] + w.arriving_bits[u];
    if (offered <= 0) continue;
    const std::size_t g = room.group[u];
    UserFlow flow;
    if (demand.bits() > 0)
      flow = flow_of(w, u, {w.share.data[g], room.user_work[u], room.work[g], room.levels[g]}, demand);
    queues.bits[u] = demand.bits() - flow.sent - flow.dropped;
    queues.age_bit_ttis[u] = queues.bits[u] > 0 ? flow.age_bit_ttis : 0.0;
    if (refused) add_refused(w, u, demand.bits(), flow);
    const double count = offered / w.packet_bits[u];
    const double delivered = flow.sent - flow.wasted,
                 busy = std::min<double>(w.n_ttis, flow.busy_ttis(w.n_ttis) + count * w.retransmission_ttis);
    room.user_throughput[u] = delivered / (busy * w.tti_s);
    kpis.delay_ms.data[g] += flow.delay * count * (w.tti_s * 1e3);
    room.packets[g] += count;
    room.with_data[g] += 1;
    room.busy[g] += busy;
    room.sent[g] += flow.sent;
    room.delivered[g] += delivered;
    const double dropped = flow.dropped + flow.wasted;
    if (!kpis.dropped_bits.empty()) kpis.dropped_bits.data[g] += dropped;
    if (!kpis.user_dropped_bits.empty()) kpis.user_dropped_bits[u] = dropped;
    if (!kpis.user_delivered_bits.empty()) kpis.user_delivered_bits[u] = delivered;
    if (!kpis.user_busy_ttis.empty()) kpis.user_busy_ttis[u] = busy;
    if (!kpis.user_throughput_bits.empty()) kpis.user_throughput_bits[u] = delivered;
  }
  finish_kpis(w, room, kpis);
  if (!kpis.throughput_p5_bps.empty()) find_percentiles(room, kpis.throughput_p5_bps);
}

}  // namespace slicefast
