"""Trained agents as policies: they act without noise and learn no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slicefast.arguments import checked
from slicefast.policies.base import Policy
from slicefast.simulator import Simulator
from slicefast.units import Float32, Float64

if TYPE_CHECKING:
    from slicefast.training import Learner


@checked
def greedy(agents: Learner) -> Policy:
    """Return what agents do without noise as a policy.

    Parameters
    ----------
    agents : Learner
        One agent per cell, such as `slicefast.learn.TD3`, or what else `slicefast.training` trains; a TD3 of one agent
        acts for every cell.
    """

    def policy(simulator: Simulator, observation: Float32) -> Float64:
        shares = agents.act(observation.reshape(-1, observation.shape[-1]), explore=False)
        return np.asarray(shares, np.float64).reshape(simulator.shares_shape)

    return policy
