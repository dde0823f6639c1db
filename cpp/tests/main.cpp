#include "check.hpp"

int main() {
  test_checks();
  test_simd();
  test_threads();
  test_scheduler();
  test_flow();
  test_radio();
  test_load_coupling();
  test_learner();
  test_network_state();
  test_two_threads();
  std::printf("%d passed, %d failed\n", checks - failures, failures);
  return failures == 0 ? 0 : 1;
}
