#include "far_links.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace slicefast {

SortedUsers::SortedUsers(const LinkModel::State& state, std::span<const double> x, std::span<const double> y,
                         std::span<const std::int32_t> users)
    : user(users.size()) {
  const FarCells& far = *state.far;
  std::vector<std::int32_t> region(users.size());
  std::vector<std::size_t> first(far.n_regions + 2, 0);  // of each region's users
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto u = static_cast<std::size_t>(users[i]);
    std::int64_t col = state.node_col(x[u], y[u]), row = state.node_row(x[u], y[u]);
    const std::size_t r = far.place(col, row) ? far.region_at(col, row) : far.n_regions;
    region[i] = static_cast<std::int32_t>(r);
    ++first[r + 1];
  }
  for (std::size_t r = 0; r + 1 < first.size(); ++r) first[r + 1] += first[r];
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  for (std::size_t i = 0; i < users.size(); ++i) user[next[static_cast<std::size_t>(region[i])]++] = users[i];
  for (std::size_t r = 0; r + 1 < first.size(); ++r)
    for (std::size_t begin = first[r]; begin < first[r + 1]; begin += block_users)
      runs.push_back({r, begin, std::min(block_users, first[r + 1] - begin)});
}

std::vector<std::int32_t> all_users(std::size_t n_users) {
  std::vector<std::int32_t> users(n_users);
  std::iota(users.begin(), users.end(), 0);
  return users;
}

std::vector<Remainders> remainders(const LinkModel::State& state, std::span<const SortedUsers::Run> runs,
                                   std::span<const double> weight) {
  const FarCells& far = *state.far;
  const std::size_t n_sites = state.sites.size();
  const double own = far.own_variation;
  const double excursion = far.largest_excursion;
  const auto remainder = [own, excursion](double sum, double squares, double largest, bool wide) {
    const double deviation = wide ? std::numeric_limits<double>::infinity()
                                  : 3.0 * std::sqrt(own * squares) + excursion * largest + 0.25 * sum;
    return Remainder{static_cast<float>(sum), static_cast<float>(deviation)};
  };
  std::vector<Remainders> out(far.n_regions);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::size_t r = runs[i].region;
    if (r == far.n_regions || (i > 0 && runs[i - 1].region == r)) continue;
    const float* w = far.weight.data() + r * state.n_cells;
    const std::uint8_t* beyond_ring = far.beyond_ring.data() + r * n_sites;
    double sum[2] = {}, squares[2] = {}, largest[2] = {};  // of the ring's sites, and of those beyond it
    for (std::size_t k = 0; k < n_sites; ++k) {
      double site = 0.0;
      for (std::size_t n = state.first_cell[k]; n < state.first_cell[k + 1]; ++n)
        site += weight[state.column_of[n]] * static_cast<double>(w[state.column_of[n]]);
      sum[beyond_ring[k]] += site;
      squares[beyond_ring[k]] += site * site;
      largest[beyond_ring[k]] = std::max(largest[beyond_ring[k]], site);
    }
    out[r] = {remainder(sum[0] + sum[1], squares[0] + squares[1], std::max(largest[0], largest[1]), far.wide_near[r]),
              remainder(sum[1], squares[1], largest[1], far.wide_ring[r])};
  }
  return out;
}

namespace {

// The user's factors c_u h_u of the region's remainder, for a loaded block.
void remainder_factors(const LinkModel::State& state, const Block& b, const std::size_t region, std::size_t n,
                       const std::int64_t* col, const std::int64_t* row, float* factor) {
  const FarCells& far = *state.far;
  const float sigma = state.sites[0].sigma_nlos;
  for (std::size_t i = 0; i < n; ++i) {
    const float along_col = static_cast<float>(col[i]) + b.fx[i] - far.col[region];
    const float along_row = static_cast<float>(row[i]) + b.fy[i] - far.row[region];
    const float change = 1.0f + far.per_col[region] * along_col + far.per_row[region] * along_row;
    factor[i] = std::exp2(-sigma * b.common_nlos[i]) * std::max(0.25f, change);
  }
}

}  // namespace

void load_users(const LinkModel::State& state, std::span<const std::int32_t> users, std::span<const double> x,
                std::span<const double> y, Block& block) {
  const auto user = [&](std::size_t i) { return static_cast<std::size_t>(users[i]); };
  state.load(block, users.size(), [&](std::size_t i) { return std::pair{x[user(i)], y[user(i)]}; });
}

void FoldedBlock::load(const LinkModel::State& state, const SortedUsers::Run& run, const std::int32_t* users,
                       std::span<const double> x, std::span<const double> y) {
  load_users(state, {users, run.n}, x, y, block);
  if (run.region == state.far->n_regions) return;
  for (std::size_t i = 0; i < run.n; ++i) {
    const auto u = static_cast<std::size_t>(users[i]);
    col[i] = state.node_col(x[u], y[u]);
    row[i] = state.node_row(x[u], y[u]);
    state.far->place(col[i], row[i]);
    __builtin_prefetch(&state.far->candidate_first[state.far->tile_at(col[i], row[i])]);
  }
  remainder_factors(state, block, run.region, run.n, col, row, factor);
}

// Finds the links of all users, a kernel's worth of candidates at a time.
void FoldedBlock::find_far(const LinkModel::State& state, std::size_t region, std::size_t n) {
  const std::uint8_t* beyond = state.far->beyond_ring.data() + region * state.sites.size();
  cell.clear(), beyond_ring.clear(), cell_base_.clear(), cell_azimuth_.clear(), cell_depression_.clear();
  std::fill_n(first_link, n + 1, std::size_t{0});
  // The lists of large networks lie in memory: the lines of all users are asked for before the first is read.
  std::span<const std::int32_t> lists[block_users];
  for (std::size_t i = 0; i < n; ++i) {
    lists[i] = state.far->candidates_at(col[i], row[i]);
    for (std::size_t c = 0; c < lists[i].size(); c += 16) __builtin_prefetch(lists[i].data() + c);
  }
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::int32_t site : lists[i]) {
      user_[waiting] = static_cast<std::int32_t>(i);
      site_[waiting] = site;
      if (++waiting < far_links) continue;
      look(state, beyond, waiting);
      waiting = 0;
    }
  look(state, beyond, waiting);
  for (std::size_t i = 0; i < n; ++i) first_link[i + 1] += first_link[i];
  gain.resize(cell.size());
  state.kernels->far_cells(state.cells.data(), cell.data(), cell.size(), cell_base_.data(), cell_azimuth_.data(),
                           cell_depression_.data(), gain.data());
}

void FoldedBlock::look(const LinkModel::State& state, const std::uint8_t* beyond, std::size_t n) {
  const RadioTiles tiles = {state.los_state.data(), state.shadow.data(), state.size, state.log2_size};
  const RadioUsers users = block.users();
  const std::size_t n_found = state.kernels->far_los(state.sites.data(), &state.torus, &tiles, &users, user_, site_, n,
                                                     found_, base_, azimuth_, depression_);
  for (std::size_t f = 0; f < n_found; ++f) {
    const auto k = static_cast<std::size_t>(site_[found_[f]]);
    first_link[user_[found_[f]] + 1] += state.first_cell[k + 1] - state.first_cell[k];
    for (std::size_t c = state.first_cell[k]; c < state.first_cell[k + 1]; ++c) {
      cell.push_back(static_cast<std::int32_t>(c));
      beyond_ring.push_back(beyond[k]);
      cell_base_.push_back(base_[f]);
      cell_azimuth_.push_back(azimuth_[f]);
      cell_depression_.push_back(depression_[f]);
    }
  }
}

// The users `which` of a block, to meet more sites.
void take(const Block& from, std::span<const std::int32_t> which, Block& to) {
  const std::size_t padded = whole_vectors(which.size());
  const auto copy = [&](const auto* in, auto* out) {
    for (std::size_t i = 0; i < padded; ++i) out[i] = in[which[std::min(i, which.size() - 1)]];
  };
  copy(from.x, to.x), copy(from.y, to.y), copy(from.fx, to.fx), copy(from.fy, to.fy);
  copy(from.scale_state, to.scale_state), copy(from.scale_los, to.scale_los), copy(from.scale_nlos, to.scale_nlos);
  copy(from.common_los, to.common_los), copy(from.common_nlos, to.common_nlos);
  copy(from.row, to.row), copy(from.col, to.col);
}

}  // namespace slicefast
