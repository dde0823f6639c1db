"""The replay ring of all agents: one array (A, C, W) of float32 rows.

Dimensions: A agents, C capacity, W values a row; of transitions 2 n_o + S + 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from slicefast import kernels
from slicefast.arguments import between, checked
from slicefast.errors import CheckpointError, NonFiniteError, described, refuse, shorten
from slicefast.learn import checkpoint
from slicefast.units import Arrays, Float32, Int64

#: How a ring is filled, by agent.
_COUNTERS = ("n_kept", "n_own", "next_row")


def as_float32(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Float32:
    """Convert to a C-contiguous float32 array of the stated shape; SlicefastError names the argument.

    Parameters
    ----------
    name : str
        The argument's, for errors.
    value : array_like
        What came.
    shape : tuple of int
        What is allowed.
    """
    if type(value) is np.ndarray and value.dtype == np.float32 and value.shape == shape and value.flags.c_contiguous:
        return value  # every step of a training comes here, four times
    try:
        array = np.ascontiguousarray(value, np.float32)
    except (ValueError, TypeError, OverflowError):
        refuse(name, value, "real numbers, in rows of one length")
    if array.shape != shape:
        refuse(name, described(f"shape {array.shape}"), f"shape {shape}")
    return array


def to_device(device: torch.device | str) -> torch.device:
    """Return a device of this machine, or refuse what torch knows none by."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
        refuse("device", str(device), f"a device that torch can use here ({shorten(str(error))})")
    return found


def copies_of(rows: ArrayLike, n_agents: int) -> int:
    """Return k where there are k A rows, one for each of A agents in k networks; 1 where they are no multiple."""
    count = len(rows) if type(rows) is np.ndarray and rows.ndim else len(np.atleast_1d(np.asarray(rows)))
    return count // n_agents if count and count % n_agents == 0 else 1


class Ring:
    """Rows of A agents in a ring that overwrites the oldest.

    Rows [0, n_kept) of an agent hold *transferred* instances, which stay; its own go round in the remaining rows.
    Without a stated ratio a sample is uniform over both.

    Parameters
    ----------
    n_agents, capacity, width : int
        A, rows per agent C, values per row W.
    device : torch.device or str
        Where the ring lies.

    Attributes
    ----------
    ring : Tensor of float32, (A, C, W)
        The rows.
    n_kept, n_own : ndarray of int64, (A,)
        Rows that were transferred, and an agent's own.
    next_row : ndarray of int64, (A,)
        Where an agent's next row goes.
    """

    @checked
    def __init__(self, n_agents: int, capacity: int, width: int, device: torch.device | str = "cpu") -> None:
        if capacity < 1:
            refuse("capacity", capacity, "at least 1")
        self.n_agents, self.capacity, self.width = n_agents, capacity, width
        self._make_ring(to_device(device))
        self.n_kept = np.zeros(n_agents, np.int64)
        self.n_own = np.zeros(n_agents, np.int64)
        self.next_row = np.zeros(n_agents, np.int64)

    def _make_ring(self, device: torch.device) -> None:
        # NumPy's zeros: the system maps pages when rows are first written, so an unused ring costs no memory.
        shape = (self.n_agents, self.capacity, self.width)
        on_cpu = device.type == "cpu"
        self.ring = torch.from_numpy(np.zeros(shape, np.float32)) if on_cpu else torch.zeros(shape, device=device)
        self._numpy: Float32 = self.ring.numpy() if on_cpu else np.zeros((0, 0, 0), np.float32)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: of the ring the rows that were ever written."""
        state = {name: value for name, value in vars(self).items() if name != "_numpy"}
        return {**state, "ring": self.ring[:, : int((self.n_kept + self.n_own).max())]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a ring of its own, which both its names are for, and write the rows into it."""
        rows = state.pop("ring")
        vars(self).update(state)
        self._make_ring(rows.device)
        self.ring[:, : rows.shape[1]] = rows

    @property
    def nbytes(self) -> int:
        """Memory of the ring in bytes, 4 A C W."""
        return self.ring.numel() * 4

    @property
    def array(self) -> Float32:
        """The ring as a NumPy array (A, C, W): shared memory on the CPU, a copy on other devices."""
        return self._numpy if self.ring.device.type == "cpu" else self.ring.cpu().numpy()

    def __len__(self) -> int:
        """Rows of the agent that has the fewest."""
        return int((self.n_kept + self.n_own).min())

    def advance(self) -> None:
        """Count the row that every agent has written at `next_row`."""
        self.next_row += 1
        full = self.next_row == self.capacity
        if full.any():
            self.next_row[full] = self.n_kept[full]
        np.minimum(self.n_own + 1, self.capacity - self.n_kept, out=self.n_own)

    def set_counters(self, n_kept: Int64, n_own: Int64, next_row: Int64) -> None:
        """Take over how the ring is filled, after writing its rows.

        Parameters
        ----------
        n_kept, n_own, next_row : ndarray of int64, (A,)
            Rows transferred and of the agent's own, and where its next one goes.

        Raises
        ------
        SlicefastError
            No ring of this capacity can be filled so; nothing is taken over.
        """
        types = {str(counter.dtype) for counter in (n_kept, n_own, next_row)}
        if types != {"int64"}:
            refuse("counters", sorted(types), "int64")
        room = self.capacity - n_kept
        right = (n_kept >= 0) & (room > 0) & (n_own >= 0) & (n_own <= room)
        right &= (next_row >= n_kept) & (next_row < self.capacity)
        right &= (n_own == room) | (next_row == n_kept + n_own)
        if not right.all():
            agent = int(np.argmin(right))
            got = f"{n_kept[agent]} kept, {n_own[agent]} own, next {next_row[agent]} of agent {agent}"
            refuse("counters", got, f"rows of a ring of {self.capacity}")
        self.n_kept, self.n_own, self.next_row = n_kept.copy(), n_own.copy(), next_row.copy()

    def order(self, agent: int, own_only: bool = False) -> Int64:
        """Return one agent's rows, transferred first unless left out, its own from oldest to newest."""
        kept, own, oldest = int(self.n_kept[agent]), int(self.n_own[agent]), int(self.n_kept[agent])
        if kept + own == self.capacity:
            oldest = int(self.next_row[agent])
        transferred = np.arange(0 if own_only else kept)
        return np.concatenate((transferred, np.arange(oldest, kept + own), np.arange(kept, oldest)))

    def keep(self, agent: int, rows: Float32) -> None:
        """Replace one agent's rows by transferred ones (n, W), which its own never overwrite.

        Parameters
        ----------
        agent : int
            Whose.
        rows : ndarray of float32, (n, W)
            Finite, fewer than the capacity.

        Raises
        ------
        SlicefastError
            They are not; nothing is replaced.
        """
        if len(rows) >= self.capacity:
            refuse("arrays", f"{len(rows)} rows", f"fewer than the capacity, {self.capacity}")
        if not np.isfinite(rows).all():
            bad = int(np.argmin(np.isfinite(rows).all(axis=1)))
            refuse(f"arrays row {bad}", rows[bad].tolist(), "finite numbers")
        self.ring[agent, : len(rows)] = torch.from_numpy(rows).to(self.ring.device)
        self.n_kept[agent], self.n_own[agent], self.next_row[agent] = len(rows), 0, len(rows)

    def sample(self, seed: int, agent_ids: Int64, step: int, batch_size: int, kept_in_batch: Int64) -> Int64:
        """Draw row indices (A, batch_size); see `kernels.sample_indices`.

        Parameters
        ----------
        seed : int
            The learner's.
        agent_ids : ndarray, (A,) int64
            Whose streams.
        step : int
            Number of the update.
        batch_size : int
            B.
        kept_in_batch : ndarray, (A,) int64
            Rows of the batch that are transferred ones, or below 0: uniform over all.
        """
        index = np.empty((self.n_agents, batch_size), np.int64)
        kernels.sample_indices(np.uint64(seed), agent_ids, step, self.n_kept, self.n_own, kept_in_batch, index)
        return index

    def gather(self, index: Int64) -> torch.Tensor:
        """Return the transitions at index (A, B) as a tensor (A, B, W) on the ring's device."""
        if self.ring.device.type == "cpu":
            out = np.empty((*index.shape, self.width), np.float32)
            kernels.gather(self._numpy, index, out)
            return torch.from_numpy(out)
        flat = index + np.arange(self.n_agents)[:, None] * self.capacity
        places = torch.from_numpy(flat.ravel()).to(self.ring.device)
        return self.ring.view(-1, self.width).index_select(0, places).view(*index.shape, self.width)


def ring_arrays(ring: Ring, name: str, rows: int) -> Arrays:
    """Return what a checkpoint keeps of a ring under a name: its first rows, and how it is filled."""
    counters: Arrays = {f"{name}.{counter}": getattr(ring, counter) for counter in _COUNTERS}
    return {f"{name}.rows": ring.ring[:, :rows].cpu().numpy(), **counters}


def fill_ring(ring: Ring, arrays: Arrays, name: str, rows: int, path: str | os.PathLike[str]) -> None:
    """Fill a new ring with what `ring_arrays` gave.

    Parameters
    ----------
    ring : Ring
        Of as many agents and as wide as that one; changed.
    arrays : dict of ndarray
        From a checkpoint.
    name : str
        The ring's in it.
    rows : int
        How many rows the checkpoint says it keeps.
    path : path-like
        The checkpoint, for messages.

    Raises
    ------
    CheckpointError
        An array is missing, of another shape or type, or not finite, or the rows are not what their counters say.
    SlicefastError
        No ring can be filled as the counters say.
    """
    counters = [checkpoint.take(arrays, f"{name}.{key}", (ring.n_agents,), path, np.int64) for key in _COUNTERS]
    ring.set_counters(*counters)
    if rows != int((ring.n_kept + ring.n_own).max()):
        raise CheckpointError(f"{path}: {rows} rows are not what its counters say")
    kept = checkpoint.take(arrays, f"{name}.rows", (ring.n_agents, rows, ring.width), path)
    ring.ring[:, :rows] = torch.from_numpy(kept).to(ring.ring.device)


@checked
class ReplayRing(Ring):
    """Transitions of A agents, [observation, action, reward, next observation] a row.

    Parameters
    ----------
    n_agents, capacity, obs_dim, action_dim : int
        A, rows per agent C, n_o and S.
    device : torch.device or str
        Where the ring lies.

    Examples
    --------
    >>> ring = sf.learn.ReplayRing(n_agents=2, capacity=10, obs_dim=3, action_dim=4)
    >>> ring.add(np.ones((2, 3)), np.full((2, 4), 0.25), np.ones(2), np.zeros((2, 3)))
    1
    >>> kept = ring.export(agent=0)
    >>> sorted(kept), len(ring)
    (['action', 'next_observation', 'observation', 'reward'], 1)
    >>> ring.load(agent=1, arrays=kept)
    """

    PARTS = ("observation", "action", "reward", "next observation")

    def __init__(
        self, n_agents: int, capacity: int, obs_dim: int, action_dim: int, device: torch.device | str = "cpu"
    ) -> None:
        between(1, n_agents=n_agents)
        between(1, 2**22, obs_dim=obs_dim, action_dim=action_dim)  # longer rows are no transitions
        super().__init__(n_agents, capacity, 2 * obs_dim + action_dim + 1, device)
        self.obs_dim, self.action_dim = obs_dim, action_dim
        self._staging = np.zeros((n_agents, 1, self.width), np.float32)
        self._zero_row = np.zeros(n_agents, np.int64)

    def add(
        self, observation: ArrayLike, action: ArrayLike, reward: ArrayLike, next_observation: ArrayLike, step: int = -1
    ) -> int:
        """Store k transitions of every agent, of k networks side by side; return k.

        Parameters
        ----------
        observation, next_observation : array_like, (k A, n_o)
            What was seen before and after; row i is agent i % A's.
        action : array_like, (k A, S)
            What was done.
        reward : array_like, (k A,)
            What was earned.
        step : int
            The learner's step, for the message.

        Raises
        ------
        SlicefastError
            A shape is wrong; nothing is stored.
        NonFiniteError
            A value is not finite; nothing is stored.
        """
        n, o, copies = self.n_agents, self.obs_dim, copies_of(reward, self.n_agents)
        parts = (
            as_float32("observation", observation, (copies * n, o)),
            as_float32("action", action, (copies * n, self.action_dim)),
            as_float32("reward", reward, (copies * n,)),
            as_float32("next_observation", next_observation, (copies * n, o)),
        )
        if copies > 1:  # one row for each agent is checked as it is stored
            for name, part in zip(self.PARTS, parts, strict=True):
                if not np.isfinite(part).all():
                    row = int(np.argmin(np.isfinite(part.reshape(copies * n, -1)).all(axis=1)))
                    raise NonFiniteError(name, row % n, step)
        for first in range(0, copies * n, n):
            self._add_one(step, *(part[first : first + n] for part in parts))
        return copies

    def _add_one(self, step: int, *parts: Float32) -> None:
        """Store one transition of every agent."""
        n = self.n_agents
        on_cpu = self.ring.device.type == "cpu"
        target, row = (self._numpy, self.next_row) if on_cpu else (self._staging, self._zero_row)
        bad = kernels.store(target, row, *parts)
        if bad >= 0:
            raise NonFiniteError(self.PARTS[bad % 4], bad // 4, step)
        if not on_cpu:
            agents = torch.arange(n, device=self.ring.device)
            rows = torch.from_numpy(self.next_row).to(self.ring.device)
            self.ring[agents, rows] = torch.from_numpy(self._staging[:, 0]).to(self.ring.device)
        self.advance()

    def export(self, agent: int, own_only: bool = False) -> dict[str, Float32]:
        """Return copies of one agent's transitions, transferred first unless left out, its own from oldest to newest.

        Keys: observation and next_observation (n, n_o), action (n, S), reward (n,).
        """
        between(0, self.n_agents - 1, agent=agent)
        rows = self.ring[agent, torch.from_numpy(self.order(agent, own_only)).to(self.ring.device)].cpu().numpy()
        o, s = self.obs_dim, self.action_dim
        return {
            "observation": rows[:, :o].copy(),
            "action": rows[:, o : o + s].copy(),
            "reward": rows[:, o + s].copy(),
            "next_observation": rows[:, o + s + 1 :].copy(),
        }

    def load(self, agent: int, arrays: Mapping[str, Any]) -> None:
        """Replace one agent's transitions by transferred instances, which its own experience never overwrites.

        Parameters
        ----------
        agent : int
            Whose.
        arrays : mapping of str to array_like
            What `export` returns.

        Raises
        ------
        SlicefastError
            A key is missing, a shape is wrong, a value is not finite, or there are as many rows as the capacity or more
            (no room would be left for the agent's own); nothing is replaced.
        """
        between(0, self.n_agents - 1, agent=agent)
        reward = arrays.get("reward", ())
        count = len(reward) if isinstance(reward, Sequence) or getattr(reward, "ndim", False) else 1
        missing = {"observation", "action", "reward", "next_observation"} - set(arrays)
        if missing:
            refuse("arrays", sorted(arrays), f"also {', '.join(sorted(missing))}")
        if count >= self.capacity:
            refuse("arrays", f"{count} rows", f"fewer than the capacity, {self.capacity}")
        o, s = self.obs_dim, self.action_dim
        rows = np.concatenate(
            (
                as_float32("arrays['observation']", arrays["observation"], (count, o)),
                as_float32("arrays['action']", arrays["action"], (count, s)),
                as_float32("arrays['reward']", arrays["reward"], (count,))[:, None],
                as_float32("arrays['next_observation']", arrays["next_observation"], (count, o)),
            ),
            axis=1,
        )
        self.keep(agent, rows)
