#include "coupling/workspace.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "coupling/iterations.hpp"
#include "slicefast/checks.hpp"

namespace slicefast {
namespace {

constexpr std::size_t chunk_users = 16;   // whose gain rows stay in the first-level cache
constexpr std::size_t folded_chunk = 64;  // folded rows are short, and a region's users are better met together
// Up to here gains are turned once for all evaluations, whose lanes then are users and not the few cells of a row.
constexpr std::size_t turned_cells = 64, lanes = 16;

// A user's part of a group's demand; infinite where nothing could serve the group.
double scaled(double demand, double total, double taken) {
  return std::isfinite(total) ? demand * (total / taken) : total;
}

}  // namespace

// Counting sort.
void LoadCoupling::Workspace::group(const CouplingProblem& p, std::size_t slices, int n_threads) {
  n_cells = cells_of(p);
  n_slices = slices;
  const std::size_t n_users = users_of(p), n_groups = n_cells * n_slices;
  const auto key = [&](std::size_t u) {
    return static_cast<std::size_t>(p.serving[u]) * n_slices +
           (n_slices > 1 ? static_cast<std::size_t>(p.slice_of[u]) : 0);
  };
  first.assign(n_groups + 1, 0);
  for (std::size_t u = 0; u < n_users; ++u)
    if (p.demand_bps[u] > 0.0) ++first[key(u) + 1];
  for (std::size_t g = 0; g < n_groups; ++g) first[g + 1] += first[g];
  const std::size_t n = first[n_groups];
  users.resize(n);
  for (auto* array : {&signal, &demand_per_hz}) array->resize(n);
  next_.assign(first.begin(), first.end() - 1);
  for (std::size_t row = 0; row < n_users; ++row) {
    const std::size_t u = user_at(p, row);
    if (!(p.demand_bps[u] > 0.0)) continue;
    const std::size_t at = next_[key(u)]++, cell = static_cast<std::size_t>(p.serving[u]);
    const double gain = serving_gain_at(p, row, cell);
    if (!positive.holds(gain))
      refuse_entry("gain", "user " + text_of(u) + ", cell", cell, text_of(gain),
                   "above 0 and finite to the serving cell");
    users[at] = static_cast<std::int32_t>(row);
    signal[at] = p.power_w[cell] * gain;
    demand_per_hz[at] = p.demand_bps[u] / p.bandwidth_hz;
  }
  strongest.clear();
  if (p.interference == Interference::fluctuating)
    for (std::int32_t row : users) {
      const auto place = static_cast<std::size_t>(row);
      strongest.push_back(strong_neighbours(p, place, static_cast<std::size_t>(p.serving[user_at(p, place)])));
    }
  bands = p.bands == Bands::in_order ? BandActivity(p.share) : BandActivity();
  rho.assign(bands.empty() ? n_cells : n_groups, 0.0);
  size_results(p, static_cast<std::size_t>(n_threads));
  turn_gains(p);
}

void LoadCoupling::Workspace::turn_gains(const CouplingProblem& p) {
  if (p.folded || has_gain64(p) || n_cells > turned_cells || !bands.empty()) return columns.clear();
  column_stride = (users.size() + 2 * lanes - 1) / lanes * lanes;  // a vector may begin at the last user
  columns.resize(n_cells * column_stride);
  for (std::size_t at = 0; at < users.size(); ++at) {
    const std::span<const float> row = p.gain.row(static_cast<std::size_t>(users[at]));
    for (std::size_t k = 0; k < n_cells; ++k) columns[k * column_stride + at] = row[k];
  }
}

void LoadCoupling::Workspace::size_results(const CouplingProblem& p, std::size_t n_threads) {
  for (auto* array : {&interference, &load, &slope}) array->resize(users.size());
  value.assign(n_cells * n_slices, 0.0);
  value_cell.assign(n_cells, 0.0);
  // The factorised system wants all of it.
  const bool sparse = p.folded && n_cells > direct_cells;
  jacobian.resize(n_cells, sparse);
  if (row_sums_.size() != n_threads || row_sums_[0].n_cells() != n_cells || row_sums_[0].sparse() != sparse)
    row_sums_.assign(n_threads, RowSums(n_cells, sparse));
  gains_checked_ = false;
}

// Interference and loads of a cell's users from the turned gains.
void LoadCoupling::Workspace::load_cell(const CouplingProblem& p, const CouplingKernels& kernels, std::size_t cell,
                                        Weights& weights) {
  const std::size_t begin = first[cell * n_slices], n = first[(cell + 1) * n_slices] - begin;
  if (n == 0) return;
  const float own = std::exchange(weights.single[cell], 0.0f);
  kernels.column_interference(columns.data() + begin, column_stride, n, n_cells, weights.single.data(),
                              interference.data() + begin);
  weights.single[cell] = own;
  if (!p.own_images.empty())
    for (std::size_t at = begin; at < begin + n; ++at)
      interference[at] += static_cast<double>(own * p.own_images[static_cast<std::size_t>(users[at])]);
  find_loads(p, kernels, begin, n);
}

// From the interference that entries meet.
void LoadCoupling::Workspace::find_loads(const CouplingProblem& p, const CouplingKernels& kernels, std::size_t begin,
                                         std::size_t n) {
  if (!gains_checked_) check_gains(p, kernels, {users.data() + begin, n});
  kernels.user_load(link_rate(p), signal.data() + begin, interference.data() + begin, p.noise_w,
                    demand_per_hz.data() + begin, n, load.data() + begin, slope.data() + begin);
}

void LoadCoupling::Workspace::evaluate_cell(const CouplingProblem& p, const CouplingKernels& kernels,
                                            bool with_jacobian, std::size_t cell, Weights& weights, RowSums& sums) {
  const std::size_t chunk_most = p.folded ? folded_chunk : chunk_users;
  const LinkRate rate = link_rate(p);
  std::vector<double> met(bands.empty() ? 0 : n_cells);
  const std::span<const double> activity = bands.empty() ? rho : met;
  // Lending: what slices keep for themselves and do not need, with its slopes.
  const bool lends = !p.dedicated.empty();
  double kept = 0.0;
  if (with_jacobian) sums.clear();
  value_cell[cell] = 0.0;
  if (!columns.empty()) load_cell(p, kernels, cell, weights);
  for (std::size_t s = 0; s < n_slices; ++s) {
    const std::size_t g = cell * n_slices + s;
    double sum = 0.0, own = 0.0;
    if (!bands.empty()) {
      bands.met_by(cell, s, rho, met);
      weights.set(p, met);
    }
    if (with_jacobian) sums.clear(RowSums::slice);
    for (std::size_t begin = first[g]; begin < first[g + 1]; begin += chunk_most) {
      const std::size_t n = std::min(chunk_most, first[g + 1] - begin);
      const std::span<const std::int32_t> chunk{users.data() + begin, n};
      if (columns.empty()) {
        interference_of(p, kernels, chunk, users.size() - begin, cell, weights, interference.data() + begin);
        find_loads(p, kernels, begin, n);
      }
      if (p.interference == Interference::fluctuating)
        for (std::size_t i = begin; i < begin + n; ++i)
          load[i] =
              demand_per_hz[i] / mean_efficiency(p, kernels, rate, strongest[i], activity, signal[i], interference[i]);
      for (std::size_t i = begin; i < begin + n; ++i) sum += load[i];
      if (!with_jacobian) continue;
      add_slopes(p, kernels, chunk, slope.data() + begin, sums);
      own += own_slopes(p, chunk, slope.data() + begin);
    }
    const bool capped = !p.share.empty() && sum >= p.share(cell, s);
    value[g] = capped ? p.share(cell, s) : sum;
    value_cell[cell] += value[g];
    const bool keeps = lends && sum < p.dedicated(cell, s);
    if (keeps) kept += p.dedicated(cell, s) - sum;
    if (!with_jacobian) continue;
    sums.of(RowSums::slice)[cell] = own;  // folded: none, and where users are the cell is touched
    if (keeps) sums.add_slice_to(RowSums::kept, p.power_w);
    if (!capped) sums.add_slice_to(RowSums::cell, p.power_w);
  }
  const double most = std::max(0.0, p.whole_of(cell) - kept);  // parts of a whole may sum to a little more than one
  const bool full = lends && value_cell[cell] > most;
  if (full) {
    for (std::size_t g = cell * n_slices; g < (cell + 1) * n_slices; ++g) value[g] *= most / value_cell[cell];
    value_cell[cell] = most;
  }
  if (with_jacobian) jacobian.set_row(cell, sums, full ? RowSums::kept : RowSums::cell);
}

void LoadCoupling::Workspace::evaluate(const CouplingProblem& p, const CouplingKernels& kernels, bool with_jacobian,
                                       const ThreadPool* pool) {
  weights_.resize(pool ? static_cast<std::size_t>(pool->n_threads()) : 1);
  weights_[0].set(p, std::span(rho).first(n_cells));  // bands: every slice has its own
  for (std::size_t t = 1; t < weights_.size(); ++t) weights_[t] = weights_[0];
  const auto work = [&](std::size_t cell, int thread) {
    const auto t = static_cast<std::size_t>(thread);
    evaluate_cell(p, kernels, with_jacobian, cell, weights_[t], row_sums_[t]);
  };
  share_items(pool, n_cells, work);
  gains_checked_ = true;
}

double LoadCoupling::Workspace::residual() const {
  double worst = 0.0;
  for (std::size_t i = 0; i < rho.size(); ++i)
    worst = std::max(worst, std::abs(mapped()[i] - rho[i]) / std::max(1.0, rho[i]));
  return worst;
}

void LoadCoupling::Workspace::sample(const CouplingProblem& p, const Workspace& all, std::size_t stride) {
  n_cells = all.n_cells;
  n_slices = all.n_slices;
  first.assign(1, 0);
  for (auto* array : {&signal, &demand_per_hz}) array->clear();
  users.clear();
  for (std::size_t g = 0; g + 1 < all.first.size(); ++g) {
    double total = 0.0, taken = 0.0;
    const std::size_t begin = users.size();
    for (std::size_t at = all.first[g]; at < all.first[g + 1]; ++at) {
      total += all.demand_per_hz[at];
      if ((at - all.first[g]) % stride != 0) continue;
      taken += all.demand_per_hz[at];
      users.push_back(all.users[at]);
      signal.push_back(all.signal[at]);
      demand_per_hz.push_back(all.demand_per_hz[at]);
    }
    for (std::size_t at = begin; at < users.size(); ++at) demand_per_hz[at] = scaled(demand_per_hz[at], total, taken);
    first.push_back(users.size());
  }
  rho = all.rho;
  size_results(p, all.row_sums_.size());
}

double LoadCoupling::Workspace::cap_of(const CouplingProblem& p, std::size_t cell) {
  double most = 0.0;
  for (double a : p.share.row(cell)) most += a;
  return p.dedicated.empty() ? most : std::min(p.whole_of(cell), most);
}

bool LoadCoupling::Workspace::unserved(const CouplingProblem& p, std::size_t at) const {
  if (p.interference == Interference::fluctuating) return std::isinf(load[at]);  // in whatever state
  return signal[at] / (interference[at] + p.noise_w) < least_sinr(p);
}

bool LoadCoupling::Workspace::anybody_unserved(const CouplingProblem& p) const {
  for (std::size_t at = 0; at < users.size(); ++at)
    if (unserved(p, at)) return true;
  return false;
}

bool LoadCoupling::Workspace::leave_out_unserved(const CouplingProblem& p) {
  std::size_t kept = 0, begin = 0;
  for (std::size_t g = 0; g + 1 < first.size(); ++g) {
    const std::size_t end = first[g + 1];
    for (std::size_t at = begin; at < end; ++at) {
      if (unserved(p, at)) {
        if (!p.waits.empty()) p.waits[user_at(p, static_cast<std::size_t>(users[at]))] = 1;
        continue;
      }
      users[kept] = users[at];
      signal[kept] = signal[at];
      if (!strongest.empty()) strongest[kept] = strongest[at];
      demand_per_hz[kept++] = demand_per_hz[at];
    }
    begin = end;
    first[g + 1] = kept;
  }
  const bool some = kept < users.size();
  users.resize(kept);
  for (auto* array : {&signal, &demand_per_hz, &interference, &load, &slope}) array->resize(kept);
  if (some) turn_gains(p);
  return some;
}

}  // namespace slicefast
