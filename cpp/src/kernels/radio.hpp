// Link gains of a block of users: what the kernel of one site and of one cell take.
#pragma once

#include "kernels/select.hpp"

namespace slicefast {

// Constants of one site for the link kernel. Gains in log2 units: gain = 2^(intercept + slope log2 d^2 + shadowing).
struct RadioSite {
  float x, y, height;                  // height above the users [m]
  float height2_loss;                  // added to the 2-D distance squared in the path loss: height^2 or 0
  float min_d2, breakpoint_d2;         // [m^2]
  float near_0, near_1, far_0, far_1;  // LOS before and beyond the breakpoint
  float nlos_0, nlos_1, nlos_margin;   // NLOS <= LOS + nlos_margin: 0, or large where the model has no such rule
  float sigma_near, sigma_far, sigma_nlos;
  float sure, decay;  // P(LOS) = q + (1 - q) 2^(decay d), q = min(sure / d, 1)
  // Of curved models only: near + near_per_m d; P(LOS) = min(1, 2^(los_0 + decay d)) up to los_turn, 2^(los_far_0 +
  // los_far_1 d) beyond.
  std::int32_t curved;
  float near_per_m, los_turn, los_0, los_far_0, los_far_1;
  std::int32_t row_offset, col_offset;  // into the tiles
};

// What else a site needs for users at heights of their own: height of the mast above ground [m]; breakpoint = scale
// (mast - hE) (h - hE); LOS beyond it far_base + far_drop log2(breakpoint^2 + dh^2) - 2 log2 d^2; NLOS nlos_base +
// nlos_per_m h; sigma indoors, 0: that of the state; 1 where tall users see further.
struct RadioMast {
  float mast, breakpoint_scale, far_base, far_drop, nlos_base, nlos_per_m, sigma_indoor, tall_see_further;
};

struct RadioCell {
  float azimuth, tilt;  // [rad]
  float peak;           // log2 units
  float curve_h, floor_h, curve_v, floor_v, floor_total;
  float sin_tilt;                    // for the column
  float elements, inverse_elements;  // elements as a float: the kernel loops to it
};

struct RadioTorus {
  std::int32_t wrap;
  float v1_x, v1_y, v2_x, v2_y;  // reduced, v1 . v2 >= 0
  float i11, i12, i21, i22;      // inverse: (s, t) = I (x, y)
  // v1 and v2 in nodes of the tiles, whole numbers
  float v1_col, v1_row, v2_col, v2_row;
};

// Packed tiles: of every node (r, c), c = 0 ... size, itself and node (r + 1, c) as signed bytes in steps of 1/32. So
// the four bytes from there on are the corners of a mesh, and what users read of a tile stays small. The states of line
// of sight and the shadows outside it lie side by side, as most links read both: a large tile's cost is its cache
// lines.
struct RadioTiles {
  const std::int32_t* outside;     // of a node the state, in the lower half, and the shadow of NLOS links
  const std::int16_t* shadow_los;  // of LOS links
  std::int32_t size, log2_size;
};

// One block of users, arrays of n floats each; a multiple of 16 users, padded with copies.
struct RadioUsers {
  const float *x, *y, *col_fraction, *row_fraction;
  const float* scale_state;               // to unit variance between the nodes
  const float *scale_los, *scale_nlos;    // the same times sqrt(1 - correlation)
  const float *common_los, *common_nlos;  // the field common to all sites, times sqrt(correlation)
  const std::int32_t *col, *row;
};

// What sets the users of a block apart, arrays as RadioUsers': see slicefast::UserProfile.
struct RadioProfile {
  const float *height, *tall, *choices, *inside, *loss, *environment, *indoor;
};

struct RadioKernels {
  // base (log2 gain without antenna), azimuth and depression [rad] of a block of users to one site.
  void (*site)(const RadioSite* site, const RadioTorus* torus, const RadioTiles* tiles, const RadioUsers* users,
               std::size_t n, float* base, float* azimuth, float* depression);
  // The same for users with heights and buildings of their own.
  void (*profiled_site)(const RadioSite* site, const RadioMast* mast, const RadioTorus* torus, const RadioTiles* tiles,
                        const RadioUsers* users, const RadioProfile* profile, std::size_t n, float* base,
                        float* azimuth, float* depression);
  // base[i], of links in line of sight, becomes that of soft states (radio/los.hpp) with `hidden` out of sight;
  // sharpness: sqrt(20 m / wavelength). `mast` and `profile`: both or neither.
  void (*soften)(const RadioSite* site, const RadioMast* mast, const RadioTorus* torus, const RadioTiles* tiles,
                 const RadioUsers* users, const RadioProfile* profile, float sharpness, std::size_t n,
                 const float* hidden, float* base);
  // gain[i] = 2^(base + antenna) of one cell.
  void (*cell)(const RadioCell* cell, std::size_t n, const float* base, const float* azimuth, const float* depression,
               float* gain);
  void (*column_cell)(const RadioCell* cell, std::size_t n, const float* base, const float* azimuth,
                      const float* depression, float* gain);
  // One more cell in the search for the strongest: the loser of each comparison joins the interference, so nothing is
  // subtracted from a sum later.
  void (*strongest)(const float* gain, float power, float activity, std::int32_t cell, std::size_t n, float* best,
                    float* best_activity, std::int32_t* server, float* interference);
  // Of the gains of n users to one cell those that matter: strong[i] = power gain[i] > least[i]; the others join
  // dropped[i], by the cell's activity. Returns whether any does.
  bool (*sift)(const float* gain, float power, float activity, const float* least, std::size_t n, float* dropped,
               std::uint8_t* strong);
  // out[i][column + r] = in[r * in_stride + i].
  void (*transpose)(const float* in, std::size_t in_stride, std::size_t rows, std::size_t n, float* const* out,
                    std::size_t column);
  // Interpolated values of a tile at the nodes `index` of a block, unit variance: out = scale * bilinear.
  void (*field)(const std::int16_t* tile, const std::int32_t* index, const RadioUsers* users, const float* scale,
                std::size_t n, float* out);
};

SLICEFAST_DECLARE_KERNELS(RadioKernels, radio_kernels)

}  // namespace slicefast
