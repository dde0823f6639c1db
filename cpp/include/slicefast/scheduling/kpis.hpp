// What comes out of a window, at both fidelities: the table of KPIs. A new one is a member, its row in the table and
// its computation (measure.cpp, flow.cpp); the border and Python take names and order from the table.
//
// Delivered bits: where packets can be discarded (a timer, HARQ) those of packets that are complete, in the window in
// which they are; elsewhere bits as they are sent. Bits sent of a packet that waits for its rest are in the state
// (head_sent), so bits in = delivered + dropped + queued + sent in part, to the last digit.
//
// Throughput: bits over time with data in the buffer, both summed over the users that had data.
//   bits   in the window in which they are sent; those of a packet that is discarded are taken back in the window of
//   its
//          end, and of a packet under way at the window's end they count if its user got a packet through in the window
//   time   from the start of the TTI in which the first packet comes; the TTI in which the last bit leaves counts in
//          part: the user's last PRB has a place among those that the slice could have had in that TTI, in the order in
//          which they are dealt (round robin: one by one), and what the last piece does not fill of it is left out
//
// Dropped traffic counts against delay and throughput, so that dropping never looks better than sending:
//   too old (discard timer)    the packet counts in the delay with its age, and its user had data until then
//   refused by a full buffer   the packet counts in the delay with the window's length, and its user as one with data
//                              in the buffer all the window
//   lost (HARQ)                a packet with bits in a lost block counts in the delay with the time of its last
//                              transmission, and is dropped as a whole
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

#include "slicefast/types.hpp"

namespace slicefast {

// Delays of delivered packets fall into bins: one for each TTI below 2^6, then 2^5 to every doubling, so that the
// middle of a bin is within 1/64 of what fell into it; the last one takes what is 2^21 TTIs or more.
inline constexpr int exact_delay_bits = 6, longest_delay_bits = 21;
inline constexpr std::size_t bins_per_doubling = std::size_t{1} << (exact_delay_bits - 1);
inline constexpr std::size_t n_delay_bins =
    (std::size_t{1} << exact_delay_bits) + (longest_delay_bits - exact_delay_bits) * bins_per_doubling;

inline std::size_t delay_bin(std::int64_t ttis) {
  const auto k = static_cast<std::uint64_t>(ttis);
  if (k >> exact_delay_bits == 0) return static_cast<std::size_t>(k);
  if (k >> longest_delay_bits != 0) return n_delay_bins - 1;
  const int shift = static_cast<int>(std::bit_width(k)) - exact_delay_bits;  // int or unsigned, as the library has it
  return static_cast<std::size_t>(shift) * bins_per_doubling + static_cast<std::size_t>(k >> shift);
}
// The middle of what falls into a bin [TTI].
inline double delay_of_bin(std::size_t bin) {
  if (bin >> exact_delay_bits == 0) return static_cast<double>(bin);
  const std::size_t shift = bin / bins_per_doubling - 1;
  const std::size_t first = (bin - shift * bins_per_doubling) << shift;
  return static_cast<double>(first) + 0.5 * static_cast<double>((std::size_t{1} << shift) - 1);
}

// A slice whose users had no data has throughput 0, delay 0, load 0. (N, S) each; those below the line may be empty.
struct WindowKpis {
  MatrixView<double> throughput_bps;  // see above
  MatrixView<double> delay_ms;        // mean over packets delivered and, with their age, those dropped or still queued
  MatrixView<double> load;            // PRBs used / (B n_ttis)
  MatrixView<double> users;           // active users
  // ----
  MatrixView<double> dropped_bits = {};
  MatrixView<double> spectral_efficiency = {};  // bits sent, but for those HARQ lost / (PRBs used, bandwidth x time)
  MatrixView<double> throughput_p5_bps = {};    // 5th percentile of the users' throughput, linear between users
  MatrixView<double> delivered_bits = {};       // no KPI of its own: the sum over the users
  // Of packets, where there are any (not at the flow level): delivered, by delay; how many were lost or wait at the
  // end; the mean delay of those delivered, NaN where there is none.
  MatrixView<std::uint32_t> delay_counts = {};  // (N * S, n_delay_bins)
  MatrixView<double> mean_delay_ms = {}, lost_packets = {}, waiting_packets = {};
  // (U,) or empty
  std::span<double> user_delivered_bits = {};
  std::span<double> user_busy_ttis = {};  // time with data in the buffer, see above
  std::span<double> user_dropped_bits = {};
  std::span<double> user_throughput_bits = {};  // bits that count for the throughput
};

struct CellKpi {
  std::string_view name;
  MatrixView<double> WindowKpis::* values;
};
struct UserKpi {
  std::string_view name;
  std::span<double> WindowKpis::* values;
};

// In the order of the rows of a step's KPIs.
inline constexpr std::array cell_kpis{
    CellKpi{"throughput_bps", &WindowKpis::throughput_bps},
    CellKpi{"delay_ms", &WindowKpis::delay_ms},
    CellKpi{"load", &WindowKpis::load},
    CellKpi{"users", &WindowKpis::users},
    CellKpi{"dropped_bits", &WindowKpis::dropped_bits},
    CellKpi{"spectral_efficiency", &WindowKpis::spectral_efficiency},
    CellKpi{"throughput_p5_bps", &WindowKpis::throughput_p5_bps},
};
// In the order of the rows of a step's packet KPIs, all or none of them, beside delay_counts.
inline constexpr std::array packet_kpis{
    CellKpi{"mean_delay_ms", &WindowKpis::mean_delay_ms},
    CellKpi{"lost", &WindowKpis::lost_packets},
    CellKpi{"waiting", &WindowKpis::waiting_packets},
};
inline constexpr std::size_t n_required_kpis = 4;  // the first; the others may be empty
inline constexpr std::array user_kpis{
    UserKpi{"user_delivered_bits", &WindowKpis::user_delivered_bits},
    UserKpi{"user_busy_ttis", &WindowKpis::user_busy_ttis},
    UserKpi{"user_dropped_bits", &WindowKpis::user_dropped_bits},
    UserKpi{"user_throughput_bits", &WindowKpis::user_throughput_bits},
};

// The shapes of what is there. Throws InvalidArgument.
void check_kpis(const WindowKpis& kpis, std::size_t n_cells, std::size_t n_slices, std::size_t n_users);

}  // namespace slicefast
