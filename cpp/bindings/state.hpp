// States of the core as Python sees them: a SchedulerState is a dict of arrays, a NetworkState a tuple in the order of
// its fields. Names and order come from the visitors; values are checked in the core.
#pragma once

#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "slicefast/network.hpp"

namespace slicefast::bindings {

inline py::dict to_python(const SchedulerState& state);

template <class T>
py::array_t<T> to_python(const std::vector<T>& values) {
  return array_of(std::span<const T>(values));
}

template <class T>
void from_python(const py::object& value, const char* name, std::vector<T>& out) {
  const In<T> array = In<T>::ensure(value);
  if (!array) {
    PyErr_Clear();
    refuse(name, "a " + py::str(py::type::of(value).attr("__name__")).cast<std::string>(),
           "an array of " + py::str(py::dtype::of<T>()).cast<std::string>());
  }
  check_shape(array, name, {-1});
  out = copy_of(array);
}

inline void from_python(const py::object& value, const char* name, std::int64_t& out) {
  try {
    out = value.cast<std::int64_t>();
  } catch (const py::cast_error&) {
    refuse(name, "a " + py::str(py::type::of(value).attr("__name__")).cast<std::string>(), "an integer");
  }
}

inline void from_python(const py::object& value, const char* name, SchedulerState& out) {
  if (!py::isinstance<py::dict>(value)) refuse(name, py::repr(py::type::of(value)).cast<std::string>(), "a dict");
  const auto fields = value.cast<py::dict>();
  visit_scheduler_state(out, [&](const char* field, auto& values) {
    if (!fields.contains(field)) refuse(name, std::string("no '") + field + "'", "all fields of a state");
    from_python(py::object(fields[field]), field, values);
  });
}

inline py::dict to_python(const SchedulerState& state) {
  py::dict out;
  visit_scheduler_state(state, [&](const char* field, const auto& values) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(values)>>)
      out[field] = values;
    else
      out[field] = to_python(values);
  });
  return out;
}

inline py::tuple to_python(const NetworkState& state) {
  py::list out;
  visit_network_state(state, [&](const char*, const auto& values) { out.append(to_python(values)); });
  return py::tuple(out);
}

inline NetworkState network_state(const py::tuple& parts) {
  NetworkState state;
  std::size_t n_fields = 0, at = 0;
  visit_network_state(state, [&](const char*, auto&) { ++n_fields; });
  if (parts.size() != n_fields) refuse("state", text_of(parts.size()) + " parts", text_of(n_fields));
  visit_network_state(state,
                      [&](const char* name, auto& values) { from_python(py::object(parts[at++]), name, values); });
  return state;
}

}  // namespace slicefast::bindings
