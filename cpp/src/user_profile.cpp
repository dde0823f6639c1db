// Users' heights and buildings, checked once and brought to the units of the link kernel.
#include <algorithm>
#include <cmath>
#include <string>

#include "radio_curves.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/radio.hpp"

namespace slicefast {
namespace {

constexpr double log2_per_db = 0.33219280948873623;  // log2(10) / 10

void check(std::span<const double> values, std::size_t n_users, const char* name, double low, double high) {
  if (values.size() != n_users)
    throw InvalidArgument(std::string(name) + ": got " + std::to_string(values.size()) +
                          " values, expected one per user, " + std::to_string(n_users));
  for (std::size_t u = 0; u < n_users; ++u)
    if (!(values[u] >= low && values[u] <= high))
      throw InvalidArgument(std::string(name) + ": user " + std::to_string(u) + " has " + std::to_string(values[u]) +
                            ", allowed " + std::to_string(low) + ".." + std::to_string(high));
}

}  // namespace

UserProfile::UserProfile(std::span<const double> height_m, std::span<const std::uint8_t> is_indoor,
                         std::span<const double> inside_m, std::span<const double> loss_db,
                         std::span<const double> environment_draw) {
  const std::size_t n = height_m.size();
  check(height_m, n, "height_m", 1.01, 22.5);
  check(inside_m, n, "inside_m", 0.0, 1000.0);
  check(loss_db, n, "loss_db", -200.0, 200.0);
  check(environment_draw, n, "environment", 0.0, 1.0);
  if (is_indoor.size() != n)
    throw InvalidArgument("indoor: got " + std::to_string(is_indoor.size()) + " values, expected one per user, " +
                          std::to_string(n));
  for (std::size_t u = 0; u < n; ++u) {
    height.push_back(static_cast<float>(height_m[u]));
    tall.push_back(static_cast<float>(tall_user(height_m[u])));
    choices.push_back(static_cast<float>(std::max(std::floor((height_m[u] - 13.5) / 3.0) + 1.0, 1.0)));
    inside.push_back(static_cast<float>(inside_m[u]));
    loss.push_back(static_cast<float>(loss_db[u] * log2_per_db));
    environment.push_back(static_cast<float>(environment_draw[u]));
    indoor.push_back(is_indoor[u] ? 1.0f : 0.0f);
  }
}

}  // namespace slicefast
