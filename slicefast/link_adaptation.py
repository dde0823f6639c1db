"""From SINR to the bits of a transport block, LTE and NR.

======================= ============== ====================================================================
``table``               technology     CQI, row and transport block
======================= ============== ====================================================================
``"lte"``               LTE, 64QAM     3GPP TS 36.213 v17 Tables 7.2.3-1 and 7.1.7.2.1-1, row I_TBS 0..26
``"nr_qam64"``          NR, 64QAM      TS 38.214 v17 Tables 5.2.2.1-2 and 5.1.3.1-1, MCS 0..28; 5.1.3.2
``"nr_qam256"``         NR, 256QAM     TS 38.214 v17 Tables 5.2.2.1-3 and 5.1.3.1-2, MCS 0..27; 5.1.3.2
``"nr_qam64_low_se"``   NR, low rates  TS 38.214 v17 Tables 5.2.2.1-4 and 5.1.3.1-3, MCS 0..28; 5.1.3.2
======================= ============== ====================================================================

On several layers a block of NR has its layers (v in 38.214), LTE one block on each: two codewords, and beyond two
layers ours (0.7 % more than 36.213 7.1.7.2.5 over 100 PRBs). Of the 168 resource elements of a PRB in a TTI 136 carry
data in LTE and 144 in NR (ours: one control symbol and one of DM-RS, the overhead of 0.14 of TS 38.306 4.1.2).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from slicefast import _core
from slicefast.arguments import checked
from slicefast.arrays import to_int32, to_sinr
from slicefast.errors import refuse
from slicefast.units import Int32

#: CQIs, modulation and coding schemes of a technology.
McsTable = Literal["lte", "nr_qam64", "nr_qam256", "nr_qam64_low_se"]


@checked
def cqi(sinr: ArrayLike, table: McsTable = "lte") -> Int32:
    """Return the highest CQI 1..15 whose 10 % block-error threshold a linear SINR reaches, or 0.

    TS 36.213 Table 7.2.3-1, TS 38.214 Tables 5.2.2.1-2 to -4; thresholds on an AWGN channel with 2000-bit blocks, by
    efficiency. Those of 256QAM and of the two lowest low rates are ours: 3 and 2 dB above Shannon's SINR, as LTE's are.

    Parameters
    ----------
    sinr : array_like
        Linear.
    table : {"lte", "nr_qam64", "nr_qam256", "nr_qam64_low_se"}
        Which CQIs.

    Returns
    -------
    ndarray of int32
        Of the shape of ``sinr``.

    Raises
    ------
    ValueError
        A value is negative, as only dB are, or NaN; or no such table.

    Examples
    --------
    >>> sf.scheduling.cqi([0.1, 1.0, 100.0])
    array([ 0,  4, 14], dtype=int32)
    """
    values = to_sinr(sinr)
    return _core.cqi(values.ravel(), table).reshape(values.shape)


@checked
def tbs_index(cqi: ArrayLike, table: McsTable = "lte") -> Int32:
    """Return the row of the transport block table for a CQI 0..15, I_TBS or MCS; -1 for CQI 0, out of reach.

    The highest row whose rate is within the CQI's efficiency, or row 0 where none is. In LTE the rate of a row is that
    of its block over 100 PRBs, 136 of a PRB's 168 elements carrying data (ours).

    Parameters
    ----------
    cqi : array_like of int
        In 0..15.
    table : {"lte", "nr_qam64", "nr_qam256", "nr_qam64_low_se"}
        Which rows.

    Returns
    -------
    ndarray of int32
        Of the shape of ``cqi``.

    Raises
    ------
    ValueError
        A value is outside 0..15, or no such table.

    Examples
    --------
    >>> sf.scheduling.tbs_index([0, 7, 15])
    array([-1, 11, 26], dtype=int32)
    """
    values = np.asarray(cqi)
    return _core.tbs_index(to_int32("cqi", values.ravel()), table).reshape(values.shape)


@checked
def transport_block_bits(index: int, n_prb: int, table: McsTable = "lte", layers: int = 1) -> int:
    """Return the bits that a user is sent in a TTI: TS 36.213 Table 7.1.7.2.1-1, TS 38.214 5.1.3.2; 0 for index -1.

    Beyond 110 PRBs in LTE and 275 in NR: the sum of several.

    Parameters
    ----------
    index : int
        Row I_TBS or MCS, -1: out of reach.
    n_prb : int
        PRBs of the block.
    table : {"lte", "nr_qam64", "nr_qam256", "nr_qam64_low_se"}
        Which rows.
    layers : int
        1 to 4.

    Raises
    ------
    ValueError
        The table has no such row.

    Examples
    --------
    >>> sf.scheduling.transport_block_bits(26, n_prb=100)
    75376
    """
    return _core.transport_block_bits(index, n_prb, table, layers)


@checked
def nr_transport_block_bits(
    resource_elements: int, modulation_order: int, code_rate_1024: float, layers: int = 1
) -> int:
    """Return the bits of an NR transport block, by the steps of TS 38.214 v17 5.1.3.2.

    N_info = N_RE R Q_m v; quantised, then a size of Table 5.1.3.2-1 up to 3824 bits, whole bytes per code block beyond.

    Parameters
    ----------
    resource_elements : int
        N_RE: of all PRBs, at most 156 in each.
    modulation_order : int
        Q_m: 2, 4, 6, 8.
    code_rate_1024 : float
        R x 1024; the tables have halves.
    layers : int
        v.

    Raises
    ------
    ValueError
        A value that cannot be; it is named.
    """
    if 2.0 * code_rate_1024 != round(2.0 * code_rate_1024):
        refuse("code_rate_1024", code_rate_1024, "whole or half numbers")
    return _core.nr_transport_block_bits(resource_elements, modulation_order, round(2.0 * code_rate_1024), layers)


@checked
def peak_bps_per_hz(n_prb: int, table: McsTable = "lte", layers: int = 1) -> float:
    """Return the highest rate of a carrier [bit/s/Hz]: of one transport block over all its PRBs, on so many layers.

    4.19 for LTE's 100 PRBs (75.376 Mbit/s), 6.01 for 273 PRBs of NR with 256QAM.

    Parameters
    ----------
    n_prb : int
        PRBs of the carrier.
    table : {"lte", "nr_qam64", "nr_qam256", "nr_qam64_low_se"}
        Its technology.
    layers : int
        1 to 4.
    """
    return _core.peak_bps_per_hz(n_prb, table, layers)
