#include <pybind11/stl.h>

#include "bindings.hpp"
#include "slicefast/coupling/solver.hpp"
#include "slicefast/coupling/spectral_radius.hpp"
#include "slicefast/simd.hpp"

namespace slicefast::bindings {
namespace {

// Users and cells of a gain matrix or of folded gains.
std::pair<py::ssize_t, py::ssize_t> shape_of(const py::object& gain) {
  if (py::isinstance<FoldedGains>(gain)) {
    const auto& folded = gain.cast<const FoldedGains&>();
    return {static_cast<py::ssize_t>(folded.n_users()), static_cast<py::ssize_t>(folded.n_cells)};
  }
  const py::array array = py::array::ensure(gain);
  if (!array) throw py::error_already_set();
  check_shape(array, "gain", {-1, -1});
  if (array.shape(1) < 1) refuse("gain", "shape " + shape_text(array), "at least one cell");
  return {array.shape(0), array.shape(1)};
}

// The arrays behind a CouplingProblem. A float32 gain matrix is used as it is; any other becomes float64.
struct ProblemArrays {
  In<float> gain;
  In<double> gain64, power_w, demand_bps, share;
  std::vector<std::int32_t> serving, slice_of;
  CouplingProblem problem;

  ProblemArrays(const py::object& gain_any, const In<double>& power, double noise_w, const In<double>& demand,
                const In<std::int32_t>& serving_, const py::object& slices, const py::object& share_any,
                double bandwidth_hz, const std::string& efficiency_name, std::optional<double> ceiling_bps_per_hz,
                int layers)
      : power_w(power), demand_bps(demand), serving(copy_of(serving_)) {
    const auto [n_users, n_cells] = shape_of(gain_any);
    check_shape(power_w, "power_w", {n_cells});
    check_shape(demand_bps, "demand_bps", {n_users});
    check_shape(serving_, "serving", {n_users});
    if (py::isinstance<FoldedGains>(gain_any)) {
      problem.folded = &gain_any.cast<const FoldedGains&>();
    } else if (py::isinstance<py::array_t<float>>(gain_any)) {
      gain = In<float>::ensure(gain_any);
      problem.gain = matrix_of(gain);
    } else {
      gain64 = In<double>::ensure(gain_any);
      if (!gain64) throw py::error_already_set();
      problem.gain64 = matrix_of(gain64);
    }
    if (!slices.is_none()) {
      const auto array = In<std::int32_t>::ensure(slices);
      if (!array) throw py::error_already_set();
      check_shape(array, "slice_of", {n_users});
      slice_of = copy_of(array);
      problem.slice_of = slice_of;
    }
    if (!share_any.is_none()) {
      share = In<double>::ensure(share_any);
      if (!share) throw py::error_already_set();
      check_shape(share, "share", {n_cells, -1});
      problem.share = matrix_of(share);
    }
    problem.power_w = span_of(power_w);
    problem.noise_w = noise_w;
    problem.demand_bps = span_of(demand_bps);
    problem.serving = serving;
    problem.bandwidth_hz = bandwidth_hz;
    problem.efficiency = efficiency(efficiency_name);
    problem.ceiling_bps_per_hz = ceiling_bps_per_hz.value_or(no_ceiling);
    problem.layers = layers;
  }
};

py::tuple solve(const py::object& gain, const In<double>& power_w, double noise_w, const In<double>& demand_bps,
                const In<std::int32_t>& serving, double bandwidth_hz, const py::object& share,
                const py::object& slice_of, const In<double>& start, double tolerance, int max_iterations,
                const std::string& efficiency_name, std::optional<double> ceiling_bps_per_hz, int layers, int n_threads,
                const std::string& isa) {
  ProblemArrays arrays(gain, power_w, noise_w, demand_bps, serving, slice_of, share, bandwidth_hz, efficiency_name,
                       ceiling_bps_per_hz, layers);
  check_shape(start, "start", {shape_of(gain).second, -1});
  py::array_t<double> load({start.shape(0), start.shape(1)});
  std::copy_n(start.data(), start.size(), load.mutable_data());
  MatrixView<double> view{load.mutable_data(), static_cast<std::size_t>(load.shape(0)),
                          static_cast<std::size_t>(load.shape(1))};
  const CouplingOptions options{tolerance, max_iterations, isa_from_name(isa)};
  CouplingResult result;
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    const ThreadPool pool(n_threads);
    result = LoadCoupling().solve(arrays.problem, options, view, &pool);
  }
  return py::make_tuple(load, result.iterations, result.residual);
}

py::array_t<float> sinr(const py::object& gain, const In<double>& power_w, double noise_w, const In<double>& rho,
                        const In<std::int32_t>& serving, int n_threads, const std::string& isa) {
  const auto [n_users, n_cells] = shape_of(gain);
  py::array_t<double> no_demand(n_users);
  std::fill_n(no_demand.mutable_data(), no_demand.size(), 0.0);
  ProblemArrays arrays(gain, power_w, noise_w, no_demand, serving, py::none(), py::none(), 1.0, "shannon", {}, 1);
  check_shape(rho, "rho", {n_cells});
  py::array_t<float> result(n_users);
  const std::span<float> out{result.mutable_data(), static_cast<std::size_t>(result.size())};
  const auto activity = span_of(rho);
  const Isa level = isa_from_name(isa);
  // Pure arithmetic on arrays this call holds references to: other Python threads may run.
  py::gil_scoped_release release;
  const ThreadPool pool(n_threads);
  LoadCoupling().sinr(arrays.problem, activity, level, out, &pool);
  return result;
}

double radius(const py::object& gain, const In<double>& power_w, double noise_w, const In<double>& demand_bps,
              const In<std::int32_t>& serving, double bandwidth_hz, const std::string& isa) {
  ProblemArrays arrays(gain, power_w, noise_w, demand_bps, serving, py::none(), py::none(), bandwidth_hz, "shannon", {},
                       1);
  const Isa level = isa_from_name(isa);
  // Pure arithmetic on arrays this call holds references to: other Python threads may run.
  py::gil_scoped_release release;
  return spectral_radius(arrays.problem, level);
}

py::array_t<double> efficiencies(const std::string& name, const In<double>& sinr,
                                 std::optional<double> ceiling_bps_per_hz, int layers) {
  py::array_t<double> result(sinr.size());
  spectral_efficiency(efficiency(name), span_of(sinr), {result.mutable_data(), static_cast<std::size_t>(result.size())},
                      ceiling_bps_per_hz.value_or(no_ceiling), layers);
  return result;
}

}  // namespace

void bind_load_coupling(py::module_& module) {
  using namespace py::literals;
  module.def("solve_load_coupling", &solve, py::kw_only(), "gain"_a, "power_w"_a, "noise_w"_a, "demand_bps"_a,
             "serving"_a, "bandwidth_hz"_a, "share"_a, "slice_of"_a, "start"_a, "tolerance"_a, "max_iterations"_a,
             "efficiency"_a, "ceiling_bps_per_hz"_a = py::none(), "layers"_a = 1, "n_threads"_a, "isa"_a);
  module.def("coupled_sinr", &sinr, py::kw_only(), "gain"_a, "power_w"_a, "noise_w"_a, "rho"_a, "serving"_a,
             "n_threads"_a, "isa"_a);
  module.def("spectral_radius", &radius, py::kw_only(), "gain"_a, "power_w"_a, "noise_w"_a, "demand_bps"_a, "serving"_a,
             "bandwidth_hz"_a, "isa"_a);
  module.def("spectral_efficiency", &efficiencies, "efficiency"_a, "sinr"_a, "ceiling_bps_per_hz"_a = py::none(),
             "layers"_a = 1);
}

}  // namespace slicefast::bindings
