#include "slicefast/scheduling/prb_usage.hpp"

#include <algorithm>

#include "scheduling/grid.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

namespace {

constexpr double remembered = 0.5;           // of the sums, from window to window
constexpr double first_guess = 0.02;         // the sums at the start, in windows of a whole cell: soon forgotten
constexpr double overfull = 1.25;            // work over PRBs from which on a window says nothing
constexpr double least = 0.1, most = 100.0;  // of c: a wider range than any scheduler has

}  // namespace

void usable_share(const SchedulerConfig& config, ConstMatrixView<double> share, MatrixView<double> usable) {
  const int rbg_prb = config.rbg_prb;
  for (std::size_t n = 0; n < share.rows; ++n) {
    const int n_prb = config.prbs_of(n), n_rbgs = rbgs_of(n_prb, rbg_prb);
    const double missing = n_rbgs * rbg_prb - n_prb;
    double nobody_behind = 1.0;  // the probability that no later slice has a group in a TTI
    for (std::size_t s = share.cols; s-- > 0;) {
      const double groups = share(n, s) * n_rbgs, has_any = std::min(1.0, groups);
      usable(n, s) = std::clamp((groups * rbg_prb - missing * nobody_behind * has_any) / n_prb, 0.0, 1.0);
      nobody_behind *= 1.0 - has_any;
    }
  }
}

PrbCorrection::PrbCorrection(std::size_t n_groups) : used_(n_groups, first_guess), work_(n_groups, first_guess) {}

double PrbCorrection::factor(std::size_t group) const {
  return work_[group] > 0 ? std::clamp(used_[group] / work_[group], least, most) : 1.0;
}

double PrbCorrection::counted(std::size_t group, double expected, double most_used) const {
  return expected > overfull * most_used ? 0.0 : std::min(expected, most_used) / factor(group);
}

void PrbCorrection::update(std::span<const double> work, std::span<const double> used) {
  for (std::size_t g = 0; g < used_.size(); ++g) {
    if (!(work[g] > 0)) continue;
    used_[g] = remembered * used_[g] + used[g];
    work_[g] = remembered * work_[g] + work[g];
  }
}

void PrbCorrection::set(const std::vector<double>& used, const std::vector<double>& work) {
  used_ = used;
  work_ = work;
}

void PrbCorrection::check(const std::vector<double>& used, const std::vector<double>& work) const {
  check_size("prbs_used", used.size(), used_.size(), "slice of a cell");
  check_size("prbs_expected", work.size(), work_.size(), "slice of a cell");
  check_values("prbs_used", std::span(used), within(0, 1e6));
  check_values("prbs_expected", std::span(work), within(0, 1e6));
}

}  // namespace slicefast
