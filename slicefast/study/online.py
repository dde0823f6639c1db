"""What an operator pays while agents learn: regret, rewards online, busy hours and bad ones; arrays in, numbers out.

K seeds, T steps, N cells. Rewards are those of every step, exploration and learning included.
"""

from __future__ import annotations

import numpy as np

from slicefast.units import Bool, Float64

#: Part of the steps that count as busy, of a cell itself and of its neighbours, and that count as the worst.
BUSY_QUANTILE, WORST_PART = 0.75, 0.1


def oracle_levels(oracle: Float64, cycle: int, steps: int) -> Float64:
    """Return what the oracle earns at the phase of the traffic's cycle of each of the first steps, (K, steps, N).

    o(t) = r(t) for t < C and r(t mod C) after it, where the oracle played the first C steps.

    Parameters
    ----------
    oracle : ndarray, (K, T, N)
        The oracle's reward, not NaN in the first `cycle` steps of a finished seed.
    cycle : int
        C, the steps after which the traffic begins again.
    steps : int
        How many are asked for.
    """
    phase = np.arange(steps) % cycle
    levels: Float64 = oracle[:, phase]
    return levels


def regret(reward: Float64, oracle: Float64, cycle: int, until: int) -> Float64:
    """Return the reward that a policy lacks to the oracle's, summed over the first steps.

    R(T) = sum over t < T of o(t) - r(t), with o of `oracle_levels`.

    Parameters
    ----------
    reward, oracle : ndarray, (K, T, N)
        What policy and oracle earned on the same networks.
    cycle : int
        Steps after which the traffic begins again.
    until : int
        T, in steps.

    Returns
    -------
    ndarray, (K, N)
        In steps of full reward.
    """
    missing: Float64 = (oracle_levels(oracle, cycle, until) - reward[:, :until]).sum(axis=1)
    return missing


def window_mean(reward: Float64, start: int, stop: int) -> Float64:
    """Return the mean reward (K, N) over the steps from `start` to `stop`, that one excluded."""
    mean: Float64 = reward[:, start:stop].mean(axis=1)
    return mean


def busy_steps(own: Float64, neighbours: Float64) -> Bool:
    """Return where a cell and its neighbours are both in the top quarter of what they are offered.

    Parameters
    ----------
    own, neighbours : ndarray, (K, T, N)
        Traffic offered to the cell and to its neighbours, of any unit; NaN where a seed is not finished.

    Returns
    -------
    ndarray of bool, (K, T, N)
        True where both are at least the quantile `BUSY_QUANTILE` of their own steps.
    """
    busy: Bool = np.ones(own.shape, dtype=bool)
    for offered in (own, neighbours):
        busy &= offered >= np.quantile(offered, BUSY_QUANTILE, axis=1, keepdims=True)
    return busy


def mean_where(reward: Float64, chosen: Bool) -> Float64:
    """Return the mean reward (K, N) of the steps of rewards (K, T, N) that are chosen; NaN where none is."""
    count = chosen.sum(axis=1)
    total = np.where(chosen, reward, 0.0).sum(axis=1)
    mean: Float64 = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def worst_tenth(reward: Float64) -> Float64:
    """Return the mean (K, N) of the lowest tenth, rounded up, of each cell's rewards (K, T, N); NaN if one is NaN."""
    count = max(1, int(np.ceil(WORST_PART * reward.shape[1])))
    lowest: Float64 = np.sort(reward, axis=1)[:, :count].mean(axis=1)
    return np.where(np.isnan(reward).any(axis=1), np.nan, lowest)  # sorting puts NaN last


def first_step_above(difference: Float64, window: int) -> Float64:
    """Return the first step from which the running mean of differences (K, T) stays above zero, (K,).

    The step is the end of the first window of which neither its own mean nor any later window's is at most 0.

    Parameters
    ----------
    difference : ndarray, (K, T)
        Reward less a baseline's, mean over the cells.
    window : int
        Steps of the running mean.

    Returns
    -------
    ndarray, (K,)
        NaN where the last window is not above zero, or a seed is not finished.
    """
    total = np.cumsum(np.concatenate([np.zeros((len(difference), 1)), difference], axis=1), axis=1)
    means = total[:, window:] - total[:, :-window]
    stays = np.flip(np.logical_and.accumulate(np.flip(means > 0.0, axis=1), axis=1), axis=1)
    first: Float64 = np.where(stays.any(axis=1), stays.argmax(axis=1) + float(window), np.nan)
    return first
