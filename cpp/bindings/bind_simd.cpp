#include <pybind11/stl.h>

#include <cstdlib>

#include "bindings.hpp"
#include "slicefast/simd.hpp"

namespace slicefast::bindings {

void bind_simd(py::module_& module) {
  module.def("available_isas", [] {
    std::vector<std::string> names;
    for (Isa isa : available_isas()) names.emplace_back(isa_name(isa));
    return names;
  });
  // The environment is read here, at the border: the core has no hidden inputs.
  module.def("default_isa", [] {
    const char* chosen = std::getenv("SLICEFAST_ISA");
    return std::string(isa_name(choose_isa(chosen ? chosen : "")));
  });
}

}  // namespace slicefast::bindings
