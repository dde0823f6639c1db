// What the kernels of blocks of links and of single far links share: geometry, field values, antenna patterns.
#pragma once

#include "kernels/lanes.hpp"
#include "kernels/radio.hpp"

#if defined(__AVX2__)
#include <immintrin.h>  // only always-inline wrappers: nothing the linker could share with other levels
#endif

namespace slicefast::SLICEFAST_ISA {

static const std::size_t max_block = 256;

// Displacement to the nearest image. With a reduced lattice (v1 . v2 >= 0) rounding leaves at most one of the two
// neighbours v1, v2 on the same side nearer. `first`, `second`: how often v1 and v2 were taken off.
static inline void nearest_image(const RadioTorus& torus, float& dx, float& dy, float& first, float& second) {
  float s = torus.i11 * dx + torus.i12 * dy, t = torus.i21 * dx + torus.i22 * dy;
  const float rs = round_f32(s), rt = round_f32(t);
  dx -= rs * torus.v1_x + rt * torus.v2_x;
  dy -= rs * torus.v1_y + rt * torus.v2_y;
  s -= rs;
  t -= rt;
  const float side_s = s < 0.0f ? -1.0f : 1.0f, side_t = t < 0.0f ? -1.0f : 1.0f;
  const float ax = dx - side_s * torus.v1_x, ay = dy - side_s * torus.v1_y;
  const float bx = dx - side_t * torus.v2_x, by = dy - side_t * torus.v2_y;
  const float d2 = dx * dx + dy * dy, a2 = ax * ax + ay * ay, b2 = bx * bx + by * by;
  const float cx = a2 < b2 ? ax : bx, cy = a2 < b2 ? ay : by, c2 = a2 < b2 ? a2 : b2;
  const bool along_s = c2 < d2 && a2 < b2, along_t = c2 < d2 && !(a2 < b2);
  dx = c2 < d2 ? cx : dx;
  dy = c2 < d2 ? cy : dy;
  first = along_s ? rs + side_s : rs;
  second = along_t ? rt + side_t : rt;
}

// Where node (row, col) lies in a tile, see RadioTiles.
static inline std::int32_t node_at(std::int32_t row, std::int32_t col, std::int32_t log2_size) {
  const std::int32_t mask = (1 << log2_size) - 1;
  return ((row & mask) << log2_size) + (row & mask) + (col & mask);
}

// Bilinear value of packed corners.
static inline float interpolate(std::int32_t packed, float fx, float fy) {
  const std::int32_t c00 = static_cast<std::int32_t>(static_cast<std::uint32_t>(packed) << 24) >> 24;
  const std::int32_t c10 = static_cast<std::int32_t>(static_cast<std::uint32_t>(packed) << 16) >> 24;
  const std::int32_t c01 = static_cast<std::int32_t>(static_cast<std::uint32_t>(packed) << 8) >> 24;
  const std::int32_t c11 = packed >> 24;
  const float a = static_cast<float>(c00), b = static_cast<float>(c10);
  const float top = a + fx * static_cast<float>(c01 - c00);
  const float bottom = b + fx * static_cast<float>(c11 - c10);
  return 0.03125f * (top + fy * (bottom - top));
}

// Whether Phi(field) < P. Phi(f) = 1 / (1 + e^(-f (1.5976 + 0.070565 f^2))), absolute error below 1.5e-4.
static inline bool in_line_of_sight(float field, float probability) {
  const float odds = exp2_f32(field * (-2.30485f - 0.101804f * field * field));
  return probability + probability * odds > 1.0f;
}

// Of every index the two nodes there, as one number. n is a multiple of 16. By hand: the compiler's generic tuning
// takes gathers apart into single loads.
static inline void gather(const std::int16_t* SLICEFAST_RESTRICT tile, const std::int32_t* SLICEFAST_RESTRICT index,
                          std::size_t n, std::int32_t* SLICEFAST_RESTRICT out) {
#if defined(__AVX512F__)
  for (std::size_t i = 0; i < n; i += 16)
    _mm512_storeu_si512(out + i, _mm512_i32gather_epi32(_mm512_loadu_si512(index + i), tile, 2));
#elif defined(__AVX2__)
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_i32gather_epi32(reinterpret_cast<const int*>(tile), at, 2));
  }
#else
  for (std::size_t i = 0; i < n; ++i) __builtin_memcpy(out + i, tile + index[i], sizeof out[i]);
#endif
}

static inline float pattern(const RadioCell& cell, float azimuth, float depression) {
  float phi = __builtin_fabsf(azimuth - cell.azimuth);
  phi = min_f(phi, 2.0f * pi - phi);
  const float theta = depression - cell.tilt;
  const float horizontal = min_f(cell.curve_h * phi * phi, cell.floor_h);
  const float vertical = min_f(cell.curve_v * theta * theta, cell.floor_v);
  return cell.peak - min_f(horizontal + vertical, cell.floor_total);
}

// sin(x) for |x| <= pi / 2, absolute error below 2e-7 (Taylor to x^11).
static inline float sin_half_turn(float x) {
  const float z = x * x;
  float p = -2.5052108e-8f;
  p = p * z + 2.7557319e-6f;
  p = p * z - 1.9841270e-4f;
  p = p * z + 8.3333333e-3f;
  p = p * z - 1.6666667e-1f;
  return x + x * z * p;
}

// |sum_m e^(j pi m (sin tilt - sin depression))|^2 by the recurrence of Chebyshev's polynomials; sin_tilt(i) of each of
// n <= max_block links.
template <class SinTilt>
static inline void column_power(SinTilt sin_tilt, int elements, std::size_t n,
                                const float* SLICEFAST_RESTRICT depression, float* SLICEFAST_RESTRICT power) {
  float previous[max_block], current[max_block], twice_cos[max_block];
  for (std::size_t i = 0; i < n; ++i) {
    const float x = 0.5f * pi * (sin_tilt(i) - sin_half_turn(depression[i]));
    const float half_sin = sin_half_turn(0.5f * x);  // |x| <= pi
    twice_cos[i] = 2.0f - 4.0f * half_sin * half_sin;
    previous[i] = 0.0f;
    current[i] = 1.0f;
  }
  for (int k = 1; k < elements; ++k)
    for (std::size_t i = 0; i < n; ++i) {
      const float next = twice_cos[i] * current[i] - previous[i];
      previous[i] = current[i];
      current[i] = next;
    }
  for (std::size_t i = 0; i < n; ++i) power[i] = current[i] * current[i];
}

// The same of tiles whose nodes have two halves: lower halves as one number, and upper halves.
static inline void gather_halves(const std::int32_t* SLICEFAST_RESTRICT tile,
                                 const std::int32_t* SLICEFAST_RESTRICT index, std::size_t n,
                                 std::int32_t* SLICEFAST_RESTRICT lower, std::int32_t* SLICEFAST_RESTRICT upper) {
  std::int32_t here[max_block], next[max_block];
#if defined(__AVX512F__)
  for (std::size_t i = 0; i < n; i += 16) {
    const __m512i at = _mm512_loadu_si512(index + i);
    _mm512_storeu_si512(here + i, _mm512_i32gather_epi32(at, tile, 4));
    _mm512_storeu_si512(next + i, _mm512_i32gather_epi32(at, tile + 1, 4));
  }
#elif defined(__AVX2__)
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(here + i), _mm256_i32gather_epi32(tile, at, 4));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(next + i), _mm256_i32gather_epi32(tile + 1, at, 4));
  }
#else
  for (std::size_t i = 0; i < n; ++i) here[i] = tile[index[i]], next[i] = tile[index[i] + 1];
#endif
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t a = static_cast<std::uint32_t>(here[i]), b = static_cast<std::uint32_t>(next[i]);
    lower[i] = static_cast<std::int32_t>((a & 0xffffu) | (b << 16));
    upper[i] = static_cast<std::int32_t>((a >> 16) | (b & 0xffff0000u));
  }
}

}  // namespace slicefast::SLICEFAST_ISA
