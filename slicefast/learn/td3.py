"""TD3 for all agents at once: state, exploration, transfer, checkpoints. The update itself is an engine's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from slicefast import kernels
from slicefast.errors import CheckpointError, NonFiniteError
from slicefast.learn import checkpoint
from slicefast.learn.config import TD3Config
from slicefast.learn.native_engine import NativeEngine
from slicefast.learn.networks import Actor, StackedMLP, TwinCritic
from slicefast.learn.optimiser import StackedAdam
from slicefast.learn.replay import FloatArray, ReplayRing, as_float32
from slicefast.learn.torch_engine import TorchEngine

__all__ = ["TD3", "TD3Config"]

_KIND = "td3"
_COUNTERS = ("step", "n_updates", "n_acts")
_DOCUMENT_KEYS = {"n_agents", "obs_dim", "action_dim", "config", "seed", "replay_rows", "extra", *_COUNTERS}


class TD3:
    """A agents, each learning its own softmax policy by TD3 (Fujimoto, van Hoof, Meger, ICML 2018).

    Parameters
    ----------
    n_agents, obs_dim, action_dim : sizes A, n_o, S.
    config : the algorithm's numbers.
    seed : everything random (weights, exploration, batches, smoothing) is a function of the seed and the agent's id.
    engine : "native", the default on the CPU, is the fused C++ update; "torch" the readable one, on any device. Both
        draw the same batches and noise and agree to rounding.
    device : where torch keeps the state; "cpu" or "cuda".
    n_threads : threads of the native engine, over agents; results do not depend on it. The torch engine runs on as many
        as torch.set_num_threads says, which is the caller's.
    agent_ids : names of the agents' random streams, by default 0..A-1. An agent with the same id and seed gets the same
        numbers in any stack.

    Attributes: actor, actor_target, critic, critic_target, torch modules with stacked parameters (see `networks`);
    replay; step, transitions stored per agent; n_updates.
    """

    def __init__(
        self,
        n_agents: int,
        obs_dim: int,
        action_dim: int,
        config: TD3Config | None = None,
        seed: int = 0,
        engine: Literal["native", "torch"] | None = None,
        device: str = "cpu",
        n_threads: int = 1,
        agent_ids: Sequence[int] | None = None,
    ) -> None:
        for name, value in (("n_agents", n_agents), ("obs_dim", obs_dim), ("action_dim", action_dim)):
            if value < 1:
                raise ValueError(f"{name}: got {value}, must be at least 1")
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed: got {seed}, must be in [0, 2^64)")
        self.n_agents, self.obs_dim, self.action_dim = n_agents, obs_dim, action_dim
        self.config, self.seed = config or TD3Config(), seed
        self.device, self.n_threads = torch.device(device), n_threads
        self.engine = engine or ("native" if self.device.type == "cpu" else "torch")
        self.agent_ids = np.arange(n_agents) if agent_ids is None else np.array(agent_ids, np.int64)
        if self.agent_ids.shape != (n_agents,) or (self.agent_ids < 0).any() or (self.agent_ids >= 2**32).any():
            raise ValueError(f"agent_ids: expected {n_agents} integers in [0, 2^32)")
        self._make_networks()
        self.replay = ReplayRing(n_agents, self.config.capacity, obs_dim, action_dim, device)
        self.frozen = np.zeros(n_agents, np.bool_)
        self.step = self.n_updates = self.n_acts = 0
        self.extra: Mapping[str, Any] = {}
        self._kept_in_batch = np.full(n_agents, self.config.kept_in_batch, np.int64)
        self._engine = self._make_engine()

    def _make_networks(self) -> None:
        config, sizes = self.config, (self.obs_dim, *self.config.actor_hidden, self.action_dim)
        self.actor = Actor(self.n_agents, sizes, device=self.device)
        self.actor_target = Actor(self.n_agents, sizes, device=self.device)
        critic_sizes = (self.n_agents, self.obs_dim, self.action_dim, config.critic_hidden)
        self.critic = TwinCritic(*critic_sizes, device=self.device)
        self.critic_target = TwinCritic(*critic_sizes, device=self.device)
        generators = [np.random.Generator(np.random.Philox((self.seed, int(agent)))) for agent in self.agent_ids]
        for network, target in ((self.actor, self.actor_target), (self.critic, self.critic_target)):
            network.initialise(generators)
            target.bank.copy_(network.bank)
            target.requires_grad_(False)
        self.actor_optimiser = StackedAdam(self.actor, config.actor_lr, config)
        self.critic_optimiser = StackedAdam(self.critic, config.critic_lr, config)

    def _make_engine(self) -> TorchEngine | NativeEngine:
        if self.engine == "native":
            if self.device.type != "cpu":
                raise ValueError(
                    f"device: got {str(self.device)!r}; the native engine runs on the CPU, use engine='torch'"
                )
            return NativeEngine(self)
        if self.engine != "torch":
            raise ValueError(f"engine: got {self.engine!r}, must be 'native' or 'torch'")
        if self.n_threads != 1:
            raise ValueError(f"n_threads: got {self.n_threads}; the torch engine follows torch.set_num_threads")
        return TorchEngine(self)

    # Acting and learning

    def act(self, observation: ArrayLike, explore: bool = False) -> FloatArray:
        """Return one action per agent, points of the simplex: observation (A, n_o) -> (A, S) float32.

        Without exploration: softmax(logits(o)). With it: uniform on the simplex, Dirichlet(1, ..., 1), while
        step < exploration_steps; softmax(logits(o) + exploration_noise eps) after, eps standard normal. Noise on logits
        keeps the action on the simplex without clipping, is unbiased at the centre and fades towards the corners.

        Raises NonFiniteError for observations that are not finite, ValueError for a wrong shape.
        """
        observed = as_float32("observation", observation, (self.n_agents, self.obs_dim))
        finite = np.isfinite(observed)
        if not finite.all():
            raise NonFiniteError("observation", int(np.argmin(finite.all(axis=1))), self.step)
        if not explore:
            return self._engine.act(observed, 0.0, 0)
        self.n_acts += 1
        if self.step < self.config.exploration_steps:
            action = np.empty((self.n_agents, self.action_dim), np.float32)
            kernels.dirichlet(np.uint64(self.seed), self.agent_ids, self.n_acts, action)
            return action
        return self._engine.act(observed, self.config.exploration_noise, self.n_acts)

    def store(self, observation: ArrayLike, action: ArrayLike, reward: ArrayLike, next_observation: ArrayLike) -> None:
        """Keep one transition of every agent in the replay ring; see `ReplayRing.add` for shapes and refusals."""
        self.replay.add(observation, action, reward, next_observation, self.step)
        self.step += 1

    def update(self) -> dict[str, FloatArray] | None:
        """Do one TD3 update of every agent.

        Returns losses per agent, "critic_loss" (A,) and, every policy_delay updates, "actor_loss" (A,); None before
        learning_starts (by default while the exploration phase lasts) or while an agent has fewer than batch_size
        transitions.

        Raises NonFiniteError naming the agent whose loss is not finite, after which training should stop. On the CPU
        that agent's weights were not moved (other agents' may have been); on CUDA the graph has run to its end.
        """
        config = self.config
        if self.step < config.first_update or len(self.replay) < config.batch_size:
            return None
        index = self.replay.sample(self.seed, self.agent_ids, self.n_updates, config.batch_size, self._kept_in_batch)
        with_policy = (self.n_updates + 1) % config.policy_delay == 0
        critic_loss, actor_loss = self._engine.update(index, self.n_updates, with_policy)
        self.n_updates += 1
        return (
            {"critic_loss": critic_loss}
            if actor_loss is None
            else {"critic_loss": critic_loss, "actor_loss": actor_loss}
        )

    # Transfer

    def copy_agent(
        self,
        source: TD3,
        source_index: int,
        target_index: int,
        layers: Literal["all", "lower"] = "all",
        optimiser: bool = False,
    ) -> None:
        """Load one agent's networks (policy, critics and their targets) from another stack.

        layers="lower" loads all layers but the last. Adam's moments and step counter of the target agent are loaded
        too with optimiser=True (and layers="all"), forgotten otherwise. Raises ValueError when layer sizes differ.
        """
        if layers not in ("all", "lower"):
            raise ValueError(f"layers: got {layers!r}, must be 'all' or 'lower'")
        if optimiser and layers == "lower":
            raise ValueError("optimiser: moments are loaded with layers='all' only")
        for mine, theirs in zip(self._networks().values(), source._networks().values(), strict=True):
            if mine.sizes != theirs.sizes:
                raise ValueError(f"source: has layer sizes {theirs.sizes}, this stack has {mine.sizes}")
        for mine, theirs in zip(self._networks().values(), source._networks().values(), strict=True):
            count = mine.n_parameters if layers == "all" else mine.n_lower
            shape = (-1, mine.n_nets, mine.stride)
            mine.bank.view(shape)[target_index, :, :count] = theirs.bank.view(shape)[source_index, :, :count].to(
                self.device
            )
        for adam, other in zip(self._optimisers(), source._optimisers(), strict=True):
            adam.reset(target_index)
            if optimiser:
                adam.first_moment[target_index] = other.first_moment[source_index]
                adam.second_moment[target_index] = other.second_moment[source_index]
                adam.steps[target_index] = other.steps[source_index]

    def freeze_lower(self, agent_mask: ArrayLike) -> None:
        """Train only the last layer of policy and critics of the agents where agent_mask (A,) is true."""
        mask = np.asarray(agent_mask, np.bool_)
        if mask.shape != (self.n_agents,):
            raise ValueError(f"agent_mask: got shape {mask.shape}, expected ({self.n_agents},)")
        self.frozen[:] = mask
        for adam in self._optimisers():
            adam.set_frozen(torch.from_numpy(self.frozen).to(self.device))
        if self.engine == "torch":
            self._engine = TorchEngine(self)  # a captured graph holds the old mask

    # State

    def _networks(self) -> dict[str, StackedMLP]:
        return {
            "actor": self.actor,
            "actor_target": self.actor_target,
            "critic": self.critic,
            "critic_target": self.critic_target,
        }

    def _optimisers(self) -> tuple[StackedAdam, StackedAdam]:
        return self.actor_optimiser, self.critic_optimiser

    def state_tensors(self) -> list[Tensor]:
        """Return every tensor an update moves, for saving and putting back."""
        tensors = [network.bank for network in self._networks().values()]
        for adam in self._optimisers():
            tensors += [adam.first_moment, adam.second_moment, adam.steps]
        return tensors

    def _named_state(self) -> dict[str, Tensor]:
        named: dict[str, Tensor] = {}
        for name, network in self._networks().items():
            named |= {f"{name}.{key}": view for key, view in network.views(network.bank).items()}
        for name, adam in (("actor", self.actor_optimiser), ("critic", self.critic_optimiser)):
            for moment, tensor in (("first_moment", adam.first_moment), ("second_moment", adam.second_moment)):
                named |= {f"{name}_{moment}.{key}": view for key, view in adam.network.views(tensor).items()}
            named[f"{name}_steps"] = adam.steps
        return named

    def save(self, path: str | os.PathLike[str], extra: Mapping[str, Any] | None = None) -> None:
        """Write everything a resumed run needs: networks, optimisers, replay, counters, settings; one file, atomically.

        `extra` is a JSON-able document of the caller's, read back as `.extra` of the loaded stack.
        """
        arrays: dict[str, NDArray[Any]] = {key: value.cpu().numpy() for key, value in self._named_state().items()}
        rows = int((self.replay.n_kept + self.replay.n_own).max())
        arrays["replay.rows"] = self.replay.ring[:, :rows].cpu().numpy()
        for key in ("n_kept", "n_own", "next_row"):
            arrays[f"replay.{key}"] = getattr(self.replay, key)
        arrays["frozen"], arrays["agent_ids"] = self.frozen, self.agent_ids
        document = {
            "n_agents": self.n_agents,
            "obs_dim": self.obs_dim,
            "action_dim": self.action_dim,
            "config": self.config.to_dict(),
            "seed": str(self.seed),
            "step": self.step,
            "n_updates": self.n_updates,
            "n_acts": self.n_acts,
            "replay_rows": rows,
            "extra": dict(extra or {}),
        }
        checkpoint.write(path, _KIND, arrays, document)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        engine: Literal["native", "torch"] | None = None,
        device: str = "cpu",
        n_threads: int = 1,
    ) -> TD3:
        """Read what `save` wrote. A loaded stack continues bit for bit like the saved one (same engine and device).

        Raises CheckpointError for a truncated or foreign file. No code in the file is executed: it holds none.
        """
        arrays, document = checkpoint.read(path, _KIND)
        missing = _DOCUMENT_KEYS - set(document)
        if missing:
            raise CheckpointError(f"{path}: the document lacks {sorted(missing)}")
        ids = checkpoint.take(arrays, "agent_ids", (document["n_agents"],), path)
        loaded = cls(
            document["n_agents"],
            document["obs_dim"],
            document["action_dim"],
            TD3Config(**document["config"]),
            seed=int(document["seed"]),
            engine=engine,
            device=device,
            n_threads=n_threads,
            agent_ids=[int(agent) for agent in ids],
        )
        for name, tensor in loaded._named_state().items():
            tensor.copy_(torch.from_numpy(checkpoint.take(arrays, name, tuple(tensor.shape), path)))
        replay, rows = loaded.replay, document["replay_rows"]
        shape = (loaded.n_agents, rows, replay.width)
        replay.ring[:, :rows] = torch.from_numpy(checkpoint.take(arrays, "replay.rows", shape, path)).to(loaded.device)
        for key in ("n_kept", "n_own", "next_row"):
            setattr(replay, key, checkpoint.take(arrays, f"replay.{key}", (loaded.n_agents,), path).copy())
        loaded.step, loaded.n_updates, loaded.n_acts = (document[key] for key in _COUNTERS)
        loaded.extra = document["extra"]
        frozen = checkpoint.take(arrays, "frozen", (loaded.n_agents,), path)
        if frozen.any():
            loaded.freeze_lower(frozen)
        return loaded
