// The KPI arrays of one window, collected in a dict by name.
#pragma once

#include "arrays.hpp"
#include "slicefast/scheduling/kpis.hpp"

namespace slicefast::bindings {

struct KpiArrays {
  py::ssize_t n_cells, n_slices, n_users;
  py::dict out = {};
  WindowKpis kpis = {};

  void add_matrix(std::string_view name, MatrixView<double> WindowKpis::* values) {
    py::array_t<double> array({n_cells, n_slices});
    out[py::str(name.data(), name.size())] = array;
    kpis.*values = {array.mutable_data(), static_cast<std::size_t>(n_cells), static_cast<std::size_t>(n_slices)};
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
