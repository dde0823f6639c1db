// Slices' places in frequency: who meets whom.
//
//   band of (n, s)   [sum_{t < s} a_nt, sum_{t <= s} a_nt), in parts of the carrier
//   w_ns,k           sum_t |(n, s) and (k, t)| / a_ns  rho_kt / a_kt     the activity of cell k on the band of (n, s)
//   SINR_u           p_n g_un / (sum_{k != n} w_ns,k p_k g_uk + sigma^2) of a user of (n, s)
//
// | symbol         | meaning                                                    | unit |
// |----------------|------------------------------------------------------------|------|
// | a_ns           | the most PRBs that a slice can use, of the cell's          | 1    |
// | rho_ns         | the PRBs that it uses, of the cell's; up to a_ns           | 1    |
// | (n,s) and (k,t)| the part of the carrier where both bands lie               | 1    |
//
// Within its band a slice is active everywhere alike: PRBs used over a_ns. A slice without a band meets the cells'
// whole activity, w_ns,k = sum_t rho_kt, as a user without a PRB measures the whole carrier (ours). Where all cells
// have the same shares, bands overlap with their own kind alone; with one slice that has the whole carrier w is rho. w
// only grows with rho, so the load map stays monotone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "coupling/interference.hpp"
#include "slicefast/coupling/problem.hpp"
#include "slicefast/threads.hpp"

namespace slicefast {

class BandActivity {
 public:
  BandActivity() = default;
  explicit BandActivity(ConstMatrixView<double> share);
  bool empty() const { return share_.empty(); }
  // w of a slice, (N,), at rho (N * S).
  void met_by(std::size_t cell, std::size_t slice, std::span<const double> rho, std::span<double> met) const;

 private:
  ConstMatrixView<double> share_;
  Matrix<double> edge_;  // (N, S + 1)
};

// visit(row, activity, weights) for every user, with the activities (N,) of the cells as the user meets them, in
// whatever order and thread.
template <class Visit>
void visit_users(const CouplingProblem& p, std::span<const double> rho, const ThreadPool* pool, Visit visit) {
  const std::size_t n_users = users_of(p);
  const auto n_threads = static_cast<std::size_t>(pool ? pool->n_threads() : 1);
  if (p.bands == Bands::anywhere) {
    constexpr std::size_t block = 256;
    std::vector<Weights> weights(n_threads, Weights(p, rho));
    share_items(pool, (n_users + block - 1) / block, [&](std::size_t item, int thread) {
      for (std::size_t row = item * block; row < std::min(n_users, (item + 1) * block); ++row)
        visit(row, rho, weights[static_cast<std::size_t>(thread)]);
    });
    return;
  }
  const std::size_t n_slices = p.share.cols;
  const auto group_of = [&](std::size_t u) {
    return static_cast<std::size_t>(p.serving[u]) * n_slices + static_cast<std::size_t>(p.slice_of[u]);
  };
  std::vector<std::size_t> users(n_users);
  std::iota(users.begin(), users.end(), std::size_t{0});
  std::sort(users.begin(), users.end(), [&](std::size_t a, std::size_t b) { return group_of(a) < group_of(b); });
  std::vector<std::size_t> first;  // of each group that has users
  for (std::size_t i = 0; i < n_users; ++i)
    if (i == 0 || group_of(users[i]) != group_of(users[i - 1])) first.push_back(i);
  first.push_back(n_users);
  const BandActivity bands(p.share);
  share_items(pool, first.size() - 1, [&](std::size_t item, int) {
    const std::size_t group = group_of(users[first[item]]);
    std::vector<double> met(cells_of(p));
    bands.met_by(group / n_slices, group % n_slices, rho, met);
    Weights weights(p, met);
    for (std::size_t i = first[item]; i < first[item + 1]; ++i) visit(users[i], std::span<const double>(met), weights);
  });
}

}  // namespace slicefast
