"""Whether a more similar source helps more: a distance against the gains of all ordered pairs of cells.

Arrays in, numbers out. Over all pairs of a network a correlation mixes two things: targets differ in how much *any*
transfer gains them, and sources in how much they give a target. Only within a target is it about the choice of source.

K seeds, G gain steps, N cells; pairs are (source, target), NaN where both have the same number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slicefast.study.intervals import PERCENT, SIGNED, UNKNOWN, Estimate, estimate
from slicefast.study.scores import rank_correlation_over_seeds, rank_correlation_within, without_diagonal
from slicefast.units import Bool, Float64, Index

__all__ = ["Decomposition", "Ordering", "decompose", "order", "relative", "variance_shares"]

_FIT_ROUNDS = 100  # of alternating means; a dozen reach machine precision for the networks studied


@dataclass(frozen=True)
class Ordering:
    """How one distance orders gains, one estimate per gain step; a useful distance has negative correlations.

    Attributes
    ----------
    within : list of Estimate
        Rank correlation of gain and distance among the sources of a target, mean over targets.
    every : list of Estimate
        Rank correlation over all pairs of a seed.
    chosen : list of Estimate
        Mean reward with the nearest other cell as source minus the mean over all other cells.
    """

    within: list[Estimate]
    every: list[Estimate]
    chosen: list[Estimate]


@dataclass(frozen=True)
class Decomposition:
    """What the reward of a transfer depends on, in percent of its variance over the pairs at each gain step.

    Two-way analysis without interaction: r_ij = m + a_i (source) + b_j (target) + e_ij.

    Attributes
    ----------
    target, source, pair : list of Estimate
        Shares [%] of b, a and e.
    repeated : list of Estimate
        Rank correlation, within targets, of a gain step's rewards with the next one's: how far the sources' order
        lasts at all. One fewer than gain steps.
    """

    target: list[Estimate]
    source: list[Estimate]
    pair: list[Estimate]
    repeated: list[Estimate]


def order(distance: Float64, gains_percent: Float64, rewards: Float64) -> Ordering:
    """Return how a distance orders the gains of all pairs.

    Parameters
    ----------
    distance : ndarray, (K, source, target)
        The smaller, the more similar.
    gains_percent : ndarray, (K, G, source, target)
        Gain over learning from scratch [%], NaN on the diagonal.
    rewards : ndarray, (K, G, source, target)
        Mean reward before each gain step, NaN on the diagonal.

    Returns
    -------
    Ordering
        Estimates over the seeds that are finished.
    """
    steps = range(gains_percent.shape[1])
    every = [rank_correlation_over_seeds(distance, gains_percent[:, step]) for step in steps]
    within = [rank_correlation_over_seeds(distance, gains_percent[:, step], rank_correlation_within) for step in steps]
    return Ordering(within, every, _chosen(distance, rewards))


def _chosen(distance: Float64, rewards: Float64) -> list[Estimate]:
    off_diagonal = ~np.eye(distance.shape[-1], dtype=bool)
    finished = np.isfinite(rewards[:, 0, off_diagonal]).all(axis=-1)
    if not finished.any():
        return [UNKNOWN] * rewards.shape[1]
    rewards = rewards[finished]
    nearest = nearest_sources(distance[finished])
    picked = np.take_along_axis(rewards, nearest[:, None, None], axis=2)[:, :, 0]
    difference = (picked - np.nanmean(rewards, axis=2)).mean(axis=-1)
    return [estimate(difference[:, step, None], limits=SIGNED) for step in range(difference.shape[1])]


def nearest_sources(distance: Float64) -> Index:
    """Return the nearest other cell of every target, (..., target), from distances (..., source, target)."""
    nearest: Index = without_diagonal(distance, np.inf).argmin(axis=-2)
    return nearest


def targets_of_one_source(distance: Float64) -> float:
    """Return for how many targets one and the same source is the nearest, the mean over seeds.

    Seeds whose distance (K, source, target) was not measured are left out; NaN if none was.
    """
    measured = distance[np.isfinite(distance[:, 0, 1])]
    most = [np.bincount(sources).max() for sources in nearest_sources(measured)]
    return float(np.mean(most)) if most else float("nan")


def relative(distance: Float64) -> Float64:
    """Return what is left of ln D_ij when what source and target have with all others is taken out.

    So a source that is near to everyone is no longer the nearest to everyone. Shapes are (source, target).
    """
    logarithm: Float64 = np.log(np.maximum(distance, np.finfo(np.float64).tiny))
    source, target = logarithm.mean(axis=-1, keepdims=True), logarithm.mean(axis=-2, keepdims=True)
    centred: Float64 = logarithm - source - target + logarithm.mean(axis=(-2, -1), keepdims=True)
    return centred


def decompose(rewards: Float64) -> Decomposition | None:
    """Return what the rewards of all pairs depend on; None without a finished seed.

    Parameters
    ----------
    rewards : ndarray, (K, G, source, target)
        NaN on the diagonal; only finished seeds.

    Returns
    -------
    Decomposition or None
        One estimate per gain step.
    """
    if not rewards.size:
        return None
    shares = np.array([[variance_shares(matrix) for matrix in seed] for seed in rewards])
    target, source, pair = (
        [estimate(100.0 * shares[:, step, None, part], np.mean, PERCENT) for step in range(shares.shape[1])]
        for part in range(3)
    )
    repeated = [
        rank_correlation_over_seeds(rewards[:, step], rewards[:, step + 1], rank_correlation_within)
        for step in range(rewards.shape[1] - 1)
    ]
    return Decomposition(target, source, pair, repeated)


def variance_shares(matrix: Float64) -> tuple[float, float, float]:
    """Return the shares of the variance of (source, target) that target, source and the pair itself explain.

    The additive fit is by alternating means, since NaN entries leave the design unbalanced; the diagonal may be NaN.
    """
    centred = matrix - np.nanmean(matrix)
    source, target = np.zeros(len(matrix)), np.zeros(matrix.shape[1])
    for _ in range(_FIT_ROUNDS):
        source = np.nanmean(centred - target, axis=1)
        target = np.nanmean(centred - source[:, None], axis=0)
    rest = np.nanmean((centred - source[:, None] - target) ** 2)
    total = np.nanmean(centred**2)
    parts = np.array([np.mean(target**2), np.mean(source**2), rest])
    if total == 0.0:
        return (np.nan, np.nan, np.nan)
    first, second, third = (parts / parts.sum()).tolist()
    return first, second, third


def same_group_advantage(rewards: Float64, alike: Bool) -> Estimate:
    """Return how much more sources of the target's own requirement group earn than those of another.

    Parameters
    ----------
    rewards : ndarray, (K, source, target)
        NaN on the diagonal; only finished seeds.
    alike : ndarray of bool, (source, target)
        Whether both have the same requirements.

    Returns
    -------
    Estimate
        Difference of the mean rewards.
    """
    same, other = (np.nanmean(np.where(mask, rewards, np.nan), axis=(1, 2)) for mask in (alike, ~alike))
    return estimate((same - other)[:, None], limits=SIGNED)
