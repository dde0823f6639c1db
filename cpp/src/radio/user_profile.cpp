// Users' heights and buildings, checked once and brought to the units of the link kernel.
#include "slicefast/radio/user_profile.hpp"

#include <algorithm>
#include <cmath>

#include "radio/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

// The kernel compares the draw with 1 / (1 + C), to 3e-7: a draw nearer to 1 could raise the environment where C = 0.
constexpr float last_draw = 1.0f - 1e-6f;

}  // namespace

UserProfile::UserProfile(std::span<const double> height_m, std::span<const std::uint8_t> is_indoor,
                         std::span<const double> inside_m, std::span<const double> loss_db,
                         std::span<const double> environment_draw) {
  const std::size_t n = height_m.size();
  const auto check = [n](std::string_view name, std::span<const double> values, const Range& range) {
    check_size(name, values.size(), n, "user");
    check_values(name, values, range, "user");
  };
  check("height_m", height_m, within(1.01, 22.5));
  check("inside_m", inside_m, within(0.0, 1000.0));
  check("loss_db", loss_db, within(-200.0, 200.0));
  check("environment", environment_draw, unit_interval);
  check_size("indoor", is_indoor.size(), n, "user");
  for (std::size_t u = 0; u < n; ++u) {
    height.push_back(static_cast<float>(height_m[u]));
    tall.push_back(static_cast<float>(tall_user(height_m[u])));
    choices.push_back(static_cast<float>(std::max(std::floor((height_m[u] - 13.5) / 3.0) + 1.0, 1.0)));
    inside.push_back(static_cast<float>(inside_m[u]));
    loss.push_back(static_cast<float>(loss_db[u] * log2_per_db));
    environment.push_back(std::min(static_cast<float>(environment_draw[u]), last_draw));
    indoor.push_back(is_indoor[u] ? 1.0f : 0.0f);
  }
}

}  // namespace slicefast
