"""What a base station has measured of its cell before the coming step, whose packets it does not see.

Dimensions: N cells, S slices, F features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slicefast import features
from slicefast.policies.queues import had_data, queue_of, sum_by_queue
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.units import Arrays, Float64

#: What a cell sees per slice, in the order of the policy's input: features by the part of the observation they belong
#: to, which an ablation leaves out as a whole.
FEATURES: dict[str, tuple[str, ...]] = {
    "measured": ("throughput", "load", "users"),
    "delay": ("delay",),
    "neighbours": ("neighbour_load",),
    "action": ("share", "load_over_share"),
    "requirements": ("required_throughput", "required_delay"),
    "queue": ("queued_bits", "queued_users"),
    "radio": ("spectral_efficiency", "mean_cost", "largest_cost"),
}
FEATURE_NAMES = tuple(name for part in FEATURES.values() for name in part)

#: Logarithms of KPIs over requirements are clipped here, a factor of 20 either way: an idle or a drowning slice says no
#: more than that.
RATIO_LIMIT = 3.0
#: Throughput below this [bit/s] counts as this, for the logarithm's sake.
LEAST_THROUGHPUT_BPS = 1.0
#: bit/s/Hz below which a user's cost in resource blocks no longer grows.
LEAST_EFFICIENCY = 0.05
#: Smallest share that a load is divided by.
LEAST_SHARE = 1e-3
#: What spectral efficiencies [bit/s/Hz] and the largest cost of a slice are divided by, so that ordinary values are
#: about 1.
EFFICIENCY_SCALE = 4.0
LARGEST_COST_SCALE = 5.0


class Measurements:
    """What a cell sees, with what it remembers of the last step; one object plays one network of one replica.

    What a cell sees, (N, S, F), is per slice, in the order of `FEATURE_NAMES`:

    - throughput, delay: ln of the KPI over its requirement (clipped at 3 either side); 0 for a slice without traffic;
    - load, users, neighbour_load: the features of these names in `slicefast.features`;
    - share, load_over_share: the cell's own partition in the last step, and load over it;
    - required_throughput, required_delay: ln of the throughput [Mbit/s] and of the delay [ms] required;
    - queued_bits: bits waiting over what the cell carries in a step at 1 bit/s/Hz; queued_users: users with bits
      waiting over the slice's;
    - spectral_efficiency: over the blocks used [bit/s/Hz], divided by 4;
    - mean_cost, largest_cost: of the users that had data in the last step, with e = max(log2(1 + SINR), 0.05): sum of
      1/e over the slice's users per cell, and the largest 1/e divided by 5.

    All of it was measured by the base station before the coming step, whose packets it does not see.

    Attributes
    ----------
    shares : ndarray of float64, (N, S), or None
        The last partition; the equal split before the first.
    """

    def __init__(self) -> None:
        self.shares: Float64 | None = None
        self._had_data = np.zeros(0, np.intp)
        self._served_in = np.zeros(0, np.intp)

    def see(self, simulator: Simulator) -> Float64:
        """Return every feature, (N, S, F), before the coming step."""
        if self.shares is None:
            self.shares = np.full(simulator.shares_shape, 1.0 / simulator.scenario.n_slices)
        seen = self._see(simulator, self.shares)
        return np.stack([seen[name] for name in FEATURE_NAMES], axis=-1)

    def remember(self, simulator: Simulator, shares: Float64) -> None:
        """Keep the coming step's partition, which users have data in it and which queue each is in, for after it."""
        self.shares = shares
        self._had_data = np.flatnonzero(had_data(simulator))
        self._served_in = queue_of(simulator)[self._had_data]

    def state(self) -> Arrays:
        """Return what is remembered."""
        shares = {} if self.shares is None else {"shares": self.shares}
        return {**shares, "had_data": self._had_data, "served_in": self._served_in}

    def set_state(self, state: Arrays) -> None:
        """Take over what `state` returned."""
        self.shares = state.get("shares")
        self._had_data, self._served_in = state["had_data"], state["served_in"]

    def _see(self, simulator: Simulator, share: Float64) -> dict[str, Float64]:
        """Return every feature by its name, (N, S) each."""
        kpis, scenario = simulator.kpis, simulator.scenario
        wanted_bps, wanted_ms = scenario.throughput_requirement_bps, scenario.delay_requirement_ms
        had_traffic = kpis.delay_ms > 0
        throughput = np.where(had_traffic, np.maximum(kpis.throughput_bps, LEAST_THROUGHPUT_BPS) / wanted_bps, 1.0)
        return {
            "throughput": _clipped_log(throughput),
            "delay": _clipped_log(np.where(had_traffic, kpis.delay_ms / wanted_ms, 1.0)),
            "load": features.load(kpis, scenario),
            "users": features.users(kpis, scenario),
            "neighbour_load": features.neighbour_load(kpis, scenario),
            "share": share,
            "load_over_share": kpis.load / np.maximum(share, LEAST_SHARE),
            "required_throughput": np.log(wanted_bps / 1e6),
            "required_delay": np.log(wanted_ms),
            "spectral_efficiency": kpis.spectral_efficiency / EFFICIENCY_SCALE,
            **_queues(simulator),
            **self._costs(simulator),
        }

    def _costs(self, simulator: Simulator) -> dict[str, Float64]:
        """Return what the users that had data in the last step cost in resource blocks, per bit of 1 bit/s/Hz."""
        efficiency = np.log2(1.0 + simulator.sinr[self._had_data].astype(np.float64))
        cost = 1.0 / np.maximum(efficiency, LEAST_EFFICIENCY)
        shape, count = simulator.shares_shape, int(np.prod(simulator.shares_shape))
        total = np.bincount(self._served_in, cost, minlength=count).reshape(shape)
        largest = np.zeros(count)
        np.maximum.at(largest, self._served_in, cost)
        return {
            "mean_cost": total / _users_per_cell(simulator.scenario),
            "largest_cost": largest.reshape(shape) / LARGEST_COST_SCALE,
        }


def _queues(simulator: Simulator) -> dict[str, Float64]:
    """Return what waits in the cells before the coming step."""
    scenario, radio = simulator.scenario, simulator.scenario.radio
    backlog = simulator.backlog_bits
    carried = scenario.window_ttis * radio.tti_s * scenario.cell_downlink_hz[:, None]
    return {
        "queued_bits": sum_by_queue(simulator, backlog) / carried,
        "queued_users": sum_by_queue(simulator, (backlog > 0.0).astype(np.float64)) / _users_per_cell(scenario),
    }


def _users_per_cell(scenario: Scenario) -> NDArray[np.int64]:
    return np.array([item.users_per_cell for item in scenario.slices])


def _clipped_log(ratio: Float64) -> Float64:
    clipped: Float64 = np.clip(np.log(ratio), -RATIO_LIMIT, RATIO_LIMIT)
    return clipped
