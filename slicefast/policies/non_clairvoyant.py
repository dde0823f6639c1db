"""What is left to learn: the best shares for one who knows all of a network but the packets to come.

Between the rule and the clairvoyant oracle lies what no policy can reach, since it does not know the coming packets.
The bound knows the queues, who is active, every user's rate and the law of the packets, and replays the coming step
many times from the same state with fresh packets of that law. It plays the shares of

    max over a of mean over replays m of min over s of f_s^m(a_s),

with f^m the satisfaction curves of replay m. It is greedy, as the oracle is, and its replays are finitely many, so what
it earns is reached, while the mean over its own replays promises a little too much.

Dimensions: M replays, L levels of share, N cells, S slices.
"""

from __future__ import annotations

import copy

import numpy as np

from slicefast.arguments import between, checked
from slicefast.errors import refuse
from slicefast.policies.curves import ORACLE_LEVELS, satisfaction_curves
from slicefast.policies.oracle import PASSES, max_min_shares
from slicefast.policies.queues import queue_of
from slicefast.simulator import Simulator
from slicefast.traffic.arrivals import Arrivals
from slicefast.units import Float32, Float64

#: Ascents of the mean, and their first step in the logits.
ASCENTS, FIRST_STEP = 60, 0.5


@checked
class NonClairvoyant:
    """The policy that reaches the bound; one object plays one network of one replica.

    Parameters
    ----------
    replays : int
        M.
    seed : int
        Of the fresh packets.

    Attributes
    ----------
    promised : ndarray of float64, (N,)
        What the last shares earn in the mean over the replays that they were found with.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), seed=0)
    >>> policy, _ = sf.policies.NonClairvoyant(replays=2), simulator.reset()
    >>> policy(simulator, None).shape
    (3, 4)
    """

    def __init__(self, replays: int = 16, seed: int = 0) -> None:
        between(1, replays=replays)
        between(0, seed=seed)
        self.replays, self.promised = replays, np.zeros(0)
        self._generator = np.random.default_rng(seed)
        self._twin: Simulator | None = None
        self._fresh: Arrivals | None = None

    def __call__(self, simulator: Simulator, observation: Float32 | None = None) -> Float64:
        """Return the shares of the coming step, (N, S); the simulator is unchanged.

        Parameters
        ----------
        simulator : Simulator
            The network, of one replica, all slices of Poisson packets.
        observation : ndarray, optional
            Not looked at.

        Raises
        ------
        SlicefastError
            There are several replicas, or packets that depend on those before them; the slice is named.
        """
        self._check(simulator)
        shares = np.full(simulator.shares_shape, 1.0 / simulator.scenario.n_slices)
        for _ in range(PASSES):
            curves = self._replay(simulator, shares)
            shares = best_in_the_mean(curves, ORACLE_LEVELS)
        self.promised = mean_worst(curves, ORACLE_LEVELS, shares)[0]
        return shares

    def _check(self, simulator: Simulator) -> None:
        if simulator.n_replicas > 1:
            refuse("n_replicas", simulator.n_replicas, "1 for the non-clairvoyant bound")
        for item in simulator.scenario.slices:
            if not item.traffic.superposed:
                allowed = "Poisson packets, which do not depend on those before them, for the non-clairvoyant bound"
                refuse(f"traffic of slice {item.name!r}", item.traffic.kind, allowed)

    def _replay(self, simulator: Simulator, coupled: Float64) -> Float64:
        """Return the curves of M steps from the simulator's state with packets of their own, (M, L, N, S)."""
        if self._twin is None or self._fresh is None:
            self._twin = copy.deepcopy(simulator)
            self._fresh = Arrivals(simulator.scenario, self._generator)
        state, queue = simulator.snapshot(), queue_of(simulator)
        (replica,) = state["replicas"]
        curves = []
        for _ in range(self.replays):
            replica["arrivals"] = list(self._fresh.draw(replica["active"], queue=queue))
            self._twin.restore(state)
            curves.append(satisfaction_curves(self._twin, ORACLE_LEVELS, coupled))
        return np.stack(curves)


def mean_worst(curves: Float64, levels: Float64, shares: Float64) -> tuple[Float64, Float64]:
    """Return the mean over replays of the worst slice's satisfaction, (N,), and its derivative by every share, (N, S).

    Parameters
    ----------
    curves : ndarray, (M, L, N, S)
        Satisfaction at each level.
    levels : ndarray, (L,)
        From 0 to 1, increasing.
    shares : ndarray, (N, S)
        On the simplex.
    """
    from slicefast.learn.curve_loss import worst_slice

    by_cell = np.moveaxis(curves, 1, 2)
    value, by_share = worst_slice(by_cell, levels, np.broadcast_to(shares, (len(curves), *shares.shape)))
    return np.asarray(value.mean(axis=0), np.float64), np.asarray(by_share.mean(axis=0), np.float64)


def best_in_the_mean(curves: Float64, levels: Float64) -> Float64:
    """Return the shares whose worst slice is best in the mean over replays, (N, S), as far as an ascent finds them.

    It starts from the max-min shares of the mean curves and goes up the logits with steps that fall to 0; of all that
    it passes the best is returned, cell by cell.

    Parameters
    ----------
    curves, levels
        As in `mean_worst`.
    """
    from slicefast.learn.curve_loss import softmax

    best = max_min_shares(curves.mean(axis=0), levels)
    reached = mean_worst(curves, levels, best)[0]
    logits = np.log(np.maximum(best, 1e-4))
    for number in range(ASCENTS):
        shares = np.asarray(softmax(logits), np.float64)
        value, by_share = mean_worst(curves, levels, shares)
        better = value > reached
        best, reached = np.where(better[:, None], shares, best), np.where(better, value, reached)
        slope = shares * (by_share - (shares * by_share).sum(axis=1, keepdims=True))
        size = np.abs(slope).max(axis=1, keepdims=True)
        logits += FIRST_STEP * (1.0 - number / ASCENTS) * slope / np.where(size > 0.0, size, 1.0)
    return best
