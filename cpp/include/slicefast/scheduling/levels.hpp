// What a window would give every slice at L levels of share.
#pragma once

#include <cstddef>
#include <span>

namespace slicefast {

struct Levels {
  std::span<const double> share;               // (L)
  std::span<double> throughput_bps, delay_ms;  // (L * N * S), written
  // (N * S) or empty. A slice that has as much throughput at a level, and no more delay, or no packet, is replayed at
  // no further one: those are said to give the same. For searches over what satisfies.
  std::span<const double> enough_bps = {}, enough_ms = {};

  // Writes what (cell, slice) `group` gets at level k; returns whether that is enough, further levels written then.
  bool note(std::size_t k, std::size_t group, std::size_t n_groups, double bps, double ms) const {
    const bool enough = !enough_bps.empty() && (ms == 0 || (bps >= enough_bps[group] && ms <= enough_ms[group]));
    for (std::size_t to = k; to < (enough ? share.size() : k + 1); ++to) {
      throughput_bps[to * n_groups + group] = bps;
      delay_ms[to * n_groups + group] = ms;
    }
    return enough;
  }
};

}  // namespace slicefast
