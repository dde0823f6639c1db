#include "bindings.hpp"
#include "slicefast/scheduler.hpp"
namespace slicefast::bindings {
void bind_scheduler(py::module_& module) {
  py::class_<SchedulerConfig>(module, "SchedulerConfig").def(py::init([](int n_cells, int n_slices, int n_users, int n_prb, std::string kind, double alpha, double beta, double averaging_ttis) {
    return SchedulerConfig{n_cells, n_slices, n_users, n_prb, kind == "round_robin" ? SchedulerKind::round_robin : SchedulerKind::max_ci, alpha, beta, averaging_ttis}; }),
    py::kw_only(), py::arg("n_cells"), py::arg("n_slices"), py::arg("n_users"), py::arg("n_prb"), py::arg("kind"), py::arg("alpha"), py::arg("beta"), py::arg("averaging_ttis"));
}
}
