// Everything of a scheduler that persists over windows, as flat arrays. A field is named here alone: what copies,
// stores or compares states visits them.
#pragma once

#include <cstdint>
#include <vector>

namespace slicefast {

struct SchedulerState {
  std::int64_t clock_ttis = 0;
  // Packets in queue order, grouped by user.
  std::vector<std::int32_t> packet_user;
  std::vector<std::int64_t> packet_tti;   // arrival, on the simulated clock
  std::vector<double> packet_bits;        // bits still to be sent
  std::vector<double> head_sent;          // (U) bits sent of the packet at the head, not counted as delivered
  std::vector<std::uint8_t> head_lost;    // (U) 1: HARQ lost a block with bits of it
  std::vector<double> carry;              // (N * S) PRB fractions
  std::vector<std::int32_t> pointer;      // (N * S) user who got the last PRB, -1 at the start
  std::vector<double> average;            // (U) T_u at average_tti
  std::vector<std::int64_t> average_tti;  // (U)
  std::vector<double> sent;               // (U) HARQ: bits sent beyond those handed up
  // HARQ: blocks that failed, in order of their next transmission; lost ones wait to be passed over.
  std::vector<std::int32_t> block_user, block_prb, block_attempts;
  std::vector<std::uint8_t> block_lost;
  std::vector<std::int64_t> block_due, block_sent_at;
  std::vector<double> block_offset, block_bits;  // in the user's bits not yet handed up
  // RRMPolicyRatio, (N * S): fractions of dedicated and max; (N): slice that was lent the last PRB.
  std::vector<double> dedicated_carry, max_carry;
  std::vector<std::int32_t> lending_pointer;
};

// visit(name, field) for every field of a SchedulerState, const or not.
template <class State, class Visit>
void visit_scheduler_state(State& state, Visit visit) {
  visit("clock_ttis", state.clock_ttis);
  visit("packet_user", state.packet_user);
  visit("packet_tti", state.packet_tti);
  visit("packet_bits", state.packet_bits);
  visit("head_sent", state.head_sent);
  visit("head_lost", state.head_lost);
  visit("carry", state.carry);
  visit("pointer", state.pointer);
  visit("average", state.average);
  visit("average_tti", state.average_tti);
  visit("sent", state.sent);
  visit("block_user", state.block_user);
  visit("block_prb", state.block_prb);
  visit("block_attempts", state.block_attempts);
  visit("block_lost", state.block_lost);
  visit("block_due", state.block_due);
  visit("block_sent_at", state.block_sent_at);
  visit("block_offset", state.block_offset);
  visit("block_bits", state.block_bits);
  visit("dedicated_carry", state.dedicated_carry);
  visit("max_carry", state.max_carry);
  visit("lending_pointer", state.lending_pointer);
}

}  // namespace slicefast
