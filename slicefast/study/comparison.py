"""A result file as tables, figures and claims read it: every score computed once, whoever asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from slicefast.study import dataset as results
from slicefast.study import intervals, ordering
from slicefast.study import online as measures
from slicefast.study.intervals import ANYWHERE, Estimate, Limits
from slicefast.study.ordering import Decomposition, Ordering
from slicefast.study.scores import (
    Scores,
    group_scores,
    pair_gains_percent,
    relative_gain_percent,
    score,
    window_means,
    without_diagonal,
)
from slicefast.study.setting import REGRET_STEPS, Setting
from slicefast.units import Bool, Float64, Int64

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
_PAIRS: Mapping[Setting, str] = {"published": "pair_reward", "ours": "pair_reward_ours"}
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
        self._estimates: dict[bytes, Estimate] = {}
        self._rewards: dict[str, Float64] = {}

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
        if policy not in self._rewards:
            self._rewards[policy] = results.rewards(self.dataset, policy)
        return self._rewards[policy]

    def online(self, policy: str, start: int, stop: int) -> Float64:
        """Return the mean reward, exploration and learning included, over steps from one to before another, (K, N)."""
        return measures.window_mean(self.rewards(policy), start, stop)

    @cached_property
    def learning_steps(self) -> int:
        """Steps after which nothing learns any more."""
        return int(self.protocol["exploration_steps"]) + int(self.protocol["train_steps"])

    @cached_property
    def regret_steps(self) -> list[int]:
        """The steps to which regret is summed: the budget's, and the end of learning."""
        return [*(step for step in REGRET_STEPS if step < self.learning_steps), self.learning_steps]

    @cached_property
    def windows(self) -> list[tuple[int, int]]:
        """The steps between those to which regret is summed, from the first on."""
        return list(pairwise([0, *self.regret_steps]))

    @cached_property
    def learned(self) -> tuple[int, int]:
        """The steps of a transfer after a short fine-tuning: from the early steps to its last."""
        stop = int(self.protocol["transfer_steps"])
        return min(int(self.protocol["early_steps"]), stop // 2), stop

    def regret(self, policy: str, until: int) -> Float64:
        """Return what a policy lacks to the oracle up to a step, (K, N) in steps of full reward; NaN without oracle."""
        own = self.rewards(policy)
        cycle = int(self.dataset.cycle_steps.max()) if "cycle_steps" in self.dataset else 0
        if not self.has("oracle") or not cycle:
            return np.full(own[:, 0].shape, np.nan)
        oracle = self.rewards("oracle")
        if np.isnan(oracle[:, : min(cycle, until)]).all():  # played the evaluation alone
            return np.full(own[:, 0].shape, np.nan)
        return measures.regret(own, oracle, cycle, until)

    @cached_property
    def _busy(self) -> Bool | None:
        data, (start, stop) = self.dataset, self.learned
        if "offered_bps" not in data:
            return None
        own, near = (
            data[name].isel(step=slice(start, stop)).transpose("seed", "step", "cell").values.astype(np.float64)
            for name in ("offered_bps", "neighbours_offered_bps")
        )
        return measures.busy_steps(own, near)

    def busy_reward(self, policy: str, busy: bool = True) -> Float64:
        """Return the mean reward of `learned` steps in which cells are busy, or of the others, (K, N)."""
        reward = self.rewards(policy)[:, slice(*self.learned)]
        if self._busy is None:
            return np.full(reward[:, 0].shape, np.nan)
        return measures.mean_where(reward, self._busy == busy)

    def worst_tenth(self, policy: str) -> Float64:
        """Return the mean reward of the worst tenth of each cell's `learned` steps, (K, N)."""
        return measures.worst_tenth(self.rewards(policy)[:, slice(*self.learned)])

    def per_seed(self, values: Float64) -> Float64:
        """Return the mean over requirement groups of their cells' scores (K, N), (K,)."""
        return np.asarray(group_scores(values, self.groups).mean(axis=1))

    def setting(self, policy: str) -> str:
        """Return in which setting a policy explores and learns, "" where that makes no difference."""
        return str(self.dataset.setting.sel(policy=policy).item()) if "setting" in self.dataset.coords else ""

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

    def estimate(self, values: Float64, limits: Limits = ANYWHERE) -> Estimate:
        """Return the estimate of scores (K, N), whose strata are the requirement groups (`intervals.estimate`).

        Tables and figures ask for the same ones, and resampling is what a report takes its time for.

        Parameters
        ----------
        values : ndarray, (K, N)
            Scores per seed and cell.
        limits : tuple of float
            Where the mean can lie: the interval ends there.
        """
        key = values.tobytes()
        if key not in self._estimates:
            self._estimates[key] = intervals.estimate(group_scores(values, self.groups))
        return self._estimates[key].within(limits)

    def distance(self, name: str) -> Float64 | None:
        """Return one of `DISTANCES`, (K, source, target), or None where the result file lacks it."""
        data = self.dataset
        trained = "pretrain_reward_ours" if self.pair_setting == "ours" else "pretrain_reward"
        if name == "source_reward" and trained in data:
            last = data[trained].isel(pretrain_step=slice(-_LAST_STEPS, None)).mean("pretrain_step").values
            return -np.repeat(last.astype(np.float64)[:, :, None], last.shape[1], axis=2)
        if name == "distance_relative" and "distance" in data:
            return np.stack([ordering.relative(matrix) for matrix in data.distance.values.astype(np.float64)])
        return data[name].values.astype(np.float64) if name in data else None

    @cached_property
    def pair_setting(self) -> Setting:
        """The setting whose pairs tables and figures show: ours where it was run, whose noise hides the least."""
        return "ours" if _PAIRS["ours"] in self.dataset else "published"

    @property
    def pair_window(self) -> int:
        """The steps that each reward of the pairs that are shown is a mean over."""
        return int(self.dataset[_PAIRS[self.pair_setting]].attrs["window_steps"])

    @cached_property
    def gain_steps(self) -> list[int]:
        """The steps before which the rewards of all pairs were taken; empty without pairs."""
        return [int(step) for step in self.dataset.gain_step.values] if "gain_step" in self.dataset else []

    def pair_rewards_of(self, setting: Setting) -> Float64 | None:
        """Return the rewards of all pairs, (K, G, source, target), NaN where both have one number; None without any."""
        if _PAIRS[setting] not in self.dataset:
            return None
        return without_diagonal(self.dataset[_PAIRS[setting]].values.astype(np.float64))

    @cached_property
    def pair_rewards(self) -> Float64 | None:
        """`pair_rewards_of` the setting that is shown."""
        return self.pair_rewards_of(self.pair_setting)

    @cached_property
    def finished_pair_rewards(self) -> Float64 | None:
        """`pair_rewards` of the seeds that finished them."""
        if self.pair_rewards is None:
            return None
        whole = self.dataset[_PAIRS[self.pair_setting]].values
        finished: Float64 = self.pair_rewards[np.isfinite(whole).all(axis=(1, 2, 3))]
        return finished

    @cached_property
    def pair_gains_percent(self) -> Float64 | None:
        """The pairs' gains over DRL from scratch [%], (K, G, source, target); None where either is missing."""
        drl = "drl_ours" if self.pair_setting == "ours" else "drl"
        if self.pair_rewards is None or not self.has(drl):
            return None
        window = self.pair_window
        return pair_gains_percent(self.pair_rewards, window_means(self.rewards(drl), self.gain_steps, window))

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
