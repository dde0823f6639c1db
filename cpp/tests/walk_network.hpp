// A random walk through one world: attach, step, probe, refusals, snapshots and restores, with what must hold after
// each. Run by the smoke program over seeds, by the fuzzer over its inputs, and so by every sanitizer.
#pragma once

#include "walk_world.hpp"

namespace slicefast::walk {

// What a walk did, to see that none of it is left out.
// `spoiled`: states refused.
struct Tally {
  std::size_t steps = 0, probes = 0, refusals = 0, spoiled = 0, replays = 0, folded_worlds = 0, flow_worlds = 0,
              profiled_worlds = 0;
};

// Counts what does not hold as failed checks (check.hpp).
void walk_network(Choices& choices, const Limits& limits, Tally& tally);

}  // namespace slicefast::walk
