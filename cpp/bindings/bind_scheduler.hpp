// The scheduler's state as a dict of arrays, for the bindings of whatever holds a Scheduler.
#pragma once

#include "bindings.hpp"
#include "slicefast/scheduler.hpp"

namespace slicefast::bindings {

py::dict scheduler_state(const Scheduler& scheduler);
// Raises ValueError with nothing changed.
void set_scheduler_state(Scheduler& scheduler, const py::dict& state);

}  // namespace slicefast::bindings
