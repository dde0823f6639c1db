// Order statistics of a window's users. Internal to the core.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace slicefast {

// The q-quantile, linear between order statistics, as NumPy does it; 0 of nothing. Reorders the values.
inline double quantile(std::span<double> values, double q) {
  if (values.empty()) return 0.0;
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 == values.size()) return *std::max_element(values.begin(), values.end());
  const double part = position - std::floor(position);
  const std::size_t n_lowest = below + 2;
  std::array<double, 8> lowest;
  if (n_lowest > lowest.size()) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(below);
    std::nth_element(values.begin(), middle, values.end());
    return *middle + part * (*std::min_element(middle + 1, values.end()) - *middle);
  }
  // A low quantile of few values: the lowest ones, by insertion; most values are passed over.
  lowest.fill(std::numeric_limits<double>::infinity());
  for (const double value : values) {
    if (value >= lowest[n_lowest - 1]) continue;
    std::size_t at = n_lowest - 1;
    for (; at > 0 && lowest[at - 1] > value; --at) lowest[at] = lowest[at - 1];
    lowest[at] = value;
  }
  return lowest[below] + part * (lowest[below + 1] - lowest[below]);
}

}  // namespace slicefast
