// The elementary functions of the kernels, compiled here for each instruction set that this machine runs.
#define SLICEFAST_ISA lanes_under_test

#include <cmath>
#include <vector>

#include "check.hpp"
#include "kernels/lanes.hpp"
#include "slicefast/simd.hpp"

using namespace slicefast;

namespace {

using Lanes = void (*)(const float* in, float* out, std::size_t n);

#define AT_LEVEL(level, attribute)                                                  \
  attribute void log2_##level(const float* in, float* out, std::size_t n) {         \
    for (std::size_t i = 0; i < n; ++i) out[i] = lanes_under_test::log2_f32(in[i]); \
  }                                                                                 \
  attribute void exp2_##level(const float* in, float* out, std::size_t n) {         \
    for (std::size_t i = 0; i < n; ++i) out[i] = lanes_under_test::exp2_f32(in[i]); \
  }

AT_LEVEL(baseline, )
#ifdef SLICEFAST_X86
AT_LEVEL(avx2, __attribute__((target("avx2,fma"))))
AT_LEVEL(avx512, __attribute__((target("avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"))))
#endif

Lanes log2_at(Isa isa) {
#ifdef SLICEFAST_X86
  if (isa == Isa::avx2) return log2_avx2;
  if (isa == Isa::avx512) return log2_avx512;
#endif
  return isa == Isa::baseline ? log2_baseline : nullptr;
}

Lanes exp2_at(Isa isa) {
#ifdef SLICEFAST_X86
  if (isa == Isa::avx2) return exp2_avx2;
  if (isa == Isa::avx512) return exp2_avx512;
#endif
  return isa == Isa::baseline ? exp2_baseline : nullptr;
}

}  // namespace

void test_lanes() {
  std::vector<float> x, exponent, got(1001);
  for (int i = 0; i <= 1000; ++i) {
    exponent.push_back(static_cast<float>(i - 500) / 10.0f);
    x.push_back(std::exp2(exponent.back()));
  }
  for (Isa isa : available_isas()) {
    log2_at(isa)(x.data(), got.data(), x.size());
    // Absolute: 1.5e-7 from the polynomial plus one rounding of results up to 50.
    for (std::size_t i = 0; i < x.size(); ++i) CHECK_CLOSE(got[i], std::log2(static_cast<double>(x[i])), 4e-6);
    exp2_at(isa)(exponent.data(), got.data(), got.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      CHECK_CLOSE(got[i] / std::exp2(static_cast<double>(exponent[i])), 1.0, 3e-7);
  }
  for (float value : {0.0f, 0.4f, 0.6f, -0.6f, 1234.5f, -4000000.0f})
    CHECK(lanes_under_test::round_f32(value) == std::nearbyint(value));
  for (int i = 0; i <= 100; ++i)
    CHECK_CLOSE(lanes_under_test::atan_unit(static_cast<float>(i) / 100.0f), std::atan(i / 100.0), 7e-7);
}
