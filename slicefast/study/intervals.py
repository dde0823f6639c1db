"""Numbers of a study with their 95 % intervals: arrays in, estimates out.

Scores come as arrays (K, G): K seeds, G requirement groups, the strata. From `ENOUGH_SEEDS` seeds on an estimate is the
interquartile mean with its stratified bootstrap interval; of fewer seeds a bootstrap promises far more than it keeps,
and the estimate is the mean with Student's interval over whole seeds, as the claims' always is. How often either holds
the truth `benchmarks/coverage_table.py` measures: the bootstrap resamples each group by itself although the groups of
one seed share a network, and so errs more often than it says at any number of seeds where groups go together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from slicefast.student import half_width
from slicefast.units import Float64

N_RESAMPLES = 4000
#: Seeds from which on tables and figures bootstrap within groups; with fewer they take whole seeds.
ENOUGH_SEEDS = 10
#: A statistic over an axis, as `numpy.mean` is one: an array, or a number where no axis is left.
Statistic = Callable[..., Float64 | np.floating]
#: Where a quantity can lie: from, to.
Limits = tuple[float, float]
ANYWHERE: Limits = (-np.inf, np.inf)
SHARE: Limits = (0.0, 1.0)
PERCENT: Limits = (0.0, 100.0)
NOT_NEGATIVE: Limits = (0.0, np.inf)
#: Of a correlation, and of what two shares differ by.
SIGNED: Limits = (-1.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """One number with its 95 % interval.

    Attributes
    ----------
    value : float
        The number; NaN where no seed has one.
    low, high : float
        The ends of the interval; NaN where a single seed leaves nothing to estimate it from.
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

    def within(self, limits: Limits) -> Estimate:
        """Return the estimate with an interval that ends where the quantity does: nothing true is cut off."""
        least, most = limits
        return Estimate(self.value, *(float(np.clip(end, least, most)) for end in (self.low, self.high)))

    def __neg__(self) -> Estimate:
        return Estimate(-self.value, -self.high, -self.low)


def parts_of(estimates: Sequence[Estimate]) -> tuple[Float64, Float64, Float64]:
    """Return the numbers and both ends of their intervals, as figures take them, (G,) each."""
    value, low, high = (
        np.array([getattr(item, name) for item in estimates], np.float64) for name in ("value", "low", "high")
    )
    return value, low, high


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def interquartile_mean(values: ArrayLike, axis: int | None = None) -> Float64:
    """Return the mean of the middle half: the lowest and the highest quarter are cut (`scipy.stats.trim_mean`)."""
    from scipy.stats import trim_mean

    return np.asarray(trim_mean(np.asarray(values, dtype=np.float64), 0.25, axis=axis))


def over_seeds(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Return the mean over seeds with Student's interval, m -+ t_{K-1} s / sqrt(K), which holds at any number of seeds.

    A bootstrap of few seeds is narrower than it promises; this interval errs as often as it says for normal numbers.

    Parameters
    ----------
    values : array_like, (K,)
        One number per seed; NaN where a seed has none.
    level : float
        How often it is to hold the truth.

    Returns
    -------
    Estimate
        NaN without a seed; without an interval if there is one.
    """
    seeds = np.asarray(values, dtype=np.float64)
    seeds = seeds[np.isfinite(seeds)]
    if seeds.size < 2:
        return Estimate(float(seeds[0]), np.nan, np.nan) if seeds.size else UNKNOWN
    mean = float(seeds.mean())
    half = half_width(seeds.size, level) * float(seeds.std(ddof=1))
    return Estimate(mean, mean - half, mean + half)


def told(values: ArrayLike, limits: Limits) -> Estimate:
    """Return `over_seeds` as a reader is to see it: the interval ends where the quantity does.

    Few seeds that do not differ at all say nothing of how others would: of fewer than `ENOUGH_SEEDS` of them no
    interval is shown, where Student's would have no width.

    Parameters
    ----------
    values : array_like, (K,)
        One number per seed; NaN where a seed has none.
    limits : tuple of float
        Where the quantity can lie.
    """
    seeds = np.asarray(values, dtype=np.float64)
    seeds = seeds[np.isfinite(seeds)]
    if 1 < seeds.size < ENOUGH_SEEDS and np.ptp(seeds) == 0.0:
        return Estimate(float(seeds[0]), np.nan, np.nan)
    return over_seeds(seeds).within(limits)


def estimate(
    scores: ArrayLike, statistic: Statistic = interquartile_mean, limits: Limits = ANYWHERE, seed: int = 0
) -> Estimate:
    """Return what a table or a figure shows of scores: `stratified` from `ENOUGH_SEEDS` seeds on, else `told`.

    Parameters
    ----------
    scores : array_like, (K, G)
        K seeds, G strata; seeds with a NaN are left out.
    statistic : callable
        Of (values, axis), reducing the seeds, where they are enough; of fewer it is the mean.
    limits : tuple of float
        Where the quantity can lie: its interval ends there.
    seed : int
        Seed of the resampling, so that a report is the same each time it is written.

    Returns
    -------
    Estimate
        NaN without a seed; without an interval if there is one seed, or few that do not differ.
    """
    values = _finished(scores)
    if len(values) < ENOUGH_SEEDS:
        return told(values.mean(axis=1), limits)
    return stratified(values, statistic, seed).within(limits)


def stratified(scores: ArrayLike, statistic: Statistic = interquartile_mean, seed: int = 0) -> Estimate:
    """Return the mean over strata of a statistic over seeds, with its 95 % stratified bootstrap interval.

    Seeds are resampled with replacement inside every stratum on its own (`scipy.stats.bootstrap`, percentile method).

    Parameters
    ----------
    scores : array_like, (K, G)
        K seeds, G strata; seeds with a NaN are left out.
    statistic : callable
        Of (values, axis), reducing the seeds; the interquartile mean unless given.
    seed : int
        Seed of the resampling.

    Returns
    -------
    Estimate
        Without an interval of one seed, without width where every seed is the same.
    """
    from scipy.stats import bootstrap

    values = _finished(scores)
    if len(values) < 2:
        return over_seeds(values.mean(axis=1))

    def mean_over_strata(*strata: Float64, axis: int = -1) -> Float64:
        return np.asarray(np.mean([statistic(stratum, axis=axis) for stratum in strata], axis=0))

    point = float(mean_over_strata(*values.T))
    if np.ptp(values, axis=0).max() == 0.0:  # every seed the same: scipy would answer NaN
        return Estimate(point, point, point)
    interval = bootstrap(
        tuple(values.T),
        mean_over_strata,
        vectorized=True,
        n_resamples=N_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(point, float(interval.low), float(interval.high))


def _finished(scores: ArrayLike) -> Float64:
    values = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    return values[np.isfinite(values).all(axis=1)]


def band(
    curves: ArrayLike, n_resamples: int = 1000, seed: int = 0, limits: Limits = ANYWHERE
) -> tuple[Float64, Float64, Float64]:
    """Return the middle over seeds of curves (K, T) and its pointwise 95 % interval, (T,) each.

    As of `estimate`: interquartile mean and bootstrap, or of fewer than `ENOUGH_SEEDS` seeds mean and Student's
    interval. One seed has no interval: all three are its curve.

    Parameters
    ----------
    curves : array_like, (K, T)
        One per seed.
    n_resamples : int
        Of the bootstrap.
    seed : int
        Of its random numbers.
    limits : tuple of float
        Where they can lie.
    """
    from scipy.stats import bootstrap

    values = np.asarray(curves, dtype=np.float64)
    if len(values) < ENOUGH_SEEDS:
        mean = values.mean(axis=0)
        half = half_width(len(values), 0.95) * values.std(axis=0, ddof=1) if len(values) > 1 else 0.0
        return mean, np.clip(mean - half, *limits), np.clip(mean + half, *limits)
    middle = interquartile_mean(values, axis=0)
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
