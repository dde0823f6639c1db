"""`policy="best"`: one policy for all cells, learned from counterfactual probes of simulated networks.

Past the paper. In training, the simulator tells for every step what each slice would have got at each share (the
oracle's own question, from snapshots with the step's arrivals), on the source network and eleven others of the same
scenario, none of them the target. One small network, shared by all cells and slices and told their requirements, is
fitted to earn the most on average from those curves, on the states that it visits itself: so it keeps the margin that
random arrivals ask for. At work a cell needs its own measurements and last partition and its neighbours' loads: nothing
clairvoyant, nothing central, and no learning on the target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slicefast.rewards import satisfaction
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.training import Tick
from slicefast.units import TTI_S

if TYPE_CHECKING:
    from slicefast.learn.curve_policy import CurvePolicy

#: Shares at which slices are probed; denser below, where satisfaction is steep.
LEVELS = np.concatenate([[0.0], np.geomspace(0.02, 1.0, 24)])
#: Values per slice in each part of the rich observation.
PARTS = {"measured": 3, "delay": 1, "neighbours": 1, "action": 2, "requirements": 2, "queue": 2, "radio": 3}
RATIO_LIMIT = 3.0
LEAST_EFFICIENCY = 0.05  # bit/s/Hz, below which a user's cost in resource blocks is not told apart
NETWORKS = 12
#: What the ablations leave out: a part of the observation; "rounds": all samples but the first network's, which the
#: policy did not visit itself; "sharing": the weights that slices have in common.
VARIANTS = ("full", *(part for part in PARTS if part != "measured"), "rounds", "sharing")


class RichPolicy:
    """A policy that remembers its last partition and who was served in it; one object plays one network.

    What a cell sees, (N, S, F), is per slice, in the order of `PARTS`:

    - measured: ln of throughput over requirement (clipped at 3 either side), load, active users over the slice's users;
    - delay: ln of delay over requirement, clipped alike;
    - neighbours: mean load of the neighbours;
    - action: the cell's own partition in the last step, and load over it;
    - requirements: ln of the throughput [Mbit/s] and of the delay [ms] required;
    - queue: bits waiting over what the cell carries in a step at 1 bit/s/Hz, users with bits waiting over the slice's;
    - radio: spectral efficiency over the blocks used [bit/s/Hz]/4; of the users that had data in the last step, with
      e = max(log2(1 + SINR), 0.05): sum of 1/e over the slice's users, and the largest 1/e over 5.

    All of it was measured by the base station before the coming step, whose packets it does not see.
    """

    def __init__(self, act: Callable[[NDArray[np.float64]], NDArray[np.float64]]):
        self.act = act
        self.shares: NDArray[np.float64] | None = None
        self.observed = np.zeros((0, 0, 0))
        self._had_data = np.zeros(0, np.intp)
        self._served_in = np.zeros(0, np.intp)

    def __call__(self, simulator: Simulator, observation: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        """Return the next partition."""
        if self.shares is None:
            self.shares = np.full(simulator.shares_shape, 1.0 / simulator.scenario.n_slices)
        self.observed = self._observe(simulator, self.shares)
        self._remember(simulator)
        self.shares = self.act(self.observed)
        return self.shares

    def _remember(self, simulator: Simulator) -> None:
        """Keep which users have data in the coming step and which queue each is in, to be looked at after it."""
        waiting = simulator.backlog_bits > 0.0
        waiting[simulator.arrivals.user] = True  # type: ignore[union-attr]  # one replica
        self._had_data = np.flatnonzero(waiting)
        self._served_in = _queue_of(simulator)[self._had_data]

    def _observe(self, simulator: Simulator, share: NDArray[np.float64]) -> NDArray[np.float64]:
        kpis, scenario = simulator.kpis, simulator.scenario
        wanted_bps, wanted_ms = scenario.throughput_requirement_bps, scenario.delay_requirement_ms
        had_traffic = kpis.delay_ms > 0
        throughput = np.where(had_traffic, np.maximum(kpis.throughput_bps, 1.0) / wanted_bps, 1.0)
        delay = np.where(had_traffic, kpis.delay_ms / wanted_ms, 1.0)
        slice_users = np.array([item.users_per_cell for item in scenario.slices])
        heard = kpis.load[scenario.neighbours]
        neighbours = heard.mean(axis=1) if heard.shape[1] else np.zeros_like(kpis.load)
        shape, count = kpis.load.shape, kpis.load.size
        backlog, queue = simulator.backlog_bits, _queue_of(simulator)
        radio = scenario.radio
        carried = scenario.window_ttis * TTI_S * radio.n_prb * radio.prb_bandwidth_hz
        cost = 1.0 / np.maximum(np.log2(1.0 + simulator.sinr[self._had_data].astype(np.float64)), LEAST_EFFICIENCY)
        total_cost = np.bincount(self._served_in, cost, minlength=count).reshape(shape)
        largest_cost = np.zeros(count)
        np.maximum.at(largest_cost, self._served_in, cost)
        columns = (
            *(_log(throughput), kpis.load, kpis.users / slice_users),
            _log(delay),
            neighbours,
            *(share, kpis.load / np.maximum(share, 1e-3)),
            *(np.log(wanted_bps / 1e6), np.log(wanted_ms)),
            np.bincount(queue, backlog, minlength=count).reshape(shape) / carried,
            np.bincount(queue[backlog > 0.0], minlength=count).reshape(shape) / slice_users,
            *(kpis.spectral_efficiency / 4.0, total_cost / slice_users, largest_cost.reshape(shape) / 5.0),
        )
        return np.stack(columns, axis=-1)


def _queue_of(simulator: Simulator) -> NDArray[np.intp]:
    """Return n S + s of the cell and slice every user is in, (U,)."""
    scenario = simulator.scenario
    return np.asarray(simulator.serving * scenario.n_slices + scenario.slice_of, dtype=np.intp)


def columns(variant: str) -> NDArray[np.int64]:
    """Return which columns of the rich observation a variant sees."""
    return np.flatnonzero(np.repeat(list(PARTS), list(PARTS.values())) != variant)


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


def train(
    scenario: Scenario, network_seeds: Sequence[int], seed: int, steps: int, tick: Tick, epochs: int = 20
) -> dict[str, CurvePolicy]:
    """Return the trained policy, "full", and its ablations by the names of VARIANTS.

    Its `steps` are shared out among networks of these seeds. On the first, partitions are random around the equal
    split; later ones are the policy's own, with a little noise, so that it learns where it goes. It is fitted anew, to
    all samples so far, whenever their number has doubled.
    """
    generator = np.random.default_rng(seed)
    observed: list[NDArray[np.float64]] = []
    curves: list[NDArray[np.float64]] = []
    found: dict[str, CurvePolicy] = {}
    for number, network_seed in enumerate(network_seeds, start=1):
        simulator = Simulator(scenario, seed=network_seed)
        simulator.reset()
        player = RichPolicy(_noisy(found.get("full"), scenario.n_slices, generator))
        for _ in range(max(1, steps // len(network_seeds))):
            shares = player(simulator)
            observed.append(player.observed)
            curves.append(satisfaction_curves(simulator, shares))
            simulator.step(shares)
            tick(1)
        if number & (number - 1) == 0 or number == len(network_seeds):
            data = np.concatenate(observed), np.concatenate(curves)
            found["full"] = _fitted(*data, "full", seed, epochs)
            found.setdefault("rounds", found["full"])
    for variant in VARIANTS:
        if variant not in found:
            found[variant] = _fitted(*data, variant, seed, epochs)
    return found


def _fitted(x: NDArray[np.float64], curves: NDArray[np.float64], variant: str, seed: int, epochs: int) -> CurvePolicy:
    from slicefast.learn.curve_policy import CurvePolicy

    kept = columns(variant)
    policy = CurvePolicy(kept.size, curves.shape[-1], shared=variant != "sharing")
    policy.fit(x[..., kept], curves, LEVELS, epochs=epochs, seed=seed)
    return policy


def _noisy(
    policy: CurvePolicy | None, n_slices: int, generator: np.random.Generator
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def act(x: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = np.full((len(x), n_slices), 1.0 / n_slices) if policy is None else policy.act(x)
        noisy = mean * np.exp((0.8 if policy is None else 0.2) * generator.normal(size=mean.shape))
        return np.asarray(noisy / noisy.sum(axis=1, keepdims=True))

    return act


def player(policy: CurvePolicy, variant: str) -> RichPolicy:
    """Return a trained policy ready to play a network."""
    kept = columns(variant)
    return RichPolicy(lambda x: policy.act(x[..., kept]))
