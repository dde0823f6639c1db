#include <cmath>

#include "bindings.hpp"
#include "slicefast/link_adaptation.hpp"

namespace slicefast::bindings {
namespace {

template <class Function>
py::array_t<std::int32_t> mapped(py::ssize_t n, Function function) {
  py::array_t<std::int32_t> out(n);
  for (py::ssize_t i = 0; i < n; ++i) out.mutable_data()[i] = function(i);
  return out;
}

}  // namespace

void bind_link_adaptation(py::module_& module) {
  module.def("cqi", [](const In<double>& sinr) {
    return mapped(sinr.size(), [&](py::ssize_t i) {
      if (std::isnan(sinr.data()[i])) throw InvalidArgument("sinr: value " + std::to_string(i) + " is not a number");
      return cqi(sinr.data()[i]);
    });
  });
  module.def("tbs_index", [](const In<std::int32_t>& indicator) {
    return mapped(indicator.size(), [&](py::ssize_t i) { return tbs_index(indicator.data()[i]); });
  });
  module.def("transport_block_bits", [](int index, int n_prb) {
    if (index < -1 || index > 26) refuse("tbs_index", text_of(index), "-1 to 26");
    return transport_block_bits(index, n_prb);
  });
}

}  // namespace slicefast::bindings
