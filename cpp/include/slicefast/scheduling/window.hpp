// What comes into a window of the scheduler. N cells, S slices, U users.
#pragma once

#include <cstdint>
#include <span>

#include "slicefast/scheduling/config.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

struct Window {
  int n_ttis = 0;
  std::span<const std::int32_t> arrival_user;  // sorted by arrival_tti
  std::span<const std::int32_t> arrival_tti;   // in [0, n_ttis)
  std::span<const float> arrival_bits;         // > 0
  std::span<const std::int32_t> serving;       // (U,) in [0, N)
  std::span<const std::int32_t> slice_of;      // (U,) in [0, S)
  std::span<const float> bits_per_prb;         // (U,) per TTI; 0: out of reach, waits
  ConstMatrixView<double> share;               // (N, S), rows on the simplex
  std::span<const std::uint8_t> active;        // (U,); empty: users count when they have data
  // Rows of `share` need not add up: every slice is measured as if it were alone with its share. For searches over
  // shares, where one run then answers for all slices at once.
  bool separate_slices = false;
  // In place of bits_per_prb, (U,): block_row() of the scheduler's transport block table, -1: out of reach (see
  // link_adaptation.hpp).
  std::span<const std::int32_t> tbs_index = {};
  // RRMPolicyRatio of 3GPP TS 28.541 in place of `share`, (N, S) each or empty: shares 0 <= dedicated <= min <= max <=
  // 1, sum of min <= 1. Dedicated PRBs are never lent; those up to min are guaranteed when needed and lent when idle;
  // what nobody holds is dealt equally among the slices that need it, up to max.
  ConstMatrixView<double> dedicated_ratio = {}, min_ratio = {}, max_ratio = {};
  bool policy() const { return !dedicated_ratio.empty() || !min_ratio.empty() || !max_ratio.empty(); }
};

// The window's packets beside `backlog_bits` (U): of users 0 to n_users - 1, sorted by TTI in [0, n_ttis), of 1 to 1e12
// bits, no user with more than most_bits in all. Throws InvalidArgument.
void check_arrivals(std::span<const std::int32_t> user, std::span<const std::int32_t> tti, std::span<const float> bits,
                    std::span<const double> backlog_bits, int n_ttis);

// Parts of a cell's PRBs, (n_cells, n_slices), each 0 to 1 (a little more: they are often sums of rounded numbers). Rows
// need not add up. Throws InvalidArgument.
void check_share_parts(ConstMatrixView<double> share, std::size_t n_cells, std::size_t n_slices);

// Everything in `window`, for a scheduler of these settings with these bits queued. Throws InvalidArgument.
void check_window(const Window& window, const SchedulerConfig& config, std::span<const double> backlog_bits);

}  // namespace slicefast
