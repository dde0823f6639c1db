#include <cstdlib>

#include "check.hpp"

// The argument: how many worlds the network is walked through.
int main(int argc, char** argv) {
  test_simd();
  test_thread_pool();
  test_scheduler();
  test_radio();
  test_load_coupling();
  test_learner();
  test_network(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 300);
  std::printf("%d passed, %d failed\n", checks - failures, failures);
  return failures == 0 ? 0 : 1;
}
