// Link adaptation of LTE: SINR -> channel quality indicator (CQI) -> transport block.
#pragma once

#include <cstdint>

namespace slicefast {

// The highest CQI 1..15 whose 10 % block-error threshold (AWGN, 2000-bit blocks) the linear SINR reaches; 0: none.
int cqi(double sinr);

// The largest I_TBS whose block over 100 PRBs asks for no more bits per resource element than the CQI's efficiency
// (TS 36.213 Table 7.2.3-1), with 136 of a PRB's 168 elements carrying data (ours: two control symbols and one port's
// reference symbols); CQI 15 is I_TBS 26. -1 for CQI 0: out of reach.
int tbs_index(int cqi);

// Bits of one transport block, TS 36.213 Table 7.1.7.2.1-1; beyond 110 PRBs the sum of two blocks. 0 for index -1.
std::int32_t transport_block_bits(int tbs_index, int n_prb);

}  // namespace slicefast
