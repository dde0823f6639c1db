#include "slicefast/coupling/efficiency.hpp"

#include <array>
#include <cmath>

#include "coupling/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

double log2_of(double x) { return std::log2(x); }

template <class Curve>
double value_of(double sinr, double ceiling) {
  return sinr < Curve::least ? 0.0 : smooth_rate<Curve, log2_of>(sinr, ceiling).value;
}

}  // namespace

Efficiency efficiency(std::string_view name) {
  constexpr std::array<std::string_view, 4> names = {"shannon", "tr36942", "mogensen", "cqi"};
  return static_cast<Efficiency>(check_name("efficiency", name, names));
}

double spectral_efficiency(Efficiency efficiency, double sinr, double ceiling) {
  switch (efficiency) {
    case Efficiency::shannon:
      return value_of<ShannonCurve>(sinr, ceiling);
    case Efficiency::tr36942:
      return value_of<Tr36942Curve>(sinr, ceiling);
    case Efficiency::mogensen:
      return value_of<MogensenCurve>(sinr, ceiling);
    case Efficiency::cqi:
      break;
  }
  return cqi_efficiency(sinr, ceiling);
}

void spectral_efficiency(Efficiency efficiency, std::span<const double> sinr, std::span<double> bits_per_s_hz,
                         double ceiling) {
  check_value("ceiling_bps_per_hz", ceiling, positive);
  check_size("bits_per_s_hz", bits_per_s_hz.size(), sinr.size(), "SINR");
  for (std::size_t i = 0; i < sinr.size(); ++i) bits_per_s_hz[i] = spectral_efficiency(efficiency, sinr[i], ceiling);
}

}  // namespace slicefast
