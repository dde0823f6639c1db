"""What every share would earn in the coming step: satisfaction curves, asked of the simulator.

With interference held, a slice's KPIs depend on its own share alone, so the same share is asked for of all slices of
all cells. Dimensions: L levels of share, N cells, S slices; with several replicas R comes before N.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slicefast.rewards import satisfaction
from slicefast.simulator import Simulator
from slicefast.units import Float64

#: Shares at which the oracle asks; denser below, where satisfaction is steep.
ORACLE_LEVELS: Float64 = np.linspace(0.0, 1.0, 33) ** 1.5
#: Shares at which training networks are asked. A step of training costs one probe per level, so there are fewer, each a
#: constant factor above the last: their relative error is the same for small shares and large ones.
TRAINING_LEVELS: Float64 = np.concatenate([[0.0], np.geomspace(0.02, 1.0, 24)])


def satisfaction_curves(simulator: Simulator, levels: Float64, coupled: Float64) -> Float64:
    """Return each slice's satisfaction min(phi/phi*, d*/d, 1) in the coming step at each level of share.

    Parameters
    ----------
    simulator : Simulator
        Its state is unchanged.
    levels : ndarray, (L,)
        Shares to ask for, increasing.
    coupled : ndarray, (N, S)
        The shares from which interference is computed.

    Returns
    -------
    ndarray of float64, (L, N, S)
        In [0, 1], non-decreasing along L: whole PRBs make satisfaction ripple a little, which is evened out upwards.
    """
    met = np.minimum(*satisfaction(simulator.curves(levels, coupled, until_satisfied=True), simulator.scenario))
    return np.asarray(np.maximum.accumulate(met, axis=0))


def curves_from_nothing(simulator: Simulator, levels: Float64, coupled: NDArray[np.floating]) -> Float64:
    """Return each slice's satisfaction in the coming step at each level of share, (N, L, S).

    Nothing is what a share of 0 earns, also for a slice without traffic: nobody gains from starving one.

    Parameters
    ----------
    simulator : Simulator
        Its state is unchanged.
    levels : ndarray, (L,)
        Shares, 0 first.
    coupled : ndarray, (N, S)
        The partition from which interference is computed.
    """
    asked = satisfaction_curves(simulator, levels[1:], np.asarray(coupled, np.float64))
    curves = np.concatenate([np.zeros_like(asked[:1]), asked])
    return np.ascontiguousarray(np.moveaxis(curves, 0, 1))


def smallest_share(curves: Float64, levels: Float64, wanted: Float64) -> Float64:
    """Return the smallest share, by linear interpolation, at which each curve reaches a value.

    Parameters
    ----------
    curves : ndarray, (L, N, S)
        Satisfaction at each level, non-decreasing along L.
    levels : ndarray, (L,)
        Shares, increasing.
    wanted : ndarray, (N, S)
        The values.

    Returns
    -------
    ndarray of float64, (N, S)
        0 where the lowest level already has the value, 1 where none does.
    """
    reached = curves >= wanted
    upper = np.where(reached.any(axis=0), reached.argmax(axis=0), len(levels) - 1)
    lower = np.maximum(upper - 1, 0)
    at_upper = np.take_along_axis(curves, upper[None], axis=0)[0]
    at_lower = np.take_along_axis(curves, lower[None], axis=0)[0]
    rise = at_upper - at_lower
    part = np.clip(np.where(rise > 0, (wanted - at_lower) / np.where(rise > 0, rise, 1.0), 1.0), 0.0, 1.0)
    share: Float64 = levels[lower] + part * (levels[upper] - levels[lower])
    return np.where(upper == 0, 0.0, share)
