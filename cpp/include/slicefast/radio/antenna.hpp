// Antenna gains of the three families, and 0 dBi everywhere, one direction at a time in double precision.
#pragma once

#include <span>
#include <string_view>

namespace slicefast {

enum class AntennaPattern { tr36814, m2135, tr38901_element, omni };

// By the name of the public API; throws InvalidArgument naming what is allowed.
AntennaPattern antenna_pattern(std::string_view name);

// Antenna gain [dBi] towards (azimuth relative to boresight, depression below the horizon). `elements` > 1 stacks a
// vertical column at half-wavelength spacing, steered electrically to the tilt (TR 38.901 element only).
double antenna_gain_db(AntennaPattern pattern, double azimuth_deg, double depression_deg, double tilt_deg,
                       int elements);

// Of many directions; arrays of one length.
void antenna_gain_db(AntennaPattern pattern, std::span<const double> azimuth_deg,
                     std::span<const double> depression_deg, std::span<const double> tilt_deg, int elements,
                     std::span<double> gain_db);

}  // namespace slicefast
