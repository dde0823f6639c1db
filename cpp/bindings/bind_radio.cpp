#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "bindings.hpp"
#include "slicefast/checks.hpp"
#include "slicefast/radio/folded_gains.hpp"
#include "slicefast/radio/gain_map.hpp"
#include "slicefast/radio/link_model.hpp"
#include "slicefast/radio/los.hpp"
#include "slicefast/radio/serving.hpp"
#include "slicefast/simd.hpp"

namespace slicefast::bindings {
namespace {

template <class T>
std::span<T> span_to_write(py::array_t<T>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

// slicefast.radio broadcasts the arguments of these three to one shape beforehand.
py::array_t<double> path_loss(const std::string& model, const In<bool>& los, const In<double>& distance_2d_m,
                              double frequency_hz, const In<double>& bs_height_m, const In<double>& ue_height_m,
                              const In<double>& environment_height_m) {
  py::array_t<double> loss_db(distance_2d_m.size());
  path_loss_db(path_loss_model(model), span_of(los), span_of(distance_2d_m), frequency_hz, span_of(bs_height_m),
               span_of(ue_height_m), span_of(environment_height_m), span_to_write(loss_db));
  return loss_db;
}

py::array_t<double> probability(const std::string& model, const In<double>& distance_2d_m,
                                const In<double>& ue_height_m) {
  py::array_t<double> result(distance_2d_m.size());
  los_probability(path_loss_model(model), span_of(distance_2d_m), span_of(ue_height_m), span_to_write(result));
  return result;
}

py::array_t<double> antenna(const std::string& pattern, const In<double>& azimuth_deg, const In<double>& depression_deg,
                            const In<double>& tilt_deg, int elements) {
  py::array_t<double> gain_db(azimuth_deg.size());
  antenna_gain_db(antenna_pattern(pattern), span_of(azimuth_deg), span_of(depression_deg), span_of(tilt_deg), elements,
                  span_to_write(gain_db));
  return gain_db;
}

// (low, high), or None where there is none.
py::object interval(const Interval& interval) {
  return interval.empty() ? py::object(py::none()) : py::object(py::make_tuple(interval.low, interval.high));
}

py::dict dict_of(const ModelParameters& p) {
  py::dict result;
  result["sigma_los_near_db"] = p.sigma_los_near_db;
  result["sigma_los_far_db"] = p.sigma_los_far_db;
  result["sigma_nlos_db"] = p.sigma_nlos_db;
  result["sigma_indoor_db"] = p.sigma_indoor_db;
  result["decorrelation_los_m"] = p.decorrelation_los_m;
  result["decorrelation_los_state_m"] = p.decorrelation_los_state_m;
  result["decorrelation_nlos_m"] = p.decorrelation_nlos_m;
  result["min_distance_m"] = p.min_distance_m;
  result["max_distance_m"] = p.max_distance_m;
  result["min_frequency_hz"] = p.min_frequency_hz;
  result["max_frequency_hz"] = p.max_frequency_hz;
  result["bs_height_m"] = interval(p.bs_height_m);
  result["ue_height_m"] = interval(p.ue_height_m);
  result["made_for_bs_height_m"] = interval(p.made_for_bs_height_m);
  result["made_for_ue_height_m"] = interval(p.made_for_ue_height_m);
  result["default_ue_height_m"] = p.default_ue_height_m;
  result["uses_3d_distance"] = p.uses_3d_distance;
  result["supports_indoor"] = p.supports_indoor;
  result["tall_users_see_further"] = p.tall_users_see_further;
  result["supports_tr38901_building"] = p.supports_tr38901_building;
  return result;
}

py::dict models() {
  py::dict result;
  for (const auto& [name, model] : path_loss_models()) result[py::str(name)] = dict_of(model_parameters(model));
  return result;
}

LinkModel make_link_model(const std::string& model, const std::string& pattern, int elements, double frequency_hz,
                          double ue_height_m, bool shadowing, double site_correlation, bool wrap,
                          std::pair<double, double> v1_m, std::pair<double, double> v2_m, std::vector<double> site_x_m,
                          std::vector<double> site_y_m, std::vector<double> site_height_m,
                          std::vector<std::int32_t> cell_site, std::vector<double> azimuth_deg,
                          std::vector<double> tilt_deg, const In<float>& los_state, const In<float>& shadow_los,
                          const In<float>& shadow_nlos, const In<float>& common_los, const In<float>& common_nlos,
                          double los_state_decorrelation_m, const In<std::int32_t>& row_offset,
                          const In<std::int32_t>& col_offset, std::pair<double, double> e1_m,
                          std::pair<double, double> e2_m, bool further_images, double fold_db,
                          const std::string& line_of_sight_name, const std::string& isa, double sigma_indoor_db) {
  RadioConfig config{path_loss_model(model),
                     antenna_pattern(pattern),
                     elements,
                     frequency_hz,
                     ue_height_m,
                     shadowing,
                     site_correlation,
                     wrap,
                     v1_m.first,
                     v1_m.second,
                     v2_m.first,
                     v2_m.second,
                     std::move(site_x_m),
                     std::move(site_y_m),
                     std::move(site_height_m),
                     std::move(cell_site),
                     std::move(azimuth_deg),
                     std::move(tilt_deg),
                     further_images,
                     fold_db};
  config.sigma_indoor_db = sigma_indoor_db;
  config.line_of_sight = line_of_sight(line_of_sight_name);
  FieldTiles tiles;
  check_shape(los_state, "los_state", {-1, -1});
  tiles.size = static_cast<int>(los_state.shape(0));
  tiles.e1_x_m = e1_m.first, tiles.e1_y_m = e1_m.second;
  tiles.e2_x_m = e2_m.first, tiles.e2_y_m = e2_m.second;
  tiles.los_state = span_of(los_state);
  tiles.shadow_los = span_of(shadow_los);
  tiles.shadow_nlos = span_of(shadow_nlos);
  check_shape(common_los, "common_los", {-1, -1});
  tiles.common_rows = static_cast<int>(common_los.shape(0));
  tiles.common_cols = static_cast<int>(common_los.shape(1));
  tiles.common_los = span_of(common_los);
  tiles.common_nlos = span_of(common_nlos);
  tiles.los_state_decorrelation_m = los_state_decorrelation_m;
  tiles.row_offset = span_of(row_offset);
  tiles.col_offset = span_of(col_offset);
  return LinkModel(std::move(config), tiles, isa_from_name(isa));
}

py::array gains(const LinkModel& model, const In<double>& x_m, const In<double>& y_m, int n_threads, py::object out,
                const UserProfile* profile) {
  check_shape(x_m, "x_m", {-1});
  check_shape(y_m, "y_m", {x_m.shape(0)});
  const py::ssize_t n_users = x_m.shape(0), n_cells = model.n_cells();
  if (!out.is_none() && !py::isinstance<py::array>(out))
    refuse("gain", py::str(py::type::of(out)).cast<std::string>(), "a NumPy array or None");
  py::array gain = out.is_none() ? py::array(py::array_t<float>({n_users, n_cells})) : py::array(out);
  float* data = writable<float>(gain, "gain", {n_users, n_cells});
  const MatrixView<float> view{data, static_cast<std::size_t>(n_users), static_cast<std::size_t>(n_cells)};
  const auto x = span_of(x_m), y = span_of(y_m);
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    const ThreadPool pool(n_threads);
    model.gains(x, y, view, &pool, profile);
  }
  return gain;
}

py::array_t<float> reach(const LinkModel& model, const In<double>& x_m, const In<double>& y_m, int n_threads,
                         const UserProfile* profile) {
  check_shape(x_m, "x_m", {-1});
  check_shape(y_m, "y_m", {x_m.shape(0)});
  py::array_t<float> sum({x_m.shape(0), static_cast<py::ssize_t>(model.n_cells())});
  const auto n_users = static_cast<std::size_t>(x_m.shape(0)), n_cells = static_cast<std::size_t>(model.n_cells());
  const MatrixView<float> view{sum.mutable_data(), n_users, n_cells};
  const auto x = span_of(x_m), y = span_of(y_m);
  // Pure arithmetic on arrays this call holds references to: other Python threads may run.
  py::gil_scoped_release release;
  const ThreadPool pool(n_threads);
  Matrix<float> gain(n_users, n_cells);
  const bool summed = model.has_images();
  model.gains(x, y, summed ? gain.view() : view, &pool, profile, summed ? view : MatrixView<float>{});
  return sum;
}

py::tuple best_server(const LinkModel& model, const In<double>& x_m, const In<double>& y_m, const In<double>& power_w,
                      const In<double>& activity, double noise_w, int n_threads, const UserProfile* profile) {
  check_shape(x_m, "x_m", {-1});
  check_shape(y_m, "y_m", {x_m.shape(0)});
  check_shape(power_w, "power_w", {model.n_cells()});
  check_shape(activity, "activity", {model.n_cells()});
  py::array_t<std::int32_t> server(x_m.shape(0));
  py::array_t<float> sinr(x_m.shape(0));
  const auto n = static_cast<std::size_t>(x_m.shape(0));
  const std::span<std::int32_t> servers{server.mutable_data(), n};
  const std::span<float> sinrs{sinr.mutable_data(), n};
  const auto x = span_of(x_m), y = span_of(y_m), power = span_of(power_w), active = span_of(activity);
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    const ThreadPool pool(n_threads);
    model.best_server(x, y, power, active, noise_w, servers, sinrs, &pool, profile);
  }
  return py::make_tuple(server, sinr);
}

std::unique_ptr<FoldedGains> fold(const LinkModel& model, const In<double>& x_m, const In<double>& y_m,
                                  const In<double>& power_w, double noise_w, int n_threads,
                                  const std::optional<In<double>>& activity) {
  check_shape(x_m, "x_m", {-1});
  check_shape(y_m, "y_m", {x_m.shape(0)});
  check_shape(power_w, "power_w", {model.n_cells()});
  if (activity) check_shape(*activity, "activity", {model.n_cells()});
  const std::vector<double> full(static_cast<std::size_t>(model.n_cells()), 1.0);
  auto gains = std::make_unique<FoldedGains>();
  const auto x = span_of(x_m), y = span_of(y_m), power = span_of(power_w);
  const std::span<const double> active = activity ? span_of(*activity) : full;
  // Pure arithmetic on arrays this call holds references to: other Python threads may run.
  py::gil_scoped_release release;
  const ThreadPool pool(n_threads);
  model.fold(x, y, {power, active, noise_w}, *gains, &pool);
  return gains;
}

std::size_t bytes_of(const FoldedGains& gains) {
  return sizeof(float) *
             (gains.near.size() + gains.factor.size() + gains.strongest_gain.size() + gains.far_gain.size()) +
         sizeof(std::int32_t) * (gains.user_of.size() + gains.place_of.size() + gains.region.size() +
                                 gains.strongest.size() + gains.far_first.size() + gains.far_cell.size());
}

void update_gains(const LinkModel& model, const In<double>& x_m, const In<double>& y_m, const In<std::int32_t>& users,
                  py::array gain, const UserProfile* profile) {
  check_shape(x_m, "x_m", {-1});
  check_shape(y_m, "y_m", {x_m.shape(0)});
  float* data = writable<float>(gain, "gain", {x_m.shape(0), model.n_cells()});
  MatrixView<float> view{data, static_cast<std::size_t>(gain.shape(0)), static_cast<std::size_t>(gain.shape(1))};
  const auto x = span_of(x_m), y = span_of(y_m);
  const auto moved = copy_of(users);
  // Pure arithmetic on arrays this call holds references to: other Python threads may run.
  py::gil_scoped_release release;
  model.update_gains(x, y, moved, view, nullptr, profile);
}

std::shared_ptr<GainMap> make_gain_map(const In<float>& gain, std::size_t cols, std::pair<double, double> first_m,
                                       std::pair<double, double> step_m) {
  check_shape(gain, "gain", {-1, -1});
  check_value("cols", cols, at_least(1));
  const auto pixels = static_cast<std::size_t>(gain.shape(0));
  const PixelGrid grid{pixels / cols, cols, first_m.first, first_m.second, step_m.first, step_m.second};
  const auto matrix = matrix_of(gain);
  // A map may be gigabytes, looked at and copied once.
  py::gil_scoped_release release;
  return std::make_shared<GainMap>(grid, matrix);
}

std::shared_ptr<UserProfile> make_profile(const In<double>& height_m, const In<bool>& indoor,
                                          const In<double>& inside_m, const In<double>& loss_db,
                                          const In<double>& environment) {
  const auto* is_indoor = reinterpret_cast<const std::uint8_t*>(indoor.data());
  return std::make_shared<UserProfile>(span_of(height_m), std::span{is_indoor, static_cast<std::size_t>(indoor.size())},
                                       span_of(inside_m), span_of(loss_db), span_of(environment));
}

void serving_cells(const In<float>& gain, const In<double>& power_w, py::array serving, py::array timer_cell,
                   py::array timer_steps, double margin_db, int time_to_trigger_steps, int n_threads) {
  check_shape(gain, "gain", {-1, -1});
  std::int32_t* serving_data = writable<std::int32_t>(serving, "serving", {gain.shape(0)});
  const auto n_places = static_cast<py::ssize_t>(n_timers);
  std::int32_t* cell_data = writable<std::int32_t>(timer_cell, "timer_cell", {gain.shape(0), n_places});
  std::int32_t* steps_data = writable<std::int32_t>(timer_steps, "timer_steps", {gain.shape(0), n_places});
  const auto n = static_cast<std::size_t>(gain.shape(0));
  const auto matrix = matrix_of(gain);
  const auto given = span_of(power_w);
  const std::vector<float> power(given.begin(), given.end());
  std::vector<std::int32_t> cells(serving_data, serving_data + n), timed(cell_data, cell_data + n * n_timers),
      steps(steps_data, steps_data + n * n_timers);
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    const ThreadPool pool(n_threads);
    check_gains(matrix);  // those of LinkModel need no check, users' own do
    update_serving(matrix, power, {margin_db, time_to_trigger_steps}, cells, {timed, steps}, &pool);
  }
  std::copy(cells.begin(), cells.end(), serving_data);
  std::copy(timed.begin(), timed.end(), cell_data);
  std::copy(steps.begin(), steps.end(), steps_data);
}

}  // namespace

void bind_radio(py::module_& module) {
  using namespace py::literals;
  module.def("path_loss_db", &path_loss, "model"_a, "los"_a, "distance_2d_m"_a, "frequency_hz"_a, "bs_height_m"_a,
             "ue_height_m"_a, "environment_height_m"_a);
  module.def("los_probability", &probability, "model"_a, "distance_2d_m"_a, "ue_height_m"_a);
  module.def("antenna_gain_db", &antenna, "pattern"_a, "azimuth_deg"_a, "depression_deg"_a, "tilt_deg"_a, "elements"_a);
  module.def(
      "model_parameters", [](const std::string& model) { return dict_of(model_parameters(path_loss_model(model))); },
      "model"_a);
  module.def("path_loss_models", &models);
  module.def("update_serving", &serving_cells, "gain"_a, "power_w"_a, "serving"_a, "timer_cell"_a, "timer_steps"_a,
             "margin_db"_a, "time_to_trigger_steps"_a, "n_threads"_a = 1);
  py::class_<UserProfile, std::shared_ptr<UserProfile>>(module, "UserProfile")
      .def(py::init(&make_profile), py::kw_only(), "height_m"_a, "indoor"_a, "inside_m"_a, "loss_db"_a, "environment"_a)
      .def_property_readonly("n_users", [](const UserProfile& profile) { return profile.size(); });
  py::class_<FoldedGains>(module, "FoldedGains")
      .def_property_readonly("shape", [](const FoldedGains& g) { return py::make_tuple(g.n_users(), g.n_cells); })
      .def_property_readonly("nbytes", &bytes_of);
  py::class_<GainSource, std::shared_ptr<GainSource>>(module, "GainSource");
  py::class_<GainMap, GainSource, std::shared_ptr<GainMap>>(module, "GainMap")
      .def(py::init(&make_gain_map), py::kw_only(), "gain"_a, "cols"_a, "first_m"_a, "step_m"_a)
      .def_property_readonly("n_cells", &GainMap::n_cells);
  py::class_<LinkModel, GainSource, std::shared_ptr<LinkModel>>(module, "LinkModel")
      .def(py::init(&make_link_model), py::kw_only(), "model"_a, "pattern"_a, "elements"_a, "frequency_hz"_a,
           "ue_height_m"_a, "shadowing"_a, "site_correlation"_a, "wrap"_a, "v1_m"_a, "v2_m"_a, "site_x_m"_a,
           "site_y_m"_a, "site_height_m"_a, "cell_site"_a, "azimuth_deg"_a, "tilt_deg"_a, "los_state"_a, "shadow_los"_a,
           "shadow_nlos"_a, "common_los"_a, "common_nlos"_a, "los_state_decorrelation_m"_a, "row_offset"_a,
           "col_offset"_a, "e1_m"_a, "e2_m"_a, "further_images"_a, "fold_db"_a, "line_of_sight"_a = "model", "isa"_a,
           "sigma_indoor_db"_a = 0.0)
      .def_property_readonly("n_cells", &LinkModel::n_cells)
      .def_property_readonly("n_sites", &LinkModel::n_sites)
      .def_property_readonly("folds", &LinkModel::folds)
      .def_property_readonly("has_images", &LinkModel::has_images)
      .def_property_readonly("isa", [](const LinkModel& m) { return std::string(isa_name(m.isa())); })
      .def("gains", &gains, "x_m"_a, "y_m"_a, "n_threads"_a = 1, "gain"_a = py::none(), "profile"_a = py::none())
      .def("reach", &reach, "x_m"_a, "y_m"_a, "n_threads"_a = 1, "profile"_a = py::none())
      .def("best_server", &best_server, "x_m"_a, "y_m"_a, "power_w"_a, "activity"_a, "noise_w"_a, "n_threads"_a = 1,
           "profile"_a = py::none())
      .def("fold", &fold, "x_m"_a, "y_m"_a, "power_w"_a, "noise_w"_a, "n_threads"_a = 1, "activity"_a = py::none())
      .def("update_gains", &update_gains, "x_m"_a, "y_m"_a, "users"_a, "gain"_a, "profile"_a = py::none());
}

}  // namespace slicefast::bindings
