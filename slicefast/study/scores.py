"""Scores of a study and their statistics: arrays in, numbers out.

Scores come as arrays (K, N): K seeds, N cells. Cells with the same requirements form a group, and a group is a stratum
(K, G) whose score is the mean over its cells: cells of one seed share a network, so they are averaged and never
counted as if they were independent. The intervals of `slicefast.study.intervals` are over seeds.

T steps, E of them the evaluation steps at the end; S slices; G gain steps where all pairs of cells were transferred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from slicefast.errors import refuse
from slicefast.rewards import MET
from slicefast.study.intervals import SHARE, SIGNED, Estimate, estimate
from slicefast.units import Float64


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
        Share of evaluation steps [%] at which that smallest satisfaction is below `slicefast.rewards.MET`.
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
    return estimate(group_scores(wins, groups), np.mean, SHARE)


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
    """Return the mean over seeds of the rank correlation within a seed, with its interval.

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
    return estimate(np.asarray(values)[:, None], np.mean, SIGNED)
