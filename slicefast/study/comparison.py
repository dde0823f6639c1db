"""A result file as tables, figures and claims read it: every score computed once, whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from slicefast.study import dataset as results
from slicefast.study import ordering
from slicefast.study.ordering import Decomposition, Ordering
from slicefast.study.scores import (
    Estimate,
    Scores,
    group_scores,
    pair_gains_percent,
    relative_gain_percent,
    score,
    stratified,
    window_means,
    without_diagonal,
)
from slicefast.units import Float64, Int64

#: What figures and what tables call a distance, by its variable in the result file.
DISTANCES: Mapping[str, tuple[str, str]] = {
    "distance": ("mean KL", "mean KL divergence (the paper's)"),
    "distance_fast": ("fast", "mean squared distance of the latent means"),
    "distance_corrected": ("less spread", "mean KL divergence less its spread within source and target"),
    "distance_floored": ("variance floor", "mean KL divergence, latent variances no less than their pooled median"),
    "distance_median": ("median KL", "median KL divergence in place of the mean"),
    "distance_weighted": (
        "prior x 10",
        "mean KL divergence, ten times the weight on the autoencoder's prior",
    ),
    "distance_longer": ("4 x samples", "mean KL divergence, four times as many default-action samples"),
    "distance_centres": ("centres", "squared distance of the mean latent vectors"),
    "distance_relative": ("relative KL", "logarithm of the mean KL divergence less its source's and its target's mean"),
    "source_reward": ("source's reward", "no distance: what the source itself earned at the end, negated"),
}
_LAST_STEPS = 1000  # over which what a source itself earned is taken


class Comparison:
    """The policies of one result file, scored and set beside each other.

    Parameters
    ----------
    dataset : xarray.Dataset
        A result file, see `slicefast.study.dataset`; the study may be unfinished.

    Attributes
    ----------
    protocol : dict
        The study's numbers.
    groups : ndarray of int, (N,)
        Requirement group of every cell.
    policies : list of str
        Keys of the policies that finished in at least one seed, in the file's order.
    """

    def __init__(self, dataset: xr.Dataset):
        self.dataset = dataset
        self.protocol: dict[str, Any] = results.protocol_of(dataset)
        self.groups: Int64 = dataset.requirement_group.values
        self.policies = [name for name in map(str, dataset.policy.values) if results.has(dataset, name)]
        self._scores: dict[str, Scores] = {}
        self._estimates: dict[tuple[bytes, bool], Estimate] = {}

    def has(self, *policies: str) -> bool:
        """Whether at least one seed of each of these policies is finished."""
        return set(policies) <= set(self.policies)

    def label(self, policy: str) -> str:
        """Return what figures and tables call a policy."""
        return results.label(self.dataset, policy)

    def family(self, policy: str) -> str:
        """Return what kind of policy it is, see the format in `slicefast.study.dataset`."""
        return results.family(self.dataset, policy)

    def of_family(self, family: str) -> list[str]:
        """Return the finished policies of a family."""
        return [policy for policy in self.policies if self.family(policy) == family]

    def rewards(self, policy: str) -> Float64:
        """Return the reward of every step, (K, T, N)."""
        return results.rewards(self.dataset, policy)

    def scores(self, policy: str) -> Scores:
        """Return a policy's scores."""
        if policy not in self._scores:
            played = self.dataset.sel(policy=policy)
            dims = ("seed", "evaluation_step", "cell", "slice")
            self._scores[policy] = score(
                self.rewards(policy),
                played.throughput_satisfaction.transpose(*dims),
                played.delay_ms.transpose(*dims),
                int(self.protocol["early_steps"]),
                int(self.protocol["evaluation_steps"]),
            )
        return self._scores[policy]

    def early_gain_percent(self, policy: str) -> Float64:
        """Return the gain over DRL from scratch [%] in mean reward over the first steps, (K, N)."""
        return self._gain_percent(policy, "early_reward")

    def final_gain_percent(self, policy: str) -> Float64:
        """Return the gain over DRL from scratch [%] in mean reward over the evaluation steps, (K, N)."""
        return self._gain_percent(policy, "reward")

    def oracle_gap(self, policy: str) -> Float64:
        """Return what the mean reward over the evaluation steps lacks to the oracle's, (K, N); NaN without oracle."""
        own = self.scores(policy).reward
        return self.scores("oracle").reward - own if self.has("oracle") else np.full_like(own, np.nan)

    def _gain_percent(self, policy: str, measure: str) -> Float64:
        own: Float64 = getattr(self.scores(policy), measure)
        if not self.has("drl"):
            return np.full_like(own, np.nan)
        return relative_gain_percent(own, getattr(self.scores("drl"), measure))

    def estimate(self, values: Float64, jointly: bool = False) -> Estimate:
        """Return the estimate of scores (K, N): requirement groups as strata, seeds resampled in each or `jointly`.

        Tables, figures and claims ask for the same ones, and resampling is what a report takes its time for.

        Parameters
        ----------
        values : ndarray, (K, N)
            Scores per seed and cell.
        jointly : bool
            Whether the groups share the seeds that are drawn.
        """
        key = values.tobytes(), jointly
        if key not in self._estimates:
            self._estimates[key] = stratified(group_scores(values, self.groups), jointly=jointly)
        return self._estimates[key]

    def distance(self, name: str) -> Float64 | None:
        """Return one of `DISTANCES`, (K, source, target), or None where the result file lacks it."""
        data = self.dataset
        if name == "source_reward" and "pretrain_reward" in data:
            last = data.pretrain_reward.isel(pretrain_step=slice(-_LAST_STEPS, None)).mean("pretrain_step").values
            return -np.repeat(last.astype(np.float64)[:, :, None], last.shape[1], axis=2)
        if name == "distance_relative" and "distance" in data:
            return np.stack([ordering.relative(matrix) for matrix in data.distance.values.astype(np.float64)])
        return data[name].values.astype(np.float64) if name in data else None

    @cached_property
    def gain_steps(self) -> list[int]:
        """The steps before which the rewards of all pairs were taken; empty without pairs."""
        return [int(step) for step in self.dataset.gain_step.values] if "pair_reward" in self.dataset else []

    @cached_property
    def pair_rewards(self) -> Float64 | None:
        """The rewards of all pairs, (K, G, source, target), NaN where both have the same number; None without pairs."""
        if "pair_reward" not in self.dataset:
            return None
        return without_diagonal(self.dataset.pair_reward.values.astype(np.float64))

    @cached_property
    def finished_pair_rewards(self) -> Float64 | None:
        """`pair_rewards` of the seeds that finished them."""
        if self.pair_rewards is None:
            return None
        finished: Float64 = self.pair_rewards[np.isfinite(self.dataset.pair_reward.values).all(axis=(1, 2, 3))]
        return finished

    @cached_property
    def pair_gains_percent(self) -> Float64 | None:
        """The pairs' gains over DRL from scratch [%], (K, G, source, target); None where either is missing."""
        if self.pair_rewards is None or not self.has("drl"):
            return None
        window = int(self.dataset.pair_reward.attrs["window_steps"])
        return pair_gains_percent(self.pair_rewards, window_means(self.rewards("drl"), self.gain_steps, window))

    @cached_property
    def orderings(self) -> dict[str, Ordering]:
        """How each distance of the result file orders the gains of all pairs, by name; empty without pairs."""
        gains, rewards = self.pair_gains_percent, self.pair_rewards
        if gains is None or rewards is None:
            return {}
        measured = {name: self.distance(name) for name in DISTANCES}
        return {name: ordering.order(item, gains, rewards) for name, item in measured.items() if item is not None}

    @cached_property
    def decomposition(self) -> Decomposition | None:
        """What the rewards of all pairs depend on; None without pairs."""
        rewards = self.finished_pair_rewards
        return None if rewards is None else ordering.decompose(rewards)
