#include "slicefast/radio/antenna.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "radio/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

AntennaPattern antenna_pattern(std::string_view name) {
  constexpr std::array<std::string_view, 4> names = {"tr36814", "m2135", "tr38901_element", "omni"};
  return static_cast<AntennaPattern>(check_name("pattern", name, names));
}

AntennaShape antenna_shape(AntennaPattern pattern) {
  switch (pattern) {
    case AntennaPattern::tr36814:
      return {14.0, 70.0, 25.0, 10.0, 20.0, 25.0};
    case AntennaPattern::m2135:
      return {17.0, 70.0, 20.0, 15.0, 20.0, 20.0};
    case AntennaPattern::omni:
      return {0.0, 1.0, 0.0, 1.0, 0.0, 0.0};
    case AntennaPattern::tr38901_element:
      break;
  }
  return {8.0, 65.0, 30.0, 65.0, 30.0, 30.0};
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

void antenna_gain_db(AntennaPattern pattern, std::span<const double> azimuth_deg,
                     std::span<const double> depression_deg, std::span<const double> tilt_deg, int elements,
                     std::span<double> gain_db) {
  check_size("depression_deg", depression_deg.size(), azimuth_deg.size(), "direction");
  check_size("tilt_deg", tilt_deg.size(), azimuth_deg.size(), "direction");
  check_size("gain_db", gain_db.size(), azimuth_deg.size(), "direction");
  for (std::size_t i = 0; i < gain_db.size(); ++i)
    gain_db[i] = antenna_gain_db(pattern, azimuth_deg[i], depression_deg[i], tilt_deg[i], elements);
}

}  // namespace slicefast
