// The typed errors that cross the border to Python: InvalidArgument -> ValueError, NotConverged ->
// slicefast.NotConverged.
#pragma once

#include <concepts>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

namespace slicefast {

// A number as a message shows it: 1e-13 is not 0.000000.
inline std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", value);
  return text;
}
inline std::string text_of(std::integral auto value) { return std::to_string(value); }

// Names the argument, what came and what is allowed; made by refuse().
struct InvalidArgument : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A fixed point was not reached; carries how far the iteration came.
struct NotConverged : std::runtime_error {
  NotConverged(const std::string& message, int iterations_, double residual_)
      : std::runtime_error(message), iterations(iterations_), residual(residual_) {}
  int iterations;
  double residual;
};

// The wording of every refusal: "name: got X, allowed: Y"; of one entry of an array "name: user 3 has X, allowed: Y".
[[noreturn]] inline void refuse(std::string_view name, std::string_view got, std::string_view allowed) {
  throw InvalidArgument(std::string(name) + ": got " + std::string(got) + ", allowed: " + std::string(allowed));
}
[[noreturn]] inline void refuse_entry(std::string_view name, std::string_view row, std::size_t index,
                                      std::string_view got, std::string_view allowed) {
  throw InvalidArgument(std::string(name) + ": " + std::string(row) + " " + std::to_string(index) + " has " +
                        std::string(got) + ", allowed: " + std::string(allowed));
}

}  // namespace slicefast
