#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "check.hpp"
#include "slicefast/coupling/solver.hpp"
#include "slicefast/coupling/spectral_radius.hpp"
#include "slicefast/errors.hpp"
#include "slicefast/simd.hpp"

using namespace slicefast;

namespace {

// Two symmetric cells, own gain 15, cross gain 2, power and noise 1, d = 27787165.571253 bit/s over 18 MHz: 0.5.
void two_cells_have_the_known_answer() {
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
    LoadCoupling().sinr(problem, load, isa, sinr);
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

// The same two cells, a further image of each with gain 2 to its own user: SINR 15 / (1 + 4 rho), 5 at load 0.5; with
// a = d ln2 / W all entries of the matrix are 2 a / 15, so the radius is 4 a / 15.
void own_images_count_in_the_spectral_radius() {
  const std::vector<float> gain{17, 2, 2, 17}, images{2, 2};
  const std::vector<double> power{1, 1}, demand(2, 0.5 * 18e6 * std::log2(6.0));
  const std::vector<std::int32_t> serving{0, 1};
  CouplingProblem problem;
  problem.gain = {gain.data(), 2, 2};
  problem.power_w = power;
  problem.noise_w = 1;
  problem.demand_bps = demand;
  problem.serving = serving;
  problem.bandwidth_hz = 18e6;
  problem.own_images = images;
  for (Isa isa : available_isas()) {
    std::vector<double> load{0, 0};
    LoadCoupling().solve(problem, {1e-9, 50, isa}, {load.data(), 2, 1});
    CHECK_CLOSE(load[0], 0.5, 1e-8);
    const double radius = spectral_radius(problem, isa);
    CHECK_CLOSE(radius, 0.5 * std::log2(6.0) * std::log(2.0) * 4.0 / 15.0, 1e-8);  // float32 slopes
    for (double asked : {0.9, 0.98, 1.02, 1.1}) {  // demand without caps is feasible up to a radius of one
      const std::vector<double> more(2, demand[0] * asked / radius);
      CouplingProblem scaled = problem;
      scaled.demand_bps = more;
      bool feasible = true;
      try {
        LoadCoupling().solve(scaled, {1e-6, 500, isa}, {load.data(), 2, 1});
      } catch (const NotConverged&) {
        feasible = false;
      }
      CHECK(feasible == (asked < 1));
    }
  }
}

// Several layers are as many times the bandwidth at a part of the SINR, whatever the efficiency of one.
void layers_share_the_power() {
  const std::vector<double> sinr{0.05, 0.3, 1.0, 7.0, 80.0, 1e4};
  for (Efficiency efficiency : {Efficiency::shannon, Efficiency::mogensen, Efficiency::cqi, Efficiency::tr36942})
    for (int layers : {1, 2, 4})
      for (double x : sinr) {
        double best = 0.0;
        for (int rank = 1; rank <= layers; ++rank)
          best = std::max(best, rank * spectral_efficiency(efficiency, x / rank, 4.0 / layers));
        const double got = spectral_efficiency(efficiency, x, 4.0, layers);
        if (efficiency != Efficiency::tr36942 || x >= 0.4) CHECK_CLOSE(got, best, 1e-12);
      }
}

// Cells and users scattered over a square: SINRs near the cut-off, demand near the caps.
struct Scattered {
  static constexpr std::size_t n_slices = 2;
  std::size_t n_cells, n_users;
  std::vector<float> gain;
  std::vector<double> power, demand, share;
  std::vector<std::int32_t> serving, slice;

  Scattered(unsigned seed, std::size_t cells, std::size_t users, double load) : n_cells(cells), n_users(users) {
    std::mt19937 random(seed);
    const auto uniform = [&random] { return static_cast<double>(random() % 65536) / 65536.0; };
    const double side_m = 500.0 * std::sqrt(static_cast<double>(cells));
    std::vector<double> x, y;
    for (std::size_t n = 0; n < cells; ++n) x.push_back(side_m * uniform()), y.push_back(side_m * uniform());
    for (std::size_t u = 0; u < users; ++u) {
      const double ux = side_m * uniform(), uy = side_m * uniform();
      for (std::size_t n = 0; n < cells; ++n) {
        const double km = std::max(std::hypot(ux - x[n], uy - y[n]), 20.0) / 1e3;
        gain.push_back(static_cast<float>(std::pow(10.0, -12.8 - 3.76 * std::log10(km) - 2.4 * (uniform() - 0.5))));
      }
      // Mostly the best cell, else one of the next three.
      const auto row = gain.end() - static_cast<std::ptrdiff_t>(cells);
      std::vector<std::int32_t> order(cells);
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + 4, order.end(),
                        [row](std::int32_t a, std::int32_t b) { return row[a] > row[b]; });
      std::size_t rank = 0;
      while (rank < 3 && uniform() > 0.6) ++rank;
      serving.push_back(order[rank]);
      slice.push_back(static_cast<std::int32_t>(random() % n_slices));
      demand.push_back(2.0 * uniform() * load * 36e6 * static_cast<double>(cells) / static_cast<double>(users));
    }
    power.assign(cells, 0.4);
    for (std::size_t n = 0; n < cells; ++n) share.push_back(uniform()), share.push_back(1.0 - share.back());
  }
  CouplingProblem problem(Efficiency efficiency) const {
    return {.gain = {gain.data(), n_users, n_cells},
            .power_w = power,
            .noise_w = 5e-15,
            .demand_bps = demand,
            .serving = serving,
            .slice_of = slice,
            .share = {share.data(), n_cells, n_slices},
            .bandwidth_hz = 18e6,
            .efficiency = efficiency};
  }
  // The map, in the order of its formula.
  std::vector<double> map(const std::vector<double>& load, Efficiency efficiency) const {
    std::vector<double> next(n_cells * n_slices, 0.0);
    for (std::size_t u = 0; u < n_users; ++u) {
      if (demand[u] == 0.0) continue;
      const auto own = static_cast<std::size_t>(serving[u]);
      double disturbance = 5e-15;
      for (std::size_t n = 0; n < n_cells; ++n)
        if (n != own) disturbance += (load[2 * n] + load[2 * n + 1]) * power[n] * gain[u * n_cells + n];
      const double sinr = power[own] * gain[u * n_cells + own] / disturbance;
      next[2 * own + static_cast<std::size_t>(slice[u])] += demand[u] / 18e6 / spectral_efficiency(efficiency, sinr);
    }
    for (std::size_t g = 0; g < next.size(); ++g) next[g] = std::min(next[g], share[g]);
    return next;
  }
  std::vector<double> limit(std::vector<double> load, Efficiency efficiency) const {
    for (int i = 0; i < 5000; ++i) {
      const std::vector<double> next = map(load, efficiency);
      double change = 0.0;
      for (std::size_t g = 0; g < next.size(); ++g) change = std::max(change, std::abs(next[g] - load[g]));
      load = next;
      if (change < 1e-12) break;
    }
    return load;
  }
};

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

void jumps_lead_to_the_lowest_fixed_point() {
  int n_ambiguous = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const std::array loads{0.02, 0.05, 0.1, 0.3};
    const Scattered world(seed, seed % 3 == 0 ? 70 : 12, seed % 3 == 0 ? 300 : 150, loads[seed % 4]);
    for (const Efficiency efficiency : {Efficiency::tr36942, Efficiency::cqi}) {
      const std::vector<double> lowest = world.limit(std::vector<double>(world.share.size(), 0.0), efficiency);
      const std::vector<double> highest = world.limit(world.share, efficiency);
      n_ambiguous += distance(lowest, highest) > 1e-3;
      std::vector<double> cold(lowest.size(), 0.0);
      LoadCoupling coupling;
      const CouplingOptions options{.isa = available_isas().back()};
      coupling.solve(world.problem(efficiency), options, {cold.data(), world.n_cells, 2});
      CHECK(distance(cold, lowest) < 1e-4);
      for (std::vector<double> warm : {lowest, highest, world.share}) {
        ThreadPool pool(2);
        coupling.solve(world.problem(efficiency), options, {warm.data(), world.n_cells, 2}, &pool);
        CHECK(warm == cold);
      }
    }
  }
  CHECK(n_ambiguous >= 6);  // or the problems say nothing
}

// Where caps come and go near the fixed point, Newton's method needs a second run-up to reach a tight tolerance.
void tight_tolerances_are_reached() {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const Scattered world(seed, 5, 70, 0.01 * static_cast<double>(1 << seed % 4));
    const std::vector<double> gain64(world.gain.begin(), world.gain.end());
    CouplingProblem problem = world.problem(Efficiency::tr36942);
    problem.gain = {};
    problem.gain64 = {gain64.data(), world.n_users, world.n_cells};
    std::vector<double> load(world.share.size(), 0.0);
    const CouplingResult result =
        LoadCoupling().solve(problem, {.tolerance = 1e-12, .max_iterations = 20}, {load.data(), world.n_cells, 2});
    CHECK(result.residual <= 1e-12);
    CHECK(distance(load, world.limit(std::vector<double>(load.size(), 0.0), Efficiency::tr36942)) < 1e-9);
  }
}

void smooth_efficiencies_settle_from_any_start() {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Scattered world(seed, 12, 150, 0.3);
    for (const Efficiency efficiency : {Efficiency::shannon, Efficiency::mogensen}) {
      const std::vector<double> expected = world.limit(world.share, efficiency);
      for (std::vector<double> load : {std::vector<double>(expected.size(), 0.0), world.share, expected}) {
        LoadCoupling().solve(world.problem(efficiency), {}, {load.data(), world.n_cells, 2});
        CHECK(distance(load, expected) < 1e-4);
      }
    }
  }
}

void efficiencies_have_their_steps() {
  CHECK(spectral_efficiency(Efficiency::tr36942, 0.0999999) == 0.0 &&
        spectral_efficiency(Efficiency::tr36942, 0.1) > 0.08);
  CHECK_CLOSE(spectral_efficiency(Efficiency::tr36942, 1e5), 4.4, 1e-12);
  CHECK(spectral_efficiency(Efficiency::cqi, 0.1815) == 0.0);
  CHECK_CLOSE(spectral_efficiency(Efficiency::cqi, 0.1816), 0.1523 * 168 / 180, 1e-12);
  CHECK_CLOSE(spectral_efficiency(Efficiency::cqi, 1e9), 5.5547 * 168 / 180, 1e-12);
  CHECK_CLOSE(spectral_efficiency(Efficiency::shannon, 15.0), 4.0, 1e-12);
  CHECK_CLOSE(spectral_efficiency(Efficiency::mogensen, 3.75), 1.5, 1e-12);
}

}  // namespace

void test_coupling() {
  two_cells_have_the_known_answer();
  own_images_count_in_the_spectral_radius();
  layers_share_the_power();
  efficiencies_have_their_steps();
  smooth_efficiencies_settle_from_any_start();
  jumps_lead_to_the_lowest_fixed_point();
  tight_tolerances_are_reached();
}
