// The pieces that path_loss.cpp, los.cpp and antenna.cpp evaluate in double and LinkModel turns into float32 constants:
// every path loss curve is a straight line in log10 of the distance between breakpoints; RMa's has a part in the
// distance itself besides.
#pragma once

#include "slicefast/radio/antenna.hpp"
#include "slicefast/radio/los.hpp"
#include "slicefast/radio/path_loss.hpp"

namespace slicefast {

inline constexpr double log2_per_db = 0.33219280948873623;  // log2(10) / 10

struct Line {
  double intercept_db, slope_db;  // PL = intercept + slope log10 d
  double at(double log10_d) const { return intercept_db + slope_db * log10_d; }
};

struct LossCurves {
  Line los_near, los_far, nlos;
  double breakpoint_m;     // compared with the 2-D distance
  bool nlos_at_least_los;  // NLOS = max(LOS, line)
  // What other users' heights change in the TR models: los_far holds - far_drop log10(dBP^2 + dh^2), nlos holds
  // nlos_per_m (hm - 1.5).
  double far_drop = 0.0, nlos_per_m = 0.0;
  double los_near_per_m = 0.0;  // added to los_near, times the distance
};
LossCurves loss_curves(PathLossModel model, double frequency_hz, double bs_height_m, double ue_height_m,
                       double environment_height_m = 1.0);

inline constexpr double no_turn_m = 1e9;  // farther than any link

// P(LOS) = q + (1 - q) e^(-d / scale), q = min(sure / d, 1), for users up to 13 m.
// In pieces (turn > 0): P = min(1, e^(-(d - sure) / scale)) up to turn, w e^(-(d - turn) / far_scale) beyond.
struct LosCurve {
  double sure_m, scale_m;
  double turn_m = 0.0, far_weight = 1.0, far_scale_m = 1.0;
  bool in_pieces() const { return turn_m > 0.0; }
};
LosCurve los_curve(PathLossModel model);
LosCurve los_curve(PathLossModel model, LineOfSight line_of_sight);

// In the TR macro models users above 13 m see further: P is multiplied by 1 + C, C = tall_user(h) 1.25 (d / 100)^3
// e^(-d / 150) beyond 18 m, tall_user = ((h - 13) / 10)^1.5 above 13 m.
double tall_user(double ue_height_m);

// G = peak - min(min(12 (phi / width_h)^2, floor_h) + min(12 ((theta - tilt) / width_v)^2, floor_v), floor) [dB].
struct AntennaShape {
  double peak_dbi, width_h_deg, floor_h_db, width_v_deg, floor_v_db, floor_db;
};
AntennaShape antenna_shape(AntennaPattern pattern);

// 20 log10(|sum_m e^(j pi m (cos zenith - cos tilt))| / sqrt(elements)), floored at -200 dB in its nulls.
double column_gain_db(double depression_deg, double tilt_deg, int elements);

}  // namespace slicefast
