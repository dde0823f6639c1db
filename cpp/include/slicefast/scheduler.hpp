#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "slicefast/types.hpp"

namespace slicefast {

enum class SchedulerKind { round_robin, proportional_fair, max_ci };

struct SchedulerConfig {
  int n_cells = 0, n_slices = 0, n_users = 0, n_prb = 0;
  SchedulerKind kind = SchedulerKind::round_robin;
  double alpha = 1, beta = 1, averaging_ttis = 100;
};

struct Window {
  int n_ttis = 0;
  std::span<const std::int32_t> arrival_user, arrival_tti;
  std::span<const float> arrival_bits;
  std::span<const std::int32_t> serving, slice_of;
  std::span<const float> bits_per_prb;
  ConstMatrixView<double> share;
  std::span<const std::uint8_t> active;
};

struct WindowKpis {
  MatrixView<double> throughput_bps, delay_ms, load, users;
};

class Scheduler {
 public:
  explicit Scheduler(const SchedulerConfig& config);
  void run(const Window& window, WindowKpis kpis);
  std::span<const double> backlog_bits() const { return backlog_; }

  // Everything that persists over windows, as flat arrays: packets user by user, first in first.
  struct State {
    std::vector<std::int32_t> packet_user;
    std::vector<double> packet_bits;
    std::vector<std::int64_t> packet_arrival;
    std::vector<double> carry;
    std::vector<std::uint32_t> pointer;
    std::int64_t now = 0;
  };
  State state() const;
  void set_state(const State& state);

 private:
  struct Packet { double bits; std::int64_t arrival; std::int32_t next; };
  void push(std::int32_t user, double bits, std::int64_t tti);
  SchedulerConfig config_;
  std::vector<Packet> pool_;
  std::int32_t free_ = -1;
  std::vector<std::int32_t> head_, tail_;
  std::vector<double> backlog_, carry_, average_;
  std::vector<std::uint32_t> pointer_;
  std::int64_t now_ = 0;
};

}  // namespace slicefast
