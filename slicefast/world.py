"""What can be seen of the world of a simulator's coming step, beside the KPIs of the last one."""

from __future__ import annotations

import copy
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from slicefast.arguments import between, checked
from slicefast.kpis import Kpis
from slicefast.replica import Replica
from slicefast.scenario import Scenario
from slicefast.traffic.arrivals import Events
from slicefast.units import Bool, Float32, Float64, Int32

_T = TypeVar("_T", bound=np.generic)


@checked
class World:
    """The part of `slicefast.Simulator` that looks: nothing here changes its state.

    Arrays have a leading R where there are several replicas, and are copies.
    """

    scenario: Scenario
    n_replicas: int
    _replicas: list[Replica]
    _kpis: Kpis | None

    @property
    def demand_bps(self) -> Float64:
        """Traffic [bit/s] per cell and slice in the coming step: bits queued and bits arriving, over the window."""
        return self._gather([replica.demand_bps() for replica in self._replicas])

    @property
    def sinr(self) -> Float32:
        """Linear SINR of every user in the last step, (U,) or (R, U).

        Raises
        ------
        RuntimeError
            No step was played yet.
        """
        self._measured("sinr")
        return self._gather([replica.network.sinr() for replica in self._replicas])

    @property
    def gain(self) -> Float32:
        """Linear gain of every link in the coming step, of a cell's strongest image on a torus, (U, N) or (R, U, N)."""
        return self._gather([replica.network.gain() for replica in self._replicas])

    @property
    def reach(self) -> Float32:
        """Linear gain with which every cell interferes, (U, N) or (R, U, N): `gain`, and that of its other images.

        The SINR of a user u of cell n is p g_un / (sum_k rho_k p r_uk - rho_n p g_un + noise), g the gain, r the reach.
        """
        return self._gather([replica.network.reach() for replica in self._replicas])

    @property
    def backlog_bits(self) -> Float64:
        """Bits queued for every user before the coming step's arrivals, (U,) or (R, U)."""
        return self._gather([replica.network.backlog_bits() for replica in self._replicas])

    @property
    def arrivals(self) -> Events | list[Events]:
        """Packets of the coming step: (user, tti, bits), each (K,), sorted by TTI; a list of R of these for R > 1."""
        copies = [copy.deepcopy(replica.arrivals) for replica in self._replicas]
        return copies[0] if self.n_replicas == 1 else copies

    @property
    def positions_m(self) -> Float64:
        """Positions in the coming step, (2, U) or (R, 2, U)."""
        return self._gather([np.stack([replica.x_m, replica.y_m]) for replica in self._replicas])

    @property
    def indoor(self) -> Bool:
        """Whether each user is indoors, (U,) or (R, U)."""
        flags = [np.isin(np.arange(self.scenario.n_users), replica.indoor) for replica in self._replicas]
        return self._gather(flags)

    @property
    def serving(self) -> Int32:
        """The cell that serves each user in the coming step, (U,) or (R, U)."""
        return self._gather([replica.serving.copy() for replica in self._replicas])

    def traffic_mask(self, n_steps: int | None = None) -> Float64:
        """Return tau of the first replica over its first ``n_steps`` steps, (n_steps, N, S), or until it repeats."""
        mask = self._replicas[0].mask
        between(1, n_steps=1 if n_steps is None else n_steps)
        return mask.table(mask.cycle_steps if n_steps is None else n_steps)

    def _measured(self, name: str) -> Kpis:
        """Return the KPIs of the last step, or refuse what is asked for by this name: none was played yet."""
        if self._kpis is None:
            raise RuntimeError(f"{name}: no step was played yet, call reset() first")
        return self._kpis

    def _gather(self, values: list[NDArray[_T]]) -> NDArray[_T]:
        return values[0] if self.n_replicas == 1 else np.stack(values)
