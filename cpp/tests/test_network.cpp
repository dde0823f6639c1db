#include "check.hpp"
#include "walk_network.hpp"

// Seeds are few enough to be named by a failure, and the same on every machine.
void test_network(std::size_t n_worlds) {
  using namespace slicefast::walk;
  Tally tally;
  for (std::size_t seed = 0; seed < n_worlds; ++seed) {
    const int failures_before = failures;
    Choices choices(seed);
    walk_network(choices, Limits{}, tally);
    if (failures > failures_before) std::printf("the walk of seed %zu failed\n", seed);
  }
  std::printf(
      "network walks: %zu worlds (%zu folded, %zu flow, %zu with profiles), %zu steps, %zu probes, %zu steps and %zu "
      "states refused, "
      "%zu steps replayed\n",
      n_worlds, tally.folded_worlds, tally.flow_worlds, tally.profiled_worlds, tally.steps, tally.probes,
      tally.refusals, tally.spoiled, tally.replays);
  if (n_worlds < 100) return;
  for (std::size_t count : {tally.folded_worlds, tally.flow_worlds, tally.profiled_worlds, tally.steps, tally.probes,
                            tally.refusals, tally.spoiled, tally.replays})
    CHECK(count > 0);
}
