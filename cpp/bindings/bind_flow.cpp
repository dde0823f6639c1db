#include "bindings.hpp"
#include "kpi_arrays.hpp"
#include "slicefast/scheduling/flow.hpp"

namespace slicefast::bindings {
namespace {

py::dict flow(int n_ttis, int n_prb, const In<double>& arriving_bits, const In<double>& packet_bits,
              const In<std::int32_t>& serving, const In<std::int32_t>& slice_of, const In<float>& bits_per_prb,
              const In<double>& share, const py::object& active, py::array backlog_bits, py::array backlog_age_bit_ms,
              const In<std::int32_t>& discard_ttis, double buffer_bits) {
  check_shape(share, "share", {-1, -1});
  for (const auto& [array, name] : {std::pair<const py::array&, const char*>{serving, "serving"},
                                    {slice_of, "slice_of"},
                                    {arriving_bits, "arriving_bits"},
                                    {packet_bits, "packet_bits"},
                                    {bits_per_prb, "bits_per_prb"},
                                    {discard_ttis, "discard_ttis"}})
    check_shape(array, name, {-1});
  const py::ssize_t n_users = serving.size();
  const auto n = static_cast<std::size_t>(n_users);
  const auto flags = optional_users<std::uint8_t>(active, "active", n_users);
  const FlowQueues queues{{writable<double>(backlog_bits, "backlog_bits", {n_users}), n},
                          {writable<double>(backlog_age_bit_ms, "backlog_age_bit_ms", {n_users}), n}};
  const auto cell_of = copy_of(serving), slices = copy_of(slice_of), timers = copy_of(discard_ttis);
  const FlowWindow window{.n_ttis = n_ttis,
                          .n_prb = n_prb,
                          .arriving_bits = span_of(arriving_bits),
                          .packet_bits = span_of(packet_bits),
                          .serving = cell_of,
                          .slice_of = slices,
                          .bits_per_prb = span_of(bits_per_prb),
                          .share = matrix_of(share),
                          .active = span_of(flags),
                          .discard_ttis = timers,
                          .buffer_bits = buffer_bits};
  KpiArrays arrays{share.shape(0), share.shape(1), n_users};
  for (const CellKpi& kpi : cell_kpis) arrays.add_matrix(kpi.name, kpi.values);
  {
    // Pure arithmetic on arrays this call holds references to: other Python threads may run.
    py::gil_scoped_release release;
    FlowRoom room;
    run_flow(window, queues, arrays.kpis, room);
  }
  return arrays.out;
}

}  // namespace

void bind_flow(py::module_& module) {
  using namespace py::literals;
  module.def("run_flow", &flow, py::kw_only(), "n_ttis"_a, "n_prb"_a, "arriving_bits"_a, "packet_bits"_a, "serving"_a,
             "slice_of"_a, "bits_per_prb"_a, "share"_a, "active"_a, "backlog_bits"_a, "backlog_age_bit_ms"_a,
             "discard_ttis"_a, "buffer_bits"_a);
}

}  // namespace slicefast::bindings
