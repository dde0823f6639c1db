// Elementary functions in float32 for the inner loops: branch-free, so the compiler turns a loop over them into vector
// code at every instruction set. Polynomials fitted at Chebyshev nodes.
#pragma once

#include "kernels/isa.hpp"

namespace slicefast::SLICEFAST_ISA {

static const float pi = 3.14159265f;

static inline float min_f(float a, float b) { return a < b ? a : b; }
static inline float max_f(float a, float b) { return a > b ? a : b; }

// log2(x) for normal x > 0, absolute error below 1.5e-7 + one rounding of the result. x = 2^e (1 + t) with 1 + t in
// [sqrt(1/2), sqrt(2)), log2(1 + t) = t P(t).
static inline float log2_f32(float x) {
  std::int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const std::int32_t sqrt_half = 0x3f3504f3;
  const std::int32_t e = (bits - sqrt_half) >> 23;
  const std::int32_t mantissa_bits = bits - e * (1 << 23);
  float mantissa;
  __builtin_memcpy(&mantissa, &mantissa_bits, sizeof mantissa);
  const float t = mantissa - 1.0f;
  float p = 0.126148462f;
  p = p * t - 0.207421035f;
  p = p * t + 0.215669855f;
  p = p * t - 0.238920346f;
  p = p * t + 0.287918329f;
  p = p * t - 0.360704839f;
  p = p * t + 0.480910599f;
  p = p * t - 0.721347332f;
  p = p * t + 1.44269502f;
  return static_cast<float>(e) + t * p;
}

// To the nearest integer, |x| < 2^22: adding 1.5 * 2^23 leaves no fraction in the mantissa.
static inline float round_f32(float x) {
  const float magic = 12582912.0f;
  const float shifted = x + magic;
  return shifted - magic;
}

// 2^x, relative error below 2e-7 for x in [-126, 127]; clamped outside.
static inline float exp2_f32(float x) {
  x = x < -126.0f ? -126.0f : x;
  x = x > 127.0f ? 127.0f : x;
  const float rounded = round_f32(x);
  const float t = x - rounded;
  float p = 0.000154697322f;
  p = p * t + 0.00134004327f;
  p = p * t + 0.00961802527f;
  p = p * t + 0.0555032715f;
  p = p * t + 0.240226507f;
  p = p * t + 0.693147182f;
  p = p * t + 1.0f;
  const std::int32_t scale_bits = (static_cast<std::int32_t>(rounded) + 127) << 23;
  float scale;
  __builtin_memcpy(&scale, &scale_bits, sizeof scale);
  return p * scale;
}

// 1 / sqrt(x) and 1 / x for normal x > 0, relative error below 3e-7: the exponent halved or negated in the bits, then
// three Newton steps. The divider, which is not pipelined, would take longer than all else in the link kernel.
static inline float inverse_sqrt_f32(float x) {
  std::int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  bits = 0x5f375a86 - (bits >> 1);
  float y;
  __builtin_memcpy(&y, &bits, sizeof y);
  const float half = 0.5f * x;
  y = y * (1.5f - half * y * y);
  y = y * (1.5f - half * y * y);
  return y * (1.5f - half * y * y);
}

static inline float inverse_f32(float x) {
  std::int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  bits = 0x7ef311c7 - bits;
  float y;
  __builtin_memcpy(&y, &bits, sizeof y);
  y = y * (2.0f - x * y);
  y = y * (2.0f - x * y);
  return y * (2.0f - x * y);
}

// atan(t) for 0 <= t <= 1, absolute error below 6e-7.
static inline float atan_unit(float t) {
  const float z = t * t;
  float p = 0.00782548295f;
  p = p * z - 0.0368986292f;
  p = p * z + 0.0837415565f;
  p = p * z - 0.134804056f;
  p = p * z + 0.198798722f;
  p = p * z - 0.333263745f;
  p = p * z + 0.999999328f;
  return t * p;
}

static inline float atan2_f32(float y, float x) {
  const float ax = __builtin_fabsf(x), ay = __builtin_fabsf(y);
  const float small = min_f(ax, ay), large = max_f(max_f(ax, ay), 1e-20f);
  float angle = atan_unit(small * inverse_f32(large));
  angle = ay > ax ? 0.5f * pi - angle : angle;
  angle = x < 0.0f ? pi - angle : angle;
  return y < 0.0f ? -angle : angle;
}

}  // namespace slicefast::SLICEFAST_ISA
