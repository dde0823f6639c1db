#include "slicefast/coupling/efficiency.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "coupling/curves.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

double log2_of(double x) { return std::log2(x); }

template <class Curve>
double value_of(double sinr, double ceiling, int layers) {
  return sinr < Curve::least ? 0.0 : layers * smooth_rate<Curve, log2_of>(sinr / layers, ceiling / layers).value;
}

}  // namespace

Efficiency efficiency(std::string_view name) {
  constexpr std::array<std::string_view, 4> names = {"shannon", "tr36942", "mogensen", "cqi"};
  return static_cast<Efficiency>(check_name("efficiency", name, names));
}

double spectral_efficiency(Efficiency efficiency, double sinr, double ceiling, int layers) {
  switch (efficiency) {
    case Efficiency::shannon:
      return value_of<ShannonCurve>(sinr, ceiling, layers);
    case Efficiency::tr36942:
      return value_of<Tr36942Curve>(sinr, ceiling, layers);
    case Efficiency::mogensen:
      return value_of<MogensenCurve>(sinr, ceiling, layers);
    case Efficiency::cqi:
      break;
  }
  double best = 0.0;
  for (int rank = 1; rank <= layers; ++rank)
    best = std::max(best, rank * cqi_efficiency(sinr / rank, ceiling / layers));
  return best;
}

void spectral_efficiency(Efficiency efficiency, std::span<const double> sinr, std::span<double> bits_per_s_hz,
                         double ceiling, int layers) {
  check_value("layers", layers, within(1, most_layers));
  check_value("ceiling_bps_per_hz", ceiling, positive);
  check_size("bits_per_s_hz", bits_per_s_hz.size(), sinr.size(), "SINR");
  for (std::size_t i = 0; i < sinr.size(); ++i)
    bits_per_s_hz[i] = spectral_efficiency(efficiency, sinr[i], ceiling, layers);
}

}  // namespace slicefast
