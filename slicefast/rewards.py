"""What agents are trained for, by name: the paper's reward, TL-DIRP's and a user's own.

A reward is a function (kpis, scenario) -> (..., N): one number per cell from what the cells measured in a step.

========  =========================  ==============================================================
symbol    name                       meaning
========  =========================  ==============================================================
phi_ns    ``throughput_bps``         mean throughput of a cell's active users of a slice
d_ns      ``delay_ms``               mean packet delay; 0 where the slice had no packet
phi*, d*  ``*_requirement_*``        the scenario's requirements
q_ns      satisfaction               min(phi_ns/phi*_ns, d*_ns/d_ns, 1)
r_n       reward                     what the agent of cell n learns to earn
========  =========================  ==============================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast.arguments import checked
from slicefast.registry import Registry
from slicefast.units import Float32, Float64

if TYPE_CHECKING:
    from slicefast.kpis import Curves, Kpis
    from slicefast.scenario import Scenario

#: (kpis, scenario) -> one number per cell.
Reward = Callable[["Kpis", "Scenario"], NDArray[Any]]
#: Satisfactions below this one count as this one, so that a starved slice has a finite reward; it scales the utility.
LOGARITHM_FLOOR = 1e-2
#: Satisfaction from which on a slice counts as served.
MET = 0.95


@checked
def satisfaction(kpis: Kpis | Curves, scenario: Scenario) -> tuple[Float64, Float64]:
    """Return how far requirements are met, min(phi/phi*, 1) and min(d*/d, 1); a slice without traffic counts as 1.

    Parameters
    ----------
    kpis : Kpis or Curves
        Arrays (..., N, S).
    scenario : Scenario
        Whose requirements count.

    Returns
    -------
    throughput, delay : ndarray of float64
        Shaped like the KPIs, in [0, 1].

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> throughput, delay = sf.satisfaction(sf.Simulator(scenario, seed=0).reset(), scenario)
    >>> throughput.shape, delay.shape  # cells, slices; 1 where the requirement is met
    ((3, 4), (3, 4))
    """
    had_traffic = kpis.delay_ms != 0  # NaN is no satisfaction, and shows
    throughput = np.minimum(kpis.throughput_bps / scenario.throughput_requirement_bps, 1.0)
    delay = np.minimum(scenario.delay_requirement_ms / np.where(had_traffic, kpis.delay_ms, 1.0), 1.0)
    return np.where(had_traffic, throughput, 1.0), np.where(had_traffic, delay, 1.0)


@checked
def max_min(kpis: Kpis, scenario: Scenario) -> Float32:
    """Return the paper's reward, r_n = min over s of min(phi_ns/phi*_ns, d*_ns/d_ns, 1).

    Parameters
    ----------
    kpis : Kpis
        Arrays (N, S) or (R, N, S).
    scenario : Scenario
        Whose requirements count.

    Returns
    -------
    ndarray of float32, (N,) or (R, N)
        In [0, 1].

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.rewards.max_min(sf.Simulator(scenario, seed=0).reset(), scenario).shape  # one per cell
    (3,)
    """
    had_traffic = kpis.delay_ms != 0  # NaN is no satisfaction, and shows
    met = np.minimum(
        kpis.throughput_bps / scenario.throughput_requirement_bps,
        scenario.delay_requirement_ms / np.where(had_traffic, kpis.delay_ms, 1.0),
    )
    # 1 at most, and for a slice without traffic, as in `satisfaction`.
    worst: Float64 = np.minimum.reduce(np.where(had_traffic, met, 1.0), axis=-1, initial=1.0)
    return worst.astype(np.float32)


@checked
def logarithmic(kpis: Kpis, scenario: Scenario) -> Float32:
    """Return a logarithmic utility, r_n = 1 + mean over s of ln max(q_ns, 0.01) / ln 100.

    It lies in [0, 1] like the paper's and trades slices off against each other proportionally, as TL-DIRP's utility
    does (arXiv 2306.11552); scale and floor are ours. Shapes are those of `max_min`.

    Parameters
    ----------
    kpis : Kpis
        What a step measured.
    scenario : Scenario
        The requirements.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> kpis = sf.Simulator(scenario, seed=0).reset()
    >>> bool((sf.rewards.logarithmic(kpis, scenario) >= sf.rewards.max_min(kpis, scenario)).all())
    True
    """
    quality = np.minimum(*satisfaction(kpis, scenario))
    utility = 1.0 - np.log(np.maximum(quality, LOGARITHM_FLOOR)).mean(axis=-1) / np.log(LOGARITHM_FLOOR)
    return np.asarray(utility, dtype=np.float32)


#: Those that lie in [0, 1], by name; one of a user's own may lie anywhere.
BOUNDED = ("max_min", "logarithmic")
REWARDS: Registry[Reward] = Registry("reward", {"max_min": max_min, "logarithmic": logarithmic})
register, names, get = REWARDS.register, REWARDS.names, REWARDS.get
