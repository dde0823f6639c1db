// From positions straight to the best server and its SINR: LinkModel::best_server.
#include <algorithm>

#include "radio/far_walk.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

// With few users to a region every link costs less than sorting them.
constexpr std::size_t least_users_per_region = 8;

struct Servers {
  std::span<std::int32_t> server;
  std::span<float> sinr;
  float noise;

  void set(std::int32_t user, const Strongest& strongest, std::size_t i) const {
    server[static_cast<std::size_t>(user)] = strongest.cell[i];
    sinr[static_cast<std::size_t>(user)] = strongest.received[i] / (strongest.interference[i] + noise);
  }
};

class BestServerSink final : public FarSink {
 public:
  BestServerSink(const LinkModel::State& state, const Servers& servers, std::span<const double> power,
                 std::span<const double> activity)
      : state_(state), servers_(servers), power_(power), activity_(activity) {}

  void begin(FarRun&) override {}
  void near_group(FarRun&, const SiteGroups&) override {}
  Strongest ring_start(FarRun& run, std::span<const std::int32_t> which) override { return run.strongest.of(which); }
  void ring_group(FarRun&, std::span<const std::int32_t>, const SiteGroups&, std::span<const std::int32_t>) override {}
  void settle(FarRun& run, std::size_t i, Strongest& met, std::size_t w, std::size_t level, float remainder) override {
    for (std::size_t j = run.far.first_link[i]; j < run.far.first_link[i + 1]; ++j) {
      if (run.far.level[j] <= level) continue;  // met with its site
      const std::size_t cell = state_.index_of(static_cast<std::size_t>(run.far.cell[j]));
      met.add_link(w, run.far.gain[j] * static_cast<float>(power_[cell]), static_cast<float>(activity_[cell]),
                   static_cast<std::int32_t>(cell));
    }
    met.interference[w] += remainder;
    servers_.set(run.users[i], met, w);
  }
  void outside_group(std::span<const std::int32_t>, const SiteGroups&) override {}
  void settle_outside(std::span<const std::int32_t> users, const Strongest& strongest) override {
    for (std::size_t i = 0; i < users.size(); ++i) servers_.set(users[i], strongest, i);
  }

 private:
  const LinkModel::State& state_;
  const Servers& servers_;
  std::span<const double> power_, activity_;
};

// Where all images count: by the rows of gain and reach of a block of users.
void best_images(const LinkModel& links, const Servers& servers, std::span<const double> x, std::span<const double> y,
                 std::span<const double> power, std::span<const double> activity, const ThreadPool* pool,
                 const UserProfile* profile) {
  Matrix<float> gain(x.size(), power.size()), reach(x.size(), power.size());
  links.gains(x, y, gain.view(), pool, profile, reach.view());
  for (std::size_t u = 0; u < x.size(); ++u) {
    double interference = 0.0;
    std::size_t best = 0;
    for (std::size_t n = 0; n < power.size(); ++n)
      if (power[n] * static_cast<double>(gain(u, n)) > power[best] * static_cast<double>(gain(u, best))) best = n;
    for (std::size_t n = 0; n < power.size(); ++n) {
      const double served = n == best ? static_cast<double>(gain(u, n)) : 0.0;
      interference += activity[n] * power[n] * (static_cast<double>(reach(u, n)) - served);
    }
    servers.server[u] = static_cast<std::int32_t>(best);
    servers.sinr[u] = static_cast<float>(power[best] * static_cast<double>(gain(u, best)) /
                                         (interference + static_cast<double>(servers.noise)));
  }
}

}  // namespace

void LinkModel::best_server(std::span<const double> x_m, std::span<const double> y_m, std::span<const double> power_w,
                            std::span<const double> activity, double noise_w, std::span<std::int32_t> server,
                            std::span<float> sinr, const ThreadPool* pool, const UserProfile* profile) const {
  const State& state = *state_;
  const std::size_t n_users = x_m.size();
  check_positions(x_m, y_m);
  check_profile(profile, n_users);
  check_size("power_w", power_w.size(), state.n_cells, "cell");
  check_size("activity", activity.size(), state.n_cells, "cell");
  check_size("server", server.size(), n_users, "user");
  check_size("sinr", sinr.size(), n_users, "user");
  check_values("power_w", power_w, not_negative, "cell");
  check_values("activity", activity, not_negative, "cell");
  check_value("noise_w", noise_w, positive);
  const Servers servers{server, sinr, static_cast<float>(noise_w)};
  if (folds() && !profile && n_users >= least_users_per_region * state.far->n_regions) {
    FarWalk walk(state, x_m, y_m, {power_w, activity, noise_w}, first_indices(n_users));
    walk.walk(pool, [&](std::size_t) { return BestServerSink(state, servers, power_w, activity); });
    return;
  }
  if (state.images) return best_images(*this, servers, x_m, y_m, power_w, activity, pool, profile);
  share_items(pool, (n_users + block_users - 1) / block_users, [&](std::size_t item, int) {
    LinkBlock block;
    Strongest strongest;
    const ConsecutiveUsers users(item * block_users, std::min(block_users, n_users - item * block_users));
    block.load(state, users, x_m, y_m, profile);
    SiteGroups group(state, block, users.n, state.all_sites);
    while (group.next()) strongest.add_group(state, group, users.n, state.cell_index, power_w, activity);
    for (std::size_t i = 0; i < users.n; ++i) servers.set(users.index[i], strongest, i);
  });
}

}  // namespace slicefast
