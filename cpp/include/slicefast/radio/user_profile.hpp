// Users who differ from the outdoor ones at one height: floors, buildings, and what they see of masts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace slicefast {

// U values each; TR 36.873 and TR 38.901 models only. With line of sight decided on the outdoor way d - inside. The
// effective environment height is 1 m with probability 1 / (1 + C), else uniform on {12, 15, ..., h - 1.5} (TR 38.901
// Table 7.4.1-1, note 1): C differs from 0 for users above 13 m in the macro models, and the user's `environment`,
// uniform on [0, 1), decides for all sites.
struct UserProfile {
  UserProfile(std::span<const double> height_m, std::span<const std::uint8_t> is_indoor,
              std::span<const double> inside_m, std::span<const double> loss_db,
              std::span<const double> environment_draw);
  std::size_t size() const { return height.size(); }
  // As the kernels read them: heights [m], tall_user(h), number of environment heights besides 1 m, way inside [m],
  // building's loss in log2 units, draw, 1 indoors.
  std::vector<float> height, tall, choices, inside, loss, environment, indoor;
};

}  // namespace slicefast
