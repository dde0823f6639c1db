// The Jacobian of a load map, d f_i / d rho_k, and a row of it while it is summed up. Rows have an entry for every
// cell, or where far cells fold for those alone that disturb somebody there: a few hundred, however many cells there
// are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/coupling.hpp"

namespace slicefast {

// Of one cell, in one thread: the row that its slices come to, slice by slice. Three sums over cells: of the slice at
// work, of the cell, and where slices lend of what they keep.
class RowSums {
 public:
  enum Which { slice, cell, kept };

  RowSums(std::size_t n_cells, bool sparse);
  bool sparse() const { return sparse_; }
  std::size_t n_cells() const { return sums_[cell].size(); }
  double* of(Which which) { return sums_[which].data(); }
  // In a sparse row: before an entry of a sum is written.
  void touch(std::int32_t at) {
    if (is_touched_[static_cast<std::size_t>(at)]) return;
    is_touched_[static_cast<std::size_t>(at)] = 1;
    touched_.push_back(at);
  }
  std::span<const std::int32_t> touched() const { return touched_; }  // as the cell's users met them
  void clear();                                                       // all three, for the next cell
  void clear(Which which);
  void add_slice_to(Which which, std::span<const double> power_w);
  // Room for the near cells of a user's region, (stride,).
  std::vector<double>& near() { return near_; }

 private:
  bool sparse_;
  std::vector<double> sums_[3];  // (N,)
  std::vector<std::uint8_t> is_touched_;
  std::vector<std::int32_t> touched_;
  std::vector<double> near_;
};

class Jacobian {
 public:
  // `sparse`: rows are kept as the cells that they touch.
  void resize(std::size_t n_cells, bool sparse);
  void set_row(std::size_t cell, RowSums& sums, RowSums::Which which);
  // Row `cell` times `step` (N,).
  double times(const CouplingKernels& kernels, std::size_t cell, const std::vector<double>& step) const;
  // (N, N), unless sparse; for those who work in place.
  std::vector<double>& dense() { return dense_; }

 private:
  struct Row {
    std::vector<std::int32_t> cell;
    std::vector<double> value;
  };
  std::size_t n_cells_ = 0;
  bool sparse_ = false;
  std::vector<double> dense_;
  std::vector<Row> rows_;
};

}  // namespace slicefast
