// Counter-based standard normals in lanes: Philox4x32-10 (Salmon et al., SC 2011) and Box-Muller, the same streams as
// slicefast/kernels.py. Sample b owns the blocks b ceil(S/4) ... of the stream (seed, purpose, agent, step).
#pragma once

#include "kernels/isa.hpp"
#include "kernels/lanes.hpp"

namespace slicefast::SLICEFAST_ISA {

struct Words {
  std::uint32_t w[4];
};

static inline Words philox(std::uint64_t seed, std::uint32_t c0, std::uint32_t c1, std::uint32_t c2, std::uint32_t c3) {
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = static_cast<std::uint64_t>(0xD2511F53u) * c0;
    const std::uint64_t p1 = static_cast<std::uint64_t>(0xCD9E8D57u) * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// The open interval (0, 1) on a grid of 2^23 points, exact in float32. Through int32, which converts in one
// instruction.
static inline float unit(std::uint32_t word) {
  return (static_cast<float>(static_cast<std::int32_t>(word >> 9)) + 0.5f) * 0x1p-23f;
}

// sin(2 pi u) and cos(2 pi u): the quarter turn nearest, then Taylor polynomials on an eighth of a turn (error 3e-7).
static inline void sin_cos_turns(float u, float& sine, float& cosine) {
  const float magic = 12582912.0f;  // adding it rounds to an integer
  const float quarter = (4.0f * u + magic) - magic;
  const float x = 6.28318531f * (u - 0.25f * quarter), x2 = x * x;
  const float s =
      x * (1.0f + x2 * (-1.66666667e-1f + x2 * (8.33333333e-3f + x2 * (-1.98412698e-4f + x2 * 2.75573192e-6f))));
  const float c = 1.0f + x2 * (-0.5f + x2 * (4.16666667e-2f + x2 * (-1.38888889e-3f + x2 * 2.48015873e-5f)));
  const std::int32_t q = static_cast<std::int32_t>(quarter);
  const bool odd = q & 1;
  const float s1 = odd ? c : s, c1 = odd ? s : c;
  sine = (q & 2) ? -s1 : s1;
  cosine = ((q + 1) & 2) ? -c1 : c1;
}

// out (4 ceil(S/4), lanes): row s holds component s of every sample.
static inline void normals(std::uint64_t seed, std::uint32_t purpose, std::uint32_t agent, std::uint64_t step,
                           int length, int lanes, float* SLICEFAST_RESTRICT out) {
  const int n_blocks = (length + 3) / 4;
  const std::uint32_t c1 = static_cast<std::uint32_t>(step);
  const std::uint32_t c3 = purpose | (static_cast<std::uint32_t>(step >> 32) << 8);
  for (int k = 0; k < n_blocks; ++k) {
    float* SLICEFAST_RESTRICT row = out + static_cast<long>(4 * k) * lanes;
    for (int b = 0; b < lanes; ++b) {
      const Words words = philox(seed, static_cast<std::uint32_t>(b * n_blocks + k), c1, agent, c3);
      for (int pair = 0; pair < 2; ++pair) {
        // -2 ln u = -2 ln 2 log2 u
        const float radius = __builtin_sqrtf(-1.38629436f * log2_f32(unit(words.w[2 * pair])));
        float sine, cosine;
        sin_cos_turns(unit(words.w[2 * pair + 1]), sine, cosine);
        row[(2 * pair) * lanes + b] = radius * cosine;
        row[(2 * pair + 1) * lanes + b] = radius * sine;
      }
    }
  }
}

}  // namespace slicefast::SLICEFAST_ISA
