// The efficiency curves, written once for the core and for the kernels.
//
// Kernel files include this header: everything with code in it is static, so that no instruction set's copy can be the
// one that the linker keeps for all (see kernels/isa.hpp).
#pragma once

#include "coupling/cqi_table.hpp"

namespace slicefast {

// Efficiency [bit/s/Hz] = min(factor log2(1 + x / loss), most) from `least` on, none below it.
struct ShannonCurve {
  static constexpr double factor = 1.0, loss = 1.0, most = __builtin_inf(), least = 0.0;
};
struct Tr36942Curve {
  static constexpr double factor = 0.6, loss = 1.0, most = 4.4, least = 0.1;
};
struct MogensenCurve {
  static constexpr double factor = 0.75, loss = 1.25, most = __builtin_inf(), least = 0.0;
};

// Efficiency and its derivative with respect to the SINR.
struct Rate {
  double value, slope;
};

// The curve as it goes on below `least`, at most `ceiling`: the technology's highest rate, see efficiency.hpp.
template <class Curve, double (*log2)(double)>
static inline Rate smooth_rate(double sinr, double ceiling) {
  const double x = 1.0 + sinr / Curve::loss, most = ceiling < Curve::most ? ceiling : Curve::most;
  Rate rate = {Curve::factor * log2(x), Curve::factor * 1.4426950408889634 / (x * Curve::loss)};
  rate.slope = rate.value > most ? 0.0 : rate.slope;
  rate.value = rate.value > most ? most : rate.value;
  return rate;
}

// value_of(i) of the highest CQI i + 1 whose threshold the SINR reaches, or `none`. Without branches.
template <class Value, class ValueOf>
static inline Value at_highest_cqi(double sinr, Value none, ValueOf value_of) {
  Value value = none;
  for (int i = 0; i < n_cqi; ++i) value = sinr >= cqi_sinr[i] ? value_of(i) : value;
  return value;
}

static inline double cqi_efficiency(double sinr, double ceiling) {
  const double rate = at_highest_cqi(sinr, 0.0, [](int i) { return cqi_bits_per_element[i]; }) * elements_per_hz_s;
  return rate > ceiling ? ceiling : rate;
}

}  // namespace slicefast
