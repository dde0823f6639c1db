// HARQ of one (cell, slice). A user's bits not yet handed up form a stream from offset 0: [0, sent) were sent at least
// once, the rest is fresh. Failed blocks are intervals of [0, sent); what lies before the first of them is handed up.
#include <algorithm>

#include "scheduler_window.hpp"

namespace slicefast {

namespace {

constexpr std::int32_t lost = -1;

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a counter in, well-mixed bits out.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

bool Scheduler::Group::transmission_fails(std::size_t user, std::int64_t sent_at, int attempt) const {
  const std::uint64_t key = mix(mix(mix(own->config_.harq_seed) ^ user) ^ static_cast<std::uint64_t>(sent_at));
  const std::uint64_t draw = mix(key ^ static_cast<std::uint64_t>(attempt));
  return static_cast<double>(draw >> 11) * 0x1p-53 < own->config_.block_error_rate;
}

void Scheduler::Group::send_block(std::size_t local, double bits, int n_prb, int tti) {
  const std::int32_t user = work->user_at[first + local];
  const auto number = static_cast<std::size_t>(user);
  const std::int64_t now = own->clock_ + tti;
  double& sent = own->sent_[number];
  const bool fails = transmission_fails(number, now, 0);
  if (fails) blocks.push_back({sent, bits, now + own->config_.retransmission_ttis, now, user, n_prb, 1});
  sent += bits;
  if (!fails || own->config_.max_retransmissions == 0) {
    if (fails) blocks.back().attempts = lost;
    settle(local, tti);
  }
}

// Blocks that are due, before anything new.
int Scheduler::Group::retransmit(int quota, int tti) {
  const std::int64_t now = own->clock_ + tti;
  const std::size_t n_blocks = blocks.size();  // those behind are sent later
  for (std::size_t i = 0; i < n_blocks && quota > 0; ++i) {
    Block& block = blocks[i];
    if (block.attempts < 0 || block.due > now) continue;
    const auto number = static_cast<std::size_t>(block.user);
    const auto local = static_cast<std::size_t>(work->slot_of[number]) - first;
    if (work->rate[first + local] <= 0) continue;
    const int n_prb = std::min(quota, block.n_prb);
    quota -= n_prb;
    prbs_used += n_prb;
    if (!transmission_fails(number, block.sent_at, block.attempts)) {
      block.bits = -block.bits;  // arrived: settle() takes it out
    } else if (block.attempts >= own->config_.max_retransmissions) {
      block.attempts = lost;
    } else {
      ++block.attempts;
      block.due = now + own->config_.retransmission_ttis;
    }
  }
  settle_all(tti);
  return quota;
}

// Takes out the blocks that arrived and hands up, in order, what no block holds back any more.
void Scheduler::Group::settle_all(int tti) {
  auto& users = work->settling;
  users.clear();
  for (const Block& block : blocks)
    if (block.bits < 0 || block.attempts == lost) users.push_back(block.user);
  if (users.empty()) return;
  std::erase_if(blocks, [](const Block& block) { return block.bits < 0; });
  for (const std::int32_t user : users)
    settle(static_cast<std::size_t>(work->slot_of[static_cast<std::size_t>(user)]) - first, tti);
  std::stable_sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.due < b.due; });
}

void Scheduler::Group::settle(std::size_t local, int tti) {
  const std::int32_t user = work->user_at[first + local];
  double& sent = own->sent_[static_cast<std::size_t>(user)];
  while (sent > 0) {
    std::size_t earliest = blocks.size();
    for (std::size_t i = 0; i < blocks.size(); ++i)
      if (blocks[i].user == user && (earliest == blocks.size() || blocks[i].offset < blocks[earliest].offset))
        earliest = i;
    const bool held = earliest < blocks.size();
    const bool passed_over = held && blocks[earliest].offset == 0;
    if (passed_over && blocks[earliest].attempts != lost) return;
    const double bits = passed_over ? blocks[earliest].bits : held ? blocks[earliest].offset : sent;
    if (passed_over) blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(earliest));
    sent -= bits;
    for (Block& block : blocks)
      if (block.user == user) block.offset -= bits;
    hand_up(local, bits, tti, passed_over);
  }
}

void Scheduler::Group::keep_blocks() {
  if (own->sent_.empty()) return;
  auto& kept = work->kept_blocks;
  kept.insert(kept.end(), blocks.begin(), blocks.end());
}

}  // namespace slicefast
