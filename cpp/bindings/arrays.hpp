// NumPy arrays at the border. Read-only inputs may be converted or copied once by NumPy; arrays that are written are
// taken as they are, or refused by name. Values are checked in the core.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "slicefast/errors.hpp"
#include "slicefast/types.hpp"

namespace slicefast::bindings {

namespace py = pybind11;

// A read-only input: copied to dtype T, C order and T's alignment where it has not all three.
template <class T>
using In = py::array_t<T, py::array::c_style | py::array::forcecast | py::detail::npy_api::NPY_ARRAY_ALIGNED_>;

inline std::string shape_text(const py::array& array) {
  std::string text = "(";
  for (py::ssize_t i = 0; i < array.ndim(); ++i) text += (i ? ", " : "") + text_of(array.shape(i));
  return text + ")";
}

// Refuses an array whose shape is not `shape`; -1 allows any length of that axis.
inline void check_shape(const py::array& array, const char* name, std::initializer_list<py::ssize_t> shape) {
  bool right = array.ndim() == static_cast<py::ssize_t>(shape.size());
  std::string expected = "(";
  py::ssize_t axis = 0;
  for (py::ssize_t length : shape) {
    right = right && (length < 0 || array.shape(axis) == length);
    expected += (axis ? ", " : "") + (length < 0 ? std::string("any") : text_of(length));
    ++axis;
  }
  if (!right) refuse(name, "shape " + shape_text(array), expected + ")");
}

// An array that will be written: the exact dtype, C order, aligned and writable, or refused by name. Never a copy,
// since what is written into a copy vanishes.
template <class T>
T* writable(py::array& array, const char* name, std::initializer_list<py::ssize_t> shape) {
  if (!py::isinstance<py::array_t<T>>(array))
    refuse(name, "dtype " + py::str(array.dtype()).cast<std::string>(),
           py::str(py::dtype::of<T>()).cast<std::string>());
  check_shape(array, name, shape);
  if (!(array.flags() & py::array::c_style)) refuse(name, "an array that is not C-contiguous", "C-contiguous");
  if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) refuse(name, "misaligned memory", "aligned memory");
  if (!array.writeable()) refuse(name, "a read-only array", "a writable one");
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

// The values of an input that the core uses as indices: while the GIL is released another thread may write the array,
// and what was checked must be what is used.
template <class T>
std::vector<T> copy_of(const In<T>& array) {
  return {array.data(), array.data() + array.size()};
}

template <class T>
py::array_t<T> array_of(std::span<const T> values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

}  // namespace slicefast::bindings
