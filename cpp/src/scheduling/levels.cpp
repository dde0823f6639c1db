// Scheduler: what a window would give every slice at many levels of share, each slice as if it were alone. Users and
// arrivals are sorted once for all levels, and a slice starts every level from a copy of its own queues alone.
#include <algorithm>

#include "kernels/scheduler.hpp"
#include "scheduling/cell_slice.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

namespace {

// The queues of one (cell, slice) as a window finds them: those of its users who have data or get some.
struct QueuesAtStart {
  std::vector<std::size_t> number;  // of the users
  std::vector<UserQueue> users;
  std::vector<double> backlog, sent;
  std::vector<QueuedPacket> packets;  // linked among themselves

  void take(const LiveState& live, std::size_t user) {
    UserQueue queue = live.users[user];
    std::int32_t place = queue.head;
    if (queue.queued > 0) queue.head = static_cast<std::int32_t>(packets.size());
    for (std::int32_t k = 0; k < queue.queued; ++k) {
      const QueuedPacket& packet = live.packets[static_cast<std::size_t>(place)];
      place = packet.next;
      const bool last = k + 1 == queue.queued;
      packets.push_back({packet.bits, packet.tti, last ? -1 : static_cast<std::int32_t>(packets.size() + 1)});
    }
    if (queue.queued > 0) queue.tail = static_cast<std::int32_t>(packets.size() - 1);
    number.push_back(user);
    users.push_back(queue);
    backlog.push_back(live.backlog[user]);
    if (!live.sent.empty()) sent.push_back(live.sent[user]);
  }

  void clear() {
    number.clear();
    users.clear();
    backlog.clear();
    sent.clear();
    packets.clear();
  }

  void give(LiveState& live) const {
    live.packets.assign(packets.begin(), packets.end());
    for (std::size_t i = 0; i < number.size(); ++i) {
      live.users[number[i]] = users[i];
      live.backlog[number[i]] = backlog[i];
    }
    for (std::size_t i = 0; i < sent.size(); ++i) live.sent[number[i]] = sent[i];
  }
};

// Of (cell, slice) `group`.
void take_group(const LiveState& live, const Workspace& work, std::size_t group, std::vector<std::uint8_t>& gets_data,
                QueuesAtStart& start) {
  const auto first = static_cast<std::size_t>(work.first[group]),
             last = static_cast<std::size_t>(work.first[group + 1]);
  const auto arrivals =
      std::span(work.arrivals)
          .subspan(static_cast<std::size_t>(work.first_arrival[group]),
                   static_cast<std::size_t>(work.first_arrival[group + 1] - work.first_arrival[group]));
  gets_data.assign(last - first, 0);
  for (const ArrivedPacket& packet : arrivals) gets_data[static_cast<std::size_t>(packet.local)] = 1;
  start.clear();
  for (std::size_t slot = first; slot < last; ++slot) {
    const auto user = static_cast<std::size_t>(work.user_at[slot]);
    if (gets_data[slot - first] || live.users[user].queued > 0) start.take(live, user);
  }
}

}  // namespace

// The quotas of one slice alone at several shares, in the lanes of a block.
void BlockPlayer::deal_levels(std::size_t cell, std::span<const double> shares, double carry, int n_ttis) {
  const int n_prb = config.prbs_of(cell), total = rbgs_of(n_prb, config.rbg_prb);
  work.remainder.assign(quota_block, no_remainder);
  work.fraction.assign(quota_block, 0.0);
  work.base.assign(quota_block, 0);
  work.quota.resize(static_cast<std::size_t>(n_ttis) * quota_block);
  for (std::size_t k = 0; k < shares.size(); ++k) {
    const double exact = std::min(shares[k] * total, static_cast<double>(total));
    work.base[k] = static_cast<std::int32_t>(exact);
    work.fraction[k] = exact - work.base[k];
    if (work.fraction[k] > 0) work.remainder[k] = carry;
  }
  work.quota_stride = quota_block;
  const auto n = static_cast<std::size_t>(n_ttis);
  select_scheduler_kernels(isa).separate_quotas({.remainder = work.remainder.data(),
                                                 .fraction = work.fraction.data(),
                                                 .base = work.base.data(),
                                                 .extras = nullptr,
                                                 .quota = work.quota.data(),
                                                 .n_slices = 1,
                                                 .n_ttis = n});
  if (config.rbg_prb == 1) return;
  for (std::uint16_t& quota : work.quota) quota = static_cast<std::uint16_t>(std::min(quota * config.rbg_prb, n_prb));
}

void Scheduler::try_levels(const Scheduler& from, const Window& window, const Levels& levels) {
  Impl& trial = *impl_;
  const LiveState& live = from.impl_->live;
  check_window(window, trial.config, live.backlog);
  const auto n_cells = static_cast<std::size_t>(trial.config.n_cells),
             n_slices = static_cast<std::size_t>(trial.config.n_slices), n_groups = n_cells * n_slices;
  trial.live.clock = live.clock;
  trial.live.blocks = live.blocks;
  trial.live.users = live.users;  // those without data stay as they are
  trial.live.backlog = live.backlog;
  trial.live.sent = live.sent;
  trial.group_users(window);
  trial.group_arrivals(window);
  trial.sort_blocks();
  trial.prepare_averages(window.n_ttis);
  Matrix<double> throughput(n_cells, n_slices), delay(n_cells, n_slices), load(n_cells, n_slices),
      users(n_cells, n_slices);
  const WindowKpis kpis{
      .throughput_bps = throughput.view(), .delay_ms = delay.view(), .load = load.view(), .users = users.view()};
  CellWork& own = trial.cell_work[0];
  std::vector<std::int32_t> free_places;
  BlockEnd end;
  own.free_places = &free_places;
  own.end = &end;
  BlockPlayer player(trial, own);
  CellSlice slice(trial.config, trial.averaging, trial.live, trial.work, own, window, kpis);
  QueuesAtStart start;
  std::vector<std::uint8_t> gets_data;
  for (std::size_t group = 0; group < n_groups; ++group) {
    take_group(live, trial.work, group, gets_data, start);
    for (std::size_t k = 0; k < levels.share.size(); ++k) {
      start.give(trial.live);
      trial.live.pointer[group] = live.pointer[group];
      free_places.clear();
      end.failed.clear();
      own.quota_offset = k % quota_block;
      if (own.quota_offset == 0)
        player.deal_levels(group / n_slices, levels.share.subspan(k, std::min(quota_block, levels.share.size() - k)),
                           live.carry[group], window.n_ttis);
      slice.start_window(group);
      slice.play_window();
      slice.end_window();
      if (levels.note(k, group, n_groups, throughput.view().data[group], delay.view().data[group])) break;
    }
  }
}

}  // namespace slicefast
