"""The clairvoyant oracle: the max-min shares of the coming step, which it looks at before it comes."""

from __future__ import annotations

import numpy as np

from slicefast.arguments import checked
from slicefast.policies.curves import ORACLE_LEVELS, satisfaction_curves, smallest_share
from slicefast.policies.fixed import traffic_aware
from slicefast.simulator import Simulator
from slicefast.task import to_simplex
from slicefast.units import Float32, Float64

#: Solutions one after the other, each under the interference of the last: on the paper's network a second one changes
#: few steps by about two percent of a cell, a third changed none that we looked at.
PASSES = 2
#: Halvings of the interval of satisfaction levels: 2^-20 is far below the effect of one PRB in one TTI.
BISECTIONS = 20
#: Part of the best that a slice can have alone to which one is brought that the whole cell would leave dissatisfied.
CEILING = 0.95


@checked
def oracle(simulator: Simulator, observation: Float32 | None = None) -> Float64:
    """Return the max-min shares of the coming step, which it looks at: the best possible, for reference only.

    Per cell, the largest satisfaction level lambda with sum_s a_s(lambda) <= 1, a_s(lambda) being the smallest share at
    which slice s reaches min(phi/phi*, d*/d, 1) >= lambda. With interference fixed a slice's KPIs depend on its own
    share only and improve with it, so each level of share is tried for all cells and slices in one ``probe`` (the
    step's own arrivals and queues), and lambda is bisected on the interpolated curves. Interference is first that of
    `traffic_aware`, then that of the shares that result. What is left over is dealt in proportion.

    Parameters
    ----------
    simulator : Simulator
        The network, its coming step prepared; its state is unchanged.
    observation : ndarray, optional
        Not looked at.

    Returns
    -------
    ndarray of float64, (N, S) or (R, N, S)
        Rows on the simplex.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), seed=0)
    >>> _ = simulator.reset()
    >>> sf.policies.oracle(simulator).shape
    (3, 4)
    """
    shares = traffic_aware(simulator)
    for _ in range(PASSES):
        shares = max_min_shares(satisfaction_curves(simulator, ORACLE_LEVELS, shares), ORACLE_LEVELS)
    return shares


def max_min_shares(curves: Float64, levels: Float64) -> Float64:
    """Return the shares whose smallest satisfaction is largest.

    Parameters
    ----------
    curves : ndarray, (L, N, S)
        Every slice's satisfaction at each level of share, non-decreasing along L.
    levels : ndarray, (L,)
        Shares from 0 to 1, increasing.

    Returns
    -------
    ndarray of float64, (N, S)
        Rows on the simplex.
    """
    # A slice that even the whole cell would leave dissatisfied (old packets in its queue) is brought close to the best
    # it can have, so that it does not take the others' share for next to nothing.
    ceiling = np.where(curves[-1] < 1.0, CEILING * curves[-1], 1.0)

    def shares_at(level: Float64) -> Float64:
        return smallest_share(curves, levels, np.minimum(level[..., None], ceiling))

    low, high = np.zeros(curves.shape[1:-1]), np.ones(curves.shape[1:-1])
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        fits = shares_at(middle).sum(axis=-1) <= 1.0
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return to_simplex(shares_at(low))
