#include "slicefast/checks.hpp"

#include <algorithm>
#include <cmath>

namespace slicefast {

double Range::least() const {
  return std::max(without_low ? std::nextafter(low, high) : low, std::numeric_limits<double>::lowest());
}

double Range::greatest() const {
  return std::min(without_high ? std::nextafter(high, low) : high, std::numeric_limits<double>::max());
}

std::string Range::text() const {
  const bool from = low > -std::numeric_limits<double>::infinity();
  const bool to = high < std::numeric_limits<double>::infinity();
  const std::string first = (without_low ? "above " : to ? "" : "at least ") + text_of(low);
  const std::string last = (without_high ? "below " : "") + text_of(high);
  if (from && to) return first + (without_low ? " and up to " : " to ") + last;
  if (from) return first + " and finite";
  if (to) return (without_high ? "" : "at most ") + last + " and finite";
  return "finite";
}

void check_indices(std::string_view name, std::span<const std::int32_t> values, std::size_t limit, std::string_view row,
                   std::int32_t least) {
  // 0 where all are right: one pass without branches, as all_within().
  std::int32_t outside = 0;
  const auto last =
      static_cast<std::int32_t>(std::min<std::size_t>(limit, std::numeric_limits<std::int32_t>::max())) - 1;
  for (const std::int32_t value : values)
    outside |= static_cast<std::int32_t>(value < least) | static_cast<std::int32_t>(value > last);
  if (outside == 0) return;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < least || (values[i] >= 0 && static_cast<std::size_t>(values[i]) >= limit))
      refuse_entry(name, row, i, text_of(values[i]),
                   (least < 0 ? text_of(least) + " (none), 0 to " : "0 to ") + text_of(static_cast<long>(limit) - 1));
}

void check_size(std::string_view name, std::size_t size, std::size_t expected, std::string_view one_per) {
  if (size == expected) return;
  refuse(name, text_of(size) + " values", text_of(expected) + ", one per " + std::string(one_per));
}

void check_shape(std::string_view name, std::size_t rows, std::size_t cols, std::size_t expected_rows,
                 std::size_t expected_cols) {
  if (rows == expected_rows && cols == expected_cols) return;
  const auto shape = [](std::size_t r, std::size_t c) {
    return std::string("(").append(text_of(r)).append(", ").append(text_of(c)).append(")");
  };
  refuse(name, "shape " + shape(rows, cols), shape(expected_rows, expected_cols));
}

std::size_t check_name(std::string_view argument, std::string_view name, std::span<const std::string_view> names) {
  std::string allowed;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i;
    allowed += (i ? ", " : "") + std::string(names[i]);
  }
  // Not "'" + std::string(name): GCC 12 warns of an overlap inside it that cannot be.
  refuse(argument, std::string(1, '\'').append(name).append(1, '\''), allowed);
}

}  // namespace slicefast
