// One object, several Python threads. The core's objects are for one thread at a time, and their work releases the GIL:
// an object that Python sees stands in a Guarded, which refuses the second thread by name (InUseError).
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <utility>

#include "slicefast/threads.hpp"

namespace slicefast::bindings {

namespace py = pybind11;

template <class T>
class Guarded {
 public:
  // `name` is what the refusal calls it.
  template <class... Arguments>
  explicit Guarded(const char* name, Arguments&&... arguments)
      : name_(name), object_(std::forward<Arguments>(arguments)...) {}

  // work(object) with the GIL: short, or with Python objects in it.
  template <class Work>
  auto use(Work work) {
    const ExclusiveUse use(in_use_, name_);
    return work(object_);
  }

  // work(object) without the GIL, so that other Python threads run; it must touch nothing of Python.
  template <class Work>
  auto use_alone(Work work) {
    const ExclusiveUse use(in_use_, name_);
    const py::gil_scoped_release release;
    return work(object_);
  }

 private:
  const char* name_;
  std::atomic_flag in_use_;
  T object_;
};

}  // namespace slicefast::bindings
