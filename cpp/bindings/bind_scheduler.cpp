#include <pybind11/stl.h>

#include "bindings.hpp"
#include "kpi_arrays.hpp"
#include "slicefast/simd.hpp"
#include "state.hpp"

namespace slicefast::bindings {

namespace {

// (N, S) or nothing.
In<double> optional_matrix(const py::object& value, const char* name, const SchedulerConfig& sizes) {
  if (value.is_none()) return {};
  In<double> array = value.cast<In<double>>();
  check_shape(array, name, {sizes.n_cells, sizes.n_slices});
  return array;
}

ConstMatrixView<double> view_of(const In<double>& array) {
  return array.ndim() == 2 ? matrix_of(array) : ConstMatrixView<double>{};
}

using BoundScheduler = Guarded<Scheduler>;

std::unique_ptr<BoundScheduler> make_scheduler(const SchedulerConfig& config, const std::string& isa) {
  return std::make_unique<BoundScheduler>("Scheduler", config, isa_from_name(isa));
}

py::dict run(BoundScheduler& scheduler, int n_ttis, const In<std::int32_t>& arrival_user,
             const In<std::int32_t>& arrival_tti, const In<float>& arrival_bits, const In<std::int32_t>& serving,
             const In<std::int32_t>& slice_of, const py::object& bits_per_prb, const py::object& tbs_index,
             const py::object& share, const py::object& dedicated_ratio, const py::object& min_ratio,
             const py::object& max_ratio, const py::object& active, bool separate_slices, bool per_packet) {
  const SchedulerConfig sizes = scheduler.use([](Scheduler& own) { return own.config(); });
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
  const auto user = copy_of(arrival_user), tti = copy_of(arrival_tti), cell_of = copy_of(serving);
  const auto slices = copy_of(slice_of), block_rows = copy_of(blocks);
  const Window window{.n_ttis = n_ttis,
                      .arrival_user = user,
                      .arrival_tti = tti,
                      .arrival_bits = span_of(arrival_bits),
                      .serving = cell_of,
                      .slice_of = slices,
                      .bits_per_prb = span_of(rates),
                      .share = view_of(shares),
                      .active = span_of(flags),
                      .separate_slices = separate_slices,
                      .tbs_index = block_rows,
                      .dedicated_ratio = view_of(dedicated),
                      .min_ratio = view_of(low),
                      .max_ratio = view_of(high)};
  KpiArrays arrays{sizes.n_cells, sizes.n_slices, n_users};
  for (const CellKpi& kpi : cell_kpis) arrays.add_matrix(kpi.name, kpi.values);
  for (const UserKpi& kpi : user_kpis) arrays.add_users(kpi.name, kpi.values);
  arrays.add_matrix("delivered_bits", &WindowKpis::delivered_bits);
  if (per_packet) arrays.add_packets();
  // Pure arithmetic on arrays this call holds references to.
  scheduler.use_alone([&](Scheduler& own) { own.play_window(window, arrays.kpis); });
  return arrays.out;
}

}  // namespace

void bind_scheduler(py::module_& module) {
  using namespace py::literals;
  py::class_<SchedulerConfig>(module, "SchedulerConfig")
      .def(py::init([](int n_cells, int n_slices, int n_users, int n_prb, const std::string& kind, double alpha,
                       double beta, double averaging_ttis, const std::vector<int>& discard_ttis, int rbg_prb,
                       bool deal_leftover, double buffer_bits, double block_error_rate, int max_retransmissions,
                       int retransmission_ttis, std::uint64_t harq_seed, double prb_bandwidth_hz, double tti_s,
                       const std::string& table, int downlink_parts, int tdd_parts,
                       const std::vector<double>& retransmission_error_rate, const std::vector<int>& cell_prb) {
             return SchedulerConfig{.n_cells = n_cells,
                                    .n_slices = n_slices,
                                    .n_users = n_users,
                                    .n_prb = n_prb,
                                    .kind = scheduler_kind(kind),
                                    .alpha = alpha,
                                    .beta = beta,
                                    .averaging_ttis = averaging_ttis,
                                    .discard_ttis = discard_ttis,
                                    .cell_prb = cell_prb,
                                    .rbg_prb = rbg_prb,
                                    .deal_leftover = deal_leftover,
                                    .buffer_bits = buffer_bits,
                                    .block_error_rate = block_error_rate,
                                    .retransmission_error_rate = retransmission_error_rate,
                                    .max_retransmissions = max_retransmissions,
                                    .retransmission_ttis = retransmission_ttis,
                                    .harq_seed = harq_seed,
                                    .prb_bandwidth_hz = prb_bandwidth_hz,
                                    .tti_s = tti_s,
                                    .mcs_table = mcs_table(table),
                                    .downlink_parts = downlink_parts,
                                    .tdd_parts = tdd_parts};
           }),
           py::kw_only(), "n_cells"_a, "n_slices"_a, "n_users"_a, "n_prb"_a = 100, "kind"_a = "proportional_fair",
           "alpha"_a = 1.0, "beta"_a = 1.0, "averaging_ttis"_a = 100.0, "discard_ttis"_a = std::vector<int>{},
           "rbg_prb"_a = 1, "deal_leftover"_a = true, "buffer_bits"_a = 0.0, "block_error_rate"_a = 0.0,
           "max_retransmissions"_a = 3, "retransmission_ttis"_a = 8, "harq_seed"_a = 0, "prb_bandwidth_hz"_a = 180e3,
           "tti_s"_a = 1e-3, "mcs_table"_a = "lte", "downlink_parts"_a = 1, "tdd_parts"_a = 1,
           "retransmission_error_rate"_a = std::vector<double>{}, "cell_prb"_a = std::vector<int>{});
  py::class_<BoundScheduler>(
      module, "Scheduler",
      "Queues and PRB scheduling. A second thread that uses it meanwhile is refused with InUseError, nothing changed.")
      .def(py::init(&make_scheduler), "config"_a, py::kw_only(), "isa"_a)
      .def("run", &run, py::kw_only(), "n_ttis"_a, "arrival_user"_a, "arrival_tti"_a, "arrival_bits"_a, "serving"_a,
           "slice_of"_a, "bits_per_prb"_a, "tbs_index"_a, "share"_a, "dedicated_ratio"_a, "min_ratio"_a, "max_ratio"_a,
           "active"_a, "separate_slices"_a, "per_packet"_a = false)
      .def("copy",
           [](BoundScheduler& scheduler) {
             return scheduler.use([](Scheduler& own) { return std::make_unique<BoundScheduler>("Scheduler", own); });
           })
      .def("state",
           [](BoundScheduler& scheduler) {
             return scheduler.use([](Scheduler& own) { return to_python(own.state()); });
           })
      .def(
          "set_state",
          [](BoundScheduler& scheduler, const py::dict& fields) {
            SchedulerState state;
            from_python(fields, "state", state);
            scheduler.use([&](Scheduler& own) { own.set_state(state); });
          },
          "state"_a)
      .def_property_readonly(
          "clock_ttis",
          [](BoundScheduler& scheduler) { return scheduler.use([](Scheduler& own) { return own.clock_ttis(); }); })
      .def("queued_bits",
           [](BoundScheduler& scheduler) { return scheduler.use([](Scheduler& own) { return own.queued_bits(); }); })
      .def("backlog_bits", [](BoundScheduler& scheduler) {
        return scheduler.use([](Scheduler& own) { return array_of(own.backlog_bits()); });
      });
}

}  // namespace slicefast::bindings
