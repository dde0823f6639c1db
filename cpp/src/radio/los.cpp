#include "slicefast/radio/los.hpp"

#include <algorithm>
#include <cmath>

#include "radio/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

double tall_user(double ue_height_m) { return ue_height_m > 13.0 ? std::pow((ue_height_m - 13.0) / 10.0, 1.5) : 0.0; }

LineOfSight line_of_sight(std::string_view name) {
  constexpr std::string_view names[] = {"model", "always", "never"};
  return static_cast<LineOfSight>(check_name("line_of_sight", name, names));
}

LosCurve los_curve(PathLossModel model, LineOfSight line_of_sight) {
  if (line_of_sight == LineOfSight::always) return {.sure_m = 1e6, .scale_m = 1.0};
  if (line_of_sight == LineOfSight::never) return {.sure_m = 0.0, .scale_m = 0.05};  // below 1e-30 from 10 m on
  return los_curve(model);
}

double los_probability(PathLossModel model, double distance_2d_m, double ue_height_m) {
  const LosCurve curve = los_curve(model);
  const double d = distance_2d_m;
  const double decay = std::exp(-d / curve.scale_m);
  const double near = d <= curve.sure_m ? 1.0 : curve.sure_m / d;
  double probability = near + decay * (1.0 - near);
  if (model_parameters(model).tall_users_see_further && d > curve.sure_m)
    probability *= 1.0 + tall_user(ue_height_m) * 1.25 * std::pow(d / 100.0, 3) * std::exp(-d / 150.0);
  return std::clamp(probability, 0.0, 1.0);
}

void los_probability(PathLossModel model, std::span<const double> distance_2d_m, std::span<const double> ue_height_m,
                     std::span<double> probability) {
  check_size("ue_height_m", ue_height_m.size(), distance_2d_m.size(), "link");
  check_size("probability", probability.size(), distance_2d_m.size(), "link");
  for (std::size_t i = 0; i < probability.size(); ++i)
    probability[i] = los_probability(model, distance_2d_m[i], ue_height_m[i]);
}

}  // namespace slicefast
