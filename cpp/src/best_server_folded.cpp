// Best servers and their SINR with far cells folded; see far_cells.hpp for what is left out and how far it can be off.
//
// Steps: a run of a region's users meets the near sites as in link_model.cpp; then each user its far sites in line of
// sight, and its share of the remainder. Users whose remainder could deviate too far meet the ring, and then every
// site.
#include <algorithm>
#include <cmath>

#include "far_links.hpp"

namespace slicefast {
namespace {

// One more link of the user i, as the kernel adds a cell.
void add(Strongest& found, std::size_t i, float received, float activity, std::int32_t cell) {
  const bool wins = received > found.received[i];
  found.interference[i] += wins ? found.activity[i] * found.received[i] : activity * received;
  if (!wins) return;
  found.received[i] = received;
  found.activity[i] = activity;
  found.cell[i] = cell;
}

Strongest take(const Strongest& from, std::span<const std::int32_t> which) {
  Strongest to;
  for (std::size_t i = 0; i < which.size(); ++i) {
    to.received[i] = from.received[which[i]], to.activity[i] = from.activity[which[i]];
    to.interference[i] = from.interference[which[i]], to.cell[i] = from.cell[which[i]];
  }
  return to;
}

// Best servers of blocks of users, with what the whole network shares.
struct ServerSearch {
  const LinkModel::State& state;
  std::span<const double> x, y, power, activity;
  float noise;
  std::span<std::int32_t> server;
  std::span<float> sinr;
  std::vector<Remainders> remainder;
  std::vector<std::int32_t> all_cells;
  std::vector<std::uint8_t> in_full;  // (U,) users who must meet every site

  void meet(Block& block, Strongest& found, std::size_t n, std::span<const std::int32_t> sites,
            std::span<const std::int32_t> cells) const;
  void finish(const Strongest& found, std::size_t user, std::size_t i) const;
  void run(const SortedUsers::Run& run, const std::int32_t* users);
  void run_ring(FoldedBlock& b, Strongest& found, std::size_t region, std::span<const std::int32_t> which,
                const std::int32_t* users);
  void run_all(const std::int32_t* users, std::size_t n);
};

void ServerSearch::meet(Block& block, Strongest& found, std::size_t n, std::span<const std::int32_t> sites,
                        std::span<const std::int32_t> cells) const {
  state.meet(
      block, n, sites, [&](std::size_t i) { return cells[i]; }, power, activity, found,
      [](std::size_t, std::size_t) {});
}

void ServerSearch::finish(const Strongest& found, std::size_t user, std::size_t i) const {
  server[user] = found.cell[i];
  sinr[user] = found.received[i] / (found.interference[i] + noise);
}

void ServerSearch::run(const SortedUsers::Run& run, const std::int32_t* users) {
  const FarCells& far = *state.far;
  if (run.region == far.n_regions) return run_all(users, run.n);
  FoldedBlock b;
  Strongest found;
  b.load(state, run, users, x, y);
  meet(b.block, found, run.n, far.near.sites_of(run.region), far.near.cells_of(run.region));
  b.find_far(state, run.region, run.n);
  std::int32_t which[block_users];
  std::size_t n_doubtful = 0;
  for (std::size_t i = 0; i < run.n; ++i) {
    const Remainders& rest = remainder[run.region];
    const bool ring = doubtful(far, b.factor[i], rest.beyond_near, found.interference[i] + noise);
    for (std::size_t j = b.first_link[i]; j < b.first_link[i + 1]; ++j) {
      if (ring && !b.beyond_ring[j]) continue;  // the ring will bring it
      const std::size_t cell = state.column_of[static_cast<std::size_t>(b.cell[j])];
      add(found, i, b.gain[j] * static_cast<float>(power[cell]), static_cast<float>(activity[cell]),
          static_cast<std::int32_t>(cell));
    }
    if (ring) {
      which[n_doubtful++] = static_cast<std::int32_t>(i);
      continue;
    }
    found.interference[i] += b.factor[i] * rest.beyond_near.sum;
    finish(found, static_cast<std::size_t>(users[i]), i);
  }
  if (n_doubtful > 0) run_ring(b, found, run.region, {which, n_doubtful}, users);
}

void ServerSearch::run_ring(FoldedBlock& b, Strongest& found, std::size_t region, std::span<const std::int32_t> which,
                            const std::int32_t* users) {
  const FarCells& far = *state.far;
  Block block;
  take(b.block, which, block);
  Strongest wider = take(found, which);
  meet(block, wider, which.size(), far.ring.sites_of(region), far.ring.cells_of(region));
  for (std::size_t i = 0; i < which.size(); ++i) {
    const auto at = static_cast<std::size_t>(which[i]), user = static_cast<std::size_t>(users[at]);
    const Remainder& rest = remainder[region].beyond_ring;
    in_full[user] = doubtful(far, b.factor[at], rest, wider.interference[i] + noise);
    wider.interference[i] += b.factor[at] * rest.sum;
    finish(wider, user, i);
  }
}

void ServerSearch::run_all(const std::int32_t* users, std::size_t n) {
  Block block;
  Strongest found;
  load_users(state, {users, n}, x, y, block);
  meet(block, found, n, state.all_sites, all_cells);
  for (std::size_t i = 0; i < n; ++i) finish(found, static_cast<std::size_t>(users[i]), i);
}

}  // namespace

void LinkModel::best_server_folded(std::span<const double> x_m, std::span<const double> y_m,
                                   std::span<const double> power_w, std::span<const double> activity, double noise_w,
                                   std::span<std::int32_t> server, std::span<float> sinr, ThreadPool* pool) const {
  const State& state = *state_;
  const SortedUsers sorted(state, x_m, y_m, all_users(x_m.size()));
  std::vector<double> weight(state.n_cells);
  for (std::size_t k = 0; k < weight.size(); ++k) weight[k] = activity[k] * power_w[k];
  ServerSearch search{.state = state,
                      .x = x_m,
                      .y = y_m,
                      .power = power_w,
                      .activity = activity,
                      .noise = static_cast<float>(noise_w),
                      .server = server,
                      .sinr = sinr,
                      .remainder = remainders(state, sorted.runs, weight),
                      .all_cells = {state.column_of.begin(), state.column_of.end()},
                      .in_full = std::vector<std::uint8_t>(x_m.size(), 0)};
  over(pool, sorted.runs.size(),
       [&](std::size_t item, int) { search.run(sorted.runs[item], sorted.user.data() + sorted.runs[item].first); });
  std::vector<std::int32_t> rest;
  for (std::size_t u = 0; u < search.in_full.size(); ++u)
    if (search.in_full[u]) rest.push_back(static_cast<std::int32_t>(u));
  over(pool, (rest.size() + block_users - 1) / block_users, [&](std::size_t item, int) {
    const std::size_t first = item * block_users;
    search.run_all(rest.data() + first, std::min(block_users, rest.size() - first));
  });
}

}  // namespace slicefast
