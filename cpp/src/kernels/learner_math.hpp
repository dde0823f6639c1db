// Building blocks of the fused TD3 update. Activations are feature-major, (features, L lanes), so that a vector holds
// one feature of neighbouring samples: every layer width vectorises fully, and softmax and losses need no shuffles.
//
// Symbols: L lanes (batch padded to a multiple of 16), W lanes per vector, NO outputs and NV vectors per register tile.
#pragma once

#include "kernels/isa.hpp"
#include "kernels/learner.hpp"
#if defined(__SSE__)
#include <immintrin.h>
#endif

namespace slicefast::SLICEFAST_ISA {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif
// Register tiles: 24 of 32 registers accumulate with AVX-512, 12 of 16 otherwise.
constexpr int tile_outputs = W == 16 ? 12 : 6;
constexpr int tile_columns = W == 16 ? 4 : 2;
// One agent's tiles fetch the next agent's two thousand lines.
constexpr int prefetch_per_tile = W == 16 ? 32 : 10;

typedef float Vec __attribute__((vector_size(W * sizeof(float))));
typedef float LooseVec __attribute__((vector_size(W * sizeof(float)), aligned(4), may_alias));

static inline Vec load(const float* p) { return *reinterpret_cast<const LooseVec*>(p); }
static inline void store(float* p, Vec v) { *reinterpret_cast<LooseVec*>(p) = v; }
static inline Vec splat(float x) { return Vec{} + x; }
static inline float sum(Vec v) {
  float total = 0.0f;
  for (int i = 0; i < W; ++i) total += v[i];
  return total;
}

// 1 / (sqrt(v) c + eps) to about one rounding. Newton steps on the hardware estimates: square root and division would
// cost half as much as all the arithmetic of the networks.
static inline Vec adam_scale(Vec v, float c, float eps) {
#if defined(__SSE__)
  v = v > 1e-36f ? v : splat(1e-36f);  // keeps the estimate finite; sqrt of it is far below eps
#if defined(__AVX512F__)
  Vec r = _mm512_maskz_rsqrt14_ps(0xFFFF, v);
#elif defined(__AVX2__)
  Vec r = _mm256_rsqrt_ps(v);
#else
  Vec r = _mm_rsqrt_ps(v);
#endif
  r = r * (1.5f - 0.5f * v * r * r);
  Vec root = v * r;
  root = root + 0.5f * r * (v - root * root);
  const Vec d = root * c + eps;
#if defined(__AVX512F__)
  Vec q = _mm512_maskz_rcp14_ps(0xFFFF, d);
#elif defined(__AVX2__)
  Vec q = _mm256_rcp_ps(d);
#else
  Vec q = _mm_rcp_ps(d);
#endif
  q = q * (2.0f - d * q);
  return q * (2.0f - d * q);
#else
  Vec q;
  for (int i = 0; i < W; ++i) q[i] = 1.0f / (__builtin_sqrtf(v[i]) * c + eps);
  return q;
#endif
}

// Fetches up to `n` more lines of the queue into the second-level cache.
static inline void prefetch(PrefetchQueue& queue, int n) {
  for (; n > 0 && queue.range < queue.n_ranges; --n) {
    __builtin_prefetch(queue.at, 0, 2);
    queue.at += lane_multiple;
    if (queue.at >= queue.ranges[queue.range].end && ++queue.range < queue.n_ranges)
      queue.at = queue.ranges[queue.range].begin;
  }
}

enum class Epilogue { linear, relu, masked, plain };

// y[o] = b[o] + sum_r w[r s_red + o s_out] x[r], o in [0, n_out); plain and masked: no bias; masked: zero where mask[o]
// is not positive.
struct Product {
  const float* w;
  long s_red, s_out;
  int n_red, n_out;
  const float* x;
  const float* bias;
  const float* mask;
  float* y;
  long lanes;
  PrefetchQueue* queue;
};

template <int NO, int NV, Epilogue E>
static inline void product_tile(const Product& p, int o, long lane) {
  Vec acc[NO][NV];
#pragma GCC unroll 16
  for (int n = 0; n < NO; ++n)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v)
      acc[n][v] = E == Epilogue::linear || E == Epilogue::relu ? splat(p.bias[o + n]) : Vec{};
  const float* w = p.w + o * p.s_out;
  const float* x = p.x + lane;
  for (int r = 0; r < p.n_red; ++r, w += p.s_red, x += p.lanes) {
    Vec xv[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) xv[v] = load(x + v * W);
#pragma GCC unroll 16
    for (int n = 0; n < NO; ++n) {
      const Vec weight = splat(w[n * p.s_out]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) acc[n][v] += weight * xv[v];
    }
  }
#pragma GCC unroll 16
  for (int n = 0; n < NO; ++n)
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      const long at = (o + n) * p.lanes + lane + v * W;
      Vec value = acc[n][v];
      // Written so that NaN passes: a lost NaN would hide a diverged network.
      if constexpr (E == Epilogue::relu) value = value < 0.0f ? Vec{} : value;
      if constexpr (E == Epilogue::masked) value = load(p.mask + at) > 0.0f ? value : Vec{};
      store(p.y + at, value);
    }
}

template <int NV, Epilogue E>
static inline void product_lanes(const Product& p, long lane) {
  int o = 0;
  for (; o + tile_outputs <= p.n_out; o += tile_outputs) {
    prefetch(*p.queue, prefetch_per_tile);
    product_tile<tile_outputs, NV, E>(p, o, lane);
  }
  for (; o + 4 <= p.n_out; o += 4) product_tile<4, NV, E>(p, o, lane);
  for (; o < p.n_out; ++o) product_tile<1, NV, E>(p, o, lane);
}

template <Epilogue E>
static inline void product(const Product& p) {
  long lane = 0;
  for (; lane + 2 * W <= p.lanes; lane += 2 * W) product_lanes<2, E>(p, lane);
  for (; lane < p.lanes; lane += W) product_lanes<1, E>(p, lane);
}

// Copies the first `count` < W floats.
static inline void store_part(float* to, Vec v, int count) {
  float part[W];
  store(part, v);
  const float* from = part;
  for (int chunk = W / 2; chunk; chunk /= 2)
    if (count & chunk) {
      for (int i = 0; i < chunk; ++i) to[i] = from[i];
      to += chunk;
      from += chunk;
    }
}

// dW[i][o] = sum_b x[i][b] dt[b][o] for NI inputs and NC vectors of outputs from column `o`.
template <int NI, int NC>
static inline void gradient_tile(const float* x, long lanes, const float* dt, long ldt, int batch, float* dw, int n_out,
                                 int o) {
  Vec acc[NI][NC] = {};
  for (int b = 0; b < batch; ++b) {
    Vec d[NC];
#pragma GCC unroll 4
    for (int c = 0; c < NC; ++c) d[c] = load(dt + b * ldt + o + c * W);
#pragma GCC unroll 16
    for (int i = 0; i < NI; ++i) {
      const Vec value = splat(x[i * lanes + b]);
#pragma GCC unroll 4
      for (int c = 0; c < NC; ++c) acc[i][c] += value * d[c];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < NI; ++i)
#pragma GCC unroll 4
    for (int c = 0; c < NC; ++c) {
      const int column = o + c * W;
      if (column + W <= n_out)
        store(dw + i * n_out + column, acc[i][c]);
      else
        store_part(dw + i * n_out + column, acc[i][c], n_out - column);
    }
}

template <int NC>
static inline void gradient_columns(const float* x, int n_in, long lanes, const float* dt, long ldt,
                                    const AgentUpdate& u, float* dw, int n_out, int o) {
  constexpr int NI = 2 * tile_outputs / (NC == 1 ? 2 : NC);
  int i = 0;
  for (; i + NI <= n_in; i += NI) {
    prefetch(u.scratch->queue, prefetch_per_tile);
    gradient_tile<NI, NC>(x + i * lanes, lanes, dt, ldt, u.batch, dw + i * n_out, n_out, o);
  }
  for (; i + 2 <= n_in; i += 2) gradient_tile<2, NC>(x + i * lanes, lanes, dt, ldt, u.batch, dw + i * n_out, n_out, o);
  for (; i < n_in; ++i) gradient_tile<1, NC>(x + i * lanes, lanes, dt, ldt, u.batch, dw + i * n_out, n_out, o);
}

template <int... C>
struct Lanes {};
#if defined(__AVX512F__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif defined(__AVX2__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using AllLanes = Lanes<0, 1, 2, 3>;
#endif

// Exchanges the off-diagonal H x H blocks of rows r and r + H.
template <int H, int... C>
static inline void exchange(Vec& a, Vec& b, Lanes<C...>) {
  const Vec low = __builtin_shufflevector(a, b, ((C & H) ? W + C - H : C)...);
  b = __builtin_shufflevector(a, b, ((C & H) ? W + C : C + H)...);
  a = low;
}

template <int H>
static inline void exchange_rows(Vec* rows) {
#pragma GCC unroll 16
  for (int r = 0; r < W; ++r)
    if (!(r & H)) exchange<H>(rows[r], rows[r + H], AllLanes{});
}

// to[c][r] = from[r][c]; rows and columns are multiples of W.
static inline void transpose(const float* from, long n_rows, long n_columns, long ld_from, float* to, long ld_to) {
  for (long r = 0; r < n_rows; r += W)
    for (long c = 0; c < n_columns; c += W) {
      Vec block[W];
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) block[i] = load(from + (r + i) * ld_from + c);
      exchange_rows<1>(block);
      exchange_rows<2>(block);
      if constexpr (W > 4) exchange_rows<4>(block);
      if constexpr (W > 8) exchange_rows<8>(block);
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) store(to + (c + i) * ld_to + r, block[i]);
    }
}

}  // namespace slicefast::SLICEFAST_ISA
