#include "slicefast/link_adaptation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "coupling/cqi_table.hpp"
#include "nr_tables.hpp"
#include "slicefast/checks.hpp"
#include "tbs_table.hpp"

namespace slicefast {

namespace {

constexpr int lte_data_elements = 136, nr_data_elements = 144;  // of a PRB
constexpr int nr_prbs = 275;                                    // of one carrier

std::span<const Mcs> mcs_of(McsTable table) {
  if (table == McsTable::nr_qam64) return nr_mcs_qam64;
  if (table == McsTable::nr_qam256) return nr_mcs_qam256;
  return nr_mcs_qam64_low_se;
}

std::span<const double> efficiencies_of(McsTable table) {
  switch (table) {
    case McsTable::lte:
      return cqi_bits_per_element;
    case McsTable::nr_qam64:
      return nr_cqi_qam64;
    case McsTable::nr_qam256:
      return nr_cqi_qam256;
    case McsTable::nr_qam64_low_se:
      break;
  }
  return nr_cqi_qam64_low_se;
}

// See the head of link_adaptation.hpp. 256QAM reaches LTE's highest efficiency at a lower code rate, hence earlier.
double least_sinr(double bits_per_element, McsTable table) {
  if (table != McsTable::nr_qam256 || bits_per_element < cqi_bits_per_element[n_cqi - 1])
    for (int i = 0; i < n_cqi; ++i)
      if (cqi_bits_per_element[i] == bits_per_element) return cqi_sinr[i];
  constexpr double above_shannon_low_db = 2.0, above_shannon_high_db = 3.0;
  const bool low = bits_per_element < cqi_bits_per_element[0];
  return (std::exp2(bits_per_element) - 1.0) *
         std::pow(10.0, 0.1 * (low ? above_shannon_low_db : above_shannon_high_db));
}

using Thresholds = std::array<double, n_cqi>;

Thresholds thresholds_of(McsTable table) {
  Thresholds sinr{};
  for (std::size_t i = 0; i < sinr.size(); ++i) sinr[i] = least_sinr(efficiencies_of(table)[i], table);
  return sinr;
}

// Constants, once for all: the standard's arithmetic is no work for every TTI.
const Thresholds& thresholds(McsTable table) {
  static const std::array<Thresholds, 4> all = {thresholds_of(McsTable::lte), thresholds_of(McsTable::nr_qam64),
                                                thresholds_of(McsTable::nr_qam256),
                                                thresholds_of(McsTable::nr_qam64_low_se)};
  return all[static_cast<std::size_t>(table)];
}

// (block_row, n_prb - 1)
std::vector<std::int32_t> blocks_of(McsTable table) {
  std::vector<std::int32_t> bits;
  for (int layers = 1; layers <= most_block_layers; ++layers)
    for (const Mcs& mcs : mcs_of(table))
      for (int n_prb = 1; n_prb <= nr_prbs; ++n_prb)
        bits.push_back(static_cast<std::int32_t>(
            nr_transport_block_bits(nr_data_elements * n_prb, mcs.order, mcs.rate_2048, layers)));
  return bits;
}

const std::vector<std::int32_t>& nr_blocks(McsTable table) {
  static const std::array<std::vector<std::int32_t>, 3> all = {
      blocks_of(McsTable::nr_qam64), blocks_of(McsTable::nr_qam256), blocks_of(McsTable::nr_qam64_low_se)};
  return all[static_cast<std::size_t>(table) - 1];
}

int lte_tbs_index(int cqi) {
  const double bits = cqi_bits_per_element[cqi - 1] * lte_data_elements * 100;
  int index = 0;
  while (index + 1 < tbs_rows && transport_block_size[index + 1][99] <= bits) ++index;
  return index;
}

constexpr std::int64_t ceiling_of(std::int64_t numerator, std::int64_t denominator) {
  return (numerator + denominator - 1) / denominator;
}

}  // namespace

McsTable mcs_table(std::string_view name) {
  constexpr std::string_view names[] = {"lte", "nr_qam64", "nr_qam256", "nr_qam64_low_se"};
  return static_cast<McsTable>(check_name("mcs_table", name, names));
}

double cqi_threshold(int cqi, McsTable table) { return thresholds(table)[static_cast<std::size_t>(cqi) - 1]; }
double cqi_efficiency(int cqi, McsTable table) { return efficiencies_of(table)[static_cast<std::size_t>(cqi) - 1]; }

int cqi(double sinr, McsTable table) {
  const Thresholds& least = thresholds(table);
  return static_cast<int>(std::upper_bound(least.begin(), least.end(), sinr) - least.begin());
}

int tbs_index(int cqi, McsTable table) {
  check_value("cqi", cqi, within(0, n_cqi));
  if (cqi == 0) return -1;
  if (table == McsTable::lte) return lte_tbs_index(cqi);
  constexpr double rounding = 5e-5;  // of the standard's efficiencies, four decimals
  const std::span<const Mcs> rows = mcs_of(table);
  int index = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i].bits_per_element() <= cqi_efficiency(cqi, table) + rounding) index = static_cast<int>(i);
  return index;
}

int n_tbs_rows(McsTable table) { return table == McsTable::lte ? tbs_rows : static_cast<int>(mcs_of(table).size()); }

int block_row(int tbs_index, int layers, McsTable table) {
  check_value("layers", layers, within(1, most_block_layers));
  return tbs_index < 0 ? -1 : tbs_index + (layers - 1) * n_tbs_rows(table);
}

std::int32_t transport_block_bits(int block_row, int n_prb, McsTable table) {
  if (block_row < 0 || n_prb <= 0) return 0;
  const bool lte = table == McsTable::lte;
  const int columns = lte ? tbs_columns : nr_prbs, blocks = lte ? 1 + block_row / tbs_rows : 1;
  const std::int32_t* row =
      lte ? transport_block_size[block_row % tbs_rows] : nr_blocks(table).data() + block_row * nr_prbs;
  std::int32_t bits = 0;
  for (; n_prb > columns; n_prb -= columns) bits += row[columns - 1];
  return blocks * (bits + row[n_prb - 1]);
}

// All quotients are exact in double: integers below 2^53 over powers of two.
std::int64_t nr_transport_block_bits(std::int64_t resource_elements, int modulation_order, int code_rate_2048,
                                     int layers) {
  check_value("resource_elements", resource_elements, within(1, 1e9));
  check_value("modulation_order", modulation_order, within(1, 10));
  check_value("code_rate", code_rate_2048, within(1, 2047));
  check_value("layers", layers, within(1, 8));
  const double n_info = static_cast<double>(resource_elements * modulation_order * layers * code_rate_2048) / 2048.0;
  if (n_info <= 3824) {
    const double step = std::exp2(std::max(3, std::ilogb(std::max(1.0, n_info)) - 6));
    const double quantised = std::max(24.0, step * std::floor(n_info / step));
    return *std::lower_bound(nr_small_blocks.begin(), nr_small_blocks.end(), quantised);
  }
  const double step = std::exp2(std::ilogb(n_info - 24) - 5);
  const double rounded = std::max(3840.0, step * std::floor((n_info - 24) / step + 0.5));
  const std::int64_t with_crc = static_cast<std::int64_t>(rounded) + 24;
  const std::int64_t largest_segment = code_rate_2048 <= 512 ? 3816 : 8424;
  const std::int64_t segments = code_rate_2048 <= 512 || rounded > 8424 ? ceiling_of(with_crc, largest_segment) : 1;
  return 8 * segments * ceiling_of(with_crc, 8 * segments) - 24;
}

double peak_bps_per_hz(int n_prb, McsTable table, int layers) {
  constexpr double hz_s_per_prb = 180.0;  // 12 subcarriers over a TTI, whatever their spacing
  const int top = block_row(n_tbs_rows(table) - 1, layers, table);
  return transport_block_bits(top, n_prb, table) / (hz_s_per_prb * n_prb);
}

}  // namespace slicefast
