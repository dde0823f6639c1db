// Line of sight: its probability by model and distance, one link at a time.
#pragma once

#include <span>
#include <string_view>

#include "slicefast/radio/path_loss.hpp"

namespace slicefast {

// Probability of line of sight in [0, 1]: q + (1 - q) e^(-d / scale), q = min(sure / d, 1); more for users above 13 m
// in the TR macro models (TR 36.873 Table 7.2-2, TR 38.901 Table 7.4.2-1).
double los_probability(PathLossModel model, double distance_2d_m, double ue_height_m);

// Whether links are in line of sight: drawn with the probability above, or forced, or drawn and softened (TR 38.901
// 7.6.3.3): with the state field G, of a link in line of sight where G < F = Phi^-1(P),
//   s = 1/2 + atan(sqrt(20 m / wavelength) (F - G)) / pi                         (7.6-18)
//   gain = s^2 gain in sight + (1 - s^2) gain out of sight                       (7.6-19, in the mean over phases)
enum class LineOfSight { model, always, never, soft };
LineOfSight line_of_sight(std::string_view name);

// Of many links; arrays of one length.
void los_probability(PathLossModel model, std::span<const double> distance_2d_m, std::span<const double> ue_height_m,
                     std::span<double> probability);

}  // namespace slicefast
