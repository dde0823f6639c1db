// Single links to far sites: which are in line of sight, and their gains.
#include "kernels/far_links.hpp"

#include "kernels/radio_lanes.hpp"

namespace slicefast::SLICEFAST_ISA {

// What a far link is made of, gathered link by link; arrays are padded to whole vectors with the last link.
struct FarLinks {
  float dx[far_links], dy[far_links], fx[far_links], fy[far_links], scale[far_links], common[far_links];
  std::int32_t index[far_links], packed[far_links], los[far_links];
};

static void gather_links(const RadioSite* sites, const RadioTorus* torus, const RadioTiles* tiles,
                         const RadioUsers& users, const std::int32_t* user, const std::int32_t* site, std::size_t n,
                         std::size_t padded, FarLinks& links) {
  for (std::size_t i = 0; i < padded; ++i) {
    const std::size_t at = i < n ? i : n - 1;
    const RadioSite& s = sites[site[at]];
    const std::int32_t u = user[at];
    links.dx[i] = users.x[u] - s.x;
    links.dy[i] = users.y[u] - s.y;
    links.fx[i] = users.col_fraction[u];
    links.fy[i] = users.row_fraction[u];
    links.scale[i] = users.scale_state[u];
    links.index[i] = node_at(users.row[u] + s.row_offset, users.col[u] + s.col_offset, tiles->log2_size);
  }
  if (!torus->wrap) return;
  const RadioTorus t = *torus;
  for (std::size_t i = 0; i < padded; ++i) {
    float x = links.dx[i], y = links.dy[i], first, second;  // tiles fit a torus that folds: turns change nothing
    nearest_image(t, x, y, first, second);
    links.dx[i] = x;
    links.dy[i] = y;
  }
}

// Line of sight link by link; P(LOS) is the model's, not the site's.
static void test_los(const RadioSite& model, const RadioTiles* tiles, std::size_t padded, FarLinks& links) {
  gather_halves(tiles->outside, links.index, padded, links.packed, links.los);  // shadows: of no use here
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
                           std::int32_t* SLICEFAST_RESTRICT visible, float* SLICEFAST_RESTRICT base,
                           float* SLICEFAST_RESTRICT azimuth, float* SLICEFAST_RESTRICT depression) {
  if (n == 0) return 0;
  const RadioUsers u = *users;
  FarLinks links;
  gather_links(sites, torus, tiles, u, user, site, n, (n + 15) / 16 * 16, links);
  test_los(sites[0], tiles, (n + 15) / 16 * 16, links);
  std::size_t n_visible = 0;
  for (std::size_t i = 0; i < n; ++i) {
    visible[n_visible] = static_cast<std::int32_t>(i);
    n_visible += static_cast<std::size_t>(links.los[i]);
  }
  if (n_visible == 0) return 0;
  float near_0[far_links], near_1[far_links], far_0[far_links], far_1[far_links], breakpoint_d2[far_links];
  float height[far_links], height2_loss[far_links];
  const std::size_t padded = (n_visible + 15) / 16 * 16;
  for (std::size_t j = 0; j < padded; ++j) {
    const std::int32_t i = visible[j < n_visible ? j : n_visible - 1];
    const RadioSite& s = sites[site[i]];
    near_0[j] = s.near_0, near_1[j] = s.near_1, far_0[j] = s.far_0, far_1[j] = s.far_1;
    breakpoint_d2[j] = s.breakpoint_d2, height[j] = s.height, height2_loss[j] = s.height2_loss;
    links.dx[j] = links.dx[i], links.dy[j] = links.dy[i], links.index[j] = links.index[i];
    links.fx[j] = links.fx[i], links.fy[j] = links.fy[i];
    links.scale[j] = u.scale_los[user[i]], links.common[j] = u.common_los[user[i]];
  }
  gather(tiles->shadow_los, links.index, padded, links.packed);
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
  return n_visible;
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
    float power[max_block];
    column_power([&](std::size_t i) { return sin_tilt[i]; }, elements, m, depression + start, power);
    for (std::size_t i = 0; i < m; ++i) gain[start + i] *= max_f(power[i] / static_cast<float>(elements), 1e-20f);
  }
}

extern const FarLinksKernels far_links_kernels = {far_los, far_cells};

}  // namespace slicefast::SLICEFAST_ISA
