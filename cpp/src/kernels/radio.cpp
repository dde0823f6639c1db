// Link gains, vectorised over a block of users. Formulas as in src/radio/, in float32 and log2 units.
//
// Loops are kept apart where one part has no vector form in some instruction set: without a gather instruction only the
// table reads run one by one.
#include "kernels/radio_lanes.hpp"

namespace slicefast::SLICEFAST_ISA {

// Whole turns around the torus from a site to its image nearest to each user.
struct Turns {
  float first[max_block], second[max_block];
};

// Where a site's fields are read: offset by the site's own nodes, and back by those between its nearest image and it.
template <bool wrap>
static inline void tile_index(const RadioSite& site, const RadioTorus& torus, const RadioUsers& users,
                              std::int32_t log2_size, const Turns* SLICEFAST_RESTRICT turns, std::size_t n,
                              std::int32_t* SLICEFAST_RESTRICT index) {
  const std::int32_t row_offset = site.row_offset, col_offset = site.col_offset;
  const RadioTorus t = torus;
  const std::int32_t* SLICEFAST_RESTRICT row = users.row;
  const std::int32_t* SLICEFAST_RESTRICT col = users.col;
  for (std::size_t i = 0; i < n; ++i) {
    std::int32_t r = row[i] + row_offset, c = col[i] + col_offset;
    if (wrap) {
      r -= static_cast<std::int32_t>(turns->first[i] * t.v1_row + turns->second[i] * t.v2_row);
      c -= static_cast<std::int32_t>(turns->first[i] * t.v1_col + turns->second[i] * t.v2_col);
    }
    index[i] = node_at(r, c, log2_size);
  }
}

static void field(const std::int16_t* tile, const std::int32_t* index, const RadioUsers* users, const float* scale,
                  std::size_t n, float* SLICEFAST_RESTRICT out) {
  std::int32_t packed[max_block];
  gather(tile, index, n, packed);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = scale[i] * interpolate(packed[i], users->col_fraction[i], users->row_fraction[i]);
}

template <bool wrap>
static void displacement(const RadioSite& site, const RadioTorus& torus, const RadioUsers& users, std::size_t n,
                         float* SLICEFAST_RESTRICT distance2, float* SLICEFAST_RESTRICT azimuth,
                         Turns* SLICEFAST_RESTRICT turns) {
  const RadioTorus t = torus;
  for (std::size_t i = 0; i < n; ++i) {
    float dx = users.x[i] - site.x, dy = users.y[i] - site.y;
    if (wrap) nearest_image(t, dx, dy, turns->first[i], turns->second[i]);
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

// Of a mast over a user: the height difference h, its size and the inverse of that.
struct Rise {
  float h, above, inverse_above;
};

template <bool profiled>
static inline Rise rise_over(const RadioSite& s, const RadioMast& m, const RadioProfile& v, float inverse_height,
                             std::size_t i) {
  if constexpr (!profiled) return {s.height, s.height, inverse_height};
  const float h = m.mast - v.height[i], above = max_f(__builtin_fabsf(h), 1e-6f);
  return {h, above, inverse_f32(above)};
}

template <bool profiled>
static inline float angle_below(const Rise& rise, float d, float inverse_d) {
  const float rising = rise.above * inverse_d;  // atan of the one of h / d and d / h that is below 1
  const float angle = atan_unit(min_f(rising, d * rise.inverse_above));
  const float steep = rising > 1.0f ? 0.5f * pi - angle : angle;
  return profiled && rise.h < 0.0f ? -steep : steep;
}

template <bool profiled, bool curved>
static inline float los_chance(const RadioSite& s, const RadioMast& m, const RadioProfile& v, float d, float inverse_d,
                               std::size_t i) {
  const float outside = profiled ? max_f(d - v.inside[i], 1e-3f) : d;
  if constexpr (curved) {
    const float near = s.los_0 + s.decay * outside, far = s.los_far_0 + s.los_far_1 * outside;
    return exp2_f32(min_f(outside < s.los_turn ? near : far, 0.0f));
  }
  const float q = min_f(s.sure * (profiled ? inverse_f32(outside) : inverse_d), 1.0f);
  float p = q + (1.0f - q) * exp2_f32(s.decay * outside);
  if constexpr (profiled) p *= 1.0f + further(m.tall_see_further * v.tall[i], outside);
  return p;
}

// What the user's height changes in the path loss curves: the breakpoint squared, the far and the NLOS intercept.
struct Intercepts {
  float turn2, far_0, nlos_0;
};

template <bool profiled>
static inline Intercepts intercepts_of(const RadioSite& s, const RadioMast& m, const RadioProfile& v, float h, float d,
                                       std::size_t i) {
  if constexpr (!profiled) return {s.breakpoint_d2, s.far_0, s.nlos_0};
  const float user = v.height[i], tall = m.tall_see_further * v.tall[i];
  const float environment = environment_height(further(tall, d), v.environment[i], v.choices[i]);
  const float turn = m.breakpoint_scale * (m.mast - environment) * (user - environment);
  // A mast below the environment: always beyond.
  return {turn * __builtin_fabsf(turn), m.far_base + m.far_drop * log2_f32(turn * turn + h * h),
          m.nlos_base + m.nlos_per_m * user};
}

// States of a block's links to one site, as what their shadowing depends on.
enum LinkState : std::int32_t { nlos_link, far_los_link, near_los_link };

template <bool profiled>
static inline void add_shadowing(const RadioSite& s, const RadioMast& m, const RadioUsers& u, const RadioProfile& v,
                                 const std::int32_t* SLICEFAST_RESTRICT state,
                                 const std::int32_t* SLICEFAST_RESTRICT packed, std::size_t n,
                                 float* SLICEFAST_RESTRICT base) {
  for (std::size_t i = 0; i < n; ++i) {
    const bool is_los = state[i] != nlos_link;
    // Both states' values are read: a read under a condition would keep the loop from vectorising on the baseline.
    const float scale_los = u.scale_los[i], scale_nlos = u.scale_nlos[i];
    const float common_los = u.common_los[i], common_nlos = u.common_nlos[i];
    const float own = (is_los ? scale_los : scale_nlos) * interpolate(packed[i], u.col_fraction[i], u.row_fraction[i]);
    const float common = is_los ? common_los : common_nlos;
    const float los_sigma = state[i] == near_los_link ? s.sigma_near : s.sigma_far;
    float sigma = is_los ? los_sigma : s.sigma_nlos;
    if constexpr (profiled) {
      const float indoor = v.indoor[i] * m.sigma_indoor;
      sigma = indoor > 0.0f ? indoor : sigma;
      base[i] -= v.loss[i];
    }
    base[i] -= sigma * (own + common);
  }
}

// Curved models have code of their own, so that the others pay nothing.
template <bool profiled, bool curved>
static inline void evaluate_site(const RadioSite* site_pointer, const RadioMast* mast, const RadioTorus* torus,
                                 const RadioTiles* tiles, const RadioUsers* users, const RadioProfile* profile,
                                 std::size_t n, float* SLICEFAST_RESTRICT base, float* SLICEFAST_RESTRICT azimuth,
                                 float* SLICEFAST_RESTRICT depression) {
  const RadioSite s = *site_pointer;
  const RadioUsers u = *users;
  const RadioMast m = profiled ? *mast : RadioMast{};
  const RadioProfile v = profiled ? *profile : RadioProfile{};
  float d2[max_block];
  std::int32_t index[max_block], packed[max_block], outside[max_block], state[max_block], any_los = 0;
  Turns turns;
  (torus->wrap ? displacement<true> : displacement<false>)(s, *torus, u, n, d2, azimuth, &turns);
  (torus->wrap ? tile_index<true> : tile_index<false>)(s, *torus, u, tiles->log2_size, &turns, n, index);
  gather_halves(tiles->outside, index, n, packed, outside);
  const float inverse_height = 1.0f / s.height, min_d = __builtin_sqrtf(s.min_d2), inverse_min = 1.0f / min_d;
  for (std::size_t i = 0; i < n; ++i) {
    const float true_d2 = max_f(d2[i], 1e-4f), used_d2 = max_f(d2[i], s.min_d2);
    const float inverse_d = inverse_sqrt_f32(true_d2), true_d = true_d2 * inverse_d;
    const float used_inverse = min_f(inverse_d, inverse_min), d = max_f(true_d, min_d);
    const Rise rise = rise_over<profiled>(s, m, v, inverse_height, i);
    depression[i] = angle_below<profiled>(rise, true_d, inverse_d);
    const float f = u.scale_state[i] * interpolate(packed[i], u.col_fraction[i], u.row_fraction[i]);
    const bool is_los = in_line_of_sight(f, los_chance<profiled, curved>(s, m, v, d, used_inverse, i));
    const float l = log2_f32(used_d2 + (profiled ? rise.h * rise.h : s.height2_loss));
    const Intercepts at = intercepts_of<profiled>(s, m, v, rise.h, d, i);
    const bool is_near = d2[i] <= at.turn2;
    float near_gain = s.near_0 + s.near_1 * l;
    if constexpr (curved) {
      const float d2_loss = used_d2 + (profiled ? rise.h * rise.h : s.height2_loss);
      near_gain += s.near_per_m * d2_loss * inverse_sqrt_f32(d2_loss);
    }
    const float los_gain = is_near ? near_gain : at.far_0 + s.far_1 * l;
    const float nlos_gain = min_f(at.nlos_0 + s.nlos_1 * l, los_gain + s.nlos_margin);
    state[i] = is_los ? (is_near ? near_los_link : far_los_link) : nlos_link;
    base[i] = is_los ? los_gain : nlos_gain;
    index[i] = is_los ? index[i] : 0;
    any_los |= is_los ? 1 : 0;
  }
  if (any_los != 0) {
    gather(tiles->shadow_los, index, n, packed);
    for (std::size_t i = 0; i < n; ++i) outside[i] = state[i] != nlos_link ? packed[i] : outside[i];
  }
  add_shadowing<profiled>(s, m, u, v, state, outside, n, base);
}

static void site(const RadioSite* site_pointer, const RadioTorus* torus, const RadioTiles* tiles,
                 const RadioUsers* users, std::size_t n, float* SLICEFAST_RESTRICT base,
                 float* SLICEFAST_RESTRICT azimuth, float* SLICEFAST_RESTRICT depression) {
  const auto evaluate = site_pointer->curved ? evaluate_site<false, true> : evaluate_site<false, false>;
  evaluate(site_pointer, nullptr, torus, tiles, users, nullptr, n, base, azimuth, depression);
}

static void profiled_site(const RadioSite* site_pointer, const RadioMast* mast, const RadioTorus* torus,
                          const RadioTiles* tiles, const RadioUsers* users, const RadioProfile* profile, std::size_t n,
                          float* SLICEFAST_RESTRICT base, float* SLICEFAST_RESTRICT azimuth,
                          float* SLICEFAST_RESTRICT depression) {
  const auto evaluate = site_pointer->curved ? evaluate_site<true, true> : evaluate_site<true, false>;
  evaluate(site_pointer, mast, torus, tiles, users, profile, n, base, azimuth, depression);
}

// f with Phi(f) = p, Phi as in in_line_of_sight(): the root of f (1.5976 + 0.070565 f^2) = ln(p / (1 - p)).
static inline float normal_quantile(float p) {
  const float in = min_f(max_f(p, 1e-7f), 1.0f - 1e-7f);
  const float odds = log2_f32(in) - log2_f32(1.0f - in), z = 0.236903f * __builtin_fabsf(odds);
  const float turned = log2_f32(z + __builtin_sqrtf(z * z + 1.0f)) * 0.33333333f;  // asinh(z) / 3, in log2 units
  const float root = 2.747127f * (exp2_f32(turned) - exp2_f32(-turned));
  return odds < 0.0f ? -root : root;
}

template <bool profiled, bool curved>
static inline void soft_states(const RadioSite* site_pointer, const RadioMast* mast, const RadioTorus* torus,
                               const RadioTiles* tiles, const RadioUsers* users, const RadioProfile* profile,
                               float sharpness, std::size_t n, const float* SLICEFAST_RESTRICT hidden,
                               float* SLICEFAST_RESTRICT base) {
  const RadioSite s = *site_pointer;
  const RadioMast m = profiled ? *mast : RadioMast{};
  const RadioProfile v = profiled ? *profile : RadioProfile{};
  float d2[max_block], azimuth[max_block];
  std::int32_t index[max_block], packed[max_block], outside[max_block];
  Turns turns;
  (torus->wrap ? displacement<true> : displacement<false>)(s, *torus, *users, n, d2, azimuth, &turns);
  (torus->wrap ? tile_index<true> : tile_index<false>)(s, *torus, *users, tiles->log2_size, &turns, n, index);
  gather_halves(tiles->outside, index, n, packed, outside);
  const RadioUsers u = *users;
  for (std::size_t i = 0; i < n; ++i) {
    const float state = u.scale_state[i] * interpolate(packed[i], u.col_fraction[i], u.row_fraction[i]);
    const float d = __builtin_sqrtf(max_f(d2[i], s.min_d2));
    const float chance = min_f(los_chance<profiled, curved>(s, m, v, d, 1.0f / d, i), 1.0f);
    const float x = sharpness * (normal_quantile(chance) - state), size = __builtin_fabsf(x);
    const float angle = atan_unit(min_f(size, inverse_f32(max_f(size, 1e-20f))));
    const float turn = (size > 1.0f ? 0.5f * pi - angle : angle) * (1.0f / pi);
    const float soft = x < 0.0f ? 0.5f - turn : 0.5f + turn;
    const float weight = soft * soft, most = max_f(base[i], hidden[i]);
    base[i] = most +
              log2_f32(max_f(weight * exp2_f32(base[i] - most) + (1.0f - weight) * exp2_f32(hidden[i] - most), 1e-30f));
  }
}

static void soften(const RadioSite* site_pointer, const RadioMast* mast, const RadioTorus* torus,
                   const RadioTiles* tiles, const RadioUsers* users, const RadioProfile* profile, float sharpness,
                   std::size_t n, const float* SLICEFAST_RESTRICT hidden, float* SLICEFAST_RESTRICT base) {
  const auto plain = site_pointer->curved ? soft_states<false, true> : soft_states<false, false>;
  const auto profiled = site_pointer->curved ? soft_states<true, true> : soft_states<true, false>;
  (profile ? profiled : plain)(site_pointer, mast, torus, tiles, users, profile, sharpness, n, hidden, base);
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

static bool sift(const float* SLICEFAST_RESTRICT gain, float power, float activity,
                 const float* SLICEFAST_RESTRICT least, std::size_t n, float* SLICEFAST_RESTRICT dropped,
                 std::uint8_t* SLICEFAST_RESTRICT strong) {
  std::int32_t matters[max_block], any = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float received = power * gain[i];
    const bool weak = received <= least[i];
    dropped[i] += weak ? activity * received : 0.0f;
    matters[i] = weak ? 0 : 1;
    any |= matters[i];
  }
  for (std::size_t i = 0; i < n; ++i) strong[i] = static_cast<std::uint8_t>(matters[i]);
  return any != 0;
}

static void column_cell(const RadioCell* cell_pointer, std::size_t n, const float* SLICEFAST_RESTRICT base,
                        const float* SLICEFAST_RESTRICT azimuth, const float* SLICEFAST_RESTRICT depression,
                        float* SLICEFAST_RESTRICT gain) {
  const RadioCell c = *cell_pointer;
  float power[max_block];
  column_power([&](std::size_t) { return c.sin_tilt; }, static_cast<int>(c.elements), n, depression, power);
  for (std::size_t i = 0; i < n; ++i) {
    const float column = max_f(power[i] * c.inverse_elements, 1e-20f);
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

extern const RadioKernels radio_kernels = {site,      profiled_site, soften,    cell, column_cell,
                                           strongest, sift,          transpose, field};

}  // namespace slicefast::SLICEFAST_ISA
