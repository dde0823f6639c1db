#include "slicefast/coupling/problem.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "coupling/interference.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {

Interference interference(std::string_view name) {
  constexpr std::string_view names[] = {"mean", "fluctuating"};
  return static_cast<Interference>(check_name("interference", name, names));
}

Bands bands(std::string_view name) {
  constexpr std::string_view names[] = {"anywhere", "in_order"};
  return static_cast<Bands>(check_name("bands", name, names));
}

void check_radio(const CouplingProblem& p) {
  check_size("power_w", p.power_w.size(), cells_of(p), "cell");
  check_values("power_w", p.power_w, positive, "cell");
  check_value("noise_w", p.noise_w, positive);
  check_size("serving", p.serving.size(), users_of(p), "user");
  check_indices("serving", p.serving, cells_of(p), "user");
  if (p.own_images.empty()) return;
  if (p.folded || has_gain64(p)) refuse("own_images", "gains of every user", "none beside folded or double gains");
  check_size("own_images", p.own_images.size(), users_of(p), "user");
}

void check_problem(const CouplingProblem& p, std::size_t n_slices) {
  const std::size_t n_users = users_of(p), n_cells = cells_of(p);
  check_radio(p);
  check_value("bandwidth_hz", p.bandwidth_hz, positive);
  check_value("ceiling_bps_per_hz", p.ceiling_bps_per_hz, positive);
  check_size("demand_bps", p.demand_bps.size(), n_users, "user");
  check_values("demand_bps", p.demand_bps, not_negative, "user");
  if (n_slices > 1) check_size("slice_of", p.slice_of.size(), n_users, "user");
  check_indices("slice_of", p.slice_of, n_slices, "user");
  check_size("steps", p.steps.bits_per_s_hz.size(), p.steps.sinr.size(), "SINR");
  check_values("steps", p.steps.bits_per_s_hz, positive, "step");
  if (!p.waits.empty()) check_size("waits", p.waits.size(), n_users, "user");
  if (!p.dedicated.empty()) check_shape("dedicated", p.dedicated, n_cells, n_slices);
  if (!p.whole.empty()) check_size("whole", p.whole.size(), n_cells, "cell");
  check_values("whole", p.whole, unit_interval, "cell");
  if (p.bands == Bands::in_order) {
    if (!p.dedicated.empty()) refuse("bands", "in_order", "anywhere where slices lend");
    if (p.folded) refuse("bands", "in_order", "anywhere where far cells fold");
    check_shape("share", p.share, n_cells, n_slices);
  }
  if (p.share.empty()) return;
  check_shape("share", p.share, n_cells, n_slices);
  for (std::size_t n = 0; n < n_cells; ++n)
    for (double a : p.share.row(n))
      if (!unit_interval.holds(a)) refuse_entry("share", "cell", n, text_of(a), unit_interval.text());
}

void check_gains(const CouplingProblem& p, const CouplingKernels& kernels, std::span<const std::int32_t> rows) {
  const std::size_t n_cells = cells_of(p);
  if (p.folded) return;  // the core's own
  if (has_gain64(p) ? kernels.valid_f64(p.gain64.data, n_cells, rows.data(), rows.size())
                    : kernels.valid_f32(p.gain.data, n_cells, rows.data(), rows.size()))
    return;
  for (std::int32_t user : rows)
    for (std::size_t n = 0; n < n_cells; ++n)
      if (const double g = gain_at(p, static_cast<std::size_t>(user), n); !not_negative.holds(g))
        refuse_entry("gain", "user " + text_of(user) + ", cell", n, text_of(g), not_negative.text());
}

}  // namespace slicefast
