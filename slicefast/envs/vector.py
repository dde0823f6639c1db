"""Gymnasium ``VectorEnv``: R replicas x N cells, one policy for all cells."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from slicefast.envs.parallel import _spaces
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Coordination, observe, reward, to_simplex

Array = NDArray[np.float32]


class VectorEnv(gymnasium.vector.VectorEnv[Array, Array, NDArray[Any]]):
    """R replicas x N cells as R*N sub-environments of Gymnasium's vector API, one policy for all cells.

    Sub-environment i is cell i % N of replica i // N. Observations are float32 (R*N, 4S), actions (R*N, S) in the box
    [0, 1], normalised to the simplex, rewards float64 (R*N,). All are truncated together after ``n_steps`` and reset
    on the next step (Gymnasium's NEXT_STEP autoreset).
    """

    metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012
    render_mode = None

    def __init__(
        self,
        scenario: Scenario,
        n_replicas: int = 1,
        seed: int = 0,
        n_steps: int = 200,
        coordination: Coordination = "mean",
        n_threads: int = 1,
    ):
        self.scenario = scenario
        self.coordination: Coordination = coordination
        self.n_steps = n_steps
        self.simulator = Simulator(scenario, seed=seed, n_replicas=n_replicas, n_threads=n_threads)
        self.num_envs = n_replicas * scenario.n_cells
        self.single_observation_space, self.single_action_space = _spaces(scenario, coordination)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, self.num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, self.num_envs)
        self._seed = seed
        self._autoreset = False

    def _observe(self) -> Array:
        return observe(self.simulator.kpis, self.scenario, self.coordination).reshape(self.num_envs, -1)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Place the users of every replica anew; ``seed`` is one integer for all, without it the last one plus one."""
        if isinstance(seed, list):
            raise ValueError("seed: got a list, allowed: one integer; replicas derive their own streams from it")
        self._seed = self._seed + 1 if seed is None else seed
        self.simulator.reset(self._seed)
        self._autoreset = False
        return self._observe(), {}

    def step(
        self, actions: Array
    ) -> tuple[Array, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Play one decision step of every replica."""
        if self._autoreset:
            observation, info = self.reset()
            none = np.zeros(self.num_envs, np.bool_)
            return observation, np.zeros(self.num_envs), none, none.copy(), info
        shape = self.simulator.shares_shape
        kpis = self.simulator.step(to_simplex(actions).reshape(shape))
        rewards = reward(kpis, self.scenario).reshape(self.num_envs).astype(np.float64)
        self._autoreset = self.simulator.step_index >= self.n_steps
        truncated = np.full(self.num_envs, self._autoreset)
        return self._observe(), rewards, np.zeros(self.num_envs, np.bool_), truncated, {}
