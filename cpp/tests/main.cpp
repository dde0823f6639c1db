#include "check.hpp"

int main() {
  test_checks();
  test_simd();
  test_lanes();
  test_threads();
  test_scheduler();
  test_path_loss();
  test_link_model();
  test_folding();
  test_serving();
  test_coupling();
  test_flow();
  test_learner();
  test_network_state();
  test_two_threads();
  std::printf("%d passed, %d failed\n", checks - failures, failures);
  return failures == 0 ? 0 : 1;
}
