#include <pybind11/stl.h>

#include "bindings.hpp"
#include "kpi_arrays.hpp"
#include "slicefast/network.hpp"
#include "slicefast/simd.hpp"
#include "state.hpp"

namespace slicefast::bindings {
namespace {

// (K, N, S) and (3, U) arrays of Python, row by row as the tables of kpis.hpp have them.
WindowKpis kpis_of(const SchedulerConfig& sizes, py::array& kpis, const py::object& user_kpis_out) {
  const py::ssize_t n_cells = sizes.n_cells, n_slices = sizes.n_slices, n_users = sizes.n_users;
  const auto n_rows = static_cast<py::ssize_t>(cell_kpis.size()),
             n_user_rows = static_cast<py::ssize_t>(user_kpis.size());
  WindowKpis out;
  double* values = writable<double>(kpis, "kpis", {n_rows, n_cells, n_slices});
  for (const CellKpi& kpi : cell_kpis) {
    out.*kpi.values = {values, static_cast<std::size_t>(n_cells), static_cast<std::size_t>(n_slices)};
    values += n_cells * n_slices;
  }
  if (user_kpis_out.is_none()) return out;
  auto per_user = user_kpis_out.cast<py::array>();
  double* users = writable<double>(per_user, "user_kpis", {n_user_rows, n_users});
  for (const UserKpi& kpi : user_kpis) {
    out.*kpi.values = {users, static_cast<std::size_t>(n_users)};
    users += n_users;
  }
  return out;
}

// A step's arrays. Indices are copies, see copy_of; the Python objects of the others outlive the call, so that the
// views stay valid while the GIL is released.
struct StepInputs {
  std::vector<std::int32_t> serving, user, tti;
  ConstMatrixView<double> share;
  std::span<const float> bits;
  std::span<const std::uint8_t> active;

  Arrivals arrivals() const { return {.user = user, .tti = tti, .bits = bits, .active = active}; }
};

struct StepArrays : StepInputs {
  WindowKpis kpis;
};

StepInputs step_inputs(const SchedulerConfig& sizes, const In<double>& share, const In<std::int32_t>& serving,
                       const In<std::int32_t>& user, const In<std::int32_t>& tti, const In<float>& bits,
                       const In<std::uint8_t>& active) {
  check_shape(share, "share", {sizes.n_cells, sizes.n_slices});
  check_shape(serving, "serving", {sizes.n_users});
  check_shape(user, "arrival_user", {-1});
  check_shape(tti, "arrival_tti", {user.size()});
  check_shape(bits, "arrival_bits", {user.size()});
  check_shape(active, "active", {sizes.n_users});
  return {.serving = copy_of(serving),
          .user = copy_of(user),
          .tti = copy_of(tti),
          .share = matrix_of(share),
          .bits = span_of(bits),
          .active = span_of(active)};
}

StepArrays step_arrays(const SchedulerConfig& sizes, const In<double>& share, const In<std::int32_t>& serving,
                       const In<std::int32_t>& user, const In<std::int32_t>& tti, const In<float>& bits,
                       const In<std::uint8_t>& active, py::array& kpis, const py::object& user_kpis_out) {
  return {step_inputs(sizes, share, serving, user, tti, bits, active), kpis_of(sizes, kpis, user_kpis_out)};
}

NetworkConfig network_config(const SchedulerConfig& scheduler, const In<double>& power_w, double noise_w,
                             double prb_bandwidth_hz, const std::string& efficiency,
                             std::optional<double> ceiling_bps_per_hz, int layers, int window_ttis,
                             double handover_margin_db, int time_to_trigger_steps, double filter_weight,
                             const In<std::int32_t>& slice_of, const std::string& isa, bool lend,
                             const std::string& fidelity, const In<double>& packet_bits, double resolution_m,
                             std::shared_ptr<UserProfile> profile, std::vector<double> dedicated_part,
                             std::vector<double> max_ratio, const std::string& interference, const std::string& bands,
                             std::vector<double> user_loss_db, int n_threads) {
  const bool transport_blocks = efficiency == "transport_block";
  const auto power = span_of(power_w);
  const auto slices = span_of(slice_of);
  const auto sizes = span_of(packet_bits);
  return {.scheduler = scheduler,
          .power_w = {power.begin(), power.end()},
          .noise_w = noise_w,
          .prb_bandwidth_hz = prb_bandwidth_hz,
          .efficiency = transport_blocks ? Efficiency::cqi : slicefast::efficiency(efficiency),
          .ceiling_bps_per_hz = ceiling_bps_per_hz.value_or(no_ceiling),
          .layers = layers,
          .interference = slicefast::interference(interference),
          .bands = slicefast::bands(bands),
          .window_ttis = window_ttis,
          .handover = {.margin_db = handover_margin_db, .time_to_trigger_steps = time_to_trigger_steps},
          .filter_weight = filter_weight,
          .slice_of = {slices.begin(), slices.end()},
          .isa = isa_from_name(isa),
          .transport_blocks = transport_blocks,
          .lend = lend,
          .dedicated_part = std::move(dedicated_part),
          .max_ratio = std::move(max_ratio),
          .fidelity = slicefast::fidelity(fidelity),
          .packet_bits = {sizes.begin(), sizes.end()},
          .resolution_m = resolution_m,
          .profile = std::move(profile),
          .user_loss_db = std::move(user_loss_db),
          .n_threads = n_threads};
}

// A Network and, fixed for its life, the sizes that arrays are held against.
struct BoundNetwork : Guarded<Network> {
  BoundNetwork(NetworkConfig config, std::shared_ptr<const GainSource> links)
      : Guarded("Network", config, std::move(links)), sizes(std::move(config.scheduler)) {}
  const SchedulerConfig sizes;

  void attach(const In<double>& x_m, const In<double>& y_m, py::array& serving) {
    check_shape(x_m, "x_m", {sizes.n_users});
    check_shape(y_m, "y_m", {sizes.n_users});
    std::int32_t* written = writable<std::int32_t>(serving, "serving", {sizes.n_users});
    const std::span<std::int32_t> out{written, static_cast<std::size_t>(sizes.n_users)};
    std::vector<std::int32_t> cells(out.begin(), out.end());
    // Replicas are attached by several threads at once.
    use_alone([&](Network& network) { network.attach(span_of(x_m), span_of(y_m), cells); });
    std::copy(cells.begin(), cells.end(), out.begin());
  }

  void step(const In<double>& share, const In<std::int32_t>& serving, const In<std::int32_t>& user,
            const In<std::int32_t>& tti, const In<float>& bits, const In<std::uint8_t>& active, py::array& kpis,
            const py::object& user_kpis_out, const py::object& delay_counts, const py::object& packet_kpis_out) {
    StepArrays a = step_arrays(sizes, share, serving, user, tti, bits, active, kpis, user_kpis_out);
    if (!delay_counts.is_none()) {
      auto counts = delay_counts.cast<py::array>(), rows = packet_kpis_out.cast<py::array>();
      const py::ssize_t n_cells = sizes.n_cells, n_slices = sizes.n_slices;
      set_packet_views(
          writable<std::uint32_t>(counts, "delay_counts", {n_cells, n_slices, static_cast<py::ssize_t>(n_delay_bins)}),
          writable<double>(rows, "packet_kpis", {static_cast<py::ssize_t>(packet_kpis.size()), n_cells, n_slices}),
          n_cells, n_slices, a.kpis);
    }
    // The step is the bulk of the work, and replicas are stepped by several threads at once.
    use_alone([&](Network& network) { network.step(a.share, a.serving, a.arrivals(), a.kpis); });
  }

  void probe(const In<double>& share, const In<double>& coupled_share, const In<std::int32_t>& serving,
             const In<std::int32_t>& user, const In<std::int32_t>& tti, const In<float>& bits,
             const In<std::uint8_t>& active, py::array& kpis, const py::object& user_kpis_out) {
    const StepArrays a = step_arrays(sizes, share, serving, user, tti, bits, active, kpis, user_kpis_out);
    check_shape(coupled_share, "coupled_share", {sizes.n_cells, sizes.n_slices});
    // As long as a step: several replicas are probed at once.
    use_alone(
        [&](Network& network) { network.probe(a.share, matrix_of(coupled_share), a.serving, a.arrivals(), a.kpis); });
  }

  void curves(const In<double>& levels, const In<double>& coupled_share, const In<std::int32_t>& serving,
              const In<std::int32_t>& user, const In<std::int32_t>& tti, const In<float>& bits,
              const In<std::uint8_t>& active, py::array& out, const std::optional<In<double>>& enough) {
    check_shape(levels, "levels", {-1});
    if (enough) check_shape(*enough, "enough", {2, sizes.n_cells, sizes.n_slices});
    const py::ssize_t n_levels = levels.size();
    double* values = writable<double>(out, "out", {2, n_levels, sizes.n_cells, sizes.n_slices});
    const StepInputs a = step_inputs(sizes, coupled_share, serving, user, tti, bits, active);
    const auto n = static_cast<std::size_t>(n_levels * sizes.n_cells * sizes.n_slices);
    Levels asked{.share = span_of(levels), .throughput_bps = {values, n}, .delay_ms = {values + n, n}};
    if (enough) {
      const auto n_groups = static_cast<std::size_t>(sizes.n_cells * sizes.n_slices);
      asked.enough_bps = span_of(*enough).first(n_groups);
      asked.enough_ms = span_of(*enough).last(n_groups);
    }
    use_alone([&](Network& network) { network.curves(asked, a.share, a.serving, a.arrivals()); });
  }

  py::array_t<float> sinr() {
    return use([](Network& network) { return array_of(network.sinr()); });
  }
  py::array_t<double> backlog_bits() {
    return use([](Network& network) { return array_of(network.backlog_bits()); });
  }
  static py::array_t<float> matrix_to_python(const Matrix<float>& matrix) {
    return py::array_t<float>({static_cast<py::ssize_t>(matrix.rows()), static_cast<py::ssize_t>(matrix.cols())},
                              matrix.view().data);
  }
  py::array_t<float> gain() {
    return use([](Network& network) { return matrix_to_python(network.gain()); });
  }
  py::array_t<float> reach() {
    return use([](Network& network) { return matrix_to_python(network.reach()); });
  }
  py::tuple state() {
    return use([](Network& network) { return to_python(network.state()); });
  }
  void set_state(const py::tuple& parts) {
    const NetworkState state = network_state(parts);
    use([&](Network& network) { network.set_state(state); });
  }
  void check_state(const py::tuple& parts) {
    const NetworkState state = network_state(parts);
    use([&](Network& network) { network.check_state(state); });
  }
};

template <class Table>
py::tuple names_of(const Table& table) {
  py::list names;
  for (const auto& row : table) names.append(py::str(row.name.data(), row.name.size()));
  return py::tuple(names);
}

}  // namespace

void bind_network(py::module_& module) {
  // In the order of a step's rows.
  module.attr("CELL_KPIS") = names_of(cell_kpis);
  module.attr("USER_KPIS") = names_of(user_kpis);
  module.def("delay_bins_ttis", [] {
    std::vector<double> middles(n_delay_bins);
    for (std::size_t bin = 0; bin < n_delay_bins; ++bin) middles[bin] = delay_of_bin(bin);
    return array_of(std::span<const double>(middles));
  });
  py::class_<BoundNetwork>(
      module, "Network",
      "One replica's step. A second thread that uses it meanwhile is refused with InUseError, nothing changed.")
      .def(
          py::init([](std::shared_ptr<GainSource> links, const SchedulerConfig& scheduler, const In<double>& power_w,
                      double noise_w, double prb_bandwidth_hz, const std::string& efficiency,
                      std::optional<double> ceiling_bps_per_hz, int layers, int window_ttis, double handover_margin_db,
                      int time_to_trigger_steps, double filter_weight, const In<std::int32_t>& slice_of,
                      const std::string& isa, bool lend, const std::string& fidelity, const In<double>& packet_bits,
                      double resolution_m, std::shared_ptr<UserProfile> profile, std::vector<double> dedicated_part,
                      std::vector<double> max_ratio, const std::string& interference, const std::string& bands,
                      std::vector<double> user_loss_db, int n_threads) {
            return std::make_unique<BoundNetwork>(
                network_config(scheduler, power_w, noise_w, prb_bandwidth_hz, efficiency, ceiling_bps_per_hz, layers,
                               window_ttis, handover_margin_db, time_to_trigger_steps, filter_weight, slice_of, isa,
                               lend, fidelity, packet_bits, resolution_m, std::move(profile), std::move(dedicated_part),
                               std::move(max_ratio), interference, bands, std::move(user_loss_db), n_threads),
                std::move(links));
          }),
          py::kw_only(), py::arg("links"), py::arg("scheduler"), py::arg("power_w"), py::arg("noise_w"),
          py::arg("prb_bandwidth_hz"), py::arg("efficiency"), py::arg("ceiling_bps_per_hz") = py::none(),
          py::arg("layers") = 1, py::arg("window_ttis"), py::arg("handover_margin_db"),
          py::arg("time_to_trigger_steps"), py::arg("filter_weight") = 1.0, py::arg("slice_of"), py::arg("isa"),
          py::arg("lend"), py::arg("fidelity"), py::arg("packet_bits"), py::arg("resolution_m") = 0.0,
          py::arg("profile") = nullptr, py::arg("dedicated_part") = std::vector<double>{},
          py::arg("max_ratio") = std::vector<double>{}, py::arg("interference") = "mean", py::arg("bands") = "anywhere",
          py::arg("user_loss_db") = std::vector<double>{}, py::arg("n_threads") = 1)
      .def("attach", &BoundNetwork::attach)
      .def("step", &BoundNetwork::step, py::arg("share"), py::arg("serving"), py::arg("arrival_user"),
           py::arg("arrival_tti"), py::arg("arrival_bits"), py::arg("active"), py::arg("kpis"), py::arg("user_kpis"),
           py::arg("delay_counts") = py::none(), py::arg("packet_kpis") = py::none())
      .def("probe", &BoundNetwork::probe)
      .def("curves", &BoundNetwork::curves)
      .def("sinr", &BoundNetwork::sinr)
      .def("gain", &BoundNetwork::gain)
      .def("reach", &BoundNetwork::reach)
      .def("backlog_bits", &BoundNetwork::backlog_bits)
      .def("state", &BoundNetwork::state)
      .def("set_state", &BoundNetwork::set_state)
      .def("check_state", &BoundNetwork::check_state);
}

}  // namespace slicefast::bindings
