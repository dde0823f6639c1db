// Further images of a small torus' sites, as a map.
//
// A torus stands for an endless plane that repeats it. Of every site's images there the kernels compute the one nearest
// to a user; on a torus of few sites others matter too: they interfere, and one of them may be the strongest. They are
// links like any other, with line of sight and shadowing of their own, that of their own displacement. What changes
// only over a decorrelation distance need not be computed link by link: at the nodes of a mesh the map holds, cell by
// cell, the gain of the strongest further image and the sum of all further images that stand within six site spacings
// of the node, the distance at which 127 sites end. Users read the nearest node, and in between go over from one to the
// next.
//
// Approximate: within a mesh (a quarter of the shadowing's shortest decorrelation distance, or what `most_bytes` leave)
// a gain changes at once and not little by little; where two images are equally near, the node may take the other for
// the nearest than the user does; users indoors have the building's loss and the height gain of their links
// out of line of sight, but the line of sight and the shadowing of users outdoors.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/image_map.hpp"
#include "radio/link_state.hpp"

namespace slicefast {

class ImageMap {
 public:
  ImageMap(const LinkModel::State& state, const RadioConfig& config, const FieldTiles& tiles);

  // Of the named users, at most block_users: gain(u, n) from the nearest image's to the strongest's, reach(u, n) the
  // sum over all images unless `reach` is empty. Positions and profile are those of all users.
  void add(std::span<const std::int32_t> users, std::span<const double> x_m, std::span<const double> y_m,
           const UserProfile* profile, MatrixView<float> gain, MatrixView<float> reach) const;

 private:
  struct Covering;
  void size_mesh(const RadioConfig& config);
  void measure(const LinkModel::State& state, const RadioConfig& config, const FieldTiles& tiles);
  void measure_nodes(const Covering& covering, std::size_t first, std::size_t n);
  float passing(const UserProfile& profile, std::size_t user) const;

  const ImageMapKernels* kernels_;
  std::size_t n_cells_, padded_;
  std::size_t cols_ = 1, rows_ = 1;  // nodes along v1 and v2
  double v1_x_, v1_y_, v2_x_, v2_y_;
  double inverse_[4];                 // (s, t) = inverse (x, y), in turns around the torus
  float height_m_, gain_per_metre_;   // of users outdoors; log2 gain of a metre more
  std::vector<std::uint16_t> nodes_;  // (rows * cols, 2 * padded)
};

// Nothing where no further images are asked for, or the torus has more sites than are near anyone: it is large.
std::shared_ptr<const ImageMap> make_image_map(const LinkModel::State& state, const RadioConfig& config,
                                               const FieldTiles& tiles);

}  // namespace slicefast
