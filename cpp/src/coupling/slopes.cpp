#include "coupling/slopes.hpp"

#include <algorithm>

namespace slicefast {

RowSums::RowSums(std::size_t n_cells, bool sparse) : sparse_(sparse) {
  for (auto& sum : sums_) sum.assign(n_cells, 0.0);
  if (sparse) is_touched_.assign(n_cells, 0);
}

void RowSums::clear(Which which) {
  if (!sparse_) return std::fill(sums_[which].begin(), sums_[which].end(), 0.0);
  for (const std::int32_t at : touched_) sums_[which][static_cast<std::size_t>(at)] = 0.0;
}

void RowSums::clear() {
  for (const Which which : {slice, cell, kept}) clear(which);
  for (const std::int32_t at : touched_) is_touched_[static_cast<std::size_t>(at)] = 0;
  touched_.clear();
}

void RowSums::add_slice_to(Which which, std::span<const double> power_w) {
  const std::vector<double>& slopes = sums_[slice];
  std::vector<double>& sum = sums_[which];
  if (!sparse_) {
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += slopes[k] * power_w[k];
    return;
  }
  for (const std::int32_t at : touched_) {
    const auto k = static_cast<std::size_t>(at);
    sum[k] += slopes[k] * power_w[k];
  }
}

void Jacobian::resize(std::size_t n_cells, bool sparse) {
  n_cells_ = n_cells;
  sparse_ = sparse;
  dense_.resize(sparse ? 0 : n_cells * n_cells);
  rows_.resize(sparse ? n_cells : 0);
}

void Jacobian::set_row(std::size_t cell, RowSums& sums, RowSums::Which which) {
  const double* from = sums.of(which);
  if (!sparse_) {
    std::copy_n(from, n_cells_, dense_.data() + cell * n_cells_);
    return;
  }
  Row& row = rows_[cell];
  row.cell.assign(sums.touched().begin(), sums.touched().end());
  row.value.resize(row.cell.size());
  for (std::size_t j = 0; j < row.cell.size(); ++j) row.value[j] = from[static_cast<std::size_t>(row.cell[j])];
}

double Jacobian::times(const CouplingKernels& kernels, std::size_t cell, const std::vector<double>& step) const {
  if (!sparse_) return kernels.dot(dense_.data() + cell * n_cells_, step.data(), n_cells_);
  const Row& row = rows_[cell];
  double part[4] = {};
  std::size_t j = 0;
  for (; j + 4 <= row.cell.size(); j += 4)
    for (std::size_t i = 0; i < 4; ++i) part[i] += row.value[j + i] * step[static_cast<std::size_t>(row.cell[j + i])];
  for (; j < row.cell.size(); ++j) part[0] += row.value[j] * step[static_cast<std::size_t>(row.cell[j])];
  return (part[0] + part[1]) + (part[2] + part[3]);
}

}  // namespace slicefast
