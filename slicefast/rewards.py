"""Rewards by name: what an agent is trained for, the paper's, TL-DIRP's and a user's own.

A reward is a function (kpis, scenario) -> (..., N): one number per cell from what the cells measured in a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast import kpis as _kpis

if TYPE_CHECKING:
    from slicefast.kpis import Kpis
    from slicefast.scenario import Scenario

Reward = Callable[["Kpis", "Scenario"], NDArray[Any]]
LOGARITHM_FLOOR = 1e-2


def max_min(kpis: Kpis, scenario: Scenario) -> NDArray[np.float32]:
    """Return the paper's reward, min over s of min(phi_ns/phi*_ns, d*_ns/d_ns, 1), (..., N)."""
    return _kpis.reward(kpis, scenario)


def logarithmic(kpis: Kpis, scenario: Scenario) -> NDArray[np.float32]:
    """Return a logarithmic utility, 1 + mean over s of ln max(q_ns, 0.01) / ln 100, q the satisfaction, (..., N).

    q_ns = min(phi_ns/phi*_ns, d*_ns/d_ns, 1). It lies in [0, 1] like the paper's and trades slices off against each
    other proportionally, as TL-DIRP's utility does (arXiv 2306.11552); scale and floor are ours.
    """
    quality = np.minimum(*_kpis.satisfaction(kpis, scenario))
    utility = 1.0 - np.log(np.maximum(quality, LOGARITHM_FLOOR)).mean(axis=-1) / np.log(LOGARITHM_FLOOR)
    return np.asarray(utility, dtype=np.float32)


_REWARDS: dict[str, Reward] = {"max_min": max_min, "logarithmic": logarithmic}


def register(name: str, reward: Reward) -> None:
    """Make a reward known under a name; ValueError where the name is taken by another."""
    if _REWARDS.get(name, reward) is not reward:
        raise ValueError(f"reward {name!r} is registered already")
    _REWARDS[name] = reward


def names() -> list[str]:
    """Return the registered names."""
    return sorted(_REWARDS)


def get(name: str) -> Reward:
    """Return a registered reward, or raise ValueError naming those there are."""
    if name not in _REWARDS:
        raise ValueError(f"reward = {name!r}: registered are {', '.join(names())}")
    return _REWARDS[name]
