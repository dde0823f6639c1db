// Fluctuating interference: the mean rate over neighbours' states, instead of the rate at the mean interference.
//
//   eff_u(rho) = sum over states x of P(x) eff(p_n g_un / (sum_{k in K} x_k p_k g_uk + rest + sigma^2)),
//   P(x) = product over k in K of rho_k^x_k (1 - rho_k)^(1 - x_k),  rest = sum_{k not in K} rho_k p_k g_uk
//
// K: the six strongest neighbours of the user, on or off by themselves in every PRB; all others, and on a torus the own
// cell's images, are there in the mean. That moves no cell's load by more than 2 % in the default network, 7 % without
// a ceiling of the rate (shannon): with all six silent the rate then follows the others' noise without bound, and their
// mean understates it most near the mast (tests/test_interference.py, against all states). The rate is that of a
// scheduler that adapts to every PRB. eff_u falls with every rho_k, so the load map stays monotone; it need not have a
// single fixed point, and the lowest is meant.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/coupling.hpp"
#include "slicefast/coupling/problem.hpp"

namespace slicefast {

inline constexpr std::size_t n_strongest = 6, n_neighbour_states = std::size_t{1} << n_strongest;

// Of one user: its strongest neighbours and what it receives from them at full activity; weakest 0 where there are few.
struct StrongNeighbours {
  std::array<std::int32_t, n_strongest> cell{};
  std::array<double, n_strongest> received_w{};
};

StrongNeighbours strong_neighbours(const CouplingProblem& problem, std::size_t row, std::size_t cell);

// eff_u, with `interference` the mean of all neighbours together.
double mean_efficiency(const CouplingProblem& problem, const CouplingKernels& kernels, const LinkRate& rate,
                       const StrongNeighbours& strong, std::span<const double> rho, double signal, double interference);

LinkRate link_rate(const CouplingProblem& problem);

// The SINR from which on a user has service.
double least_sinr(const CouplingProblem& problem);

}  // namespace slicefast
