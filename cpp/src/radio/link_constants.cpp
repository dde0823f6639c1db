// From a network's description to the constants of the link kernels, in float32 and log2 units.
#include <cmath>
#include <numbers>

#include "radio/curves.hpp"
#include "radio/link_state.hpp"

namespace slicefast {
namespace {

float single(double value) { return static_cast<float>(value); }

// PL [dB] = i + s log10 d  ->  log2 gain = -i log2_per_db - (s / 20) log2 d^2.
float intercept_of(const Line& line) { return single(-line.intercept_db * log2_per_db); }
float slope_of(const Line& line) { return single(-line.slope_db / 20.0); }

}  // namespace

RadioSite make_site(const RadioConfig& c, const FieldTiles& tiles, std::size_t k) {
  const ModelParameters p = model_parameters(c.model);
  const LossCurves curves = loss_curves(c.model, c.frequency_hz, c.site_height_m[k], c.ue_height_m);
  const LosCurve los = los_curve(c.model, c.line_of_sight);
  const double h = c.site_height_m[k] - c.ue_height_m, scale = los.scale_m, far_scale = los.far_scale_m;
  return {.x = single(c.site_x_m[k] - c.site_x_m[0]),
          .y = single(c.site_y_m[k] - c.site_y_m[0]),
          .height = single(h),
          .height2_loss = p.uses_3d_distance ? single(h * h) : 0.0f,
          .min_d2 = single(p.min_distance_m * p.min_distance_m),
          .breakpoint_d2 = single(curves.breakpoint_m * curves.breakpoint_m),
          .near_0 = intercept_of(curves.los_near),
          .near_1 = slope_of(curves.los_near),
          .far_0 = intercept_of(curves.los_far),
          .far_1 = slope_of(curves.los_far),
          .nlos_0 = intercept_of(curves.nlos),
          .nlos_1 = slope_of(curves.nlos),
          .nlos_margin = curves.nlos_at_least_los ? 0.0f : 1e9f,
          .sigma_near = single(p.sigma_los_near_db * log2_per_db),
          .sigma_far = single(p.sigma_los_far_db * log2_per_db),
          .sigma_nlos = single(p.sigma_nlos_db * log2_per_db),
          .sure = single(los.sure_m),
          .decay = single(-std::numbers::log2e / los.scale_m),
          .curved = los.in_pieces() || curves.los_near_per_m > 0.0 ? 1 : 0,
          .near_per_m = single(-curves.los_near_per_m * log2_per_db),
          .los_turn = single(los.turn_m),
          .los_0 = single(std::numbers::log2e * los.sure_m / scale),
          .los_far_0 = single(std::log2(los.far_weight) + std::numbers::log2e * los.turn_m / far_scale),
          .los_far_1 = single(-std::numbers::log2e / far_scale),
          .row_offset = tiles.row_offset[k],
          .col_offset = tiles.col_offset[k]};
}

RadioMast make_mast(const RadioConfig& c, std::size_t k) {
  const ModelParameters p = model_parameters(c.model);
  const LossCurves curves = loss_curves(c.model, c.frequency_hz, c.site_height_m[k], c.ue_height_m);
  const double h = c.site_height_m[k] - c.ue_height_m, turn = curves.breakpoint_m;
  const auto gain = [](double db) { return single(-db * log2_per_db); };
  return {.mast = single(c.site_height_m[k]),
          .breakpoint_scale = single(turn / ((c.site_height_m[k] - 1.0) * (c.ue_height_m - 1.0))),
          .far_base = gain(curves.los_far.intercept_db + curves.far_drop * std::log10(turn * turn + h * h)),
          .far_drop = single(curves.far_drop / 10.0),
          .nlos_base = gain(curves.nlos.intercept_db - curves.nlos_per_m * c.ue_height_m),
          .nlos_per_m = gain(curves.nlos_per_m),
          .sigma_indoor = single((c.sigma_indoor_db > 0 ? c.sigma_indoor_db : p.sigma_indoor_db) * log2_per_db),
          .tall_see_further = p.tall_users_see_further ? 1.0f : 0.0f};
}

RadioCell make_cell(const RadioConfig& c, std::size_t n) {
  const AntennaShape a = antenna_shape(c.pattern);
  const double degree = std::numbers::pi / 180.0;
  const bool electrical = c.pattern == AntennaPattern::tr38901_element;
  const auto curve = [&](double width_deg) {
    return single(12.0 * log2_per_db / (width_deg * degree * width_deg * degree));
  };
  const auto db = [](double value) { return single(value * log2_per_db); };
  return {.azimuth = single(std::remainder(c.azimuth_deg[n], 360.0) * degree),
          .tilt = single(electrical ? 0.0 : c.tilt_deg[n] * degree),
          .peak = db(a.peak_dbi),
          .curve_h = curve(a.width_h_deg),
          .floor_h = db(a.floor_h_db),
          .curve_v = curve(a.width_v_deg),
          .floor_v = db(a.floor_v_db),
          .floor_total = db(a.floor_db),
          .sin_tilt = single(std::sin(c.tilt_deg[n] * degree)),
          .elements = single(c.elements),
          .inverse_elements = single(1.0 / c.elements)};
}

}  // namespace slicefast
