"""Gymnasium ``VectorEnv``: R replicas x N cells, one policy for all cells."""

from __future__ import annotations

from typing import Any, Unpack

import gymnasium
import numpy as np
from numpy.typing import NDArray

from slicefast.envs.episodes import Episodes, spaces
from slicefast.errors import refuse
from slicefast.radio import Gains
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task, TaskOptions
from slicefast.units import Bool, Float32, Float64


class VectorEnv(gymnasium.vector.VectorEnv[Float32, Float32, NDArray[Any]]):
    """R replicas x N cells as R N sub-environments of Gymnasium's vector API, one policy for all cells.

    Sub-environment i is cell i % N of replica i // N. Observations are float32 (R N, n_o), actions (R N, S) in the box
    [0, 1], of which `Task.to_shares` makes shares, rewards float64 (R N,). All are truncated together after ``n_steps``
    and reset on the next step, whose actions and rewards count for nothing (Gymnasium's NEXT_STEP autoreset).

    Parameters
    ----------
    scenario : Scenario or Task
        What is played.
    n_replicas : int
        R; replica r is that of ``Simulator(scenario, seed, n_replicas=R)``.
    seed : int
        Seed of the first episode. Later episodes, each after a reset without a seed, play seeds drawn from it: episode
        k the first word of ``SeedSequence((seed, k))``.
    n_steps : int
        Steps per episode.
    n_threads : int
        Threads over which replicas are shared.
    gains : GainMap or GainSeries, optional
        Of the simulator.
    features, reward, coordination
        Of `Task`, where a scenario is given.

    Raises
    ------
    SlicefastError
        An option is out of range or unknown, or a task came with options of its own.
    """

    metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012
    render_mode = None

    def __init__(
        self,
        scenario: Scenario | Task,
        n_replicas: int = 1,
        seed: int = 0,
        n_steps: int = 200,
        n_threads: int = 1,
        gains: Gains | None = None,
        **options: Unpack[TaskOptions],
    ):
        self.task = Task.of(scenario, **options)
        self._episodes = Episodes(self.task, seed, n_steps, n_replicas, n_threads, gains)
        self.num_envs = n_replicas * self.task.n_agents
        self.single_observation_space, self.single_action_space = spaces(self.task)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, self.num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, self.num_envs)
        self._playing = self._autoreset = False

    @property
    def n_steps(self) -> int:
        """Steps of an episode."""
        return self._episodes.n_steps

    @property
    def simulator(self) -> Simulator:
        """The simulator of the episode; SlicefastError before the first reset and after `close`."""
        return self._episodes.simulator

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32, dict[str, Any]]:
        """Start the next episode of every replica and play one step under the equal split.

        Parameters
        ----------
        seed : int, optional
            Starts anew with the first episode of this seed, one integer for all replicas.
        options : dict, optional
            Not used.

        Raises
        ------
        SlicefastError
            The seed is a list, or negative.
        """
        if isinstance(seed, list):
            refuse("seed", seed, "one integer; replicas derive their own streams from it")
        self._episodes.start(seed)
        self._playing, self._autoreset = True, False
        return self._observe(), {}

    def step(self, actions: Float32) -> tuple[Float32, Float64, Bool, Bool, dict[str, Any]]:
        """Play one decision step of every replica.

        Parameters
        ----------
        actions : ndarray, (R N, S)
            One row per sub-environment.

        Returns
        -------
        observations, rewards, terminations, truncations, infos
            Arrays of R N rows; the infos are empty.

        Raises
        ------
        SlicefastError
            The environment was never reset, or an action is of another shape or not finite; nothing is played then.
        """
        if not self._playing:
            refuse("step", "an environment without an episode", "after reset()")
        none = np.zeros(self.num_envs, np.bool_)
        if self._autoreset:
            observation, info = self.reset()
            return observation, np.zeros(self.num_envs), none, none.copy(), info
        wanted = (self.num_envs, self.task.action_size)
        if np.shape(actions) != wanted:
            refuse("actions", f"shape {np.shape(actions)}", f"shape {wanted}")
        kpis = self.simulator.step(self.task.to_shares(actions).reshape(self.simulator.shares_shape))
        rewards = self.task.reward(kpis).reshape(self.num_envs).astype(np.float64)
        self._autoreset = self._episodes.over
        return self._observe(), rewards, none, np.full(self.num_envs, self._autoreset), {}

    def close_extras(self, **kwargs: Any) -> None:
        """End the episode and let go of the simulator, its threads and its network; `close` calls this once."""
        self._playing = self._autoreset = False
        self._episodes.close()

    def _observe(self) -> Float32:
        return self.task.observe(self.simulator.kpis).reshape(self.num_envs, -1)
