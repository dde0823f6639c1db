// Single links to far sites: which are in line of sight or loud, and their gains.
#include "kernels/far_links.hpp"

#include "kernels/radio_lanes.hpp"

namespace slicefast::SLICEFAST_ISA {

// What a far link is made of, gathered link by link; arrays are padded to whole vectors with the last link.
struct FarLinks {
  float dx[far_links], dy[far_links], fx[far_links], fy[far_links];
  float scale_state[far_links], scale_los[far_links], scale_nlos[far_links];
  float common_los[far_links], common_nlos[far_links];
  std::int32_t index[far_links], packed[far_links], shadow[far_links], los[far_links], single[far_links];
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
    links.scale_state[i] = users.scale_state[u];
    links.scale_los[i] = users.scale_los[u], links.scale_nlos[i] = users.scale_nlos[u];
    links.common_los[i] = users.common_los[u], links.common_nlos[i] = users.common_nlos[u];
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

// Which links are in line of sight, and which of all are kept one by one; P(LOS) is the model's, not the site's.
static void test_links(const RadioSite& model, const RadioTiles* tiles, float loud_below, std::size_t padded,
                       FarLinks& links) {
  gather_halves(tiles->outside, links.index, padded, links.packed, links.shadow);
  const float min_d2 = model.min_d2, sure = model.sure, decay = model.decay;
  for (std::size_t i = 0; i < padded; ++i) {
    const float used_d2 = max_f(links.dx[i] * links.dx[i] + links.dy[i] * links.dy[i], min_d2);
    const float used_inverse = inverse_sqrt_f32(used_d2), d = used_d2 * used_inverse;
    const float f = links.scale_state[i] * interpolate(links.packed[i], links.fx[i], links.fy[i]);
    const float q = min_f(sure * used_inverse, 1.0f);
    const float p = q + (1.0f - q) * exp2_f32(decay * d);
    const float own = links.scale_nlos[i] * interpolate(links.shadow[i], links.fx[i], links.fy[i]);
    links.los[i] = in_line_of_sight(f, p) ? 1 : 0;
    links.single[i] = links.los[i] | (own < loud_below ? 1 : 0);
  }
}

// Moves the kept links to the front, and pads them with the last.
static void keep(const std::int32_t* kept, std::size_t n_kept, std::size_t padded, FarLinks& links) {
  for (std::size_t j = 0; j < padded; ++j) {
    const std::int32_t i = kept[j < n_kept ? j : n_kept - 1];
    links.dx[j] = links.dx[i], links.dy[j] = links.dy[i], links.fx[j] = links.fx[i], links.fy[j] = links.fy[i];
    links.scale_los[j] = links.scale_los[i], links.scale_nlos[j] = links.scale_nlos[i];
    links.common_los[j] = links.common_los[i], links.common_nlos[j] = links.common_nlos[i];
    links.index[j] = links.index[i], links.shadow[j] = links.shadow[i], links.los[j] = links.los[i];
  }
}

// What sites of one model may differ in, of each kept link.
struct FarCurves {
  float near_0[far_links], near_1[far_links], far_0[far_links], far_1[far_links], nlos_0[far_links], nlos_1[far_links];
  float breakpoint_d2[far_links], height[far_links], height2_loss[far_links];

  void gather_sites(const RadioSite* sites, const std::int32_t* site, const std::int32_t* kept, std::size_t n_kept,
                    std::size_t padded) {
    for (std::size_t j = 0; j < padded; ++j) {
      const RadioSite& s = sites[site[kept[j < n_kept ? j : n_kept - 1]]];
      near_0[j] = s.near_0, near_1[j] = s.near_1, far_0[j] = s.far_0, far_1[j] = s.far_1;
      nlos_0[j] = s.nlos_0, nlos_1[j] = s.nlos_1;
      breakpoint_d2[j] = s.breakpoint_d2, height[j] = s.height, height2_loss[j] = s.height2_loss;
    }
  }
};

static std::size_t far_singles(const RadioSite* sites, const RadioTorus* torus, const RadioTiles* tiles,
                               const RadioUsers* users, const std::int32_t* user, const std::int32_t* site,
                               float loud_below, std::size_t n, std::int32_t* SLICEFAST_RESTRICT kept,
                               float* SLICEFAST_RESTRICT base, float* SLICEFAST_RESTRICT azimuth,
                               float* SLICEFAST_RESTRICT depression) {
  if (n == 0) return 0;
  FarLinks links;
  gather_links(sites, torus, tiles, *users, user, site, n, (n + 15) / 16 * 16, links);
  test_links(sites[0], tiles, loud_below, (n + 15) / 16 * 16, links);
  std::size_t n_kept = 0;
  for (std::size_t i = 0; i < n; ++i) {
    kept[n_kept] = static_cast<std::int32_t>(i);
    n_kept += static_cast<std::size_t>(links.single[i]);
  }
  if (n_kept == 0) return 0;
  const std::size_t padded = (n_kept + 15) / 16 * 16;
  FarCurves curves;
  curves.gather_sites(sites, site, kept, n_kept, padded);
  keep(kept, n_kept, padded, links);
  gather(tiles->shadow_los, links.index, padded, links.packed);
  const float min_d2 = sites[0].min_d2, nlos_margin = sites[0].nlos_margin;
  const float sigma_near = sites[0].sigma_near, sigma_far = sites[0].sigma_far, sigma_nlos = sites[0].sigma_nlos;
  for (std::size_t j = 0; j < padded; ++j) {
    const float d2 = links.dx[j] * links.dx[j] + links.dy[j] * links.dy[j], true_d2 = max_f(d2, 1e-4f);
    const float rising = curves.height[j] * inverse_sqrt_f32(true_d2);
    const float l = log2_f32(max_f(d2, min_d2) + curves.height2_loss[j]);
    const bool is_near = d2 <= curves.breakpoint_d2[j], is_los = links.los[j] != 0;
    const float near = curves.near_0[j] + curves.near_1[j] * l, far = curves.far_0[j] + curves.far_1[j] * l;
    const float los_gain = is_near ? near : far;
    const float nlos_gain = min_f(curves.nlos_0[j] + curves.nlos_1[j] * l, los_gain + nlos_margin);
    const std::int32_t corners = is_los ? links.packed[j] : links.shadow[j];
    const float scale_los = links.scale_los[j], scale_nlos = links.scale_nlos[j];
    const float common_los = links.common_los[j], common_nlos = links.common_nlos[j];
    const float own = (is_los ? scale_los : scale_nlos) * interpolate(corners, links.fx[j], links.fy[j]);
    const float los_sigma = is_near ? sigma_near : sigma_far;
    const float angle = atan_unit(min_f(rising, inverse_f32(max_f(rising, 1e-20f))));
    azimuth[j] = atan2_f32(links.dy[j], links.dx[j]);
    depression[j] = rising > 1.0f ? 0.5f * pi - angle : angle;
    base[j] = (is_los ? los_gain : nlos_gain) -
              (is_los ? los_sigma : sigma_nlos) * (own + (is_los ? common_los : common_nlos));
  }
  return n_kept;
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

extern const FarLinksKernels far_links_kernels = {far_singles, far_cells};

}  // namespace slicefast::SLICEFAST_ISA
