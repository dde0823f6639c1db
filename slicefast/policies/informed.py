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

from slicefast.errors import refuse
from slicefast.policies.curves import TRAINING_LEVELS, curves_from_nothing
from slicefast.policies.measurements import FEATURE_NAMES, FEATURES, Measurements
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.units import Float32, Float64, Int64

if TYPE_CHECKING:
    from slicefast.learn.curve_policy import CurvePolicy

#: "full", or what the policy does without: a part of the observation; "own_states", all samples but those of the first
#: network, whose states come from random partitions; "shared_weights", the weights that slices have in common.
Ablation = Literal[
    "full", "delay", "neighbours", "action", "requirements", "queue", "radio", "own_states", "shared_weights"
]
ABLATIONS: tuple[Ablation, ...] = get_args(Ablation)

#: Training networks: the source network and eleven more.
NETWORKS = 12
#: Standard deviation of the noise on the logarithms of training partitions: wide around the equal split, since it alone
#: has to lead to all kinds of states, narrow around the policy, whose own states are wanted.
FIRST_NOISE = 0.8
LATER_NOISE = 0.2


class CounterfactualPolicy:
    """The policy at work: it remembers its last partition and who was served in it; one object plays one network.

    What a cell sees, (N, S, F), is what `Measurements` says.

    Parameters
    ----------
    act : callable
        What a cell sees, (N, S, F), to shares (N, S).

    Attributes
    ----------
    observed : ndarray of float64, (N, S, F)
        What was seen before it.
    """

    def __init__(self, act: Callable[[Float64], Float64]) -> None:
        self.act = act
        self.observed: Float64 = np.zeros((0, 0, 0))
        self._measurements = Measurements()

    @property
    def shares(self) -> Float64 | None:
        """The last partition, (N, S)."""
        return self._measurements.shares

    def __call__(self, simulator: Simulator, observation: Float32 | None = None) -> Float64:
        """Return the next partition, (N, S); the task's observation is not looked at."""
        self.observed = self._measurements.see(simulator)
        shares = self.act(self.observed)
        self._measurements.remember(simulator, shares)
        return shares


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
            curves.append(curves_from_nothing(simulator, TRAINING_LEVELS, shares))
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
