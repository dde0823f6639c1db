"""What the environments have in common: spaces, and episodes with their lengths, seeds and simulator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from slicefast.errors import described, refuse
from slicefast.kpis import Kpis
from slicefast.radio import Gains
from slicefast.radio.gain_map import OwnGains
from slicefast.rng import episode_seed
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task
from slicefast.threads import usable_threads
from slicefast.traffic import series

with warnings.catch_warnings():  # what SciPy adds to the user's filters
    import scipy.special  # noqa: F401 - a network needs it, and no reset shall wait for an import


def spaces(task: Task) -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Box]:
    """Return the spaces of one agent's observations, float32 (n_o,), and actions, float32 (S,); both are bounded."""
    observation = gymnasium.spaces.Box(*task.observation_bounds(), dtype=np.float32)
    least = 0.0 if task.actions == "simplex" else -1.0
    return observation, gymnasium.spaces.Box(least, 1.0, (task.action_size,), np.float32)


def with_logits(scenario: Scenario | Task, options: Mapping[str, Any]) -> tuple[Scenario | Task, dict[str, Any]]:
    """Return what learners that draw Gaussians around 0 play: with "symmetric" actions unless others were given."""
    if isinstance(scenario, Task):
        return scenario.for_gaussians(), dict(options)
    return scenario, {"actions": "symmetric", **options}


def task_of_box(trained_on: gymnasium.Space[Any] | None, task: Task) -> Task:
    """Return the task with actions where those of what was trained lie, or refuse it: shares would be others.

    A task that was given no actions has those, "simplex" or "symmetric", that the environment gave it.
    """
    box, played = spaces(task)[1], task.for_gaussians()
    if trained_on == box:
        return task
    if trained_on != spaces(played)[1]:
        refuse("task", described(f"one with actions in {box}"), f"the one trained on, with actions in {trained_on}")
    return played


class Episodes:
    """The episodes of an environment, and the simulator that plays them.

    The network is built when the first episode starts, not before: libraries make environments without playing them,
    and give the seed with the first reset.

    Parameters
    ----------
    task : Task
        What is played.
    seed : int
        Seed of the first episode, see `EpisodeSeeds`.
    n_steps : int
        Steps of an episode.
    n_replicas, n_threads, gains, place_seed
        Of the simulator; with a ``place_seed`` every episode is in the same place.

    Raises
    ------
    SlicefastError
        A number is out of range, or the gains are for another scenario.
    """

    def __init__(
        self,
        task: Task,
        seed: int,
        n_steps: int,
        n_replicas: int = 1,
        n_threads: int = 1,
        gains: Gains | None = None,
        place_seed: int | None = None,
    ) -> None:
        usable_threads(n_threads)  # refuses here what the simulator would
        for name, value in (("n_steps", n_steps), ("n_replicas", n_replicas)):
            if value < 1:
                refuse(name, value, "at least 1")
        series.note(task.scenario)  # reads its trace, once for all episodes
        if gains is not None:
            OwnGains.fit(gains, task.scenario)  # refuses here what the simulator would refuse at the first reset
        self.n_steps = n_steps
        self._scenario = task.scenario
        self._n_replicas, self._n_threads, self._gains = n_replicas, n_threads, gains
        self._place_seed = None if place_seed is None else _checked(place_seed, "place_seed")
        self._seeds: EpisodeSeeds | list[EpisodeSeeds] = EpisodeSeeds(seed)
        self._simulator: Simulator | None = None

    @property
    def simulator(self) -> Simulator:
        """The simulator of the episode; SlicefastError before the first one and after `close`."""
        if self._simulator is None:
            refuse("simulator", "an environment without an episode", "after reset()")
        return self._simulator

    @property
    def over(self) -> bool:
        """Whether the episode has had all its steps."""
        return self.simulator.step_index >= self.n_steps

    def start(self, seed: int | Sequence[int] | None = None) -> Kpis:
        """Start the next episode and play one step under the equal split.

        Parameters
        ----------
        seed : int or sequence of int, (R,), optional
            Starts anew with the first episode of this seed, or every replica with that of its own; replicas with seeds
            of their own go on with them.

        Returns
        -------
        Kpis
            What that step measured.

        Raises
        ------
        SlicefastError
            A seed is negative.
        """
        if seed is not None:
            self._seeds = (
                EpisodeSeeds(seed) if isinstance(seed, int | np.integer) else [EpisodeSeeds(own) for own in seed]
            )
        own = self._seeds
        played = own.next() if isinstance(own, EpisodeSeeds) else [seeds.next() for seeds in own]
        if self._simulator is None:
            self._simulator = Simulator(
                self._scenario,
                played,
                self._n_replicas,
                self._n_threads,
                gains=self._gains,
                place_seed=self._place_seed,
            )
        return self._simulator.reset(played)

    def close(self) -> None:
        """Let go of the network; a later `start` builds it again."""
        self._simulator = None


class EpisodeSeeds:
    """The simulators' seeds of an environment's episodes.

    Episode 0 plays the seed s itself, so it is that of `Simulator(scenario, seed=s)`; episode k > 0 the first 64-bit
    word of SeedSequence((s, k)): `slicefast.rng.episode_seed`.

    Parameters
    ----------
    seed : int
        s, at least 0.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._episode = _checked(seed), 0

    def next(self) -> int:
        """Return the seed of the next episode."""
        episode, self._episode = self._episode, self._episode + 1
        return episode_seed(self._seed, episode)


def _checked(seed: int, name: str = "seed") -> int:
    if seed < 0:
        refuse(name, seed, "an integer of at least 0")
    return int(seed)
