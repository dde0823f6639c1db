"""Student's interval of the mean of a few numbers, without limits or between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from slicefast.units import Float64


def half_width(count: int, confidence: float) -> float:
    """Return t_{K-1} / sqrt(K) of K numbers: half the interval of their mean, in standard deviations of theirs.

    Parameters
    ----------
    count : int
        K, at least 2.
    confidence : float
        How often the interval is to hold the mean of normal numbers.

    Examples
    --------
    >>> from slicefast.student import half_width
    >>> round(half_width(10, 0.95), 3)  # t_9 / sqrt(10)
    0.715
    """
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, count - 1) / np.sqrt(count))


def around(mean: ArrayLike, half: ArrayLike, least: float = -np.inf, most: float = np.inf) -> tuple[Float64, Float64]:
    """Return both ends of an interval about the mean of numbers that lie between two limits, so that it stays there.

    It is mean -+ half on a scale that has no end: the logit where both limits are finite, the logarithm where the lower
    one alone is, half carried over by the scale's slope at the mean. Scores near their limit are skewed, and the
    interval reaches as far as they do: `benchmarks/coverage_table.py` measures what that is worth.

    Parameters
    ----------
    mean, half : array_like
        Of one shape; half of the interval without limits.
    least, most : float
        The limits.

    Returns
    -------
    low, high : ndarray
        NaN where half is 0 or the mean at a limit: numbers that do not differ say nothing of others.

    Examples
    --------
    >>> from slicefast.student import around
    >>> [round(float(end), 3) for end in around(0.9, 0.2, 0.0, 1.0)]  # not 0.7 and 1.1
    [0.494, 0.988]
    """
    from scipy.special import expit, logit

    middle, wide = np.broadcast_arrays(np.asarray(mean, np.float64), np.asarray(half, np.float64))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if np.isfinite(least) and np.isfinite(most):
            share = (middle - least) / (most - least)
            out = wide / (most - least) / (share * (1.0 - share))
            low, high = (least + (most - least) * expit(logit(share) + sign * out) for sign in (-1.0, 1.0))
        elif np.isfinite(least):
            above = middle - least
            low, high = (least + above * np.exp(sign * wide / above) for sign in (-1.0, 1.0))
        else:
            low, high = middle - wide, middle + wide
    flat = (wide == 0.0) | (middle <= least) | (middle >= most)
    return np.where(flat, np.nan, low), np.where(flat, np.nan, high)
