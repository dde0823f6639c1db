// From positions to gains with far cells folded: LinkModel::fold and refold. See far_cells.hpp for what is left out and
// folded_gains.hpp for what is kept.
//
// Steps: the near sites' gains become rows; far sites in line of sight or loud, and for users whose remainder could
// deviate too far those of rings or all sites, become single links; links too weak to matter one by one go back into
// the user's share of the remainder, at their activities.
#include <algorithm>
#include <limits>
#include <utility>

#include "radio/far_walk.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
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
  const FarWalk& walk;
  const Emissions& at;
  FoldedGains& out;
  std::vector<std::vector<Link>> links;  // by run

  std::size_t place_of(std::int32_t user) const {
    return static_cast<std::size_t>(out.place_of[static_cast<std::size_t>(user)]);
  }
  float power_of(std::int32_t cell) const { return static_cast<float>(at.power_w[static_cast<std::size_t>(cell)]); }
  float activity_of(std::int32_t cell) const { return static_cast<float>(at.activity[static_cast<std::size_t>(cell)]); }
  // What a link must be received with to be kept by itself.
  float least(float interference) const {
    return weak * static_cast<float>(state.far->tolerance) * (interference + static_cast<float>(at.noise_w));
  }
  // A user's strongest cell, and its share of the region's remainder, so that it comes to `rest`.
  void close(std::size_t place, std::int32_t cell, float received, std::size_t level, float rest) const {
    const std::int32_t region = out.region[place];
    const float sum = region < 0 ? 0.0f : walk.remainders().beyond(static_cast<std::size_t>(region), 0).sum;
    out.level[place] = static_cast<std::uint8_t>(level);
    out.factor[place] = sum > 0.0f ? rest / sum : 0.0f;
    out.strongest[place] = cell;
    // Nobody is received where all cells are silent.
    out.strongest_gain[place] = received > 0.0f ? received / power_of(cell) : 0.0f;
  }
};

class FoldSink final : public FarSink {
 public:
  FoldSink(Folding& all, std::size_t item) : all_(all), links_(all.links[item]) {}

  void begin(FarRun& run) override;
  void near_group(FarRun& run, const SiteGroups& group) override;
  void settle(FarRun& run, std::size_t i, Strongest& met, std::size_t w, std::size_t level, float remainder) override;
  Strongest ring_start(FarRun& run, std::span<const std::int32_t> which) override;
  void ring_group(FarRun& run, std::span<const std::int32_t> which, const SiteGroups& group,
                  std::span<const std::int32_t> cells) override;
  void outside_group(std::span<const std::int32_t> users, const SiteGroups& group) override;
  void settle_outside(std::span<const std::int32_t> users, const Strongest& strongest) override;

 private:
  void keep_link(FarRun& run, std::size_t i, std::int32_t cell, float gain);

  Folding& all_;
  std::vector<Link>& links_;
  float dropped_[block_users] = {};  // what weak links come to
};

void FoldSink::begin(FarRun& run) {
  const std::size_t n_near = all_.state.far->near.cells_of(run.region).size();
  for (std::size_t i = 0; i < run.users.size(); ++i) {
    const std::size_t place = all_.place_of(run.users[i]);
    float* row = all_.out.near.data() + place * all_.out.stride;
    all_.out.region[place] = static_cast<std::int32_t>(run.region);
    run.far.block.out[i] = row;
    std::fill(row + n_near, row + all_.out.stride, 0.0f);
  }
}

void FoldSink::near_group(FarRun& run, const SiteGroups& group) {
  all_.state.kernels->transpose(group.row(0), block_users, group.rows(), run.users.size(), run.far.block.out,
                                group.first());
}

void FoldSink::keep_link(FarRun& run, std::size_t i, std::int32_t cell, float gain) {
  const float received = gain * all_.power_of(cell);
  if (received <= all_.least(run.strongest.interference[i])) {
    dropped_[i] += all_.activity_of(cell) * received;
    return;
  }
  links_.push_back({static_cast<std::uint32_t>(all_.place_of(run.users[i])), cell, gain});
  if (received <= run.strongest.received[i]) return;
  run.strongest.received[i] = received;
  run.strongest.cell[i] = cell;
}

// Of the near cells only their interference counts: the links of the rings are kept one by one.
Strongest FoldSink::ring_start(FarRun& run, std::span<const std::int32_t> which) {
  Strongest rings;
  for (std::size_t w = 0; w < which.size(); ++w) rings.interference[w] = run.strongest.interference[which[w]];
  return rings;
}

void FoldSink::ring_group(FarRun& run, std::span<const std::int32_t> which, const SiteGroups& group,
                          std::span<const std::int32_t> cells) {
  alignas(64) float least[block_users], dropped[block_users];
  std::uint8_t strong[block_users];
  for (std::size_t w = 0; w < which.size(); ++w) {
    least[w] = all_.least(run.strongest.interference[which[w]]);
    dropped[w] = 0.0f;
  }
  for (std::size_t r = 0; r < group.rows(); ++r) {
    const float* row = group.row(r);
    if (!all_.state.kernels->sift(row, all_.power_of(cells[r]), all_.activity_of(cells[r]), least, which.size(),
                                  dropped, strong))
      continue;
    for (std::size_t w = 0; w < which.size(); ++w)
      if (strong[w]) keep_link(run, static_cast<std::size_t>(which[w]), cells[r], row[w]);
  }
  for (std::size_t w = 0; w < which.size(); ++w) dropped_[which[w]] += dropped[w];
}

void FoldSink::settle(FarRun& run, std::size_t i, Strongest&, std::size_t, std::size_t level, float remainder) {
  for (std::size_t j = run.far.first_link[i]; j < run.far.first_link[i + 1]; ++j)
    if (run.far.level[j] > level)
      keep_link(run, i, all_.state.cell_index[static_cast<std::size_t>(run.far.cell[j])], run.far.gain[j]);
  all_.close(all_.place_of(run.users[i]), run.strongest.cell[i], run.strongest.received[i], level,
             remainder + dropped_[i]);
}

// Every link is kept: there is no remainder that could take a weak one.
void FoldSink::outside_group(std::span<const std::int32_t> users, const SiteGroups& group) {
  for (std::size_t i = 0; i < users.size(); ++i)
    for (std::size_t r = 0; r < group.rows(); ++r)
      links_.push_back({static_cast<std::uint32_t>(all_.place_of(users[i])), all_.state.cell_index[group.first() + r],
                        group.row(r)[i]});
}

void FoldSink::settle_outside(std::span<const std::int32_t> users, const Strongest& strongest) {
  for (std::size_t i = 0; i < users.size(); ++i) {
    const std::size_t place = all_.place_of(users[i]);
    all_.out.region[place] = -1;
    std::fill_n(all_.out.near.data() + place * all_.out.stride, all_.out.stride, 0.0f);
    all_.close(place, strongest.cell[i], strongest.received[i], all_.state.far->n_levels() - 1, 0.0f);
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

// Folds the gains of the users of a walk, whose places are known.
void fold_walk(const LinkModel::State& state, FarWalk& walk, const Emissions& at, FoldedGains& gains,
               const ThreadPool* pool) {
  Folding all{.state = state,
              .walk = walk,
              .at = at,
              .out = gains,
              .links = std::vector<std::vector<Link>>(walk.runs().runs.size())};
  walk.walk(pool, [&](std::size_t item) { return FoldSink(all, item); });
  std::vector<std::uint8_t> met(gains.n_users(), 0);
  for (std::int32_t user : walk.runs().user) met[all.place_of(user)] = 1;
  assemble(all.links, met, gains);
}

void check_fold(const LinkModel& model, std::span<const double> x, std::span<const double> y, const Emissions& at) {
  if (!model.folds()) throw InvalidArgument("fold: this network's far cells do not fold");
  check_positions(x, y);
  check_size("power_w", at.power_w.size(), static_cast<std::size_t>(model.n_cells()), "cell");
  check_values("power_w", at.power_w, not_negative, "cell");
  check_size("activity", at.activity.size(), at.power_w.size(), "cell");
  check_values("activity", at.activity, not_negative, "cell");
  check_value("noise_w", at.noise_w, positive);
}

void check_each_once(std::span<const std::int32_t> users, std::size_t n_users) {
  check_indices("users", users, n_users);
  std::vector<std::uint8_t> named(n_users, 0);
  for (std::int32_t u : users)
    if (std::exchange(named[static_cast<std::size_t>(u)], std::uint8_t{1}))
      refuse("users", text_of(u) + " twice", "each user once");
}

}  // namespace

void LinkModel::fold(std::span<const double> x_m, std::span<const double> y_m, const Emissions& at, FoldedGains& gains,
                     const ThreadPool* pool) const {
  check_fold(*this, x_m, y_m, at);
  FarWalk walk(*state_, x_m, y_m, at, first_indices(x_m.size()));
  gains.set_places(walk.runs().user);
  gains.n_cells = state_->n_cells;
  gains.stride = whole_vectors(state_->far->near.most_cells);
  gains.far = state_->far;
  gains.near.resize(x_m.size() * gains.stride);
  fold_walk(*state_, walk, at, gains, pool);
}

void LinkModel::refold(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
                       const Emissions& at, FoldedGains& gains, const ThreadPool* pool) const {
  check_fold(*this, x_m, y_m, at);
  if (gains.far != state_->far) refuse("gains", "those of another link model", "those that fold() of this one made");
  check_size("gains", gains.n_users(), x_m.size(), "user");
  check_each_once(users, x_m.size());
  FarWalk walk(*state_, x_m, y_m, at, users);
  fold_walk(*state_, walk, at, gains, pool);
}

}  // namespace slicefast
