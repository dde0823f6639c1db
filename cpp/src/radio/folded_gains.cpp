#include "slicefast/radio/folded_gains.hpp"

#include "radio/remainders.hpp"

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

void FoldedGains::scale(std::size_t place, float by) {
  for (float& gain : std::span(near).subspan(place * stride, stride)) gain *= by;
  for (float& gain : std::span(far_gain).subspan(far_first[place], far_first[place + 1] - far_first[place])) gain *= by;
  factor[place] *= by;
  strongest_gain[place] *= by;
}

void FoldedGains::set_places(std::span<const std::int32_t> users) {
  const std::size_t n = users.size();
  user_of.assign(users.begin(), users.end());
  place_of.resize(n);
  for (std::size_t p = 0; p < n; ++p) place_of[static_cast<std::size_t>(users[p])] = static_cast<std::int32_t>(p);
  region.resize(n);
  level.resize(n);
  factor.resize(n);
  strongest.resize(n);
  strongest_gain.resize(n);
  far_first.resize(n + 1);
}

// A remainder deviates by as much of itself as when it was folded; where only weak links are in it, these may by chance
// all belong to one half of the cells. The deviation adds up three worst cases that do not meet, half more than what a
// user is folded for therefore still keeps the bound.
std::vector<std::int32_t> FoldedGains::misfolded(const Emissions& at, std::span<const double> met_w) const {
  constexpr double most = 1.5, chance = 0.5;
  const Remainders rest(*far, std::vector<std::uint8_t>(far->n_regions, 1), at.sent_w());
  std::vector<std::int32_t> users;
  for (std::size_t p = 0; p < n_users(); ++p) {
    if (region[p] < 0) continue;
    const auto r = static_cast<std::size_t>(region[p]);
    const Remainder& left = rest.beyond(r, level[p]);
    const float part = left.sum > 0.0f ? left.deviation / left.sum : static_cast<float>(chance);
    const float deviation = factor[p] * rest.beyond(r, 0).sum * part;
    if (deviation > most * far->tolerance * met_w[static_cast<std::size_t>(user_of[p])]) users.push_back(user_of[p]);
  }
  return users;
}

}  // namespace slicefast
