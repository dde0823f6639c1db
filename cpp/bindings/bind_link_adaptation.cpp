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
  module.def("cqi", [](const In<double>& sinr, const std::string& table_name) {
    const McsTable table = mcs_table(table_name);
    return mapped(sinr.size(), [&](py::ssize_t i) {
      if (std::isnan(sinr.data()[i])) refuse_entry("sinr", "value", static_cast<std::size_t>(i), "nan", "numbers");
      return cqi(sinr.data()[i], table);
    });
  });
  module.def("tbs_index", [](const In<std::int32_t>& indicator, const std::string& table_name) {
    const McsTable table = mcs_table(table_name);
    return mapped(indicator.size(), [&](py::ssize_t i) { return tbs_index(indicator.data()[i], table); });
  });
  module.def("transport_block_bits", [](int index, int n_prb, const std::string& table_name, int layers) {
    const McsTable table = mcs_table(table_name);
    const int n_rows = n_tbs_rows(table);
    if (index < -1 || index >= n_rows) refuse("index", text_of(index), "-1 to " + text_of(n_rows - 1));
    return transport_block_bits(block_row(index, layers, table), n_prb, table);
  });
  module.def("nr_transport_block_bits", &nr_transport_block_bits);
  module.def("peak_bps_per_hz", [](int n_prb, const std::string& table_name, int layers) {
    return peak_bps_per_hz(n_prb, mcs_table(table_name), layers);
  });
}

}  // namespace slicefast::bindings
