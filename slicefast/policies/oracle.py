"""The clairvoyant oracle: the max-min shares of the coming step, found by looking at it."""

from __future__ import annotations

import numpy as np

from slicefast.policies.fixed import traffic_aware
from slicefast.rewards import satisfaction
from slicefast.simulator import Simulator
from slicefast.task import to_simplex
from slicefast.units import Float32, Float64

#: Shares at which the oracle asks the simulator; denser below, where satisfaction is steep.
ORACLE_LEVELS = np.linspace(0.0, 1.0, 33) ** 1.5
ORACLE_BISECTIONS = 20
ORACLE_PASSES = 2
ORACLE_CEILING = 0.95


def oracle(simulator: Simulator, observation: Float32 | None = None) -> Float64:
    """Return the max-min shares of the coming step, found by looking at it: the best possible, for reference only.

    Per cell, the largest satisfaction level lambda with sum_s a_s(lambda) <= 1, a_s(lambda) being the smallest share at
    which slice s reaches min(phi/phi*, d*/d, 1) >= lambda. With interference fixed a slice's KPIs depend on its own
    share only and improve with it, so each level of share is tried for all cells and slices in one ``probe`` (the
    step's own arrivals and queues), and lambda is bisected on the interpolated curves. Interference is first that of
    ``traffic_aware``, then that of the shares found. What is left over is dealt in proportion.
    """
    shares = traffic_aware(simulator)
    for _ in range(ORACLE_PASSES):
        shares = _max_min(_satisfaction_curves(simulator, shares))
    return shares


def _satisfaction_curves(simulator: Simulator, coupled: Float64) -> Float64:
    """Return the satisfaction of every slice at each of ORACLE_LEVELS, shape (levels, ..., S), non-decreasing."""
    curves = []
    for level in ORACLE_LEVELS:
        kpis = simulator.probe(np.full(simulator.shares_shape, level), coupled)
        curves.append(np.minimum(*satisfaction(kpis, simulator.scenario)))
    # Whole PRBs make the curves ripple a little; the accumulated maximum makes them invertible.
    return np.maximum.accumulate(np.stack(curves), axis=0)


def _max_min(curves: Float64) -> Float64:
    # A slice that even the whole cell would leave dissatisfied (old packets in its queue) is brought close to the best
    # it can have, so that it does not take the others' share for next to nothing.
    ceiling = np.where(curves[-1] < 1.0, ORACLE_CEILING * curves[-1], 1.0)

    def shares_at(level: Float64) -> Float64:
        return _smallest_share(curves, np.minimum(level[..., None], ceiling))

    low, high = np.zeros(curves.shape[1:-1]), np.ones(curves.shape[1:-1])
    for _ in range(ORACLE_BISECTIONS):
        middle = 0.5 * (low + high)
        fits = shares_at(middle).sum(axis=-1) <= 1.0
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return to_simplex(shares_at(low))


def _smallest_share(curves: Float64, wanted: Float64) -> Float64:
    """Return the smallest share, by linear interpolation, at which each curve reaches ``wanted``; 1 where none does."""
    levels = ORACLE_LEVELS
    reached = curves >= wanted
    upper = np.where(reached.any(axis=0), reached.argmax(axis=0), len(levels) - 1)
    lower = np.maximum(upper - 1, 0)
    at_upper = np.take_along_axis(curves, upper[None], axis=0)[0]
    at_lower = np.take_along_axis(curves, lower[None], axis=0)[0]
    rise = at_upper - at_lower
    part = np.clip(np.where(rise > 0, (wanted - at_lower) / np.where(rise > 0, rise, 1.0), 1.0), 0.0, 1.0)
    share: Float64 = levels[lower] + part * (levels[upper] - levels[lower])
    return np.where(upper == 0, 0.0, share)
