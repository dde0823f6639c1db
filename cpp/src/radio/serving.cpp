#include "slicefast/radio/serving.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

struct Best {
  std::int32_t cell;
  float power;
};

Best best_cell(std::span<const float> gain, const float* power) {
  Best best{0, -1.0f};
  for (std::size_t n = 0; n < gain.size(); ++n) {
    const float received = gain[n] * power[n];
    if (received > best.power) best = {static_cast<std::int32_t>(n), received};
  }
  return best;
}

void check_update(std::size_t n_users, std::size_t n_cells, std::span<const double> power_w,
                  const HandoverConfig& config, std::span<const std::int32_t> serving,
                  std::span<const std::int32_t> pending_steps) {
  check_size("power_w", power_w.size(), n_cells, "cell");
  check_size("serving", serving.size(), n_users, "user");
  check_size("pending_steps", pending_steps.size(), n_users, "user");
  // Infinite: nobody is handed over.
  if (!(config.margin_db >= 0.0)) refuse("margin_db", text_of(config.margin_db), "at least 0");
  check_value("time_to_trigger_steps", config.time_to_trigger_steps, not_negative);
  check_values("power_w", power_w, not_negative, "cell");
  check_indices("serving", serving, n_cells, "user", -1);
  check_values("pending_steps", pending_steps, not_negative, "user");
}

// Events of one user: its best cell, and what it receives from its own.
void decide(const Best& best, float own, float margin, const HandoverConfig& config, std::int32_t& serving,
            std::int32_t& pending_steps) {
  const bool entered = best.cell != serving && best.power > margin * own;
  pending_steps = entered ? pending_steps + 1 : 0;
  if (serving < 0 || own <= 0.0f || (entered && pending_steps >= config.time_to_trigger_steps)) {
    serving = best.cell;
    pending_steps = 0;
  }
}

// best_of(row) -> Best and own_of(row, cell) -> gain for the users user_of(row).
template <class UserOf, class BestOf, class OwnOf>
void update_users(std::span<const float> power, const HandoverConfig& config, std::span<std::int32_t> serving,
                  std::span<std::int32_t> pending_steps, ThreadPool* pool, UserOf user_of, BestOf best_of,
                  OwnOf own_of) {
  const float margin = static_cast<float>(std::pow(10.0, config.margin_db / 10.0));
  constexpr std::size_t block = 256;
  const std::size_t n_users = serving.size(), n_blocks = (n_users + block - 1) / block;
  const auto work = [&](std::size_t item, int) {
    for (std::size_t row = item * block; row < std::min(n_users, (item + 1) * block); ++row) {
      const std::size_t u = user_of(row);
      const auto cell = static_cast<std::size_t>(std::max(serving[u], 0));
      const float own = serving[u] < 0 ? 0.0f : own_of(row, cell) * power[cell];
      decide(best_of(row), own, margin, config, serving[u], pending_steps[u]);
    }
  };
  share_items(pool, n_blocks, work);
}

}  // namespace

void check_gains(ConstMatrixView<float> gain) {
  for (std::size_t u = 0; u < gain.rows; ++u)
    for (float value : gain.row(u))
      if (!not_negative.holds(static_cast<double>(value)))
        refuse_entry("gain", "user", u, text_of(static_cast<double>(value)), not_negative.text());
}

void update_serving(ConstMatrixView<float> gain, std::span<const double> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, std::span<std::int32_t> pending_steps, ThreadPool* pool) {
  check_update(gain.rows, gain.cols, power_w, config, serving, pending_steps);
  const std::vector<float> power(power_w.begin(), power_w.end());
  update_users(
      power, config, serving, pending_steps, pool, [](std::size_t row) { return row; },
      [&](std::size_t row) { return best_cell(gain.row(row), power.data()); },
      [&](std::size_t row, std::size_t cell) { return gain(row, cell); });
}

void update_serving(const FoldedGains& gain, std::span<const double> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, std::span<std::int32_t> pending_steps, ThreadPool* pool) {
  check_update(gain.n_users(), gain.n_cells, power_w, config, serving, pending_steps);
  const std::vector<float> power(power_w.begin(), power_w.end());
  update_users(
      power, config, serving, pending_steps, pool,
      [&](std::size_t place) { return static_cast<std::size_t>(gain.user_of[place]); },
      [&](std::size_t place) {
        return Best{gain.strongest[place],
                    gain.strongest_gain[place] * power[static_cast<std::size_t>(gain.strongest[place])]};
      },
      [&](std::size_t place, std::size_t cell) { return gain.link(place, cell); });
}

}  // namespace slicefast
