"""What a step is given, checked; room for what the core writes, for every replica, and the `Kpis` made of it.

R replicas, N cells, S slices, U users.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from slicefast.errors import described, refuse
from slicefast.kpis import CELL_KPIS, KPIS, USER_KPIS, Kpis, read_only
from slicefast.packets import PacketArrays, PacketKpis, packet_arrays
from slicefast.scenario import Scenario
from slicefast.units import Float64

#: How far a row of shares may sum away from 1: float32 softmax outputs of a few slices, with room.
SIMPLEX_TOLERANCE = 1e-4


class StepArrays:
    """What the core writes in a step, not yet written; of packets only where they are measured.

    Parameters
    ----------
    scenario : Scenario
        What the network is.
    n_replicas : int
        R.
    per_user, per_packet : bool
        Whether there are KPIs of every user, and of packets.
    """

    def __init__(self, scenario: Scenario, n_replicas: int, per_user: bool, per_packet: bool = False):
        shape = (scenario.n_cells, scenario.n_slices)
        self.cells: Float64 = np.empty((n_replicas, len(CELL_KPIS), *shape))
        self.users: Float64 | None = np.empty((n_replicas, len(USER_KPIS), scenario.n_users)) if per_user else None
        self.packets: PacketArrays | None = packet_arrays(n_replicas, *shape) if per_packet else None
        self.tti_s = scenario.radio.tti_s

    def of(self, r: int) -> tuple[Float64, Float64 | None, PacketArrays | None]:
        """Return replica r's part."""
        users = None if self.users is None else self.users[r]
        return self.cells[r], users, None if self.packets is None else (self.packets[0][r], self.packets[1][r])

    def kpis(self) -> Kpis:
        """Return what was written, read-only, without the axis of replicas where there is one alone."""
        for values in (self.cells, self.users, *(self.packets or ())):
            if values is not None:
                values.setflags(write=False)  # once for all the rows that are taken from it
        alone = len(self.cells) == 1
        cells = self.cells[0] if alone else np.moveaxis(self.cells, 1, 0)
        users: Any = () if self.users is None else self.users[0] if alone else np.moveaxis(self.users, 1, 0)
        packets = PacketKpis.of(self.packets, self.tti_s) if self.packets else None
        return Kpis(*cells, *users, packets=packets, tti_s=self.tti_s)


def series_of(kpis: Kpis) -> dict[str, Any]:
    """Return copies of all indicators by name, for a snapshot; what became of the packets is left out."""
    return {name: None if (values := getattr(kpis, name)) is None else np.array(values) for name in KPIS}


def kpis_of(series: dict[str, Any], tti_s: float) -> Kpis:
    """Return the KPIs that `series_of` was given, read-only copies."""
    copies: dict[str, Any] = {name: None if series[name] is None else np.array(series[name]) for name in KPIS}
    return read_only(Kpis(**copies, tti_s=tti_s))


def check_shares(name: str, shares: ArrayLike, shape: tuple[int, ...], simplex: bool) -> Float64:
    """Return shares as (R, N, S), exactly on the simplex where they are to be on it.

    Parameters
    ----------
    name : str
        The argument's, for errors.
    shares : array_like
        What came.
    shape : tuple of int
        (N, S), or (R, N, S) with several replicas.
    simplex : bool
        Whether rows are to sum to 1, within 1e-4; else every share is from 0 to 1 by itself.

    Raises
    ------
    SlicefastError
        The shape is another, or the first offending cell is named.
    """
    array = np.ascontiguousarray(shares, np.float64)
    if array.shape != shape:
        refuse(name, described(f"shape {array.shape}"), f"shape {shape}")
    rows = array.reshape(-1, *shape[-2:])
    with np.errstate(over="ignore"):  # refused below
        total = rows.sum(axis=-1, keepdims=True)
    off_by = SIMPLEX_TOLERANCE if simplex else np.inf
    most = np.inf if simplex else 1.0
    # Written so that a NaN is refused too.
    if not (rows.min() >= 0.0 and rows.max() <= most and np.abs(total - 1.0).max() <= off_by):
        right = (rows >= 0.0).all(axis=-1) & (rows <= most).all(axis=-1) & (np.abs(total[..., 0] - 1.0) <= off_by)
        replica, cell = np.argwhere(~right)[0]
        where = f"cell {cell}" if len(shape) == 2 else f"replica {replica}, cell {cell}"
        allowed = "finite numbers of at least 0, summing to 1" if simplex else "numbers from 0 to 1"
        refuse(f"{name} of {where}", rows[replica, cell].tolist(), allowed)
    # Exactly on the simplex for the core, which hands out whole PRBs.
    return rows / total if simplex else rows


def check_levels(levels: ArrayLike) -> Float64:
    """Return levels of share as (L,), or refuse what is no list of numbers from 0 to 1."""
    asked = np.ascontiguousarray(levels, np.float64)
    if asked.ndim != 1:
        refuse("levels", described(f"shape {asked.shape}"), "shape (L,)")
    if not ((asked >= 0.0) & (asked <= 1.0)).all():
        refuse("levels", asked.tolist(), "shares from 0 to 1")
    return asked


def requirements(scenario: Scenario) -> Float64:
    """Return the throughput [bit/s] and the delay [ms] that slices require, (2, N, S)."""
    shape = (scenario.n_cells, scenario.n_slices)
    wanted = scenario.throughput_requirement_bps, scenario.delay_requirement_ms
    return np.stack([np.broadcast_to(values, shape) for values in wanted]).astype(np.float64)
