// The flow level: a window of the scheduler in closed form, by processor sharing. No TTIs and no packets, so its cost
// is one pass over the users.
//
//   C = a_ns B          PRBs of slice s in cell n per TTI          R_u   bits one PRB carries for user u in one TTI
//   D_u                 bits queued plus bits arriving             L_u   mean packet size [bit]
//   w_u = D_u / R_u     work [PRB TTI]                             x = sum_u w_u / (C n_ttis)   utilisation
//   f_u                 what is delivered: 1 while x <= 1. Beyond, users get equal PRBs, as in round robin, and those
//                       who want less leave theirs to the others: f_u = min(1, phi / w_u), sum_u min(w_u, phi) = C
//                       n_ttis
//
//   load        a_ns min(x, 1)
//   delay       W_u = s / (1 - x) + 1/2, s = L_u / (R_u C)   M/G/1 processor sharing, and half a TTI because packets
//               come and go at TTI borders. Beyond x = 1 user u has phi / n_ttis PRBs for itself and, if it wants less,
//               x_u = w_u / phi < 1, waits as in M/D/1: W_u = s (1 + x_u / (2 (1 - x_u))) + 1/2, s = L_u n_ttis / (R_u
//               phi). In a window that starts with nothing random queued W_u cannot pass s + 2/3 sqrt(2 s n_ttis / pi):
//               the work of a critical queue spreads like Brownian motion of variance s per TTI reflected at 0, here
//               its mean over the window. A user with x_u >= 1 has the queue that its overload builds up, below, and
//               what fluctuations of its slice's packets add: s + min(2/3 sqrt(2 s n_ttis / pi), s / (2 (x_u - 1))), s
//               = L_u / (R_u C), the latter the mean excess of Brownian motion with that drift over its line. Plus, by
//               Little's law, the queue left over: (A_u + n_ttis mean(queue at
//               start, queue at end)) / D_u, since packets still queued count, with the age they have; A_u: sum of the
//               ages of the bits queued at the start. no packet takes less than its own TTI, nor, with a discard timer
//               T, longer than T
//   ages        A_u advances with the queue, first in, first out, the ages within it spread evenly from 0: of q bits
//               whose ages sum to A the youngest y have ages A (y / q)^2. What arrives does so evenly over the window.
//   throughput  r while a user has data. It has with probability x_u / (1 - x + x_u), x_u = w_u / (C n_ttis), in
//               processor sharing (numbers of a user's packets are geometric), so r = R_u C (1 - x + x_u); beyond x = 1
//               r = R_u phi / n_ttis. Never slower than what it got over the whole window, f_u D_u / n_ttis.
//   dropped     with a discard timer, of what is left over all but what arrived, at an even rate, within the last T
//               TTIs; with finite buffers what is left beyond them, and every packet of a user whose mean packet is
//               larger than the buffer. What is refused counts as in kpis.hpp. With a timer the user's packets, first
//               in first out, are mostly too old when their turn comes: of what is sent x exp(-g) is of packets that
//               end in time, x (1 - exp(-g)) = g, x: arriving over sent (a dam of content T, filled by packets of one
//               size). That is for T long against a packet's time s = L_u / r; of T = n s the part that ends in time is
//               x H(n - 1) / (H(n) - 1), H that of M/D/1 (flow.cpp), also where x < 1 is the part of the time with
//               data and nothing is dropped unsent; from n = 2 on down to nothing at n = 1, where one packet alone
//               takes the timer
//
//   HARQ        R_u / h for R_u, h the transmissions of a block; every packet waits the mean round trips of one block
//   more
//               (packets of many blocks wait for the last of them: more); the part that is given up counts as dropped
//
// Kleinrock, Queueing Systems vol. 2, section 4.4 (processor sharing is insensitive to the size distribution).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "slicefast/scheduling/kpis.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

struct FlowWindow {
  int n_ttis = 0, n_prb = 100;
  std::span<const double> arriving_bits;   // (U)
  std::span<const double> packet_bits;     // (U) mean size, > 0
  std::span<const std::int32_t> serving;   // (U)
  std::span<const std::int32_t> slice_of;  // (U)
  std::span<const float> bits_per_prb;     // (U) per TTI; 0: out of reach
  ConstMatrixView<double> share;           // (N, S); slices do not touch each other, so rows need not add up
  std::span<const std::uint8_t> active;    // (U); empty: users count when they have data
  std::span<const int> discard_ttis;       // (S) T, 0: never; empty: never
  double buffer_bits = 0;                  // per user, 0: unlimited
  double prb_bandwidth_hz = 180e3;         // for the spectral efficiency
  double tti_s = 1e-3;
  // HARQ in the mean: transmissions of a block, TTIs that it waits for those after the first, part that is given up.
  double transmissions = 1, retransmission_ttis = 0, lost_part = 0;
};

// What a user has queued, (U) each: bits, and the sum of their ages [bit TTI].
struct FlowQueues {
  std::span<double> bits, age_bit_ttis;
};

// Throws InvalidArgument unless both are finite and at least 0, and no bits no age.
void check_flow_queues(std::span<const double> bits, std::span<const double> age_bit_ttis, std::size_t n_users);

// Writes the KPIs (a user's busy time is what its throughput says) and moves the queues on by the window. Throws
// InvalidArgument with nothing changed.
// Room for what a window needs on its way, kept from call to call: in steady state none asks for memory.
struct FlowRoom {
  std::vector<std::size_t> group, first, cursor;                        // (U,), (N * S + 1,), (N * S,)
  std::vector<double> user_throughput, user_work, sorted;               // (U,)
  std::vector<double> levels, wanted_below, above;                      // (N * S,)
  std::vector<double> work, packets, with_data, busy, sent, delivered;  // (N * S,) sums over users
};

void run_flow(const FlowWindow& window, const FlowQueues& queues, const WindowKpis& kpis, FlowRoom& room);

}  // namespace slicefast
