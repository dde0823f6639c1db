// What every bind_*.cpp shares: checks of arrays at the border. Read-only inputs may be converted once by NumPy
// (pybind11 forcecast); arrays that are written are taken as they are and refused by name.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <initializer_list>
#include <string>

#include "slicefast/errors.hpp"
#include "slicefast/types.hpp"

namespace slicefast::bindings {

namespace py = pybind11;

// A read-only input: converted to dtype T and C order when it is neither.
template <class T>
using In = py::array_t<T, py::array::c_style | py::array::forcecast>;

inline std::string shape_text(const py::array& array) {
  std::string text = "(";
  for (py::ssize_t i = 0; i < array.ndim(); ++i) text += (i ? ", " : "") + std::to_string(array.shape(i));
  return text + ")";
}

// Refuses an array whose shape is not `shape`; -1 allows any length of that axis.
inline void check_shape(const py::array& array, const char* name, std::initializer_list<py::ssize_t> shape) {
  bool right = array.ndim() == static_cast<py::ssize_t>(shape.size());
  std::string expected = "(";
  py::ssize_t axis = 0;
  for (py::ssize_t length : shape) {
    right = right && (length < 0 || array.shape(axis) == length);
    expected += (axis ? ", " : "") + (length < 0 ? std::string("any") : std::to_string(length));
    ++axis;
  }
  if (!right) throw InvalidArgument(std::string(name) + ": got shape " + shape_text(array) + ", expected " + expected + ")");
}

// An array that will be written: the exact dtype, C order and writable, or refused by name. Never a copy, since what
// is written into a copy vanishes.
template <class T>
T* writable(py::array& array, const char* name, std::initializer_list<py::ssize_t> shape) {
  if (!py::isinstance<py::array_t<T>>(array))
    throw InvalidArgument(std::string(name) + ": got dtype " + py::str(array.dtype()).cast<std::string>() + ", expected " +
                          py::str(py::dtype::of<T>()).cast<std::string>());
  check_shape(array, name, shape);
  if (!(array.flags() & py::array::c_style)) throw InvalidArgument(std::string(name) + ": must be C-contiguous");
  if (!array.writeable()) throw InvalidArgument(std::string(name) + ": must be writable");
  return static_cast<T*>(array.mutable_data());
}

template <class T>
std::span<const T> span_of(const In<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

template <class T>
ConstMatrixView<T> matrix_of(const In<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.shape(0)), static_cast<std::size_t>(array.shape(1))};
}

// One register function per noun, each in bind_<noun>.cpp.
void bind_learner(py::module_& module);
void bind_simd(py::module_& module);
void bind_network(py::module_& module);
void bind_scheduler(py::module_& module);
void bind_radio(py::module_& module);
void bind_load_coupling(py::module_& module);

}  // namespace slicefast::bindings
