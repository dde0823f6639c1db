// A block of one region's users with its links to far sites in line of sight or loud, and each user's share of the
// remainder.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "radio/far_cells.hpp"
#include "radio/link_block.hpp"

namespace slicefast {

struct FarBlock {
  LinkBlock block;
  float factor[block_users];  // c_u h_u of the region's remainder, see far_cells.hpp
  // Links by user, to single cells.
  std::size_t first_link[block_users + 1];
  std::vector<std::int32_t> cell;  // in the order of the sites
  std::vector<float> gain;
  std::vector<std::uint8_t> level;  // of the link's site, see FarCells

  // At most block_users users of the region, by their index into the positions of all.
  void load(const LinkModel::State& state, std::size_t region, std::span<const std::int32_t> users,
            std::span<const double> x, std::span<const double> y);
  // The links of the loaded users, n of them.
  void find_links(const LinkModel::State& state, std::size_t region, std::size_t n);

 private:
  std::int64_t col_[block_users], row_[block_users];  // nodes from the plane's first
  // Links to sites waiting for the kernel, and links to cells that it has kept.
  std::int32_t user_[far_links], site_[far_links], kept_[far_links];
  float base_[far_links], azimuth_[far_links], depression_[far_links];
  std::vector<float> cell_base_, cell_azimuth_, cell_depression_;
  void move_into_plane(const LinkModel::State& state, std::size_t i, std::int64_t col, std::int64_t row, double x,
                       double y);
  void load_factors(const LinkModel::State& state, std::size_t region, std::size_t n);
  void test_links(const LinkModel::State& state, const std::uint8_t* level_of, std::size_t n);
};

}  // namespace slicefast
