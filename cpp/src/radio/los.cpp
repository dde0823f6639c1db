#include "slicefast/radio/los.hpp"

#include <algorithm>
#include <cmath>

#include "radio/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

double tall_user(double ue_height_m) { return ue_height_m > 13.0 ? std::pow((ue_height_m - 13.0) / 10.0, 1.5) : 0.0; }

LineOfSight line_of_sight(std::string_view name) {
  constexpr std::string_view names[] = {"model", "always", "never", "soft"};
  return static_cast<LineOfSight>(check_name("line_of_sight", name, names));
}

LosCurve los_curve(PathLossModel model, LineOfSight line_of_sight) {
  LosCurve curve = los_curve(model);
  if (line_of_sight == LineOfSight::model || line_of_sight == LineOfSight::soft) return curve;
  const double turn_m = curve.in_pieces() ? no_turn_m : 0.0;  // the form stays: it selects the kernel
  if (line_of_sight == LineOfSight::always) return {.sure_m = 1e6, .scale_m = 1.0, .turn_m = turn_m};
  return {.sure_m = 0.0, .scale_m = 0.05, .turn_m = turn_m};  // below 1e-8 at 1 m, below 1e-30 from 10 m on
}

double los_probability(PathLossModel model, double distance_2d_m, double ue_height_m) {
  const LosCurve curve = los_curve(model);
  const double d = distance_2d_m;
  if (curve.in_pieces())
    return d < curve.turn_m ? std::min(1.0, std::exp(-(d - curve.sure_m) / curve.scale_m))
                            : curve.far_weight * std::exp(-(d - curve.turn_m) / curve.far_scale_m);
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
