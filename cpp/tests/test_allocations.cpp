// In steady state a step, at either level, where no cells fold, asks for no memory. Counted by an operator new of the
// whole program; the sanitizers bring their own, so there nothing is counted.
#include "check.hpp"
#include "worlds.hpp"

#ifdef SLICEFAST_SANITIZED

void test_allocations() {}

#else

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<long> allocations = 0;
}

void* operator new(std::size_t n) {
  ++allocations;
  if (void* place = std::malloc(n ? n : 1)) return place;
  throw std::bad_alloc();
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }

namespace {

using namespace slicefast;

// The users walk back and forth, so that queues and lists have been as long before.
long allocations_of_a_round(worlds::SmallWorld& world, Network& network) {
  const long before = allocations;
  for (int step = 0; step < 20; ++step) {
    for (double& x : world.x_m) x += step < 10 ? 7.0 : -7.0;
    network.attach(world.x_m, world.y_m, world.serving);
    network.step(world.shares(), world.serving, world.arrivals(), world.kpis());
  }
  return allocations - before;
}

}  // namespace

void test_allocations() {
  for (Fidelity fidelity : {Fidelity::tti, Fidelity::flow}) {
    worlds::SmallWorld world(fidelity);
    Network network = world.network();
    CHECK(allocations_of_a_round(world, network) > 0);  // the counter counts
    for (int round = 0; round < 3; ++round) allocations_of_a_round(world, network);
    CHECK(allocations_of_a_round(world, network) == 0);
  }
}

#endif
