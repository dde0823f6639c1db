// What comes out of a window, at both fidelities: the table of KPIs. A new one is a member, its row in the table and
// its computation (measure.cpp, flow.cpp); the border and Python take names and order from the table.
//
// Dropped traffic counts against delay and throughput, so that dropping never looks better than sending:
//   too old (discard timer)    the packet counts in the delay with its age, and its user had data until then
//   refused by a full buffer   the packet counts in the delay, and its user as one with data in the buffer, as if it
//                              were waiting until the window ends
//   lost (HARQ)                the packet counts in the delay with the time of the last transmission, its bits are not
//                              delivered
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "slicefast/types.hpp"

namespace slicefast {

// A slice whose users had no data has throughput 0, delay 0, load 0. (N, S) each; those below the line may be empty.
struct WindowKpis {
  MatrixView<double> throughput_bps;  // bits delivered / time with data in the buffer, mean over users that had data
  MatrixView<double> delay_ms;        // mean over packets delivered and, with their age, those dropped or still queued
  MatrixView<double> load;            // PRBs used / (B n_ttis)
  MatrixView<double> users;           // active users
  // ----
  MatrixView<double> dropped_bits = {};
  MatrixView<double> spectral_efficiency = {};  // bits delivered / (PRBs used, bandwidth x time) [bit/s/Hz]
  MatrixView<double> throughput_p5_bps = {};    // 5th percentile of the users' throughput, linear between users
  MatrixView<double> delivered_bits = {};       // no KPI of its own: the sum over the users
  // (U,) or empty
  std::span<double> user_delivered_bits = {};
  std::span<double> user_busy_ttis = {};  // TTIs with data in the buffer
  std::span<double> user_dropped_bits = {};
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
inline constexpr std::size_t n_required_kpis = 4;  // the first; the others may be empty
inline constexpr std::array user_kpis{
    UserKpi{"user_delivered_bits", &WindowKpis::user_delivered_bits},
    UserKpi{"user_busy_ttis", &WindowKpis::user_busy_ttis},
    UserKpi{"user_dropped_bits", &WindowKpis::user_dropped_bits},
};

// The shapes of what is there. Throws InvalidArgument.
void check_kpis(const WindowKpis& kpis, std::size_t n_cells, std::size_t n_slices, std::size_t n_users);

}  // namespace slicefast
