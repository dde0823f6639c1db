// What LinkModel keeps, shared by the files that evaluate it: link_model.cpp (every link), and with far cells folded
// (far_cells, far_links) link_folding.cpp and best_server_folded.cpp.
#pragma once

#include <cmath>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "field_tiles.hpp"
#include "kernels/tables.hpp"
#include "radio_curves.hpp"
#include "slicefast/radio.hpp"

namespace slicefast {

inline constexpr std::size_t block_users = 128;  // arrays of a block and of a group stay in the first-level cache
inline constexpr std::size_t group_rows = 48;
inline constexpr double log2_per_db = 0.33219280948873623;  // log2(10) / 10

struct FarCells;

// Users of a block rounded up to whole vectors of 16, as the kernels take them.
inline std::size_t whole_vectors(std::size_t n) { return (n + 15) / 16 * 16; }

// The strongest cell of each user of a block among those met so far, and what the others come to.
struct Strongest {
  alignas(64) float received[block_users] = {}, activity[block_users] = {}, interference[block_users] = {};
  alignas(64) std::int32_t cell[block_users] = {};
};

// The users of one block as the kernels read them.
struct Block {
  alignas(64) float x[block_users], y[block_users], fx[block_users], fy[block_users];
  alignas(64) float scale_state[block_users], scale_los[block_users], scale_nlos[block_users];
  alignas(64) float common_los[block_users], common_nlos[block_users];
  alignas(64) std::int32_t row[block_users], col[block_users];
  alignas(64) float base[block_users], azimuth[block_users], depression[block_users];
  alignas(64) float rows[group_rows * block_users];
  float* out[block_users];  // the users' rows of the gain matrix
  bool profiled = false;    // users have heights and buildings of their own
  alignas(64) float profile[7][block_users];
  RadioUsers users() const {
    return {x, y, fx, fy, scale_state, scale_los, scale_nlos, common_los, common_nlos, col, row};
  }
  RadioProfile users_profile() const {
    return {profile[0], profile[1], profile[2], profile[3], profile[4], profile[5], profile[6]};
  }
};

struct LinkModel::State {
  Isa isa;
  const RadioKernels* kernels;
  bool column;
  bool knows_profiles;  // the model is made for users at other heights and indoors
  std::size_t n_cells;
  double origin_x, origin_y;  // positions are taken relative to it before the conversion to float
  double inverse[4];          // (s, t) of a position in units of the tile's periods
  int size, log2_size;
  std::vector<std::int32_t> los_state, shadow;  // packed
  UnitVariance unit_state, unit_los, unit_nlos;
  double common_weight, own_weight;  // square roots of correlation and its rest; zero without shadowing
  std::int32_t common_row, common_col;
  RadioTorus torus;
  std::vector<RadioSite> sites;
  std::vector<RadioMast> masts;         // of the sites
  std::vector<RadioCell> cells;         // grouped by site
  std::vector<std::size_t> first_cell;  // (K + 1,) into cells
  std::vector<std::size_t> column_of;   // cell index of the caller
  bool in_order;                        // column_of is 0, 1, 2, ...
  std::vector<std::int32_t> all_sites;  // 0, 1, 2, ...
  std::shared_ptr<const FarCells> far;  // empty unless far cells fold

  State(const RadioConfig& config, const FieldTiles& tiles, Isa isa_);
  void set_tiles(const RadioConfig& config, const FieldTiles& tiles);
  void set_torus(const RadioConfig& config);
  RadioSite make_site(const RadioConfig& config, const FieldTiles& tiles, std::size_t k) const;
  RadioMast make_mast(const RadioConfig& config, std::size_t k) const;
  RadioCell make_cell(const RadioConfig& config, std::size_t n) const;

  void nearest_image(double& dx, double& dy) const;
  // Node of the field tiles at or before a position. Rounding down through the conversion: std::floor is a library
  // call on the baseline instruction set.
  std::int64_t node_col(double x, double y) const { return whole((inverse[0] * x + inverse[1] * y) * size); }
  std::int64_t node_row(double x, double y) const { return whole((inverse[2] * x + inverse[3] * y) * size); }
  static std::int64_t whole(double value) { return static_cast<std::int64_t>(value) - (value < 0.0); }
  template <class Position>
  void load(Block& block, std::size_t n, Position position) const;
  template <class User>
  void load_profile(Block& block, std::size_t n, const UserProfile* profile, User user) const;
  template <class Consume>
  void run(Block& block, std::size_t n, std::span<const std::int32_t> list, bool fetch_rows, Consume consume) const;
  template <class CellOf, class Also>
  void meet(Block& block, std::size_t n, std::span<const std::int32_t> list, CellOf cell_of,
            std::span<const double> power, std::span<const double> activity, Strongest& found, Also also) const;
  void fetch(const Block& block, std::size_t n, std::size_t first, std::size_t rows, std::size_t more) const;
  void store(const Block& block, std::size_t rows, std::size_t first, std::size_t n) const;
};

// Fills a block from position(i) -> (x, y) in double; pads it to a multiple of 16 with copies of its last user.
template <class Position>
void LinkModel::State::load(Block& b, std::size_t n, Position position) const {
  const std::size_t padded = whole_vectors(n);
  for (std::size_t i = 0; i < padded; ++i) {
    const auto [px, py] = position(std::min(i, n - 1));
    const double s = (inverse[0] * px + inverse[1] * py) * size, t = (inverse[2] * px + inverse[3] * py) * size;
    // Rounding down through the conversion: std::floor is a library call on the baseline instruction set.
    const std::int64_t col = static_cast<std::int64_t>(s) - (s < 0.0), row = static_cast<std::int64_t>(t) - (t < 0.0);
    b.x[i] = static_cast<float>(px - origin_x);
    b.y[i] = static_cast<float>(py - origin_y);
    b.fx[i] = static_cast<float>(s - static_cast<double>(col));
    b.fy[i] = static_cast<float>(t - static_cast<double>(row));
    b.col[i] = static_cast<std::int32_t>(col & (size - 1));
    b.row[i] = static_cast<std::int32_t>(row & (size - 1));
  }
  unit_state.scale(b.fx, b.fy, padded, b.scale_state);
  unit_los.scale(b.fx, b.fy, padded, b.scale_los);
  unit_nlos.scale(b.fx, b.fy, padded, b.scale_nlos);
  const RadioUsers users = b.users();
  kernels->field(shadow.data(), log2_size, common_row, common_col, &users, b.scale_los, padded, b.common_los);
  kernels->field(shadow.data() + los_state.size(), log2_size, common_row, common_col, &users, b.scale_nlos, padded,
                 b.common_nlos);
  for (std::size_t i = 0; i < padded; ++i) {
    b.common_los[i] *= static_cast<float>(common_weight);
    b.common_nlos[i] *= static_cast<float>(common_weight);
    b.scale_los[i] *= static_cast<float>(own_weight);
    b.scale_nlos[i] *= static_cast<float>(own_weight);
  }
}

// The profiles of a loaded block's users, user(i) of all; nothing where there is none.
template <class User>
void LinkModel::State::load_profile(Block& b, std::size_t n, const UserProfile* profile, User user) const {
  b.profiled = profile != nullptr;
  if (!b.profiled) return;
  const std::vector<float>* parts[] = {&profile->height, &profile->tall,        &profile->choices, &profile->inside,
                                       &profile->loss,   &profile->environment, &profile->indoor};
  const std::size_t padded = whole_vectors(n);
  for (std::size_t part = 0; part < std::size(parts); ++part)
    for (std::size_t i = 0; i < padded; ++i) b.profile[part][i] = (*parts[part])[user(std::min(i, n - 1))];
}

// Evaluates a loaded block for the sites of a list, a group of them at a time: consume(rows, first) gets the group's
// cells as b.rows, the first of them cell `first` in the order of the list.
// fetch_rows: the users' rows of the gain matrix will be written, and are fetched into cache meanwhile.
template <class Consume>
void LinkModel::State::run(Block& b, std::size_t n, std::span<const std::int32_t> list, bool fetch_rows,
                           Consume consume) const {
  const std::size_t padded = whole_vectors(n);
  const RadioUsers users = b.users();
  const RadioProfile profile = b.users_profile();
  const RadioTiles tiles = {los_state.data(), shadow.data(), size, log2_size};
  std::size_t rows = 0, first = 0;
  for (std::int32_t site : list) {
    const auto k = static_cast<std::size_t>(site);
    const std::size_t site_cells = first_cell[k + 1] - first_cell[k];
    if (site_cells == 0) continue;
    if (rows + site_cells > group_rows) {
      consume(rows, first);
      first += rows;
      rows = 0;
    }
    if (fetch_rows) fetch(b, n, first, rows, site_cells);
    if (b.profiled)
      kernels->profiled_site(&sites[k], &masts[k], &torus, &tiles, &users, &profile, padded, b.base, b.azimuth,
                             b.depression);
    else
      kernels->site(&sites[k], &torus, &tiles, &users, padded, b.base, b.azimuth, b.depression);
    for (std::size_t c = first_cell[k]; c < first_cell[k + 1]; ++c, ++rows)
      (column ? kernels->column_cell : kernels->cell)(&cells[c], padded, b.base, b.azimuth, b.depression,
                                                      b.rows + rows * block_users);
  }
  consume(rows, first);
}

// Evaluates a loaded block for the sites of a list and looks for the strongest cells at powers and activities (N,);
// cell_of(i) is the caller's number of the list's cell i. Then also(rows, first) as in run.
template <class CellOf, class Also>
void LinkModel::State::meet(Block& b, std::size_t n, std::span<const std::int32_t> list, CellOf cell_of,
                            std::span<const double> power, std::span<const double> activity, Strongest& found,
                            Also also) const {
  run(b, n, list, false, [&](std::size_t rows, std::size_t first) {
    for (std::size_t r = 0; r < rows; ++r) {
      const auto cell = static_cast<std::size_t>(cell_of(first + r));
      kernels->strongest(b.rows + r * block_users, static_cast<float>(power[cell]), static_cast<float>(activity[cell]),
                         static_cast<std::int32_t>(cell), whole_vectors(n), found.received, found.activity, found.cell,
                         found.interference);
    }
    also(rows, first);
  });
}

// Refuses positions that are not finite, far too large, or not one y to each x.
void check_positions(std::span<const double> x_m, std::span<const double> y_m);

// Nothing where far cells do not fold.
std::shared_ptr<const FarCells> make_far_cells(const LinkModel::State& state, const RadioConfig& config,
                                               const FieldTiles& tiles);

}  // namespace slicefast
