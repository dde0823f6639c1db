// A scheduler's state as flat arrays, and back: refused unless a scheduler of these settings could have come to it.
#include <algorithm>
#include <cmath>
#include <string>

#include "scheduling/live.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

namespace {

constexpr double latest_clock = 1e15;  // [TTI] 30,000 years
constexpr double largest_average = 1e18;

SchedulerState flat(const LiveState& live) {
  SchedulerState out;
  out.clock_ttis = live.clock;
  out.carry = live.carry;
  out.pointer = live.pointer;
  out.sent = live.sent;
  out.dedicated_carry = live.dedicated_carry;
  out.max_carry = live.max_carry;
  out.lending_pointer = live.lending_pointer;
  for (const FailedBlock& block : live.blocks) {
    out.block_user.push_back(block.user);
    out.block_prb.push_back(block.n_prb);
    out.block_attempts.push_back(block.attempts);
    out.block_lost.push_back(block.status == BlockStatus::lost ? 1 : 0);
    out.block_due.push_back(block.due);
    out.block_sent_at.push_back(block.sent_at);
    out.block_offset.push_back(block.offset);
    out.block_bits.push_back(block.bits);
  }
  for (std::size_t u = 0; u < live.users.size(); ++u) {
    const UserQueue& user = live.users[u];
    std::int32_t at = user.head;
    for (std::int32_t k = 0; k < user.queued; ++k) {
      const QueuedPacket& packet = live.packets[static_cast<std::size_t>(at)];
      out.packet_user.push_back(static_cast<std::int32_t>(u));
      out.packet_tti.push_back(packet.tti);
      out.packet_bits.push_back(k == 0 ? user.head_left : packet.bits);
      at = packet.next;
    }
    out.head_sent.push_back(live.head_sent(user));
    out.head_lost.push_back(user.head_lost ? 1 : 0);
    out.average.push_back(user.average);
    out.average_tti.push_back(user.average_tti);
  }
  return out;
}

void check_sizes(const SchedulerState& state, const SchedulerConfig& config) {
  const auto n_cells = static_cast<std::size_t>(config.n_cells), n_users = static_cast<std::size_t>(config.n_users);
  const std::size_t n_groups = n_cells * static_cast<std::size_t>(config.n_slices);
  const std::size_t n_packets = state.packet_user.size(), n_blocks = state.block_user.size();
  check_size("packet_tti", state.packet_tti.size(), n_packets, "packet");
  check_size("packet_bits", state.packet_bits.size(), n_packets, "packet");
  check_size("head_sent", state.head_sent.size(), n_users, "user");
  check_size("head_lost", state.head_lost.size(), n_users, "user");
  check_size("carry", state.carry.size(), n_groups, "slice of a cell");
  check_size("pointer", state.pointer.size(), n_groups, "slice of a cell");
  check_size("average", state.average.size(), n_users, "user");
  check_size("average_tti", state.average_tti.size(), n_users, "user");
  check_size("sent", state.sent.size(), config.harq() ? n_users : 0, "user with HARQ");
  check_size("block_user", n_blocks, config.harq() ? n_blocks : 0, "failed block with HARQ");
  check_size("block_prb", state.block_prb.size(), n_blocks, "block");
  check_size("block_attempts", state.block_attempts.size(), n_blocks, "block");
  check_size("block_lost", state.block_lost.size(), n_blocks, "block");
  check_size("block_due", state.block_due.size(), n_blocks, "block");
  check_size("block_sent_at", state.block_sent_at.size(), n_blocks, "block");
  check_size("block_offset", state.block_offset.size(), n_blocks, "block");
  check_size("block_bits", state.block_bits.size(), n_blocks, "block");
  check_size("dedicated_carry", state.dedicated_carry.size(), n_groups, "slice of a cell");
  check_size("max_carry", state.max_carry.size(), n_groups, "slice of a cell");
  check_size("lending_pointer", state.lending_pointer.size(), n_cells, "cell");
}

void check_numbers(const SchedulerState& state, const SchedulerConfig& config, const Averaging& averaging) {
  const auto n_users = static_cast<std::size_t>(config.n_users), n_slices = static_cast<std::size_t>(config.n_slices);
  check_value("clock_ttis", state.clock_ttis, within(0, latest_clock));
  const Range past = within(0, static_cast<double>(state.clock_ttis));
  // By largest remainder every fraction stays near one PRB; slices that come and go add up to less than one each.
  check_values("carry", std::span(state.carry), within(-config.n_slices - 1, config.n_slices + 1));
  check_values("dedicated_carry", std::span(state.dedicated_carry), within(0, 2.0 * config.n_prb));
  check_values("max_carry", std::span(state.max_carry), within(-2.0 * config.n_prb, 2.0 * config.n_prb));
  check_indices("pointer", state.pointer, n_users, "row", -1);
  check_indices("lending_pointer", state.lending_pointer, n_slices);
  check_values("average", std::span(state.average), within(averaging.smallest, largest_average));
  check_values("average_tti", std::span(state.average_tti), past);
  check_indices("packet_user", state.packet_user, n_users);
  check_values("packet_tti", std::span(state.packet_tti), past);
  check_indices("block_user", state.block_user, n_users);
  check_values("block_prb", std::span(state.block_prb), within(1, config.n_prb));
  check_values("block_attempts", std::span(state.block_attempts), within(1, std::max(1, config.max_retransmissions)));
  check_values("block_lost", std::span(state.block_lost), within(0, 1));
  check_values("block_sent_at", std::span(state.block_sent_at), past);
}

void check_on_grid(const char* name, std::span<const double> bits, const Range& range) {
  check_values(name, bits, range);
  for (std::size_t i = 0; i < bits.size(); ++i)
    if (bits[i] != packet_on_grid(bits[i])) refuse_entry(name, "row", i, text_of(bits[i]), "whole 1/1024");
}

// First in, first out, and no more than sums in double hold.
void check_packets(const SchedulerState& state, std::span<double> queued) {
  check_on_grid("packet_bits", state.packet_bits, {.low = 0, .high = most_bits, .without_low = true});
  std::vector<std::int64_t> latest(queued.size(), 0);
  for (std::size_t i = 0; i < state.packet_user.size(); ++i) {
    const auto user = static_cast<std::size_t>(state.packet_user[i]);
    if (state.packet_tti[i] < latest[user])
      refuse_entry("packet_tti", "row", i, text_of(state.packet_tti[i]),
                   "at least that of the user's packet before, " + text_of(latest[user]));
    latest[user] = state.packet_tti[i];
    queued[user] += state.packet_bits[i];
  }
  check_on_grid("head_sent", state.head_sent, {.low = 0, .high = most_bits});
  check_values("head_lost", std::span(state.head_lost), within(0, 1));
  for (std::size_t u = 0; u < queued.size(); ++u) {
    if (queued[u] == 0 && (state.head_sent[u] > 0 || state.head_lost[u]))
      refuse_entry(state.head_lost[u] ? "head_lost" : "head_sent", "row", u,
                   text_of(state.head_lost[u] ? 1.0 : state.head_sent[u]), "0, where no packet is queued");
  }
  for (std::size_t u = 0; u < queued.size(); ++u)
    if (queued[u] > most_bits)
      refuse_entry("packet_bits", "user", u, text_of(queued[u]), "up to " + text_of(most_bits));
}

// A user's failed blocks are intervals of what it was sent, one behind another, the first of them at the start.
void check_blocks(const SchedulerState& state, const SchedulerConfig& config, std::span<const double> queued) {
  check_on_grid("sent", state.sent, {.low = 0, .high = most_bits});
  for (std::size_t u = 0; u < state.sent.size(); ++u)
    if (state.sent[u] > queued[u]) refuse_entry("sent", "user", u, text_of(state.sent[u]), "up to what is queued");
  check_on_grid("block_offset", state.block_offset, {.low = 0, .high = most_bits});
  check_on_grid("block_bits", state.block_bits, {.low = 0, .high = most_bits, .without_low = true});
  const std::int64_t latest = state.clock_ttis + config.retransmission_ttis;
  std::vector<std::size_t> order(state.block_user.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    if (state.block_due[i] <= state.block_sent_at[i] || state.block_due[i] > latest ||
        (i > 0 && state.block_due[i] < state.block_due[i - 1]))
      refuse_entry("block_due", "row", i, text_of(state.block_due[i]),
                   "sorted, after block_sent_at, up to a round trip");
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(state.block_user[a], state.block_offset[a]) <
           std::pair(state.block_user[b], state.block_offset[b]);
  });
  std::vector<double> end(state.sent.size(), 0.0);
  std::vector<bool> held_back(state.sent.size(), false);
  for (const std::size_t i : order) {
    const auto user = static_cast<std::size_t>(state.block_user[i]);
    if (state.block_offset[i] < end[user])
      refuse_entry("block_offset", "row", i, text_of(state.block_offset[i]), "behind the user's block before");
    if (state.block_offset[i] == 0 && !state.block_lost[i]) held_back[user] = true;
    end[user] = state.block_offset[i] + state.block_bits[i];
    if (end[user] > state.sent[user])
      refuse_entry("block_bits", "row", i, text_of(state.block_bits[i]), "within the user's bits sent");
  }
  for (std::size_t u = 0; u < state.sent.size(); ++u)
    if (state.sent[u] > 0 && !held_back[u])
      refuse_entry("sent", "user", u, text_of(state.sent[u]), "0, where no failed block holds bits back");
}

}  // namespace

SchedulerState Scheduler::state() const { return flat(impl_->live); }

void Scheduler::check_state(const SchedulerState& state) const {
  const SchedulerConfig& config = impl_->config;
  check_sizes(state, config);
  check_numbers(state, config, impl_->averaging);
  std::vector<double> queued(static_cast<std::size_t>(config.n_users), 0.0);
  check_packets(state, queued);
  if (config.harq()) check_blocks(state, config, queued);
}

void Scheduler::set_state(const SchedulerState& state) {
  check_state(state);
  LiveState live;
  live.clock = state.clock_ttis;
  live.backlog.assign(state.average.size(), 0.0);
  live.users.resize(state.average.size());
  live.carry = state.carry;
  live.pointer = state.pointer;
  live.sent = state.sent;
  live.dedicated_carry = state.dedicated_carry;
  live.max_carry = state.max_carry;
  live.lending_pointer = state.lending_pointer;
  live.free_places.resize(impl_->live.free_places.size());
  std::vector<std::int32_t> none;
  for (std::size_t i = 0; i < state.packet_user.size(); ++i)
    live.push_packet(state.packet_user[i], state.packet_bits[i], state.packet_tti[i], none);
  for (std::size_t u = 0; u < live.users.size(); ++u) {
    if (live.users[u].queued > 0) live.packets[static_cast<std::size_t>(live.users[u].head)].bits += state.head_sent[u];
    live.users[u].head_lost = state.head_lost[u] != 0;
    live.users[u].average = state.average[u];
    live.users[u].average_tti = state.average_tti[u];
  }
  for (std::size_t i = 0; i < state.block_user.size(); ++i)
    live.blocks.push_back({state.block_offset[i], state.block_bits[i], state.block_due[i], state.block_sent_at[i],
                           state.block_user[i], state.block_prb[i], state.block_attempts[i],
                           state.block_lost[i] ? BlockStatus::lost : BlockStatus::waiting});
  impl_->live = std::move(live);
}

}  // namespace slicefast
