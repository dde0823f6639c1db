// What every bind_*.cpp includes, and what module.cpp calls: one register function per noun, each in bind_<noun>.cpp.
#pragma once

#include "arrays.hpp"
#include "guard.hpp"

namespace slicefast::bindings {

void bind_learner(py::module_& module);
void bind_simd(py::module_& module);
void bind_threads(py::module_& module);
void bind_network(py::module_& module);
void bind_scheduler(py::module_& module);
void bind_flow(py::module_& module);
void bind_link_adaptation(py::module_& module);
void bind_radio(py::module_& module);
void bind_load_coupling(py::module_& module);

}  // namespace slicefast::bindings
