"""Scores of a study and their statistics: arrays in, numbers out.

Scores come as arrays (K, N): K seeds, N cells. Cells with the same requirements form a group, and a group is a stratum
(K, G) whose score is the mean over its cells: cells of one seed share a network, so they are averaged and never
resampled as if they were independent. The groups of one seed share that network too, which the stratified interval
leaves aside; with `jointly` whole seeds are resampled.

T steps, E of them the evaluation steps at the end; S slices; G gain steps where all pairs of cells were transferred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from slicefast.errors import refuse
from slicefast.units import Float64

N_RESAMPLES = 4000
#: A cell-step fails when a slice gets less than this share of its throughput requirement.
MET = 0.95
#: A statistic over an axis, as `numpy.mean` is one: an array, or a number where no axis is left.
Statistic = Callable[..., Float64 | np.floating]


@dataclass(frozen=True)
class Estimate:
    """One number with its 95 % interval.

    Attributes
    ----------
    value : float
        The number; NaN where no seed has one.
    low, high : float
        The ends of the interval; NaN where a single seed leaves nothing to resample.
    """

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is an interval at all."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    def above(self, threshold: float) -> bool:
        """Whether the whole interval lies above the threshold."""
        return self.known and self.low > threshold

    def below(self, threshold: float) -> bool:
        """Whether the whole interval lies below the threshold."""
        return self.known and self.high < threshold

    def __neg__(self) -> Estimate:
        return Estimate(-self.value, -self.high, -self.low)


def parts_of(estimates: Sequence[Estimate]) -> tuple[Float64, Float64, Float64]:
    """Return the numbers and both ends of their intervals, as figures take them, (G,) each."""
    value, low, high = (
        np.array([getattr(item, name) for item in estimates], np.float64) for name in ("value", "low", "high")
    )
    return value, low, high


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


@dataclass(frozen=True, eq=False)
class Scores:
    """How one policy did, per seed and cell, (K, N) unless noted.

    Attributes
    ----------
    reward : ndarray
        Mean reward over the evaluation steps.
    early_reward : ndarray
        Mean reward over the first steps.
    satisfaction : ndarray
        Mean over the evaluation steps of the smallest throughput satisfaction of the slices.
    failing_percent : ndarray
        Share of evaluation steps [%] at which that smallest satisfaction is below `MET`.
    delay_ms : ndarray
        Mean over the evaluation steps of the largest delay of the slices [ms].
    step_satisfaction : ndarray, (K, E, N)
        The smallest throughput satisfaction of the slices at every evaluation step.
    step_delay_ms : ndarray, (K, E, N)
        The largest delay of the slices [ms] at every evaluation step.
    """

    reward: Float64
    early_reward: Float64
    satisfaction: Float64
    failing_percent: Float64
    delay_ms: Float64
    step_satisfaction: Float64
    step_delay_ms: Float64


def score(
    reward: ArrayLike, satisfaction: ArrayLike, delay_ms: ArrayLike, early_steps: int, evaluation_steps: int
) -> Scores:
    """Return the scores of what one policy played.

    Parameters
    ----------
    reward : array_like, (K, T, N)
        Reward of every step.
    satisfaction : array_like, (K, E, N, S)
        Throughput over its requirement, at most 1, at every evaluation step.
    delay_ms : array_like, (K, E, N, S)
        Mean packet delay [ms] at every evaluation step.
    early_steps : int
        How many of the first steps the early reward is a mean over.
    evaluation_steps : int
        E, how many of the last steps the reward is a mean over.

    Returns
    -------
    Scores
        NaN where a seed is not finished.
    """
    rewards = np.asarray(reward, dtype=np.float64)
    worst: Float64 = np.asarray(satisfaction, dtype=np.float64).min(axis=-1)
    largest: Float64 = np.asarray(delay_ms, dtype=np.float64).max(axis=-1)
    failing = np.where(np.isnan(worst), np.nan, worst < MET)
    return Scores(
        reward=rewards[:, -evaluation_steps:].mean(axis=1),
        early_reward=rewards[:, :early_steps].mean(axis=1),
        satisfaction=worst.mean(axis=1),
        failing_percent=100.0 * failing.mean(axis=1),
        delay_ms=largest.mean(axis=1),
        step_satisfaction=worst,
        step_delay_ms=largest,
    )


def relative_gain_percent(value: Float64, reference: Float64) -> Float64:
    """Return 100 (value - reference) / (the reference's mean over the cells, the last axis).

    Dividing by the network's mean keeps a cell that the reference leaves near zero from outweighing all others. Where
    that mean is zero there is nothing to be relative to: NaN.

    Parameters
    ----------
    value, reference : ndarray, (..., N)
        Of any unit, one for both.
    """
    mean = reference.mean(axis=-1, keepdims=True)
    return np.asarray(100.0 * (value - reference) / np.where(mean == 0.0, np.nan, mean))


def pair_gains_percent(pair_reward: ArrayLike, reference: ArrayLike) -> Float64:
    """Return what every transfer between two cells gained over the target's own learning from scratch.

    Parameters
    ----------
    pair_reward : array_like, (K, G, source, target)
        Mean reward over the window before each gain step.
    reference : array_like, (K, G, target)
        The same of the target's agent that learned from scratch.

    Returns
    -------
    ndarray, (K, G, source, target)
        100 (reward / reference - 1); NaN where source and target have the same number or the reference is zero.
    """
    rewards, own = np.asarray(pair_reward, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    gains: Float64 = 100.0 * (rewards / np.where(own == 0.0, np.nan, own)[:, :, None, :] - 1.0)
    return without_diagonal(gains)


def without_diagonal(matrices: Float64, value: float = np.nan) -> Float64:
    """Return matrices (..., N, N) with another value, NaN unless given, where row and column have the same number.

    Parameters
    ----------
    matrices : ndarray, (..., N, N)
        Unchanged.
    value : float
        What stands on the diagonals.
    """
    changed = matrices.copy()
    cells = np.arange(changed.shape[-1])
    changed[..., cells, cells] = value
    return changed


def window_means(reward: ArrayLike, steps: list[int], window: int) -> Float64:
    """Return the mean of rewards (K, T, N) over the ``window`` steps before each of G steps, (K, G, N).

    Parameters
    ----------
    reward : array_like, (K, T, N)
        Per seed, step and cell.
    steps : list of int, (G,)
        Ends of the windows, excluded.
    window : int
        Their length in steps.
    """
    rewards = np.asarray(reward, dtype=np.float64)
    return np.stack([rewards[:, max(0, step - window) : step].mean(axis=1) for step in steps], axis=1)


def interquartile_mean(values: ArrayLike, axis: int | None = None) -> Float64:
    """Return the mean of the middle half: the lowest and the highest quarter are cut (`scipy.stats.trim_mean`)."""
    from scipy.stats import trim_mean

    return np.asarray(trim_mean(np.asarray(values, dtype=np.float64), 0.25, axis=axis))


def group_scores(values: ArrayLike, groups: ArrayLike) -> Float64:
    """Average the cells of each requirement group.

    Parameters
    ----------
    values : array_like, (K, N)
        Scores of K seeds and N cells.
    groups : array_like of int, (N,)
        Group of every cell, -1 where it does not count.

    Returns
    -------
    ndarray, (K, G)
        Means, groups in ascending order.

    Raises
    ------
    ValueError
        Shapes do not fit.
    """
    scores, labels = np.asarray(values, dtype=np.float64), np.asarray(groups)
    if scores.ndim != 2 or labels.shape != scores.shape[1:]:
        refuse("groups", labels.shape, f"(N,) beside values (K, N), which have shape {scores.shape}")
    return np.stack([scores[:, labels == group].mean(axis=1) for group in np.unique(labels[labels >= 0])], axis=1)


def stratified(
    scores: ArrayLike, statistic: Statistic = interquartile_mean, seed: int = 0, jointly: bool = False
) -> Estimate:
    """Return the mean over strata of a statistic over seeds, with its 95 % stratified bootstrap interval.

    Seeds are resampled with replacement inside every stratum on its own (`scipy.stats.bootstrap`, percentile method),
    or, `jointly`, with all their strata together.

    Parameters
    ----------
    scores : array_like, (K, G)
        K seeds, G strata; seeds with a NaN are left out.
    statistic : callable
        Of (values, axis), reducing the seeds; the interquartile mean unless given.
    seed : int
        Seed of the resampling, so that a report is the same each time it is written.
    jointly : bool
        Whether a resampled seed brings all its strata, which share a network.

    Returns
    -------
    Estimate
        NaN without a seed; without an interval if there is one seed.
    """
    from scipy.stats import bootstrap

    values = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    values = values[np.isfinite(values).all(axis=1)]
    if values.shape[0] == 0:
        return UNKNOWN

    def mean_over_strata(*strata: Float64, axis: int = -1) -> Float64:
        return np.asarray(np.mean([statistic(stratum, axis=axis) for stratum in strata], axis=0))

    point = float(mean_over_strata(*values.T))
    if values.shape[0] < 2:
        return Estimate(point, np.nan, np.nan)
    if np.ptp(values, axis=0).max() == 0.0:  # every seed the same: scipy would answer NaN
        return Estimate(point, point, point)
    interval = bootstrap(
        tuple(values.T),
        mean_over_strata,
        paired=jointly,
        vectorized=True,
        n_resamples=N_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(point, float(interval.low), float(interval.high))


def band(curves: ArrayLike, n_resamples: int = 1000, seed: int = 0) -> tuple[Float64, Float64, Float64]:
    """Return the interquartile mean over seeds of curves (K, T) and its pointwise 95 % bootstrap interval, (T,) each.

    One seed has no interval: all three are its curve.

    Parameters
    ----------
    curves : array_like, (K, T)
        One per seed.
    n_resamples : int
        Of the bootstrap.
    seed : int
        Of its random numbers.
    """
    from scipy.stats import bootstrap

    values = np.asarray(curves, dtype=np.float64)
    middle = interquartile_mean(values, axis=0)
    if len(values) < 2:
        return middle, middle, middle
    interval = bootstrap(
        (values,),
        interquartile_mean,
        axis=0,
        n_resamples=n_resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = (np.where(np.isfinite(edge), edge, middle) for edge in (interval.low, interval.high))
    return middle, low, high


def improvement(candidate: ArrayLike, reference: ArrayLike, groups: ArrayLike) -> Estimate:
    """Return the probability that a cell does better under the candidate than under the reference.

    The comparison is paired: the same seed and cell, hence the same network and traffic; a tie counts one half.

    Parameters
    ----------
    candidate, reference : array_like, (K, N)
        Scores, the higher the better.
    groups : array_like of int, (N,)
        Requirement group of every cell: the strata.

    Returns
    -------
    Estimate
        Between 0 and 1.
    """
    new, old = (np.asarray(values, dtype=np.float64) for values in (candidate, reference))
    wins = np.where(np.isnan(new) | np.isnan(old), np.nan, (new > old) + 0.5 * (new == old))
    return stratified(group_scores(wins, groups), statistic=np.mean)


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Return Spearman's rank correlation of two arrays of one shape; NaN where it is undefined."""
    from scipy.stats import spearmanr

    first, second = np.ravel(np.asarray(x, dtype=np.float64)), np.ravel(np.asarray(y, dtype=np.float64))
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    if first.size < 3 or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def rank_correlation_within(x: ArrayLike, y: ArrayLike) -> float:
    """Return the mean over columns of the rank correlation within each column; x and y are (source, target).

    Targets differ in how much any transfer gains; within a column that difference is gone.

    Parameters
    ----------
    x, y : array_like, (source, target)
        Of one shape.
    """
    columns = zip(np.asarray(x).T, np.asarray(y).T, strict=True)
    return float(np.mean([rank_correlation(first, second) for first, second in columns]))


def rank_correlation_over_seeds(
    x: ArrayLike, y: ArrayLike, correlation: Callable[[ArrayLike, ArrayLike], float] = rank_correlation
) -> Estimate:
    """Return the mean over seeds of the rank correlation within a seed, seeds resampled for the interval.

    Parameters
    ----------
    x, y : array_like, (K, ...)
        One set of pairs per seed; NaN marks a missing pair.
    correlation : callable
        `rank_correlation` or `rank_correlation_within`.

    Returns
    -------
    Estimate
        Between -1 and 1; seeds without a correlation are left out.
    """
    values = [correlation(a, b) for a, b in zip(np.asarray(x), np.asarray(y), strict=True)]
    return stratified(np.asarray(values)[:, None], statistic=np.mean)
