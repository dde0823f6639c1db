#include "bind_scheduler.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>

#include "slicefast/flow.hpp"
#include "slicefast/link_adaptation.hpp"
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

// (N, S) or nothing.
In<double> optional_matrix(const py::object& value, const char* name, const SchedulerConfig& sizes) {
  if (value.is_none()) return {};
  In<double> array = value.cast<In<double>>();
  check_shape(array, name, {sizes.n_cells, sizes.n_slices});
  return array;
}

template <class T>
In<T> optional_users(const py::object& value, const char* name, py::ssize_t n_users) {
  if (value.is_none()) return {};
  In<T> array = value.cast<In<T>>();
  check_shape(array, name, {n_users});
  return array;
}

ConstMatrixView<double> view_of(const In<double>& array) {
  return array.ndim() == 2 ? matrix_of(array) : ConstMatrixView<double>{};
}

// The KPI arrays of one window, collected in a dict.
struct KpiArrays {
  py::dict out;
  py::ssize_t n_cells, n_slices;

  MatrixView<double> matrix(const char* name) {
    py::array_t<double> array({n_cells, n_slices});
    out[name] = array;
    return {array.mutable_data(), static_cast<std::size_t>(n_cells), static_cast<std::size_t>(n_slices)};
  }
  std::span<double> users(const char* name, py::ssize_t n_users) {
    py::array_t<double> array(n_users);
    out[name] = array;
    return {array.mutable_data(), static_cast<std::size_t>(n_users)};
  }
};

py::dict run(Scheduler& scheduler, int n_ttis, const In<std::int32_t>& arrival_user,
             const In<std::int32_t>& arrival_tti, const In<float>& arrival_bits, const In<std::int32_t>& serving,
             const In<std::int32_t>& slice_of, const py::object& bits_per_prb, const py::object& tbs_index,
             const py::object& share, const py::object& dedicated_ratio, const py::object& min_ratio,
             const py::object& max_ratio, const py::object& active, bool separate_slices) {
  const SchedulerConfig& sizes = scheduler.config();
  const py::ssize_t n_users = sizes.n_users;
  check_shape(arrival_user, "arrival_user", {-1});
  check_shape(arrival_tti, "arrival_tti", {-1});
  check_shape(arrival_bits, "arrival_bits", {-1});
  check_shape(serving, "serving", {n_users});
  check_shape(slice_of, "slice_of", {n_users});
  const auto rates = optional_users<float>(bits_per_prb, "bits_per_prb", n_users);
  const auto blocks = optional_users<std::int32_t>(tbs_index, "tbs_index", n_users);
  const auto flags = optional_users<std::uint8_t>(active, "active", n_users);
  const auto shares = optional_matrix(share, "share", sizes);
  const auto dedicated = optional_matrix(dedicated_ratio, "dedicated_ratio", sizes);
  const auto low = optional_matrix(min_ratio, "min_ratio", sizes);
  const auto high = optional_matrix(max_ratio, "max_ratio", sizes);
  const Window window{.n_ttis = n_ttis,
                      .arrival_user = span_of(arrival_user),
                      .arrival_tti = span_of(arrival_tti),
                      .arrival_bits = span_of(arrival_bits),
                      .serving = span_of(serving),
                      .slice_of = span_of(slice_of),
                      .bits_per_prb = span_of(rates),
                      .share = view_of(shares),
                      .active = span_of(flags),
                      .separate_slices = separate_slices,
                      .tbs_index = span_of(blocks),
                      .dedicated_ratio = view_of(dedicated),
                      .min_ratio = view_of(low),
                      .max_ratio = view_of(high)};
  KpiArrays arrays{{}, sizes.n_cells, sizes.n_slices};
  WindowKpis kpis{arrays.matrix("throughput_bps"), arrays.matrix("delay_ms"), arrays.matrix("load"),
                  arrays.matrix("users")};
  kpis.user_delivered_bits = arrays.users("user_delivered_bits", n_users);
  kpis.user_busy_ttis = arrays.users("user_busy_ttis", n_users);
  kpis.user_dropped_bits = arrays.users("user_dropped_bits", n_users);
  kpis.delivered_bits = arrays.matrix("delivered_bits");
  kpis.dropped_bits = arrays.matrix("dropped_bits");
  kpis.spectral_efficiency = arrays.matrix("spectral_efficiency");
  kpis.throughput_p5_bps = arrays.matrix("throughput_p5_bps");
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    scheduler.run(window, kpis);
  }
  return arrays.out;
}

py::dict flow(int n_ttis, int n_prb, const In<double>& arriving_bits, const In<double>& packet_bits,
              const In<std::int32_t>& serving, const In<std::int32_t>& slice_of, const In<float>& bits_per_prb,
              const In<double>& share, const py::object& active, py::array backlog_bits) {
  check_shape(share, "share", {-1, -1});
  check_shape(serving, "serving", {-1});
  check_shape(slice_of, "slice_of", {-1});
  check_shape(arriving_bits, "arriving_bits", {-1});
  check_shape(packet_bits, "packet_bits", {-1});
  check_shape(bits_per_prb, "bits_per_prb", {-1});
  const auto flags = optional_users<std::uint8_t>(active, "active", serving.size());
  double* backlog = writable<double>(backlog_bits, "backlog_bits", {serving.size()});
  const FlowWindow window{.n_ttis = n_ttis,
                          .n_prb = n_prb,
                          .arriving_bits = span_of(arriving_bits),
                          .packet_bits = span_of(packet_bits),
                          .serving = span_of(serving),
                          .slice_of = span_of(slice_of),
                          .bits_per_prb = span_of(bits_per_prb),
                          .share = matrix_of(share),
                          .active = span_of(flags)};
  KpiArrays arrays{{}, share.shape(0), share.shape(1)};
  const WindowKpis kpis{arrays.matrix("throughput_bps"), arrays.matrix("delay_ms"), arrays.matrix("load"),
                        arrays.matrix("users")};
  const std::span<double> queued{backlog, static_cast<std::size_t>(serving.size())};
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    run_flow(window, queued, kpis);
  }
  return arrays.out;
}

template <class Function>
py::array_t<std::int32_t> mapped(py::ssize_t n, Function function) {
  py::array_t<std::int32_t> out(n);
  for (py::ssize_t i = 0; i < n; ++i) out.mutable_data()[i] = function(i);
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
  out["sent"] = copied(state.sent);
  out["block_user"] = copied(state.block_user);
  out["block_prb"] = copied(state.block_prb);
  out["block_attempts"] = copied(state.block_attempts);
  out["block_due"] = copied(state.block_due);
  out["block_sent_at"] = copied(state.block_sent_at);
  out["block_offset"] = copied(state.block_offset);
  out["block_bits"] = copied(state.block_bits);
  out["dedicated_carry"] = copied(state.dedicated_carry);
  out["max_carry"] = copied(state.max_carry);
  out["lending_pointer"] = copied(state.lending_pointer);
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
                       .average_tti = column<std::int64_t>(state, "average_tti"),
                       .sent = column<double>(state, "sent"),
                       .block_user = column<std::int32_t>(state, "block_user"),
                       .block_prb = column<std::int32_t>(state, "block_prb"),
                       .block_attempts = column<std::int32_t>(state, "block_attempts"),
                       .block_due = column<std::int64_t>(state, "block_due"),
                       .block_sent_at = column<std::int64_t>(state, "block_sent_at"),
                       .block_offset = column<double>(state, "block_offset"),
                       .block_bits = column<double>(state, "block_bits"),
                       .dedicated_carry = column<double>(state, "dedicated_carry"),
                       .max_carry = column<double>(state, "max_carry"),
                       .lending_pointer = column<std::int32_t>(state, "lending_pointer")});
}

void bind_scheduler(py::module_& module) {
  using namespace py::literals;
  py::class_<SchedulerConfig>(module, "SchedulerConfig")
      .def(py::init([](int n_cells, int n_slices, int n_users, int n_prb, const std::string& kind, double alpha,
                       double beta, double averaging_ttis, const std::vector<int>& discard_ttis, int rbg_prb,
                       bool deal_leftover, double buffer_bits, double block_error_rate, int max_retransmissions,
                       int retransmission_ttis, std::uint64_t harq_seed, double prb_bandwidth_hz) {
             return SchedulerConfig{.n_cells = n_cells,
                                    .n_slices = n_slices,
                                    .n_users = n_users,
                                    .n_prb = n_prb,
                                    .kind = scheduler_kind(kind),
                                    .alpha = alpha,
                                    .beta = beta,
                                    .averaging_ttis = averaging_ttis,
                                    .discard_ttis = discard_ttis,
                                    .rbg_prb = rbg_prb,
                                    .deal_leftover = deal_leftover,
                                    .buffer_bits = buffer_bits,
                                    .block_error_rate = block_error_rate,
                                    .max_retransmissions = max_retransmissions,
                                    .retransmission_ttis = retransmission_ttis,
                                    .harq_seed = harq_seed,
                                    .prb_bandwidth_hz = prb_bandwidth_hz};
           }),
           py::kw_only(), "n_cells"_a, "n_slices"_a, "n_users"_a, "n_prb"_a = 100, "kind"_a = "proportional_fair",
           "alpha"_a = 1.0, "beta"_a = 1.0, "averaging_ttis"_a = 100.0, "discard_ttis"_a = std::vector<int>{},
           "rbg_prb"_a = 1, "deal_leftover"_a = true, "buffer_bits"_a = 0.0, "block_error_rate"_a = 0.0,
           "max_retransmissions"_a = 3, "retransmission_ttis"_a = 8, "harq_seed"_a = 0, "prb_bandwidth_hz"_a = 180e3);
  py::class_<Scheduler>(module, "Scheduler")
      .def(py::init([](const SchedulerConfig& config, const std::string& isa) {
             return Scheduler(config, isa_from_name(isa));
           }),
           "config"_a, py::kw_only(), "isa"_a)
      .def("run", &run, py::kw_only(), "n_ttis"_a, "arrival_user"_a, "arrival_tti"_a, "arrival_bits"_a, "serving"_a,
           "slice_of"_a, "bits_per_prb"_a, "tbs_index"_a, "share"_a, "dedicated_ratio"_a, "min_ratio"_a, "max_ratio"_a,
           "active"_a, "separate_slices"_a)
      .def("copy", [](const Scheduler& scheduler) { return Scheduler(scheduler); })
      .def("state", &scheduler_state)
      .def("set_state", &set_scheduler_state, "state"_a)
      .def_property_readonly("clock_ttis", &Scheduler::clock_ttis)
      .def("queued_bits", &Scheduler::queued_bits)
      .def("backlog_bits", [](const Scheduler& scheduler) {
        const auto backlog = scheduler.backlog_bits();
        return py::array_t<double>(static_cast<py::ssize_t>(backlog.size()), backlog.data());
      });
  module.def("run_flow", &flow, py::kw_only(), "n_ttis"_a, "n_prb"_a, "arriving_bits"_a, "packet_bits"_a, "serving"_a,
             "slice_of"_a, "bits_per_prb"_a, "share"_a, "active"_a, "backlog_bits"_a);
  module.def("cqi", [](const In<double>& sinr) {
    return mapped(sinr.size(), [&](py::ssize_t i) {
      if (std::isnan(sinr.data()[i])) throw InvalidArgument("sinr: value " + std::to_string(i) + " is not a number");
      return cqi(sinr.data()[i]);
    });
  });
  module.def("tbs_index", [](const In<std::int32_t>& indicator) {
    return mapped(indicator.size(), [&](py::ssize_t i) { return tbs_index(indicator.data()[i]); });
  });
  module.def("transport_block_bits", [](int index, int n_prb) {
    if (index < -1 || index > 26)
      throw InvalidArgument("tbs_index: got " + std::to_string(index) + ", allowed: -1 to 26");
    return transport_block_bits(index, n_prb);
  });
}

}  // namespace slicefast::bindings
