"""Whether a more similar source helps more: every distance against the gains of all ordered pairs of cells.

The paper's distance is the mean KL divergence; the others are remedies that were tried. Over all pairs of a network a
correlation mixes two things: targets differ in how much *any* transfer gains them, and sources in how much they give a
target. Only within a target is it about the choice of source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from slicefast.study import dataset as results
from slicefast.study.scores import (
    Estimate,
    interquartile_mean,
    rank_correlation_over_seeds,
    rank_correlation_within,
    stratified,
)

Floats = NDArray[np.float64]
SOURCE_REWARD, RELATIVE = "source_reward", "distance_relative"
#: Variable in the result file: what figures and what tables call it. The last is no distance: sources might simply
#: be better or worse.
DISTANCES = {
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
    RELATIVE: ("relative KL", "logarithm of the mean KL divergence less its source's and its target's mean"),
    SOURCE_REWARD: ("source's reward", "no distance: what the source itself earned at the end, negated"),
}
LAST_STEPS = 1000  # over which what a source itself earned is taken


@dataclass(frozen=True)
class Ordering:
    """How one distance orders gains, one estimate per gain step; a useful distance has negative correlations.

    `chosen`: mean reward with the nearest other cell as source minus the mean over all other cells.
    """

    short: str
    label: str
    within: list[Estimate]
    every: list[Estimate]
    chosen: list[Estimate]


def pair_correlations(dataset: xr.Dataset, name: str = "distance") -> tuple[list[Estimate], list[Estimate]] | None:
    """Return the rank correlation of gain and a distance at every gain step: over all pairs, and within targets."""
    gains = results.pair_gains_percent(dataset)
    distance = distances(dataset, name)
    if gains is None or distance is None:
        return None
    steps = range(gains.shape[1])
    every = [rank_correlation_over_seeds(distance, gains[:, step]) for step in steps]
    within = [rank_correlation_over_seeds(distance, gains[:, step], rank_correlation_within) for step in steps]
    return every, within


def distances(dataset: xr.Dataset, name: str) -> Floats | None:
    """Return a distance by name, (K, source, target), or None where the result file lacks it."""
    if name == SOURCE_REWARD and "pretrain_reward" in dataset:
        reward = dataset.pretrain_reward.isel(pretrain_step=slice(-LAST_STEPS, None)).mean("pretrain_step").values
        return -np.repeat(reward.astype(np.float64)[:, :, None], reward.shape[1], axis=2)
    if name == RELATIVE and "distance" in dataset:
        return np.stack([relative(matrix) for matrix in dataset.distance.values.astype(np.float64)])
    return dataset[name].values.astype(np.float64) if name in dataset else None


def relative(distance: Floats) -> Floats:
    """Return what is left of ln D_ij when what source and target have with all others is taken out, (source, target).

    So a source that is near to everyone is no longer the nearest to everyone.
    """
    logarithm: Floats = np.log(np.maximum(distance, np.finfo(np.float64).tiny))
    source, target = logarithm.mean(axis=1, keepdims=True), logarithm.mean(axis=0, keepdims=True)
    centred: Floats = logarithm - source - target + logarithm.mean()
    return centred


def orderings(dataset: xr.Dataset) -> list[Ordering]:
    """Return how each distance of the result file orders the gains of all pairs; empty without pairs."""
    found = []
    for name, (short, label) in DISTANCES.items():
        correlations = pair_correlations(dataset, name)
        if correlations is not None:
            found.append(Ordering(short, label, correlations[1], correlations[0], _chosen(dataset, name)))
    return found


def _chosen(dataset: xr.Dataset, name: str) -> list[Estimate]:
    distance, rewards = distances(dataset, name), _pair_rewards(dataset)
    assert distance is not None
    cells = np.arange(distance.shape[-1])
    known = np.isfinite(rewards[:, 0, ~np.eye(cells.size, dtype=bool)]).all(axis=-1)
    distance, rewards = distance[known], rewards[known]
    distance[:, cells, cells] = np.inf
    nearest = distance.argmin(axis=1)
    picked = np.take_along_axis(rewards, nearest[:, None, None], axis=2)[:, :, 0]
    difference = (picked - np.nanmean(rewards, axis=2)).mean(axis=-1)
    return [stratified(difference[:, step, None], interquartile_mean) for step in range(difference.shape[1])]


def _pair_rewards(dataset: xr.Dataset) -> Floats:
    """Return the pairs' rewards, (K, G, source, target), NaN where source and target have the same number."""
    rewards: Floats = dataset.pair_reward.values.astype(np.float64)
    cells = np.arange(rewards.shape[-1])
    rewards[..., cells, cells] = np.nan
    return rewards


@dataclass(frozen=True)
class Decomposition:
    """What the reward of a transfer depends on, in percent of its variance over the pairs at each gain step.

    Two-way analysis without interaction: r_ij = m + a_i (source) + b_j (target) + e_ij. `repeated`: rank correlation,
    within targets, of a gain step's rewards with the next one's: how far the sources' order lasts at all.
    """

    target: list[Estimate]
    source: list[Estimate]
    pair: list[Estimate]
    repeated: list[Estimate]


def decompose(dataset: xr.Dataset) -> Decomposition | None:
    """Return what the rewards of all pairs depend on; None without pairs."""
    if "pair_reward" not in dataset:
        return None
    rewards = _pair_rewards(dataset)
    rewards = rewards[np.isfinite(dataset.pair_reward.values).all(axis=(1, 2, 3))]
    if not rewards.size:
        return None
    shares = np.array([[variance_shares(matrix) for matrix in seed] for seed in rewards])
    target, source, pair = (
        [stratified(100.0 * shares[:, step, None, part], np.mean) for step in range(shares.shape[1])]
        for part in range(3)
    )
    repeated = [
        rank_correlation_over_seeds(rewards[:, step], rewards[:, step + 1], rank_correlation_within)
        for step in range(rewards.shape[1] - 1)
    ]
    return Decomposition(target, source, pair, repeated)


def variance_shares(matrix: Floats) -> tuple[float, float, float]:
    """Return the shares of the variance of (source, target) that target, source and the pair itself explain.

    The additive fit is by alternating means, since NaN entries leave the design unbalanced; the diagonal may be NaN.
    """
    centred = matrix - np.nanmean(matrix)
    source, target = np.zeros(len(matrix)), np.zeros(matrix.shape[1])
    for _ in range(100):
        source = np.nanmean(centred - target, axis=1)
        target = np.nanmean(centred - source[:, None], axis=0)
    rest = np.nanmean((centred - source[:, None] - target) ** 2)
    total = np.nanmean(centred**2)
    parts = np.array([np.mean(target**2), np.mean(source**2), rest])
    if total == 0.0:
        return (np.nan, np.nan, np.nan)
    first, second, third = (parts / parts.sum()).tolist()
    return first, second, third


def explanation(dataset: xr.Dataset) -> list[str]:
    """Return sentences on why the distances order the gains as they do, from the numbers of the result file."""
    parts = decompose(dataset)
    if parts is None:
        return []
    steps = dataset.gain_step.values.tolist()
    said = [
        f"What a transfer earns depends on the target for {parts.target[0].value:.0f} % of the variance over the pairs "
        f"at step {steps[0]} and {parts.target[-1].value:.0f} % at step {steps[-1]}, on which source it took, whatever "
        f"the target, for {parts.source[0].value:.0f} % and {parts.source[-1].value:.0f} %, and on how source and "
        f"target go together, chance included, for {parts.pair[0].value:.0f} % and {parts.pair[-1].value:.0f} %: that "
        "last part is all that similarity could explain besides the sources' own quality."
    ]
    if parts.repeated:
        first, last = parts.repeated[0], parts.repeated[-1]
        said.append(
            f"The order of a target's sources lasts from one gain step to the next with a rank correlation of "
            f"{first.value:+.2f} at first and {last.value:+.2f} at the end."
        )
    groups = dataset.requirement_group.values
    if np.unique(groups).size > 1:
        alike = groups[:, None] == groups[None]
        rewards = _pair_rewards(dataset)[np.isfinite(dataset.pair_reward.values).all(axis=(1, 2, 3)), 0]
        same, other = (np.nanmean(np.where(mask, rewards, np.nan), axis=(1, 2)) for mask in (alike, ~alike))
        estimate = stratified((same - other)[:, None])
        told = ""
        if estimate.known:
            holds = "holds" if estimate.low <= 0.0 <= estimate.high else "is clear of"
            told = f" (an interval that {holds} zero: {estimate.low:+.3f} to {estimate.high:+.3f})"
        said.append(
            f"Sources of the target's own requirement group earn {estimate.value:+.3f} more at step {steps[0]} than "
            f"those of another group{told}, the difference between "
            "cells that their agents were trained for."
        )
    said += _of_distance(dataset)
    return said


def _of_distance(dataset: xr.Dataset) -> list[str]:
    """Return what is peculiar to the paper's distance in this result file."""
    said = []
    for name in ("distance", RELATIVE):
        matrix = distances(dataset, name)
        if matrix is None:
            continue
        cells = np.arange(matrix.shape[-1])
        matrix[:, cells, cells] = np.inf
        matrix = matrix[np.isfinite(matrix[:, 0, 1])]
        most = [np.bincount(seed.argmin(axis=0)).max() for seed in matrix]
        said.append(
            f"Ordered by “{DISTANCES[name][1]}”, one and the same source is the nearest for "
            f"{np.mean(most):.1f} of the {cells.size} targets of a network, mean over seeds."
        )
    if "latent_variance" in dataset:
        variance = dataset.latent_variance.values.astype(np.float64)
        low, middle = np.nanmin(variance), np.nanmedian(variance)
        largest, median = np.nanmax(dataset.distance.values), np.nanmedian(dataset.distance.values)
        said.append(
            f"The smallest latent variance is {low:.1e} where the median is {middle:.1e}, and the largest mean "
            f"divergence {largest:.3g} nat where the median is {median:.3g}: the mean KL divergence divides by the "
            "target's variances."
        )
    return said
