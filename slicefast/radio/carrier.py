"""Carriers of LTE and NR: subcarrier spacings, slots, PRBs of a channel, and the slots that TDD leaves the downlink.

A PRB is 12 subcarriers; a TTI is 14 symbols: 1 ms at 15 kHz, and a slot of half and a quarter of that at 30 and 60 kHz
(3GPP TS 38.211 v17 Table 4.3.2-1).
"""

from __future__ import annotations

from collections.abc import Mapping

from slicefast.errors import refuse

#: Subcarrier spacings of NR below 7.125 GHz, normal cyclic prefix [kHz].
SUBCARRIER_SPACINGS_KHZ = (15, 30, 60)
#: PRBs by subcarrier spacing [kHz] and channel bandwidth [MHz]: 3GPP TS 38.101-1 v17 Table 5.3.2-1.
NR_PRBS: Mapping[int, Mapping[float, int]] = {
    15: {5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270},
    30: {5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133, 60: 162, 70: 189, 80: 217,
         90: 245, 100: 273},
    60: {10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 35: 44, 40: 51, 45: 58, 50: 65, 60: 79, 70: 93, 80: 107, 90: 121,
         100: 135},
}  # fmt: skip
#: PRBs by channel bandwidth [MHz] of LTE: 3GPP TS 36.101 Table 5.6-1.
LTE_PRBS: Mapping[float, int] = {1.4: 6, 3: 15, 5: 25, 10: 50, 15: 75, 20: 100}

#: Symbols of a slot.
SLOT_SYMBOLS = 14
_SPECIAL_SLOT_SYMBOLS = 10  # downlink ones; 2 of guard, 2 of uplink (ours: a common choice)


def n_prb(bandwidth_mhz: float, subcarrier_spacing_khz: int = 30) -> int:
    """Return the PRBs of an NR channel, TS 38.101-1 v17 Table 5.3.2-1.

    Parameters
    ----------
    bandwidth_mhz : float
        Channel bandwidth [MHz], a column of the table.
    subcarrier_spacing_khz : {15, 30, 60}
        Subcarrier spacing [kHz].

    Returns
    -------
    int
        N_RB.

    Raises
    ------
    ValueError
        The table has no such channel.
    """
    if subcarrier_spacing_khz not in NR_PRBS:
        refuse("subcarrier_spacing_khz", subcarrier_spacing_khz, "15, 30 or 60")
    channels: Mapping[float, int] = NR_PRBS[subcarrier_spacing_khz]
    if bandwidth_mhz not in channels:
        refuse("bandwidth_mhz", bandwidth_mhz, f"{', '.join(map(str, channels))} at {subcarrier_spacing_khz} kHz")
    return channels[bandwidth_mhz]


def downlink_symbols(tdd_pattern: str) -> tuple[int, ...]:
    """Return the downlink symbols of every slot of a TDD pattern: D 14, S 10 (ours), U 0; nothing for FDD's ""."""
    return tuple({"D": SLOT_SYMBOLS, "S": _SPECIAL_SLOT_SYMBOLS, "U": 0}[slot] for slot in tdd_pattern)


def downlink_share(tdd_pattern: str) -> float:
    """Return the part of the symbols that are downlink, 1 for FDD: 0.743 for DDDSU."""
    symbols = downlink_symbols(tdd_pattern)
    return sum(symbols) / (SLOT_SYMBOLS * len(symbols)) if symbols else 1.0
