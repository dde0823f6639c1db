// The typed errors that cross the border to Python: InvalidArgument -> ValueError, NotConverged ->
// slicefast.NotConverged.
#pragma once

#include <cstdio>
#include <stdexcept>
#include <string>

namespace slicefast {

// A number as a message shows it: 1e-13 is not 0.000000.
inline std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", value);
  return text;
}

// Names the argument, what came and what is allowed.
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

}  // namespace slicefast
