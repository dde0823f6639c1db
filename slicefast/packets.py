"""What became of a step's packets, per cell and slice: delays with their percentiles, loss, reliability.

``Simulator(..., per_packet=True)`` and ``Scheduler.run(..., per_packet=True)`` measure it; the flow level knows no
packets and refuses.

=======  =============================================================================================  =====
symbol   meaning                                                                                        unit
=======  =============================================================================================  =====
k        a packet's delay in whole TTIs, from its arrival to its last bit, at least 1                   TTI
B        bins of delays: one for each k below 64, then 32 to every doubling, up to 2^21 TTIs
=======  =============================================================================================  =====

A percentile is the smallest delay that so many percent of the delivered packets do not exceed. Up to 63 TTIs it is
exact, beyond it is the middle of its bin, within 1/64 (1.6 %). N cells, S slices; R replicas lead where there are
several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core
from slicefast.errors import described, refuse
from slicefast.units import TTI_S, Float64

#: The middle of every bin of delays, (B,) [TTI].
DELAY_TTIS: Float64 = np.asarray(_core.delay_bins_ttis())
DELAY_TTIS.setflags(write=False)
#: What the core writes: counts by delay (R, N, S, B), and the rest of `PacketKpis` in its order, (R, 3, N, S).
PacketArrays = tuple[NDArray[np.uint32], Float64]


def packet_arrays(n_replicas: int, n_cells: int, n_slices: int) -> PacketArrays:
    """Return room for what the core writes, not yet written."""
    counts = np.empty((n_replicas, n_cells, n_slices, len(DELAY_TTIS)), np.uint32)
    return counts, np.empty((n_replicas, 3, n_cells, n_slices))


@dataclass(frozen=True, eq=False, repr=False)
class PacketKpis:
    """The packets of one step, or of several (`total`), per cell and slice.

    Attributes
    ----------
    delay_counts : ndarray of uint32 (a total: uint64), (N, S, B) or (R, N, S, B)
        Packets delivered, by their delay; the bins' middles are `DELAY_TTIS`.
    mean_delay_ms : ndarray of float64, (N, S) or (R, N, S)
        Mean delay of the packets delivered (DRB.RlcSduDelayDl as 3GPP TS 28.552 counts it); NaN where none was.
        ``Kpis.delay_ms`` has those dropped and still queued in it, with their age.
    lost : ndarray of float64, (N, S) or (R, N, S)
        Packets dropped: too old, refused by a full buffer, or lost with HARQ's last transmission.
    waiting : ndarray of float64, (N, S) or (R, N, S)
        Packets still queued at the end.
    tti_s : float
        Length of a TTI [s].

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> packets = sf.Simulator(scenario, seed=0, per_packet=True).reset().packets
    >>> bool((packets.delay_ms(99.0) >= packets.delay_ms(50.0)).all())  # percentiles, (cells, slices)
    True
    >>> packets.reliability(scenario.delay_requirement_ms).shape, packets.loss.shape
    ((3, 4), (3, 4))
    """

    delay_counts: NDArray[np.unsignedinteger]
    mean_delay_ms: Float64
    lost: Float64
    waiting: Float64
    tti_s: float = TTI_S

    def __repr__(self) -> str:
        return f"PacketKpis, shape {self.lost.shape}: {self.delivered.sum():g} delivered, {self.lost.sum():g} lost"

    @property
    def delivered(self) -> Float64:
        """Packets delivered."""
        delivered: Float64 = self.delay_counts.sum(axis=-1, dtype=np.float64)
        return delivered

    @property
    def loss(self) -> Float64:
        """Share of the packets that ended which were dropped (DRB.RlcPacketDropRateDl / 1e6); NaN where none ended."""
        return _over(self.lost, self.delivered + self.lost)

    def delay_ms(self, percent: float) -> Float64:
        """Return a percentile of the delay of delivered packets.

        Parameters
        ----------
        percent : float
            Above 0, up to 100: 99.9 for the delay that one packet in a thousand exceeds.

        Returns
        -------
        ndarray of float64, (N, S) or (R, N, S)
            In ms; NaN where no packet was delivered.

        Raises
        ------
        SlicefastError
            No such percentile.
        """
        if not 0.0 < percent <= 100.0:
            refuse("percent", percent, "above 0, up to 100")
        so_far = np.cumsum(self.delay_counts, axis=-1, dtype=np.float64)
        n = so_far[..., -1]
        # Of n packets the ceil(n q)-th, whatever the rounding of n q.
        rank = np.maximum(np.ceil(n * (percent / 100.0) * (1.0 - 1e-12)), 1.0)
        found = DELAY_TTIS[(so_far < rank[..., None]).sum(axis=-1).clip(max=len(DELAY_TTIS) - 1)]
        return np.where(n > 0, found * (self.tti_s * 1e3), np.nan)

    def reliability(self, budget_ms: ArrayLike) -> Float64:
        """Return the share of the packets that ended which were delivered within a budget.

        Parameters
        ----------
        budget_ms : array_like, broadcasting to (N, S) or (R, N, S)
            Delay allowed, such as ``scenario.delay_requirement_ms``; exact below 64 TTIs, then to the bins' middles.

        Returns
        -------
        ndarray of float64, (N, S) or (R, N, S)
            NaN where no packet ended; packets still queued have not.
        """
        budget = np.asarray(budget_ms, np.float64) / (self.tti_s * 1e3)
        try:
            budget = np.broadcast_to(budget, self.lost.shape)
        except ValueError:
            refuse("budget_ms", described(f"shape {budget.shape}"), f"one that broadcasts to {self.lost.shape}")
        within = (self.delay_counts * (budget[..., None] * (1.0 + 1e-12) >= DELAY_TTIS)).sum(axis=-1, dtype=np.float64)
        return _over(within, self.delivered + self.lost)

    @classmethod
    def of(cls, arrays: PacketArrays, tti_s: float) -> PacketKpis:
        """Return what the core wrote, without the axis of replicas where there is one alone."""
        counts, rows = arrays
        if len(counts) == 1:
            counts, rows = counts[0], rows[0]
        mean_delay_ms, lost, waiting = rows if rows.ndim == 3 else np.moveaxis(rows, 1, 0)
        return cls(counts, mean_delay_ms, lost, waiting, tti_s)

    @classmethod
    def total(cls, steps: Iterable[PacketKpis]) -> PacketKpis:
        """Return the packets of several steps together; those waiting are the last step's.

        Examples
        --------
        >>> from slicefast.packets import PacketKpis
        >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0, per_packet=True)
        >>> steps = [simulator.reset().packets, simulator.step(np.full((3, 4), 0.25)).packets]
        >>> bool((PacketKpis.total(steps).delivered == steps[0].delivered + steps[1].delivered).all())
        True
        """
        parts = list(steps)
        if not parts:
            refuse("steps", parts, "at least one")
        delivered = sum(part.delivered for part in parts)
        delay = sum(part.delivered * np.nan_to_num(part.mean_delay_ms) for part in parts)
        return cls(
            np.sum([part.delay_counts.astype(np.uint64) for part in parts], axis=0),
            _over(np.asarray(delay), np.asarray(delivered)),
            np.sum([part.lost for part in parts], axis=0),
            parts[-1].waiting,
            parts[-1].tti_s,
        )


def _over(part: Float64, whole: Float64) -> Float64:
    """Return part / whole, NaN where there is nothing."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)
