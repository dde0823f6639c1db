// Builds FarCells; see far_cells.hpp for the symbols. All in double, once per network.
//
// Steps: cut the plane; per region: distances to all sites, the nearest ones, the mean gains of the others; then the
// list of sites that may be in line of sight from each tile, or loud, from the least values of the fields in the tile.
#include "radio/far_cells.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <utility>

#include "radio/curves.hpp"
#include "radio/link_state.hpp"
#include "slicefast/radio/los.hpp"

namespace slicefast {
namespace {

constexpr std::size_t most_weights = 100'000'000;  // R x N at most: 400 MB
constexpr std::int64_t most_tiles = 2'000'000;
constexpr double deg_per_rad = 180.0 / std::numbers::pi;

// Least node value over the windows of `width` x `width` nodes that begin at each node of the periodic tile.
std::vector<float> window_minimum(std::span<const float> nodes, int size, int width) {
  const auto at = [size](int r, int c) {
    return static_cast<std::size_t>(r) * static_cast<std::size_t>(size) + static_cast<std::size_t>(c);
  };
  std::vector<float> along(nodes.size()), least(nodes.size());
  for (int r = 0; r < size; ++r)
    for (int c = 0; c < size; ++c) {
      float low = nodes[at(r, c)];
      for (int j = 1; j < width; ++j) low = std::min(low, nodes[at(r, (c + j) % size)]);
      along[at(r, c)] = low;
    }
  for (int r = 0; r < size; ++r)
    for (int c = 0; c < size; ++c) {
      float low = along[at(r, c)];
      for (int j = 1; j < width; ++j) low = std::min(low, along[at((r + j) % size, c)]);
      least[at(r, c)] = low;
    }
  return least;
}

// The field value below which a link of this probability is in line of sight: the kernel's test, solved for the field.
double line_of_sight_below(double probability) {
  if (probability >= 1.0) return std::numeric_limits<double>::infinity();
  const double target = -std::log2((1.0 - probability) / std::max(probability, 1e-300));
  double f = target / 2.30485;  // f (2.30485 + 0.101804 f^2) = target, convex beyond 0: Newton's method settles
  for (int i = 0; i < 40; ++i) f -= (f * (2.30485 + 0.101804 * f * f) - target) / (2.30485 + 3.0 * 0.101804 * f * f);
  return f;
}

}  // namespace

struct FarCellsBuilder {
  FarCellsBuilder(const LinkModel::State& state_, const RadioConfig& config_, const FieldTiles& tiles_)
      : state(state_), config(config_), tiles(tiles_) {}

  const LinkModel::State& state;
  const RadioConfig& config;
  const FieldTiles& tiles;
  FarCells far;
  double own_mean = 1.0, half_diagonal_m = 0.0;
  double node_x[2], node_y[2];                   // displacement of one node along the columns and the rows
  std::vector<double> x, y, distance;            // (K,) displacements site -> centre of the region at hand
  std::vector<std::uint8_t> is_near;             // (K,)
  std::vector<std::size_t> first_of_level;       // (n_levels,) by distance from the region
  std::vector<std::vector<std::int32_t>> lists;  // per tile
  struct Test {
    std::int32_t site, row, col;  // where the site reads the state field at the plane's first node
    float limit;                  // in line of sight, or loud, somewhere in a tile if the least value there is below
  };
  std::vector<Test> tests;

  bool cut_plane();
  void measure_shadowing();
  std::vector<float> least_values() const;
  void cut_levels();
  void add_region(std::size_t region);
  void find_neighbours();
  void add_sites(FarCells::Neighbourhood& to, std::span<std::int32_t> sites) const;
  void add_weights(std::size_t region);
  void add_candidates(std::size_t region, const std::vector<float>& least);
  double mean_gain(std::size_t k) const;
};

// Sites of a torus repeat; without one the plane reaches a site spacing beyond the outermost sites.
bool FarCellsBuilder::cut_plane() {
  const double size = tiles.size;
  node_x[0] = tiles.e1_x_m / size, node_y[0] = tiles.e1_y_m / size;
  node_x[1] = tiles.e2_x_m / size, node_y[1] = tiles.e2_y_m / size;
  const auto col_of = [&](double px, double py) { return state.fields.col_at(px, py); };
  const auto row_of = [&](double px, double py) { return state.fields.row_at(px, py); };
  far.wrap = config.wrap;
  far.v1_x = config.v1_x_m, far.v1_y = config.v1_y_m, far.v2_x = config.v2_x_m, far.v2_y = config.v2_y_m;
  if (config.wrap) {
    // The fields' tile must fit the torus along its own directions, as make_fields makes it.
    if (std::abs(row_of(config.v1_x_m, config.v1_y_m)) > 1e-3 || std::abs(col_of(config.v2_x_m, config.v2_y_m)) > 1e-3)
      return false;
    far.n_cols = std::llround(col_of(config.v1_x_m, config.v1_y_m));
    far.n_rows = std::llround(row_of(config.v2_x_m, config.v2_y_m));
    if (far.n_cols <= 0 || far.n_rows <= 0 || far.n_cols % tiles.size || far.n_rows % tiles.size) return false;
  } else {
    double low[2] = {1e300, 1e300}, high[2] = {-1e300, -1e300};
    for (std::size_t k = 0; k < config.site_x_m.size(); ++k) {
      const double at[2] = {col_of(config.site_x_m[k], config.site_y_m[k]),
                            row_of(config.site_x_m[k], config.site_y_m[k])};
      for (int i = 0; i < 2; ++i) low[i] = std::min(low[i], at[i]), high[i] = std::max(high[i], at[i]);
    }
    // Of sites on a line the area says nothing.
    const auto n_sites = static_cast<double>(config.site_x_m.size());
    const double spacing = std::max({1.0, std::sqrt((high[0] - low[0]) * (high[1] - low[1]) / n_sites),
                                     (high[0] - low[0]) / n_sites, (high[1] - low[1]) / n_sites});
    far.first_col = std::llround(low[0] - spacing), far.n_cols = std::llround(high[0] - low[0] + 2.0 * spacing) + 1;
    far.first_row = std::llround(low[1] - spacing), far.n_rows = std::llround(high[1] - low[1] + 2.0 * spacing) + 1;
  }
  const double area_nodes = static_cast<double>(far.n_cols) * static_cast<double>(far.n_rows);
  far.tile_nodes = 2;
  while (area_nodes / static_cast<double>(far.tile_nodes * far.tile_nodes) > most_tiles) far.tile_nodes *= 2;
  // Half a site's area or less to a region, and as many regions as the weights leave room for.
  const double site_nodes = area_nodes / static_cast<double>(config.site_x_m.size());
  const auto half_site = static_cast<std::int64_t>(std::sqrt(0.5 * site_nodes));
  far.region_nodes = std::max<std::int64_t>(16, half_site) / far.tile_nodes * far.tile_nodes;
  const auto pieces = [](std::int64_t n, std::int64_t piece) {
    return static_cast<std::size_t>((n + piece - 1) / piece);
  };
  const auto n_regions = [&] { return pieces(far.n_cols, far.region_nodes) * pieces(far.n_rows, far.region_nodes); };
  while (n_regions() * state.n_cells > most_weights)
    far.region_nodes += (far.region_nodes / 8 + far.tile_nodes) / far.tile_nodes * far.tile_nodes;
  far.region_cols = pieces(far.n_cols, far.region_nodes);
  far.n_regions = far.region_cols * pieces(far.n_rows, far.region_nodes);
  far.tile_cols = pieces(far.n_cols, far.tile_nodes);
  lists.resize(far.tile_cols * pieces(far.n_rows, far.tile_nodes));
  return true;
}

// Moments of 2^(-sigma own) over the tile, which is what the links read; loud ones count as nothing.
void FarCellsBuilder::measure_shadowing() {
  double first = 0.0, second = 0.0;
  const double sigma = static_cast<double>(state.sites[0].sigma_nlos) * state.own_weight;
  if (!(sigma > 0.0)) return;  // no link is loud, and none varies
  for (float node : tiles.shadow_nlos) {
    const double value = static_cast<double>(node), gain = value < -FarCells::loud ? 0.0 : std::exp2(-sigma * value);
    first += gain;
    second += gain * gain;
  }
  const auto n = static_cast<double>(tiles.shadow_nlos.size());
  own_mean = first / n;
  far.own_variation = second / n / (own_mean * own_mean) - 1.0;
  far.largest_excursion = std::exp2(sigma * FarCells::loud) / own_mean - 1.0;
  far.loud_below = static_cast<float>(-FarCells::loud * state.own_weight);
}

// By windows of the tile that begin at each node: the least value of the state field, or less than any limit where a
// link may be loud. Between nodes fields are scaled up to unit variance, most in the middle of a mesh, and they are
// kept in steps of 1/32.
std::vector<float> FarCellsBuilder::least_values() const {
  const int window = static_cast<int>(std::min<std::int64_t>(far.tile_nodes + 1, tiles.size));
  std::vector<float> least = window_minimum(tiles.los_state, tiles.size, window);
  if (!std::isfinite(far.loud_below)) return least;
  const std::vector<float> shadow = window_minimum(tiles.shadow_nlos, tiles.size, window);
  const float middle = 0.5f;
  float scale;
  state.fields.unit_nlos.scale(&middle, &middle, 1, &scale);
  const float may_be_loud = static_cast<float>(-FarCells::loud) / scale + 1.0f / 32.0f;
  for (std::size_t i = 0; i < least.size(); ++i)
    if (shadow[i] < may_be_loud) least[i] = -std::numeric_limits<float>::infinity();
  return least;
}

// Rings of which a site is left beyond them.
void FarCellsBuilder::cut_levels() {
  far.near.n_sites = FarCells::near_sites;
  first_of_level = {0, FarCells::near_sites};
  for (std::size_t reach : FarCells::ring_sites) {
    if (reach >= state.sites.size()) break;
    far.rings.emplace_back().n_sites = reach - first_of_level.back();
    first_of_level.push_back(reach);
  }
}

void FarCellsBuilder::add_region(std::size_t region) {
  const double half = 0.5 * static_cast<double>(far.region_nodes);
  const double col = static_cast<double>(static_cast<std::int64_t>(region % far.region_cols) * far.region_nodes) + half;
  const double row = static_cast<double>(static_cast<std::int64_t>(region / far.region_cols) * far.region_nodes) + half;
  far.col.push_back(static_cast<float>(col));
  far.row.push_back(static_cast<float>(row));
  const double c = col + static_cast<double>(far.first_col), r = row + static_cast<double>(far.first_row);
  const double centre_x = c * node_x[0] + r * node_x[1], centre_y = c * node_y[0] + r * node_y[1];
  far.middle_x.push_back(static_cast<float>(centre_x - state.origin_x));
  far.middle_y.push_back(static_cast<float>(centre_y - state.origin_y));
  for (std::size_t k = 0; k < x.size(); ++k) {
    x[k] = centre_x - config.site_x_m[k];
    y[k] = centre_y - config.site_y_m[k];
    if (config.wrap) to_nearest_image(state.torus, x[k], y[k]);
    distance[k] = std::hypot(x[k], y[k]);
  }
  find_neighbours();
  add_weights(region);
}

void FarCellsBuilder::find_neighbours() {
  std::vector<std::int32_t> order = state.all_sites;
  const auto nearer = [&](std::int32_t a, std::int32_t b) {
    return std::pair{distance[static_cast<std::size_t>(a)], a} < std::pair{distance[static_cast<std::size_t>(b)], b};
  };
  // The sites of near and rings come sorted; of the others the nearest counts.
  const auto met = static_cast<std::ptrdiff_t>(first_of_level.back());
  std::partial_sort(order.begin(), order.begin() + met, order.end(), nearer);
  std::iter_swap(order.begin() + met, std::min_element(order.begin() + met, order.end(), nearer));
  std::fill(is_near.begin(), is_near.end(), std::uint8_t{0});
  for (std::size_t i = 0; i < FarCells::near_sites; ++i) is_near[static_cast<std::size_t>(order[i])] = 1;
  const std::size_t region = far.near.first.size() - 1, n_levels = far.n_levels();
  std::uint8_t* level = far.level.data() + region * order.size();
  for (std::size_t l = 0; l < n_levels; ++l) {
    const std::size_t end = l + 1 < n_levels ? first_of_level[l + 1] : order.size();
    for (std::size_t i = first_of_level[l]; i < end; ++i)
      level[static_cast<std::size_t>(order[i])] = static_cast<std::uint8_t>(l);
    far.wide.push_back(end < order.size() &&
                       half_diagonal_m > FarCells::widest * distance[static_cast<std::size_t>(order[end])]);
    if (l + 1 == n_levels) continue;
    add_sites(l == 0 ? far.near : far.rings[l - 1],
              std::span(order).subspan(first_of_level[l], end - first_of_level[l]));
  }
  const std::span<const std::int32_t> cells = far.near.cells_of(region);
  for (std::size_t c = 0; c < cells.size(); ++c)
    far.near_column[region * state.n_cells + static_cast<std::size_t>(cells[c])] = static_cast<std::int16_t>(c);
}

void FarCellsBuilder::add_sites(FarCells::Neighbourhood& to, std::span<std::int32_t> sites) const {
  std::sort(sites.begin(), sites.end());
  for (std::int32_t site : sites) {
    const auto k = static_cast<std::size_t>(site);
    to.site.push_back(site);
    for (std::size_t n = state.first_cell[k]; n < state.first_cell[k + 1]; ++n) to.cell.push_back(state.cell_index[n]);
  }
  to.most_cells = std::max(to.most_cells, to.cell.size() - to.first.back());
  to.first.push_back(to.cell.size());
}

// NLOS gain without antenna, mean over the own shadowing, times the chance to be without line of sight.
double FarCellsBuilder::mean_gain(std::size_t k) const {
  const RadioSite& s = state.sites[k];
  const double d2 = distance[k] * distance[k], used = std::max(d2, static_cast<double>(s.min_d2));
  const double l = std::log2(used + s.height2_loss);
  const double los = d2 <= s.breakpoint_d2 ? s.near_0 + s.near_1 * l : s.far_0 + s.far_1 * l;
  const double gain = std::exp2(std::min(s.nlos_0 + s.nlos_1 * l, los + s.nlos_margin)) * own_mean;
  return gain * (1.0 - los_probability(config.model, distance[k], config.ue_height_m));
}

void FarCellsBuilder::add_weights(std::size_t region) {
  float* weight = far.weight.data() + region * state.n_cells;
  double total = 0.0, slope_x = 0.0, slope_y = 0.0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (is_near[k]) continue;
    const double gain = mean_gain(k), depression = std::atan2(static_cast<double>(state.sites[k].height), distance[k]);
    double sum = 0.0;
    for (std::size_t n = state.first_cell[k]; n < state.first_cell[k + 1]; ++n) {
      const std::size_t column = state.index_of(n);
      const double azimuth = std::atan2(y[k], x[k]) * deg_per_rad - config.azimuth_deg[column];
      const double antenna_db = antenna_gain_db(config.pattern, std::remainder(azimuth, 360.0),
                                                depression * deg_per_rad, config.tilt_deg[column], config.elements);
      const double w = gain * std::exp2(antenna_db * log2_per_db);
      weight[column] = static_cast<float>(w);
      sum += w;
    }
    // gain ~ (d^2)^slope: d ln gain / dx = 2 slope x / d^2.
    const double d2 = std::max(distance[k] * distance[k], static_cast<double>(state.sites[k].min_d2));
    const double change = sum * 2.0 * static_cast<double>(state.sites[k].nlos_1) / d2;
    slope_x += change * x[k];
    slope_y += change * y[k];
    total += sum;
  }
  const double inverse = total > 0.0 ? 1.0 / total : 0.0;
  far.per_col.push_back(static_cast<float>((slope_x * node_x[0] + slope_y * node_y[0]) * inverse));
  far.per_row.push_back(static_cast<float>((slope_x * node_x[1] + slope_y * node_y[1]) * inverse));
}

void FarCellsBuilder::add_candidates(std::size_t region, const std::vector<float>& least) {
  const std::int64_t size = tiles.size, mask = size - 1;
  const std::int64_t col = static_cast<std::int64_t>(region % far.region_cols) * far.region_nodes;
  const std::int64_t row = static_cast<std::int64_t>(region / far.region_cols) * far.region_nodes;
  const std::int64_t end_col = std::min(col + far.region_nodes, far.n_cols);
  const std::int64_t end_row = std::min(row + far.region_nodes, far.n_rows);
  const float middle = 0.5f;
  float scale;
  state.fields.unit_state.scale(&middle, &middle, 1, &scale);
  tests.clear();
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (is_near[k]) continue;
    const double nearest = std::max(distance[k] - half_diagonal_m, 1.0);
    const double below = line_of_sight_below(los_probability(config.model, nearest, config.ue_height_m));
    const double limit = (below > 0.0 ? below : below / static_cast<double>(scale)) + 1.0 / 32.0;
    tests.push_back({static_cast<std::int32_t>(k), static_cast<std::int32_t>(far.first_row + state.sites[k].row_offset),
                     static_cast<std::int32_t>(far.first_col + state.sites[k].col_offset), static_cast<float>(limit)});
  }
  std::vector<std::int32_t> passed(tests.size() + 1);
  for (std::int64_t r = row; r < end_row; r += far.tile_nodes)
    for (std::int64_t c = col; c < end_col; c += far.tile_nodes) {
      std::size_t n = 0;
      for (const Test& test : tests) {
        passed[n] = test.site;
        const std::int64_t at = ((r + test.row) & mask) * size + ((c + test.col) & mask);
        n += static_cast<std::size_t>(least[static_cast<std::size_t>(at)] < test.limit);
      }
      const auto tile =
          static_cast<std::size_t>(r / far.tile_nodes) * far.tile_cols + static_cast<std::size_t>(c / far.tile_nodes);
      lists[tile].assign(passed.begin(), passed.begin() + static_cast<std::ptrdiff_t>(n));
    }
}

double FarCells::remainder(std::size_t region, std::span<const float> weight_k) const {
  const float* w = weight.data() + region * weight_k.size();
  float partial[8] = {};
  std::size_t k = 0;
  for (; k + 8 <= weight_k.size(); k += 8)
    for (std::size_t j = 0; j < 8; ++j) partial[j] += weight_k[k + j] * w[k + j];
  double sum = 0.0;
  for (; k < weight_k.size(); ++k) sum += static_cast<double>(weight_k[k] * w[k]);
  for (float part : partial) sum += static_cast<double>(part);
  return sum;
}

std::shared_ptr<const FarCells> make_far_cells(const LinkModel::State& state, const RadioConfig& config,
                                               const FieldTiles& tiles) {
  if (!(config.fold_db > 0.0) || state.sites.size() <= FarCells::near_sites) return nullptr;
  if (state.sites[0].curved) return nullptr;  // single far links have no code for them
  FarCellsBuilder builder(state, config, tiles);
  if (!builder.cut_plane()) return nullptr;
  FarCells& far = builder.far;
  // A fifth is left for loads that change until users are folded again, see FoldedGains::misfolded().
  far.tolerance = 0.8 * (std::pow(10.0, config.fold_db / 10.0) - 1.0);
  for (auto* array : {&builder.x, &builder.y, &builder.distance}) array->resize(state.sites.size());
  builder.is_near.resize(state.sites.size());
  builder.measure_shadowing();
  builder.cut_levels();
  far.near_column.assign(far.n_regions * state.n_cells, std::int16_t{-1});
  far.site_of = config.cell_site;
  far.level.resize(far.n_regions * state.sites.size());
  far.weight.assign(far.n_regions * state.n_cells, 0.0f);
  const std::vector<float> least = builder.least_values();
  const double half = 0.5 * static_cast<double>(far.region_nodes);
  builder.half_diagonal_m =
      half * std::max(std::hypot(builder.node_x[0] + builder.node_x[1], builder.node_y[0] + builder.node_y[1]),
                      std::hypot(builder.node_x[0] - builder.node_x[1], builder.node_y[0] - builder.node_y[1]));
  far.radius = static_cast<float>(builder.half_diagonal_m) + 1.0f;  // a metre for rounding
  for (std::size_t region = 0; region < far.n_regions; ++region) {
    builder.add_region(region);
    builder.add_candidates(region, least);
  }
  far.candidate_first.push_back(0);
  for (const auto& list : builder.lists) {
    far.candidate.insert(far.candidate.end(), list.begin(), list.end());
    far.candidate_first.push_back(static_cast<std::uint32_t>(far.candidate.size()));
  }
  return std::make_shared<const FarCells>(std::move(far));
}

}  // namespace slicefast
