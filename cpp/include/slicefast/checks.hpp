// Checks of what comes into the core, each in one wording (see refuse() in errors.hpp). A check that fails throws
// InvalidArgument and changes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "slicefast/errors.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

// The finite numbers from low to high, with or without the ends.
struct Range {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool without_low = false, without_high = false;

  constexpr bool holds(double value) const {
    return value - value == 0.0 && (without_low ? value > low : value >= low) &&
           (without_high ? value < high : value <= high);
  }
  // The ends as numbers that it holds.
  double least() const;
  double greatest() const;
  // "0 to 1", "above 0 and finite", ...
  std::string text() const;
};
inline constexpr Range any_finite{}, not_negative{.low = 0.0}, positive{.low = 0.0, .without_low = true},
    unit_interval{.low = 0.0, .high = 1.0};
constexpr Range at_least(double low) { return {.low = low}; }
constexpr Range above(double low) { return {.low = low, .without_low = true}; }
constexpr Range within(double low, double high) { return {.low = low, .high = high}; }

// One number; `name` is the argument's, as the caller knows it.
template <class T>
void check_value(std::string_view name, T value, const Range& range) {
  if (!range.holds(static_cast<double>(value))) refuse(name, text_of(value), range.text());
}

// Whether the range holds every number: one pass without branches, which compilers turn into vectors.
template <class T>
bool all_within(std::span<const T> values, const Range& range) {
  const double low = range.least(), high = range.greatest();
  std::int64_t outside = 0;
  for (const T value : values) {
    const auto x = static_cast<double>(value);
    outside |= static_cast<std::int64_t>(!(x >= low)) | static_cast<std::int64_t>(!(x <= high));
  }
  return outside == 0;
}

// Each number of an array; `row` is what an entry belongs to: "user", "cell", "slice", ...
template <class T>
void check_values(std::string_view name, std::span<const T> values, const Range& range, std::string_view row = "row") {
  if (all_within(values, range)) return;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!range.holds(static_cast<double>(values[i]))) refuse_entry(name, row, i, text_of(values[i]), range.text());
}

// Each an index from `least` (0, or -1 for "none") to `limit` - 1.
void check_indices(std::string_view name, std::span<const std::int32_t> values, std::size_t limit,
                   std::string_view row = "row", std::int32_t least = 0);

// The number of values: "name: got 3 values, allowed: 700, one per user".
void check_size(std::string_view name, std::size_t size, std::size_t expected, std::string_view one_per);

// "name: got shape (3, 4), allowed: (700, 4)".
void check_shape(std::string_view name, std::size_t rows, std::size_t cols, std::size_t expected_rows,
                 std::size_t expected_cols);
template <class T>
void check_shape(std::string_view name, const MatrixView<T>& view, std::size_t rows, std::size_t cols) {
  check_shape(name, view.rows, view.cols, rows, cols);
}

// A name among `names`; returns its index: "model: got 'x', allowed: a, b, c".
std::size_t check_name(std::string_view argument, std::string_view name, std::span<const std::string_view> names);

}  // namespace slicefast
