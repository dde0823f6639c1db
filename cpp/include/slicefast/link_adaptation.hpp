// Link adaptation: SINR -> channel quality indicator (CQI) -> row of an MCS table -> transport block.
//
// | table           | technology, highest modulation | CQI, TS         | row and block, TS                           |
// |-----------------|--------------------------------|-----------------|---------------------------------------------|
// | lte             | LTE, 64QAM                     | 36.213 7.2.3-1  | I_TBS 0..26, 36.213 Table 7.1.7.2.1-1       |
// | nr_qam64        | NR, 64QAM                      | 38.214 5.2.2.1-2| MCS 0..28, 38.214 Table 5.1.3.1-1, 5.1.3.2  |
// | nr_qam256       | NR, 256QAM                     | 38.214 5.2.2.1-3| MCS 0..27, 38.214 Table 5.1.3.1-2, 5.1.3.2  |
// | nr_qam64_low_se | NR, 64QAM, low rates           | 38.214 5.2.2.1-4| MCS 0..28, 38.214 Table 5.1.3.1-3, 5.1.3.2  |
//
// Resource elements that carry data, of the 168 of a PRB in a TTI (ours): 136 in LTE, two control symbols and one
// port's reference symbols; 144 in NR, one control symbol and one symbol of DM-RS, the overhead of 0.14 of
// TS 38.306 4.1.2.
//
// SINR at which a CQI has 10 % errors: LTE's on an AWGN channel with 2000-bit blocks, by efficiency. For the
// efficiencies that LTE does not have (ours): Shannon's SINR and 2 dB below CQI 1 of LTE, 3 dB above CQI 14, what LTE's
// thresholds are above it there. NR's low rates are made for 1e-5 errors; here they are used at 10 %, as the others.
#pragma once

#include <cstdint>
#include <string_view>

namespace slicefast {

enum class McsTable { lte, nr_qam64, nr_qam256, nr_qam64_low_se };
McsTable mcs_table(std::string_view name);

// The linear SINR from which on a CQI 1..15 is reached, and its efficiency [bit per resource element].
double cqi_threshold(int cqi, McsTable table);
double cqi_efficiency(int cqi, McsTable table);

// The highest CQI 1..15 that the linear SINR reaches; 0: none.
int cqi(double sinr, McsTable table = McsTable::lte);

// The row for a CQI: the highest whose rate is within the CQI's efficiency, or row 0 if none is; -1 for CQI 0, out of
// reach. LTE: of I_TBS over 100 PRBs, CQI 15 being I_TBS 26.
int tbs_index(int cqi, McsTable table = McsTable::lte);
int n_tbs_rows(McsTable table);

// Where a row stands on 1 to 4 layers: those of one layer come first, then those of two, ...; -1 for row -1.
inline constexpr int most_block_layers = 4;
int block_row(int tbs_index, int layers, McsTable table);

// Bits of what a user is sent in a TTI: one transport block of NR on its layers, in LTE one on each (two codewords;
// beyond two layers ours, 0.7 % more than the table of 36.213 7.1.7.2.5 has over 100 PRBs). 0 for row -1. Beyond the
// standard's 110 (LTE) or 275 (NR) PRBs the sum of several.
std::int32_t transport_block_bits(int block_row, int n_prb, McsTable table = McsTable::lte);

// TS 38.214 5.1.3.2 for any allocation: resource elements N_RE, modulation order Q_m, code rate in units of 1 / 2048
// (the tables have halves of 1 / 1024), layers.
std::int64_t nr_transport_block_bits(std::int64_t resource_elements, int modulation_order, int code_rate_2048,
                                     int layers);

// The highest rate over a carrier of n_prb PRBs, in blocks as long as they get [bit/s/Hz].
double peak_bps_per_hz(int n_prb, McsTable table, int layers = 1);

}  // namespace slicefast
