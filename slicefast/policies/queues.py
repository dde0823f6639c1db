"""Which queue of which cell every user is in, and sums over the users of a queue: what a base station can count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slicefast.simulator import Simulator
from slicefast.traffic.arrivals import Events
from slicefast.units import Bool, Float64


def queue_of(simulator: Simulator) -> NDArray[np.intp]:
    """Return n S + s of the cell and slice that every user is in, (U,); with replicas r N S + n S + s, (R, U)."""
    scenario = simulator.scenario
    queue = np.asarray(simulator.serving * scenario.n_slices + scenario.slice_of, dtype=np.intp)
    if simulator.n_replicas > 1:
        queue += scenario.n_cells * scenario.n_slices * np.arange(simulator.n_replicas)[:, None]
    return queue


def sum_by_queue(simulator: Simulator, values: NDArray[np.float64]) -> Float64:
    """Return the sum of users' values, (U,) or (R, U), over each cell and slice, (N, S) or (R, N, S).

    Parameters
    ----------
    simulator : Simulator
        Knows who serves whom.
    values : ndarray, (U,) or (R, U)
        In any unit, also the sum's.
    """
    shape = simulator.shares_shape
    total = np.bincount(queue_of(simulator).ravel(), values.ravel(), minlength=int(np.prod(shape)))
    return np.asarray(total.reshape(shape), np.float64)


def had_data(simulator: Simulator) -> Bool:
    """Return whether each user has bits waiting or arriving in the coming step, (U,) or (R, U).

    Known to a base station after that step: to be asked before it and used after it.
    """
    waiting: Bool = simulator.backlog_bits > 0.0
    arrivals = simulator.arrivals
    for row, events in zip(
        np.atleast_2d(waiting), [arrivals] if isinstance(arrivals, Events) else arrivals, strict=True
    ):
        row[events.user] = True  # a view of `waiting`
    return waiting
