"""The counterfactual policy: one policy for all cells, learned from what every share would have earned.

Past the paper. On training networks the simulator says for every step what each slice would have got at each share (the
oracle's own question, see `slicefast.policies.curves`). One small network of weights, the same for all cells and given
their requirements, is fitted centrally to earn the most on average from those curves, on the states that it visits
itself; so it keeps the margin that random arrivals ask for. At work a cell needs its own measurements and last
partition and its neighbours' loads: nothing clairvoyant, nothing central, and no learning on the network it is
evaluated on.

Dimensions: N cells, S slices, F features, L levels of share, M samples (a cell in a step each).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from slicefast import features
from slicefast.errors import refuse
from slicefast.policies.curves import TRAINING_LEVELS, satisfaction_curves
from slicefast.policies.queues import had_data, queue_of, sum_by_queue
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.units import Float32, Float64, Int64

if TYPE_CHECKING:
    from slicefast.learn.curve_policy import CurvePolicy

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

#: "full", or what the policy does without: a part of the observation; "own_states", all samples but those of the first
#: network, whose states come from random partitions; "shared_weights", the weights that slices have in common.
Ablation = Literal[
    "full", "delay", "neighbours", "action", "requirements", "queue", "radio", "own_states", "shared_weights"
]
ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)

#: Training networks: the source network and eleven more.
NETWORKS = 12
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
#: Standard deviation of the noise on the logarithms of training partitions: wide around the equal split, since it alone
#: has to lead to all kinds of states, narrow around the policy, whose own states are wanted.
FIRST_NOISE = 0.8
LATER_NOISE = 0.2


class CounterfactualPolicy:
    """The policy at work: it remembers its last partition and who was served in it; one object plays one network.

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

    Parameters
    ----------
    act : callable
        What a cell sees, (N, S, F), to shares (N, S).

    Attributes
    ----------
    shares : ndarray of float64, (N, S), or None
        The last partition.
    observed : ndarray of float64, (N, S, F)
        What was seen before it.
    """

    def __init__(self, act: Callable[[Float64], Float64]) -> None:
        self.act = act
        self.shares: Float64 | None = None
        self.observed: Float64 = np.zeros((0, 0, 0))
        self._had_data = np.zeros(0, np.intp)
        self._served_in = np.zeros(0, np.intp)

    def __call__(self, simulator: Simulator, observation: Float32 | None = None) -> Float64:
        """Return the next partition, (N, S); the task's observation is not looked at."""
        if self.shares is None:
            self.shares = np.full(simulator.shares_shape, 1.0 / simulator.scenario.n_slices)
        seen = self._see(simulator, self.shares)
        self.observed = np.stack([seen[name] for name in FEATURE_NAMES], axis=-1)
        self._remember(simulator)
        self.shares = self.act(self.observed)
        return self.shares

    def _remember(self, simulator: Simulator) -> None:
        """Keep which users have data in the coming step and which queue each is in, to be looked at after it."""
        self._had_data = np.flatnonzero(had_data(simulator))
        self._served_in = queue_of(simulator)[self._had_data]

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
    carried = scenario.window_ttis * radio.tti_s * scenario.downlink_hz
    return {
        "queued_bits": sum_by_queue(simulator, backlog) / carried,
        "queued_users": sum_by_queue(simulator, (backlog > 0.0).astype(np.float64)) / _users_per_cell(scenario),
    }


def _users_per_cell(scenario: Scenario) -> NDArray[np.int64]:
    return np.array([item.users_per_cell for item in scenario.slices])


def _clipped_log(ratio: Float64) -> Float64:
    clipped: Float64 = np.clip(np.log(ratio), -RATIO_LIMIT, RATIO_LIMIT)
    return clipped


def columns(ablation: Ablation) -> Int64:
    """Return which columns of what a cell sees an ablation keeps.

    Raises
    ------
    SlicefastError
        There is no such ablation.
    """
    if ablation not in ABLATIONS:
        refuse("ablation", ablation, ", ".join(ABLATIONS))
    left_out = FEATURES.get(ablation, ())
    return np.array([column for column, name in enumerate(FEATURE_NAMES) if name not in left_out], dtype=np.int64)


def training_curves(simulator: Simulator, coupled: Float64) -> Float64:
    """Return each slice's satisfaction in the coming step at each of `TRAINING_LEVELS`, (N, L, S).

    Nothing is what a share of 0 earns, also for a slice without traffic: the policy gains nothing from starving one.

    Parameters
    ----------
    simulator : Simulator
        Its state is unchanged.
    coupled : ndarray, (N, S)
        The partition from which interference is computed.
    """
    asked = satisfaction_curves(simulator, TRAINING_LEVELS[1:], coupled)
    curves = np.concatenate([np.zeros_like(asked[:1]), asked])
    return np.ascontiguousarray(np.moveaxis(curves, 0, 1))


def train(
    scenario: Scenario,
    network_seeds: Sequence[int],
    seed: int,
    steps: int,
    tick: Callable[[int], None],
    epochs: int = 20,
) -> dict[Ablation, CurvePolicy]:
    """Return the trained policy, "full", and its ablations.

    Its steps are shared out among networks. On the first, partitions are random around the equal split; later ones are
    the policy's own, with a little noise, so that it learns where it goes. It is fitted anew, to all samples so far,
    whenever the number of networks has doubled.

    Parameters
    ----------
    scenario : Scenario
        What is played.
    network_seeds : sequence of int
        Simulator seeds of the training networks, none of them evaluated on.
    seed : int
        Of the noise and the weights.
    steps : int
        Steps in all.
    tick : callable
        Called with 1 after every step.
    epochs : int
        Passes over the samples in every fit.

    Returns
    -------
    dict of CurvePolicy
        By `ABLATIONS`.
    """
    generator = np.random.default_rng(seed)
    observed: list[Float64] = []
    curves: list[Float64] = []
    trained: dict[Ablation, CurvePolicy] = {}
    for number, network_seed in enumerate(network_seeds, start=1):
        simulator = Simulator(scenario, seed=network_seed)
        simulator.reset()
        policy = CounterfactualPolicy(_noisy(trained.get("full"), scenario.n_slices, generator))
        for _ in range(max(1, steps // len(network_seeds))):
            shares = policy(simulator)
            observed.append(policy.observed)
            curves.append(training_curves(simulator, shares))
            simulator.step(shares)
            tick(1)
        if number & (number - 1) == 0 or number == len(network_seeds):
            samples = np.concatenate(observed), np.concatenate(curves)
            trained["full"] = _fitted(*samples, "full", seed, epochs)
            trained.setdefault("own_states", trained["full"])
    for ablation in ABLATIONS:
        if ablation not in trained:
            trained[ablation] = _fitted(*samples, ablation, seed, epochs)
    return trained


def _fitted(observed: Float64, curves: Float64, ablation: Ablation, seed: int, epochs: int) -> CurvePolicy:
    """Return an ablation fitted to what was seen, (M, S, F), and the curves, (M, L, S)."""
    from slicefast.learn.curve_policy import CurvePolicy

    seen = columns(ablation)
    policy = CurvePolicy(seen.size, curves.shape[-1], shared=ablation != "shared_weights")
    policy.fit(observed[..., seen], curves, TRAINING_LEVELS, epochs=epochs, seed=seed)
    return policy


def _noisy(policy: CurvePolicy | None, n_slices: int, generator: np.random.Generator) -> Callable[[Float64], Float64]:
    """Return the training partitions: around the policy's, or around the equal split while there is none."""

    def act(seen: Float64) -> Float64:
        mean = np.full((len(seen), n_slices), 1.0 / n_slices) if policy is None else policy.act(seen)
        noise = (FIRST_NOISE if policy is None else LATER_NOISE) * generator.normal(size=mean.shape)
        noisy = mean * np.exp(noise)
        return np.asarray(noisy / noisy.sum(axis=1, keepdims=True))

    return act


def player(policy: CurvePolicy, ablation: Ablation = "full") -> CounterfactualPolicy:
    """Return a trained policy ready to play one network.

    Parameters
    ----------
    policy : CurvePolicy
        What `train` returned under the ablation's name.
    ablation : str
        What it does without, see `Ablation`.
    """
    seen = columns(ablation)
    return CounterfactualPolicy(lambda observed: policy.act(observed[..., seen]))
