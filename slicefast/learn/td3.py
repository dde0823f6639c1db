"""TD3 for all agents at once: exploration, transfer, checkpoints. The update itself is an engine's."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike

from slicefast import kernels
from slicefast.arguments import between, checked
from slicefast.errors import NonFiniteError, refuse
from slicefast.learn import checkpoint
from slicefast.learn.config import TD3Config
from slicefast.learn.native_engine import NativeEngine
from slicefast.learn.replay import as_float32, copies_of, to_device
from slicefast.learn.state import Engine, LearnerState
from slicefast.learn.torch_engine import TorchEngine
from slicefast.notebooks import facts_html
from slicefast.units import Bool, Float32, Int64

__all__ = ["TD3", "TD3Config"]

#: "native": the fused C++ update, on the CPU; "torch": the readable one, on any device.
EngineName = Literal["native", "torch"]
#: What `TD3.copy_agent` copies: all layers, or all but the last.
Layers = Literal["all", "lower"]
_KIND = "td3"
_COUNTERS = ("step", "n_updates", "n_acts")
_SIZES = ("n_agents", "obs_dim", "action_dim")


@checked
class TD3:
    """A agents, each learning its own softmax policy by TD3 (Fujimoto, van Hoof, Meger, ICML 2018).

    Parameters
    ----------
    n_agents, obs_dim, action_dim : int
        A, and the lengths n_o and S of an observation and an action.
    config : TD3Config, optional
        The algorithm's numbers.
    seed : int
        Everything random (weights, exploration, batches, smoothing) is a function of the seed and the agent's id.
    engine : {"native", "torch"}, optional
        "native", the default on the CPU, is the fused C++ update; "torch" the readable one, on any device. Both draw
        the same batches and noise and agree to rounding.
    device : str
        Where torch keeps the state; "cpu" or "cuda".
    n_threads : int
        Threads of the native engine, over agents; results do not depend on it. The torch engine runs on as many as
        torch.set_num_threads says, which is the caller's.
    agent_ids : sequence of int, optional
        Names of the agents' random streams, 0 to A - 1 unless given. An agent with the same id and seed gets the same
        numbers in any stack.

    Attributes
    ----------
    state : LearnerState
        Networks, optimisers and replay; `actor`, `critic`, their targets and optimisers, and `replay` are its.
    step : int
        Transitions stored per agent.
    n_updates : int
        Updates done.
    extra : mapping
        What the caller kept in the checkpoint that was loaded.

    Raises
    ------
    SlicefastError
        An argument is out of range, or engine, device and threads do not go together.

    Examples
    --------
    >>> config = sf.learn.TD3Config(exploration_steps=0, batch_size=4)
    >>> agents, rng = sf.learn.TD3(n_agents=2, obs_dim=3, action_dim=4, config=config), np.random.default_rng(0)
    >>> for _ in range(4):
    ...     seen, following = rng.random((2, 2, 3))
    ...     action = agents.act(seen, explore=True)
    ...     agents.store(seen, action, rng.random(2), following)
    >>> action.shape, action.sum(axis=1).round(5)
    ((2, 4), array([1., 1.], dtype=float32))
    >>> agents.update()["critic_loss"].shape
    (2,)
    >>> agents.save("agents.safetensors")
    >>> bool((sf.learn.TD3.load("agents.safetensors").act(seen) == agents.act(seen)).all())
    True
    """

    def __init__(
        self,
        n_agents: int,
        obs_dim: int,
        action_dim: int,
        config: TD3Config | None = None,
        seed: int = 0,
        engine: EngineName | None = None,
        device: str = "cpu",
        n_threads: int = 1,
        agent_ids: Sequence[int] | None = None,
    ) -> None:
        between(1, 2**31 - 1, n_agents=n_agents, obs_dim=obs_dim, action_dim=action_dim)
        if not 0 <= seed < 2**64:
            refuse("seed", seed, "in [0, 2^64)")
        ids = np.arange(n_agents) if agent_ids is None else np.array(agent_ids, np.int64)
        if ids.shape != (n_agents,) or (ids < 0).any() or (ids >= 2**32).any():
            refuse("agent_ids", ids.tolist(), f"{n_agents} integers in [0, 2^32)")
        self.n_agents, self.obs_dim, self.action_dim = n_agents, obs_dim, action_dim
        self.config, self.seed = config or TD3Config(), seed
        self.device, self.n_threads = to_device(device), n_threads
        self.engine: EngineName = engine or ("native" if self.device.type == "cpu" else "torch")
        self._check_engine()
        state = LearnerState.new(obs_dim, action_dim, self.config, seed, ids, self.device)
        self.state, self.replay = state, state.replay
        self.actor, self.actor_target, self.actor_optimiser = state.actor, state.actor_target, state.actor_optimiser
        self.critic, self.critic_target = state.critic, state.critic_target
        self.critic_optimiser = state.critic_optimiser
        self.step = self.n_updates = self.n_acts = 0
        self.extra: Mapping[str, Any] = {}
        self._kept_in_batch = np.full(n_agents, self.config.kept_in_batch, np.int64)
        self._engine: Engine = self._make_engine()

    def __repr__(self) -> str:
        sizes = f"n_agents={self.n_agents}, obs_dim={self.obs_dim}, action_dim={self.action_dim}"
        return f"TD3({sizes}, seed={self.seed}, engine={self.engine!r}, step={self.step}, n_updates={self.n_updates})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: all but the engine, which is bound to this stack's memory."""
        return {name: value for name, value in vars(self).items() if name != "_engine"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a copy's values and bind an engine to them."""
        vars(self).update(state)
        self._engine = self._make_engine()

    @property
    def agent_ids(self) -> Int64:
        """Names of the agents' random streams, (A,)."""
        return self.state.agent_ids

    @property
    def frozen(self) -> Bool:
        """Whether each agent trains the last layers only, (A,)."""
        return self.state.frozen

    def _check_engine(self) -> None:
        if self.engine not in get_args(EngineName):
            refuse("engine", self.engine, "'native' or 'torch'")
        if self.engine == "native" and self.device.type != "cpu":
            refuse("device", str(self.device), "'cpu' for the native engine; use engine='torch'")
        if self.engine == "torch" and self.n_threads != 1:
            refuse("n_threads", self.n_threads, "1 for the torch engine")

    def _repr_html_(self) -> str:
        sizes = {"agents": self.n_agents, "observation": self.obs_dim, "action": self.action_dim}
        facts = sizes | {"seed": self.seed, "engine": self.engine, "steps": self.step, "updates": self.n_updates}
        return facts_html("TD3", facts | self.config.to_dict())

    def _make_engine(self) -> Engine:
        return NativeEngine(self.state, self.n_threads) if self.engine == "native" else TorchEngine(self.state)

    # Acting and learning

    @property
    def noise(self) -> float:
        """Standard deviation [logits] of the noise in the coming step; NaN while partitions are random."""
        return math.nan if self.step < self.config.exploration_steps else self.config.noise_at(self.step)

    def act(self, observation: ArrayLike, explore: bool = False) -> Float32:
        """Return an action for every observation, points of the simplex.

        Without exploration: softmax(logits(o)). With it: uniform on the simplex, Dirichlet(1, ..., 1), while
        step < exploration_steps; softmax(logits(o) + sigma eps) after, with sigma = `TD3Config.noise_at` (step) and eps
        standard normal. Noise on logits keeps the action on the simplex without clipping, is unbiased at the centre and
        fades towards the corners.

        Parameters
        ----------
        observation : array_like, (k A, n_o)
            What the agents see in k networks, A rows after A rows: row i is agent i % A's.
        explore : bool
            Whether to add noise, each row its own.

        Returns
        -------
        ndarray of float32, (k A, S)
            One row per observation.

        Raises
        ------
        SlicefastError
            The shape is wrong.
        NonFiniteError
            A value is not finite.
        """
        copies = copies_of(observation, self.n_agents)
        observed = as_float32("observation", observation, (copies * self.n_agents, self.obs_dim))
        finite = np.isfinite(observed)
        if not finite.all():
            raise NonFiniteError("observation", int(np.argmin(finite.all(axis=1))) % self.n_agents, self.step)
        if not explore:
            return self._engine.act(observed, 0.0, 0)
        first = self.n_acts + 1
        self.n_acts += copies
        if self.step < self.config.exploration_steps:
            action = np.empty((copies, self.n_agents, self.action_dim), np.float32)
            for k, rows in enumerate(action):
                kernels.dirichlet(np.uint64(self.seed), self.agent_ids, first + k, rows)
            return action.reshape(-1, self.action_dim)
        return self._engine.act(observed, self.config.noise_at(self.step), first)

    def store(self, observation: ArrayLike, action: ArrayLike, reward: ArrayLike, next_observation: ArrayLike) -> None:
        """Keep k transitions of every agent in the replay ring; see `ReplayRing.add` for shapes and refusals."""
        self.step += self.replay.add(observation, action, reward, next_observation, self.step)

    def update(self) -> dict[str, Float32] | None:
        """Do the TD3 updates of one environment step, `TD3Config.updates_per_step` of every agent.

        Returns
        -------
        dict of ndarray of float32, (A,), or None
            The last losses per agent, "critic_loss" and, every policy_delay updates, "actor_loss"; None before
            learning_starts (by default while the exploration phase lasts) or while an agent has fewer than batch_size
            transitions.

        Raises
        ------
        NonFiniteError
            An agent's loss is not finite, after which training should stop. On the CPU that agent's weights were not
            moved (other agents' may have been); on CUDA the graph has run to its end.
        """
        config = self.config
        if self.step < config.first_update or len(self.replay) < config.batch_size:
            return None
        losses: dict[str, Float32] = {}
        for _ in range(config.updates_per_step):
            losses.update(self._update_once())
        return losses

    def _update_once(self) -> dict[str, Float32]:
        config = self.config
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
        layers: Layers = "all",
        optimiser: bool = False,
    ) -> None:
        """Load one agent's networks (policy, critics and their targets) from another stack.

        Parameters
        ----------
        source : TD3
            The other stack; its layers are of the same sizes.
        source_index, target_index : int
            Which agent of it, and which of this stack.
        layers : {"all", "lower"}
            "lower" loads all layers but the last.
        optimiser : bool
            Whether Adam's moments and step counter of the target agent are loaded too (with all layers only); they are
            forgotten otherwise.

        Raises
        ------
        SlicefastError
            Layer sizes differ, or an option is out of range; nothing is loaded.

        Examples
        --------
        >>> mine, theirs = sf.learn.TD3(1, 3, 4), sf.learn.TD3(2, 3, 4, seed=1)
        >>> mine.copy_agent(theirs, source_index=1, target_index=0)
        >>> bool(np.allclose(mine.act(np.ones((1, 3)))[0], theirs.act(np.ones((2, 3)))[1]))
        True
        """
        if layers not in get_args(Layers):
            refuse("layers", layers, "'all' or 'lower'")
        between(0, source.n_agents - 1, source_index=source_index)
        between(0, self.n_agents - 1, target_index=target_index)
        if optimiser and layers == "lower":
            refuse("optimiser", optimiser, "False with layers='lower': moments are loaded with all layers only")
        for mine, theirs in zip(self.state.networks().values(), source.state.networks().values(), strict=True):
            if mine.sizes != theirs.sizes:
                refuse("source", f"layer sizes {theirs.sizes}", f"this stack's, {mine.sizes}")
        self.state.copy_agent(source.state, source_index, target_index, layers == "lower", optimiser)

    def freeze_lower(self, agent_mask: ArrayLike) -> None:
        """Train only the last layers of the agents where agent_mask (A,) is true, all layers of the others.

        Examples
        --------
        >>> agents = sf.learn.TD3(2, 3, 4)
        >>> agents.freeze_lower([True, False])
        >>> agents.frozen
        array([ True, False])
        """
        mask = as_float32("agent_mask", agent_mask, (self.n_agents,))
        if not np.isin(mask, (0.0, 1.0)).all():
            refuse("agent_mask", agent_mask, "True or False")
        self.frozen[:] = mask == 1.0
        for adam in self.state.optimisers().values():
            adam.set_frozen(torch.from_numpy(self.frozen).to(self.device))
        if self.engine == "torch":
            self._engine = self._make_engine()  # a captured graph holds the old mask

    # Checkpoints

    def save(self, path: str | os.PathLike[str], extra: Mapping[str, Any] | None = None) -> None:
        """Write everything a resumed run needs: networks, optimisers, replay, counters, settings; one file, atomically.

        Parameters
        ----------
        path : str or PathLike
            The file.
        extra : mapping, optional
            A JSON-able document of the caller's, read back as `extra` of the loaded stack.
        """
        rows = int((self.replay.n_kept + self.replay.n_own).max())
        document = {
            **{name: getattr(self, name) for name in _SIZES},
            "config": self.config.to_dict(),
            "seed": str(self.seed),
            "step": self.step,
            "n_updates": self.n_updates,
            "n_acts": self.n_acts,
            "learning_rates": {name: adam.lr for name, adam in self.state.optimisers().items()},
            "replay_rows": rows,
            "extra": dict(extra or {}),
        }
        checkpoint.write(path, _KIND, self.state.arrays(rows), document)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        engine: EngineName | None = None,
        device: str = "cpu",
        n_threads: int = 1,
    ) -> TD3:
        """Read what `save` wrote. A loaded stack continues bit for bit like the saved one (same engine and device).

        No code in the file is executed: it holds none.

        Parameters
        ----------
        path : str or PathLike
            The file.
        engine, device, n_threads
            As in `TD3`.

        Raises
        ------
        CheckpointError
            The file is truncated, foreign, or not one of agents.
        """
        arrays, document = checkpoint.read(path, _KIND)
        with checkpoint.reading(path, "engine", "device", "n_threads"):
            n_agents, obs_dim, action_dim = (checkpoint.count(document, name) for name in _SIZES)
            config, seed = TD3Config(**document["config"]), int(document["seed"])
            checkpoint.check_weights(arrays, n_agents, (obs_dim, *config.actor_hidden, action_dim))
            checkpoint.check_weights(arrays, n_agents, (obs_dim + action_dim, *config.critic_hidden, 1))
            ids = checkpoint.take(arrays, "agent_ids", (n_agents,), path, np.int64).tolist()
            loaded = cls(n_agents, obs_dim, action_dim, config, seed, engine, device, n_threads, ids)
            loaded.state.fill(arrays, checkpoint.count(document, "replay_rows"), path)
            loaded.step, loaded.n_updates, loaded.n_acts = (checkpoint.count(document, name) for name in _COUNTERS)
            loaded.extra = dict(document["extra"])
            rates = document.get("learning_rates", {})  # files of earlier versions say nothing
            for name, adam in loaded.state.optimisers().items():
                adam.lr = rates.get(name, adam.lr)
            frozen = checkpoint.take(arrays, "frozen", (n_agents,), path, np.bool_)
            if frozen.any():
                loaded.freeze_lower(frozen)
        return loaded
