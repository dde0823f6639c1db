// Gains with far cells folded; see far_cells.hpp for what is left out and folded_gains.hpp for what is kept.
//
// Steps: a run of a region's users meets the near sites, whose gains become rows; far sites in line of sight, and for
// users whose remainder could deviate too far the ring's or all sites, become single links; links too weak to matter
// one by one go back into the user's share of the remainder, as they are at full activity.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "far_links.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/folded_gains.hpp"

namespace slicefast {

std::span<const std::int32_t> FoldedGains::near_cells(std::size_t place) const {
  return region[place] < 0 ? std::span<const std::int32_t>{}
                           : far->near.cells_of(static_cast<std::size_t>(region[place]));
}

std::ptrdiff_t FoldedGains::near_column(std::size_t place, std::size_t cell) const {
  return region[place] < 0 ? -1 : far->near_column[static_cast<std::size_t>(region[place]) * n_cells + cell];
}

float FoldedGains::link(std::size_t place, std::size_t cell) const {
  if (strongest[place] == static_cast<std::int32_t>(cell)) return strongest_gain[place];  // the usual question
  if (const std::ptrdiff_t column = near_column(place, cell); column >= 0)
    return near[place * stride + static_cast<std::size_t>(column)];
  for (std::uint32_t i = far_first[place]; i < far_first[place + 1]; ++i)
    if (far_cell[i] == static_cast<std::int32_t>(cell)) return far_gain[i];
  return 0.0f;
}

void FoldedGains::set_places(std::span<const std::int32_t> users) {
  const std::size_t n = users.size();
  user_of.assign(users.begin(), users.end());
  place_of.resize(n);
  for (std::size_t p = 0; p < n; ++p) place_of[static_cast<std::size_t>(users[p])] = static_cast<std::int32_t>(p);
  region.resize(n);
  factor.resize(n);
  strongest.resize(n);
  strongest_gain.resize(n);
  far_first.resize(n + 1);
}

namespace {

// Of interference plus noise: a link below it, in units of the tolerance, does not matter by itself.
constexpr float weak = 0.06f;

struct Link {
  std::uint32_t place;
  std::int32_t cell;
  float gain;
};

// What the runs share.
struct Folding {
  const LinkModel::State& state;
  std::span<const double> x, y, power;
  float noise;
  std::vector<double> full;           // (N,) ones: activities
  std::vector<Remainders> remainder;  // at full activity
  FoldedGains& out;
  std::vector<std::vector<Link>> links;  // by run, then by block of users who meet every site
  std::vector<std::uint8_t> in_full;     // (U,) by place: users who must

  float power_of(std::int32_t cell) const { return static_cast<float>(power[static_cast<std::size_t>(cell)]); }
  float gain_of(float received, std::int32_t cell) const {
    return received > 0.0f ? received / power_of(cell) : 0.0f;  // nobody is received where all cells are silent
  }
  // What a link must be received with to be kept by itself.
  float least(float interference) const {
    return weak * static_cast<float>(state.far->tolerance) * (interference + noise);
  }
};

// A user's share of its region's remainder, so that at full activity it comes to `power`.
float share_of_remainder(const Folding& all, std::size_t place, float power) {
  if (all.out.region[place] < 0) return 0.0f;
  const float sum = all.remainder[static_cast<std::size_t>(all.out.region[place])].beyond_near.sum;
  return sum > 0.0f ? power / sum : 0.0f;
}

// One run of users on its way into FoldedGains.
class FoldedRun {
 public:
  FoldedRun(Folding& all, std::size_t item, const SortedUsers::Run& run, const std::int32_t* users)
      : all_(all), run_(run), users_(users), links_(all.links[item]) {}
  void fold();

 private:
  std::size_t place(std::size_t i) const {
    return static_cast<std::size_t>(all_.out.place_of[static_cast<std::size_t>(users_[i])]);
  }
  bool is_doubtful(std::size_t i, float interference, const Remainder& rest) const {
    return doubtful(*all_.state.far, block_.factor[i], rest, interference + all_.noise);
  }
  void meet_near();
  void keep(std::size_t i, std::int32_t cell, float gain);
  void keep_far(std::size_t i, bool beyond_ring_only);
  void keep_rows(std::span<const std::int32_t> which, std::span<const std::int32_t> cells);
  void close(std::size_t i, float rest);
  void fold_ring(std::span<const std::int32_t> which);

  Folding& all_;
  const SortedUsers::Run& run_;
  const std::int32_t* users_;
  std::vector<Link>& links_;
  FoldedBlock block_;
  Strongest found_;                  // at full activity, among the near cells and the links kept
  float dropped_[block_users] = {};  // what weak links come to
  std::vector<float> rows_;          // gains by cell, block_users to each
};

void FoldedRun::fold() {
  const FarCells& far = *all_.state.far;
  block_.load(all_.state, run_, users_, all_.x, all_.y);
  const bool outside = run_.region == far.n_regions;
  for (std::size_t i = 0; i < run_.n; ++i)
    all_.out.region[place(i)] = outside ? -1 : static_cast<std::int32_t>(run_.region);
  if (outside) {
    for (std::size_t i = 0; i < run_.n; ++i) {
      std::fill_n(all_.out.near.data() + place(i) * all_.out.stride, all_.out.stride, 0.0f);
      all_.in_full[place(i)] = 1;
    }
    return;
  }
  std::vector<std::int32_t> which;
  meet_near();
  block_.find_far(all_.state, run_.region, run_.n);
  const Remainder& rest = all_.remainder[run_.region].beyond_near;
  for (std::size_t i = 0; i < run_.n; ++i) {
    if (is_doubtful(i, found_.interference[i], rest)) {
      which.push_back(static_cast<std::int32_t>(i));
      continue;
    }
    keep_far(i, false);
    close(i, block_.factor[i] * rest.sum);
  }
  if (!which.empty()) fold_ring(which);
}

void FoldedRun::meet_near() {
  const LinkModel::State& state = all_.state;
  const std::span<const std::int32_t> cells = state.far->near.cells_of(run_.region);
  Block& b = block_.block;
  for (std::size_t i = 0; i < run_.n; ++i) b.out[i] = all_.out.near.data() + place(i) * all_.out.stride;
  state.meet(
      b, run_.n, state.far->near.sites_of(run_.region), [&](std::size_t i) { return cells[i]; }, all_.power, all_.full,
      found_,
      [&](std::size_t rows, std::size_t first) {
        state.kernels->transpose(b.rows, block_users, rows, run_.n, b.out, first);
      });
  for (std::size_t i = 0; i < run_.n; ++i) std::fill(b.out[i] + cells.size(), b.out[i] + all_.out.stride, 0.0f);
}

void FoldedRun::keep(std::size_t i, std::int32_t cell, float gain) {
  const float received = gain * all_.power_of(cell);
  if (received <= all_.least(found_.interference[i])) {
    dropped_[i] += received;
    return;
  }
  links_.push_back({static_cast<std::uint32_t>(place(i)), cell, gain});
  if (received <= found_.received[i]) return;
  found_.received[i] = received;
  found_.cell[i] = cell;
}

void FoldedRun::keep_far(std::size_t i, bool beyond_ring_only) {
  for (std::size_t j = block_.first_link[i]; j < block_.first_link[i + 1]; ++j)
    if (!beyond_ring_only || block_.beyond_ring[j])
      keep(i, static_cast<std::int32_t>(all_.state.column_of[static_cast<std::size_t>(block_.cell[j])]),
           block_.gain[j]);
}

// Links of the users `which` to cells of which rows_ holds the gains; negative users are left out.
void FoldedRun::keep_rows(std::span<const std::int32_t> which, std::span<const std::int32_t> cells) {
  alignas(64) float least[block_users], dropped[block_users] = {};
  std::uint8_t strong[block_users];
  for (std::size_t w = 0; w < which.size(); ++w)
    least[w] = which[w] < 0 ? std::numeric_limits<float>::infinity() : all_.least(found_.interference[which[w]]);
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const float* row = rows_.data() + c * block_users;
    if (!all_.state.kernels->sift(row, all_.power_of(cells[c]), least, which.size(), dropped, strong)) continue;
    for (std::size_t w = 0; w < which.size(); ++w)
      if (strong[w]) keep(static_cast<std::size_t>(which[w]), cells[c], row[w]);
  }
  for (std::size_t w = 0; w < which.size(); ++w)
    if (which[w] >= 0) dropped_[which[w]] += dropped[w];
}

void FoldedRun::close(std::size_t i, float rest) {
  all_.out.factor[place(i)] = share_of_remainder(all_, place(i), rest + dropped_[i]);
  all_.out.strongest[place(i)] = found_.cell[i];
  all_.out.strongest_gain[place(i)] = all_.gain_of(found_.received[i], found_.cell[i]);
}

void FoldedRun::fold_ring(std::span<const std::int32_t> which) {
  const LinkModel::State& state = all_.state;
  const std::span<const std::int32_t> cells = state.far->ring.cells_of(run_.region);
  const Remainder& rest = all_.remainder[run_.region].beyond_ring;
  Block wider;
  take(block_.block, which, wider);
  Strongest ring;
  for (std::size_t w = 0; w < which.size(); ++w) ring.interference[w] = found_.interference[which[w]];
  rows_.clear();
  state.meet(
      wider, which.size(), state.far->ring.sites_of(run_.region), [&](std::size_t i) { return cells[i]; }, all_.power,
      all_.full, ring,
      [&](std::size_t rows, std::size_t) { rows_.insert(rows_.end(), wider.rows, wider.rows + rows * block_users); });
  std::vector<std::int32_t> settled(which.begin(), which.end());
  for (std::size_t w = 0; w < which.size(); ++w) {
    const auto i = static_cast<std::size_t>(which[w]);
    if (!is_doubtful(i, ring.interference[w], rest)) continue;
    all_.in_full[place(i)] = 1;
    settled[w] = -1;
  }
  keep_rows(settled, cells);
  for (std::int32_t user : settled) {
    if (user < 0) continue;
    const auto i = static_cast<std::size_t>(user);
    keep_far(i, true);
    close(i, block_.factor[i] * rest.sum);
  }
}

// Users who meet every site, from any regions: their near rows are there already, but for those outside the plane.
class FullBlock {
 public:
  FullBlock(Folding& all, std::vector<Link>& links, std::span<const std::uint32_t> places)
      : all_(all), links_(links), places_(places) {}
  void fold();

 private:
  Folding& all_;
  std::vector<Link>& links_;
  std::span<const std::uint32_t> places_;
};

void FullBlock::fold() {
  const LinkModel::State& state = all_.state;
  FoldedGains& out = all_.out;
  const std::size_t n = places_.size();
  Block block;
  Strongest found;
  std::int32_t users[block_users];
  for (std::size_t i = 0; i < n; ++i) users[i] = out.user_of[places_[i]];
  load_users(state, {users, n}, all_.x, all_.y, block);
  std::vector<float> rows;  // (N, block_users)
  rows.reserve(state.n_cells * block_users);
  state.meet(
      block, n, state.all_sites, [&](std::size_t i) { return state.column_of[i]; }, all_.power, all_.full, found,
      [&](std::size_t count, std::size_t) { rows.insert(rows.end(), block.rows, block.rows + count * block_users); });
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t place = places_[i];
    const float least = all_.least(found.interference[i]);
    float dropped = 0.0f;
    for (std::size_t c = 0; c < state.n_cells; ++c) {
      const std::size_t cell = state.column_of[c];
      if (out.near_column(place, cell) >= 0) continue;
      const float gain = rows[c * block_users + i], received = gain * all_.power_of(static_cast<std::int32_t>(cell));
      // Outside the plane there is no remainder that could take a weak link.
      if (received > least || out.region[place] < 0)
        links_.push_back({place, static_cast<std::int32_t>(cell), gain});
      else
        dropped += received;
    }
    out.strongest[place] = found.cell[i];
    out.strongest_gain[place] = all_.gain_of(found.received[i], found.cell[i]);
    out.factor[place] = share_of_remainder(all_, place, dropped);
  }
}

// Links of all runs, and those that users who were not met have already, in the order of the places.
void assemble(const std::vector<std::vector<Link>>& links, const std::vector<std::uint8_t>& met, FoldedGains& out) {
  const std::vector<std::uint32_t> old_first = out.far_first;
  const std::vector<std::int32_t> old_cell = std::move(out.far_cell);
  const std::vector<float> old_gain = std::move(out.far_gain);
  std::fill(out.far_first.begin(), out.far_first.end(), 0u);
  for (std::size_t p = 0; p < met.size(); ++p)
    if (!met[p]) out.far_first[p + 1] = old_first[p + 1] - old_first[p];
  for (const auto& run : links)
    for (const Link& link : run) ++out.far_first[link.place + 1];
  for (std::size_t p = 0; p < met.size(); ++p) out.far_first[p + 1] += out.far_first[p];
  out.far_cell.resize(out.far_first.back());
  out.far_gain.resize(out.far_first.back());
  std::vector<std::uint32_t> next(out.far_first.begin(), out.far_first.end() - 1);
  for (std::size_t p = 0; p < met.size(); ++p) {
    if (met[p]) continue;
    std::copy(old_cell.begin() + old_first[p], old_cell.begin() + old_first[p + 1], out.far_cell.begin() + next[p]);
    std::copy(old_gain.begin() + old_first[p], old_gain.begin() + old_first[p + 1], out.far_gain.begin() + next[p]);
  }
  for (const auto& run : links)
    for (const Link& link : run) {
      const std::uint32_t at = next[link.place]++;
      out.far_cell[at] = link.cell;
      out.far_gain[at] = link.gain;
    }
}

// Meets the sorted users, whose places are known.
void meet(const LinkModel::State& state, const SortedUsers& sorted, std::span<const double> x,
          std::span<const double> y, std::span<const double> power, double noise, FoldedGains& gains,
          ThreadPool* pool) {
  const std::size_t n_users = x.size();
  Folding all{.state = state,
              .x = x,
              .y = y,
              .power = power,
              .noise = static_cast<float>(noise),
              .full = std::vector<double>(state.n_cells, 1.0),
              .remainder = remainders(state, sorted.runs, power),
              .out = gains,
              .links = std::vector<std::vector<Link>>(sorted.runs.size()),
              .in_full = std::vector<std::uint8_t>(n_users, 0)};
  over(pool, sorted.runs.size(), [&](std::size_t item, int) {
    FoldedRun(all, item, sorted.runs[item], sorted.user.data() + sorted.runs[item].first).fold();
  });
  std::vector<std::uint32_t> rest;
  for (std::size_t p = 0; p < n_users; ++p)
    if (all.in_full[p]) rest.push_back(static_cast<std::uint32_t>(p));
  const std::size_t n_blocks = (rest.size() + block_users - 1) / block_users;
  all.links.resize(sorted.runs.size() + n_blocks);
  over(pool, n_blocks, [&](std::size_t item, int) {
    const std::size_t first = item * block_users;
    FullBlock(all, all.links[sorted.runs.size() + item],
              std::span(rest).subspan(first, std::min(block_users, rest.size() - first)))
        .fold();
  });
  std::vector<std::uint8_t> met(n_users, 0);
  for (std::int32_t user : sorted.user)
    met[static_cast<std::size_t>(gains.place_of[static_cast<std::size_t>(user)])] = 1;
  assemble(all.links, met, gains);
}

void check_fold(const LinkModel& model, std::span<const double> x, std::span<const double> y,
                std::span<const double> power, double noise) {
  if (!model.folds()) throw InvalidArgument("fold: this network's far cells do not fold");
  check_positions(x, y);
  if (power.size() != static_cast<std::size_t>(model.n_cells()))
    throw InvalidArgument("power_w: need one value per cell, " + std::to_string(model.n_cells()));
  for (double p : power)
    if (!(p >= 0.0 && std::isfinite(p)))
      throw InvalidArgument("power_w: got " + text_of(p) + ", must be finite and not negative");
  if (!(noise > 0.0 && std::isfinite(noise)))
    throw InvalidArgument("noise_w: got " + text_of(noise) + ", must be positive and finite");
}

}  // namespace

void LinkModel::fold(std::span<const double> x_m, std::span<const double> y_m, std::span<const double> power_w,
                     double noise_w, FoldedGains& gains, ThreadPool* pool) const {
  check_fold(*this, x_m, y_m, power_w, noise_w);
  const SortedUsers sorted(*state_, x_m, y_m, all_users(x_m.size()));
  gains.set_places(sorted.user);
  gains.n_cells = state_->n_cells;
  gains.stride = whole_vectors(state_->far->near.most_cells);
  gains.far = state_->far;
  gains.near.resize(x_m.size() * gains.stride);
  meet(*state_, sorted, x_m, y_m, power_w, noise_w, gains, pool);
}

void LinkModel::refold(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
                       std::span<const double> power_w, double noise_w, FoldedGains& gains, ThreadPool* pool) const {
  check_fold(*this, x_m, y_m, power_w, noise_w);
  if (gains.far != state_->far || gains.n_users() != x_m.size())
    throw InvalidArgument("gains: made by another link model or for " + std::to_string(gains.n_users()) +
                          " users, there are " + std::to_string(x_m.size()));
  std::vector<std::uint8_t> named(x_m.size(), 0);
  for (std::int32_t u : users) {
    if (u < 0 || static_cast<std::size_t>(u) >= x_m.size())
      throw InvalidArgument("users: got " + std::to_string(u) + ", allowed 0.." + std::to_string(x_m.size()) +
                            " exclusive");
    if (std::exchange(named[static_cast<std::size_t>(u)], std::uint8_t{1}))
      throw InvalidArgument("users: " + std::to_string(u) + " stands twice");
  }
  meet(*state_, SortedUsers(*state_, x_m, y_m, users), x_m, y_m, power_w, noise_w, gains, pool);
}

}  // namespace slicefast
