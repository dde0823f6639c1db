"""What both environments have in common: spaces, lengths and seeds of episodes."""

from __future__ import annotations

import gymnasium
import numpy as np

from slicefast.errors import refuse
from slicefast.task import Task


def spaces(task: Task) -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Box]:
    """Return the spaces of one agent's observations, (n_o,) float32 unbounded, and actions, [0, 1]^S float32."""
    observation = gymnasium.spaces.Box(-np.inf, np.inf, (task.observation_size,), np.float32)
    return observation, gymnasium.spaces.Box(0.0, 1.0, (task.action_size,), np.float32)


def check_length(n_steps: int) -> int:
    """Return the steps of an episode; SlicefastError unless there is at least one."""
    if n_steps < 1:
        refuse("n_steps", n_steps, "at least 1")
    return n_steps


class EpisodeSeeds:
    """The simulators' seeds of an environment's episodes.

    Episode 0 plays the seed s itself, so it is that of `Simulator(scenario, seed=s)`; episode k > 0 the first 64-bit
    word of SeedSequence((s, k)), so episodes of neighbouring seeds have no network in common.

    Parameters
    ----------
    seed : int
        s, at least 0.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._episode = _checked(seed), 0

    def next(self, seed: int | None = None) -> int:
        """Return the seed of the next episode; with a seed it is episode 0 of that seed.

        Raises
        ------
        SlicefastError
            The seed is negative.
        """
        if seed is not None:
            self._seed, self._episode = _checked(seed), 0
        episode, self._episode = self._episode, self._episode + 1
        if episode == 0:
            return self._seed
        return int(np.random.SeedSequence((self._seed, episode)).generate_state(1, np.uint64)[0])


def _checked(seed: int) -> int:
    if seed < 0:
        refuse("seed", seed, "an integer of at least 0")
    return int(seed)
