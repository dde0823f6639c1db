#include <vector>

#include "check.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/coupling/solver.hpp"
#include "slicefast/simd.hpp"

using namespace slicefast;

// Two symmetric cells, own gain 15, cross gain 2, power and noise 1, d = 27787165.571253 bit/s over 18 MHz: 0.5.
void test_coupling() {
  const std::vector<float> gain{15, 2, 2, 15};
  const std::vector<double> power{1, 1}, demand{27787165.571253, 27787165.571253};
  const std::vector<std::int32_t> serving{0, 1};
  CouplingProblem problem;
  problem.gain = {gain.data(), 2, 2};
  problem.power_w = power;
  problem.noise_w = 1;
  problem.demand_bps = demand;
  problem.serving = serving;
  problem.bandwidth_hz = 18e6;
  LoadCoupling coupling;
  for (Isa isa : available_isas()) {
    std::vector<double> load{0, 0};
    const CouplingResult result = coupling.solve(problem, {1e-9, 50, isa}, {load.data(), 2, 1});
    CHECK_CLOSE(load[0], 0.5, 1e-8);
    CHECK_CLOSE(load[1], 0.5, 1e-8);
    CHECK(result.residual <= 1e-9);
    CHECK_CLOSE(spectral_radius(problem, isa), 0.14267107756642, 1e-9);
    std::vector<float> sinr(2);
    coupled_sinr(problem, load, isa, sinr);
    CHECK_CLOSE(sinr[0], 7.5, 1e-5);

    const std::vector<double> heavy{9 * demand[0], 9 * demand[1]};
    CouplingProblem infeasible = problem;
    infeasible.demand_bps = heavy;
    bool thrown = false;
    load = {0.25, 0.25};
    try {
      coupling.solve(infeasible, {1e-9, 50, isa}, {load.data(), 2, 1});
    } catch (const NotConverged& error) {
      thrown = error.iterations > 0 && error.residual > 0;
    }
    CHECK(thrown);
    CHECK(load[0] == 0.25);
  }
}
