// What the two ways to use folded far cells share: users sorted by region, remainders, and far links of a block of
// users.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "far_cells.hpp"
#include "link_state.hpp"

namespace slicefast {

// Some users in the order of their regions, those outside the plane last, in runs of at most a block of one region's
// users.
struct SortedUsers {
  std::vector<std::int32_t> user;
  struct Run {
    std::size_t region, first, n;  // region n_regions: outside the plane
  };
  std::vector<Run> runs;

  SortedUsers(const LinkModel::State& state, std::span<const double> x, std::span<const double> y,
              std::span<const std::int32_t> users);
};

// What a region's cells beyond those that a user meets add up to, at given weights rho_k p_k; see far_cells.hpp.
struct Remainder {
  float sum, deviation;
};
struct Remainders {
  Remainder beyond_near, beyond_ring;
};
// (R,), those of the runs' regions.
std::vector<Remainders> remainders(const LinkModel::State& state, std::span<const SortedUsers::Run> runs,
                                   std::span<const double> weight);

// Whether a remainder could move interference plus noise by more than the tolerance.
inline bool doubtful(const FarCells& far, float factor, const Remainder& rest, float disturbance) {
  return !(factor * rest.deviation <= static_cast<float>(far.tolerance) * disturbance);
}

// A block of one region's users with its far links in line of sight.
struct FoldedBlock {
  Block block;
  std::int64_t col[block_users], row[block_users];  // nodes from the plane's first
  float factor[block_users];
  // Links by user, to single cells.
  std::size_t first_link[block_users + 1];
  std::vector<std::int32_t> cell;  // in the order of the sites
  std::vector<float> gain;
  std::vector<std::uint8_t> beyond_ring;

  void load(const LinkModel::State& state, const SortedUsers::Run& run, const std::int32_t* users,
            std::span<const double> x, std::span<const double> y);
  void find_far(const LinkModel::State& state, std::size_t region, std::size_t n);

 private:
  // Links to sites waiting for the kernel, and links to cells found by it.
  std::int32_t user_[far_links], site_[far_links], found_[far_links];
  float base_[far_links], azimuth_[far_links], depression_[far_links];
  std::vector<float> cell_base_, cell_azimuth_, cell_depression_;
  void look(const LinkModel::State& state, const std::uint8_t* beyond, std::size_t n);
};

// 0, 1, 2, ...
std::vector<std::int32_t> all_users(std::size_t n_users);

// Named users of any regions.
void load_users(const LinkModel::State& state, std::span<const std::int32_t> users, std::span<const double> x,
                std::span<const double> y, Block& block);

// The users `which` of a block, to meet more sites.
void take(const Block& from, std::span<const std::int32_t> which, Block& to);

}  // namespace slicefast
