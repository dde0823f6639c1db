"""One cell of a network as a Gymnasium environment: ``gymnasium.make("slicefast/Cell-v0")``."""

from __future__ import annotations

from typing import Any, Unpack

import gymnasium
import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast.arguments import between, checked
from slicefast.envs.episodes import with_logits
from slicefast.envs.vector import VectorEnv
from slicefast.errors import described, refuse
from slicefast.plot.rendering import RENDER_MODES
from slicefast.policies import Policy, equal_split
from slicefast.radio import Gains
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task, TaskOptions
from slicefast.units import Float32


class CellOptions(TaskOptions, total=False):
    """What `CellEnv` hands on: options of `VectorEnv`, and of `Task`."""

    seed: int
    n_steps: int
    gains: Gains | None
    place_seed: int | None
    render_mode: str | None


@checked
def cell_vector_env(
    num_envs: int = 1,
    scenario: Scenario | Task | None = None,
    cell: str = "cell_1",
    others: Policy = equal_split,
    **options: Unpack[CellOptions],
) -> VectorEnv:
    """Return ``num_envs`` networks of which one cell each learns, as ``gymnasium.make_vec("slicefast/Cell-v0")`` does.

    Parameters
    ----------
    num_envs : int
        Networks, each a sub-environment: the replicas of one batched step.
    scenario, cell, others, options
        As of `CellEnv`.

    Examples
    --------
    >>> import gymnasium
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> env = gymnasium.make_vec("slicefast/Cell-v0", num_envs=2, scenario=scenario)
    >>> env.reset(seed=0)[0].shape
    (2, 16)
    """
    played = Scenario.paper() if scenario is None else scenario
    network = played.scenario if isinstance(played, Task) else played
    if cell not in {f"cell_{number}" for number in range(1, network.n_cells + 1)}:
        refuse("cell", cell, f"cell_1 to cell_{network.n_cells}")
    between(1, 1_000_000, num_envs=num_envs)
    shown, rest = with_logits(played, options)
    return VectorEnv(shown, num_envs, agents=[cell], others=others, **rest)


@checked
class CellEnv(gymnasium.Env[Float32, Float32]):
    """One cell of a network learns, the others follow a policy.

    Observations are float32 (n_o,), actions float32 (S,) in the box [-1, 1], scaled logits of the shares, unless
    ``actions="simplex"``: learners draw Gaussians around 0. Rewards are the task's, at most 1 for the paper's. Episodes
    are truncated after ``n_steps`` and never terminated; infos hold the seven KPIs of `Kpis`, (S,) each.

    Parameters
    ----------
    scenario : Scenario or Task, optional
        What is played, the paper's network unless given.
    cell : str
        The cell that learns.
    others : Policy
        Divides the other cells.
    seed, n_steps, gains, place_seed, render_mode
        As of `VectorEnv`.
    features, reward, coordination, actions
        Of `Task`, where a scenario is given.

    Raises
    ------
    SlicefastError
        An option is out of range or unknown, or a task came with options of its own.

    Examples
    --------
    >>> import gymnasium
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> env = gymnasium.make("slicefast/Cell-v0", scenario=scenario, cell="cell_2", render_mode="rgb_array")
    >>> observation, info = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    >>> observation.shape, 0.0 <= reward <= 1.0, truncated, env.render().shape
    ((16,), True, False, (560, 640, 3))
    >>> env.close()
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        scenario: Scenario | Task | None = None,
        cell: str = "cell_1",
        others: Policy = equal_split,
        **options: Unpack[CellOptions],
    ):
        self._network = cell_vector_env(1, scenario, cell, others, **options)
        self.task, self.render_mode = self._network.task, self._network.render_mode
        self.observation_space = self._network.single_observation_space
        self.action_space = self._network.single_action_space
        self._over = True

    @property
    def simulator(self) -> Simulator:
        """The simulator of the episode; SlicefastError before the first reset and after `close`."""
        return self._network.simulator

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32, dict[str, Any]]:
        """Start the next episode, or the first one of a seed, and play one step under the equal split."""
        observation, infos = self._network.reset(seed=seed)
        super().reset(seed=None if seed is None else int(seed))  # after what names it
        self._over = False
        return observation[0], _first(infos)

    def step(self, action: ArrayLike) -> tuple[Float32, float, bool, bool, dict[str, Any]]:
        """Play one decision step of the network.

        Parameters
        ----------
        action : ndarray, (S,)
            The learning cell's.

        Returns
        -------
        observation, reward, terminated, truncated, info
            As Gymnasium has them.

        Raises
        ------
        SlicefastError
            There is no episode, or the action is of another shape or not finite; nothing is played then.
        """
        if self._over:
            refuse("step", "an environment without an episode", "after reset() and before the episode's end")
        row = np.asarray(action)
        if row.shape != self.action_space.shape:
            refuse("action", described(f"shape {row.shape}"), f"shape {self.action_space.shape}")
        observation, reward, _, truncated, infos = self._network.step(row[None])
        self._over = bool(truncated[0])
        return observation[0], float(reward[0]), False, self._over, _first(infos)

    def render(self) -> NDArray[np.uint8] | None:
        """Return the network's picture (height, width, 3), or None unless "rgb_array"; see `VectorEnv.render`."""
        pictures = self._network.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """End the episode and let go of the simulator."""
        self._over = True
        self._network.close()


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    return {name: values[0] for name, values in infos.items() if not name.startswith("_")}
