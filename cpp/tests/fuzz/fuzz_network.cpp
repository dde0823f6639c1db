// The walk of the smoke program, its options decoded from the fuzzer's bytes. Worlds are tiny, so that inputs are many.
#include <cstdlib>

#include "check.hpp"
#include "walk_network.hpp"

namespace {

using slicefast::walk::Limits;

constexpr std::size_t never = std::size_t{1} << 62;

// By a hash of the whole input (FNV-1a) and not by a byte of it: the fuzzer would learn to set that byte, as large
// worlds reach more code, and most inputs would be large soon.
Limits limits_of(const std::uint8_t* data, std::size_t size) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 0x100000001b3u;
  hash ^= hash >> 32;
  Limits limits{.n_users = 6,
                .n_steps = 2,
                .n_arrivals = 8,
                .window_ttis = 8,
                .rarity_of_folding = never,
                .rarity_of_threads = never};
  if (hash % 16 == 0) limits.n_users = 20, limits.n_steps = 3, limits.n_arrivals = 40, limits.window_ttis = 20;
  if (hash / 16 % 64 == 0) limits.rarity_of_folding = 2;
  if (hash / 1024 % 64 == 0) limits.rarity_of_threads = 2;
  return limits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  slicefast::walk::Tally tally;
  slicefast::walk::Choices choices(std::span(data, size));
  walk_network(choices, limits_of(data, size), tally);
  if (failures > 0) std::abort();
  return 0;
}
