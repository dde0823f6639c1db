"""The fast engine: the whole update of all agents in one call of the C++ core, in the memory of the torch tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slicefast import _core
from slicefast.errors import NonFiniteError

if TYPE_CHECKING:
    from slicefast.learn.td3 import TD3

FloatArray = NDArray[np.float32]


class NativeEngine:
    """Binds the state's memory once; see cpp/include/slicefast/learner.hpp.

    Parameters may be changed in place at any time. Replacing a parameter object (`network.weight_0 = ...`) detaches it
    from the bank, for this engine and for the torch one.
    """

    def __init__(self, agents: TD3, isa: str | None = None) -> None:
        self.agents = agents
        config = _core.LearnerConfig()
        for name in ("n_agents", "obs_dim", "action_dim", "seed"):
            setattr(config, name, getattr(agents, name))
        for name in (
            "batch_size",
            "actor_hidden",
            "critic_hidden",
            "actor_lr",
            "critic_lr",
            "beta1",
            "beta2",
            "epsilon",
        ):
            setattr(config, name, getattr(agents.config, name))
        for name in ("gamma", "tau", "target_noise", "noise_clip", "logit_penalty"):
            setattr(config, name, getattr(agents.config, name))
        arrays: dict[str, NDArray[np.generic]] = {
            "agent_ids": agents.agent_ids,
            "frozen": agents.frozen.view(np.uint8),
            "ring": agents.replay.array,
        }
        networks = (("actor", agents.actor_target), ("critic", agents.critic_target))
        for (name, target), adam in zip(networks, (agents.actor_optimiser, agents.critic_optimiser), strict=True):
            arrays[f"{name}.online"] = adam.network.bank.numpy()
            arrays[f"{name}.target"] = target.bank.numpy()
            arrays[f"{name}.first_moment"] = adam.first_moment.numpy()
            arrays[f"{name}.second_moment"] = adam.second_moment.numpy()
            arrays[f"{name}.steps"] = adam.steps.numpy()
        self._learner = _core.Learner(config, agents.n_threads, isa or _core.default_isa(), arrays)

    def act(self, observation: FloatArray, noise: float, step: int) -> FloatArray:
        """Return actions (A, S), softmax(logits + noise eps), with eps from the agents' counter-based streams."""
        return self._learner.act(observation, noise, step)

    def update(self, index: NDArray[np.int64], step: int, with_policy: bool) -> tuple[FloatArray, FloatArray | None]:
        """Do one update on the given replay rows; return the critics' and the policy's losses, (A,) each."""
        losses = np.empty((2, self.agents.n_agents), np.float32)
        self._learner.update(index, step, with_policy, losses[0], losses[1])
        finite = np.isfinite(losses)
        if not finite.all():
            what, agent = np.argwhere(~finite)[0]
            raise NonFiniteError(("critic loss", "actor loss")[what], int(agent), step)
        return losses[0], losses[1] if with_policy else None
