// The periodic random fields behind line-of-sight states and shadowing.
#pragma once

#include <cstdint>
#include <span>

namespace slicefast {

// Gaussian fields of unit variance on one periodic tile of `size` x `size` nodes, row-major, drawn by
// slicefast.radio.make_fields. Node (row, col) lies at (col e1 + row e2) / size: the fields repeat every |e1| metres
// along e1 and every |e2| metres along e2. Site k reads the tiles shifted by (row_offset[k], col_offset[k]) nodes. On a
// torus the fields of a site belong to its nearest image: where another one is nearer, they are read anew, shifted by
// the vector between the two. The fields common to all sites have a tile of their own on the same nodes, which a torus
// holds a whole number of times.
struct FieldTiles {
  int size = 0;                                               // a power of two, at least 2
  double e1_x_m = 0, e1_y_m = 0, e2_x_m = 0, e2_y_m = 0;      // periods of the tile
  std::span<const float> los_state, shadow_los, shadow_nlos;  // (size * size,) each
  double los_state_decorrelation_m = 50;                      // of the line-of-sight state
  std::span<const std::int32_t> row_offset, col_offset;       // (K,)
  int common_cols = 0, common_rows = 0;                       // nodes along e1 and along e2, at least 2
  std::span<const float> common_los, common_nlos;             // (common_rows * common_cols,) each
};

// Refuses tiles that do not fit together, or offsets not of `n_sites` sites.
void check_tiles(const FieldTiles& tiles, std::size_t n_sites);

}  // namespace slicefast
