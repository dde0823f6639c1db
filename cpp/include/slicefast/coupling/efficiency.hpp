// Link adaptation, SINR -> bit/s/Hz.
//
// | name     | efficiency at a linear SINR x                                                 | source               |
// |----------|-------------------------------------------------------------------------------|----------------------|
// | shannon  | log2(1 + x)                                                                   |                      |
// | tr36942  | 0 below -10 dB, else min(0.6 log2(1 + x), 4.4)                                | TR 36.942 A.1        |
// | mogensen | 0.75 log2(1 + x / 1.25)                                                       | Mogensen et al. 2007 |
// | cqi      | of the highest CQI whose 10 % block-error threshold is reached; 0 below all 15 | TS 36.213 7.2.3-1   |
//
// Each at most a ceiling, where there is one: the highest rate of the technology that the link has, which these curves
// pass where the SINR is high. Without one they are as published.
//
// Several layers (ours): r of them share the power, x / r each, and carry r times what one carries there, at most r
// times its part of the ceiling; of ranks r = 1 ... L the best, which for all but `cqi` is L (tr36942's cut-off is that
// of the whole link). With L antennas on either side in independent Rayleigh fading this is more than zero forcing has
// and less than joint detection (Telatar 1999), at 30 dB 1 % more; fewer antennas or a line of sight have less.
#pragma once

#include <limits>
#include <span>
#include <string_view>

namespace slicefast {

enum class Efficiency { shannon, tr36942, mogensen, cqi };
// By name; throws InvalidArgument naming what is allowed.
Efficiency efficiency(std::string_view name);

// Whether the efficiency jumps somewhere, so that cell loads may fit together in more than one way.
constexpr bool has_jumps(Efficiency efficiency) {
  return efficiency == Efficiency::tr36942 || efficiency == Efficiency::cqi;
}

inline constexpr int most_layers = 4;
inline constexpr double no_ceiling = std::numeric_limits<double>::max();

// Link adaptation by a table, in place of a curve: bits_per_s_hz[i] from the linear SINR sinr[i] up to the next, none
// below the first. Both rise and are above 0.
struct RateSteps {
  std::span<const double> sinr, bits_per_s_hz;
  bool empty() const { return sinr.empty(); }
};

// Bit/s/Hz at a linear SINR >= 0.
double spectral_efficiency(Efficiency efficiency, double sinr, double ceiling = no_ceiling, int layers = 1);

// Of many; arrays of one length.
void spectral_efficiency(Efficiency efficiency, std::span<const double> sinr, std::span<double> bits_per_s_hz,
                         double ceiling = no_ceiling, int layers = 1);

}  // namespace slicefast
