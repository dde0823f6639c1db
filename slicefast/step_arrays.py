"""Room for what the core writes in a step, for every replica, and the `Kpis` made of it.

R replicas, N cells, S slices, U users.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slicefast.kpis import CELL_KPIS, KPIS, USER_KPIS, Kpis, read_only
from slicefast.packets import PacketArrays, PacketKpis, packet_arrays
from slicefast.scenario import Scenario
from slicefast.units import Float64


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
