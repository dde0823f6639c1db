#include "radio/far_walk.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

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
  for (std::size_t r = 0; r + 1 < first.size(); ++r)
    for (std::size_t begin = first[r]; begin < first[r + 1]; begin += block_users)
      runs.push_back({r, begin, std::min(block_users, first[r + 1] - begin)});
}

namespace {

// Sums over sites of the weighted means w_rk rho_k p_k, kept apart for the ring's sites and those beyond it.
struct SiteSums {
  double sum[2] = {}, squares[2] = {}, largest[2] = {};

  void add(std::size_t beyond_ring, double site) {
    sum[beyond_ring] += site;
    squares[beyond_ring] += site * site;
    largest[beyond_ring] = std::max(largest[beyond_ring], site);
  }
};

Remainders remainders_of(const FarCells& far, std::size_t region, const SiteSums& s) {
  const auto remainder = [&far](double sum, double squares, double largest, bool wide) {
    const double deviation =
        wide ? std::numeric_limits<double>::infinity()
             : 3.0 * std::sqrt(far.own_variation * squares) + far.largest_excursion * largest + 0.25 * sum;
    return Remainder{static_cast<float>(sum), static_cast<float>(deviation)};
  };
  return {remainder(s.sum[0] + s.sum[1], s.squares[0] + s.squares[1], std::max(s.largest[0], s.largest[1]),
                    far.wide_near[region]),
          remainder(s.sum[1], s.squares[1], s.largest[1], far.wide_ring[region])};
}

// (R,), those of the runs' regions.
std::vector<Remainders> remainders(const LinkModel::State& state, std::span<const RegionRuns::Run> runs,
                                   std::span<const double> weight) {
  const FarCells& far = *state.far;
  const std::size_t n_sites = state.sites.size();
  std::vector<Remainders> out(far.n_regions);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::size_t r = runs[i].region;
    if (r == far.n_regions || (i > 0 && runs[i - 1].region == r)) continue;
    const float* w = far.weight.data() + r * state.n_cells;
    SiteSums sums;
    for (std::size_t k = 0; k < n_sites; ++k) {
      double site = 0.0;
      for (std::size_t c = state.first_cell[k]; c < state.first_cell[k + 1]; ++c)
        site += weight[state.index_of(c)] * static_cast<double>(w[state.index_of(c)]);
      sums.add(far.beyond_ring[r * n_sites + k], site);
    }
    out[r] = remainders_of(far, r, sums);
  }
  return out;
}

std::vector<double> products(std::span<const double> a, std::span<const double> b) {
  std::vector<double> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = a[i] * b[i];
  return out;
}

}  // namespace

FarWalk::FarWalk(const LinkModel::State& state, std::span<const double> x, std::span<const double> y,
                 std::span<const double> power, std::span<const double> activity, double noise,
                 std::span<const std::int32_t> users)
    : state_(state),
      x_(x),
      y_(y),
      power_(power),
      activity_(activity),
      noise_(static_cast<float>(noise)),
      runs_(state, x, y, users),
      remainders_(remainders(state, runs_.runs, products(activity, power))),
      is_unsettled_(x.size(), 0) {}

// Whether a remainder could move interference plus noise by more than the tolerance.
bool FarWalk::is_doubtful(float factor, const Remainder& rest, float interference) const {
  return !(factor * rest.deviation <= static_cast<float>(state_.far->tolerance) * (interference + noise_));
}

std::vector<std::int32_t> FarWalk::unsettled() const {
  std::vector<std::int32_t> users;
  for (std::size_t u = 0; u < is_unsettled_.size(); ++u)
    if (is_unsettled_[u]) users.push_back(static_cast<std::int32_t>(u));
  return users;
}

void FarWalk::meet_region(const RegionRuns::Run& run, FarSink& sink) {
  const std::span<const std::int32_t> users = runs_.users_of(run);
  if (run.region == state_.far->n_regions) {
    for (std::int32_t user : users) is_unsettled_[static_cast<std::size_t>(user)] = 1;
    return sink.outside(users);
  }
  FarRun met;
  met.region = run.region;
  met.users = users;
  met.far.load(state_, run.region, users, x_, y_);
  sink.begin(met);
  meet_near(met, sink);
  met.far.find_links(state_, run.region, run.n);
  const Remainder& rest = remainders_[run.region].beyond_near;
  std::int32_t doubtful[block_users];
  std::size_t n_doubtful = 0;
  for (std::size_t i = 0; i < run.n; ++i) {
    if (is_doubtful(met.far.factor[i], rest, met.strongest.interference[i]))
      doubtful[n_doubtful++] = static_cast<std::int32_t>(i);
    else
      sink.settle_near(met, i, met.far.factor[i] * rest.sum);
  }
  if (n_doubtful > 0) meet_ring(met, {doubtful, n_doubtful}, sink);
}

void FarWalk::meet_near(FarRun& run, FarSink& sink) const {
  const FarCells::Neighbourhood& near = state_.far->near;
  SiteGroups group(state_, run.far.block, run.users.size(), near.sites_of(run.region));
  while (group.next()) {
    run.strongest.add_group(state_, group, run.users.size(), near.cells_of(run.region), power_, activity_);
    sink.near_group(run, group);
  }
}

void FarWalk::meet_ring(FarRun& run, std::span<const std::int32_t> doubtful, FarSink& sink) {
  const FarCells::Neighbourhood& ring = state_.far->ring;
  LinkBlock block;
  block.take(run.far.block, doubtful);
  Strongest strongest = sink.ring_start(run, doubtful);
  SiteGroups group(state_, block, doubtful.size(), ring.sites_of(run.region));
  while (group.next()) {
    strongest.add_group(state_, group, doubtful.size(), ring.cells_of(run.region), power_, activity_);
    sink.ring_group(group);
  }
  const Remainder& rest = remainders_[run.region].beyond_ring;
  std::int32_t settled[block_users];
  for (std::size_t w = 0; w < doubtful.size(); ++w) {
    const auto i = static_cast<std::size_t>(doubtful[w]);
    settled[w] = doubtful[w];
    if (!is_doubtful(run.far.factor[i], rest, strongest.interference[w])) continue;
    is_unsettled_[static_cast<std::size_t>(run.users[i])] = 1;
    settled[w] = -1;
  }
  sink.settle_ring(run, {settled, doubtful.size()}, strongest, rest.sum);
}

void FarWalk::meet_all(std::span<const std::int32_t> users, FarSink& sink) const {
  LinkBlock block;
  Strongest strongest;
  block.load(state_, users, x_, y_);
  SiteGroups group(state_, block, users.size(), state_.all_sites);
  while (group.next()) {
    strongest.add_group(state_, group, users.size(), state_.cell_index, power_, activity_);
    sink.all_group(group);
  }
  sink.settle_all(users, strongest);
}

}  // namespace slicefast
