#include "radio/remainders.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slicefast {
namespace {

// Sums over sites of the weighted means w_rk rho_k p_k.
struct SiteSums {
  double sum = 0.0, squares = 0.0, largest = 0.0;

  void add(double site) {
    sum += site;
    squares += site * site;
    largest = std::max(largest, site);
  }
  void add(const SiteSums& sites) {
    sum += sites.sum;
    squares += sites.squares;
    largest = std::max(largest, sites.largest);
  }
};

Remainder remainder_of(const FarCells& far, const SiteSums& s, bool wide) {
  const double deviation =
      wide ? std::numeric_limits<double>::infinity()
           : 3.0 * std::sqrt(far.own_variation * s.squares) + far.largest_excursion * s.largest + 0.25 * s.sum;
  return {static_cast<float>(s.sum), static_cast<float>(deviation)};
}

// (n_levels,) of one region; `site` (K,) is room for what sites come to.
void find_remainders(const FarCells& far, std::size_t region, std::span<const double> weight, std::vector<double>& site,
                     Remainder* out) {
  const float* w = far.weight.data() + region * weight.size();
  std::fill(site.begin(), site.end(), 0.0);
  for (std::size_t n = 0; n < weight.size(); ++n)
    site[static_cast<std::size_t>(far.site_of[n])] += weight[n] * static_cast<double>(w[n]);
  SiteSums of_level[FarCells::most_levels], beyond;
  for (std::size_t k = 0; k < site.size(); ++k) of_level[far.level[region * site.size() + k]].add(site[k]);
  for (std::size_t level = far.n_levels(); level-- > 0;) {
    out[level] = remainder_of(far, beyond, far.wide[region * far.n_levels() + level]);
    beyond.add(of_level[level]);
  }
}

}  // namespace

Remainders::Remainders(const FarCells& far, const std::vector<std::uint8_t>& wanted, std::span<const double> weight)
    : n_levels_(far.n_levels()), all_(far.n_regions * n_levels_) {
  std::vector<double> site(far.level.size() / far.n_regions);
  for (std::size_t region = 0; region < far.n_regions; ++region)
    if (wanted[region]) find_remainders(far, region, weight, site, all_.data() + region * n_levels_);
}

}  // namespace slicefast
