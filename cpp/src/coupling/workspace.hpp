// What an evaluation of the load map needs and leaves.
//
// Symbols: rho (N,) cell activities, f (N, S) the map's value, J (N, N) its Jacobian d f_i / d rho_k >= 0.
#pragma once

#include <cstdint>
#include <vector>

#include "coupling/bands.hpp"
#include "coupling/fluctuating.hpp"
#include "coupling/interference.hpp"
#include "coupling/slopes.hpp"
#include "kernels/coupling.hpp"
#include "slicefast/coupling/solver.hpp"

namespace slicefast {

struct LoadCoupling::Workspace {
  std::size_t n_cells, n_slices;
  std::vector<std::size_t> first;                                        // (N * S + 1,) groups of `users`
  std::vector<std::int32_t> users;                                       // with demand, by their rows
  std::vector<double> signal, demand_per_hz, interference, load, slope;  // per entry of users
  std::vector<double> value, value_cell, rho;                            // f (N, S) and its row sums; where
  Jacobian jacobian;                                                     // J, of the last evaluation with one
  std::vector<float> columns;  // gains of `users` by cell, (N, column_stride); empty where rows are read
  std::size_t column_stride = 0;
  std::vector<StrongNeighbours> strongest;  // per entry of users; fluctuating interference only
  BandActivity bands;                       // of slices that have some
  std::vector<double> step, plain;          // (N,) of Newton's method: the step, and f where the last one began
  Weights everybody;                        // of LoadCoupling::sinr

  // Users with demand by (serving cell, slice); rho is zero then.
  void group(const CouplingProblem& p, std::size_t slices, int n_threads);
  // One user in `stride` of every group, with the demand of the group: a small problem with nearly the same solution.
  void sample(const CouplingProblem& p, const Workspace& all, std::size_t stride);
  // f and, on request, J at rho. A cell is one item of work, so sums do not depend on the number of threads.
  void evaluate(const CouplingProblem& p, const CouplingKernels& kernels, bool with_jacobian, const ThreadPool* pool);
  // f where rho is: of cells, or of slices that have bands.
  const std::vector<double>& mapped() const { return bands.empty() ? value_cell : value; }
  // max |f - rho| relative to max(1, rho).
  double residual() const;
  // Takes users without service at the last evaluation out of the problem, for good, and names them in `waits`. Whether
  // there was one; f and J are then to be evaluated anew.
  bool leave_out_unserved(const CouplingProblem& p);
  bool anybody_unserved(const CouplingProblem& p) const;
  // The most that a cell's shares let it be active.
  static double cap_of(const CouplingProblem& p, std::size_t cell);

 private:
  bool gains_checked_ = false;
  std::vector<RowSums> row_sums_;  // per thread
  std::vector<Weights> weights_;   // per thread
  std::vector<std::size_t> next_;  // of the counting sort
  void turn_gains(const CouplingProblem& p);
  void find_loads(const CouplingProblem& p, const CouplingKernels& kernels, std::size_t begin, std::size_t n);
  void load_cell(const CouplingProblem& p, const CouplingKernels& kernels, std::size_t cell, Weights& weights);
  void evaluate_cell(const CouplingProblem& p, const CouplingKernels& kernels, bool with_jacobian, std::size_t cell,
                     Weights& weights, RowSums& sums);
  bool unserved(const CouplingProblem& p, std::size_t at) const;
  void size_results(const CouplingProblem& p, std::size_t n_threads);
};

}  // namespace slicefast
