"""The max-min rule: what a radio engineer would bring, in closed form; it learns nothing and foresees nothing.

In processor sharing a slice with share a, load l and spectral efficiency e serves each of its users at
phi = W e (a - l), what its other users leave free. The load is the share that the offered traffic takes, whatever a is.
Asking that all slices are satisfied alike, phi_s = q phi*_s, and that the shares fill the cell, sum_s a_s = 1, gives

    need_s = (rate_s u_s + queued_s / T) / (W e_s),   cost_s = phi*_s / (W e_s),
    q = (1 - sum_s need_s) / sum_s cost_s,            a_s = need_s + max(q, 0) cost_s, normalised.

Where the traffic needs more than the cell has, q is 0 and the cell is divided by need.

========  ===============================================  =========
symbol    meaning                                          unit
========  ===============================================  =========
W         bandwidth of the cell                            Hz
T         time of a step that is simulated                 s
e_s       spectral efficiency of the slice's users         bit/s/Hz
u_s       active users of the slice in the last step       1
rate_s    mean rate of an active user                      bit/s
queued_s  bits that wait for the slice's users             bit
phi*_s    required user throughput                         bit/s
q         satisfaction that all slices share               1
========  ===============================================  =========

Unlike the paper's traffic-aware baseline it does not know the packets of the coming step; like the agents' reward it
knows the requirements. The rule is ours.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from slicefast.arguments import checked
from slicefast.load_coupling import Efficiency, spectral_efficiency
from slicefast.policies.queues import had_data, sum_by_queue
from slicefast.simulator import Simulator
from slicefast.task import to_simplex
from slicefast.traffic.models import FullBufferTraffic
from slicefast.units import Bool, Float32, Float64

#: Weight of the last step in the smoothed spectral efficiency; 0.1 to 1 earn within a hundredth of each other.
SMOOTHING = 0.3
#: bit/s/Hz of a cell that has measured none of its slices yet, and below which no efficiency counts: a user on whom the
#: whole cell would be spent takes no share from the others.
UNKNOWN_EFFICIENCY, LEAST_EFFICIENCY = 2.0, 0.05
_CURVES: dict[str, Efficiency] = {name: name for name in get_args(Efficiency)} | {"transport_block": "cqi"}


def max_min_division(need: ArrayLike, cost: ArrayLike) -> Float64:
    """Return the shares under which all slices of a cell are satisfied alike.

    a_s = need_s + max(q, 0) cost_s with q = (1 - sum_s need_s) / sum_s cost_s, divided by their sum.

    Parameters
    ----------
    need : array_like, (..., S)
        Share of the cell that the slice's traffic takes, at least 0.
    cost : array_like, (..., S)
        Share that the slice's requirement takes for one user, at least 0.

    Returns
    -------
    ndarray of float64, (..., S)
        Rows on the simplex; the equal split where need and cost are 0 throughout.

    Examples
    --------
    >>> from slicefast.policies.rule import max_min_division
    >>> max_min_division(need=[0.2, 0.2], cost=[0.1, 0.5])  # what is left, 0.6, in proportion to the cost
    array([0.3, 0.7])
    """
    need, cost = np.asarray(need, np.float64), np.asarray(cost, np.float64)
    total = cost.sum(axis=-1, keepdims=True)
    left = np.maximum(1.0 - need.sum(axis=-1, keepdims=True), 0.0)
    return to_simplex(need + left * cost / np.where(total > 0.0, total, 1.0))


@checked
class MaxMinRule:
    """The rule from what a cell itself measures: its users, its queues, the efficiency of the blocks it used.

    One object plays one network, since it smooths the efficiencies that it has seen: e_s <- 0.7 e_s + 0.3 of the last
    step's where the slice used any block. A slice that was never measured is taken for the mean of its cell.

    Attributes
    ----------
    efficiency : ndarray of float64, (N, S) or (R, N, S), or None
        The smoothed spectral efficiencies [bit/s/Hz]; NaN where nothing was measured yet.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0)
    >>> rule, _ = sf.policies.MaxMinRule(), simulator.reset()
    >>> rule(simulator, None).sum(axis=1).round(9)
    array([1., 1., 1.])
    """

    def __init__(self) -> None:
        self.efficiency: Float64 | None = None

    def __call__(self, simulator: Simulator, observation: Float32 | None = None) -> Float64:
        """Return the shares of the coming step, (N, S) or (R, N, S); the observation is not looked at."""
        measured = np.where(simulator.kpis.load > 0.0, simulator.kpis.spectral_efficiency, np.nan)
        if self.efficiency is None:
            self.efficiency = measured
        smoothed = (1.0 - SMOOTHING) * self.efficiency + SMOOTHING * measured
        self.efficiency = np.where(np.isnan(smoothed), np.fmax(self.efficiency, measured), smoothed)
        bps_per_share = _known(self.efficiency) * simulator.scenario.cell_downlink_hz[:, None]
        return max_min_division(_offered_bps(simulator) / bps_per_share, _required_bps(simulator) / bps_per_share)


@checked
class MaxMinRuleByUser:
    """The rule from the SINR of the users that had data in the last step, in place of the slice's efficiency.

    Users of rates W e_u take sum_u rate_u / (W e_u), so need_s has the harmonic mean of their e_u; served by processor
    sharing they get phi_u = W e_u (a - l), so cost_s has the arithmetic mean. One object plays one network, since it
    remembers who had data. A slice of which nobody had is taken for the mean of its cell.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0, per_user=True)
    >>> rule, _ = sf.policies.MaxMinRuleByUser(), simulator.reset()
    >>> rule(simulator, None).shape
    (3, 4)
    """

    def __init__(self) -> None:
        self._had_data: Bool | None = None

    def __call__(self, simulator: Simulator, observation: Float32 | None = None) -> Float64:
        """Return the shares of the coming step, (N, S) or (R, N, S); the observation is not looked at."""
        scenario = simulator.scenario
        curve = _CURVES[scenario.radio.efficiency]
        ceiling, layers = scenario.ceiling_bps_per_hz, scenario.radio.layers
        reached = spectral_efficiency(curve, simulator.sinr, ceiling_bps_per_hz=ceiling, layers=layers)
        efficiency = np.maximum(reached, LEAST_EFFICIENCY)
        counted = np.ones_like(efficiency) if self._had_data is None else self._had_data.astype(np.float64)
        self._had_data = had_data(simulator)
        users = sum_by_queue(simulator, counted)
        users = np.where(users > 0.0, users, np.nan)
        harmonic = users / sum_by_queue(simulator, counted / efficiency)
        needed_bps = _known(harmonic) * scenario.cell_downlink_hz[:, None]
        served_bps = _known(sum_by_queue(simulator, counted * efficiency) / users) * scenario.cell_downlink_hz[:, None]
        return max_min_division(_offered_bps(simulator) / needed_bps, _required_bps(simulator) / served_bps)


def _offered_bps(simulator: Simulator) -> Float64:
    """Return what a cell has to carry for each slice: rate_s u_s + queued_s / T; 0 where users always have more."""
    scenario, users = simulator.scenario, simulator.kpis.users
    queued = sum_by_queue(simulator, simulator.backlog_bits) / (scenario.window_ttis * scenario.radio.tti_s)
    return np.where(_always_full(simulator), 0.0, scenario.cell_rate_bps * users + queued)


def _required_bps(simulator: Simulator) -> Float64:
    """Return what satisfying one slice fully takes beside its traffic: phi*_s, once per user where all always send."""
    together = np.where(_always_full(simulator), np.maximum(simulator.kpis.users, 1.0), 1.0)
    return simulator.scenario.throughput_requirement_bps * together


def _always_full(simulator: Simulator) -> Bool:
    # They share what the slice has, phi_s = W e_s a_s / u_s: no part of it is taken by traffic that ends.
    return np.array([isinstance(item.traffic, FullBufferTraffic) for item in simulator.scenario.slices])


def _known(efficiency: Float64) -> Float64:
    """Return efficiencies with what was never measured replaced by the cell's mean."""
    measured = np.isfinite(efficiency)
    count = measured.sum(axis=-1, keepdims=True)
    total = np.where(measured, efficiency, 0.0).sum(axis=-1, keepdims=True)
    mean = np.where(count > 0, total / np.maximum(count, 1), UNKNOWN_EFFICIENCY)
    return np.maximum(np.where(measured, efficiency, mean), LEAST_EFFICIENCY)
