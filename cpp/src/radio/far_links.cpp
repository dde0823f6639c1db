#include "radio/far_links.hpp"

#include <algorithm>
#include <cmath>

namespace slicefast {

void FarBlock::load(const LinkModel::State& state, std::size_t region, std::span<const std::int32_t> users,
                    std::span<const double> x, std::span<const double> y) {
  block.load(state, users, x, y);
  const FarCells& far = *state.far;
  block.middle_x = far.middle_x[region], block.middle_y = far.middle_y[region], block.radius = far.radius;
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto u = static_cast<std::size_t>(users[i]);
    const std::int64_t col = rounded_down(state.fields.col_at(x[u], y[u]));
    const std::int64_t row = rounded_down(state.fields.row_at(x[u], y[u]));
    col_[i] = col;
    row_[i] = row;
    far.to_plane(col_[i], row_[i]);
    if (col_[i] + far.first_col != col || row_[i] + far.first_row != row)
      move_into_plane(state, i, col, row, x[u], y[u]);
    __builtin_prefetch(&far.candidate_first[far.tile_at(col_[i], row_[i])]);
  }
  // Whole vectors, as LinkBlock pads them.
  for (std::size_t i = users.size(); i < whole_vectors(users.size()); ++i)
    block.x[i] = block.x[users.size() - 1], block.y[i] = block.y[users.size() - 1];
  load_factors(state, region, users.size());
}

// A user who is turns around the torus away from its region, at node (col, row).
void FarBlock::move_into_plane(const LinkModel::State& state, std::size_t i, std::int64_t col, std::int64_t row,
                               double x, double y) {
  const FarCells& far = *state.far;
  const auto around_1 = static_cast<double>((col - far.first_col - col_[i]) / far.n_cols);
  const auto around_2 = static_cast<double>((row - far.first_row - row_[i]) / far.n_rows);
  block.x[i] = static_cast<float>(x - around_1 * far.v1_x - around_2 * far.v2_x - state.origin_x);
  block.y[i] = static_cast<float>(y - around_1 * far.v1_y - around_2 * far.v2_y - state.origin_y);
}

void FarBlock::load_factors(const LinkModel::State& state, std::size_t region, std::size_t n) {
  const FarCells& far = *state.far;
  const float sigma = state.sites[0].sigma_nlos;
  for (std::size_t i = 0; i < n; ++i) {
    const float along_col = static_cast<float>(col_[i]) + block.fx[i] - far.col[region];
    const float along_row = static_cast<float>(row_[i]) + block.fy[i] - far.row[region];
    const float change = 1.0f + far.per_col[region] * along_col + far.per_row[region] * along_row;
    factor[i] = std::exp2(-sigma * block.common_nlos[i]) * std::max(0.25f, change);
  }
}

// A kernel's worth of candidates at a time.
void FarBlock::find_links(const LinkModel::State& state, std::size_t region, std::size_t n) {
  const std::uint8_t* level_of = state.far->level.data() + region * state.sites.size();
  cell.clear(), level.clear(), cell_base_.clear(), cell_azimuth_.clear(), cell_depression_.clear();
  std::fill_n(first_link, n + 1, std::size_t{0});
  // The lists of large networks lie in memory: the lines of all users are asked for before the first is read.
  std::span<const std::int32_t> lists[block_users];
  for (std::size_t i = 0; i < n; ++i) {
    lists[i] = state.far->candidates_at(col_[i], row_[i]);
    for (std::size_t c = 0; c < lists[i].size(); c += 16) __builtin_prefetch(lists[i].data() + c);
  }
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::int32_t site : lists[i]) {
      user_[waiting] = static_cast<std::int32_t>(i);
      site_[waiting] = site;
      if (++waiting < far_links) continue;
      test_links(state, level_of, waiting);
      waiting = 0;
    }
  test_links(state, level_of, waiting);
  for (std::size_t i = 0; i < n; ++i) first_link[i + 1] += first_link[i];
  gain.resize(cell.size());
  state.far_kernels->far_cells(state.cells.data(), cell.data(), cell.size(), cell_base_.data(), cell_azimuth_.data(),
                               cell_depression_.data(), gain.data());
}

void FarBlock::test_links(const LinkModel::State& state, const std::uint8_t* level_of, std::size_t n) {
  const RadioTiles tiles = state.fields.tiles();
  const RadioUsers users = block.users();
  const std::size_t n_kept =
      state.far_kernels->far_singles(state.sites.data(), &state.torus, &tiles, &users, user_, site_,
                                     state.far->loud_below, n, kept_, base_, azimuth_, depression_);
  for (std::size_t v = 0; v < n_kept; ++v) {
    const auto k = static_cast<std::size_t>(site_[kept_[v]]);
    first_link[user_[kept_[v]] + 1] += state.first_cell[k + 1] - state.first_cell[k];
    for (std::size_t c = state.first_cell[k]; c < state.first_cell[k + 1]; ++c) {
      cell.push_back(static_cast<std::int32_t>(c));
      level.push_back(level_of[k]);
      cell_base_.push_back(base_[v]);
      cell_azimuth_.push_back(azimuth_[v]);
      cell_depression_.push_back(depression_[v]);
    }
  }
}

}  // namespace slicefast
