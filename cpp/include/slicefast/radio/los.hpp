// Line of sight: its probability by model and distance, one link at a time.
#pragma once

#include <span>
#include <string_view>

#include "slicefast/radio/path_loss.hpp"

namespace slicefast {

// Probability of line of sight in [0, 1]: q + (1 - q) e^(-d / scale), q = min(sure / d, 1); more for users above 13 m
// in the TR macro models (TR 36.873 Table 7.2-2, TR 38.901 Table 7.4.2-1).
double los_probability(PathLossModel model, double distance_2d_m, double ue_height_m);

// Whether links are in line of sight: drawn with the probability above, or forced.
enum class LineOfSight { model, always, never };
LineOfSight line_of_sight(std::string_view name);

// Of many links; arrays of one length.
void los_probability(PathLossModel model, std::span<const double> distance_2d_m, std::span<const double> ue_height_m,
                     std::span<double> probability);

}  // namespace slicefast
