"""Which networks a study plays and where its learners' randomness starts.

A study repeats, for every seed, one experiment on two networks of the scenario: the *source* network, where agents
learn from scratch, and the *target* network (another seed: other users, shadowing and traffic mask), where every arm
plays the same steps.
"""

from __future__ import annotations

import zlib

import numpy as np

_FURTHER = 1_000_000  # between the seeds of training networks; even, and far above any study's seed


def source_network_seed(seed: int) -> int:
    """Return the simulator seed of a study seed's source network."""
    return 2 * seed


def target_network_seed(seed: int) -> int:
    """Return the simulator seed of a study seed's target network."""
    return 2 * seed + 1


def training_network_seed(seed: int, number: int) -> int:
    """Return the simulator seed of a network that the counterfactual policy learns on: the source network, then others.

    They are even, as source networks' are, so that none is the target network of any seed.

    Parameters
    ----------
    seed : int
        The study's.
    number : int
        Which network, from 0.
    """
    return source_network_seed(seed) + _FURTHER * number


def stream_seed(seed: int, stream: str) -> int:
    """Return the learner seed of a stream: independent of every other stream and of the order they run in."""
    return int(np.random.SeedSequence([seed, zlib.crc32(stream.encode())]).generate_state(1)[0])
