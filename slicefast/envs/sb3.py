"""stable-baselines3's ``VecEnv`` of the cells of many networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Unpack

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from slicefast.arguments import checked
from slicefast.envs.episodes import task_of_box, with_logits
from slicefast.envs.vector import VectorEnv
from slicefast.policies import Policy, of_actions
from slicefast.radio import Gains
from slicefast.scenario import Scenario
from slicefast.task import Task, TaskOptions
from slicefast.units import Float32

#: With what PPO learns here. Its first actions lie near the equal split, so that its Gaussian's means do not drift out
#: of the box, where clipping makes all logits alike; and a step's reward is its own action's. Without the smaller
#: deviation it stays at the equal split (benchmarks/README.md). Batches of 64 divide the steps of any number of cells.
PPO_SETTINGS: dict[str, Any] = {
    "gamma": 0.0,
    "n_steps": 64,
    "batch_size": 64,
    "policy_kwargs": {"log_std_init": -1.0},
}


def policy_of(model: BaseAlgorithm, task: Task) -> Policy:
    """Return what a trained model does without noise as a policy, for `slicefast.compare` and `Simulator.run`.

    Parameters
    ----------
    model : BaseAlgorithm
        Trained on `slicefast.envs.to_sb3` of the task.
    task : Task
        What it was trained on.

    Raises
    ------
    SlicefastError
        The model's actions lie in another box than the task's.

    Examples
    --------
    >>> from stable_baselines3 import PPO
    >>> from slicefast.envs.sb3 import PPO_SETTINGS, policy_of
    >>> task = sf.Task(sf.Scenario.hexagonal(n_sites=1))
    >>> policy = policy_of(PPO("MlpPolicy", sf.envs.to_sb3(task), **PPO_SETTINGS), task)
    >>> sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0).run(policy, steps=2).share.shape
    (2, 3, 4)
    """
    played = task_of_box(model.action_space, task)
    return of_actions(lambda rows: model.predict(rows, deterministic=True)[0], played)


class Sb3VecEnv(VecEnv):
    """A `VectorEnv` with SAME_STEP autoreset, as stable-baselines3 asks for one: see `slicefast.envs.to_sb3`.

    Parameters
    ----------
    network : VectorEnv
        Played from its seed on.
    """

    def __init__(self, network: VectorEnv) -> None:
        self.network = network
        self.render_mode = network.render_mode
        self.metadata = network.metadata
        self._actions: NDArray[Any] = np.empty(0)
        self._return, self._length = np.zeros(network.num_envs), 0
        self._began_s = time.time()
        super().__init__(network.num_envs, network.single_observation_space, network.single_action_space)

    def __repr__(self) -> str:
        return f"Sb3VecEnv({self.network!r})"

    def reset(self) -> Float32:
        """Start the next episode, or the first one of what `seed` was given."""
        observation, _ = self.network.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._return[:], self._length = 0.0, 0
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions (R A, S) for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Float32, Float32, NDArray[np.bool_], list[dict[str, Any]]]:
        """Play the step; at an episode's end the infos hold what stable-baselines3 reads there."""
        observation, reward, _, over, infos = self.network.step(self._actions)
        self._return += reward
        self._length += 1
        told: list[dict[str, Any]] = [{"TimeLimit.truncated": bool(done)} for done in over]
        if over.any():
            elapsed_s = round(time.time() - self._began_s, 6)
            for i, info in enumerate(told):
                info["terminal_observation"] = infos["final_obs"][i]
                info["episode"] = {"r": float(self._return[i]), "l": self._length, "t": elapsed_s}
            self._return[:], self._length = 0.0, 0
        return observation, reward.astype(np.float32), over, told

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Let the next `reset` start the first episode of this seed; the whole network has one."""
        self._seeds = [seed] * self.num_envs
        return self._seeds

    def close(self) -> None:
        """End the episode and let go of the simulator."""
        self.network.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return the picture of each network."""
        return self.network.render() or [None]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the network for each sub-environment asked for."""
        return [getattr(self.network, attr_name)] * len(self._asked(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the network that all sub-environments share."""
        setattr(self.network, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of the network once; return its result for each sub-environment asked for."""
        method: Callable[..., Any] = getattr(self.network, method_name)
        return [method(*method_args, **method_kwargs)] * len(self._asked(indices))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return that no sub-environment is wrapped, but for what Monitor does, which is done here."""
        return [issubclass(wrapper_class, Monitor)] * len(self._asked(indices))

    def _asked(self, indices: Any) -> list[int]:
        asked: Iterable[int] = self._get_indices(indices)
        return list(asked)


@checked
def to_sb3(
    scenario: Scenario | Task,
    n_replicas: int = 1,
    seed: int = 0,
    n_steps: int = 200,
    n_threads: int = 1,
    gains: Gains | None = None,
    place_seed: int | None = None,
    *,
    agents: Sequence[str] | None = None,
    render_mode: str | None = None,
    **options: Unpack[TaskOptions],
) -> Sb3VecEnv:
    """Return what stable-baselines3 trains on: ``PPO("MlpPolicy", to_sb3(scenario, n_replicas=8), **PPO_SETTINGS)``.

    Every learning cell of every replica is a sub-environment, all with one policy. Actions are "symmetric" unless a
    task was given others or an option says so, since its Gaussian policies start around 0. PPO's own numbers learn
    nothing here in reasonable time: it takes 2,048 steps of every sub-environment before it learns, see `PPO_SETTINGS`.
    Networks as small as its own learn fastest with ``torch.set_num_threads(1)``.

    Parameters
    ----------
    scenario : Scenario or Task
        What is played.
    n_replicas, seed, n_steps, n_threads, gains, place_seed, agents, render_mode
        As of `VectorEnv`; with a ``place_seed`` an episode starts in a tenth of the time.
    features, reward, coordination, actions
        Of `Task`, where a scenario is given.

    Raises
    ------
    SlicefastError
        An option is out of range or unknown, or a task came with options of its own.
    ImportError
        stable-baselines3 is not installed.

    Examples
    --------
    >>> env = sf.envs.to_sb3(sf.Scenario.hexagonal(n_sites=1), n_replicas=2)
    >>> env.num_envs, env.reset().shape  # 2 networks of 3 cells
    (6, (6, 16))
    """
    played, rest = with_logits(scenario, options)
    network = VectorEnv(
        played,
        n_replicas,
        seed,
        n_steps,
        n_threads,
        gains,
        place_seed,
        agents=agents,
        autoreset_mode=AutoresetMode.SAME_STEP,
        render_mode=render_mode,
        **rest,
    )
    return Sb3VecEnv(network)
