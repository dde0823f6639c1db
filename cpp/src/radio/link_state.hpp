// What LinkModel keeps, in the units of the kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/far_links.hpp"
#include "kernels/radio.hpp"
#include "radio/packed_fields.hpp"
#include "slicefast/radio/link_model.hpp"

namespace slicefast {

class ImageMap;
struct FarCells;

struct LinkModel::State {
  State(const RadioConfig& config, const FieldTiles& tiles, Isa isa_);

  Isa isa;
  const RadioKernels* kernels;
  const FarLinksKernels* far_kernels;
  bool column;             // antennas of several elements
  bool supports_profiles;  // the model is made for users at other heights and indoors
  std::size_t n_cells;
  double origin_x, origin_y;  // positions are taken relative to it before the conversion to float
  PackedFields fields;
  double common_weight, own_weight;  // square roots of correlation and its rest; zero without shadowing
  RadioTorus torus;
  std::vector<RadioSite> sites;
  std::vector<RadioMast> masts;  // of the sites
  // Soft states only: the sites with every link in and out of line of sight, and sqrt(20 m / wavelength).
  std::vector<RadioSite> in_sight, out_of_sight;
  float sharpness = 0.0f;
  std::vector<RadioCell> cells;            // grouped by site
  std::vector<std::size_t> first_cell;     // (K + 1,) into cells
  std::vector<std::int32_t> cell_index;    // of `cells`, as the caller numbers them
  bool in_order;                           // cell_index is 0, 1, 2, ...
  std::vector<std::int32_t> all_sites;     // 0, 1, 2, ...
  std::shared_ptr<const FarCells> far;     // empty unless far cells fold
  std::shared_ptr<const ImageMap> images;  // empty unless all images of a site count

  std::size_t index_of(std::size_t cell) const { return static_cast<std::size_t>(cell_index[cell]); }
};

// Constants of one site, mast and cell (link_constants.cpp).
RadioSite make_site(const RadioConfig& config, const FieldTiles& tiles, std::size_t k);
RadioMast make_mast(const RadioConfig& config, std::size_t k);
RadioCell make_cell(const RadioConfig& config, std::size_t n);

// The torus with v1, v2 reduced (Lagrange) so that the kernel's few candidates hold the nearest image; all zero without
// one. Refuses one that the periods of the common fields do not divide (torus.cpp).
RadioTorus make_torus(const RadioConfig& config, const PackedFields& fields);
// Whether all points of a disc see the same image of a site as the nearest, (dx, dy) from the site to its middle, and
// whole numbers of v1 and v2 to that image. May say no where it is so, never yes where it is not.
bool shares_image(const RadioTorus& torus, float dx, float dy, float radius, float& first, float& second);
// Displacement to the nearest image, in double.
void to_nearest_image(const RadioTorus& torus, double& dx, double& dy);

// 0, 1, 2, ...
std::vector<std::int32_t> first_indices(std::size_t n);

// Refuses positions that are not finite, far too large, or not one y to each x.
void check_positions(std::span<const double> x_m, std::span<const double> y_m);

// Nothing where far cells do not fold.
std::shared_ptr<const FarCells> make_far_cells(const LinkModel::State& state, const RadioConfig& config,
                                               const FieldTiles& tiles);

}  // namespace slicefast
