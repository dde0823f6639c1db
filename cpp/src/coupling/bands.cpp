#include "coupling/bands.hpp"

namespace slicefast {

BandActivity::BandActivity(ConstMatrixView<double> share) : share_(share), edge_(share.rows, share.cols + 1) {
  for (std::size_t n = 0; n < share.rows; ++n)
    for (std::size_t s = 0; s < share.cols; ++s) edge_.view()(n, s + 1) = edge_.view()(n, s) + share(n, s);
}

void BandActivity::met_by(std::size_t cell, std::size_t slice, std::span<const double> rho,
                          std::span<double> met) const {
  const ConstMatrixView<double> edge = edge_.view();
  const double begin = edge(cell, slice), end = edge(cell, slice + 1);
  for (std::size_t k = 0; k < share_.rows; ++k) {
    met[k] = 0.0;
    for (std::size_t t = 0; t < share_.cols; ++t) {
      const double used = rho[k * share_.cols + t];
      if (!(end > begin)) {
        met[k] += used;
        continue;
      }
      const double overlap = std::min(end, edge(k, t + 1)) - std::max(begin, edge(k, t));
      if (overlap > 0.0) met[k] += overlap / (end - begin) * (used / share_(k, t));
    }
  }
}

}  // namespace slicefast
