// What the scheduler will spend on a window, said before it is played: for the load coupling, so that what interferes
// is what is used.
//
// | symbol | meaning                                                              | unit |
// |--------|----------------------------------------------------------------------|------|
// | B      | PRBs of a cell                                                       | 1    |
// | w_ns   | work: PRBs that the demand of a slice needs at its users' rates, / B | 1    |
// | m_ns   | PRBs used, / B (the KPI load)                                        | 1    |
// | c_ns   | PRBs used over work                                                  | 1    |
//
// In closed form: bits per PRB as in the scheduler, expected_transmissions() (config.hpp), and the PRBs that a share
// comes to in whole resource block groups. What depends on how packets bunch has none: the part of a queue's last
// resource block group that stays empty, transport blocks shorter than a whole cell's, failed blocks on their way, what
// is left queued or refused. It is measured, c_ns, and corrects the demand of the coming windows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "slicefast/scheduling/config.hpp"
#include "slicefast/types.hpp"

namespace slicefast {

// The part of a cell's PRBs that `share` (N, S) lets each slice use, in the mean: the share, but that a cell's last
// resource block group may be smaller, and goes to the last slice that has any. Written to `usable` (N, S).
void usable_share(const SchedulerConfig& config, ConstMatrixView<double> share, MatrixView<double> usable);

// c_ns, from the windows so far: sum of the PRBs used over the sum of the work, the past counting half from window to
// window (ours: with more of it c lags behind the traffic by more than its noise falls). Work that did not fit into a
// slice's PRBs counts as far as it did, and where it was more by a quarter (ours) the window says nothing about c.
// Steady traffic makes c w_ns = m_ns in the mean: the fixed point.
class PrbCorrection {
 public:
  explicit PrbCorrection(std::size_t n_groups = 0);  // N * S; 1 at the start
  bool empty() const { return used_.empty(); }
  double factor(std::size_t group) const;
  // The work that a window counts with, 0 for none: `expected` is c_ns w_ns, `most` what the slice can use.
  double counted(std::size_t group, double expected, double most) const;
  // A window was played: its work, as counted, and the PRBs used, (N * S) each.
  void update(std::span<const double> work, std::span<const double> used);

  const std::vector<double>& used() const { return used_; }
  const std::vector<double>& work() const { return work_; }
  void set(const std::vector<double>& used, const std::vector<double>& work);
  // Throws InvalidArgument unless a correction of this size could have come to these sums.
  void check(const std::vector<double>& used, const std::vector<double>& work) const;

 private:
  std::vector<double> used_, work_;  // (N * S)
};

}  // namespace slicefast
