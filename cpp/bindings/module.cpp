#include "bindings.hpp"

namespace {

// NotConverged carries its numbers as attributes of the Python exception.
void translate_not_converged(std::exception_ptr error, pybind11::handle type) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const slicefast::NotConverged& caught) {
    pybind11::object exception = type(caught.what());
    exception.attr("iterations") = caught.iterations;
    exception.attr("residual") = caught.residual;
    PyErr_SetObject(type.ptr(), exception.ptr());
  }
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  namespace py = pybind11;
  module.doc() = "The C++ core of slicefast: radio, load coupling, scheduling, the network step and the fused learner.";
  module.attr("__version__") = SLICEFAST_VERSION;

  // std::invalid_argument, hence InvalidArgument, becomes ValueError through pybind11 itself.
  static py::handle not_converged = PyErr_NewExceptionWithDoc(
      "slicefast._core.NotConverged", "A fixed point was not reached; has .iterations and .residual.",
      PyExc_RuntimeError, nullptr);
  module.attr("NotConverged") = not_converged;
  py::register_exception_translator([](std::exception_ptr error) { translate_not_converged(error, not_converged); });

  py::register_exception<slicefast::InUse>(module, "InUseError", PyExc_RuntimeError).doc() =
      "An object is in use by another thread; nothing has changed.";

  slicefast::bindings::bind_learner(module);
  slicefast::bindings::bind_simd(module);
  slicefast::bindings::bind_threads(module);
  slicefast::bindings::bind_radio(module);
  slicefast::bindings::bind_load_coupling(module);
  slicefast::bindings::bind_scheduler(module);
  slicefast::bindings::bind_flow(module);
  slicefast::bindings::bind_link_adaptation(module);
  slicefast::bindings::bind_network(module);
}
