"""Trained agents as policies: they act without noise and learn no more."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from slicefast.arguments import checked
from slicefast.policies.base import Policy
from slicefast.simulator import Simulator
from slicefast.units import Float32, Float64


class Actor(Protocol):
    """What acts for agents; `slicefast.learn.TD3` does, and so does what else `slicefast.training` trains."""

    def act(self, observation: Float32, explore: bool = False) -> NDArray[Any]:
        """Return shares (A, S) for observations (A, n_o)."""


@checked
def greedy(agents: Actor) -> Policy:
    """Return what agents do without noise as a policy.

    Parameters
    ----------
    agents : Actor
        One agent per cell, such as `slicefast.learn.TD3`, or what else `slicefast.training` trains; a TD3 of one agent
        acts for every cell.
    """

    def policy(simulator: Simulator, observation: Float32) -> Float64:
        shares = agents.act(observation.reshape(-1, observation.shape[-1]), explore=False)
        return np.asarray(shares, np.float64).reshape(simulator.shares_shape)

    return policy
