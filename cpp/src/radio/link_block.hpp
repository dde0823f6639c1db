// A block of users on its way through the kernels: positions to tile coordinates (double), common fields, then group by
// group of sites one path loss, line-of-sight state, shadowing and angles per site and one antenna gain per cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/radio.hpp"
#include "radio/link_state.hpp"

namespace slicefast {

inline constexpr std::size_t block_users = 256;  // arrays of a block and of a group stay in the first-level cache
inline constexpr std::size_t group_rows = 24;

// Users of a block rounded up to whole vectors of 16, as the kernels take them.
inline std::size_t whole_vectors(std::size_t n) { return (n + 15) / 16 * 16; }

// The users of one block as the kernels read them, padded to whole vectors with copies of the last one.
struct LinkBlock {
  alignas(64) float x[block_users], y[block_users], fx[block_users], fy[block_users];
  alignas(64) float scale_state[block_users], scale_los[block_users], scale_nlos[block_users];
  alignas(64) float common_los[block_users], common_nlos[block_users];
  alignas(64) std::int32_t row[block_users], col[block_users], common[block_users];
  alignas(64) float base[block_users], azimuth[block_users], depression[block_users];
  alignas(64) float rows[group_rows * block_users];  // gains of a group's cells
  float* out[block_users];                           // the users' rows of a gain matrix
  // A disc around all users [m], as large whoever they are; infinite unless they are known to be neighbours: sites far
  // from it need no search for their nearest image.
  float middle_x, middle_y, radius;
  bool profiled = false;  // users have heights and buildings of their own
  alignas(64) float profile[7][block_users];

  RadioUsers users() const {
    return {x, y, fx, fy, scale_state, scale_los, scale_nlos, common_los, common_nlos, col, row};
  }
  RadioProfile users_profile() const {
    return {profile[0], profile[1], profile[2], profile[3], profile[4], profile[5], profile[6]};
  }

  // At most block_users users, by their index into the positions of all; `profile` may be missing.
  void load(const LinkModel::State& state, std::span<const std::int32_t> users, std::span<const double> x_m,
            std::span<const double> y_m, const UserProfile* profile_of_all = nullptr);
  // The users `which` of another block, to look at more sites.
  void take(const LinkBlock& from, std::span<const std::int32_t> which);
};

// The users first, first + 1, ... as an index list for load().
struct ConsecutiveUsers {
  ConsecutiveUsers(std::size_t first, std::size_t n_) : n(n_) {
    for (std::size_t i = 0; i < n; ++i) index[i] = static_cast<std::int32_t>(first + i);
  }
  std::size_t n;
  std::int32_t index[block_users];
  operator std::span<const std::int32_t>() const { return {index, n}; }
};

// Evaluates a loaded block for the sites of a list, a group of them at a time: after each next() the block's rows()
// rows hold the gains of the group's cells, the first of which is cell first() in the order of the list.
class SiteGroups {
 public:
  // fetch_out: the users' rows `out` will be written, and are fetched into cache meanwhile.
  SiteGroups(const LinkModel::State& state, LinkBlock& block, std::size_t n, std::span<const std::int32_t> sites,
             bool fetch_out = false)
      : state_(state), block_(block), n_(n), sites_(sites), fetch_out_(fetch_out) {}
  bool next();
  std::size_t rows() const { return rows_; }
  std::size_t first() const { return first_; }
  const float* row(std::size_t r) const { return block_.rows + r * block_users; }

 private:
  void evaluate(std::size_t site);
  void find(const RadioSite& site, std::size_t k, float* base) const;
  void fetch(std::size_t more) const;

  const LinkModel::State& state_;
  LinkBlock& block_;
  std::size_t n_;
  std::span<const std::int32_t> sites_;
  bool fetch_out_;
  std::size_t at_ = 0, rows_ = 0, first_ = 0;
};

// The strongest cell of each user of a block among those met so far, and what the others come to.
struct Strongest {
  alignas(64) float received[block_users] = {}, activity[block_users] = {}, interference[block_users] = {};
  alignas(64) std::int32_t cell[block_users] = {};

  // The cells of a group, of n users, at powers and activities (N,); cells[first + r] is the caller's number of row r.
  void add_group(const LinkModel::State& state, const SiteGroups& group, std::size_t n,
                 std::span<const std::int32_t> cells, std::span<const double> power,
                 std::span<const double> activity_n);
  // One more link of the user i, as the kernel adds a cell.
  void add_link(std::size_t i, float power_received, float cell_activity, std::int32_t cell_number);
  // Those of the users `which`.
  Strongest of(std::span<const std::int32_t> which) const;
};

}  // namespace slicefast
