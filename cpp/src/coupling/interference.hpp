// The gains of a coupling problem, dense or folded: interference of users and its slopes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "coupling/slopes.hpp"
#include "kernels/coupling.hpp"
#include "slicefast/coupling/problem.hpp"

namespace slicefast {

inline bool has_gain64(const CouplingProblem& p) { return !p.gain64.empty(); }
inline std::size_t users_of(const CouplingProblem& p) {
  return p.folded ? p.folded->n_users() : has_gain64(p) ? p.gain64.rows : p.gain.rows;
}
inline std::size_t cells_of(const CouplingProblem& p) {
  return p.folded ? p.folded->n_cells : has_gain64(p) ? p.gain64.cols : p.gain.cols;
}
// Rows are users; those of folded gains are places, and `user_at` says whose.
inline std::size_t user_at(const CouplingProblem& p, std::size_t row) {
  return p.folded ? static_cast<std::size_t>(p.folded->user_of[row]) : row;
}
inline double gain_at(const CouplingProblem& p, std::size_t row, std::size_t n) {
  if (p.folded) return static_cast<double>(p.folded->link(row, n));
  return has_gain64(p) ? p.gain64(row, n) : static_cast<double>(p.gain(row, n));
}

// The part of the serving cell's gain that interferes, and the part that serves.
inline double own_image_at(const CouplingProblem& p, std::size_t row) {
  return p.own_images.empty() ? 0.0 : static_cast<double>(p.own_images[row]);
}
inline double serving_gain_at(const CouplingProblem& p, std::size_t row, std::size_t serving) {
  return gain_at(p, row, serving) - own_image_at(p, row);
}

// Refuses a problem by the name of its first bad argument; gains are left to check_gains.
void check_radio(const CouplingProblem& problem);  // what SINR follows from
void check_problem(const CouplingProblem& problem, std::size_t n_slices);
void check_gains(const CouplingProblem& problem, const CouplingKernels& kernels, std::span<const std::int32_t> rows);

// rho_k p_k, in the precision of the gains.
struct Weights {
  std::vector<float> single;
  std::vector<double> twice;
  // Folded gains: rho_k p_k of each region's near cells, (R, stride), and its remainder.
  std::vector<float> near;
  std::vector<double> remainder;

  std::vector<float> ones_around_0;  // see interference_of_rows

  Weights() = default;
  Weights(const CouplingProblem& p, std::span<const double> rho) { set(p, rho); }
  void set(const CouplingProblem& p, std::span<const double> rho);
};

// Interference of users of one cell, by their rows; `readable` counts the rows after the first that may be read ahead.
// The own cell is left out of the sum, not subtracted from it: a strong signal would drown the interference. What of it
// interferes is added.
void interference_of(const CouplingProblem& problem, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                     std::size_t readable, std::size_t cell, Weights& weights, double* out);

// Of up to rows_most users whose rows lie one after another, each of whatever cell; gains in single precision, and
// weights that leave_own_out() has prepared for it.
inline constexpr std::size_t rows_most = 256;
void leave_own_out(const CouplingProblem& problem, Weights& weights);
void interference_of_rows(const CouplingProblem& problem, const CouplingKernels& kernels, std::size_t first,
                          const Weights& weights, std::span<double> out);

// What one user receives, from its cell and from all others.
struct Link {
  double signal_w, interference_w;
  double sinr(double noise_w) const { return signal_w / (interference_w + noise_w); }
};
Link link_at(const CouplingProblem& problem, const CouplingKernels& kernels, std::size_t row, Weights& weights);

// sums.slice[k] += sum of slope[i] gain(rows[i], k); of the own cell, what interferes is own_slopes. Remainders are
// left out: Newton's method does as well without.
void add_slopes(const CouplingProblem& problem, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                const double* slope, RowSums& sums);
// The same in (N,) of the caller's; not where far cells fold.
void add_slopes(const CouplingProblem& problem, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                const double* slope, double* sum);
double own_slopes(const CouplingProblem& problem, std::span<const std::int32_t> rows, const double* slope);

}  // namespace slicefast
