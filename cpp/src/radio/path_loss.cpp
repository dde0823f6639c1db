// The path loss models: one row each.
//
// Symbols: d distance [m], fc carrier [GHz], hb, hm antenna heights [m], hb' = hb - 1, hm' = hm - 1, c = 3e8 m/s,
// PL path loss [dB].
#include "slicefast/radio/path_loss.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "radio/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

constexpr double speed_of_light = 3.0e8;  // the value the specifications use for the breakpoint

// What a model's curves depend on; logarithms to base 10.
struct Link {
  double fc, log_fc, hb, hm, dh, log_hb1, log_hm1, breakpoint;
};

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

// ITU-R M.2135 Table A1-2, UMa NLOS with street width 20 m and building height 20 m; also TR 36.873 3D-UMa and, with
// buildings of 5 m, TR 38.901 RMa.
Line m2135_uma_nlos(double fc, double hb, double hm, double h = 20.0) {
  const double w = 20.0;
  const double slope = 43.42 - 3.1 * std::log10(hb);
  const double at_1km = 161.04 - 7.1 * std::log10(w) + 7.5 * std::log10(h) -
                        (24.37 - 3.7 * (h / hb) * (h / hb)) * std::log10(hb) + 20.0 * std::log10(fc) -
                        (3.2 * std::pow(std::log10(11.75 * hm), 2) - 4.97);
  return {at_1km - 3.0 * slope, slope};
}

// The far branch of the TR 36.873 and TR 38.901 LOS curves: near constant, slope 40, - drop log(dBP^2 + dh^2).
Line tr_far(double constant, double drop, const Link& l) {
  return {constant + 20.0 * l.log_fc - drop * std::log10(l.breakpoint * l.breakpoint + l.dh * l.dh), 40.0};
}

LossCurves winner_plus_c1(const Link& l) {
  return {.los_near = {27.2 + 20.0 * l.log_fc, 23.8},
          .los_far = {9.0 - 16.2 * std::log10(l.hb) - 16.2 * std::log10(l.hm) + 3.8 * l.log_fc, 40.0},
          .nlos = winner_nlos(l.hb, 15.38 + 23.0 * l.log_fc),
          .breakpoint_m = l.breakpoint,
          .nlos_at_least_los = false};
}

LossCurves winner_plus_c2(const Link& l) {
  return {.los_near = {25.0 + 20.0 * l.log_fc, 26.0},
          .los_far = {9.27 - 14.0 * l.log_hb1 - 14.0 * l.log_hm1 + 6.0 * l.log_fc, 40.0},
          .nlos = winner_nlos(l.hb, winner_c2_constant(l.fc)),
          .breakpoint_m = l.breakpoint,
          .nlos_at_least_los = false};
}

LossCurves winner_plus_b1(const Link& l) {  // hexagonal NLOS: the C2 form at 10 m
  return {.los_near = {27.0 + 20.0 * l.log_fc, 22.7},
          .los_far = {7.56 - 17.3 * l.log_hb1 - 17.3 * l.log_hm1 + 2.7 * l.log_fc, 40.0},
          .nlos = winner_nlos(10.0, winner_c2_constant(l.fc)),
          .breakpoint_m = l.breakpoint,
          .nlos_at_least_los = false};
}

LossCurves m2135(const Link& l, const Line& nlos) {
  return {.los_near = {28.0 + 20.0 * l.log_fc, 22.0},
          .los_far = {7.8 - 18.0 * l.log_hb1 - 18.0 * l.log_hm1 + 2.0 * l.log_fc, 40.0},
          .nlos = nlos,
          .breakpoint_m = l.breakpoint,
          .nlos_at_least_los = false};
}
LossCurves m2135_uma(const Link& l) { return m2135(l, m2135_uma_nlos(l.fc, l.hb, l.hm)); }
LossCurves m2135_umi(const Link& l) { return m2135(l, {22.7 + 26.0 * l.log_fc, 36.7}); }

// The curves of TR 36.873 and TR 38.901; `nlos` without the height's part.
LossCurves tr(const Link& l, const Line& near, double near_constant, double drop, Line nlos, double nlos_per_m) {
  nlos.intercept_db += nlos_per_m * (l.hm - 1.5);
  return {.los_near = near,
          .los_far = tr_far(near_constant, drop, l),
          .nlos = nlos,
          .breakpoint_m = l.breakpoint,
          .nlos_at_least_los = true,
          .far_drop = drop,
          .nlos_per_m = nlos_per_m};
}
LossCurves tr36873_uma(const Link& l) {  // the height gain is linear here, not in the Okumura term
  return tr(l, {28.0 + 20.0 * l.log_fc, 22.0}, 28.0, 9.0, m2135_uma_nlos(l.fc, l.hb, 1.5), -0.6);
}
LossCurves tr36873_umi(const Link& l) {
  return tr(l, {28.0 + 20.0 * l.log_fc, 22.0}, 28.0, 9.0, {22.7 + 26.0 * l.log_fc, 36.7}, -0.3);
}
LossCurves tr38901_uma(const Link& l) {
  return tr(l, {28.0 + 20.0 * l.log_fc, 22.0}, 28.0, 9.0, {13.54 + 20.0 * l.log_fc, 39.08}, -0.6);
}
LossCurves tr38901_umi(const Link& l) {
  return tr(l, {32.4 + 20.0 * l.log_fc, 21.0}, 32.4, 9.5, {22.4 + 21.3 * l.log_fc, 35.3}, -0.3);
}

// TR 38.901 RMa with buildings of 5 m. PL2 = PL1(dBP) + 40 log(d / dBP).
LossCurves tr38901_rma(const Link& l) {
  const double h = 5.0, raised = std::pow(h, 1.72), per_m = 0.002 * std::log10(h);
  const Line near{20.0 * std::log10(40.0 * std::numbers::pi * l.fc / 3.0) - std::min(0.044 * raised, 14.77),
                  20.0 + std::min(0.03 * raised, 10.0)};
  const double log_turn = std::log10(l.breakpoint);
  return {.los_near = near,
          .los_far = {near.at(log_turn) + per_m * l.breakpoint - 40.0 * log_turn, 40.0},
          .nlos = m2135_uma_nlos(l.fc, l.hb, l.hm, h),
          .breakpoint_m = l.breakpoint,
          .nlos_at_least_los = true,
          .los_near_per_m = per_m};
}

LossCurves tr38901_inh(const Link& l) {
  const Line los{32.4 + 20.0 * l.log_fc, 17.3};
  return {.los_near = los,
          .los_far = los,
          .nlos = {17.3 + 24.9 * l.log_fc, 38.3},
          .breakpoint_m = l.breakpoint,
          .nlos_at_least_los = true};
}

// What the breakpoint is made of: 4 h h f / c of heights above the environment or of true heights, or 2 pi h h f / c.
enum class Breakpoint : std::uint8_t { effective_heights, true_heights, rural, none };

struct Row {
  std::string_view name;
  LossCurves (*curves)(const Link&);
  LosCurve los;
  Breakpoint breakpoint;
  ModelParameters parameters;
};

constexpr LosCurve suburban{0.0, 200.0}, macro{18.0, 63.0}, micro{18.0, 36.0};
// TR 38.901 Table 7.4.2-1: RMa, indoor office mixed and open.
constexpr LosCurve rural{10.0, 1000.0, no_turn_m}, mixed_office{1.2, 4.7, 6.5, 0.32, 32.6};
constexpr LosCurve open_office{5.0, 70.8, 49.0, 0.54, 211.7};
constexpr Breakpoint effective = Breakpoint::effective_heights;

// Parameters that a family of models shares; the table names what differs.
constexpr ModelParameters winner_plus(double near, double far, double nlos, double decorrelation_los,
                                      double decorrelation_nlos, double min_distance, double max_distance) {
  return {.sigma_los_near_db = near,
          .sigma_los_far_db = far,
          .sigma_nlos_db = nlos,
          .sigma_indoor_db = 0,
          .decorrelation_los_m = decorrelation_los,
          .decorrelation_nlos_m = decorrelation_nlos,
          .decorrelation_los_state_m = 50,
          .min_distance_m = min_distance,
          .max_distance_m = max_distance,
          .min_frequency_hz = 0.45e9,
          .max_frequency_hz = 6e9,
          .bs_height_m = {3.0, 300.0},
          .ue_height_m = {1.01, 10.0},
          .made_for_bs_height_m = {10.0, 150.0},  // no range in the document: that of ITU-R M.2135's same forms
          .made_for_ue_height_m = {1.5, 10.0},
          .default_ue_height_m = 1.5,
          .uses_3d_distance = false,
          .supports_indoor = false,
          .tall_users_see_further = false,
          .supports_tr38901_building = false};
}

constexpr ModelParameters street_level(ModelParameters p) {  // the documents fix the mast
  p.made_for_bs_height_m = {10.0, 10.0};
  return p;
}

constexpr ModelParameters m2135_macro() {
  ModelParameters p = winner_plus(4, 4, 6, 37, 50, 10, 5000);
  p.min_frequency_hz = 2e9;
  p.made_for_ue_height_m = {1.0, 10.0};
  return p;
}
constexpr ModelParameters m2135_micro() {
  ModelParameters p = street_level(winner_plus(3, 3, 4, 10, 13, 10, 5000));
  p.min_frequency_hz = 2e9;
  p.made_for_ue_height_m = {1.0, 2.5};
  return p;
}

constexpr ModelParameters tr_model(ModelParameters p) {
  p.ue_height_m = {1.01, 22.5};
  p.made_for_ue_height_m = {1.5, 22.5};
  p.uses_3d_distance = p.supports_indoor = true;
  return p;
}
constexpr ModelParameters tr36873(ModelParameters p) {
  p = tr_model(p);
  p.sigma_indoor_db = 7;
  return p;
}
constexpr ModelParameters tr38901(ModelParameters p) {
  p = tr_model(p);
  p.min_frequency_hz = 0.5e9;
  p.max_frequency_hz = 100e9;
  p.supports_tr38901_building = true;
  return p;
}
constexpr ModelParameters at_25m(ModelParameters p) {  // TR 38.901 Table 7.4.1-1, UMa
  p.made_for_bs_height_m = {25.0, 25.0};
  return p;
}
constexpr ModelParameters with_tall_users(ModelParameters p) {
  p.tall_users_see_further = true;
  return p;
}
constexpr ModelParameters with_sigma(ModelParameters p, double los_db, double nlos_db) {
  p.sigma_los_near_db = p.sigma_los_far_db = los_db;
  p.sigma_nlos_db = nlos_db;
  return p;
}

// TR 38.901 Tables 7.2-3, 7.4.1-1, 7.5-6 and 7.6.3.1-2; the NLOS formula of RMa ends at 5 km, the LOS one at 10 km.
constexpr ModelParameters tr38901_rural() {
  ModelParameters p = winner_plus(4, 6, 8, 37, 120, 10, 5000);
  p.decorrelation_los_state_m = 60;
  p.min_frequency_hz = 0.5e9;
  p.max_frequency_hz = 30e9;
  p.made_for_ue_height_m = {1.0, 10.0};
  p.uses_3d_distance = true;
  return p;
}
// Tables 7.2-2 (masts at the ceiling, 3 m), 7.4.1-1, 7.5-6 and 7.6.3.1-2; users of 1 m there, of 1.5 m in ITU-R M.2412.
constexpr ModelParameters tr38901_office() {
  ModelParameters p = winner_plus(3, 3, 8.03, 10, 6, 1, 150);
  p.decorrelation_los_state_m = 10;
  p.min_frequency_hz = 0.5e9;
  p.max_frequency_hz = 100e9;
  p.made_for_bs_height_m = {3.0, 3.0};
  p.made_for_ue_height_m = {1.0, 1.5};
  p.uses_3d_distance = true;
  return p;
}

constexpr auto rows = std::to_array<Row>({
    {"winner_plus_c1", winner_plus_c1, suburban, Breakpoint::true_heights, winner_plus(4, 6, 8, 40, 50, 30, 5000)},
    {"winner_plus_c2", winner_plus_c2, macro, effective, winner_plus(4, 6, 8, 45, 50, 10, 5000)},
    {"winner_plus_b1", winner_plus_b1, micro, effective, street_level(winner_plus(3, 3, 4, 14, 12, 10, 2000))},
    {"m2135_uma", m2135_uma, macro, effective, m2135_macro()},
    {"m2135_umi", m2135_umi, micro, effective, m2135_micro()},
    {"tr36873_uma", tr36873_uma, macro, effective, with_tall_users(tr36873(m2135_macro()))},
    {"tr36873_umi", tr36873_umi, micro, effective, tr36873(m2135_micro())},
    {"tr38901_uma", tr38901_uma, macro, effective, at_25m(with_tall_users(tr38901(m2135_macro())))},
    {"tr38901_umi", tr38901_umi, micro, effective, with_sigma(tr38901(m2135_micro()), 4, 7.82)},
    {"tr38901_rma", tr38901_rma, rural, Breakpoint::rural, tr38901_rural()},
    {"tr38901_inh_mixed", tr38901_inh, mixed_office, Breakpoint::none, tr38901_office()},
    {"tr38901_inh_open", tr38901_inh, open_office, Breakpoint::none, tr38901_office()},
});

const Row& row_of(PathLossModel model) { return rows.at(static_cast<std::size_t>(model)); }

}  // namespace

PathLossModel path_loss_model(std::string_view name) {
  std::array<std::string_view, rows.size()> names;
  for (std::size_t i = 0; i < rows.size(); ++i) names[i] = rows[i].name;
  return static_cast<PathLossModel>(check_name("model", name, names));
}

std::vector<NamedModel> path_loss_models() {
  std::vector<NamedModel> models(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) models[i] = {rows[i].name, static_cast<PathLossModel>(i)};
  return models;
}

ModelParameters model_parameters(PathLossModel model) { return row_of(model).parameters; }

LosCurve los_curve(PathLossModel model) { return row_of(model).los; }

double breakpoint_distance_m(PathLossModel model, double frequency_hz, double bs_height_m, double ue_height_m,
                             double environment_height_m) {
  switch (row_of(model).breakpoint) {
    case Breakpoint::true_heights:
      return 4.0 * bs_height_m * ue_height_m * frequency_hz / speed_of_light;
    case Breakpoint::rural:
      return 2.0 * std::numbers::pi * bs_height_m * ue_height_m * frequency_hz / speed_of_light;
    case Breakpoint::none:
      return no_turn_m;
    case Breakpoint::effective_heights:
      break;
  }
  return 4.0 * (bs_height_m - environment_height_m) * (ue_height_m - environment_height_m) * frequency_hz /
         speed_of_light;
}

LossCurves loss_curves(PathLossModel model, double frequency_hz, double bs_height_m, double ue_height_m,
                       double environment_height_m) {
  const double fc = frequency_hz / 1e9;
  return row_of(model).curves(
      {.fc = fc,
       .log_fc = std::log10(fc),
       .hb = bs_height_m,
       .hm = ue_height_m,
       .dh = bs_height_m - ue_height_m,
       .log_hb1 = std::log10(bs_height_m - 1.0),
       .log_hm1 = std::log10(ue_height_m - 1.0),
       .breakpoint = breakpoint_distance_m(model, frequency_hz, bs_height_m, ue_height_m, environment_height_m)});
}

double path_loss_db(PathLossModel model, bool los, double distance_2d_m, double frequency_hz, double bs_height_m,
                    double ue_height_m, double environment_height_m) {
  const LossCurves curves = loss_curves(model, frequency_hz, bs_height_m, ue_height_m, environment_height_m);
  const double dh = row_of(model).parameters.uses_3d_distance ? bs_height_m - ue_height_m : 0.0;
  const double d = std::hypot(distance_2d_m, dh), log_d = std::log10(d);
  const double los_db = distance_2d_m <= curves.breakpoint_m ? curves.los_near.at(log_d) + curves.los_near_per_m * d
                                                             : curves.los_far.at(log_d);
  if (los) return los_db;
  const double nlos_db = curves.nlos.at(log_d);
  return curves.nlos_at_least_los ? std::max(los_db, nlos_db) : nlos_db;
}

void path_loss_db(PathLossModel model, std::span<const bool> los, std::span<const double> distance_2d_m,
                  double frequency_hz, std::span<const double> bs_height_m, std::span<const double> ue_height_m,
                  std::span<const double> environment_height_m, std::span<double> loss_db) {
  const std::size_t n = distance_2d_m.size();
  check_size("los", los.size(), n, "link");
  check_size("bs_height_m", bs_height_m.size(), n, "link");
  check_size("ue_height_m", ue_height_m.size(), n, "link");
  check_size("environment_height_m", environment_height_m.size(), n, "link");
  check_size("loss_db", loss_db.size(), n, "link");
  for (std::size_t i = 0; i < n; ++i)
    loss_db[i] = path_loss_db(model, los[i], distance_2d_m[i], frequency_hz, bs_height_m[i], ue_height_m[i],
                              environment_height_m[i]);
}

}  // namespace slicefast
