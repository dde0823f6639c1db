"""One seed, many independent streams of random numbers, one per purpose and replica."""

from __future__ import annotations

import operator
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slicefast.errors import described, refuse

STREAMS = ("placement", "mobility", "traffic", "shadowing", "mask")


def _sequence(seed: int, name: str, replica: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()), replica))


class Streams:
    """The named generators of one replica.

    Each is a ``Generator(PCG64DXSM)`` seeded by ``SeedSequence(seed, spawn_key=(crc32(name), replica))``. A stream thus
    depends on the seed, its name and its replica only: not on how many replicas run, nor on which other streams exist.

    Parameters
    ----------
    seed : int
        At least 0.
    replica : int
        Index of the replica, at least 0.

    Attributes
    ----------
    placement, mobility, traffic, shadowing, mask : numpy.random.Generator
        Where users are and who is indoors, how they turn, when packets come, the fields of shadowing and line of
        sight, the traffic mask.
    harq_seed : int
        64 bits for the block errors, which the core draws by counter.

    Raises
    ------
    SlicefastError
        The seed or the replica is no integer of at least 0.

    Examples
    --------
    >>> from slicefast.rng import Streams
    >>> streams = Streams(seed=0)
    >>> before, number = streams.state(), streams.traffic.random()
    >>> streams.set_state(before)
    >>> streams.traffic.random() == number
    True
    """

    placement: np.random.Generator
    mobility: np.random.Generator
    traffic: np.random.Generator
    shadowing: np.random.Generator
    mask: np.random.Generator

    def __init__(self, seed: int, replica: int = 0) -> None:
        self.seed = _natural("seed", seed)
        self.replica = _natural("replica", replica)
        for name in STREAMS:
            generator = np.random.Generator(np.random.PCG64DXSM(_sequence(self.seed, name, self.replica)))
            setattr(self, name, generator)
        self._trial = np.random.PCG64DXSM(0)  # states are tried on it first
        self.harq_seed = int(_sequence(self.seed, "harq", self.replica).generate_state(1, np.uint64)[0])

    def __repr__(self) -> str:
        return f"Streams(seed={self.seed}, replica={self.replica})"

    def state(self) -> dict[str, Any]:
        """Return the state of every stream, as values that JSON can hold."""
        return {name: getattr(self, name).bit_generator.state for name in STREAMS}

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Refuse what `set_state` would.

        Raises
        ------
        SlicefastError
            A stream is missing or is no generator's state.
        """
        missing = [name for name in STREAMS if name not in state]
        if missing:
            refuse("state", described(f"no stream {missing[0]!r}"), ", ".join(STREAMS))
        for name in STREAMS:
            try:
                self._trial.state = state[name]
            except (KeyError, TypeError, ValueError) as error:
                refuse(f"state of stream {name!r}", error, "what Streams.state returned")

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue every stream from a state that `state` returned.

        Raises
        ------
        SlicefastError
            A stream is missing or is no generator's state; nothing is changed.
        """
        self.check_state(state)
        for name in STREAMS:
            getattr(self, name).bit_generator.state = state[name]


def episode_seed(seed: int, number: int) -> int:
    """Return the seed of an environment's episode: its own for episode 0, then words of SeedSequence((seed, number)).

    So episodes of neighbouring seeds have no network in common.

    Parameters
    ----------
    seed : int
        The environment's, at least 0.
    number : int
        The episode's, from 0.

    Examples
    --------
    >>> from slicefast.rng import episode_seed
    >>> episode_seed(5, 0), episode_seed(5, 1) != episode_seed(6, 1)
    (5, True)
    """
    if number == 0:
        return seed
    return int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])


@dataclass(frozen=True)
class Restarts:
    """When a training network starts anew, and with which seed: `episode_seed`.

    Attributes
    ----------
    seed : int
        The network's first seed, at least 0.
    every_steps : int
        Steps between two starts, at least 1.

    Examples
    --------
    >>> from slicefast.rng import Restarts
    >>> restarts = Restarts(seed=3, every_steps=200)
    >>> restarts.seed_at(0), restarts.seed_at(100), restarts.seed_at(200) is not None
    (None, None, True)
    """

    seed: int
    every_steps: int

    def __post_init__(self) -> None:
        """Raise SlicefastError where a number is out of range."""
        for name, value, least in (("seed", self.seed, 0), ("every_steps", self.every_steps, 1)):
            if value < least:
                refuse(name, value, f"at least {least}")

    def seed_at(self, step: int) -> int | None:
        """Return the seed of the network that starts at a step; None where none does, and for the first step."""
        number, rest = divmod(step, self.every_steps)
        return episode_seed(self.seed, number) if number and not rest else None


def _natural(name: str, value: int) -> int:
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        refuse(name, value, "an integer of at least 0")
    return number
