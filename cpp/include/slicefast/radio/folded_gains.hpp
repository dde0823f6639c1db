// Link gains with far cells folded: a row of near cells per user, a few single far links, and a share of the region's
// remainder. Memory grows with the number of users, not with users times cells.
//
//   sum_k weight_k g_uk  =  sum_j weight[near_cell[j]] near(u, j) + sum_far weight[cell] gain
//                           + factor_u sum_k weight_k region_weight(r_u, k)
//
// Users are kept in places, ordered by region when all are met; everything below is indexed by place unless said
// otherwise. The share of the remainder is exact at the activities that gains were folded at; at others the remainder
// weighs cells by the mean gain of the region, and far cells may weigh more beside near ones: see misfolded().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "slicefast/types.hpp"

namespace slicefast {

struct FarCells;

// What cells emit, (N,), and the noise that it is received in.
struct Emissions {
  std::span<const double> power_w, activity;
  double noise_w;

  std::vector<double> sent_w() const {  // on average, (N,)
    std::vector<double> sent(power_w.begin(), power_w.end());
    for (std::size_t n = 0; n < sent.size(); ++n) sent[n] *= activity[n];
    return sent;
  }
};

struct FoldedGains {
  std::size_t n_cells = 0, stride = 0;
  std::shared_ptr<const FarCells> far;
  std::vector<std::int32_t> user_of, place_of;  // (U,) place -> user and back
  std::vector<std::int32_t> region;             // (U,) -1 for users outside the plane, whose links are all in `far_*`
  std::vector<float> near;                      // (U, stride), padded with zeros; columns as in FarCells::cells_of
  std::vector<std::uint8_t> level;              // (U,) up to which sites were met, see FarCells
  std::vector<float> factor;                    // (U,) of the remainder; 0 where every link is kept
  std::vector<std::int32_t> strongest;          // (U,) the cell of largest received power
  std::vector<float> strongest_gain;            // (U,) its gain
  std::vector<std::uint32_t> far_first;         // (U + 1,) into the next two
  std::vector<std::int32_t> far_cell;
  std::vector<float> far_gain;

  void set_places(std::span<const std::int32_t> users);  // a permutation; what is kept of them means nothing then
  std::size_t n_users() const { return user_of.size(); }
  std::span<const std::int32_t> near_cells(std::size_t place) const;
  std::ptrdiff_t near_column(std::size_t place, std::size_t cell) const;  // -1: not near
  void scale(std::size_t place, float by);                                // all gains of one user
  // Gain of one link; what the remainder stands for counts as none.
  float link(std::size_t place, std::size_t cell) const;
  // Users, in the order of their places, whose remainder could move what they meet, interference plus noise (U,) [W],
  // by more than they were folded for.
  std::vector<std::int32_t> misfolded(const Emissions& at, std::span<const double> met_w) const;
  // f(cell, gain) of every link that is kept, none twice.
  template <class F>
  void visit(std::size_t place, F f) const {
    const std::span<const std::int32_t> cells = near_cells(place);
    for (std::size_t j = 0; j < cells.size(); ++j) f(cells[j], near[place * stride + j]);
    for (std::uint32_t i = far_first[place]; i < far_first[place + 1]; ++i) f(far_cell[i], far_gain[i]);
  }
};

}  // namespace slicefast
