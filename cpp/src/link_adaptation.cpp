#include "slicefast/link_adaptation.hpp"

#include <string>

#include "coupling/curves.hpp"
#include "slicefast/errors.hpp"
#include "tbs_table.hpp"

namespace slicefast {

namespace {

constexpr double data_elements_per_prb = 136;

}  // namespace

int cqi(double sinr) {
  return at_highest_cqi(sinr, 0, [](int i) { return i + 1; });
}

int tbs_index(int cqi) {
  if (cqi < 0 || cqi > n_cqi) throw InvalidArgument("cqi: got " + std::to_string(cqi) + ", allowed: 0 to 15");
  if (cqi == 0) return -1;
  const double bits = cqi_bits_per_element[cqi - 1] * data_elements_per_prb * 100;
  int index = 0;
  while (index + 1 < tbs_rows && transport_block_size[index + 1][99] <= bits) ++index;
  return index;
}

std::int32_t transport_block_bits(int tbs_index, int n_prb) {
  if (tbs_index < 0 || n_prb <= 0) return 0;
  std::int32_t bits = 0;
  for (; n_prb > tbs_columns; n_prb -= tbs_columns) bits += transport_block_size[tbs_index][tbs_columns - 1];
  return bits + transport_block_size[tbs_index][n_prb - 1];
}

}  // namespace slicefast
