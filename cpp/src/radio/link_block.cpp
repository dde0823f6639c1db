#include "radio/link_block.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slicefast {
namespace {

void load_positions(LinkBlock& b, const LinkModel::State& state, std::span<const std::int32_t> users,
                    std::span<const double> x_m, std::span<const double> y_m) {
  const int size = state.fields.size;
  const std::size_t padded = whole_vectors(users.size());
  for (std::size_t i = 0; i < padded; ++i) {
    const auto u = static_cast<std::size_t>(users[std::min(i, users.size() - 1)]);
    const double px = x_m[u], py = y_m[u];
    const double s = state.fields.col_at(px, py), t = state.fields.row_at(px, py);
    const std::int64_t col = rounded_down(s), row = rounded_down(t);
    b.x[i] = static_cast<float>(px - state.origin_x);
    b.y[i] = static_cast<float>(py - state.origin_y);
    b.fx[i] = static_cast<float>(s - static_cast<double>(col));
    b.fy[i] = static_cast<float>(t - static_cast<double>(row));
    b.col[i] = static_cast<std::int32_t>(col & (size - 1));
    b.row[i] = static_cast<std::int32_t>(row & (size - 1));
    b.common[i] = state.fields.common_at(row, col);
  }
}

// Scales to unit variance between the nodes, and the field common to all sites.
void load_fields(LinkBlock& b, const LinkModel::State& state, std::size_t padded) {
  const PackedFields& f = state.fields;
  f.unit_state.scale(b.fx, b.fy, padded, b.scale_state);
  f.unit_los.scale(b.fx, b.fy, padded, b.scale_los);
  f.unit_nlos.scale(b.fx, b.fy, padded, b.scale_nlos);
  const RadioUsers users = b.users();
  state.kernels->field(f.common_los.data(), b.common, &users, b.scale_los, padded, b.common_los);
  state.kernels->field(f.common_nlos.data(), b.common, &users, b.scale_nlos, padded, b.common_nlos);
  const auto common = static_cast<float>(state.common_weight), own = static_cast<float>(state.own_weight);
  for (std::size_t i = 0; i < padded; ++i) {
    b.common_los[i] *= common;
    b.common_nlos[i] *= common;
    b.scale_los[i] *= own;
    b.scale_nlos[i] *= own;
  }
}

void load_profile(LinkBlock& b, std::span<const std::int32_t> users, const UserProfile* profile) {
  b.profiled = profile != nullptr;
  if (!b.profiled) return;
  const std::vector<float>* parts[] = {&profile->height, &profile->tall,        &profile->choices, &profile->inside,
                                       &profile->loss,   &profile->environment, &profile->indoor};
  const std::size_t padded = whole_vectors(users.size());
  for (std::size_t part = 0; part < std::size(parts); ++part)
    for (std::size_t i = 0; i < padded; ++i)
      b.profile[part][i] = (*parts[part])[static_cast<std::size_t>(users[std::min(i, users.size() - 1)])];
}

}  // namespace

void LinkBlock::load(const LinkModel::State& state, std::span<const std::int32_t> users_, std::span<const double> x_m,
                     std::span<const double> y_m, const UserProfile* profile_of_all) {
  load_positions(*this, state, users_, x_m, y_m);
  radius = std::numeric_limits<float>::infinity();
  load_fields(*this, state, whole_vectors(users_.size()));
  load_profile(*this, users_, profile_of_all);
}

void LinkBlock::take(const LinkBlock& from, std::span<const std::int32_t> which) {
  const std::size_t padded = whole_vectors(which.size());
  const auto copy = [&](const auto* in, auto* to) {
    for (std::size_t i = 0; i < padded; ++i) to[i] = in[which[std::min(i, which.size() - 1)]];
  };
  copy(from.x, x), copy(from.y, y), copy(from.fx, fx), copy(from.fy, fy);
  copy(from.scale_state, scale_state), copy(from.scale_los, scale_los), copy(from.scale_nlos, scale_nlos);
  copy(from.common_los, common_los), copy(from.common_nlos, common_nlos);
  copy(from.row, row), copy(from.col, col);
  middle_x = from.middle_x, middle_y = from.middle_y, radius = from.radius;
}

bool SiteGroups::next() {
  first_ += rows_;
  rows_ = 0;
  for (; at_ < sites_.size(); ++at_) {
    const auto k = static_cast<std::size_t>(sites_[at_]);
    const std::size_t site_cells = state_.first_cell[k + 1] - state_.first_cell[k];
    if (site_cells == 0) continue;
    if (rows_ + site_cells > group_rows) break;
    if (fetch_out_) fetch(site_cells);
    evaluate(k);
  }
  return rows_ > 0;
}

// Base, azimuth and depression to one site. Where it is the same image that is nearest to all users the site is moved
// there, and nothing wraps.
void SiteGroups::find(const RadioSite& site, std::size_t k, float* base) const {
  const RadioTorus* torus = &state_.torus;
  const RadioTorus plane{};
  RadioSite image = site;
  float first, second;
  if (torus->wrap &&
      shares_image(*torus, block_.middle_x - site.x, block_.middle_y - site.y, block_.radius, first, second)) {
    image.x += first * torus->v1_x + second * torus->v2_x;
    image.y += first * torus->v1_y + second * torus->v2_y;
    image.row_offset -= static_cast<std::int32_t>(first * torus->v1_row + second * torus->v2_row);
    image.col_offset -= static_cast<std::int32_t>(first * torus->v1_col + second * torus->v2_col);
    torus = &plane;
  }
  const std::size_t padded = whole_vectors(n_);
  const RadioUsers users = block_.users();
  const RadioTiles tiles = state_.fields.tiles();
  if (block_.profiled) {
    const RadioProfile profile = block_.users_profile();
    state_.kernels->profiled_site(&image, &state_.masts[k], torus, &tiles, &users, &profile, padded, base,
                                  block_.azimuth, block_.depression);
  } else {
    state_.kernels->site(&image, torus, &tiles, &users, padded, base, block_.azimuth, block_.depression);
  }
}

void SiteGroups::evaluate(std::size_t k) {
  const std::size_t padded = whole_vectors(n_);
  if (state_.in_sight.empty()) {
    find(state_.sites[k], k, block_.base);
  } else {
    alignas(64) float hidden[block_users];
    find(state_.out_of_sight[k], k, hidden);
    find(state_.in_sight[k], k, block_.base);
    const RadioUsers users = block_.users();
    const RadioTiles tiles = state_.fields.tiles();
    const RadioProfile profile = block_.profiled ? block_.users_profile() : RadioProfile{};
    state_.kernels->soften(&state_.sites[k], &state_.masts[k], &state_.torus, &tiles, &users,
                           block_.profiled ? &profile : nullptr, state_.sharpness, padded, hidden, block_.base);
  }
  const auto cell = state_.column ? state_.kernels->column_cell : state_.kernels->cell;
  for (std::size_t c = state_.first_cell[k]; c < state_.first_cell[k + 1]; ++c, ++rows_)
    cell(&state_.cells[c], padded, block_.base, block_.azimuth, block_.depression, block_.rows + rows_ * block_users);
}

// A share of the users with every site, so that the fetches do not queue up.
void SiteGroups::fetch(std::size_t more) const {
  for (std::size_t i = rows_ * n_ / group_rows; i < std::min(n_, (rows_ + more) * n_ / group_rows); ++i)
    for (std::size_t c = 0; c < group_rows && first_ + c < state_.n_cells; c += 16)
      __builtin_prefetch(block_.out[i] + first_ + c, 1);
}

void Strongest::add_group(const LinkModel::State& state, const SiteGroups& group, std::size_t n,
                          std::span<const std::int32_t> cells, std::span<const double> power,
                          std::span<const double> activity_n) {
  for (std::size_t r = 0; r < group.rows(); ++r) {
    const std::int32_t number = cells[group.first() + r];
    const auto at = static_cast<std::size_t>(number);
    state.kernels->strongest(group.row(r), static_cast<float>(power[at]), static_cast<float>(activity_n[at]), number,
                             whole_vectors(n), received, activity, cell, interference);
  }
}

void Strongest::add_link(std::size_t i, float power_received, float cell_activity, std::int32_t cell_number) {
  const bool wins = power_received > received[i];
  interference[i] += wins ? activity[i] * received[i] : cell_activity * power_received;
  if (!wins) return;
  received[i] = power_received;
  activity[i] = cell_activity;
  cell[i] = cell_number;
}

Strongest Strongest::of(std::span<const std::int32_t> which) const {
  Strongest some;
  for (std::size_t i = 0; i < which.size(); ++i) {
    some.received[i] = received[which[i]], some.activity[i] = activity[which[i]];
    some.interference[i] = interference[which[i]], some.cell[i] = cell[which[i]];
  }
  return some;
}

}  // namespace slicefast
