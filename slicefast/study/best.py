"""`policy="best"`: one policy for all cells, learned from counterfactual probes of simulated networks.

Past the paper. In training, the simulator tells for every step what each slice would have got at each share (the
oracle's own question, from snapshots with the step's arrivals), on the source network and three others of the same
scenario, none of them the target. One small network, shared by all cells and told their requirements, is fitted to earn
the most from those curves, on the states that it visits itself. At work a cell needs its own measurements and last
partition and its neighbours' loads: nothing clairvoyant, nothing central, and no learning on the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast.kpis import Kpis, satisfaction
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.study.play import Tick

if TYPE_CHECKING:
    from slicefast.learn.counterfactual import CurvePolicy

#: Shares at which slices are probed; denser below, where satisfaction is steep.
LEVELS = np.concatenate([[0.0], np.geomspace(0.02, 1.0, 24)])
PARTS = {"measured": 3, "delay": 1, "neighbours": 1, "action": 2, "requirements": 2}  # values per slice
RATIO_LIMIT = 3.0
ROUNDS = 4
#: What the ablations leave out; "rounds" keeps only the first round's samples, which the policy did not visit itself.
VARIANTS = ("full", "delay", "neighbours", "action", "requirements", "rounds")


def observe_richly(kpis: Kpis, scenario: Scenario, shares: NDArray[Any]) -> NDArray[np.float64]:
    """Return what the policy sees of every cell, (N, F): S values for each of the following, in the order of PARTS.

    measured: ln of throughput over requirement (clipped at 3 either side), load, active users over the slice's users.
    delay: ln of delay over requirement, clipped alike. neighbours: mean load of the neighbours. action: the cell's own
    partition in that step, and load over it. requirements: ln of the throughput [Mbit/s] and the delay [ms] required.
    """
    wanted_bps, wanted_ms = scenario.throughput_requirement_bps, scenario.delay_requirement_ms
    had_traffic = kpis.delay_ms > 0
    throughput = np.where(had_traffic, np.maximum(kpis.throughput_bps, 1.0) / wanted_bps, 1.0)
    delay = np.where(had_traffic, kpis.delay_ms / wanted_ms, 1.0)
    users_per_cell = np.array([item.users_per_cell for item in scenario.slices])
    share = np.asarray(shares, np.float64)
    parts = (
        *(_log(throughput), kpis.load, kpis.users / users_per_cell),
        _log(delay),
        kpis.load[scenario.neighbours].mean(axis=1),
        *(share, kpis.load / np.maximum(share, 1e-3)),
        *(np.log(wanted_bps / 1e6), np.log(wanted_ms)),
    )
    return np.concatenate(parts, axis=1)


def columns(left_out: str, n_slices: int) -> NDArray[np.int64]:
    """Return the columns of the rich observation that remain when one part is left out."""
    names = np.repeat(list(PARTS), [count * n_slices for count in PARTS.values()])
    return np.flatnonzero(names != left_out)


def _log(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped: NDArray[np.float64] = np.clip(np.log(ratio), -RATIO_LIMIT, RATIO_LIMIT)
    return clipped


def satisfaction_curves(simulator: Simulator, coupled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each slice's satisfaction in the coming step at each of LEVELS, (N, L, S), non-decreasing along L.

    The interference is that of the partition `coupled`; the simulator's state is unchanged.
    """
    curves = [np.zeros(simulator.shares_shape)]
    for level in LEVELS[1:]:
        kpis = simulator.probe(np.full(simulator.shares_shape, level), coupled)
        curves.append(np.minimum(*satisfaction(kpis, simulator.scenario)))
    return np.maximum.accumulate(np.stack(curves, axis=1), axis=1)


class RichPolicy:
    """A policy that remembers its last partition; one object plays one network."""

    def __init__(self, act: Callable[[NDArray[np.float64]], NDArray[np.float64]]):
        self.act = act
        self.shares: NDArray[np.float64] | None = None
        self.observed = np.zeros((0, 0))

    def __call__(self, simulator: Simulator, observation: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        """Return the next partition."""
        if self.shares is None:
            self.shares = np.full(simulator.shares_shape, 1.0 / simulator.scenario.n_slices)
        self.observed = observe_richly(simulator.kpis, simulator.scenario, self.shares)
        self.shares = self.act(self.observed)
        return self.shares


def train(
    simulators: Sequence[Simulator], seed: int, steps: int, tick: Tick, epochs: int = 40
) -> dict[str, CurvePolicy]:
    """Return the trained policy, "full", and one without each part of it, by the names of VARIANTS.

    Its `steps` are played in ROUNDS rounds, which take turns on the networks given. In the first, partitions are random
    around the equal split; later ones are the policy's own, with a little noise, so that it learns where it goes. Every
    round fits all samples so far anew.
    """
    generator = np.random.default_rng(seed)
    observed: list[NDArray[np.float64]] = []
    curves: list[NDArray[np.float64]] = []
    found: dict[str, CurvePolicy] = {}
    for number in range(ROUNDS):
        simulator = simulators[number % len(simulators)]
        player = RichPolicy(_noisy(found.get("full"), simulator.scenario.n_slices, generator))
        for _ in range(max(1, steps // ROUNDS)):
            shares = player(simulator)
            observed.append(player.observed)
            curves.append(satisfaction_curves(simulator, shares))
            simulator.step(shares)
            tick(1)
        data = np.concatenate(observed), np.concatenate(curves)
        found["full"] = _fitted(*data, "full", seed + number, epochs)
        if number == 0:
            found["rounds"] = found["full"]
    for left_out in PARTS:
        if left_out in VARIANTS:
            found[left_out] = _fitted(*data, left_out, seed, epochs)
    return found


def _fitted(x: NDArray[np.float64], curves: NDArray[np.float64], left_out: str, seed: int, epochs: int) -> CurvePolicy:
    from slicefast.learn.counterfactual import CurvePolicy

    kept = columns(left_out, curves.shape[-1])
    policy = CurvePolicy(kept.size, curves.shape[-1])
    policy.fit(x[:, kept], curves, LEVELS, epochs=epochs, seed=seed)
    return policy


def _noisy(
    policy: CurvePolicy | None, n_slices: int, generator: np.random.Generator
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def act(x: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = np.full((len(x), n_slices), 1.0 / n_slices) if policy is None else policy.act(x)
        noisy = mean * np.exp((0.8 if policy is None else 0.2) * generator.normal(size=mean.shape))
        return np.asarray(noisy / noisy.sum(axis=1, keepdims=True))

    return act


def player(policy: CurvePolicy, variant: str, n_slices: int) -> RichPolicy:
    """Return a trained policy ready to play a network."""
    kept = columns(variant, n_slices)
    return RichPolicy(lambda x: policy.act(x[:, kept]))
