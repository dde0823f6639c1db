"""One seed, many independent streams of random numbers, one per purpose and replica."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

STREAMS = ("placement", "mobility", "traffic", "shadowing", "mask", "policy", "replay")


class Streams:
    """The named generators of one replica.

    Each is a ``Generator(PCG64DXSM)`` seeded by ``SeedSequence(seed, spawn_key=(crc32(name), replica))``. A stream thus
    depends on the seed, its name and its replica only: not on how many replicas run, nor on which other streams exist.

    Parameters
    ----------
    seed : an int >= 0.
    replica : index of the replica, >= 0.

    Raises
    ------
    ValueError : seed or replica is negative.
    """

    placement: np.random.Generator
    mobility: np.random.Generator
    traffic: np.random.Generator
    shadowing: np.random.Generator
    mask: np.random.Generator
    policy: np.random.Generator
    replay: np.random.Generator

    def __init__(self, seed: int, replica: int = 0) -> None:
        for name, value in (("seed", seed), ("replica", replica)):
            if value < 0:
                raise ValueError(f"{name} = {value}: must be at least 0")
        self.seed = int(seed)
        self.replica = int(replica)
        for name in STREAMS:
            sequence = np.random.SeedSequence(self.seed, spawn_key=(zlib.crc32(name.encode()), self.replica))
            setattr(self, name, np.random.Generator(np.random.PCG64DXSM(sequence)))

    def __repr__(self) -> str:
        return f"Streams(seed={self.seed}, replica={self.replica})"

    def state(self) -> dict[str, Any]:
        """Return the state of every stream, as values that JSON can hold."""
        return {name: getattr(self, name).bit_generator.state for name in STREAMS}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue every stream where `state` found it; ValueError, and nothing changed, if a stream is missing."""
        missing = [name for name in STREAMS if name not in state]
        if missing:
            raise ValueError(f"state has no stream {missing[0]!r}; needed: {', '.join(STREAMS)}")
        for name in STREAMS:
            getattr(self, name).bit_generator.state = state[name]
