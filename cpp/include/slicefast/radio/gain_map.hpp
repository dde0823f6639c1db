// GainMap: link gains read from a grid of pixels, as a ray tracer or a planning tool writes them.
//
// Symbols: N cells; pixel (r, c) has its centre at (first_x + c step_x, first_y + r step_y); a position has the gains
// of the pixel whose centre is nearest, and outside the grid those of the nearest pixel of its edge.
#pragma once

#include "slicefast/radio/gain_source.hpp"

namespace slicefast {

struct PixelGrid {
  std::size_t rows = 1, cols = 1;                                   // along y and x
  double first_x_m = 0, first_y_m = 0, step_x_m = 1, step_y_m = 1;  // steps above 0
};

class GainMap final : public GainSource {
 public:
  // `gain` (rows * cols, N), row by row; finite and at least 0. It is copied. Throws InvalidArgument.
  GainMap(const PixelGrid& grid, ConstMatrixView<float> gain);

  int n_cells() const override { return static_cast<int>(gain_.cols()); }
  bool folds() const override { return false; }
  // Refuse a profile: what buildings cost is in the map, or nowhere. `reach` is empty, as has_images() says.
  void gains(std::span<const double> x_m, std::span<const double> y_m, MatrixView<float> gain, const ThreadPool* pool,
             const UserProfile* profile, MatrixView<float> reach = {}) const override;
  void update_gains(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
                    MatrixView<float> gain, const ThreadPool* pool, const UserProfile* profile,
                    MatrixView<float> reach = {}) const override;
  // Refused: nothing folds.
  void fold(std::span<const double> x_m, std::span<const double> y_m, const Emissions& at, FoldedGains& gains,
            const ThreadPool* pool) const override;
  void refold(std::span<const double> x_m, std::span<const double> y_m, std::span<const std::int32_t> users,
              const Emissions& at, FoldedGains& gains, const ThreadPool* pool) const override;

 private:
  void check(std::span<const double> x_m, std::span<const double> y_m, const MatrixView<float>& gain,
             const UserProfile* profile) const;
  std::size_t pixel(double x_m, double y_m) const;

  PixelGrid grid_;
  Matrix<float> gain_;  // (pixels, N): the gains of a user are one row
};

}  // namespace slicefast
