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

void check_update(std::size_t n_users, std::size_t n_cells, std::span<const float> power_w,
                  const HandoverConfig& config, std::span<const std::int32_t> serving, const Timers& timers) {
  check_size("power_w", power_w.size(), n_cells, "cell");
  check_size("serving", serving.size(), n_users, "user");
  // Infinite: nobody is handed over.
  if (!(config.margin_db >= 0.0)) refuse("margin_db", text_of(config.margin_db), "at least 0");
  check_value("time_to_trigger_steps", config.time_to_trigger_steps, not_negative);
  check_values("power_w", power_w, not_negative, "cell");
  check_indices("serving", serving, n_cells, "user", -1);
  const bool waits = config.time_to_trigger_steps > 1 || !timers.steps.empty();
  const std::size_t n = waits ? n_users * n_timers : 0;
  check_size("timer_cell", timers.cell.size(), n, "timer of a user");
  check_size("timer_steps", timers.steps.size(), n, "timer of a user");
  check_indices("timer_cell", timers.cell, n_cells, "timer");
  check_values("timer_steps", std::span<const std::int32_t>(timers.steps), not_negative, "timer");
}

// The timers of one user, brought up to date: cells that exceed the margin go on or begin, the others are gone.
class UserTimers {
 public:
  UserTimers(std::span<std::int32_t> cell, std::span<std::int32_t> steps) : cell_(cell), steps_(steps) {
    std::copy(cell.begin(), cell.end(), old_cell_);
    std::copy(steps.begin(), steps.end(), old_steps_);
  }

  void enter(std::int32_t cell, float power) {
    std::int32_t steps = 1;
    for (std::size_t i = 0; i < n_timers; ++i)
      if (old_steps_[i] > 0 && old_cell_[i] == cell) steps = old_steps_[i] + 1;
    std::size_t at = n_;
    if (n_ == n_timers) {
      at = static_cast<std::size_t>(std::min_element(power_, power_ + n_timers) - power_);
      if (power <= power_[at]) return;
    } else {
      ++n_;
    }
    cell_[at] = cell;
    steps_[at] = steps;
    power_[at] = power;
  }

  // The strongest cell whose time is up, or -1; without one the timers go on.
  std::int32_t expired(int time_to_trigger_steps) {
    std::int32_t best = -1;
    float most = -1.0f;
    for (std::size_t i = 0; i < n_; ++i)
      if (steps_[i] >= time_to_trigger_steps && power_[i] > most) {
        best = cell_[i];
        most = power_[i];
      }
    clear_from(n_);
    return best;
  }

  void clear_from(std::size_t first) {
    for (std::size_t i = first; i < n_timers; ++i) cell_[i] = steps_[i] = 0;
  }

 private:
  std::span<std::int32_t> cell_, steps_;
  std::int32_t old_cell_[n_timers], old_steps_[n_timers];
  float power_[n_timers] = {};
  std::size_t n_ = 0;
};

// best_of(row) -> Best, own_of(row, cell) -> gain, and visit(row, f) calls f(cell, gain), for the users user_of(row).
template <class UserOf, class BestOf, class OwnOf, class Visit>
void update_users(std::span<const float> power, const HandoverConfig& config, std::span<std::int32_t> serving,
                  const Timers& timers, const ThreadPool* pool, UserOf user_of, BestOf best_of, OwnOf own_of,
                  Visit visit) {
  const float margin = static_cast<float>(std::pow(10.0, config.margin_db / 10.0));
  constexpr std::size_t block = 256;
  const std::size_t n_users = serving.size(), n_blocks = (n_users + block - 1) / block;
  const auto update = [&](std::size_t row) {
    const std::size_t u = user_of(row);
    const auto cell = static_cast<std::size_t>(std::max(serving[u], 0));
    const float own = serving[u] < 0 ? 0.0f : own_of(row, cell) * power[cell];
    const Best best = best_of(row);
    const bool at_once = serving[u] < 0 || own <= 0.0f, exceeds = best.cell != serving[u] && best.power > margin * own;
    if (timers.steps.empty()) {
      if (at_once || exceeds) serving[u] = best.cell;
      return;
    }
    UserTimers own_timers(timers.cell.subspan(u * n_timers, n_timers), timers.steps.subspan(u * n_timers, n_timers));
    if (at_once || !exceeds) {  // nobody exceeds the margin where the best does not
      if (at_once) serving[u] = best.cell;
      return own_timers.clear_from(0);
    }
    visit(row, [&](std::int32_t other, float gain) {
      const float received = gain * power[static_cast<std::size_t>(other)];
      if (other != serving[u] && received > margin * own) own_timers.enter(other, received);
    });
    const std::int32_t target = own_timers.expired(config.time_to_trigger_steps);
    if (target < 0) return;
    serving[u] = target;
    own_timers.clear_from(0);
  };
  const auto work = [&](std::size_t item, int) {
    for (std::size_t row = item * block; row < std::min(n_users, (item + 1) * block); ++row) update(row);
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

void update_serving(ConstMatrixView<float> gain, std::span<const float> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, const Timers& timers, const ThreadPool* pool) {
  check_update(gain.rows, gain.cols, power_w, config, serving, timers);
  update_users(
      power_w, config, serving, timers, pool, [](std::size_t row) { return row; },
      [&](std::size_t row) { return best_cell(gain.row(row), power_w.data()); },
      [&](std::size_t row, std::size_t cell) { return gain(row, cell); },
      [&](std::size_t row, auto enter) {
        for (std::size_t n = 0; n < gain.cols; ++n) enter(static_cast<std::int32_t>(n), gain(row, n));
      });
}

void update_serving(const FoldedGains& gain, std::span<const float> power_w, const HandoverConfig& config,
                    std::span<std::int32_t> serving, const Timers& timers, const ThreadPool* pool) {
  check_update(gain.n_users(), gain.n_cells, power_w, config, serving, timers);
  update_users(
      power_w, config, serving, timers, pool,
      [&](std::size_t place) { return static_cast<std::size_t>(gain.user_of[place]); },
      [&](std::size_t place) {
        return Best{gain.strongest[place],
                    gain.strongest_gain[place] * power_w[static_cast<std::size_t>(gain.strongest[place])]};
      },
      [&](std::size_t place, std::size_t cell) { return gain.link(place, cell); },
      [&](std::size_t place, auto enter) { gain.visit(place, enter); });
}

}  // namespace slicefast
