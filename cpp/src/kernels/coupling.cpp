// The three loops of load coupling over one cell's users: interference, load with its slope, Jacobian row. Sums of
// float32 gains run in 8 to 32 float partial sums, joined in double: with a handful of terms to each, 1e-7 of the sum.
// All else is double. The partial sums are the same at every instruction set.
#include "kernels/coupling.hpp"

#include "coupling/curves.hpp"
#include "kernels/isa.hpp"

namespace slicefast::SLICEFAST_ISA {

// Partial sums of a row: enough to hide the latency of additions in long rows, few to join in short ones.
static const std::size_t long_lanes = 32, middle_lanes = 16, short_lanes = 8, short_row = 96, middle_row = 192;

template <std::size_t lanes, class Sum>
static inline double joined(const Sum* partial) {
  double total[lanes];
  for (std::size_t j = 0; j < lanes; ++j) total[j] = static_cast<double>(partial[j]);
  for (std::size_t width = lanes / 2; width > 0; width /= 2)
    for (std::size_t j = 0; j < width; ++j) total[j] += total[j + width];
  return total[0];
}

template <std::size_t lanes, class Gain, class Sum>
static inline double weighted_sum(const Gain* SLICEFAST_RESTRICT row, const Sum* SLICEFAST_RESTRICT weight,
                                  std::size_t n) {
  Sum partial[lanes] = {};
  std::size_t k = 0;
  for (; k + lanes <= n; k += lanes)
    for (std::size_t j = 0; j < lanes; ++j) partial[j] += weight[k + j] * static_cast<Sum>(row[k + j]);
  for (std::size_t j = 0; k + j < n; ++j) partial[j] += weight[k + j] * static_cast<Sum>(row[k + j]);
  return joined<lanes>(partial);
}

template <std::size_t lanes>
static inline double sum_of_others(const float* SLICEFAST_RESTRICT row, const float* SLICEFAST_RESTRICT weight,
                                   const float* SLICEFAST_RESTRICT counts, std::size_t n) {
  float partial[lanes] = {};
  std::size_t k = 0;
  for (; k + lanes <= n; k += lanes)
    for (std::size_t j = 0; j < lanes; ++j) partial[j] += counts[k + j] * weight[k + j] * row[k + j];
  for (std::size_t j = 0; k + j < n; ++j) partial[j] += counts[k + j] * weight[k + j] * row[k + j];
  return joined<lanes>(partial);
}

// Ones around a zero slide along the row: no branch, and nothing is written between the users.
static void others_interference(const float* rows, std::size_t stride, const std::int32_t* own, std::size_t n,
                                const float* weight, const float* ones_around_0, double* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const float *row = rows + i * stride, *counts = ones_around_0 - own[i];
    out[i] = stride <= short_row    ? sum_of_others<short_lanes>(row, weight, counts, stride)
             : stride <= middle_row ? sum_of_others<middle_lanes>(row, weight, counts, stride)
                                    : sum_of_others<long_lanes>(row, weight, counts, stride);
  }
}

// The partial sums of a short row, in lanes of users.
static void column_interference(const float* columns, std::size_t stride, std::size_t n, std::size_t n_cells,
                                const float* weight, double* out) {
  const std::size_t block = 16;
  for (std::size_t begin = 0; begin < n; begin += block) {
    float partial[short_lanes][block] = {};
    const std::size_t width = n - begin < block ? n - begin : block;
    for (std::size_t k = 0; k < n_cells; ++k) {
      const float* SLICEFAST_RESTRICT column = columns + k * stride + begin;
      float* SLICEFAST_RESTRICT sum = partial[k % short_lanes];
      for (std::size_t i = 0; i < block; ++i) sum[i] += weight[k] * column[i];
    }
    double total[short_lanes][block];
    for (std::size_t j = 0; j < short_lanes; ++j)
      for (std::size_t i = 0; i < block; ++i) total[j][i] = static_cast<double>(partial[j][i]);
    for (std::size_t half = short_lanes / 2; half > 0; half /= 2)
      for (std::size_t j = 0; j < half; ++j)
        for (std::size_t i = 0; i < block; ++i) total[j][i] += total[j + half][i];
    for (std::size_t i = 0; i < width; ++i) out[begin + i] = total[0][i];
  }
}

// The rows lie in no order the hardware could guess: those of users to come are asked for in time.
template <class Gain, class Sum>
static void interference(const Gain* gain, std::size_t stride, const std::int32_t* users, std::size_t n,
                         std::size_t readable, const Sum* weight, double* out) {
  const std::size_t ahead = 6, line = 64 / sizeof(Gain);
  for (std::size_t i = 0; i < n; ++i) {
    if (i + ahead < readable) {
      const Gain* next = gain + static_cast<std::size_t>(users[i + ahead]) * stride;
      for (std::size_t k = 0; k < stride; k += line) __builtin_prefetch(next + k);
    }
    const Gain* row = gain + static_cast<std::size_t>(users[i]) * stride;
    out[i] = stride <= short_row    ? weighted_sum<short_lanes>(row, weight, stride)
             : stride <= middle_row ? weighted_sum<middle_lanes>(row, weight, stride)
                                    : weighted_sum<long_lanes>(row, weight, stride);
  }
}

// Four users at a time: the row of sums is read and written once for them.
template <class Gain>
static void add_slopes(const Gain* gain, std::size_t stride, const std::int32_t* users, std::size_t n,
                       const double* slope, double* SLICEFAST_RESTRICT row) {
  const auto row_of = [&](std::size_t i) { return gain + static_cast<std::size_t>(users[i]) * stride; };
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const Gain *SLICEFAST_RESTRICT a = row_of(i), *SLICEFAST_RESTRICT b = row_of(i + 1),
                                   *SLICEFAST_RESTRICT c = row_of(i + 2), *SLICEFAST_RESTRICT d = row_of(i + 3);
    const Gain sa = static_cast<Gain>(slope[i]), sb = static_cast<Gain>(slope[i + 1]),
               sc = static_cast<Gain>(slope[i + 2]), sd = static_cast<Gain>(slope[i + 3]);
    for (std::size_t k = 0; k < stride; ++k)
      row[k] += static_cast<double>((sa * a[k] + sb * b[k]) + (sc * c[k] + sd * d[k]));
  }
  for (; i < n; ++i) {
    const Gain* SLICEFAST_RESTRICT a = row_of(i);
    const Gain s = static_cast<Gain>(slope[i]);
    for (std::size_t k = 0; k < stride; ++k) row[k] += static_cast<double>(s * a[k]);
  }
}

template <class Gain>
static bool valid(const Gain* gain, std::size_t stride, const std::int32_t* users, std::size_t n) {
  const Gain most = sizeof(Gain) == 4 ? static_cast<Gain>(3.4028234e38f) : static_cast<Gain>(1.7976931348623157e308);
  std::int32_t bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Gain* SLICEFAST_RESTRICT row = gain + static_cast<std::size_t>(users[i]) * stride;
    for (std::size_t k = 0; k < stride; ++k) bad |= (row[k] >= Gain(0) ? 0 : 1) | (row[k] <= most ? 0 : 1);
  }
  return bad == 0;
}

// log2(x) for normal x > 0 in double: x = 2^e m, m in [sqrt(1/2), sqrt(2)), log2 m = (2 / ln 2) atanh(t) with
// t = (m - 1) / (m + 1), |t| < 0.172: the series to t^17 leaves 2e-15.
static inline double log2_f64(double x) {
  std::int64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const std::int64_t offset = bits - 0x3fe6a09e667f3bcdLL;
  const std::int64_t exponent_bits = offset & static_cast<std::int64_t>(0xfff0000000000000ULL);
  const std::int64_t mantissa_bits = bits - exponent_bits;
  double m;
  __builtin_memcpy(&m, &mantissa_bits, sizeof m);
  // The exponent as a double without a 64-bit conversion, which AVX2 lacks: place it in the mantissa of 2^52.
  const std::uint64_t biased = ((static_cast<std::uint64_t>(exponent_bits) >> 52) + 2048u) & 0xfffu;
  const std::uint64_t packed = 0x4330000000000000ULL | biased;
  double e;
  __builtin_memcpy(&e, &packed, sizeof e);
  e -= 4503599627370496.0 + 2048.0;
  const double t = (m - 1.0) / (m + 1.0), z = t * t;
  double p = 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  return e + 2.8853900817779268 * t * p;
}

template <Rate (*rate_of)(double, double)>
static void loads(double ceiling, double layers, const double* SLICEFAST_RESTRICT signal,
                  const double* SLICEFAST_RESTRICT interference, double noise,
                  const double* SLICEFAST_RESTRICT demand_per_hz, std::size_t n, double* SLICEFAST_RESTRICT load,
                  double* SLICEFAST_RESTRICT slope) {
  const double layer_ceiling = ceiling / layers;
  for (std::size_t i = 0; i < n; ++i) {  // SINR, rate and slope of a layer
    const double disturbance = interference[i] + noise, sinr = signal[i] / (layers * disturbance);
    const Rate rate = rate_of(sinr, layer_ceiling);
    const double l = demand_per_hz[i] / (layers * rate.value);
    load[i] = l;
    slope[i] = rate.value > 0.0 ? l / rate.value * rate.slope * sinr / disturbance : 0.0;
  }
}

// Rank by rank for all users: first the SINR stands in `load` and the rate in `slope`.
static void cqi_loads(double ceiling, double layers, const double* SLICEFAST_RESTRICT signal,
                      const double* SLICEFAST_RESTRICT interference, double noise,
                      const double* SLICEFAST_RESTRICT demand_per_hz, std::size_t n, double* SLICEFAST_RESTRICT load,
                      double* SLICEFAST_RESTRICT slope) {
  for (std::size_t i = 0; i < n; ++i) {
    load[i] = signal[i] / (interference[i] + noise);
    slope[i] = cqi_efficiency(load[i], ceiling / layers);
  }
  for (double rank = 2.0; rank <= layers; rank += 1.0)
    for (std::size_t i = 0; i < n; ++i) {
      const double rate = rank * cqi_efficiency(load[i] / rank, ceiling / layers);
      slope[i] = rate > slope[i] ? rate : slope[i];
    }
  for (std::size_t i = 0; i < n; ++i) {
    load[i] = demand_per_hz[i] / slope[i];
    slope[i] = 0.0;
  }
}

// Step by step for all users: first the SINR stands in `load` and the rate in `slope`.
static void step_loads(const StepTable& steps, const double* SLICEFAST_RESTRICT signal,
                       const double* SLICEFAST_RESTRICT interference, double noise,
                       const double* SLICEFAST_RESTRICT demand_per_hz, std::size_t n, double* SLICEFAST_RESTRICT load,
                       double* SLICEFAST_RESTRICT slope) {
  for (std::size_t i = 0; i < n; ++i) {
    load[i] = signal[i] / (interference[i] + noise);
    slope[i] = 0.0;
  }
  for (std::size_t k = 0; k < steps.n; ++k) {
    const double from = steps.sinr[k], rate = steps.bits_per_s_hz[k];
    for (std::size_t i = 0; i < n; ++i) slope[i] = load[i] >= from ? rate : slope[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    load[i] = demand_per_hz[i] / slope[i];
    slope[i] = 0.0;
  }
}

static void user_load(const LinkRate& link, const double* signal, const double* interference, double noise,
                      const double* demand_per_hz, std::size_t n, double* load, double* slope) {
  const double ceiling = link.ceiling, layers = link.layers;
  switch (link.curve) {
    case LoadCurve::steps:
      return step_loads(link.steps, signal, interference, noise, demand_per_hz, n, load, slope);
    case LoadCurve::shannon:
      return loads<smooth_rate<ShannonCurve, log2_f64>>(ceiling, layers, signal, interference, noise, demand_per_hz, n,
                                                        load, slope);
    case LoadCurve::tr36942:
      return loads<smooth_rate<Tr36942Curve, log2_f64>>(ceiling, layers, signal, interference, noise, demand_per_hz, n,
                                                        load, slope);
    case LoadCurve::mogensen:
      return loads<smooth_rate<MogensenCurve, log2_f64>>(ceiling, layers, signal, interference, noise, demand_per_hz, n,
                                                         load, slope);
    case LoadCurve::cqi:
      return cqi_loads(ceiling, layers, signal, interference, noise, demand_per_hz, n, load, slope);
  }
}

static double dot(const double* a, const double* b, std::size_t n) { return weighted_sum<long_lanes>(a, b, n); }

extern const CouplingKernels coupling_kernels = {
    interference<float, float>, interference<double, double>, column_interference, others_interference, user_load,
    add_slopes<float>,          add_slopes<double>,           valid<float>,        valid<double>,       dot};

}  // namespace slicefast::SLICEFAST_ISA
