// A network as its owner keeps it: the arrays beside it, what a step is given and gives, snapshots.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "slicefast/network.hpp"
#include "slicefast/scheduling/kpis.hpp"
#include "walk_world.hpp"

namespace slicefast::walk {

inline constexpr std::size_t n_kpis = cell_kpis.size() + 1, n_user_kpis = user_kpis.size();

// Everything that a step is given.
struct Play {
  std::vector<double> x_m, y_m, share, coupled_share;
  std::vector<std::int32_t> user, tti;
  std::vector<float> bits;
  std::vector<std::uint8_t> active;
  Arrivals arrivals() const { return {.user = user, .tti = tti, .bits = bits, .active = active}; }
};

struct Kpis {
  explicit Kpis(const World& world)
      : n_cells(world.n_cells()),
        n_slices(world.n_slices()),
        n_users(world.n_users()),
        values(n_kpis * n_cells * n_slices + n_user_kpis * n_users, std::numeric_limits<double>::quiet_NaN()) {
    if (world.network.fidelity == Fidelity::flow) return;
    delay_counts.resize(n_cells * n_slices * n_delay_bins);
    packets.resize(packet_kpis.size() * n_cells * n_slices);
  }
  MatrixView<double> matrix(std::size_t i) { return {values.data() + i * n_cells * n_slices, n_cells, n_slices}; }
  std::span<double> per_user(std::size_t i) {
    return std::span(values).subspan(n_kpis * n_cells * n_slices + i * n_users, n_users);
  }
  WindowKpis views() {
    WindowKpis all;
    for (std::size_t i = 0; i < cell_kpis.size(); ++i) all.*cell_kpis[i].values = matrix(i);
    all.delivered_bits = matrix(cell_kpis.size());
    for (std::size_t i = 0; i < user_kpis.size(); ++i) all.*user_kpis[i].values = per_user(i);
    if (delay_counts.empty()) return all;
    all.delay_counts = {delay_counts.data(), n_cells * n_slices, n_delay_bins};
    for (std::size_t i = 0; i < packet_kpis.size(); ++i)
      all.*packet_kpis[i].values = {packets.data() + i * n_cells * n_slices, n_cells, n_slices};
    return all;
  }
  std::size_t n_cells, n_slices, n_users;
  std::vector<double> values;
  std::vector<std::uint32_t> delay_counts;  // of packets: none at the flow level
  std::vector<double> packets;
};

// All that a network carries from step to step, and the serving cells, which are the caller's.
struct Snapshot {
  NetworkState network;
  std::vector<std::int32_t> serving;

  // Equal where every number is, to the last bit.
  std::string bytes() const {
    std::string all;
    const auto append = [&all](const void* data, std::size_t n_bytes) {
      all += std::to_string(n_bytes) + ':';
      all.append(static_cast<const char*>(data), n_bytes);
    };
    const auto add = [&]<class Field>(std::string_view, const Field& field) {
      if constexpr (std::is_arithmetic_v<Field>)
        append(&field, sizeof field);
      else if constexpr (!std::is_same_v<Field, SchedulerState>)
        append(field.data(), field.size() * sizeof field[0]);
    };
    visit_network_state(network, add);
    visit_scheduler_state(network.scheduler, add);
    add("serving", serving);
    return all;
  }
  bool operator==(const Snapshot& other) const { return bytes() == other.bytes(); }
};

// A network and the arrays that its owner keeps for it.
struct Replica {
  Replica(const World& world, std::shared_ptr<const GainSource> links)
      : network(world.network, std::move(links)), serving(world.n_users(), -1) {}

  Snapshot snapshot() const { return {network.state(), serving}; }
  void restore(const Snapshot& state) {
    network.set_state(state.network);
    serving = state.serving;
  }
  Kpis step(const World& world, const Play& play) {
    network.attach(play.x_m, play.y_m, serving);
    Kpis kpis(world);
    network.step({play.share.data(), world.n_cells(), world.n_slices()}, serving, play.arrivals(), kpis.views());
    return kpis;
  }

  Network network;
  std::vector<std::int32_t> serving;
};

}  // namespace slicefast::walk
