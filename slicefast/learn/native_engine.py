"""The fast engine: the whole update of all agents in one call of the C++ core, in the memory of the torch tensors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slicefast import _core
from slicefast.errors import NonFiniteError
from slicefast.learn.state import LearnerState
from slicefast.threads import usable_threads
from slicefast.units import Float32, Int64


class NativeEngine:
    """An `Engine` that binds the state's memory once; see cpp/include/slicefast/learner.hpp.

    Parameters may be changed in place at any time. Replacing a parameter object (`network.weight_0 = ...`) detaches it
    from the bank, for this engine and for the torch one.

    Parameters
    ----------
    state : LearnerState
        On the CPU.
    n_threads : int
        Threads over agents; results do not depend on it.
    isa : str, optional
        Instruction set, the best one of this machine unless given.
    """

    def __init__(self, state: LearnerState, n_threads: int = 1, isa: str | None = None) -> None:
        self._n_agents, self._state = state.n_agents, state
        self._learner = _core.Learner(
            _config(state), usable_threads(n_threads), isa or _core.default_isa(), _arrays(state)
        )

    def act(self, observation: Float32, noise: float, step: int) -> Float32:
        """Return actions (k A, S), softmax(logits + noise eps), with eps from the agents' counter-based streams."""
        return self._learner.act(observation, noise, step)

    def update(self, index: Int64, step: int, with_policy: bool) -> tuple[Float32, Float32 | None]:
        """Do one update on the given replay rows; return the critics' and the policy's losses, (A,) each."""
        losses = np.empty((2, self._n_agents), np.float32)
        self._learner.set_learning_rates(self._state.actor_optimiser.lr, self._state.critic_optimiser.lr)
        self._learner.update(index, step, with_policy, losses[0], losses[1])
        finite = np.isfinite(losses)
        if not finite.all():
            what, agent = np.argwhere(~finite)[0]
            raise NonFiniteError(("critic loss", "actor loss")[what], int(agent), step)
        return losses[0], losses[1] if with_policy else None


def _config(state: LearnerState) -> _core.LearnerConfig:
    config, numbers = _core.LearnerConfig(), state.config
    config.n_agents, config.obs_dim, config.action_dim = state.n_agents, state.obs_dim, state.action_dim
    config.seed, config.batch_size = state.seed, numbers.batch_size
    config.actor_hidden, config.critic_hidden = numbers.actor_hidden, numbers.critic_hidden
    config.actor_lr, config.critic_lr = numbers.actor_lr, numbers.critic_lr
    config.beta1, config.beta2, config.epsilon = numbers.beta1, numbers.beta2, numbers.epsilon
    config.gamma, config.tau = numbers.gamma, numbers.tau
    config.target_noise, config.noise_clip = numbers.target_noise, numbers.noise_clip
    config.logit_penalty = numbers.logit_penalty
    return config


def _arrays(state: LearnerState) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {
        "agent_ids": state.agent_ids,
        "frozen": state.frozen.view(np.uint8),
        "ring": state.replay.array,
    }
    for name, target in (("actor", state.actor_target), ("critic", state.critic_target)):
        adam = state.optimisers()[name]
        arrays[f"{name}.online"] = adam.network.bank.numpy()
        arrays[f"{name}.target"] = target.bank.numpy()
        arrays[f"{name}.first_moment"] = adam.first_moment.numpy()
        arrays[f"{name}.second_moment"] = adam.second_moment.numpy()
        arrays[f"{name}.steps"] = adam.steps.numpy()
    return arrays
