"""NR link adaptation in plain Python, from 3GPP TS 38.214 v17 and TS 38.101-1 v17; shares no code with slicefast."""

import math
from fractions import Fraction

# Table 5.1.3.1-1, -2, -3: modulation order, target code rate x 1024.
QAM64 = [
    (2, 120), (2, 157), (2, 193), (2, 251), (2, 308), (2, 379), (2, 449), (2, 526), (2, 602), (2, 679),
    (4, 340), (4, 378), (4, 434), (4, 490), (4, 553), (4, 616), (4, 658),
    (6, 438), (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772), (6, 822), (6, 873), (6, 910),
    (6, 948),
]  # fmt: skip
QAM256 = [
    (2, 120), (2, 193), (2, 308), (2, 449), (2, 602), (4, 378), (4, 434), (4, 490), (4, 553), (4, 616), (4, 658),
    (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772), (6, 822), (6, 873),
    (8, 682.5), (8, 711), (8, 754), (8, 797), (8, 841), (8, 885), (8, 916.5), (8, 948),
]  # fmt: skip
LOW_SE = [
    (2, 30), (2, 40), (2, 50), (2, 64), (2, 78), (2, 99), (2, 120), (2, 157), (2, 193), (2, 251), (2, 308), (2, 379),
    (2, 449), (2, 526), (2, 602), (4, 340), (4, 378), (4, 434), (4, 490), (4, 553), (4, 616),
    (6, 438), (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772),
]  # fmt: skip
# Tables 5.2.2.1-2, -3, -4, CQI 1 to 15: modulation order, code rate x 1024.
CQI_QAM64 = [
    (2, 78), (2, 120), (2, 193), (2, 308), (2, 449), (2, 602), (4, 378), (4, 490), (4, 616),
    (6, 466), (6, 567), (6, 666), (6, 772), (6, 873), (6, 948),
]  # fmt: skip
CQI_QAM256 = [
    (2, 78), (2, 193), (2, 449), (4, 378), (4, 490), (4, 616), (6, 466), (6, 567), (6, 666), (6, 772), (6, 873),
    (8, 711), (8, 797), (8, 885), (8, 948),
]  # fmt: skip
CQI_LOW_SE = [(2, 30), (2, 50), *CQI_QAM64[:13]]
TABLES = {
    "nr_qam64": (QAM64, CQI_QAM64), "nr_qam256": (QAM256, CQI_QAM256), "nr_qam64_low_se": (LOW_SE, CQI_LOW_SE),
}  # fmt: skip

# Table 5.1.3.2-1 grows by 8, 16, 24, 32, ...: written as (step, up to).
_STEPS = [(8, 192), (16, 384), (24, 576), (32, 768), (40, 928)]


def small_blocks():
    """Table 5.1.3.2-1; its regular part by its steps, the rest as it stands."""
    sizes = [24]
    for step, last in _STEPS:
        while sizes[-1] < last:
            sizes.append(sizes[-1] + step)
    return [
        *sizes, 984, 1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416, 1480, 1544, 1608, 1672, 1736,
        1800, 1864, 1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104,
        3240, 3368, 3496, 3624, 3752, 3824,
    ]  # fmt: skip


def block_bits(elements, order, rate_1024, layers=1):
    """5.1.3.2 step by step, in exact fractions."""
    rate = Fraction(rate_1024) / 1024
    n_info = elements * rate * order * layers
    if n_info <= 3824:
        n = max(3, math.floor(math.log2(n_info)) - 6)
        quantised = max(24, 2**n * math.floor(n_info / 2**n))
        return min(size for size in small_blocks() if size >= quantised)
    n = math.floor(math.log2(n_info - 24)) - 5
    # "Ties in the round function are broken towards the next largest integer."
    quantised = max(3840, 2**n * math.floor((n_info - 24) / 2**n + Fraction(1, 2)))
    if rate <= Fraction(1, 4):
        segments = math.ceil(Fraction(quantised + 24, 3816))
    elif quantised > 8424:
        segments = math.ceil(Fraction(quantised + 24, 8424))
    else:
        segments = 1
    return 8 * segments * math.ceil(Fraction(quantised + 24, 8 * segments)) - 24


def prb_block_bits(table, mcs, n_prb):
    """Of n_prb PRBs with 14 symbols, one of them control, one DM-RS: 144 elements each."""
    order, rate = TABLES[table][0][mcs]
    return block_bits(min(156, 12 * 13 - 12) * n_prb, order, rate)


def mcs_of_cqi(table, cqi):
    """Return the highest row within the CQI's efficiency, 0 if none is."""
    rows, indicators = TABLES[table]
    order, rate = indicators[cqi - 1]
    within = [i for i, (q, r) in enumerate(rows) if q * Fraction(r) <= order * rate]
    return max(within, default=0)
