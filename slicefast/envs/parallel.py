"""PettingZoo ``ParallelEnv``: one agent per cell, acting in lock-step."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Coordination, observe, reward, to_simplex

Array = NDArray[np.float32]


def _spaces(scenario: Scenario, coordination: Coordination) -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Box]:
    n_observed = scenario.n_slices * (4 if coordination == "mean" else 3)
    observation = gymnasium.spaces.Box(0.0, np.inf, (n_observed,), np.float32)
    action = gymnasium.spaces.Box(0.0, 1.0, (scenario.n_slices,), np.float32)
    return observation, action


class SlicingParallelEnv(ParallelEnv[str, Array, Array]):  # type: ignore[misc]  # pettingzoo is untyped
    """One agent per cell, acting in lock-step; see :func:`parallel_env`."""

    metadata = {"name": "slicefast_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012
    render_mode = None

    def __init__(
        self,
        scenario: Scenario,
        seed: int = 0,
        n_steps: int = 200,
        coordination: Coordination = "mean",
        n_threads: int = 1,
    ):
        self.scenario = scenario
        self.coordination: Coordination = coordination
        self.n_steps = n_steps
        self.simulator = Simulator(scenario, seed=seed, n_threads=n_threads)
        self.possible_agents = [f"cell_{n + 1}" for n in range(scenario.n_cells)]
        self.agents: list[str] = []
        self._seed = seed
        spaces = {agent: _spaces(scenario, coordination) for agent in self.possible_agents}
        self.observation_spaces = {agent: pair[0] for agent, pair in spaces.items()}
        self.action_spaces = {agent: pair[1] for agent, pair in spaces.items()}

    def observation_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the Box (4S,) of ``agent``, float32: see :func:`slicefast.kpis.observe`."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Box:
        """Return the Box [0, 1]^S of ``agent``; actions are normalised by :func:`to_simplex`."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, dict[str, Any]]]:
        """Place the users anew and play one step under the uniform partition; without a seed, the last one plus one."""
        self._seed = self._seed + 1 if seed is None else seed
        kpis = self.simulator.reset(self._seed)
        self.agents = list(self.possible_agents)
        observation = observe(kpis, self.scenario, self.coordination)
        return dict(zip(self.agents, observation, strict=True)), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Array]
    ) -> tuple[dict[str, Array], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Play one decision step; every agent is truncated after ``n_steps`` and never terminated."""
        shares = to_simplex(np.stack([actions[agent] for agent in self.agents]))
        kpis = self.simulator.step(shares)
        observation = observe(kpis, self.scenario, self.coordination)
        rewards = reward(kpis, self.scenario)
        over = self.simulator.step_index >= self.n_steps
        names = self.agents
        infos: dict[str, dict[str, Any]] = {
            agent: {"throughput_bps": kpis.throughput_bps[n], "delay_ms": kpis.delay_ms[n]}
            for n, agent in enumerate(names)
        }
        if over:
            self.agents = []
        return (
            dict(zip(names, observation, strict=True)),
            dict(zip(names, rewards.tolist(), strict=True)),
            dict.fromkeys(names, False),
            dict.fromkeys(names, over),
            infos,
        )

    def state(self) -> Array:
        """Return all agents' observations joined, shape (N * 4S,), for centralised critics."""
        return observe(self.simulator.kpis, self.scenario, self.coordination).ravel()

    def render(self) -> None:
        """Draw nothing: figures are made from result files."""

    def close(self) -> None:
        """Free nothing: the simulator goes with the environment."""


def parallel_env(scenario: Scenario, seed: int = 0, **options: Any) -> SlicingParallelEnv:
    """Return a PettingZoo ``ParallelEnv`` with one agent ``cell_n`` per cell.

    Observations are float32 (4S,), actions float32 (S,) in the box [0, 1], normalised to the simplex; rewards are
    the r_n of :func:`slicefast.kpis.reward`. Options: ``n_steps`` per episode (200), ``coordination`` ("mean" or
    "none"), ``n_threads``.
    """
    return SlicingParallelEnv(scenario, seed=seed, **options)
