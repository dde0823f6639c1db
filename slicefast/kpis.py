"""Key performance indicators of one step, and what agents make of them: observation, satisfaction, reward.

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
phi*, d*  ``*_requirement_*``      the scenario's requirements
========  =======================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from slicefast import _core
from slicefast.scenario.packets import TTI_S

if TYPE_CHECKING:
    from slicefast.scenario import Scenario

Coordination = Literal["mean", "none"]

#: Throughput enters the observation relative to its requirement and capped here: far above the requirement nothing is
#: left to learn, and a single packet served alone can be tens of times faster.
THROUGHPUT_CAP = 4.0


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
    against delay and throughput: a packet that is too old with its age, one that finds no room as if it, and its user
    with it, waited until the step ends.
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


def satisfaction(kpis: Kpis, scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return min(phi/phi*, 1) and min(d*/d, 1), each shaped like the KPIs; a slice without traffic counts as 1."""
    had_traffic = kpis.delay_ms > 0
    throughput = np.minimum(kpis.throughput_bps / scenario.throughput_requirement_bps, 1.0)
    delay = np.minimum(scenario.delay_requirement_ms / np.where(had_traffic, kpis.delay_ms, 1.0), 1.0)
    return np.where(had_traffic, throughput, 1.0), np.where(had_traffic, delay, 1.0)


def reward(kpis: Kpis, scenario: Scenario) -> NDArray[np.float32]:
    """Return r_n = min over s of min(phi_ns/phi*_ns, d*_ns/d_ns, 1), the paper's reward: (N,) or (R, N) float32."""
    throughput, delay = satisfaction(kpis, scenario)
    worst: NDArray[np.float64] = np.minimum(throughput, delay).min(axis=-1)
    return worst.astype(np.float32)


def observe(kpis: Kpis, scenario: Scenario, coordination: Coordination = "mean") -> NDArray[np.float32]:
    """Return what the agent of each cell sees, shape (N, 4S) or (R, N, 4S), float32; (…, 3S) without coordination.

    In this order, S values each: phi_ns/phi*_ns capped at 4, load l_ns, active users over the slice's users per cell,
    and c_ns = (1/|K_n|) sum over the neighbours m in K_n of l_ms. This is the only place where values are scaled.
    """
    throughput = np.minimum(kpis.throughput_bps / scenario.throughput_requirement_bps, THROUGHPUT_CAP)
    users = kpis.users / np.array([item.users_per_cell for item in scenario.slices])
    parts = [throughput, kpis.load, users]
    if coordination == "mean":
        heard = kpis.load[..., scenario.neighbours, :]
        # A network of one cell has nobody to listen to.
        parts.append(heard.mean(axis=-2) if heard.shape[-2] else np.zeros_like(kpis.load))
    elif coordination != "none":
        raise ValueError(f"coordination: got {coordination!r}, allowed: 'mean', 'none'")
    return np.concatenate(parts, axis=-1).astype(np.float32)
