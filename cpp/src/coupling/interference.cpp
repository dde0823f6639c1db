#include "coupling/interference.hpp"

#include <algorithm>
#include <utility>

#include "radio/far_cells.hpp"

namespace slicefast {

void Weights::set(const CouplingProblem& p, std::span<const double> rho) {
  twice.clear();
  single.clear();
  for (std::size_t k = 0; k < rho.size(); ++k) {
    if (has_gain64(p))
      twice.push_back(rho[k] * p.power_w[k]);
    else
      single.push_back(static_cast<float>(rho[k] * p.power_w[k]));
  }
  if (!p.folded) return;
  const FarCells& far = *p.folded->far;
  const std::size_t stride = p.folded->stride;
  near.assign(far.n_regions * stride, 0.0f);
  remainder.assign(far.n_regions, 0.0);
  for (std::size_t r = 0; r < far.n_regions; ++r) {
    const std::span<const std::int32_t> cells = far.near.cells_of(r);
    for (std::size_t c = 0; c < cells.size(); ++c) near[r * stride + c] = single[static_cast<std::size_t>(cells[c])];
    remainder[r] = far.remainder(r, single);
  }
}

namespace {

// Places of one region from `begin` on.
std::size_t region_end(const FoldedGains& g, std::span<const std::int32_t> places, std::size_t begin) {
  const std::int32_t region = g.region[static_cast<std::size_t>(places[begin])];
  std::size_t end = begin + 1;
  while (end < places.size() && g.region[static_cast<std::size_t>(places[end])] == region) ++end;
  return end;
}

// Of the links that are kept one by one, and of the remainder `rest` of the user's region.
double far_interference(const FoldedGains& g, std::size_t place, std::size_t cell, const Weights& weights,
                        double rest) {
  double far = static_cast<double>(g.factor[place]) * rest;
  for (std::uint32_t j = g.far_first[place]; j < g.far_first[place + 1]; ++j)
    if (g.far_cell[j] != static_cast<std::int32_t>(cell))
      far += static_cast<double>(weights.single[static_cast<std::size_t>(g.far_cell[j])] * g.far_gain[j]);
  return far;
}

void folded_interference(const FoldedGains& g, const CouplingKernels& kernels, std::span<const std::int32_t> places,
                         std::size_t readable, std::size_t cell, Weights& weights, double* out) {
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    end = region_end(g, places, begin);
    const auto first = static_cast<std::size_t>(places[begin]);
    double rest = 0.0;
    if (g.region[first] < 0) {
      std::fill(out + begin, out + end, 0.0);
    } else {
      const auto region = static_cast<std::size_t>(g.region[first]);
      float* near = weights.near.data() + region * g.stride;
      const std::ptrdiff_t column = g.near_column(first, cell);
      const float own = column < 0 ? 0.0f : std::exchange(near[column], 0.0f);
      kernels.interference_f32(g.near.data(), g.stride, places.data() + begin, end - begin, readable - begin, near,
                               out + begin);
      if (column >= 0) near[column] = own;
      rest = weights.remainder[region];
    }
    for (std::size_t i = begin; i < end; ++i)
      out[i] += far_interference(g, static_cast<std::size_t>(places[i]), cell, weights, rest);
  }
}

// Places from `first` on, region by region.
void folded_rows(const CouplingProblem& p, const CouplingKernels& kernels, std::size_t first, const Weights& weights,
                 std::span<double> out) {
  const FoldedGains& g = *p.folded;
  const auto cell_of = [&](std::size_t place) { return static_cast<std::size_t>(p.serving[user_at(p, place)]); };
  std::int32_t own[rows_most];
  for (std::size_t begin = first, end = first, last = first + out.size(); begin < last; begin = end) {
    while (end < last && g.region[end] == g.region[begin]) ++end;
    double* const sums = out.data() + (begin - first);
    double rest = 0.0;
    if (g.region[begin] < 0) {
      std::fill_n(sums, end - begin, 0.0);
    } else {
      const auto region = static_cast<std::size_t>(g.region[begin]);
      for (std::size_t place = begin; place < end; ++place)
        own[place - begin] = static_cast<std::int32_t>(g.near_column(place, cell_of(place)));
      kernels.others_interference(g.near.data() + begin * g.stride, g.stride, own, end - begin,
                                  weights.near.data() + region * g.stride, weights.ones_around_0.data() + g.stride,
                                  sums);
      rest = weights.remainder[region];
    }
    for (std::size_t place = begin; place < end; ++place)
      sums[place - begin] += far_interference(g, place, cell_of(place), weights, rest);
  }
}

void add_folded_slopes(const FoldedGains& g, const CouplingKernels& kernels, std::span<const std::int32_t> places,
                       const double* slope, RowSums& sums) {
  std::vector<double>& near = sums.near();
  near.resize(g.stride);
  const auto add = [&sums, sum = sums.of(RowSums::slice)](std::int32_t cell, double value) {
    if (sums.sparse()) sums.touch(cell);
    sum[cell] += value;
  };
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    end = region_end(g, places, begin);
    const std::span<const std::int32_t> cells = g.near_cells(static_cast<std::size_t>(places[begin]));
    std::fill(near.begin(), near.end(), 0.0);
    kernels.add_slopes_f32(g.near.data(), g.stride, places.data() + begin, end - begin, slope + begin, near.data());
    for (std::size_t c = 0; c < cells.size(); ++c) add(cells[c], near[c]);
    for (std::size_t i = begin; i < end; ++i) {
      const auto place = static_cast<std::size_t>(places[i]);
      for (std::uint32_t j = g.far_first[place]; j < g.far_first[place + 1]; ++j)
        add(g.far_cell[j], slope[i] * static_cast<double>(g.far_gain[j]));
    }
  }
}

}  // namespace

void interference_of(const CouplingProblem& p, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                     std::size_t readable, std::size_t cell, Weights& weights, double* out) {
  const std::size_t n_cells = cells_of(p);
  if (p.folded) {
    folded_interference(*p.folded, kernels, rows, readable, cell, weights, out);
  } else if (has_gain64(p)) {
    const double own = std::exchange(weights.twice[cell], 0.0);
    kernels.interference_f64(p.gain64.data, n_cells, rows.data(), rows.size(), readable, weights.twice.data(), out);
    weights.twice[cell] = own;
  } else {
    const float own = std::exchange(weights.single[cell], 0.0f);
    kernels.interference_f32(p.gain.data, n_cells, rows.data(), rows.size(), readable, weights.single.data(), out);
    weights.single[cell] = own;
    if (p.own_images.empty()) return;
    for (std::size_t i = 0; i < rows.size(); ++i)
      out[i] += static_cast<double>(own * p.own_images[static_cast<std::size_t>(rows[i])]);
  }
}

void leave_own_out(const CouplingProblem& p, Weights& weights) {
  const std::size_t stride = p.folded ? p.folded->stride : p.gain.cols;
  weights.ones_around_0.assign(2 * stride + 2, 1.0f);
  weights.ones_around_0[stride] = 0.0f;
}

void interference_of_rows(const CouplingProblem& p, const CouplingKernels& kernels, std::size_t first,
                          const Weights& weights, std::span<double> out) {
  if (p.folded) return folded_rows(p, kernels, first, weights, out);
  const std::span<const std::int32_t> serving = p.serving.subspan(first, out.size());
  kernels.others_interference(p.gain.row(first).data(), p.gain.cols, serving.data(), out.size(), weights.single.data(),
                              weights.ones_around_0.data() + p.gain.cols, out.data());
  if (p.own_images.empty()) return;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] += static_cast<double>(weights.single[static_cast<std::size_t>(serving[i])] * p.own_images[first + i]);
}

double own_slopes(const CouplingProblem& p, std::span<const std::int32_t> rows, const double* slope) {
  double sum = 0.0;
  if (p.own_images.empty()) return sum;
  for (std::size_t i = 0; i < rows.size(); ++i)
    sum += slope[i] * static_cast<double>(p.own_images[static_cast<std::size_t>(rows[i])]);
  return sum;
}

Link link_at(const CouplingProblem& p, const CouplingKernels& kernels, std::size_t row, Weights& weights) {
  const std::size_t cell = static_cast<std::size_t>(p.serving[user_at(p, row)]);
  const std::int32_t place = static_cast<std::int32_t>(row);
  double interference = 0.0;
  interference_of(p, kernels, {&place, 1}, 1, cell, weights, &interference);
  return {p.power_w[cell] * serving_gain_at(p, row, cell), interference};
}

void add_slopes(const CouplingProblem& p, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                const double* slope, double* sum) {
  if (has_gain64(p))
    kernels.add_slopes_f64(p.gain64.data, p.gain64.cols, rows.data(), rows.size(), slope, sum);
  else
    kernels.add_slopes_f32(p.gain.data, p.gain.cols, rows.data(), rows.size(), slope, sum);
}

void add_slopes(const CouplingProblem& p, const CouplingKernels& kernels, std::span<const std::int32_t> rows,
                const double* slope, RowSums& sums) {
  if (p.folded)
    add_folded_slopes(*p.folded, kernels, rows, slope, sums);
  else
    add_slopes(p, kernels, rows, slope, sums.of(RowSums::slice));
}

}  // namespace slicefast
