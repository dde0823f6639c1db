// What the solver and the plain functions of load coupling share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/tables.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/load_coupling.hpp"

namespace slicefast {

[[noreturn]] inline void refuse(const std::string& message) { throw InvalidArgument(message); }

inline bool has_gain64(const CouplingProblem& p) { return !p.gain64.empty(); }
inline std::size_t users_of(const CouplingProblem& p) { return has_gain64(p) ? p.gain64.rows : p.gain.rows; }
inline std::size_t cells_of(const CouplingProblem& p) { return has_gain64(p) ? p.gain64.cols : p.gain.cols; }
inline double gain_at(const CouplingProblem& p, std::size_t u, std::size_t n) {
  return has_gain64(p) ? p.gain64(u, n) : static_cast<double>(p.gain(u, n));
}

// Refuses a problem by the name of its first bad argument; gains are left to check_gains.
void check(const CouplingProblem& problem, std::size_t n_slices);
void check_gains(const CouplingProblem& problem, const CouplingKernels& kernels, std::span<const std::int32_t> users);

// rho_k p_k, in the precision of the gains.
struct Weights {
  std::vector<float> single;
  std::vector<double> twice;
  Weights(const CouplingProblem& p, std::span<const double> rho) {
    for (std::size_t k = 0; k < rho.size(); ++k) {
      if (has_gain64(p))
        twice.push_back(rho[k] * p.power_w[k]);
      else
        single.push_back(static_cast<float>(rho[k] * p.power_w[k]));
    }
  }
};

// Interference of users of one cell; `readable` counts the users after the first that may be read ahead. The own cell
// is left out of the sum, not subtracted from it: a strong signal would drown the interference.
void interference_of(const CouplingProblem& problem, const CouplingKernels& kernels,
                     std::span<const std::int32_t> users, std::size_t readable, std::size_t cell, Weights& weights,
                     double* out);

// row[k] += sum of slope[i] gain(users[i], k).
void add_slopes(const CouplingProblem& problem, const CouplingKernels& kernels, std::span<const std::int32_t> users,
                const double* slope, double* row);

}  // namespace slicefast
