"""From SINR to the bits of a transport block: 3GPP TS 36.213 Tables 7.2.3-1 and 7.1.7.2.1-1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from slicefast import _core
from slicefast.arrays import to_int32, to_sinr
from slicefast.units import Int32

#: The highest rate of LTE on one layer, over 20 MHz of 100 PRBs [bit/s/Hz]: I_TBS 26, 75,376 bits a millisecond.
LTE_PEAK_BPS_PER_HZ = 75_376 / (1e-3 * 18e6)


def cqi(sinr: ArrayLike) -> Int32:
    """Return the highest CQI 1..15 whose 10 % block-error threshold a linear SINR reaches, or 0.

    TS 36.213 Table 7.2.3-1; thresholds on an AWGN channel with 2000-bit blocks.

    Parameters
    ----------
    sinr : array_like
        Linear.

    Returns
    -------
    ndarray of int32
        Of the shape of ``sinr``.

    Raises
    ------
    ValueError
        A value is negative, as only dB are, or NaN.
    """
    values = to_sinr(sinr)
    return _core.cqi(values.ravel()).reshape(values.shape)


def tbs_index(cqi: ArrayLike) -> Int32:
    """Return the row I_TBS 0..26 of the transport block table for a CQI 0..15; -1 for CQI 0, out of reach.

    The largest block over 100 PRBs within the CQI's efficiency, 136 of a PRB's 168 elements carrying data (ours).

    Parameters
    ----------
    cqi : array_like of int
        In 0..15.

    Returns
    -------
    ndarray of int32
        Of the shape of ``cqi``.

    Raises
    ------
    ValueError
        A value is outside 0..15.
    """
    values = np.asarray(cqi)
    return _core.tbs_index(to_int32("cqi", values.ravel())).reshape(values.shape)


def transport_block_bits(index: int, n_prb: int) -> int:
    """Return the bits of one transport block, TS 36.213 Table 7.1.7.2.1-1; 0 for index -1.

    Parameters
    ----------
    index : int
        Row I_TBS, -1..26.
    n_prb : int
        PRBs of the block.

    Raises
    ------
    ValueError
        The table has no such row or column.
    """
    return _core.transport_block_bits(index, n_prb)
