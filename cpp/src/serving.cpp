// Serving cells with margin and time to trigger.
#include <algorithm>
#include <cmath>
#include <string>

#include "slicefast/errors.hpp"
#include "slicefast/radio.hpp"

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

}  // namespace

void update_serving(ConstMatrixView<float> gain, std::span<const double> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, std::span<std::int32_t> pending_steps, ThreadPool* pool) {
  const std::size_t n_users = gain.rows, n_cells = gain.cols;
  if (power_w.size() != n_cells)
    throw InvalidArgument("power_w: got " + std::to_string(power_w.size()) + " values, expected one per cell, " +
                          std::to_string(n_cells));
  if (serving.size() != n_users || pending_steps.size() != n_users)
    throw InvalidArgument("serving, pending_steps: need one value per user, " + std::to_string(n_users));
  if (!(config.margin_db >= 0.0))
    throw InvalidArgument("margin_db: got " + std::to_string(config.margin_db) + ", must be >= 0");
  if (config.time_to_trigger_steps < 0)
    throw InvalidArgument("time_to_trigger_steps: got " + std::to_string(config.time_to_trigger_steps) +
                          ", must be >= 0");
  for (double power : power_w)
    if (!(power >= 0.0 && std::isfinite(power)))
      throw InvalidArgument("power_w: got " + std::to_string(power) + ", must be finite and >= 0");
  for (std::size_t u = 0; u < n_users; ++u)
    if (serving[u] >= static_cast<std::int32_t>(n_cells))
      throw InvalidArgument("serving: user " + std::to_string(u) + " has cell " + std::to_string(serving[u]) + " of " +
                            std::to_string(n_cells));

  const std::vector<float> power(power_w.begin(), power_w.end());
  const float margin = static_cast<float>(std::pow(10.0, config.margin_db / 10.0));
  constexpr std::size_t block = 256;
  const auto work = [&](std::size_t item, int) {
    for (std::size_t u = item * block; u < std::min(n_users, (item + 1) * block); ++u) {
      const Best best = best_cell(gain.row(u), power.data());
      if (serving[u] < 0) {
        serving[u] = best.cell;
        pending_steps[u] = 0;
        continue;
      }
      const std::size_t own = static_cast<std::size_t>(serving[u]);
      const bool entered = best.cell != serving[u] && best.power > margin * (gain(u, own) * power[own]);
      pending_steps[u] = entered ? pending_steps[u] + 1 : 0;
      if (entered && pending_steps[u] >= config.time_to_trigger_steps) {
        serving[u] = best.cell;
        pending_steps[u] = 0;
      }
    }
  };
  const std::size_t n_blocks = (n_users + block - 1) / block;
  if (pool)
    pool->for_each(n_blocks, work);
  else
    for (std::size_t item = 0; item < n_blocks; ++item) work(item, 0);
}

}  // namespace slicefast
