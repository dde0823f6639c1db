#include <cstdlib>

#include "check.hpp"

// The argument: how many worlds the network is walked through.
int main(int argc, char** argv) {
  test_checks();
  test_simd();
  test_lanes();
  test_threads();
  test_scheduler();
  test_path_loss();
  test_gain_map();
  test_link_model();
  test_folding();
  test_serving();
  test_coupling();
  test_flow();
  test_learner();
  test_network_state();
  test_two_threads();
  test_allocations();
  test_network(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 300);
  std::printf("%d passed, %d failed\n", checks - failures, failures);
  return failures == 0 ? 0 : 1;
}
