#include "bindings.hpp"

namespace slicefast::bindings {
namespace {

// Every call of `work` has the GIL, and gives it up where it works in the core: what is Python's takes turns.
void for_each(int n_threads, std::size_t n_items, const py::function& work) {
  const ThreadPool pool(n_threads);
  const py::gil_scoped_release release;
  pool.for_each(n_items, [&work](std::size_t item, int) {
    const py::gil_scoped_acquire acquire;
    work(item);
  });
}

}  // namespace

void bind_threads(py::module_& module) {
  module.attr("MAX_THREADS") = max_threads;
  module.def("for_each", &for_each, py::arg("n_threads"), py::arg("n_items"), py::arg("work"),
             "work(item) for every item in [0, n_items), on the process's pool of threads; see threads.hpp.");
}

}  // namespace slicefast::bindings
