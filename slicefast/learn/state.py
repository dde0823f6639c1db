"""What a learner is made of, as its engines get it: networks, optimisers, replay, the names of its random streams."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from slicefast.learn import modules
from slicefast.learn.config import TD3Config
from slicefast.learn.networks import StackedMLP, check_memory
from slicefast.learn.optimiser import StackedAdam
from slicefast.learn.replay import ReplayRing, fill_ring, ring_arrays
from slicefast.units import Bool, Float32, Int64


@dataclass(frozen=True, eq=False)
class LearnerState:
    """The state of A agents; engines change its arrays in place and replace none.

    Attributes
    ----------
    config : TD3Config
        The algorithm's numbers.
    seed : int
        Everything random is a function of the seed, an agent's id and the step.
    agent_ids : ndarray of int64, (A,)
        Names of the agents' random streams.
    frozen : ndarray of bool, (A,)
        Whether an agent trains the last layers only.
    replay : ReplayRing
        The agents' transitions, and the sizes of observation and action.
    actor, actor_target : StackedMLP
        Policies' logits, n_o inputs and S outputs, and their slow copies.
    critic, critic_target : StackedMLP
        Two action values per agent, n_o + S inputs and one output, and their slow copies.
    actor_optimiser, critic_optimiser : StackedAdam
        Adam's moments and steps.
    """

    config: TD3Config
    seed: int
    agent_ids: Int64
    frozen: Bool
    replay: ReplayRing
    actor: StackedMLP
    actor_target: StackedMLP
    critic: StackedMLP
    critic_target: StackedMLP
    actor_optimiser: StackedAdam
    critic_optimiser: StackedAdam

    @classmethod
    def new(
        cls, obs_dim: int, action_dim: int, config: TD3Config, seed: int, agent_ids: Int64, device: torch.device
    ) -> LearnerState:
        """Return untrained agents, one per id: weights drawn, target networks equal to the online ones.

        Parameters
        ----------
        obs_dim, action_dim : int
            n_o and S, sizes of an observation and an action.
        config : TD3Config
            Hidden layers and learning rates.
        seed : int
            Of the weights.
        agent_ids : ndarray, (A,) int64
            Agent i's weights depend on the seed and on its id alone.
        device : torch.device
            Where the tensors are.
        """
        n_agents = len(agent_ids)
        actor_sizes = (obs_dim, *config.actor_hidden, action_dim)
        critic_sizes = (obs_dim + action_dim, *config.critic_hidden, 1)
        check_memory("obs_dim, actor_hidden, action_dim", n_agents, actor_sizes)
        check_memory("obs_dim, critic_hidden, action_dim", n_agents, critic_sizes, n_nets=2)
        actor, actor_target = (StackedMLP(n_agents, actor_sizes, device=device) for _ in range(2))
        critic, critic_target = (StackedMLP(n_agents, critic_sizes, twin=True, device=device) for _ in range(2))
        generators = [np.random.Generator(np.random.Philox((seed, int(agent)))) for agent in agent_ids]
        for network, target in ((actor, actor_target), (critic, critic_target)):
            network.initialise(generators)
            target.bank.copy_(network.bank)
            target.requires_grad_(False)
        return cls(
            config=config,
            seed=seed,
            agent_ids=agent_ids,
            frozen=np.zeros(n_agents, np.bool_),
            replay=ReplayRing(n_agents, config.capacity, obs_dim, action_dim, device),
            actor=actor,
            actor_target=actor_target,
            critic=critic,
            critic_target=critic_target,
            actor_optimiser=StackedAdam(actor, config.actor_lr, config),
            critic_optimiser=StackedAdam(critic, config.critic_lr, config),
        )

    @property
    def n_agents(self) -> int:
        """A."""
        return self.replay.n_agents

    @property
    def obs_dim(self) -> int:
        """Length of an observation, n_o."""
        return self.replay.obs_dim

    @property
    def action_dim(self) -> int:
        """Length of an action, S."""
        return self.replay.action_dim

    @property
    def device(self) -> torch.device:
        """Where torch keeps the state."""
        return self.actor.bank.device

    def networks(self) -> dict[str, StackedMLP]:
        """Return the networks by name."""
        return {
            "actor": self.actor,
            "actor_target": self.actor_target,
            "critic": self.critic,
            "critic_target": self.critic_target,
        }

    def optimisers(self) -> dict[str, StackedAdam]:
        """Return the optimisers by the name of their network."""
        return {"actor": self.actor_optimiser, "critic": self.critic_optimiser}

    def tensors(self) -> list[Tensor]:
        """Return every tensor an update moves, for saving and putting back."""
        tensors = [network.bank for network in self.networks().values()]
        for adam in self.optimisers().values():
            tensors += [adam.first_moment, adam.second_moment, adam.steps]
        return tensors

    def named_tensors(self) -> dict[str, Tensor]:
        """Return the same by the names they have in a checkpoint; of networks and moments views per layer."""
        named: dict[str, Tensor] = {}
        for name, network in self.networks().items():
            named |= {f"{name}.{key}": view for key, view in network.views(network.bank).items()}
        for name, adam in self.optimisers().items():
            for moment, tensor in (("first_moment", adam.first_moment), ("second_moment", adam.second_moment)):
                named |= {f"{name}_{moment}.{key}": view for key, view in adam.network.views(tensor).items()}
            named[f"{name}_steps"] = adam.steps
        return named

    def copy_agent(
        self, source: LearnerState, source_index: int, target_index: int, lower_only: bool, optimiser: bool
    ) -> None:
        """Take one agent's networks over from a state of the same layer sizes.

        Parameters
        ----------
        source : LearnerState
            The other state.
        source_index, target_index : int
            Which agent of it, and which of this state.
        lower_only : bool
            Whether the last layers stay.
        optimiser : bool
            Whether Adam's moments and steps come too; they are forgotten otherwise.
        """
        for mine, theirs in zip(self.networks().values(), source.networks().values(), strict=True):
            count = mine.n_lower if lower_only else mine.n_parameters
            shape = (-1, mine.n_nets, mine.stride)
            taken = theirs.bank.view(shape)[source_index, :, :count]
            mine.bank.view(shape)[target_index, :, :count] = taken.to(self.device)
        for adam, other in zip(self.optimisers().values(), source.optimisers().values(), strict=True):
            adam.reset(target_index)
            if optimiser:
                adam.first_moment[target_index] = other.first_moment[source_index]
                adam.second_moment[target_index] = other.second_moment[source_index]
                adam.steps[target_index] = other.steps[source_index]

    def arrays(self, rows: int) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint keeps by name, of the replay its first rows."""
        arrays: dict[str, NDArray[Any]] = {key: value.cpu().numpy() for key, value in self.named_tensors().items()}
        return arrays | ring_arrays(self.replay, "replay", rows) | {"frozen": self.frozen, "agent_ids": self.agent_ids}

    def fill(self, arrays: dict[str, NDArray[Any]], rows: int, path: str | os.PathLike[str]) -> None:
        """Take over networks, optimisers and replay that `arrays` gave; who is frozen is left to the learner.

        Parameters
        ----------
        arrays : dict of ndarray
            From a checkpoint.
        rows : int
            Rows of its replay.
        path : path-like
            The checkpoint, for messages.

        Raises
        ------
        CheckpointError
            An array is missing, of another shape or type, or not finite, or the rows are not what their counters say.
        SlicefastError
            No ring can be filled as the counters say.
        """
        modules.fill(self.named_tensors(), arrays, path)
        fill_ring(self.replay, arrays, "replay", rows, path)


class Engine(Protocol):
    """What acts and learns on a state."""

    def act(self, observation: Float32, noise: float, step: int) -> Float32:
        """Return actions (k A, S), softmax(logits + noise eps), with eps from the agents' counter-based streams.

        Parameters
        ----------
        observation : ndarray, (k A, n_o) float32
            What the agents see in k networks; row i is agent i % A's, with the numbers of ``step`` + i // A.
        noise : float
            Standard deviation of the logits' noise, 0 for none.
        step : int
            Which numbers of the streams to use.
        """

    def update(self, index: Int64, step: int, with_policy: bool) -> tuple[Float32, Float32 | None]:
        """Do one update on the given replay rows (A, B); return the critics' and the policy's losses, (A,) each.

        Parameters
        ----------
        index : ndarray, (A, B) int64
            Rows of the replay ring.
        step : int
            Which numbers of the streams to use.
        with_policy : bool
            Whether the policy and the target networks move too.

        Raises
        ------
        NonFiniteError
            A loss is not finite.
        """
