"""Gymnasium ``VectorEnv``: R replicas x the cells that learn, one policy for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from slicefast.arguments import checked, hold_numbers
from slicefast.envs.episodes import Episodes, spaces
from slicefast.errors import described, refuse
from slicefast.kpis import CELL_KPIS, Kpis
from slicefast.plot.rendering import RENDER_MODES, Picture
from slicefast.policies import Policy, equal_split
from slicefast.radio import Gains
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task, TaskOptions
from slicefast.units import Bool, Float32, Float64, Index


@checked
class VectorEnv(gymnasium.vector.VectorEnv[Float32, Float32, NDArray[Any]]):
    """R replicas x A learning cells as R A sub-environments of Gymnasium's vector API, one policy for all cells.

    Sub-environment i is learning cell i % A of replica i // A. Observations are float32 (R A, n_o), actions (R A, S) in
    the task's box, of which `Task.to_shares` makes shares, rewards float64 (R A,). For learners that draw Gaussians
    around 0, as PPO does: ``actions="symmetric"``. All are truncated together after ``n_steps``. With NEXT_STEP
    autoreset they are reset on the next step, whose actions and rewards count for nothing; with SAME_STEP at once, and
    the infos hold "final_obs" and "final_info".

    Infos hold the seven KPIs of `Kpis` by name, (R A, S) each and read-only, with Gymnasium's masks.

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
    gains, place_seed
        Of the simulator; with a ``place_seed`` every episode is in the same place.
    agents : sequence of str, optional
        The cells that learn, such as "cell_1"; all A = N unless given.
    others : Policy
        Divides the cells that do not learn, the equal split unless given.
    autoreset_mode : AutoresetMode
        When an episode that is over is reset: NEXT_STEP or SAME_STEP.
    render_mode : {"human", "rgb_array"}, optional
        "human" shows every step in a window; "rgb_array" is what `render` returns.
    features, reward, coordination, actions
        Of `Task`, where a scenario is given.

    Raises
    ------
    SlicefastError
        An option is out of range or unknown, or a task came with options of its own.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> env = sf.VectorEnv(scenario, n_replicas=2, actions="symmetric", render_mode="rgb_array")
    >>> observation, infos = env.reset(seed=0)
    >>> observation.shape, infos["throughput_bps"].shape
    ((6, 16), (6, 4))
    >>> bool((env.step(env.action_space.sample())[1] <= 1.0).all())
    True
    >>> len(env.render()), env.render()[0].shape  # a picture of every network
    (2, (560, 640, 3))
    """

    closed = True  # until it is made: there is nothing yet that `close` could end

    def __init__(
        self,
        scenario: Scenario | Task,
        n_replicas: int = 1,
        seed: int = 0,
        n_steps: int = 200,
        n_threads: int = 1,
        gains: Gains | None = None,
        place_seed: int | None = None,
        *,
        agents: Sequence[str] | None = None,
        others: Policy = equal_split,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **options: Unpack[TaskOptions],
    ):
        self.task = Task.of(scenario, **options)
        self.agents = tuple(self.task.agent_names if agents is None else agents)
        self._cells = _cells_of(self.task, self.agents)
        self._others = None if self.agents == self.task.agent_names else others
        if autoreset_mode not in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
            refuse("autoreset_mode", autoreset_mode, "AutoresetMode.NEXT_STEP or .SAME_STEP")
        self._picture = Picture(render_mode)
        self.render_mode = render_mode
        self.metadata = {"autoreset_mode": autoreset_mode, "render_modes": list(RENDER_MODES), "render_fps": 4}
        self._episodes = Episodes(self.task, seed, n_steps, n_replicas, n_threads, gains, place_seed)
        self.num_envs = n_replicas * len(self._cells)
        self.single_observation_space, self.single_action_space = spaces(self.task)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, self.num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, self.num_envs)
        self._playing = self._autoreset = False
        self.closed = False

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
        seed : int or list of int, (R A,), optional
            Starts anew with the first episode of this seed; or every replica with that of its own, which its A
            sub-environments have in common, and which a lone network of that seed plays.
        options : dict, optional
            Not used, but for Gymnasium's "reset_mask", which must be of all: they end together.

        Raises
        ------
        SlicefastError
            A seed is negative, or none, not that of the replica's other sub-environments, or that of another replica;
            or some sub-environments shall go on.
        """
        mask = (options or {}).get("reset_mask", True)
        if not np.all(mask):
            refuse("reset_mask", mask, "all of them, which end together")
        if seed is None or isinstance(seed, int | np.integer):
            kpis = self._episodes.start(seed)
        else:
            kpis = self._episodes.start(self._of_replicas(list(seed)))
        self._playing, self._autoreset = True, False
        self._picture.show(self.simulator, self.task)
        return self._learning(self.task.observe(kpis)), self._infos(kpis)

    def step(self, actions: ArrayLike) -> tuple[Float32, Float64, Bool, Bool, dict[str, Any]]:
        """Play one decision step of every replica.

        Parameters
        ----------
        actions : ndarray, (R A, S)
            One row per sub-environment.

        Returns
        -------
        observations, rewards, terminations, truncations, infos
            Arrays of R A rows; no episode is ever terminated.

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
        kpis = self.simulator.step(self._shares(actions))
        self._picture.show(self.simulator, self.task)
        rewards = self._learning(self.task.reward(kpis)).astype(np.float64)
        observation, info = self._learning(self.task.observe(kpis)), self._infos(kpis)
        over = self._episodes.over
        if over and self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP:
            final = np.empty(self.num_envs, object)
            final[:] = list(observation)
            ended, all_of_them = info, ~none
            observation, info = self.reset()
            info |= {"final_obs": final, "_final_obs": all_of_them, "final_info": ended, "_final_info": all_of_them}
        else:
            self._autoreset = over
        return observation, rewards, none, np.full(self.num_envs, over), info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return the picture of each replica's network, R arrays (height, width, 3), or None unless "rgb_array".

        Cells are coloured by load, with a bar of each slice's satisfaction; dots are users, coloured by SINR.
        """
        return self._picture.of_all(self.simulator, self.task)

    def close_extras(self, **kwargs: Any) -> None:
        """End the episode and let go of the simulator, its threads and its network; `close` calls this once."""
        self._playing = self._autoreset = False
        self._picture.close()
        self._episodes.close()

    def _of_replicas(self, seeds: Sequence[int | None]) -> list[int]:
        """Return the seed of each replica."""
        n_cells = len(self._cells)
        groups = [seeds[first : first + n_cells] for first in range(0, len(seeds), n_cells)]
        if len(seeds) != self.num_envs or None in seeds or any(len(set(group)) > 1 for group in groups):
            each = f"{n_cells} alike for the cells of each replica" if n_cells > 1 else "one per replica"
            refuse("seed", list(seeds), f"one integer, or {self.num_envs}, {each}")
        own = [int(group[0] or 0) for group in groups]
        if len(set(own)) < len(own):
            refuse("seed", own, "another of every replica: those of one seed are the same network")
        return own

    def _shares(self, actions: ArrayLike) -> Float64:
        wanted = (self.num_envs, self.task.action_size)
        if np.shape(actions) != wanted:
            refuse("actions", described(f"shape {np.shape(actions)}"), f"shape {wanted}")
        shape = self.simulator.shares_shape
        learned = self.task.to_shares(np.reshape(actions, (*shape[:-2], -1, shape[-1])), self.agents)
        if self._others is None:
            return learned
        others = self._others(self.simulator, self.task.observe(self.simulator.kpis))
        hold_numbers("shares of the other cells' policy", others)
        shares = np.array(others, np.float64)
        if shares.shape != shape:
            refuse("shares of the other cells' policy", described(f"shape {shares.shape}"), f"shape {shape}")
        shares[..., self._cells, :] = learned
        return shares

    def _learning(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the learning cells' part of (N, ...) or (R, N, ...), as rows of sub-environments."""
        cell_axis = len(self.simulator.shares_shape) - 2
        rows = values if self._others is None else values.take(self._cells, axis=cell_axis)
        return rows.reshape(self.num_envs, *values.shape[cell_axis + 1 :])

    def _infos(self, kpis: Kpis) -> dict[str, Any]:
        every = np.ones(self.num_envs, np.bool_)
        infos: dict[str, Any] = {}
        for name in CELL_KPIS:
            infos[name], infos[f"_{name}"] = self._learning(getattr(kpis, name)), every
        return infos


def _cells_of(task: Task, agents: tuple[str, ...]) -> Index:
    """Return the numbers of named cells, (A,), in the order of the names.

    Raises
    ------
    SlicefastError
        A name is no agent's or comes twice, or there is none.
    """
    names = task.agent_names
    if not agents or len(set(agents)) < len(agents):
        refuse("agents", agents, "a list of names, each once")
    unknown = [name for name in agents if name not in names]
    if unknown:
        refuse("agents", unknown[0], f"{names[0]} to {names[-1]}")
    return np.array([names.index(name) for name in agents])
