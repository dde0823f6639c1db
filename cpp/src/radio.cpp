// The radio formulas in double precision, one link at a time: what LinkModel is built from and checked against.
//
// Symbols: d distance [m], fc carrier [GHz], hb, hm antenna heights [m], hb' = hb - 1, hm' = hm - 1, c = 3e8 m/s,
// PL path loss [dB].
#include "slicefast/radio.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>

#include "radio_curves.hpp"
#include "slicefast/errors.hpp"

namespace slicefast {
namespace {

constexpr double speed_of_light = 3.0e8;  // the value the specifications use for the breakpoint

constexpr std::array<std::string_view, 9> model_names = {"winner_plus_c1", "winner_plus_c2", "winner_plus_b1",
                                                         "m2135_uma",      "m2135_umi",      "tr36873_uma",
                                                         "tr36873_umi",    "tr38901_uma",    "tr38901_umi"};
constexpr std::array<std::string_view, 3> pattern_names = {"tr36814", "m2135", "tr38901_element"};

template <std::size_t n>
int index_of(std::string_view name, const std::array<std::string_view, n>& names, const char* argument) {
  std::string allowed;
  for (std::size_t i = 0; i < n; ++i) {
    if (names[i] == name) return static_cast<int>(i);
    allowed += (i ? ", " : "") + std::string(names[i]);
  }
  throw InvalidArgument(std::string(argument) + ": got '" + std::string(name) + "', allowed: " + allowed);
}

// WINNER+ D5.3 Table 4-1, C2 and C1 NLOS: (44.9 - 6.55 log hb) log d + 5.83 log hb + K.
Line winner_nlos(double bs_height_m, double k) {
  const double log_h = std::log10(bs_height_m);
  return {5.83 * log_h + k, 44.9 - 6.55 * log_h};
}

// K of C2 NLOS by carrier frequency.
double winner_c2_constant(double fc) {
  if (fc < 1.5) return 16.33 + 26.16 * std::log10(fc);
  if (fc < 2.0) return 14.78 + 34.97 * std::log10(fc);
  return 18.38 + 23.0 * std::log10(fc);
}

// ITU-R M.2135 Table A1-2, UMa NLOS with street width 20 m and building height 20 m; also TR 36.873 3D-UMa.
Line m2135_uma_nlos(double fc, double hb, double hm) {
  const double w = 20.0, h = 20.0;
  const double slope = 43.42 - 3.1 * std::log10(hb);
  const double at_1km = 161.04 - 7.1 * std::log10(w) + 7.5 * std::log10(h) -
                        (24.37 - 3.7 * (h / hb) * (h / hb)) * std::log10(hb) + 20.0 * std::log10(fc) -
                        (3.2 * std::pow(std::log10(11.75 * hm), 2) - 4.97);
  return {at_1km - 3.0 * slope, slope};
}

// The far branch of the TR 36.873 and TR 38.901 LOS curves: near constant, slope 40, - drop log(dBP^2 + dh^2).
Line tr_far(double constant, double drop, double fc, double breakpoint, double dh) {
  return {constant + 20.0 * std::log10(fc) - drop * std::log10(breakpoint * breakpoint + dh * dh), 40.0};
}

}  // namespace

PathLossModel path_loss_model(std::string_view name) {
  return static_cast<PathLossModel>(index_of(name, model_names, "model"));
}

AntennaPattern antenna_pattern(std::string_view name) {
  return static_cast<AntennaPattern>(index_of(name, pattern_names, "pattern"));
}

ModelParameters model_parameters(PathLossModel model) {
  switch (model) {
    case PathLossModel::winner_plus_c1:
      return {4, 6, 8, 40, 50, 30, 5000, 0.45e9, 6e9, 0};
    case PathLossModel::winner_plus_c2:
      return {4, 6, 8, 45, 50, 10, 5000, 0.45e9, 6e9, 0};
    case PathLossModel::winner_plus_b1:
      return {3, 3, 4, 14, 12, 10, 2000, 0.45e9, 6e9, 0};
    case PathLossModel::m2135_uma:
      return {4, 4, 6, 37, 50, 10, 5000, 2e9, 6e9, 0};
    case PathLossModel::m2135_umi:
      return {3, 3, 4, 10, 13, 10, 5000, 2e9, 6e9, 0};
    case PathLossModel::tr36873_uma:
      return {4, 4, 6, 37, 50, 10, 5000, 2e9, 6e9, 7};
    case PathLossModel::tr36873_umi:
      return {3, 3, 4, 10, 13, 10, 5000, 2e9, 6e9, 7};
    case PathLossModel::tr38901_uma:
      return {4, 4, 6, 37, 50, 10, 5000, 0.5e9, 100e9, 0};
    case PathLossModel::tr38901_umi:
      return {4, 4, 7.82, 10, 13, 10, 5000, 0.5e9, 100e9, 0};
  }
  throw InvalidArgument("model: unknown");
}

double breakpoint_distance_m(PathLossModel model, double frequency_hz, double bs_height_m, double ue_height_m,
                             double environment_height_m) {
  if (model == PathLossModel::winner_plus_c1)  // suburban: true heights
    return 4.0 * bs_height_m * ue_height_m * frequency_hz / speed_of_light;
  return 4.0 * (bs_height_m - environment_height_m) * (ue_height_m - environment_height_m) * frequency_hz /
         speed_of_light;
}

LossCurves loss_curves(PathLossModel model, double frequency_hz, double bs_height_m, double ue_height_m,
                       double environment_height_m) {
  const double fc = frequency_hz / 1e9, log_fc = std::log10(fc);
  const double hb = bs_height_m, hm = ue_height_m, dh = hb - hm;
  const double log_hb1 = std::log10(hb - 1.0), log_hm1 = std::log10(hm - 1.0);
  const double bp = breakpoint_distance_m(model, frequency_hz, hb, hm, environment_height_m);
  switch (model) {
    case PathLossModel::winner_plus_c2:
      return {{25.0 + 20.0 * log_fc, 26.0},
              {9.27 - 14.0 * log_hb1 - 14.0 * log_hm1 + 6.0 * log_fc, 40.0},
              winner_nlos(hb, winner_c2_constant(fc)),
              bp,
              false,
              false};
    case PathLossModel::winner_plus_c1:
      return {{27.2 + 20.0 * log_fc, 23.8},
              {9.0 - 16.2 * std::log10(hb) - 16.2 * std::log10(hm) + 3.8 * log_fc, 40.0},
              winner_nlos(hb, 15.38 + 23.0 * log_fc),
              bp,
              false,
              false};
    case PathLossModel::winner_plus_b1:  // hexagonal NLOS: the C2 form at 10 m
      return {{27.0 + 20.0 * log_fc, 22.7},
              {7.56 - 17.3 * log_hb1 - 17.3 * log_hm1 + 2.7 * log_fc, 40.0},
              winner_nlos(10.0, winner_c2_constant(fc)),
              bp,
              false,
              false};
    case PathLossModel::m2135_uma:
    case PathLossModel::m2135_umi: {
      const Line nlos =
          model == PathLossModel::m2135_uma ? m2135_uma_nlos(fc, hb, hm) : Line{22.7 + 26.0 * log_fc, 36.7};
      return {{28.0 + 20.0 * log_fc, 22.0},
              {7.8 - 18.0 * log_hb1 - 18.0 * log_hm1 + 2.0 * log_fc, 40.0},
              nlos,
              bp,
              false,
              false};
    }
    case PathLossModel::tr36873_uma: {
      Line nlos = m2135_uma_nlos(fc, hb, 1.5);  // the height gain is linear here, not in the Okumura term
      nlos.intercept_db -= 0.6 * (hm - 1.5);
      return {{28.0 + 20.0 * log_fc, 22.0}, tr_far(28.0, 9.0, fc, bp, dh), nlos, bp, true, true, 9.0, -0.6};
    }
    case PathLossModel::tr36873_umi:
      return {{28.0 + 20.0 * log_fc, 22.0},
              tr_far(28.0, 9.0, fc, bp, dh),
              {22.7 + 26.0 * log_fc - 0.3 * (hm - 1.5), 36.7},
              bp,
              true,
              true,
              9.0,
              -0.3};
    case PathLossModel::tr38901_uma:
      return {{28.0 + 20.0 * log_fc, 22.0},
              tr_far(28.0, 9.0, fc, bp, dh),
              {13.54 + 20.0 * log_fc - 0.6 * (hm - 1.5), 39.08},
              bp,
              true,
              true,
              9.0,
              -0.6};
    case PathLossModel::tr38901_umi:
      return {{32.4 + 20.0 * log_fc, 21.0},
              tr_far(32.4, 9.5, fc, bp, dh),
              {22.4 + 21.3 * log_fc - 0.3 * (hm - 1.5), 35.3},
              bp,
              true,
              true,
              9.5,
              -0.3};
  }
  throw InvalidArgument("model: unknown");
}

double path_loss_db(PathLossModel model, bool los, double distance_2d_m, double frequency_hz, double bs_height_m,
                    double ue_height_m, double environment_height_m) {
  const LossCurves curves = loss_curves(model, frequency_hz, bs_height_m, ue_height_m, environment_height_m);
  const double dh = curves.uses_3d ? bs_height_m - ue_height_m : 0.0;
  const double log_d = std::log10(std::hypot(distance_2d_m, dh));
  const double los_db = (distance_2d_m <= curves.breakpoint_m ? curves.los_near : curves.los_far).at(log_d);
  if (los) return los_db;
  const double nlos_db = curves.nlos.at(log_d);
  return curves.nlos_at_least_los ? std::max(los_db, nlos_db) : nlos_db;
}

LosCurve los_curve(PathLossModel model) {
  switch (model) {
    case PathLossModel::winner_plus_c1:
      return {0.0, 200.0};
    case PathLossModel::winner_plus_b1:
    case PathLossModel::m2135_umi:
    case PathLossModel::tr36873_umi:
    case PathLossModel::tr38901_umi:
      return {18.0, 36.0};
    default:
      return {18.0, 63.0};
  }
}

bool tall_users_see_further(PathLossModel model) {
  return model == PathLossModel::tr36873_uma || model == PathLossModel::tr38901_uma;
}

double tall_user(double ue_height_m) { return ue_height_m > 13.0 ? std::pow((ue_height_m - 13.0) / 10.0, 1.5) : 0.0; }

double los_probability(PathLossModel model, double distance_2d_m, double ue_height_m) {
  const LosCurve curve = los_curve(model);
  const double d = distance_2d_m;
  const double decay = std::exp(-d / curve.scale_m);
  const double near = d <= curve.sure_m ? 1.0 : curve.sure_m / d;
  double probability = near + decay * (1.0 - near);
  if (tall_users_see_further(model) && d > curve.sure_m)
    probability *= 1.0 + tall_user(ue_height_m) * 1.25 * std::pow(d / 100.0, 3) * std::exp(-d / 150.0);
  return std::clamp(probability, 0.0, 1.0);
}

AntennaShape antenna_shape(AntennaPattern pattern) {
  switch (pattern) {
    case AntennaPattern::tr36814:
      return {14.0, 70.0, 25.0, 10.0, 20.0, 25.0};
    case AntennaPattern::m2135:
      return {17.0, 70.0, 20.0, 15.0, 20.0, 20.0};
    case AntennaPattern::tr38901_element:
      return {8.0, 65.0, 30.0, 65.0, 30.0, 30.0};
  }
  throw InvalidArgument("pattern: unknown");
}

double column_gain_db(double depression_deg, double tilt_deg, int elements) {
  // |sum_m e^(2 j m x)| = |sin(K x) / sin x| = |U_{K-1}(cos x)|, the Chebyshev polynomial of the second kind: no
  // division, so no trouble in the direction of the beam. cos(zenith) = -sin(depression).
  const double degree = std::numbers::pi / 180.0;
  const double x = 0.5 * std::numbers::pi * (std::sin(tilt_deg * degree) - std::sin(depression_deg * degree));
  double previous = 0.0, current = 1.0;
  for (int k = 1; k < elements; ++k) {
    const double next = 2.0 * std::cos(x) * current - previous;
    previous = current;
    current = next;
  }
  return 10.0 * std::log10(std::max(current * current / elements, 1e-20));
}

double antenna_gain_db(AntennaPattern pattern, double azimuth_deg, double depression_deg, double tilt_deg,
                       int elements) {
  const AntennaShape shape = antenna_shape(pattern);
  const double phi = std::remainder(azimuth_deg, 360.0);
  // The TR 38.901 elements look at the horizon and the column is steered electrically, so the tilt of a single one
  // changes nothing. The other patterns have their tilt inside.
  const bool column = pattern == AntennaPattern::tr38901_element;
  const double theta = depression_deg - (column ? 0.0 : tilt_deg);
  const double horizontal = std::min(12.0 * std::pow(phi / shape.width_h_deg, 2), shape.floor_h_db);
  const double vertical = std::min(12.0 * std::pow(theta / shape.width_v_deg, 2), shape.floor_v_db);
  const double element = shape.peak_dbi - std::min(horizontal + vertical, shape.floor_db);
  return column && elements > 1 ? element + column_gain_db(depression_deg, tilt_deg, elements) : element;
}

}  // namespace slicefast
