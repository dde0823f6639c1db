#include "radio/far_walk.hpp"

#include <algorithm>

namespace slicefast {

RegionRuns::RegionRuns(const LinkModel::State& state, std::span<const double> x, std::span<const double> y,
                       std::span<const std::int32_t> users)
    : user(users.size()) {
  const FarCells& far = *state.far;
  std::vector<std::int32_t> region(users.size());
  std::vector<std::size_t> first(far.n_regions + 2, 0);  // of each region's users
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto u = static_cast<std::size_t>(users[i]);
    std::int64_t col = rounded_down(state.fields.col_at(x[u], y[u]));
    std::int64_t row = rounded_down(state.fields.row_at(x[u], y[u]));
    const std::size_t r = far.to_plane(col, row) ? far.region_at(col, row) : far.n_regions;
    region[i] = static_cast<std::int32_t>(r);
    ++first[r + 1];
  }
  for (std::size_t r = 0; r + 1 < first.size(); ++r) first[r + 1] += first[r];
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  for (std::size_t i = 0; i < users.size(); ++i) user[next[static_cast<std::size_t>(region[i])]++] = users[i];
  for (std::size_t r = 0; r + 1 < first.size(); ++r) {
    // In runs of one size, whole vectors: what is left over after full blocks would cost as much as they.
    const std::size_t n = first[r + 1] - first[r], n_runs = (n + block_users - 1) / block_users;
    const std::size_t most = n_runs ? whole_vectors((n + n_runs - 1) / n_runs) : 0;
    for (std::size_t begin = first[r]; begin < first[r + 1]; begin += most)
      runs.push_back({r, begin, std::min(most, first[r + 1] - begin)});
  }
}

namespace {

// (R,)
std::vector<std::uint8_t> regions_of(std::span<const RegionRuns::Run> runs, std::size_t n_regions) {
  std::vector<std::uint8_t> wanted(n_regions, 0);
  for (const RegionRuns::Run& run : runs)
    if (run.region < n_regions) wanted[run.region] = 1;
  return wanted;
}

}  // namespace

FarWalk::FarWalk(const LinkModel::State& state, std::span<const double> x, std::span<const double> y,
                 const Emissions& at, std::span<const std::int32_t> users)
    : state_(state),
      x_(x),
      y_(y),
      at_(at),
      runs_(state, x, y, users),
      remainders_(*state.far, regions_of(runs_.runs, state.far->n_regions), at.sent_w()) {}

// Whether a remainder could move interference plus noise by more than the tolerance.
bool FarWalk::is_doubtful(float factor, const Remainder& rest, float interference) const {
  return !(factor * rest.deviation <=
           static_cast<float>(state_.far->tolerance) * (interference + static_cast<float>(at_.noise_w)));
}

void FarWalk::meet_run(const RegionRuns::Run& run, FarSink& sink) const {
  const std::span<const std::int32_t> users = runs_.users_of(run);
  if (run.region == state_.far->n_regions) return meet_outside(users, sink);
  FarRun met;
  met.region = run.region;
  met.users = users;
  met.far.load(state_, run.region, users, x_, y_);
  sink.begin(met);
  meet_near(met, sink);
  met.far.find_links(state_, run.region, run.n);
  const Remainder& rest = remainders_.beyond(run.region, 0);
  std::vector<std::int32_t> doubtful;
  for (std::size_t i = 0; i < run.n; ++i) {
    if (is_doubtful(met.far.factor[i], rest, met.strongest.interference[i]))
      doubtful.push_back(static_cast<std::int32_t>(i));
    else
      sink.settle(met, i, met.strongest, i, 0, met.far.factor[i] * rest.sum);
  }
  if (!doubtful.empty()) meet_rings(met, std::move(doubtful), sink);
}

void FarWalk::meet_near(FarRun& run, FarSink& sink) const {
  const FarCells::Neighbourhood& near = state_.far->near;
  SiteGroups group(state_, run.far.block, run.users.size(), near.sites_of(run.region));
  while (group.next()) {
    run.strongest.add_group(state_, group, run.users.size(), near.cells_of(run.region), at_.power_w, at_.activity);
    sink.near_group(run, group);
  }
}

namespace {

// Sites and cells of one level of a region; those beyond all rings are listed when somebody asks.
struct LevelSites {
  LevelSites(const LinkModel::State& state, std::size_t region, std::size_t level) {
    const FarCells& far = *state.far;
    if (level <= far.rings.size()) {
      sites = far.rings[level - 1].sites_of(region);
      cells = far.rings[level - 1].cells_of(region);
      return;
    }
    for (std::size_t k = 0; k < state.sites.size(); ++k) {
      if (far.level[region * state.sites.size() + k] != level) continue;
      listed_sites.push_back(static_cast<std::int32_t>(k));
      for (std::size_t c = state.first_cell[k]; c < state.first_cell[k + 1]; ++c)
        listed_cells.push_back(state.cell_index[c]);
    }
    sites = listed_sites;
    cells = listed_cells;
  }
  LevelSites(const LevelSites&) = delete;

  std::span<const std::int32_t> sites, cells;

 private:
  std::vector<std::int32_t> listed_sites, listed_cells;
};

}  // namespace

// Of the doubtful users every round settles some; beyond the last level there is no remainder.
void FarWalk::meet_rings(FarRun& run, std::vector<std::int32_t> doubtful, FarSink& sink) const {
  LinkBlock block;
  Strongest rings = sink.ring_start(run, doubtful);
  for (std::size_t level = 1; level < state_.far->n_levels() && !doubtful.empty(); ++level) {
    const LevelSites met(state_, run.region, level);
    block.take(run.far.block, doubtful);
    SiteGroups group(state_, block, doubtful.size(), met.sites);
    while (group.next()) {
      rings.add_group(state_, group, doubtful.size(), met.cells, at_.power_w, at_.activity);
      sink.ring_group(run, doubtful, group, met.cells.subspan(group.first(), group.rows()));
    }
    doubtful = settle(run, level, doubtful, rings, sink);
  }
}

// Returns those who are not done, of whom alone `rings` tells afterwards.
std::vector<std::int32_t> FarWalk::settle(FarRun& run, std::size_t level, std::span<const std::int32_t> which,
                                          Strongest& rings, FarSink& sink) const {
  const Remainder& rest = remainders_.beyond(run.region, level);
  std::vector<std::int32_t> left, places;
  for (std::size_t w = 0; w < which.size(); ++w) {
    const auto i = static_cast<std::size_t>(which[w]);
    if (is_doubtful(run.far.factor[i], rest, rings.interference[w])) {
      left.push_back(which[w]);
      places.push_back(static_cast<std::int32_t>(w));
    } else {
      sink.settle(run, i, rings, w, level, run.far.factor[i] * rest.sum);
    }
  }
  rings = rings.of(places);
  return left;
}

void FarWalk::meet_outside(std::span<const std::int32_t> users, FarSink& sink) const {
  LinkBlock block;
  Strongest strongest;
  block.load(state_, users, x_, y_);
  SiteGroups group(state_, block, users.size(), state_.all_sites);
  while (group.next()) {
    strongest.add_group(state_, group, users.size(), state_.cell_index, at_.power_w, at_.activity);
    sink.outside_group(users, group);
  }
  sink.settle_outside(users, strongest);
}

}  // namespace slicefast
