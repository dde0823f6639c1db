"""Statistics of a study: interquartile means, stratified bootstrap intervals, rank correlation.

Scores come as arrays (K, G): K seeds, G strata. A stratum is one requirement group and its score the mean over the
group's cells: cells of one seed share a network, so they are averaged and never resampled as if independent. The groups
of one seed share that network too, which the stratified interval leaves aside; `jointly` resamples whole seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
N_RESAMPLES = 4000


@dataclass(frozen=True)
class Estimate:
    """One number with its 95 % interval; the interval is NaN where one seed leaves nothing to resample."""

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


def interquartile_mean(values: ArrayLike, axis: int | None = None) -> Any:
    """Return the mean of the middle half: the lowest and the highest quarter are cut (`scipy.stats.trim_mean`)."""
    from scipy.stats import trim_mean

    return trim_mean(np.asarray(values, dtype=np.float64), 0.25, axis=axis)


def group_scores(values: ArrayLike, groups: ArrayLike) -> Floats:
    """Average the cells of each requirement group.

    Parameters
    ----------
    values
        Scores (K, N) of K seeds and N cells.
    groups
        Group of every cell (N,), integers.

    Returns
    -------
    (K, G) means, groups in ascending order.
    """
    scores = np.asarray(values, dtype=np.float64)
    labels = np.asarray(groups)
    if scores.ndim != 2 or labels.shape != scores.shape[1:]:
        raise ValueError(f"groups has shape {labels.shape}, values {scores.shape}: need (N,) and (K, N)")
    return np.stack([scores[:, labels == group].mean(axis=1) for group in np.unique(labels)], axis=1)


def stratified(
    scores: ArrayLike, statistic: Callable[..., Any] = interquartile_mean, seed: int = 0, jointly: bool = False
) -> Estimate:
    """Return the mean over strata of a statistic over seeds, with its 95 % stratified bootstrap interval.

    Seeds are resampled with replacement inside every stratum on its own (`scipy.stats.bootstrap`, percentile method),
    or, `jointly`, with all their strata together.

    Parameters
    ----------
    scores
        (K, G): K seeds, G strata; seeds with a NaN are left out.
    statistic
        Callable (values, axis) reducing the seeds; the interquartile mean unless given.
    seed
        Seed of the resampling, so that a report is the same each time it is written.
    jointly
        Whether a resampled seed brings all its strata, which share a network.
    """
    from scipy.stats import bootstrap

    values = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    values = values[np.isfinite(values).all(axis=1)]
    if values.shape[0] == 0:
        return Estimate(np.nan, np.nan, np.nan)

    def over_strata(*strata: Floats, axis: int = -1) -> Any:
        return np.mean([statistic(stratum, axis=axis) for stratum in strata], axis=0)

    point = float(over_strata(*values.T))
    if values.shape[0] < 2:
        return Estimate(point, np.nan, np.nan)
    if np.ptp(values, axis=0).max() == 0.0:  # every seed the same: scipy would answer NaN
        return Estimate(point, point, point)
    interval = bootstrap(
        tuple(values.T),
        over_strata,
        paired=jointly,
        vectorized=True,
        n_resamples=N_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(point, float(interval.low), float(interval.high))


def band(curves: ArrayLike, n_resamples: int = 1000, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Return the interquartile mean over seeds of curves (K, T) and its pointwise 95 % bootstrap interval, (T,) each.

    One seed has no interval: all three are its curve.
    """
    from scipy.stats import bootstrap

    values = np.asarray(curves, dtype=np.float64)
    middle: Floats = np.asarray(interquartile_mean(values, axis=0))
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
    candidate, reference
        Scores (K, N), the higher the better.
    groups
        Requirement group of every cell (N,): the strata.
    """
    new, old = (np.asarray(values, dtype=np.float64) for values in (candidate, reference))
    wins = np.where(np.isnan(new) | np.isnan(old), np.nan, (new > old) + 0.5 * (new == old))
    return stratified(group_scores(wins, groups), statistic=np.mean)


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float:
    """Return Spearman's rank correlation of two arrays of one shape; NaN where it is undefined."""
    from scipy.stats import spearmanr

    first, second = np.ravel(np.asarray(x, dtype=np.float64)), np.ravel(np.asarray(y, dtype=np.float64))
    keep = np.isfinite(first) & np.isfinite(second)
    first, second = first[keep], second[keep]
    if first.size < 3 or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def rank_correlation_within(x: ArrayLike, y: ArrayLike) -> float:
    """Return the mean over columns of the rank correlation within each column; x and y are (sources, targets).

    Targets differ in how much any transfer gains; within a column that difference is gone.
    """
    columns = zip(np.asarray(x).T, np.asarray(y).T, strict=True)
    return float(np.mean([rank_correlation(first, second) for first, second in columns]))


def rank_correlation_over_seeds(
    x: ArrayLike, y: ArrayLike, correlation: Callable[[Any, Any], float] = rank_correlation
) -> Estimate:
    """Return the mean over seeds of the rank correlation within a seed, seeds resampled for the interval.

    Parameters
    ----------
    x, y
        (K, ...): one set of pairs per seed; NaN marks a missing pair.
    correlation
        `rank_correlation` or `rank_correlation_within`.
    """
    values = [correlation(a, b) for a, b in zip(np.asarray(x), np.asarray(y), strict=True)]
    return stratified(np.asarray(values)[:, None], statistic=np.mean)
