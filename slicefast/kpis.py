"""Key performance indicators of one step.

Symbols (per cell n and slice s):

========  =======================  =====================================================================
symbol    name                     meaning
========  =======================  =====================================================================
phi_ns    ``throughput_bps``       mean over users of bits delivered / time with data in the buffer
d_ns      ``delay_ms``             mean packet delay, packets dropped or still queued included with their age
l_ns      ``load``                 PRBs used / PRBs available in the cell
u_ns      ``users``                active users
          ``dropped_bits``         bits given up: too old, no room in the buffer, or lost for good by HARQ
          ``spectral_efficiency``  bits delivered / (PRBs used, bandwidth x time) [bit/s/Hz]
          ``throughput_p5_bps``    5th percentile of the users' throughput
========  =======================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slicefast import _core
from slicefast.units import TTI_S

#: The fields of `Kpis` per cell and slice, and per user, in the order in which the core writes them.
CELL_KPIS: tuple[str, ...] = _core.CELL_KPIS
USER_KPIS: tuple[str, ...] = _core.USER_KPIS


@dataclass(frozen=True)
class Kpis:
    """What every cell measured in one step; all arrays (N, S), or (R, N, S) with several replicas, float64.

    ``throughput_bps`` is the perceived user throughput (3GPP TS 28.552 DRB.UEThpDl), ``delay_ms`` the mean packet
    delay (DRB.RlcSduDelayDl; 0 when the slice had no packet at all, any packet takes at least 1 ms), ``load`` the
    share of the cell's PRBs used (RRU.PrbUsedDl / total) and ``users`` the number of active users.
    ``dropped_bits`` are those given up in the step (too old, no room in the buffer, HARQ's residual loss); they count
    against delay and throughput: a packet that is too old with its age, one that finds no room with the step's length,
    its user as one with data in the buffer all the step.
    ``spectral_efficiency`` [bit/s/Hz] is over the PRBs used (0 when none were) and ``throughput_p5_bps`` the 5th
    percentile of the users' throughput, over the users that had data, linear between them. The last three are NaN in
    KPIs built from the first four alone.

    Per user, (U,) or (R, U), with ``Simulator(..., per_user=True)`` and None without: ``user_delivered_bits``,
    ``user_busy_ttis`` with data in the buffer, ``user_dropped_bits``; see ``user_throughput_bps``.
    """

    throughput_bps: NDArray[np.float64]
    delay_ms: NDArray[np.float64]
    load: NDArray[np.float64]
    users: NDArray[np.float64]
    dropped_bits: NDArray[np.float64] = None  # type: ignore[assignment]  # set below
    spectral_efficiency: NDArray[np.float64] = None  # type: ignore[assignment]
    throughput_p5_bps: NDArray[np.float64] = None  # type: ignore[assignment]
    user_delivered_bits: NDArray[np.float64] | None = None
    user_busy_ttis: NDArray[np.float64] | None = None
    user_dropped_bits: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in CELL_KPIS[4:]:
            if getattr(self, name) is None:
                # Frozen for its users; this is still its construction.
                object.__setattr__(self, name, np.full(np.shape(self.load), np.nan))

    @property
    def user_throughput_bps(self) -> NDArray[np.float64]:
        """Bits delivered to each user / its time with data in the buffer, (U,) or (R, U); NaN for one without data.

        The mean over a slice's users in a cell, NaN left out, is ``throughput_bps``. Raises ValueError unless the
        simulator was made with ``per_user=True``.
        """
        if self.user_delivered_bits is None or self.user_busy_ttis is None:
            raise ValueError("user_throughput_bps: needs the series of every user, Simulator(..., per_user=True)")
        busy_s = np.where(self.user_busy_ttis > 0, self.user_busy_ttis * TTI_S, np.nan)
        return self.user_delivered_bits / busy_s
