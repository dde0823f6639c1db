// Link gains, vectorised over a block of users. Formulas as in src/radio.cpp, in float32 and log2 units.
//
// Loops are kept apart where one part has no vector form in some instruction set: without a gather instruction only the
// table reads run one by one.
#include "kernels/math.hpp"
#include "kernels/tables.hpp"

#if defined(__AVX2__)
#include <immintrin.h>  // only always-inline wrappers: nothing the linker could share with other levels
#endif

namespace slicefast::SLICEFAST_ISA {

static const std::size_t max_block = 256;
static const float pi = 3.14159265f;

static inline float min_f(float a, float b) { return a < b ? a : b; }
static inline float max_f(float a, float b) { return a > b ? a : b; }

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

// Displacement to the nearest image. With a reduced lattice (v1 . v2 >= 0) rounding leaves at most one of the two
// neighbours v1, v2 on the same side nearer.
static inline void nearest_image(const RadioTorus& torus, float& dx, float& dy) {
  const float magic = 12582912.0f;  // rounds to the nearest integer, see exp2_f32
  float s = torus.i11 * dx + torus.i12 * dy, t = torus.i21 * dx + torus.i22 * dy;
  const float rs = (s + magic) - magic, rt = (t + magic) - magic;
  dx -= rs * torus.v1_x + rt * torus.v2_x;
  dy -= rs * torus.v1_y + rt * torus.v2_y;
  s -= rs;
  t -= rt;
  const float side_s = s < 0.0f ? -1.0f : 1.0f, side_t = t < 0.0f ? -1.0f : 1.0f;
  const float ax = dx - side_s * torus.v1_x, ay = dy - side_s * torus.v1_y;
  const float bx = dx - side_t * torus.v2_x, by = dy - side_t * torus.v2_y;
  const float d2 = dx * dx + dy * dy, a2 = ax * ax + ay * ay, b2 = bx * bx + by * by;
  const float cx = a2 < b2 ? ax : bx, cy = a2 < b2 ? ay : by, c2 = a2 < b2 ? a2 : b2;
  dx = c2 < d2 ? cx : dx;
  dy = c2 < d2 ? cy : dy;
}

// Bilinear value of packed corners.
static inline float interpolate(std::int32_t packed, float fx, float fy) {
  const std::int32_t c00 = static_cast<std::int32_t>(static_cast<std::uint32_t>(packed) << 24) >> 24;
  const std::int32_t c01 = static_cast<std::int32_t>(static_cast<std::uint32_t>(packed) << 16) >> 24;
  const std::int32_t c10 = static_cast<std::int32_t>(static_cast<std::uint32_t>(packed) << 8) >> 24;
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

// n is a multiple of 16. By hand: the compiler's generic tuning takes gathers apart into single loads.
static inline void gather(const std::int32_t* SLICEFAST_RESTRICT tile, const std::int32_t* SLICEFAST_RESTRICT index,
                          std::size_t n, std::int32_t* SLICEFAST_RESTRICT out) {
#if defined(__AVX512F__)
  for (std::size_t i = 0; i < n; i += 16)
    _mm512_storeu_si512(out + i, _mm512_i32gather_epi32(_mm512_loadu_si512(index + i), tile, 4));
#elif defined(__AVX2__)
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), _mm256_i32gather_epi32(tile, at, 4));
  }
#else
  for (std::size_t i = 0; i < n; ++i) out[i] = tile[index[i]];
#endif
}

static inline void tile_index(const RadioUsers& users, std::int32_t row_offset, std::int32_t col_offset,
                              std::int32_t log2_size, std::size_t n, std::int32_t* SLICEFAST_RESTRICT index) {
  const std::int32_t mask = (1 << log2_size) - 1;
  const std::int32_t* SLICEFAST_RESTRICT row = users.row;
  const std::int32_t* SLICEFAST_RESTRICT col = users.col;
  for (std::size_t i = 0; i < n; ++i)
    index[i] = (((row[i] + row_offset) & mask) << log2_size) + ((col[i] + col_offset) & mask);
}

static void field(const std::int32_t* tile, std::int32_t log2_size, std::int32_t row_offset, std::int32_t col_offset,
                  const RadioUsers* users, const float* scale, std::size_t n, float* SLICEFAST_RESTRICT out) {
  std::int32_t index[max_block], packed[max_block];
  tile_index(*users, row_offset, col_offset, log2_size, n, index);
  gather(tile, index, n, packed);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = scale[i] * interpolate(packed[i], users->col_fraction[i], users->row_fraction[i]);
}

template <bool wrap>
static void displacement(const RadioSite& site, const RadioTorus& torus, const RadioUsers& users, std::size_t n,
                         float* SLICEFAST_RESTRICT distance2, float* SLICEFAST_RESTRICT azimuth) {
  const RadioTorus t = torus;
  for (std::size_t i = 0; i < n; ++i) {
    float dx = users.x[i] - site.x, dy = users.y[i] - site.y;
    if (wrap) nearest_image(t, dx, dy);
    distance2[i] = dx * dx + dy * dy;
    azimuth[i] = atan2_f32(dy, dx);
  }
}

// The effective environment height hE: 1 m with probability 1 / (1 + C), else one of 12, 15, ..., h - 1.5 m.
static inline float environment_height(float c, float draw, float choices) {
  const float plain = inverse_f32(1.0f + c);
  const float rest = (draw - plain) * inverse_f32(max_f(1.0f - plain, 1e-6f));
  const float steps = static_cast<float>(static_cast<std::int32_t>(max_f(rest, 0.0f) * choices));
  const float raised = 12.0f + 3.0f * min_f(steps, choices - 1.0f);
  return draw < plain ? 1.0f : raised;
}

// How much more often users above 13 m see a macro site: C = tall 1.25 (d / 100)^3 e^(-d / 150) beyond 18 m.
static inline float further(float tall, float d) {
  const float c = tall * 1.25e-6f * d * d * d * exp2_f32(-0.00961796694f * d);
  return d > 18.0f ? c : 0.0f;  // always computed: under a condition it would keep the loop from vectorising
}

template <bool profiled>
static inline void evaluate_site(const RadioSite* site_pointer, const RadioMast* mast, const RadioTorus* torus,
                                 const RadioTiles* tiles, const RadioUsers* users, const RadioProfile* profile,
                                 std::size_t n, float* SLICEFAST_RESTRICT base, float* SLICEFAST_RESTRICT azimuth,
                                 float* SLICEFAST_RESTRICT depression) {
  const RadioSite s = *site_pointer;
  const RadioUsers u = *users;
  float d2[max_block];
  std::int32_t index[max_block], packed[max_block], los[max_block];
  if (torus->wrap)
    displacement<true>(s, *torus, u, n, d2, azimuth);
  else
    displacement<false>(s, *torus, u, n, d2, azimuth);

  tile_index(u, s.row_offset, s.col_offset, tiles->log2_size, n, index);
  gather(tiles->los_state, index, n, packed);
  const float inverse_height = 1.0f / s.height, min_d = __builtin_sqrtf(s.min_d2), inverse_min = 1.0f / min_d;
  const std::int32_t nlos_tile = tiles->size * tiles->size;
  const RadioMast m = profiled ? *mast : RadioMast{};
  const RadioProfile v = profiled ? *profile : RadioProfile{};
  for (std::size_t i = 0; i < n; ++i) {
    const float true_d2 = max_f(d2[i], 1e-4f), used_d2 = max_f(d2[i], s.min_d2);
    const float inverse_d = inverse_sqrt_f32(true_d2), true_d = true_d2 * inverse_d;
    const float used_inverse = min_f(inverse_d, inverse_min), d = max_f(true_d, min_d);
    const float user = profiled ? v.height[i] : 0.0f;
    const float tall = profiled ? m.tall_see_further * v.tall[i] : 0.0f;
    const float h = profiled ? m.mast - user : s.height;
    const float above = profiled ? max_f(__builtin_fabsf(h), 1e-6f) : h;
    const float rising = above * inverse_d;  // atan of the one of h / d and d / h that is below 1
    const float angle = atan_unit(min_f(rising, true_d * (profiled ? inverse_f32(above) : inverse_height)));
    const float steep = rising > 1.0f ? 0.5f * pi - angle : angle;
    depression[i] = profiled && h < 0.0f ? -steep : steep;

    const float f = u.scale_state[i] * interpolate(packed[i], u.col_fraction[i], u.row_fraction[i]);
    const float outside = profiled ? max_f(d - v.inside[i], 1e-3f) : d;
    const float q = min_f(s.sure * (profiled ? inverse_f32(outside) : used_inverse), 1.0f);
    float p = q + (1.0f - q) * exp2_f32(s.decay * outside);
    if constexpr (profiled) p *= 1.0f + further(tall, outside);
    const bool is_los = in_line_of_sight(f, p);

    const float l = log2_f32(used_d2 + (profiled ? h * h : s.height2_loss));
    float turn2 = s.breakpoint_d2, far_0 = s.far_0, nlos_0 = s.nlos_0;
    if constexpr (profiled) {
      const float environment = environment_height(further(tall, d), v.environment[i], v.choices[i]);
      const float turn = m.breakpoint_scale * (m.mast - environment) * (user - environment);
      turn2 = turn * __builtin_fabsf(turn);  // a mast below the environment: always beyond
      far_0 = m.far_base + m.far_drop * log2_f32(turn * turn + h * h);
      nlos_0 = m.nlos_base + m.nlos_per_m * user;
    }
    const bool is_near = d2[i] <= turn2;
    const float los_gain = is_near ? s.near_0 + s.near_1 * l : far_0 + s.far_1 * l;
    const float nlos_gain = min_f(nlos_0 + s.nlos_1 * l, los_gain + s.nlos_margin);
    los[i] = is_los ? (is_near ? 2 : 1) : 0;
    base[i] = is_los ? los_gain : nlos_gain;
    index[i] += is_los ? 0 : nlos_tile;
  }
  gather(tiles->shadow, index, n, packed);
  for (std::size_t i = 0; i < n; ++i) {
    const bool is_los = los[i] > 0;
    // Both states' values are read: a read under a condition would keep the loop from vectorising on the baseline.
    const float scale_los = u.scale_los[i], scale_nlos = u.scale_nlos[i];
    const float common_los = u.common_los[i], common_nlos = u.common_nlos[i];
    const float own = (is_los ? scale_los : scale_nlos) * interpolate(packed[i], u.col_fraction[i], u.row_fraction[i]);
    const float common = is_los ? common_los : common_nlos;
    const float los_sigma = los[i] == 2 ? s.sigma_near : s.sigma_far;
    float sigma = is_los ? los_sigma : s.sigma_nlos;
    if constexpr (profiled) {
      const float indoor = v.indoor[i] * m.sigma_indoor;
      sigma = indoor > 0.0f ? indoor : sigma;
      base[i] -= v.loss[i];
    }
    base[i] -= sigma * (own + common);
  }
}

static void site(const RadioSite* site_pointer, const RadioTorus* torus, const RadioTiles* tiles,
                 const RadioUsers* users, std::size_t n, float* SLICEFAST_RESTRICT base,
                 float* SLICEFAST_RESTRICT azimuth, float* SLICEFAST_RESTRICT depression) {
  evaluate_site<false>(site_pointer, nullptr, torus, tiles, users, nullptr, n, base, azimuth, depression);
}

static void profiled_site(const RadioSite* site_pointer, const RadioMast* mast, const RadioTorus* torus,
                          const RadioTiles* tiles, const RadioUsers* users, const RadioProfile* profile, std::size_t n,
                          float* SLICEFAST_RESTRICT base, float* SLICEFAST_RESTRICT azimuth,
                          float* SLICEFAST_RESTRICT depression) {
  evaluate_site<true>(site_pointer, mast, torus, tiles, users, profile, n, base, azimuth, depression);
}

static inline float pattern(const RadioCell& cell, float azimuth, float depression) {
  float phi = __builtin_fabsf(azimuth - cell.azimuth);
  phi = min_f(phi, 2.0f * pi - phi);
  const float theta = depression - cell.tilt;
  const float horizontal = min_f(cell.curve_h * phi * phi, cell.floor_h);
  const float vertical = min_f(cell.curve_v * theta * theta, cell.floor_v);
  return cell.peak - min_f(horizontal + vertical, cell.floor_total);
}

static void cell(const RadioCell* cell_pointer, std::size_t n, const float* SLICEFAST_RESTRICT base,
                 const float* SLICEFAST_RESTRICT azimuth, const float* SLICEFAST_RESTRICT depression,
                 float* SLICEFAST_RESTRICT gain) {
  const RadioCell c = *cell_pointer;
  for (std::size_t i = 0; i < n; ++i) gain[i] = exp2_f32(base[i] + pattern(c, azimuth[i], depression[i]));
}

static void strongest(const float* SLICEFAST_RESTRICT gain, float power, float activity, std::int32_t cell,
                      std::size_t n, float* SLICEFAST_RESTRICT best, float* SLICEFAST_RESTRICT best_activity,
                      std::int32_t* SLICEFAST_RESTRICT server, float* SLICEFAST_RESTRICT interference) {
  for (std::size_t i = 0; i < n; ++i) {
    const float received = power * gain[i];
    const bool wins = received > best[i];
    const float old_best = best[i], old_activity = best_activity[i];
    const float from_old = old_activity * old_best, from_new = activity * received;
    const std::int32_t old_server = server[i];
    interference[i] += wins ? from_old : from_new;
    best[i] = wins ? received : old_best;
    best_activity[i] = wins ? activity : old_activity;
    server[i] = wins ? cell : old_server;
  }
}

static bool sift(const float* SLICEFAST_RESTRICT gain, float power, const float* SLICEFAST_RESTRICT least,
                 std::size_t n, float* SLICEFAST_RESTRICT dropped, std::uint8_t* SLICEFAST_RESTRICT strong) {
  std::int32_t matters[max_block], any = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float received = power * gain[i];
    const bool weak = received <= least[i];
    dropped[i] += weak ? received : 0.0f;
    matters[i] = weak ? 0 : 1;
    any |= matters[i];
  }
  for (std::size_t i = 0; i < n; ++i) strong[i] = static_cast<std::uint8_t>(matters[i]);
  return any != 0;
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

// |sum_m e^(j pi m (sin tilt - sin depression))|^2 / elements, by the recurrence of Chebyshev's polynomials.
static inline float column_factor(float sin_tilt, float depression, int elements) {
  const float x = 0.5f * pi * (sin_tilt - sin_half_turn(depression));
  const float half_sin = sin_half_turn(0.5f * x);
  const float twice_cos = 2.0f - 4.0f * half_sin * half_sin;
  float previous = 0.0f, current = 1.0f;
  for (int k = 1; k < elements; ++k) {
    const float next = twice_cos * current - previous;
    previous = current;
    current = next;
  }
  return max_f(current * current / static_cast<float>(elements), 1e-20f);
}

static void column_cell(const RadioCell* cell_pointer, std::size_t n, const float* SLICEFAST_RESTRICT base,
                        const float* SLICEFAST_RESTRICT azimuth, const float* SLICEFAST_RESTRICT depression,
                        float* SLICEFAST_RESTRICT gain) {
  const RadioCell c = *cell_pointer;
  const int elements = static_cast<int>(c.elements);
  float previous[max_block], current[max_block], twice_cos[max_block];
  for (std::size_t i = 0; i < n; ++i) {
    const float x = 0.5f * pi * (c.sin_tilt - sin_half_turn(depression[i]));
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
  for (std::size_t i = 0; i < n; ++i) {
    const float column = max_f(current[i] * current[i] * c.inverse_elements, 1e-20f);
    gain[i] = column * exp2_f32(base[i] + pattern(c, azimuth[i], depression[i]));
  }
}

// A typedef, as clang drops the alignment of 4 in a using declaration and then stores to whole vectors only.
typedef float Vector8 __attribute__((vector_size(32), aligned(4), may_alias));

// Eight rows of eight: three rounds that interleave pairs, quadruples and halves.
static inline void transpose_8x8(const float* in, std::size_t in_stride, float* const* out, std::size_t column) {
  Vector8 a[8], b[8];
  for (int r = 0; r < 8; ++r) a[r] = *reinterpret_cast<const Vector8*>(in + static_cast<std::size_t>(r) * in_stride);
  for (int r = 0; r < 8; r += 2) {
    b[r] = __builtin_shufflevector(a[r], a[r + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    b[r + 1] = __builtin_shufflevector(a[r], a[r + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int r = 0; r < 8; r += 4)
    for (int j = 0; j < 2; ++j) {
      a[r + 2 * j] = __builtin_shufflevector(b[r + j], b[r + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      a[r + 2 * j + 1] = __builtin_shufflevector(b[r + j], b[r + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int j = 0; j < 4; ++j) {
    *reinterpret_cast<Vector8*>(out[j] + column) = __builtin_shufflevector(a[j], a[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *reinterpret_cast<Vector8*>(out[j + 4] + column) =
        __builtin_shufflevector(a[j], a[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

static void transpose(const float* in, std::size_t in_stride, std::size_t rows, std::size_t n, float* const* out,
                      std::size_t column) {
  const std::size_t whole_rows = rows / 8 * 8, whole_users = n / 8 * 8;
  for (std::size_t i = 0; i < whole_users; i += 8)
    for (std::size_t r = 0; r < whole_rows; r += 8)
      transpose_8x8(in + r * in_stride + i, in_stride, out + i, column + r);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t r = i < whole_users ? whole_rows : 0; r < rows; ++r) out[i][column + r] = in[r * in_stride + i];
}

// What a far link is made of, gathered link by link; arrays are padded to whole vectors with the last link.
struct FarLinks {
  float dx[far_links], dy[far_links], fx[far_links], fy[far_links], scale[far_links], common[far_links];
  std::int32_t index[far_links], packed[far_links], los[far_links];
};

static void gather_links(const RadioSite* sites, const RadioTorus* torus, const RadioTiles* tiles,
                         const RadioUsers& users, const std::int32_t* user, const std::int32_t* site, std::size_t n,
                         std::size_t padded, FarLinks& links) {
  const std::int32_t mask = (1 << tiles->log2_size) - 1, shift = tiles->log2_size;
  for (std::size_t i = 0; i < padded; ++i) {
    const std::size_t at = i < n ? i : n - 1;
    const RadioSite& s = sites[site[at]];
    const std::int32_t u = user[at];
    links.dx[i] = users.x[u] - s.x;
    links.dy[i] = users.y[u] - s.y;
    links.fx[i] = users.col_fraction[u];
    links.fy[i] = users.row_fraction[u];
    links.scale[i] = users.scale_state[u];
    links.index[i] = (((users.row[u] + s.row_offset) & mask) << shift) + ((users.col[u] + s.col_offset) & mask);
  }
  if (!torus->wrap) return;
  const RadioTorus t = *torus;
  for (std::size_t i = 0; i < padded; ++i) {
    float x = links.dx[i], y = links.dy[i];
    nearest_image(t, x, y);
    links.dx[i] = x;
    links.dy[i] = y;
  }
}

// Line of sight link by link; P(LOS) is the model's, not the site's.
static void test_los(const RadioSite& model, const RadioTiles* tiles, std::size_t padded, FarLinks& links) {
  gather(tiles->los_state, links.index, padded, links.packed);
  const float min_d2 = model.min_d2, sure = model.sure, decay = model.decay;
  for (std::size_t i = 0; i < padded; ++i) {
    const float used_d2 = max_f(links.dx[i] * links.dx[i] + links.dy[i] * links.dy[i], min_d2);
    const float used_inverse = inverse_sqrt_f32(used_d2), d = used_d2 * used_inverse;
    const float f = links.scale[i] * interpolate(links.packed[i], links.fx[i], links.fy[i]);
    const float q = min_f(sure * used_inverse, 1.0f);
    const float p = q + (1.0f - q) * exp2_f32(decay * d);
    links.los[i] = in_line_of_sight(f, p) ? 1 : 0;
  }
}

static std::size_t far_los(const RadioSite* sites, const RadioTorus* torus, const RadioTiles* tiles,
                           const RadioUsers* users, const std::int32_t* user, const std::int32_t* site, std::size_t n,
                           std::int32_t* SLICEFAST_RESTRICT found, float* SLICEFAST_RESTRICT base,
                           float* SLICEFAST_RESTRICT azimuth, float* SLICEFAST_RESTRICT depression) {
  if (n == 0) return 0;
  const RadioUsers u = *users;
  FarLinks links;
  gather_links(sites, torus, tiles, u, user, site, n, (n + 15) / 16 * 16, links);
  test_los(sites[0], tiles, (n + 15) / 16 * 16, links);
  std::size_t n_found = 0;
  for (std::size_t i = 0; i < n; ++i) {
    found[n_found] = static_cast<std::int32_t>(i);
    n_found += static_cast<std::size_t>(links.los[i]);
  }
  if (n_found == 0) return 0;
  float near_0[far_links], near_1[far_links], far_0[far_links], far_1[far_links], breakpoint_d2[far_links];
  float height[far_links], height2_loss[far_links];
  const std::size_t padded = (n_found + 15) / 16 * 16;
  for (std::size_t j = 0; j < padded; ++j) {
    const std::int32_t i = found[j < n_found ? j : n_found - 1];
    const RadioSite& s = sites[site[i]];
    near_0[j] = s.near_0, near_1[j] = s.near_1, far_0[j] = s.far_0, far_1[j] = s.far_1;
    breakpoint_d2[j] = s.breakpoint_d2, height[j] = s.height, height2_loss[j] = s.height2_loss;
    links.dx[j] = links.dx[i], links.dy[j] = links.dy[i], links.index[j] = links.index[i];
    links.fx[j] = links.fx[i], links.fy[j] = links.fy[i];
    links.scale[j] = u.scale_los[user[i]], links.common[j] = u.common_los[user[i]];
  }
  gather(tiles->shadow, links.index, padded, links.packed);
  const float min_d2 = sites[0].min_d2, sigma_near = sites[0].sigma_near, sigma_far = sites[0].sigma_far;
  for (std::size_t j = 0; j < padded; ++j) {
    const float d2 = links.dx[j] * links.dx[j] + links.dy[j] * links.dy[j], true_d2 = max_f(d2, 1e-4f);
    const float rising = height[j] * inverse_sqrt_f32(true_d2);
    const float l = log2_f32(max_f(d2, min_d2) + height2_loss[j]);
    const bool is_near = d2 <= breakpoint_d2[j];
    const float gain = is_near ? near_0[j] + near_1[j] * l : far_0[j] + far_1[j] * l;
    const float own = links.scale[j] * interpolate(links.packed[j], links.fx[j], links.fy[j]);
    const float angle = atan_unit(min_f(rising, inverse_f32(max_f(rising, 1e-20f))));
    azimuth[j] = atan2_f32(links.dy[j], links.dx[j]);
    depression[j] = rising > 1.0f ? 0.5f * pi - angle : angle;
    base[j] = gain - (is_near ? sigma_near : sigma_far) * (own + links.common[j]);
  }
  return n_found;
}

static void far_cells(const RadioCell* cells, const std::int32_t* index, std::size_t n,
                      const float* SLICEFAST_RESTRICT base, const float* SLICEFAST_RESTRICT azimuth,
                      const float* SLICEFAST_RESTRICT depression, float* SLICEFAST_RESTRICT gain) {
  float boresight[max_block], tilt[max_block], sin_tilt[max_block];
  RadioCell c = cells[0];  // cells differ in direction only
  for (std::size_t start = 0; start < n; start += max_block) {
    const std::size_t m = n - start < max_block ? n - start : max_block;
    for (std::size_t i = 0; i < m; ++i) {
      const RadioCell& own = cells[index[start + i]];
      boresight[i] = own.azimuth, tilt[i] = own.tilt, sin_tilt[i] = own.sin_tilt;
    }
    for (std::size_t i = 0; i < m; ++i) {
      RadioCell pointed = c;
      pointed.azimuth = boresight[i];
      pointed.tilt = tilt[i];
      gain[start + i] = exp2_f32(base[start + i] + pattern(pointed, azimuth[start + i], depression[start + i]));
    }
    const int elements = static_cast<int>(c.elements);
    if (elements == 1) continue;
    for (std::size_t i = 0; i < m; ++i) gain[start + i] *= column_factor(sin_tilt[i], depression[start + i], elements);
  }
}

extern const RadioKernels radio_kernels = {site, profiled_site, cell,  column_cell, strongest,
                                           sift, transpose,     field, far_los,     far_cells};

}  // namespace slicefast::SLICEFAST_ISA
