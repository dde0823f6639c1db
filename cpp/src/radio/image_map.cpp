#include "radio/image_map.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "radio/far_cells.hpp"
#include "radio/link_block.hpp"

namespace slicefast {
namespace {

constexpr double most_bytes = 2e6;      // of a map: about what a processor's second-level cache holds
constexpr double reach_spacings = 6.0;  // of the sites, as in a plane of 127
constexpr double meshes_per_decorrelation = 4.0;

// The upper half of a float, rounded: 8 bits of mantissa, within 0.017 dB.
std::uint16_t upper_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// Which images of a plane count at a place: those within reach that are not the nearest of their site. Squares of
// distances decide, which are quick, and where these are within rounding of each other the distances themselves.
class FurtherImages {
 public:
  // The images of no turn, one of every site, come first.
  FurtherImages(const RadioConfig& plane, std::span<const std::int32_t> site_of, std::size_t n_sites, double reach_m)
      : plane_(plane), site_of_(site_of), reach_m_(reach_m), square_(site_of.size()), nearest_(n_sites) {}

  const std::vector<std::size_t>& at(double x, double y) {
    x_ = x, y_ = y;
    for (std::size_t image = 0; image < square_.size(); ++image) {
      const double dx = x - plane_.site_x_m[image], dy = y - plane_.site_y_m[image];
      square_[image] = dx * dx + dy * dy;
    }
    std::iota(nearest_.begin(), nearest_.end(), std::size_t{0});
    for (std::size_t image = nearest_.size(); image < square_.size(); ++image)
      if (std::size_t& best = nearest_of(image); nearer(image, best)) best = image;
    found_.clear();
    for (std::size_t image = 0; image < square_.size(); ++image)
      if (nearest_of(image) != image && !beyond_reach(image)) found_.push_back(image);
    return found_;
  }

 private:
  std::size_t& nearest_of(std::size_t image) { return nearest_[static_cast<std::size_t>(site_of_[image])]; }
  bool nearer(std::size_t image, std::size_t other) const {
    if (alike(square_[image], square_[other])) return distance(image) < distance(other);
    return square_[image] < square_[other];
  }
  bool beyond_reach(std::size_t image) const {
    const double reach = reach_m_ * reach_m_;
    return alike(square_[image], reach) ? distance(image) > reach_m_ : square_[image] > reach;
  }
  static bool alike(double a, double b) { return std::abs(a - b) <= 1e-12 * b; }
  double distance(std::size_t image) const {
    return std::hypot(x_ - plane_.site_x_m[image], y_ - plane_.site_y_m[image]);
  }

  const RadioConfig& plane_;
  std::span<const std::int32_t> site_of_;
  double reach_m_, x_ = 0.0, y_ = 0.0;
  std::vector<double> square_;
  std::vector<std::size_t> nearest_, found_;
};

}  // namespace

// The plane that the torus stands for: every image a site of its own, as far as it matters to anyone on the torus.
struct ImageMap::Covering {
  RadioConfig config;
  std::vector<std::int32_t> row_offset, col_offset;
  std::vector<std::int32_t> site_of, cell_of;  // on the torus, of the plane's sites and cells
  std::vector<std::size_t> first_cell{0};      // of each of the plane's sites, and where the last one's end
  std::size_t n_sites;                         // of the torus
  std::unique_ptr<LinkModel> links;
  double reach_m;

  Covering(const LinkModel::State& state, const RadioConfig& torus, const FieldTiles& tiles);

 private:
  void add_images(const LinkModel::State& state, const RadioConfig& torus, const FieldTiles& tiles, long a, long b);
};

ImageMap::Covering::Covering(const LinkModel::State& state, const RadioConfig& torus, const FieldTiles& tiles)
    : config(torus), n_sites(torus.site_x_m.size()) {
  const double area = std::abs(torus.v1_x_m * torus.v2_y_m - torus.v1_y_m * torus.v2_x_m);
  reach_m = reach_spacings * std::sqrt(area / static_cast<double>(torus.site_x_m.size()) * 2.0 / std::sqrt(3.0));
  config.wrap = config.further_images = false;
  config.fold_db = 0.0;
  for (auto* values :
       {&config.site_x_m, &config.site_y_m, &config.site_height_m, &config.azimuth_deg, &config.tilt_deg})
    values->clear();
  config.cell_site.clear();
  // How many turns the reach and the torus' own diagonal take at most, in lattice coordinates.
  const double far = reach_m + std::hypot(torus.v1_x_m, torus.v1_y_m) + std::hypot(torus.v2_x_m, torus.v2_y_m);
  const long turns_1 = static_cast<long>(far * std::hypot(torus.v2_x_m, torus.v2_y_m) / area) + 1;
  const long turns_2 = static_cast<long>(far * std::hypot(torus.v1_x_m, torus.v1_y_m) / area) + 1;
  add_images(state, torus, tiles, 0, 0);  // first, so that positions are relative to the same origin
  for (long a = -turns_1; a <= turns_1; ++a)
    for (long b = -turns_2; b <= turns_2; ++b)
      if (a != 0 || b != 0) add_images(state, torus, tiles, a, b);
  FieldTiles shifted = tiles;
  shifted.row_offset = row_offset;
  shifted.col_offset = col_offset;
  links = std::make_unique<LinkModel>(config, shifted, state.isa);
}

// An image has the fields of its own displacement, as the kernels read those of the nearest one.
void ImageMap::Covering::add_images(const LinkModel::State& state, const RadioConfig& torus, const FieldTiles& tiles,
                                    long a, long b) {
  const double shift_x = static_cast<double>(a) * torus.v1_x_m + static_cast<double>(b) * torus.v2_x_m;
  const double shift_y = static_cast<double>(a) * torus.v1_y_m + static_cast<double>(b) * torus.v2_y_m;
  const double middle_x = 0.5 * (torus.v1_x_m + torus.v2_x_m), middle_y = 0.5 * (torus.v1_y_m + torus.v2_y_m);
  const double half_diagonal = 0.5 * std::max(std::hypot(torus.v1_x_m + torus.v2_x_m, torus.v1_y_m + torus.v2_y_m),
                                              std::hypot(torus.v1_x_m - torus.v2_x_m, torus.v1_y_m - torus.v2_y_m));
  const auto cols = static_cast<std::int32_t>(std::lround(state.fields.col_at(shift_x, shift_y)));
  const auto rows = static_cast<std::int32_t>(std::lround(state.fields.row_at(shift_x, shift_y)));
  for (std::size_t k = 0; k < torus.site_x_m.size(); ++k) {
    const double x = torus.site_x_m[k] + shift_x, y = torus.site_y_m[k] + shift_y;
    const bool origin = a == 0 && b == 0;
    if (!origin && std::hypot(x - middle_x, y - middle_y) > reach_m + half_diagonal) continue;
    config.site_x_m.push_back(x), config.site_y_m.push_back(y);
    config.site_height_m.push_back(torus.site_height_m[k]);
    row_offset.push_back(tiles.row_offset[k] - rows), col_offset.push_back(tiles.col_offset[k] - cols);
    const auto image = static_cast<std::int32_t>(site_of.size());
    site_of.push_back(static_cast<std::int32_t>(k));
    for (std::size_t n = 0; n < torus.cell_site.size(); ++n)
      if (static_cast<std::size_t>(torus.cell_site[n]) == k) {
        config.cell_site.push_back(image);
        config.azimuth_deg.push_back(torus.azimuth_deg[n]);
        config.tilt_deg.push_back(torus.tilt_deg[n]);
        cell_of.push_back(static_cast<std::int32_t>(n));
      }
    first_cell.push_back(cell_of.size());
  }
}

ImageMap::ImageMap(const LinkModel::State& state, const RadioConfig& c, const FieldTiles& tiles)
    : kernels_(&select_image_map_kernels(state.isa)),
      n_cells_(state.n_cells),
      padded_((n_cells_ + image_lanes - 1) / image_lanes * image_lanes),
      v1_x_(c.v1_x_m),
      v1_y_(c.v1_y_m),
      v2_x_(c.v2_x_m),
      v2_y_(c.v2_y_m),
      height_m_(static_cast<float>(c.ue_height_m)),
      gain_per_metre_(state.masts[0].nlos_per_m) {
  size_mesh(c);
  measure(state, c, tiles);
}

void ImageMap::size_mesh(const RadioConfig& c) {
  const ModelParameters p = model_parameters(c.model);
  const double determinant = v1_x_ * v2_y_ - v1_y_ * v2_x_;
  const double row_bytes = static_cast<double>(2 * padded_ * sizeof(std::uint16_t));
  const double mesh_m = std::max(std::min(p.decorrelation_los_m, p.decorrelation_nlos_m) / meshes_per_decorrelation,
                                 std::sqrt(std::abs(determinant) * row_bytes / most_bytes));
  const auto meshes = [&](double x, double y) {
    return std::max<std::size_t>(2, static_cast<std::size_t>(std::ceil(std::hypot(x, y) / mesh_m)));
  };
  cols_ = meshes(v1_x_, v1_y_);
  rows_ = meshes(v2_x_, v2_y_);
  inverse_[0] = v2_y_ / determinant, inverse_[1] = -v2_x_ / determinant;
  inverse_[2] = -v1_y_ / determinant, inverse_[3] = v1_x_ / determinant;
}

void ImageMap::measure(const LinkModel::State& state, const RadioConfig& config, const FieldTiles& tiles) {
  nodes_.assign(rows_ * cols_ * 2 * padded_, 0);
  const Covering covering(state, config, tiles);
  for (std::size_t first = 0; first < rows_ * cols_; first += block_users)
    measure_nodes(covering, first, std::min(block_users, rows_ * cols_ - first));
}

void ImageMap::measure_nodes(const Covering& covering, std::size_t first, std::size_t n) {
  double x[block_users], y[block_users];
  for (std::size_t i = 0; i < n; ++i) {
    const double s = static_cast<double>((first + i) % cols_) / static_cast<double>(cols_);
    const double t = static_cast<double>((first + i) / cols_) / static_cast<double>(rows_);
    x[i] = s * v1_x_ + t * v2_x_;
    y[i] = s * v1_y_ + t * v2_y_;
  }
  // By image, then by its cells, which come in the order of the torus' own.
  Matrix<float> gain(n, covering.config.cell_site.size());
  covering.links->gains(std::span(x, n), std::span(y, n), gain.view());
  FurtherImages further(covering.config, covering.site_of, covering.n_sites, covering.reach_m);
  std::vector<float> strongest(n_cells_), sum(n_cells_);
  for (std::size_t i = 0; i < n; ++i) {
    std::fill(strongest.begin(), strongest.end(), 0.0f);
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (std::size_t image : further.at(x[i], y[i]))
      for (std::size_t cell = covering.first_cell[image]; cell < covering.first_cell[image + 1]; ++cell) {
        const auto at = static_cast<std::size_t>(covering.cell_of[cell]);
        strongest[at] = std::max(strongest[at], gain(i, cell));
        sum[at] += gain(i, cell);
      }
    std::uint16_t* row = nodes_.data() + (first + i) * 2 * padded_;
    std::transform(strongest.begin(), strongest.end(), row, upper_half);
    std::transform(sum.begin(), sum.end(), row + padded_, upper_half);
  }
}

// What a user's building and floor make of a gain outdoors.
float ImageMap::passing(const UserProfile& profile, std::size_t user) const {
  return std::exp2(gain_per_metre_ * (profile.height[user] - height_m_) - profile.loss[user]);
}

void ImageMap::add(std::span<const std::int32_t> users, std::span<const double> x_m, std::span<const double> y_m,
                   const UserProfile* profile, MatrixView<float> gain, MatrixView<float> reach) const {
  ImageUser block[block_users];
  const auto cols = static_cast<std::int32_t>(cols_), rows = static_cast<std::int32_t>(rows_);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto u = static_cast<std::size_t>(users[i]);
    // In turns around the torus, of which the fraction counts, then to the nearest node.
    const double turns_s = inverse_[0] * x_m[u] + inverse_[1] * y_m[u];
    const double turns_t = inverse_[2] * x_m[u] + inverse_[3] * y_m[u];
    const auto col = static_cast<std::int32_t>((turns_s - static_cast<double>(rounded_down(turns_s))) * cols + 0.5);
    const auto row = static_cast<std::int32_t>((turns_t - static_cast<double>(rounded_down(turns_t))) * rows + 0.5);
    const std::int32_t node = (row < rows ? row : 0) * cols + (col < cols ? col : 0);
    block[i] = {nodes_.data() + static_cast<std::size_t>(node) * 2 * padded_, profile ? passing(*profile, u) : 1.0f,
                gain.data + u * gain.cols, reach.empty() ? nullptr : reach.data + u * reach.cols};
  }
  kernels_->add(block, users.size(), n_cells_, padded_);
}

std::shared_ptr<const ImageMap> make_image_map(const LinkModel::State& state, const RadioConfig& config,
                                               const FieldTiles& tiles) {
  if (!config.further_images || !config.wrap || state.sites.size() > FarCells::near_sites) return nullptr;
  return std::make_shared<const ImageMap>(state, config, tiles);
}

}  // namespace slicefast
