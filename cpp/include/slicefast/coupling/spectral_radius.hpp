// Whether a demand is feasible at some finite load, without caps.
#pragma once

#include "slicefast/coupling/problem.hpp"

namespace slicefast {

// Spectral radius of the asymptotic mapping for the Shannon efficiency (Cavalcante, Liao, Stanczak, IEEE TSP 67, 2019):
// M_ik = sum_{u in i} (d_u ln2 / W) p_k g_uk / (p_i g_ui), k != i. Demand is feasible at some finite load iff < 1.
double spectral_radius(const CouplingProblem& problem, Isa isa);

}  // namespace slicefast
