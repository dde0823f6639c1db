#include <pybind11/stl.h>

#include <cmath>

#include "bind_scheduler.hpp"
#include "bindings.hpp"
#include "slicefast/network.hpp"

namespace slicefast::bindings {
namespace {

// The rows of a step's KPIs, in this order; per user: delivered bits, busy TTIs, dropped bits.
constexpr py::ssize_t n_kpis = 7, n_user_kpis = 3;

WindowKpis kpis_of(const SchedulerConfig& sizes, py::array& kpis, const py::object& user_kpis) {
  const py::ssize_t n_cells = sizes.n_cells, n_slices = sizes.n_slices, n_users = sizes.n_users;
  double* first = writable<double>(kpis, "kpis", {n_kpis, n_cells, n_slices});
  const auto row = [&](py::ssize_t i) {
    return MatrixView<double>{first + i * n_cells * n_slices, static_cast<std::size_t>(n_cells),
                              static_cast<std::size_t>(n_slices)};
  };
  WindowKpis out{.throughput_bps = row(0), .delay_ms = row(1), .load = row(2), .users = row(3)};
  out.dropped_bits = row(4);
  out.spectral_efficiency = row(5);
  out.throughput_p5_bps = row(6);
  if (user_kpis.is_none()) return out;
  auto per_user = user_kpis.cast<py::array>();
  double* users = writable<double>(per_user, "user_kpis", {n_user_kpis, n_users});
  const auto count = static_cast<std::size_t>(n_users);
  out.user_delivered_bits = {users, count};
  out.user_busy_ttis = {users + n_users, count};
  out.user_dropped_bits = {users + 2 * n_users, count};
  return out;
}

// Views on one replica's arrays, checked against the network's sizes. The Python objects outlive the call, so the views
// stay valid while the GIL is released.
struct StepArrays {
  ConstMatrixView<double> share;
  std::span<const std::int32_t> serving;
  Arrivals arrivals;
  WindowKpis kpis;
};

void check_users(std::span<const std::int32_t> users, std::int32_t limit, const char* name) {
  for (std::size_t i = 0; i < users.size(); ++i)
    if (users[i] < 0 || users[i] >= limit)
      throw InvalidArgument(std::string(name) + ": row " + std::to_string(i) + " has " + std::to_string(users[i]) +
                            ", allowed: 0 to " + std::to_string(limit - 1));
}

template <class T>
py::array_t<T> copy_of(std::span<const T> values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

void check_within(std::span<const double> values, double limit, const char* name) {
  for (double value : values)
    if (!(std::abs(value) < limit))
      throw InvalidArgument(std::string(name) + ": got " + text_of(value) + ", must be finite and below " +
                            text_of(limit));
}

void check_permutation(std::span<const std::int32_t> places) {
  std::vector<bool> seen(places.size(), false);
  for (std::int32_t user : places) {
    if (user < 0 || static_cast<std::size_t>(user) >= places.size() || seen[static_cast<std::size_t>(user)])
      throw InvalidArgument("places: user " + std::to_string(user) + " is none, or stands twice");
    seen[static_cast<std::size_t>(user)] = true;
  }
}

StepArrays check_step(const Network& network, const In<double>& share, const In<std::int32_t>& serving,
                      const In<std::int32_t>& user, const In<std::int32_t>& tti, const In<float>& bits,
                      const In<std::uint8_t>& active, py::array& kpis, const py::object& user_kpis) {
  const SchedulerConfig& sizes = network.config().scheduler;
  const py::ssize_t n_cells = sizes.n_cells, n_slices = sizes.n_slices, n_users = sizes.n_users;
  const py::ssize_t n_arrivals = user.size();
  check_shape(share, "share", {n_cells, n_slices});
  check_shape(serving, "serving", {n_users});
  check_shape(user, "arrival_user", {n_arrivals});
  check_shape(tti, "arrival_tti", {n_arrivals});
  check_shape(bits, "arrival_bits", {n_arrivals});
  check_shape(active, "active", {n_users});
  check_users(span_of(serving), sizes.n_cells, "serving");
  check_users(span_of(user), sizes.n_users, "arrival_user");
  return {.share = matrix_of(share),
          .serving = span_of(serving),
          .arrivals = {.user = span_of(user), .tti = span_of(tti), .bits = span_of(bits), .active = span_of(active)},
          .kpis = kpis_of(sizes, kpis, user_kpis)};
}

NetworkConfig network_config(const SchedulerConfig& scheduler, const In<double>& power_w, double noise_w,
                             double prb_bandwidth_hz, const std::string& efficiency, int window_ttis,
                             double handover_margin_db, int time_to_trigger_steps, const In<std::int32_t>& slice_of,
                             const std::string& isa, bool lend, const std::string& fidelity,
                             const In<double>& packet_bits, double resolution_m, std::shared_ptr<UserProfile> profile,
                             std::vector<double> dedicated_part, std::vector<double> max_ratio) {
  const bool transport_blocks = efficiency == "transport_block";
  const auto power = span_of(power_w);
  const auto slices = span_of(slice_of);
  const auto sizes = span_of(packet_bits);
  return {.scheduler = scheduler,
          .power_w = {power.begin(), power.end()},
          .noise_w = noise_w,
          .prb_bandwidth_hz = prb_bandwidth_hz,
          .efficiency = transport_blocks ? Efficiency::cqi : slicefast::efficiency(efficiency),
          .window_ttis = window_ttis,
          .handover = {.margin_db = handover_margin_db, .time_to_trigger_steps = time_to_trigger_steps},
          .slice_of = {slices.begin(), slices.end()},
          .isa = isa_from_name(isa),
          .transport_blocks = transport_blocks,
          .lend = lend,
          .dedicated_part = std::move(dedicated_part),
          .max_ratio = std::move(max_ratio),
          .fidelity = slicefast::fidelity(fidelity),
          .packet_bits = {sizes.begin(), sizes.end()},
          .resolution_m = resolution_m,
          .profile = std::move(profile)};
}

}  // namespace

void bind_network(py::module_& module) {
  py::class_<Network>(module, "Network")
      .def(py::init([](std::shared_ptr<LinkModel> links, const SchedulerConfig& scheduler, const In<double>& power_w,
                       double noise_w, double prb_bandwidth_hz, const std::string& efficiency, int window_ttis,
                       double handover_margin_db, int time_to_trigger_steps, const In<std::int32_t>& slice_of,
                       const std::string& isa, bool lend, const std::string& fidelity, const In<double>& packet_bits,
                       double resolution_m, std::shared_ptr<UserProfile> profile, std::vector<double> dedicated_part,
                       std::vector<double> max_ratio) {
             return Network(
                 network_config(scheduler, power_w, noise_w, prb_bandwidth_hz, efficiency, window_ttis,
                                handover_margin_db, time_to_trigger_steps, slice_of, isa, lend, fidelity, packet_bits,
                                resolution_m, std::move(profile), std::move(dedicated_part), std::move(max_ratio)),
                 std::move(links));
           }),
           py::kw_only(), py::arg("links"), py::arg("scheduler"), py::arg("power_w"), py::arg("noise_w"),
           py::arg("prb_bandwidth_hz"), py::arg("efficiency"), py::arg("window_ttis"), py::arg("handover_margin_db"),
           py::arg("time_to_trigger_steps"), py::arg("slice_of"), py::arg("isa"), py::arg("lend"), py::arg("fidelity"),
           py::arg("packet_bits"), py::arg("resolution_m") = 0.0, py::arg("profile") = nullptr,
           py::arg("dedicated_part") = std::vector<double>{}, py::arg("max_ratio") = std::vector<double>{})
      .def("attach",
           [](Network& network, const In<double>& x_m, const In<double>& y_m, py::array& serving) {
             const py::ssize_t n_users = network.config().scheduler.n_users;
             check_shape(x_m, "x_m", {n_users});
             check_shape(y_m, "y_m", {n_users});
             std::int32_t* written = writable<std::int32_t>(serving, "serving", {n_users});
             // Replicas are attached by several Python threads at once; nothing below touches Python.
             py::gil_scoped_release release;
             network.attach(span_of(x_m), span_of(y_m), {written, static_cast<std::size_t>(n_users)});
           })
      .def("step",
           [](Network& network, const In<double>& share, const In<std::int32_t>& serving, const In<std::int32_t>& user,
              const In<std::int32_t>& tti, const In<float>& bits, const In<std::uint8_t>& active, py::array& kpis,
              const py::object& user_kpis) {
             const StepArrays a = check_step(network, share, serving, user, tti, bits, active, kpis, user_kpis);
             // The step is the bulk of the work, and replicas are stepped by several Python threads at once.
             py::gil_scoped_release release;
             network.step(a.share, a.serving, a.arrivals, a.kpis);
           })
      .def("probe",
           [](Network& network, const In<double>& share, const In<double>& coupled_share,
              const In<std::int32_t>& serving, const In<std::int32_t>& user, const In<std::int32_t>& tti,
              const In<float>& bits, const In<std::uint8_t>& active, py::array& kpis, const py::object& user_kpis) {
             const StepArrays a = check_step(network, share, serving, user, tti, bits, active, kpis, user_kpis);
             check_shape(coupled_share, "coupled_share",
                         {network.config().scheduler.n_cells, network.config().scheduler.n_slices});
             // As long as a step: several replicas are probed at once.
             py::gil_scoped_release release;
             network.probe(a.share, matrix_of(coupled_share), a.serving, a.arrivals, a.kpis);
           })
      .def("sinr",
           [](Network& network) {
             return py::array_t<float>(static_cast<py::ssize_t>(network.sinr().size()), network.sinr().data());
           })
      .def("gain",
           [](const Network& network) {
             const Matrix<float> gain = network.gain();
             return py::array_t<float>({static_cast<py::ssize_t>(gain.rows()), static_cast<py::ssize_t>(gain.cols())},
                                       gain.view().data);
           })
      .def("backlog_bits",
           [](Network& network) {
             const auto backlog = network.backlog_bits();
             return py::array_t<double>(static_cast<py::ssize_t>(backlog.size()), backlog.data());
           })
      .def("state",
           [](Network& network) {
             const auto load = network.load();
             const auto pending = network.pending_steps();
             const auto backlog = network.flow_backlog();
             return py::make_tuple(copy_of(std::span<const double>(load)),
                                   copy_of(std::span<const std::int32_t>(pending)),
                                   scheduler_state(network.scheduler()), copy_of(std::span<const double>(backlog)),
                                   copy_of(network.link_x_m()), copy_of(network.link_y_m()), copy_of(network.places()),
                                   copy_of(std::span<const float>(network.sinr())));
           })
      .def("set_state", [](Network& network, const py::tuple& state) {
        if (state.size() != 8)
          throw InvalidArgument("state: got " + std::to_string(state.size()) + " parts, expected 8");
        const auto load = state[0].cast<In<double>>();
        check_shape(load, "load", {static_cast<py::ssize_t>(network.load().size())});
        const auto pending = state[1].cast<In<std::int32_t>>();
        check_shape(pending, "pending_steps", {static_cast<py::ssize_t>(network.pending_steps().size())});
        const auto backlog = state[3].cast<In<double>>();
        check_shape(backlog, "flow_backlog", {static_cast<py::ssize_t>(network.flow_backlog().size())});
        const auto x_m = state[4].cast<In<double>>(), y_m = state[5].cast<In<double>>();
        const auto places = state[6].cast<In<std::int32_t>>();
        check_shape(x_m, "link_x_m", {static_cast<py::ssize_t>(network.link_x_m().size())});
        check_shape(y_m, "link_y_m", {x_m.shape(0)});
        check_shape(places, "places", {static_cast<py::ssize_t>(network.places().size())});
        check_permutation(span_of(places));
        check_within(span_of(x_m), 1e9, "link_x_m");
        check_within(span_of(y_m), 1e9, "link_y_m");
        check_within(span_of(load), 1e300, "load");
        check_within(span_of(backlog), 1e300, "flow_backlog");
        const auto sinr = state[7].cast<In<float>>();
        check_shape(sinr, "sinr", {static_cast<py::ssize_t>(network.sinr().size())});
        set_scheduler_state(network.scheduler(), state[2].cast<py::dict>());
        network.restore_links(span_of(x_m), span_of(y_m), span_of(places));
        std::copy_n(pending.data(), pending.size(), network.pending_steps().begin());
        std::copy_n(load.data(), load.size(), network.load().begin());
        std::copy_n(sinr.data(), sinr.size(), network.sinr().begin());
        std::copy_n(backlog.data(), backlog.size(), network.flow_backlog().begin());
      });
}

}  // namespace slicefast::bindings
