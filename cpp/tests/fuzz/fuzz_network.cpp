// The walk of the smoke program, its options decoded from the fuzzer's bytes. Worlds are small, so that inputs are
// many.
#include <cstdlib>

#include "check.hpp"
#include "walk_network.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slicefast::walk;
  static const Limits small{.n_users = 6, .n_steps = 3, .n_arrivals = 10, .window_ttis = 12, .rarity_of_folding = 64};
  Tally tally;
  Choices choices(std::span(data, size));
  walk_network(choices, small, tally);
  if (failures > 0) std::abort();
  return 0;
}
