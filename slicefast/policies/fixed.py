"""Policies that follow a rule of one line."""

from __future__ import annotations

import numpy as np

from slicefast.arguments import checked
from slicefast.simulator import Simulator
from slicefast.task import to_simplex
from slicefast.units import Float32, Float64


@checked
def equal_split(simulator: Simulator, observation: Float32 | None = None) -> Float64:
    """Return 1/S for every slice: the default action, under which similarity samples are collected.

    Parameters
    ----------
    simulator : Simulator
        Whose sizes count.
    observation : ndarray, optional
        Not looked at; every policy is called with one.

    Examples
    --------
    >>> sf.policies.equal_split(sf.Simulator(sf.Scenario.hexagonal(n_sites=1)))[0]
    array([0.25, 0.25, 0.25, 0.25])
    """
    return np.full(simulator.shares_shape, 1.0 / simulator.scenario.n_slices)


@checked
def traffic_aware(simulator: Simulator, observation: Float32 | None = None) -> Float64:
    """Return shares proportional to each slice's true traffic demand in the coming step (perfect information).

    a_ns = d_ns / sum_s d_ns with d_ns the mean rate offered by the slice's active users; equal split without traffic.

    Parameters
    ----------
    simulator : Simulator
        Whose demand is looked up.
    observation : ndarray, optional
        Not looked at; every policy is called with one.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0)
    >>> _ = simulator.reset()
    >>> sf.policies.traffic_aware(simulator).sum(axis=1)
    array([1., 1., 1.])
    """
    return to_simplex(simulator.demand_bps)
