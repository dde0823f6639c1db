"""Student's interval of the mean of a few numbers."""

from __future__ import annotations

import numpy as np


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
