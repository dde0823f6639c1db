// The KPI arrays of one window, collected in a dict by name.
#pragma once

#include "arrays.hpp"
#include "slicefast/scheduling/kpis.hpp"

namespace slicefast::bindings {

inline void set_packet_views(std::uint32_t* counts, double* rows, py::ssize_t n_cells, py::ssize_t n_slices,
                             WindowKpis& kpis) {
  const auto cells = static_cast<std::size_t>(n_cells), slices = static_cast<std::size_t>(n_slices);
  kpis.delay_counts = {counts, cells * slices, n_delay_bins};
  for (const CellKpi& kpi : packet_kpis) {
    kpis.*kpi.values = {rows, cells, slices};
    rows += cells * slices;
  }
}

struct KpiArrays {
  py::ssize_t n_cells, n_slices, n_users;
  py::dict out = {};
  WindowKpis kpis = {};

  void add_matrix(std::string_view name, MatrixView<double> WindowKpis::* values) {
    py::array_t<double> array({n_cells, n_slices});
    out[py::str(name.data(), name.size())] = array;
    kpis.*values = {array.mutable_data(), static_cast<std::size_t>(n_cells), static_cast<std::size_t>(n_slices)};
  }
  // Of packets: counts by delay (N, S, B), and a row (N, S) for each of packet_kpis.
  void add_packets() {
    const auto n_bins = static_cast<py::ssize_t>(n_delay_bins);
    py::array_t<std::uint32_t> counts({n_cells, n_slices, n_bins});
    py::array_t<double> rows({static_cast<py::ssize_t>(packet_kpis.size()), n_cells, n_slices});
    out["delay_counts"] = counts;
    out["packet_kpis"] = rows;
    set_packet_views(counts.mutable_data(), rows.mutable_data(), n_cells, n_slices, kpis);
  }
  void add_users(std::string_view name, std::span<double> WindowKpis::* values) {
    py::array_t<double> array(n_users);
    out[py::str(name.data(), name.size())] = array;
    kpis.*values = {array.mutable_data(), static_cast<std::size_t>(n_users)};
  }
};

// (U,) or nothing.
template <class T>
In<T> optional_users(const py::object& value, const char* name, py::ssize_t n_users) {
  if (value.is_none()) return {};
  In<T> array = value.cast<In<T>>();
  check_shape(array, name, {n_users});
  return array;
}

}  // namespace slicefast::bindings
