// Which cells are far from where, and what they add up to: what LinkModel knows of far cells before any user comes.
//
// Description: the plane is cut into regions of a few hundred metres. A region's nearest sites are near: every link to
// them is computed. Of the others, far sites, a user needs (1) each one in line of sight, or out of it but loud: its
// own shadowing takes away far less than usual; these are few and strong: small tiles of the plane list the sites that
// may be; and (2) the sum of all the rest, whose many weak contributions average: its mean over the own shadowing of
// the links is the remainder. A user whose interference plus noise the remainder could move by more than the tolerance
// also meets the sites of a ring around the near ones, then of the next ring, until it could not, or no site is left.
//
//   remainder_u(rho) = c_u h_u sum_k rho_k p_k w_rk     r: the user's region; k: cells beyond what the user meets
//   deviation_u      = c_u h_u (3 sqrt(v sum_i W_i^2) + e max_i W_i + 1/4 sum_i W_i)
//   W_i              = sum_{k in site i} rho_k p_k w_rk
//
// | symbol | meaning                                                                                    | unit |
// |--------|--------------------------------------------------------------------------------------------|------|
// | w_rk   | (1 - P(LOS)) x NLOS gain of cell k at the centre of region r, mean of the own shadowing    | 1    |
// |        | of links that are not loud, these counted as nothing                                        |      |
// | c_u    | the user's shadowing common to all sites                                                    | 1    |
// | h_u    | first-order change of the remainder from the region's centre to the user                    | 1    |
// | v      | squared coefficient of variation of a link's own shadowing                                  | 1    |
// | e      | the own shadowing of a link that is just not loud over its mean, less 1                     | 1    |
//
// The deviation is three standard deviations of the sum, one link that is nearly loud (a single far site that happens
// to be seen well is what moves a user most), and a quarter of the sum for what antennas and distances change within a
// region; h_u is at least 1/4. Where a site that is not met stands so near that a region looks wide from it, the
// deviation is infinite: its users meet more sites.
#pragma once

#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

namespace slicefast {

struct FarCells {
  // Sites that every user meets, three rings of a hexagonal lattice, and that are met with each further ring, each some
  // 1.4 to 1.8 times as many: a user in need meets few more than it needs, and its fellows still fill a vector.
  static constexpr std::size_t near_sites = 37, ring_sites[] = {52, 76, 127, 217, 397};
  static constexpr std::size_t most_levels = std::size(ring_sites) + 2;
  // Own shadowing of a loud link: so many standard deviations less than its mean. One in 740 is.
  static constexpr double loud = 3.0;
  // Half a region's diagonal over the distance of a far site, at most; hexagonal lattices stay below 0.15.
  static constexpr double widest = 0.2;

  // Sites of every region, ascending, and their cells by the caller's number.
  struct Neighbourhood {
    std::size_t n_sites = 0;
    std::vector<std::int32_t> site;  // (R, n_sites)
    std::vector<std::int32_t> cell;
    std::vector<std::size_t> first = {0};  // (R + 1,) into cell
    std::size_t most_cells = 0;            // of any region

    std::span<const std::int32_t> sites_of(std::size_t region) const {
      return {site.data() + region * n_sites, n_sites};
    }
    std::span<const std::int32_t> cells_of(std::size_t region) const {
      return {cell.data() + first[region], first[region + 1] - first[region]};
    }
  };

  double tolerance = 0;                                        // largest relative deviation of interference plus noise
  double own_variation = 0;                                    // v
  double largest_excursion = 0;                                // e
  float loud_below = -std::numeric_limits<float>::infinity();  // own shadowing of loud links, in sd. of all shadowing
  bool wrap = false;
  double v1_x = 0, v1_y = 0, v2_x = 0, v2_y = 0;                      // the torus, v1 along the columns
  std::int64_t first_col = 0, first_row = 0, n_cols = 0, n_rows = 0;  // the plane, in nodes of the field tiles
  std::int64_t region_nodes = 0, tile_nodes = 0;                      // the first a multiple of the second
  std::size_t region_cols = 0, n_regions = 0, tile_cols = 0;

  Neighbourhood near;
  std::vector<Neighbourhood> rings;       // those of which a site is left to meet
  std::vector<std::int16_t> near_column;  // (R, N) of each cell among the near ones, -1 for far cells
  std::vector<std::uint8_t> level;    // (R, K) of a site: 0 near, i in the ring i - 1, n_levels - 1 beyond all rings
  std::vector<std::uint8_t> wide;     // (R, n_levels) whether the region is too wide for sites beyond this level
  std::vector<std::int32_t> site_of;  // (N,)
  std::vector<float> weight;          // w, (R, N); zero for near cells
  std::vector<float> col, row, per_col, per_row;  // (R,) centre in nodes, relative change of the remainder per node
  std::vector<float> middle_x, middle_y;          // (R,) the centre in m from the model's origin
  float radius = 0;                               // of a disc around a region [m]
  std::vector<std::uint32_t> candidate_first;     // (tiles + 1,)
  std::vector<std::int32_t> candidate;            // far sites that may be in line of sight, or loud

  // Near, the rings, and the sites beyond them.
  std::size_t n_levels() const { return rings.size() + 2; }
  // sum_k weight_k w_rk, summed in float in the order of the cells, eight at a time.
  double remainder(std::size_t region, std::span<const float> weight_k) const;
  // Turns node counts into those from the plane's first node; false outside the plane.
  bool to_plane(std::int64_t& node_col, std::int64_t& node_row) const {
    node_col -= first_col;
    node_row -= first_row;
    if (wrap) {
      node_col -= node_col >= 0 && node_col < n_cols ? 0 : floor_to(node_col, n_cols);
      node_row -= node_row >= 0 && node_row < n_rows ? 0 : floor_to(node_row, n_rows);
    }
    return node_col >= 0 && node_col < n_cols && node_row >= 0 && node_row < n_rows;
  }
  std::size_t region_at(std::int64_t node_col, std::int64_t node_row) const {
    return static_cast<std::size_t>(node_row / region_nodes) * region_cols +
           static_cast<std::size_t>(node_col / region_nodes);
  }
  std::size_t tile_at(std::int64_t node_col, std::int64_t node_row) const {
    return static_cast<std::size_t>(node_row / tile_nodes) * tile_cols +
           static_cast<std::size_t>(node_col / tile_nodes);
  }
  std::span<const std::int32_t> candidates_at(std::int64_t node_col, std::int64_t node_row) const {
    const std::size_t tile = tile_at(node_col, node_row);
    return {candidate.data() + candidate_first[tile], candidate_first[tile + 1] - candidate_first[tile]};
  }

 private:
  static std::int64_t floor_to(std::int64_t value, std::int64_t period) {
    const std::int64_t times = value / period - (value % period < 0);
    return times * period;
  }
};

}  // namespace slicefast
