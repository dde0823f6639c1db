// Further images of the sites of a small torus: from the nodes of a map of their gains to the users' rows.
#pragma once

#include "kernels/select.hpp"

namespace slicefast {

inline constexpr std::size_t image_lanes = 16;  // cells of a node are padded to whole multiples

// `node`: the gains of the strongest further image of each cell, then, from `padded` on, of all further ones together;
// each the upper half of a float.
struct ImageUser {
  const std::uint16_t* node;
  float passing;  // what the user's building leaves of them
  float* gain;    // of the nearest images; becomes that of the strongest image
  float* reach;   // becomes the sum over all images; may be null
};

struct ImageMapKernels {
  void (*add)(const ImageUser* users, std::size_t n, std::size_t n_cells, std::size_t padded);
};

SLICEFAST_DECLARE_KERNELS(ImageMapKernels, image_map_kernels)

}  // namespace slicefast
