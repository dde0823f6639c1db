// LinkModel: its checks and constants, and the gains of all links. best_server.cpp and folding.cpp hold the rest.
#include "slicefast/radio/link_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "radio/far_cells.hpp"
#include "radio/image_map.hpp"
#include "radio/link_block.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

constexpr double most_position_m = 1e9;

void check_sizes(const RadioConfig& c, const FieldTiles& tiles) {
  const std::size_t k = c.site_x_m.size(), n = c.cell_site.size();
  if (k == 0) refuse("site_x_m", "no values", "at least one site");
  if (n == 0) refuse("cell_site", "no values", "at least one cell");
  check_size("site_y_m", c.site_y_m.size(), k, "site");
  check_size("site_height_m", c.site_height_m.size(), k, "site");
  check_size("azimuth_deg", c.azimuth_deg.size(), n, "cell");
  check_size("tilt_deg", c.tilt_deg.size(), n, "cell");
  check_indices("cell_site", c.cell_site, k, "cell");
  check_tiles(tiles, k);
  std::vector<std::size_t> site_cells(k, 0);
  for (std::int32_t site : c.cell_site)
    if (++site_cells[static_cast<std::size_t>(site)] > group_rows)
      refuse("cell_site", "more than " + text_of(group_rows) + " cells of site " + text_of(site),
             "at most " + text_of(group_rows));
}

void check_values_of(const RadioConfig& c) {
  for (std::size_t k = 0; k < c.site_x_m.size(); ++k)
    if (!(std::abs(c.site_x_m[k]) < most_position_m && std::abs(c.site_y_m[k]) < most_position_m))
      throw InvalidArgument("site_x_m, site_y_m: site " + text_of(k) + " is at (" + text_of(c.site_x_m[k]) + ", " +
                            text_of(c.site_y_m[k]) + "), allowed: finite and below 1e9 m");
  check_values("azimuth_deg", std::span(c.azimuth_deg), any_finite, "cell");
  check_values("tilt_deg", std::span(c.tilt_deg), any_finite, "cell");
  check_value("ue_height_m", c.ue_height_m, Range{1.0, 13.0, true, false});
  check_values("site_height_m", std::span(c.site_height_m), Range{c.ue_height_m, 300.0, true, false}, "site");
  check_value("fold_db", c.fold_db, within(0.0, 10.0));
  if (c.line_of_sight == LineOfSight::soft && c.fold_db > 0)
    refuse("fold_db", text_of(c.fold_db), "0 beside soft states of line of sight");
  check_value("sigma_indoor_db", c.sigma_indoor_db, within(0.0, 30.0));
  check_value("site_correlation", c.site_correlation, unit_interval);
  const ModelParameters p = model_parameters(c.model);
  check_value("frequency_hz", c.frequency_hz, within(p.min_frequency_hz, p.max_frequency_hz));
  const int most = c.pattern == AntennaPattern::tr38901_element ? 1024 : 1;  // few enough to be summed one by one
  if (c.elements < 1 || c.elements > most)
    refuse("elements", text_of(c.elements), "1, or up to 1024 with pattern tr38901_element");
}

const RadioConfig& checked(const RadioConfig& config, const FieldTiles& tiles) {
  check_sizes(config, tiles);
  check_values_of(config);
  return config;
}

void check_gain(const LinkModel::State& state, std::span<const double> x_m, std::span<const double> y_m,
                MatrixView<float> gain, MatrixView<float> reach) {
  check_positions(x_m, y_m);
  check_shape("gain", gain, x_m.size(), state.n_cells);
  if (reach.empty()) return;
  if (!state.images) refuse("reach", "a matrix", "none, unless further images count");
  check_shape("reach", reach, x_m.size(), state.n_cells);
}

// Gains of at most a block of users into their rows of the matrix.
void fill_rows(const LinkModel::State& state, LinkBlock& block, std::span<const std::int32_t> users,
               std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain,
               MatrixView<float> reach, const UserProfile* profile) {
  block.load(state, users, x_m, y_m, profile);
  for (std::size_t i = 0; i < users.size(); ++i)
    block.out[i] = gain.data + static_cast<std::size_t>(users[i]) * gain.cols;
  SiteGroups group(state, block, users.size(), state.all_sites, true);
  while (group.next()) {
    if (state.in_order) {
      state.kernels->transpose(group.row(0), block_users, group.rows(), users.size(), block.out, group.first());
      continue;
    }
    for (std::size_t i = 0; i < users.size(); ++i)
      for (std::size_t r = 0; r < group.rows(); ++r) block.out[i][state.index_of(group.first() + r)] = group.row(r)[i];
  }
  if (state.images) state.images->add(users, x_m, y_m, profile, gain, reach);
}

}  // namespace

std::vector<std::int32_t> first_indices(std::size_t n) {
  std::vector<std::int32_t> indices(n);
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

void check_positions(std::span<const double> x_m, std::span<const double> y_m) {
  check_size("y_m", y_m.size(), x_m.size(), "user");
  for (std::size_t u = 0; u < x_m.size(); ++u)
    if (!(std::abs(x_m[u]) < most_position_m && std::abs(y_m[u]) < most_position_m))
      throw InvalidArgument("x_m, y_m: user " + text_of(u) + " is at (" + text_of(x_m[u]) + ", " + text_of(y_m[u]) +
                            "), allowed: finite and below 1e9 m");
}

LinkModel::State::State(const RadioConfig& c, const FieldTiles& tiles, Isa isa_)
    : isa(isa_),
      kernels(&select_radio_kernels(isa_)),
      far_kernels(&select_far_links_kernels(isa_)),
      column(checked(c, tiles).elements > 1),
      supports_profiles(model_parameters(c.model).supports_indoor),
      n_cells(c.cell_site.size()),
      origin_x(c.site_x_m[0]),
      origin_y(c.site_y_m[0]),
      fields(tiles, model_parameters(c.model)),
      common_weight(c.shadowing ? std::sqrt(c.site_correlation) : 0.0),
      own_weight(c.shadowing ? std::sqrt(1.0 - c.site_correlation) : 0.0),
      torus(make_torus(c, fields)),
      all_sites(first_indices(c.site_x_m.size())) {
  first_cell.push_back(0);
  for (std::size_t site = 0; site < all_sites.size(); ++site) {
    sites.push_back(make_site(c, tiles, site));
    masts.push_back(make_mast(c, site));
    for (std::size_t n = 0; n < n_cells; ++n)
      if (static_cast<std::size_t>(c.cell_site[n]) == site) {
        cells.push_back(make_cell(c, n));
        cell_index.push_back(static_cast<std::int32_t>(n));
      }
    first_cell.push_back(cells.size());
  }
  if (c.line_of_sight == LineOfSight::soft) {
    RadioConfig forced = c;
    for (auto [states, los] : {std::pair(&in_sight, LineOfSight::always), {&out_of_sight, LineOfSight::never}}) {
      forced.line_of_sight = los;
      for (std::size_t site = 0; site < all_sites.size(); ++site) states->push_back(make_site(forced, tiles, site));
    }
    constexpr double light_mps = 299792458.0;
    sharpness = static_cast<float>(std::sqrt(20.0 * c.frequency_hz / light_mps));
  }
  in_order = std::is_sorted(cell_index.begin(), cell_index.end());
  far = make_far_cells(*this, c, tiles);
  images = make_image_map(*this, c, tiles);
}

LinkModel::LinkModel(RadioConfig config, const FieldTiles& tiles, Isa isa)
    : state_(std::make_unique<State>(config, tiles, isa)) {}
LinkModel::~LinkModel() = default;
LinkModel::LinkModel(LinkModel&&) noexcept = default;

int LinkModel::n_cells() const { return static_cast<int>(state_->n_cells); }
int LinkModel::n_sites() const { return static_cast<int>(state_->sites.size()); }
Isa LinkModel::isa() const { return state_->isa; }
bool LinkModel::folds() const { return state_->far != nullptr; }
bool LinkModel::has_images() const { return state_->images != nullptr; }

void LinkModel::check_profile(const UserProfile* profile, std::size_t n_users) const {
  if (!profile) return;
  if (!state_->supports_profiles)
    throw InvalidArgument("profile: only TR 36.873 and TR 38.901 models know indoor users and heights of single users");
  check_size("profile", profile->size(), n_users, "user");
}

void LinkModel::gains(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain,
                      const ThreadPool* pool, const UserProfile* profile, MatrixView<float> reach) const {
  check_gain(*state_, x_m, y_m, gain, reach);
  check_profile(profile, x_m.size());
  const std::size_t n_users = x_m.size();
  share_items(pool, (n_users + block_users - 1) / block_users, [&](std::size_t item, int) {
    LinkBlock block;
    const std::size_t first = item * block_users;
    const ConsecutiveUsers users(first, std::min(block_users, n_users - first));
    fill_rows(*state_, block, users, x_m, y_m, gain, reach, profile);
  });
}

void LinkModel::update_gains(std::span<const double> x_m, std::span<const double> y_m,
                             std::span<const std::int32_t> users, MatrixView<float> gain, const ThreadPool* pool,
                             const UserProfile* profile, MatrixView<float> reach) const {
  check_gain(*state_, x_m, y_m, gain, reach);
  check_profile(profile, x_m.size());
  check_indices("users", users, x_m.size());
  share_items(pool, (users.size() + block_users - 1) / block_users, [&](std::size_t item, int) {
    LinkBlock block;
    const std::size_t first = item * block_users;
    fill_rows(*state_, block, users.subspan(first, std::min(block_users, users.size() - first)), x_m, y_m, gain, reach,
              profile);
  });
}

}  // namespace slicefast
