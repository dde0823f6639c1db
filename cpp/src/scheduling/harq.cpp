// HARQ of one slice of a cell. A user's bits not yet handed up form a stream from offset 0: [0, sent) were sent at
// least once, the rest is fresh. Failed blocks are intervals of [0, sent); what lies before the first of them is handed
// up.
#include <algorithm>

#include "scheduling/cell_slice.hpp"

namespace slicefast {

namespace {

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a counter in, well-mixed bits out.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

void CellSlice::take_blocks(std::size_t group) {
  const auto group_of = [this](const FailedBlock& block) {
    return static_cast<std::size_t>(work_->group_of[static_cast<std::size_t>(block.user)]);
  };
  // Sorted by group at the window's start.
  const auto low = std::lower_bound(live_->blocks.begin(), live_->blocks.end(), group,
                                    [&](const FailedBlock& block, std::size_t g) { return group_of(block) < g; });
  const auto high = std::upper_bound(low, live_->blocks.end(), group,
                                     [&](std::size_t g, const FailedBlock& block) { return g < group_of(block); });
  blocks_.assign(low, high);
}

bool CellSlice::within_reach(const FailedBlock& block) const {
  return work_->rate[static_cast<std::size_t>(work_->slot_of[static_cast<std::size_t>(block.user)])] > 0;
}

bool CellSlice::transmission_fails(std::size_t user, std::int64_t sent_at, int attempt) const {
  const std::uint64_t key = mix(mix(mix(config_->harq_seed) ^ user) ^ static_cast<std::uint64_t>(sent_at));
  const std::uint64_t draw = mix(key ^ static_cast<std::uint64_t>(attempt));
  return static_cast<double>(draw >> 11) * 0x1p-53 < config_->error_rate(attempt);
}

void CellSlice::send_block(std::size_t local, double bits, int n_prb, int tti) {
  const std::size_t number = number_of(local);
  const std::int64_t now = live_->clock + tti;
  double& sent = live_->sent[number];
  const bool fails = transmission_fails(number, now, 0);
  if (fails) {
    const BlockStatus status = config_->max_retransmissions == 0 ? BlockStatus::lost : BlockStatus::waiting;
    blocks_.push_back(
        {sent, bits, now + config_->retransmission_ttis, now, work_->user_at[first_ + local], n_prb, 1, status});
  }
  sent += bits;
  if (!fails || config_->max_retransmissions == 0) hand_up_in_order(local, tti);
}

// Blocks that are due, before anything new.
int CellSlice::retransmit(int quota_prb, int tti) {
  const std::int64_t now = live_->clock + tti;
  const std::size_t n_blocks = blocks_.size();  // those behind are sent later
  for (std::size_t i = 0; i < n_blocks && quota_prb > 0; ++i) {
    FailedBlock& block = blocks_[i];
    if (block.status == BlockStatus::lost || block.due > now || !within_reach(block)) continue;
    const int n_prb = std::min(quota_prb, block.n_prb);
    quota_prb -= n_prb;
    prbs_used_ += n_prb;
    dealt_prb_ += n_prb;
    if (!transmission_fails(static_cast<std::size_t>(block.user), block.sent_at, block.attempts)) {
      block.status = BlockStatus::arrived;
    } else if (block.attempts >= config_->max_retransmissions) {
      block.status = BlockStatus::lost;
    } else {
      ++block.attempts;
      block.due = now + config_->retransmission_ttis;
    }
  }
  filled_prb_ = dealt_prb_;
  hand_up_settled(tti);
  return quota_prb;
}

// Takes out the blocks that arrived and hands up, in order, what no block holds back any more.
void CellSlice::hand_up_settled(int tti) {
  auto& users = own_->settling;
  users.clear();
  for (const FailedBlock& block : blocks_)
    if (block.status != BlockStatus::waiting) users.push_back(block.user);
  if (users.empty()) return;
  std::erase_if(blocks_, [](const FailedBlock& block) { return block.status == BlockStatus::arrived; });
  for (const std::int32_t user : users)
    hand_up_in_order(static_cast<std::size_t>(work_->slot_of[static_cast<std::size_t>(user)]) - first_, tti);
  std::stable_sort(blocks_.begin(), blocks_.end(),
                   [](const FailedBlock& a, const FailedBlock& b) { return a.due < b.due; });
}

void CellSlice::hand_up_in_order(std::size_t local, int tti) {
  const std::int32_t user = work_->user_at[first_ + local];
  double& sent = live_->sent[static_cast<std::size_t>(user)];
  while (sent > 0) {
    std::size_t earliest = blocks_.size();
    for (std::size_t i = 0; i < blocks_.size(); ++i)
      if (blocks_[i].user == user && (earliest == blocks_.size() || blocks_[i].offset < blocks_[earliest].offset))
        earliest = i;
    const bool held_back = earliest < blocks_.size();
    const bool passed_over = held_back && blocks_[earliest].offset == 0;
    if (passed_over && blocks_[earliest].status != BlockStatus::lost) return;
    const double bits = passed_over ? blocks_[earliest].bits : held_back ? blocks_[earliest].offset : sent;
    if (passed_over) blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(earliest));
    sent -= bits;
    for (FailedBlock& block : blocks_)
      if (block.user == user) block.offset -= bits;
    hand_up(local, bits, tti, passed_over);
  }
}

}  // namespace slicefast
