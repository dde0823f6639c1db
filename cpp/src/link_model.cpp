// LinkModel: gains of all links.
//
// Steps, per block of users: positions to tile coordinates (double); common fields; per group of sites: one path loss,
// line-of-sight state, shadowing and angles per site, then one antenna gain per cell; the group's rows, still in cache,
// are transposed into the users' rows of the gain matrix.
//
// Symbols: s, t coordinates in units of the tile's periods; fx, fy fractions inside a mesh; rho correlation of two
// nodes, e^(-distance / decorrelation).
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "far_cells.hpp"
#include "link_state.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/radio.hpp"

namespace slicefast {
namespace {

void refuse(const std::string& message) { throw InvalidArgument(message); }

void check_sizes(const RadioConfig& c, const FieldTiles& tiles) {
  const std::size_t k = c.site_x_m.size(), n = c.cell_site.size();
  if (k == 0 || n == 0) refuse("sites: at least one site and one cell are needed");
  if (c.site_y_m.size() != k || c.site_height_m.size() != k) refuse("site_y_m, site_height_m: need one value per site");
  if (c.azimuth_deg.size() != n || c.tilt_deg.size() != n) refuse("azimuth_deg, tilt_deg: need one value per cell");
  for (std::int32_t site : c.cell_site)
    if (site < 0 || static_cast<std::size_t>(site) >= k)
      refuse("cell_site: got " + std::to_string(site) + ", allowed 0.." + std::to_string(k - 1));
  const auto nodes = static_cast<std::size_t>(tiles.size) * static_cast<std::size_t>(tiles.size);
  if (tiles.size < 2 || (tiles.size & (tiles.size - 1)))
    refuse("tile size: got " + std::to_string(tiles.size) + ", must be a power of two");
  if (tiles.los_state.size() != nodes || tiles.shadow_los.size() != nodes || tiles.shadow_nlos.size() != nodes)
    refuse("tiles: need size * size nodes");
  if (tiles.row_offset.size() != k + 1 || tiles.col_offset.size() != k + 1)
    refuse("tile offsets: need one more than sites");
}

void check_values(const RadioConfig& c) {
  const auto finite = [](const std::vector<double>& values, const char* name) {
    for (double v : values)
      if (!std::isfinite(v)) refuse(std::string(name) + ": got " + std::to_string(v) + ", must be finite");
  };
  for (std::size_t k = 0; k < c.site_x_m.size(); ++k)
    if (!(std::abs(c.site_x_m[k]) < 1e9 && std::abs(c.site_y_m[k]) < 1e9))
      refuse("site_x_m, site_y_m: site " + std::to_string(k) + " is at (" + text_of(c.site_x_m[k]) + ", " +
             text_of(c.site_y_m[k]) + "), must be finite and below 1e9 m");
  finite(c.azimuth_deg, "azimuth_deg");
  finite(c.tilt_deg, "tilt_deg");
  if (!(c.ue_height_m > 1.0 && c.ue_height_m <= 13.0))
    refuse("ue_height_m: got " + std::to_string(c.ue_height_m) + ", allowed above 1 and up to 13");
  for (double h : c.site_height_m)
    if (!(h > c.ue_height_m && h <= 300.0))
      refuse("site_height_m: got " + std::to_string(h) + ", must be above the users and at most 300");
  if (!(c.fold_db >= 0.0 && c.fold_db <= 10.0)) refuse("fold_db: got " + std::to_string(c.fold_db) + ", allowed 0..10");
  if (!(c.site_correlation >= 0.0 && c.site_correlation <= 1.0))
    refuse("site_correlation: got " + std::to_string(c.site_correlation) + ", allowed 0..1");
  const ModelParameters p = model_parameters(c.model);
  if (!(c.frequency_hz >= p.min_frequency_hz && c.frequency_hz <= p.max_frequency_hz))
    refuse("frequency_hz: got " + std::to_string(c.frequency_hz) + ", the model allows " +
           std::to_string(p.min_frequency_hz) + ".." + std::to_string(p.max_frequency_hz));
  if (c.elements < 1 || (c.elements > 1 && c.pattern != AntennaPattern::tr38901_element))
    refuse("elements: got " + std::to_string(c.elements) + ", columns of 2 and more need pattern tr38901_element");
}

}  // namespace

LinkModel::State::State(const RadioConfig& c, const FieldTiles& tiles, Isa isa_)
    : isa(isa_), kernels(&select_radio_kernels(isa_)) {
  check_sizes(c, tiles);
  check_values(c);
  column = c.elements > 1;
  knows_profiles = loss_curves(c.model, c.frequency_hz, c.site_height_m[0], c.ue_height_m).uses_3d;
  n_cells = c.cell_site.size();
  const std::size_t k = c.site_x_m.size();
  origin_x = c.site_x_m[0];
  origin_y = c.site_y_m[0];
  set_tiles(c, tiles);
  set_torus(c);
  first_cell.push_back(0);
  for (std::size_t site = 0; site < k; ++site) {
    sites.push_back(make_site(c, tiles, site));
    masts.push_back(make_mast(c, site));
    for (std::size_t n = 0; n < n_cells; ++n)
      if (static_cast<std::size_t>(c.cell_site[n]) == site) {
        cells.push_back(make_cell(c, n));
        column_of.push_back(n);
      }
    first_cell.push_back(cells.size());
    if (first_cell[site + 1] - first_cell[site] > group_rows)
      refuse("cell_site: site " + std::to_string(site) + " has more than " + std::to_string(group_rows) + " cells");
  }
  in_order = std::is_sorted(column_of.begin(), column_of.end());
  all_sites.resize(k);
  std::iota(all_sites.begin(), all_sites.end(), 0);
  far = make_far_cells(*this, c, tiles);
}

void LinkModel::State::set_tiles(const RadioConfig& c, const FieldTiles& t) {
  const double determinant = t.e1_x_m * t.e2_y_m - t.e2_x_m * t.e1_y_m;
  if (!(std::abs(determinant) > 0.0)) refuse("tile periods: e1 and e2 must span an area");
  inverse[0] = t.e2_y_m / determinant;
  inverse[1] = -t.e2_x_m / determinant;
  inverse[2] = -t.e1_y_m / determinant;
  inverse[3] = t.e1_x_m / determinant;
  size = t.size;
  log2_size = static_cast<int>(std::lround(std::log2(size)));
  const std::size_t nodes = static_cast<std::size_t>(size) * size;
  los_state.resize(nodes);
  shadow.resize(2 * nodes);
  pack_tile(t.los_state, size, los_state.data());
  pack_tile(t.shadow_los, size, shadow.data());
  pack_tile(t.shadow_nlos, size, shadow.data() + nodes);
  const ModelParameters p = model_parameters(c.model);
  unit_state = unit_variance(t, t.los_state_decorrelation_m);
  unit_los = unit_variance(t, p.decorrelation_los_m);
  unit_nlos = unit_variance(t, p.decorrelation_nlos_m);
  common_weight = c.shadowing ? std::sqrt(c.site_correlation) : 0.0;
  own_weight = c.shadowing ? std::sqrt(1.0 - c.site_correlation) : 0.0;
  common_row = t.row_offset.back();
  common_col = t.col_offset.back();
}

// Reduces v1, v2 (Lagrange) so that the kernel's few candidates hold the nearest image.
void LinkModel::State::set_torus(const RadioConfig& c) {
  torus = {};
  if (!c.wrap) return;
  double ax = c.v1_x_m, ay = c.v1_y_m, bx = c.v2_x_m, by = c.v2_y_m;
  if (!(std::abs(ax * by - ay * bx) > 0.0)) refuse("v1_m, v2_m: must span an area when wrap is on");
  for (const auto& [x, y] : {std::pair{ax, ay}, std::pair{bx, by}}) {
    const double s = inverse[0] * x + inverse[1] * y, r = inverse[2] * x + inverse[3] * y;
    if (std::abs(s - std::round(s)) > 1e-6 || std::abs(r - std::round(r)) > 1e-6)
      refuse("tile periods: v1 and v2 must be whole multiples of them when wrap is on");
  }
  while (true) {
    if (ax * ax + ay * ay > bx * bx + by * by) {
      std::swap(ax, bx);
      std::swap(ay, by);
    }
    const double ratio = (ax * bx + ay * by) / (ax * ax + ay * ay);
    if (std::abs(ratio) <= 0.5 + 1e-9) break;  // at exactly one half rounding would go to and fro
    const double m = std::round(ratio);
    bx -= m * ax;
    by -= m * ay;
  }
  if (ax * bx + ay * by < 0.0) {
    bx = -bx;
    by = -by;
  }
  const double d = ax * by - ay * bx;
  const auto f = [](double v) { return static_cast<float>(v); };
  torus = {1, f(ax), f(ay), f(bx), f(by), f(by / d), f(-bx / d), f(-ay / d), f(ax / d)};
}

void LinkModel::State::nearest_image(double& dx, double& dy) const {
  const double s = std::round(torus.i11 * dx + torus.i12 * dy), t = std::round(torus.i21 * dx + torus.i22 * dy);
  const double x = dx - s * torus.v1_x - t * torus.v2_x, y = dy - s * torus.v1_y - t * torus.v2_y;
  dx = x, dy = y;
  for (int i = -1; i <= 1; ++i)
    for (int j = -1; j <= 1; ++j) {
      const double image_x = x + i * torus.v1_x + j * torus.v2_x, image_y = y + i * torus.v1_y + j * torus.v2_y;
      if (image_x * image_x + image_y * image_y < dx * dx + dy * dy) dx = image_x, dy = image_y;
    }
}

RadioSite LinkModel::State::make_site(const RadioConfig& c, const FieldTiles& tiles, std::size_t k) const {
  const ModelParameters p = model_parameters(c.model);
  const LossCurves curves = loss_curves(c.model, c.frequency_hz, c.site_height_m[k], c.ue_height_m);
  const LosCurve los = los_curve(c.model);
  const double h = c.site_height_m[k] - c.ue_height_m;
  // PL [dB] = i + s log10 d  ->  log2 gain = -i log2_per_db - (s / 20) log2 d^2.
  const auto f = [](double v) { return static_cast<float>(v); };
  const auto zero = [&](const Line& line) { return f(-line.intercept_db * log2_per_db); };
  const auto slope = [&](const Line& line) { return f(-line.slope_db / 20.0); };
  RadioSite s;
  s.x = f(c.site_x_m[k] - origin_x);
  s.y = f(c.site_y_m[k] - origin_y);
  s.height = f(h);
  s.height2_loss = curves.uses_3d ? f(h * h) : 0.0f;
  s.min_d2 = f(p.min_distance_m * p.min_distance_m);
  s.breakpoint_d2 = f(curves.breakpoint_m * curves.breakpoint_m);
  s.near_0 = zero(curves.los_near), s.near_1 = slope(curves.los_near);
  s.far_0 = zero(curves.los_far), s.far_1 = slope(curves.los_far);
  s.nlos_0 = zero(curves.nlos), s.nlos_1 = slope(curves.nlos);
  s.nlos_margin = curves.nlos_at_least_los ? 0.0f : 1e9f;
  s.sigma_near = f(p.sigma_los_near_db * log2_per_db);
  s.sigma_far = f(p.sigma_los_far_db * log2_per_db);
  s.sigma_nlos = f(p.sigma_nlos_db * log2_per_db);
  s.sure = f(los.sure_m);
  s.decay = f(-std::numbers::log2e / los.scale_m);
  s.row_offset = tiles.row_offset[k];
  s.col_offset = tiles.col_offset[k];
  return s;
}

RadioMast LinkModel::State::make_mast(const RadioConfig& c, std::size_t k) const {
  const LossCurves curves = loss_curves(c.model, c.frequency_hz, c.site_height_m[k], c.ue_height_m);
  const double h = c.site_height_m[k] - c.ue_height_m, turn = curves.breakpoint_m;
  const auto gain = [](double db) { return static_cast<float>(-db * log2_per_db); };
  return {static_cast<float>(c.site_height_m[k]),
          static_cast<float>(turn / ((c.site_height_m[k] - 1.0) * (c.ue_height_m - 1.0))),
          gain(curves.los_far.intercept_db + curves.far_drop * std::log10(turn * turn + h * h)),
          static_cast<float>(curves.far_drop / 10.0),
          gain(curves.nlos.intercept_db - curves.nlos_per_m * c.ue_height_m),
          gain(curves.nlos_per_m),
          static_cast<float>(model_parameters(c.model).sigma_indoor_db * log2_per_db),
          tall_users_see_further(c.model) ? 1.0f : 0.0f};
}

RadioCell LinkModel::State::make_cell(const RadioConfig& c, std::size_t n) const {
  const AntennaShape a = antenna_shape(c.pattern);
  const double degree = std::numbers::pi / 180.0;
  const bool electrical = c.pattern == AntennaPattern::tr38901_element;
  const auto curve = [&](double width_deg) {
    return static_cast<float>(12.0 * log2_per_db / (width_deg * degree * width_deg * degree));
  };
  const auto db = [](double value) { return static_cast<float>(value * log2_per_db); };
  return {static_cast<float>(std::remainder(c.azimuth_deg[n], 360.0) * degree),
          static_cast<float>(electrical ? 0.0 : c.tilt_deg[n] * degree),
          db(a.peak_dbi),
          curve(a.width_h_deg),
          db(a.floor_h_db),
          curve(a.width_v_deg),
          db(a.floor_v_db),
          db(a.floor_db),
          static_cast<float>(std::sin(c.tilt_deg[n] * degree)),
          static_cast<float>(c.elements),
          static_cast<float>(1.0 / c.elements)};
}

// A share of the users with every site, so that the fetches do not queue up.
void LinkModel::State::fetch(const Block& b, std::size_t n, std::size_t first, std::size_t rows,
                             std::size_t more) const {
  for (std::size_t i = rows * n / group_rows; i < std::min(n, (rows + more) * n / group_rows); ++i)
    for (std::size_t c = 0; c < group_rows && first + c < n_cells; c += 16) __builtin_prefetch(b.out[i] + first + c, 1);
}

void LinkModel::State::store(const Block& b, std::size_t rows, std::size_t first, std::size_t n) const {
  if (in_order) {
    kernels->transpose(b.rows, block_users, rows, n, b.out, first);
    return;
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t r = 0; r < rows; ++r) b.out[i][column_of[first + r]] = b.rows[r * block_users + i];
}

LinkModel::LinkModel(RadioConfig config, const FieldTiles& tiles, Isa isa)
    : state_(std::make_unique<State>(config, tiles, isa)) {}
LinkModel::~LinkModel() = default;
LinkModel::LinkModel(LinkModel&&) noexcept = default;

int LinkModel::n_cells() const { return static_cast<int>(state_->n_cells); }
int LinkModel::n_sites() const { return static_cast<int>(state_->sites.size()); }
Isa LinkModel::isa() const { return state_->isa; }
bool LinkModel::folds() const { return state_->far != nullptr; }

void check_positions(std::span<const double> x_m, std::span<const double> y_m) {
  if (y_m.size() != x_m.size())
    refuse("y_m: got " + std::to_string(y_m.size()) + " values, x_m has " + std::to_string(x_m.size()));
  for (std::size_t u = 0; u < x_m.size(); ++u)
    if (!(std::abs(x_m[u]) < 1e9 && std::abs(y_m[u]) < 1e9))
      refuse("x_m, y_m: user " + std::to_string(u) + " is at (" + std::to_string(x_m[u]) + ", " +
             std::to_string(y_m[u]) + "), must be finite and below 1e9 m");
}

namespace {

void check_gain(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain, std::size_t n_cells) {
  check_positions(x_m, y_m);
  if (gain.rows != x_m.size() || gain.cols != n_cells)
    refuse("gain: got shape (" + std::to_string(gain.rows) + ", " + std::to_string(gain.cols) + "), expected (" +
           std::to_string(x_m.size()) + ", " + std::to_string(n_cells) + ")");
}

void check_profile(const UserProfile* profile, std::size_t n_users, bool known) {
  if (!profile) return;
  if (!known) refuse("profile: only TR 36.873 and TR 38.901 models know indoor users and heights of single users");
  if (profile->size() != n_users)
    refuse("profile: got " + std::to_string(profile->size()) + " users, positions have " + std::to_string(n_users));
}

}  // namespace

void LinkModel::gains(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain,
                      ThreadPool* pool, const UserProfile* profile) const {
  check_gain(x_m, y_m, gain, state_->n_cells);
  check_profile(profile, x_m.size(), state_->knows_profiles);
  const std::size_t n_users = x_m.size(), n_blocks = (n_users + block_users - 1) / block_users;
  const auto work = [&](std::size_t item, int) {
    Block block;
    const std::size_t first = item * block_users, n = std::min(block_users, n_users - first);
    state_->load(block, n, [&](std::size_t i) { return std::pair{x_m[first + i], y_m[first + i]}; });
    state_->load_profile(block, n, profile, [&](std::size_t i) { return first + i; });
    for (std::size_t i = 0; i < n; ++i) block.out[i] = gain.data + (first + i) * gain.cols;
    state_->run(block, n, state_->all_sites, true,
                [&](std::size_t rows, std::size_t cell) { state_->store(block, rows, cell, n); });
  };
  over(pool, n_blocks, work);
}

void LinkModel::best_server(std::span<const double> x_m, std::span<const double> y_m, std::span<const double> power_w,
                            std::span<const double> activity, double noise_w, std::span<std::int32_t> server,
                            std::span<float> sinr, ThreadPool* pool, const UserProfile* profile) const {
  const std::size_t n_users = x_m.size(), n_blocks = (n_users + block_users - 1) / block_users;
  check_positions(x_m, y_m);
  if (power_w.size() != state_->n_cells || activity.size() != state_->n_cells)
    refuse("power_w, activity: need one value per cell, " + std::to_string(state_->n_cells));
  if (server.size() != n_users || sinr.size() != n_users)
    refuse("server, sinr: need one value per user, " + std::to_string(n_users));
  check_profile(profile, n_users, state_->knows_profiles);
  for (const auto& [values, name] : {std::pair{power_w, "power_w"}, std::pair{activity, "activity"}})
    for (double value : values)
      if (!(value >= 0.0 && std::isfinite(value)))
        refuse(std::string(name) + ": got " + std::to_string(value) + ", must be finite and >= 0");
  if (!(noise_w > 0.0 && std::isfinite(noise_w)))
    refuse("noise_w: got " + text_of(noise_w) + ", must be positive and finite");
  // With few users to a region every link costs less than sorting them.
  constexpr std::size_t few = 8;
  if (folds() && !profile && n_users >= few * state_->far->n_regions)
    return best_server_folded(x_m, y_m, power_w, activity, noise_w, server, sinr, pool);
  const auto work = [&](std::size_t item, int) {
    Block block;
    Strongest found;
    const std::size_t first = item * block_users, n = std::min(block_users, n_users - first);
    state_->load(block, n, [&](std::size_t i) { return std::pair{x_m[first + i], y_m[first + i]}; });
    state_->load_profile(block, n, profile, [&](std::size_t i) { return first + i; });
    state_->meet(
        block, n, state_->all_sites, [&](std::size_t i) { return state_->column_of[i]; }, power_w, activity, found,
        [](std::size_t, std::size_t) {});
    for (std::size_t i = 0; i < n; ++i) {
      server[first + i] = found.cell[i];
      sinr[first + i] = found.received[i] / (found.interference[i] + static_cast<float>(noise_w));
    }
  };
  over(pool, n_blocks, work);
}

void LinkModel::update_gains(std::span<const double> x_m, std::span<const double> y_m,
                             std::span<const std::int32_t> users, MatrixView<float> gain,
                             const UserProfile* profile) const {
  check_gain(x_m, y_m, gain, state_->n_cells);
  check_profile(profile, x_m.size(), state_->knows_profiles);
  for (std::int32_t u : users)
    if (u < 0 || static_cast<std::size_t>(u) >= x_m.size())
      refuse("users: got " + std::to_string(u) + ", allowed 0.." + std::to_string(x_m.size()) + " exclusive");
  Block block;
  for (std::size_t first = 0; first < users.size(); first += block_users) {
    const std::size_t n = std::min(block_users, users.size() - first);
    const auto user = [&](std::size_t i) { return static_cast<std::size_t>(users[first + i]); };
    state_->load(block, n, [&](std::size_t i) { return std::pair{x_m[user(i)], y_m[user(i)]}; });
    state_->load_profile(block, n, profile, user);
    for (std::size_t i = 0; i < n; ++i) block.out[i] = gain.data + user(i) * gain.cols;
    state_->run(block, n, state_->all_sites, true,
                [&](std::size_t rows, std::size_t cell) { state_->store(block, rows, cell, n); });
  }
}

}  // namespace slicefast
