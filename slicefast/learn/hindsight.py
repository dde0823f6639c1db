"""The hindsight learner of all cells at once: it follows what every share would have earned in the steps it remembers.

After a step a base station knows its packets, its users' rates and the interference that it measured, so it can replay
the step at any share (`slicefast.Simulator.curves`). The network ascends E[min_s f_s(pi_s(x))] over these curves: no
critic and no exploration, and nothing that a cell does not know itself. Ours.

Dimensions: A cells, n_o the length of what a cell sees, L levels of share, S slices.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from slicefast.arguments import between, checked
from slicefast.errors import NonFiniteError, refuse
from slicefast.learn import checkpoint, modules
from slicefast.learn.curve_loss import ascent, forward, softmax
from slicefast.learn.hindsight_config import HindsightConfig
from slicefast.learn.networks import StackedMLP, check_memory
from slicefast.learn.optimiser import StackedAdam
from slicefast.learn.replay import Ring, as_float32, fill_ring, ring_arrays
from slicefast.learn.threads import one_thread
from slicefast.units import Arrays, Float32

KIND = "hindsight"
_COUNTERS = ("step", "n_updates")
_SIZES = ("n_agents", "obs_dim", "action_dim")
#: Counts a sample's rows as uniform over transferred and own ones.
_NO_STATED_RATIO = -1


@checked
class Hindsight:
    """A cells, each with a network and a memory of its own.

    Parameters
    ----------
    n_agents, obs_dim, action_dim : int
        A, n_o and S.
    config : HindsightConfig, optional
        The learner's numbers.
    seed : int
        Everything random (weights, batches) is a function of the seed and the cell's id.
    agent_ids : sequence of int, optional
        Names of the cells' random streams, 0 to A - 1 unless given.

    Attributes
    ----------
    network : StackedMLP
        Logits of all cells; the last layer starts at 0, so that a cell begins with what its logits are added to.
    optimiser : StackedAdam
        Its step size `lr` may be changed between updates.
    replay : Ring
        Rows [what was seen, what logits were added to, curves].
    step, n_updates : int
        Steps remembered, updates done.
    view : dict of ndarray
        The state of the cells' view, see `slicefast.policies.CellView`, as it was loaded.
    extra : mapping
        What the caller kept in the checkpoint that was loaded.

    Raises
    ------
    SlicefastError
        An argument is out of range.

    Examples
    --------
    >>> config = sf.learn.HindsightConfig(batch_size=1, n_levels=8)
    >>> cells = sf.learn.Hindsight(n_agents=2, obs_dim=3, action_dim=4, config=config)
    >>> seen = np.random.default_rng(0).random((2, 3))
    >>> cells.act(seen)[0]  # begins with the equal split, or with what its logits are added to
    array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    >>> curves = np.broadcast_to(config.levels[:, None], (2, 8, 4))  # satisfaction at 8 levels of share
    >>> cells.store(seen, base=np.zeros((2, 4)), curves=curves)
    >>> cells.update().shape  # a loss per cell
    (2,)
    >>> cells.save("cells.safetensors")
    >>> bool((sf.learn.Hindsight.load("cells.safetensors").act(seen) == cells.act(seen)).all())
    True
    """

    def __init__(
        self,
        n_agents: int,
        obs_dim: int,
        action_dim: int,
        config: HindsightConfig | None = None,
        seed: int = 0,
        agent_ids: Sequence[int] | None = None,
    ) -> None:
        between(1, 2**31 - 1, n_agents=n_agents, obs_dim=obs_dim, action_dim=action_dim)
        if not 0 <= seed < 2**64:
            refuse("seed", seed, "in [0, 2^64)")
        ids = np.arange(n_agents) if agent_ids is None else np.array(agent_ids, np.int64)
        if ids.shape != (n_agents,) or (ids < 0).any() or (ids >= 2**32).any():
            refuse("agent_ids", ids.tolist(), f"{n_agents} integers in [0, 2^32)")
        self.n_agents, self.obs_dim, self.action_dim = n_agents, obs_dim, action_dim
        self.config, self.seed, self.agent_ids = config or HindsightConfig(), seed, ids
        sizes = (obs_dim, *self.config.hidden, action_dim)
        check_memory("obs_dim, hidden, action_dim", n_agents, sizes)
        self.network = StackedMLP(n_agents, sizes)
        self._draw_weights()
        self.network.requires_grad_(False)
        self.optimiser = StackedAdam(self.network, self.config.learning_rate, self.config)
        self.replay = Ring(n_agents, self.config.capacity, self._row_width)
        self._levels = self.config.levels.astype(np.float32)
        self._bound: list[Float32] = []
        self.step = self.n_updates = 0
        self.view: Arrays = {}
        self.extra: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        sizes = f"n_agents={self.n_agents}, obs_dim={self.obs_dim}, action_dim={self.action_dim}"
        return f"Hindsight({sizes}, seed={self.seed}, step={self.step}, n_updates={self.n_updates})"

    @property
    def _row_width(self) -> int:
        return self.obs_dim + self.action_dim * (1 + self.config.n_levels)

    def _draw_weights(self) -> None:
        ids = [int(self.agent_ids[0])] * self.n_agents if self.config.federated else self.agent_ids.tolist()
        self.network.initialise([np.random.Generator(np.random.Philox((self.seed, agent))) for agent in ids])
        with torch.no_grad():
            self.network.bank.view(self.n_agents, self.network.stride)[:, self.network.n_lower :] = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: all but the views of this stack's weights."""
        return {**vars(self), "_bound": []}

    def _layers(self) -> list[Float32]:
        """Return the weights and biases as NumPy has them, in the bank's memory."""
        if not self._bound:
            self._bound = [view.numpy() for view in self.network.views(self.network.bank).values()]
        return self._bound

    # Acting and learning

    def act(self, observation: ArrayLike, base: ArrayLike | None = None) -> Float32:
        """Return one partition per cell, softmax(logits(o) + base).

        Parameters
        ----------
        observation : array_like, (A, n_o)
            What each cell sees.
        base : array_like, (A, S), optional
            What its logits are added to, nothing unless given.

        Returns
        -------
        ndarray of float32, (A, S)
            Rows on the simplex.

        Raises
        ------
        SlicefastError
            A shape is wrong.
        NonFiniteError
            A value is not finite.
        """
        seen = self._checked("observation", observation, (self.n_agents, self.obs_dim))
        shape = (self.n_agents, self.action_dim)
        added = np.zeros(shape, np.float32) if base is None else self._checked("base", base, shape)
        return softmax(forward(self._layers(), seen[:, None, :])[-1][:, 0] + added)

    def store(self, observation: ArrayLike, base: ArrayLike, curves: ArrayLike) -> None:
        """Remember a step of every cell.

        Parameters
        ----------
        observation, base : array_like, (A, n_o) and (A, S)
            As in `act`.
        curves : array_like, (A, L, S)
            Satisfaction that each level of share would have earned.

        Raises
        ------
        SlicefastError
            A shape is wrong; nothing is stored.
        NonFiniteError
            A value is not finite; nothing is stored.
        """
        n, s, levels = self.n_agents, self.action_dim, self.config.n_levels
        parts = (
            self._checked("observation", observation, (n, self.obs_dim)),
            self._checked("base", base, (n, s)),
            self._checked("curves", curves, (n, levels, s)).reshape(n, levels * s),
        )
        self.replay.array[np.arange(n), self.replay.next_row] = np.concatenate(parts, axis=1)
        self.replay.advance()
        self.step += 1

    def _checked(self, name: str, value: ArrayLike, shape: tuple[int, ...]) -> Float32:
        array = as_float32(name, value, shape)
        finite = np.isfinite(array).reshape(self.n_agents, -1).all(axis=1)
        if not finite.all():
            raise NonFiniteError(name, int(np.argmin(finite)), self.step)
        return array

    def update(self) -> Float32 | None:
        """Do the updates of one step.

        Returns
        -------
        ndarray of float32, (A,), or None
            What the cells' partitions would have earned in the last batch; None while a cell remembers nothing.
        """
        if len(self.replay) == 0:
            return None
        earned = np.zeros(self.n_agents, np.float32)
        with one_thread():  # more than one would hang in a fork of a process in which torch has used several
            for _ in range(self.config.updates_per_step):
                earned = self._update_once()
        return earned

    def _update_once(self) -> Float32:
        config, n_o, s = self.config, self.obs_dim, self.action_dim
        stated = np.full(self.n_agents, _NO_STATED_RATIO, np.int64)
        index = self.replay.sample(self.seed, self.agent_ids, self.n_updates, config.batch_size, stated)
        rows = self.replay.gather(index).numpy()
        curves = rows[..., n_o + s :].reshape(*rows.shape[:2], config.n_levels, s)
        value, gradients = ascent(self._layers(), rows[..., :n_o], rows[..., n_o : n_o + s], curves, self._levels)
        if config.federated:
            gradients = [np.broadcast_to(part.mean(axis=0), part.shape).copy() for part in gradients]
        self.optimiser.follow([torch.from_numpy(np.ascontiguousarray(part)) for part in gradients])
        self.n_updates += 1
        return value

    # Transfer

    def copy_agent(self, source: Hindsight, source_index: int, target_index: int, memory: bool = False) -> None:
        """Start one cell with another's network, and on demand with what it remembers as transferred rows.

        Adam's moments are forgotten; what was handed to the source itself stays behind. Steps of a cell that differs
        teach what was right there, and they outnumber the new cell's own at first: a memory helps where the two cells
        are alike, and harms where they are not (benchmarks/source_table.py).

        Parameters
        ----------
        source : Hindsight
            The other stack, which sees and acts alike.
        source_index, target_index : int
            Which cell of it, and which of this stack.
        memory : bool
            Whether the source's own memory is handed over too.

        Raises
        ------
        SlicefastError
            The two differ in what they see, in layers or levels, or the memory leaves no room; nothing is loaded.

        Examples
        --------
        >>> mine, theirs = sf.learn.Hindsight(1, 3, 4), sf.learn.Hindsight(2, 3, 4, seed=1)
        >>> mine.copy_agent(theirs, source_index=1, target_index=0)
        >>> bool(np.allclose(mine.act(np.ones((1, 3)))[0], theirs.act(np.ones((2, 3)))[1]))
        True
        """
        self.check_compatible(source)
        between(0, source.n_agents - 1, source_index=source_index)
        between(0, self.n_agents - 1, target_index=target_index)
        if memory:
            rows = source.replay.array[source_index, source.replay.order(source_index, own_only=True)]
            self.replay.keep(target_index, rows)
        self.network.bank[target_index] = source.network.bank[source_index]
        self.optimiser.reset(target_index)

    def check_compatible(self, source: Hindsight) -> None:
        """Refuse a stack that does not see, act or remember alike.

        Examples
        --------
        >>> cells = sf.learn.Hindsight(2, obs_dim=3, action_dim=4)
        >>> cells.check_compatible(sf.learn.Hindsight(5, obs_dim=3, action_dim=4))  # any number of cells
        """
        for name in ("sight", "basis", "n_levels"):
            mine, theirs = getattr(self.config, name), getattr(source.config, name)
            if mine != theirs:
                refuse(f"{name} of the source", theirs, f"this stack's, {mine}")
        if self.config.federated and not source.config.federated:
            refuse("federated of the source", False, "True, as all cells of this stack have one network")
        if self.network.sizes != source.network.sizes:
            refuse("source", f"layer sizes {source.network.sizes}", f"this stack's, {self.network.sizes}")

    # Checkpoints

    def _named_tensors(self) -> dict[str, torch.Tensor]:
        adam, views = self.optimiser, self.network.views
        named = {f"network.{key}": view for key, view in views(self.network.bank).items()}
        for name, bank in (("first_moment", adam.first_moment), ("second_moment", adam.second_moment)):
            named |= {f"{name}.{key}": view for key, view in views(bank).items()}
        return {**named, "steps": adam.steps}

    def save(
        self, path: str | os.PathLike[str], extra: Mapping[str, Any] | None = None, view: Arrays | None = None
    ) -> None:
        """Write everything a resumed run needs; one file, atomically.

        Parameters
        ----------
        path : str or PathLike
            The file.
        extra : mapping, optional
            A JSON-able document of the caller's.
        view : dict of ndarray, optional
            The state of the cells' view; `view` as it was loaded unless given.
        """
        rows = int((self.replay.n_kept + self.replay.n_own).max())
        arrays: Arrays = {name: tensor.numpy() for name, tensor in self._named_tensors().items()}
        arrays |= {**ring_arrays(self.replay, "memory", rows), "agent_ids": self.agent_ids}
        arrays |= {f"view.{name}": values for name, values in (self.view if view is None else view).items()}
        document = {
            **{name: getattr(self, name) for name in (*_SIZES, *_COUNTERS)},
            "config": self.config.to_dict(),
            "seed": str(self.seed),
            "memory_rows": rows,
            "learning_rate": self.optimiser.lr,
            "extra": dict(extra or {}),
        }
        checkpoint.write(path, KIND, arrays, document)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Hindsight:
        """Read what `save` wrote. A loaded stack continues bit for bit like the saved one.

        Parameters
        ----------
        path : str or PathLike
            The file.

        Raises
        ------
        CheckpointError
            The file is truncated, foreign, or damaged.
        """
        arrays, document = checkpoint.read(path, KIND)
        with checkpoint.reading(path):
            n_agents, obs_dim, action_dim = (checkpoint.count(document, name) for name in _SIZES)
            config, seed = HindsightConfig(**document["config"]), int(document["seed"])
            checkpoint.check_weights(arrays, n_agents, (obs_dim, *config.hidden, action_dim))
            ids = checkpoint.take(arrays, "agent_ids", (n_agents,), path, np.int64).tolist()
            loaded = cls(n_agents, obs_dim, action_dim, config, seed, ids)
            loaded._take(arrays, document, path)
        return loaded

    def _take(self, arrays: Arrays, document: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
        rows = checkpoint.count(document, "memory_rows")
        fill_ring(self.replay, arrays, "memory", rows, path)
        modules.fill(self._named_tensors(), arrays, path)
        self.step, self.n_updates = (checkpoint.count(document, name) for name in _COUNTERS)
        self.optimiser.lr = document["learning_rate"]
        self.extra = dict(document["extra"])
        prefix = "view."
        self.view = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
