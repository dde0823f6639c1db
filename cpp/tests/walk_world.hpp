// Worlds for the random walk: networks of every option, drawn choice by choice.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "slicefast/network.hpp"
#include "slicefast/radio/gain_map.hpp"
#include "slicefast/radio/link_model.hpp"

namespace slicefast::walk {

// Where a walk takes its decisions from: a seed, or the bytes of a fuzzer's input. What decides between options comes
// from the bytes until they run out; the many values that fill arrays, and all that comes after, from the seed.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : state_(seed) {}
  explicit Choices(std::span<const std::uint8_t> bytes);
  std::size_t below(std::size_t n);                                                        // decides; in [0, n)
  bool one_in(std::size_t n) { return below(n) == n - 1; }                                 // decides
  std::size_t value_below(std::size_t n) { return static_cast<std::size_t>(next() % n); }  // fills
  double between(double low, double high);                                                 // fills; in [low, high)
  template <class T>
  T of(std::initializer_list<T> options) {
    return options.begin()[below(options.size())];
  }

 private:
  std::uint64_t next();  // SplitMix64 of Steele, Lea and Flood (OOPSLA 2014)

  std::span<const std::uint8_t> bytes_ = {};
  std::uint64_t state_ = 0;
};

// How large a world may be.
struct Limits {
  std::size_t n_users = 40, n_steps = 8, n_arrivals = 60;
  int window_ttis = 60;
  std::size_t rarity_of_folding = 8;  // one world in so many has enough sites for far cells to fold
  std::size_t rarity_of_threads = 4;  // one comparison in so many is made with a pool of threads
};

struct World {
  Isa isa = Isa::baseline;
  RadioConfig radio;
  std::vector<float> los_state, shadow_los, shadow_nlos, common_los, common_nlos;
  std::vector<std::int32_t> row_offset, col_offset;
  int tile_size = 2, common_cols = 2, common_rows = 2;
  double e1_x_m = 1, e1_y_m = 0, e2_x_m = 0, e2_y_m = 1;
  double extent_m = 1;  // users are in [0, extent) each way, and somewhat around
  NetworkConfig network;

  FieldTiles tiles() const;
  std::size_t n_users() const { return network.slice_of.size(); }
  std::size_t n_cells() const { return network.power_w.size(); }
  std::size_t n_slices() const { return static_cast<std::size_t>(network.scheduler.n_slices); }
};

World draw_world(Choices& choices, const Limits& limits);

// The world's links, or in some worlds a map of their gains on a few pixels.
std::shared_ptr<const GainSource> draw_source(Choices& choices, const World& world);

}  // namespace slicefast::walk
