#include "bind_scheduler.hpp"

#include <algorithm>

#include "slicefast/simd.hpp"

namespace slicefast::bindings {

namespace {

template <class T>
py::array_t<T> copied(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

template <class T>
std::vector<T> column(const py::dict& state, const char* name) {
  if (!state.contains(name)) throw InvalidArgument(std::string("state: lacks '") + name + "'");
  const In<T> array = state[name].cast<In<T>>();
  check_shape(array, name, {-1});
  return {array.data(), array.data() + array.size()};
}

// The arrays behind a Window; held while the GIL is released.
struct WindowArrays {
  In<std::int32_t> arrival_user, arrival_tti;
  In<float> arrival_bits;
  In<std::int32_t> serving, slice_of;
  In<float> bits_per_prb;
  In<double> share;
  In<std::uint8_t> active;
};

py::dict run(Scheduler& scheduler, int n_ttis, const In<std::int32_t>& arrival_user,
             const In<std::int32_t>& arrival_tti, const In<float>& arrival_bits, const In<std::int32_t>& serving,
             const In<std::int32_t>& slice_of, const In<float>& bits_per_prb, const In<double>& share,
             const py::object& active, bool separate_slices) {
  const py::ssize_t n_cells = scheduler.config().n_cells, n_slices = scheduler.config().n_slices;
  const py::ssize_t n_users = scheduler.config().n_users;
  check_shape(arrival_user, "arrival_user", {-1});
  check_shape(serving, "serving", {n_users});
  check_shape(slice_of, "slice_of", {n_users});
  check_shape(bits_per_prb, "bits_per_prb", {n_users});
  check_shape(share, "share", {n_cells, n_slices});
  In<std::uint8_t> flags;
  if (!active.is_none()) {
    flags = active.cast<In<std::uint8_t>>();
    check_shape(flags, "active", {n_users});
  }
  const Window window{.n_ttis = n_ttis,
                      .arrival_user = span_of(arrival_user),
                      .arrival_tti = span_of(arrival_tti),
                      .arrival_bits = span_of(arrival_bits),
                      .serving = span_of(serving),
                      .slice_of = span_of(slice_of),
                      .bits_per_prb = span_of(bits_per_prb),
                      .share = matrix_of(share),
                      .active = active.is_none() ? std::span<const std::uint8_t>{} : span_of(flags),
                      .separate_slices = separate_slices};
  py::dict out;
  const auto kpi = [&](const char* name) {
    py::array_t<double> array({n_cells, n_slices});
    out[name] = array;
    return MatrixView<double>{array.mutable_data(), static_cast<std::size_t>(n_cells),
                              static_cast<std::size_t>(n_slices)};
  };
  const auto per_user = [&](const char* name) {
    py::array_t<double> array(n_users);
    out[name] = array;
    return std::span<double>{array.mutable_data(), static_cast<std::size_t>(n_users)};
  };
  const WindowKpis kpis{
      kpi("throughput_bps"),      kpi("delay_ms"),    kpi("load"), kpi("users"), per_user("user_delivered_bits"),
      per_user("user_busy_ttis"), kpi("dropped_bits")};
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    scheduler.run(window, kpis);
  }
  return out;
}

}  // namespace

py::dict scheduler_state(const Scheduler& scheduler) {
  const SchedulerState state = scheduler.state();
  py::dict out;
  out["clock_ttis"] = state.clock_ttis;
  out["packet_user"] = copied(state.packet_user);
  out["packet_tti"] = copied(state.packet_tti);
  out["packet_bits"] = copied(state.packet_bits);
  out["carry"] = copied(state.carry);
  out["pointer"] = copied(state.pointer);
  out["average"] = copied(state.average);
  out["average_tti"] = copied(state.average_tti);
  return out;
}

void set_scheduler_state(Scheduler& scheduler, const py::dict& state) {
  if (!state.contains("clock_ttis")) throw InvalidArgument("state: lacks 'clock_ttis'");
  scheduler.set_state({.clock_ttis = state["clock_ttis"].cast<std::int64_t>(),
                       .packet_user = column<std::int32_t>(state, "packet_user"),
                       .packet_tti = column<std::int64_t>(state, "packet_tti"),
                       .packet_bits = column<double>(state, "packet_bits"),
                       .carry = column<double>(state, "carry"),
                       .pointer = column<std::int32_t>(state, "pointer"),
                       .average = column<double>(state, "average"),
                       .average_tti = column<std::int64_t>(state, "average_tti")});
}

void bind_scheduler(py::module_& module) {
  using namespace py::literals;
  py::class_<SchedulerConfig>(module, "SchedulerConfig")
      .def(py::init([](int n_cells, int n_slices, int n_users, int n_prb, const std::string& kind, double alpha,
                       double beta, double averaging_ttis, int discard_ttis) {
             return SchedulerConfig{n_cells, n_slices, n_users,        n_prb,       scheduler_kind(kind),
                                    alpha,   beta,     averaging_ttis, discard_ttis};
           }),
           py::kw_only(), "n_cells"_a, "n_slices"_a, "n_users"_a, "n_prb"_a = 100, "kind"_a = "proportional_fair",
           "alpha"_a = 1.0, "beta"_a = 1.0, "averaging_ttis"_a = 100.0, "discard_ttis"_a = 0);
  py::class_<Scheduler>(module, "Scheduler")
      .def(py::init([](const SchedulerConfig& config, const std::string& isa) {
             return Scheduler(config, isa_from_name(isa));
           }),
           "config"_a, py::kw_only(), "isa"_a)
      .def("run", &run, py::kw_only(), "n_ttis"_a, "arrival_user"_a, "arrival_tti"_a, "arrival_bits"_a, "serving"_a,
           "slice_of"_a, "bits_per_prb"_a, "share"_a, "active"_a, "separate_slices"_a)
      .def("copy", [](const Scheduler& scheduler) { return Scheduler(scheduler); })
      .def("state", &scheduler_state)
      .def("set_state", &set_scheduler_state, "state"_a)
      .def_property_readonly("clock_ttis", &Scheduler::clock_ttis)
      .def("queued_bits", &Scheduler::queued_bits)
      .def("backlog_bits", [](const Scheduler& scheduler) {
        const auto backlog = scheduler.backlog_bits();
        return py::array_t<double>(static_cast<py::ssize_t>(backlog.size()), backlog.data());
      });
}

}  // namespace slicefast::bindings
