"""RLlib's ``MultiAgentEnv``, for its current API stack, with one policy for all cells or one each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import DefaultPPOTorchRLModule
from ray.rllib.core.rl_module import RLModule, RLModuleSpec
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.env.multi_agent_env import MultiAgentEnv
from ray.rllib.utils.torch_utils import convert_to_torch_tensor

from slicefast.envs.episodes import task_of_box, with_logits
from slicefast.envs.parallel import SlicingParallelEnv
from slicefast.errors import described, refuse
from slicefast.policies import Policy, of_actions
from slicefast.scenario import Scenario
from slicefast.task import Task
from slicefast.units import Float32

#: The name of the policy that all cells share.
SHARED = "cell"


class NarrowPPOModule(DefaultPPOTorchRLModule):  # type: ignore[misc]  # ray is untyped
    """RLlib's networks of PPO, whose Gaussian starts with a deviation of e^-1 instead of 1: see `PPO_MODULE`."""

    def setup(self) -> None:
        """Make the networks; RLlib calls it."""
        super().setup()
        if not hasattr(self.pi, "log_std"):
            refuse("model_config", described("free_log_std=False"), "free_log_std=True, with a deviation of its own")
        self.pi.log_std.data.fill_(-1.0)


#: With what PPO learns here, for ``config.rl_module(rl_module_spec=PPO_MODULE).training(**PPO_SETTINGS)``: the numbers
#: of `slicefast.envs.sb3.PPO_SETTINGS`, for the same reasons. With its own first deviation of 1 RLlib's PPO ends
#: between the equal split and the others (benchmarks/README.md).
PPO_MODULE = RLModuleSpec(
    module_class=NarrowPPOModule, model_config=DefaultModelConfig(fcnet_hiddens=[64, 64], free_log_std=True)
)
PPO_SETTINGS: dict[str, Any] = {
    "gamma": 0.0,
    "lr": 3e-4,
    "train_batch_size_per_learner": 128,
    "minibatch_size": 64,
    "num_epochs": 10,
}


class RllibEnv(MultiAgentEnv):  # type: ignore[misc]  # ray is untyped
    """The cells of a network as RLlib's agents: ``config.environment(RllibEnv, env_config={"n_steps": 100})``.

    Actions are "symmetric" unless a task or an option says otherwise, since RLlib's Gaussian policies start around 0.

    Parameters
    ----------
    config : mapping, optional
        What `slicefast.parallel_env` takes, by name; ``scenario`` is the paper's unless given. RLlib's runners play
        the seeds from ``seed`` on, each its own.

    Raises
    ------
    SlicefastError
        An option is out of range or unknown, or a task came with options of its own.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        options = dict(config or {})
        played = options.pop("scenario", None) or Scenario.paper()
        played, options = with_logits(played, options)
        options["seed"] = options.get("seed", 0) + getattr(config, "worker_index", 0)
        self.network = SlicingParallelEnv(played, **options)
        self.possible_agents = self.agents = self.network.possible_agents
        self.observation_spaces = self.network.observation_spaces
        self.action_spaces = self.network.action_spaces

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Float32], dict[str, Any]]:
        """Start the next episode, or the first one of a seed."""
        return self.network.reset(seed)

    def step(
        self, action_dict: Mapping[str, Float32]
    ) -> tuple[dict[str, Float32], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Any]]:
        """Play one decision step; all agents are truncated together."""
        observations, rewards, terminated, truncated, infos = self.network.step(action_dict)
        over = any(truncated.values())
        return observations, rewards, {**terminated, "__all__": False}, {**truncated, "__all__": over}, infos

    def close(self) -> None:
        """End the episode and let go of the simulator."""
        self.network.close()


def policies_of(task: Task, shared: bool = True) -> dict[str, Any]:
    """Return what ``AlgorithmConfig.multi_agent`` takes: one policy for all cells, or one each.

    Parameters
    ----------
    task : Task
        Names the agents.
    shared : bool
        Whether all cells share one policy.
    """
    names = {SHARED} if shared else set(task.agent_names)
    mapping: Callable[..., str] = _to_shared if shared else _to_own
    return {"policies": names, "policy_mapping_fn": mapping}


def policy_of(module: RLModule, task: Task) -> Policy:
    """Return what a trained module with a Gaussian does without noise as a policy, for `slicefast.compare`.

    Parameters
    ----------
    module : RLModule
        ``algorithm.get_module("cell")``; of policies of their own, that of the cell whose knowledge all shall play.
    task : Task
        What it was trained on.

    Raises
    ------
    SlicefastError
        The module's actions lie in another box than the task's.
    """
    played = task_of_box(module.action_space, task)

    def act(rows: Float32) -> Float32:
        found = module.forward_inference({"obs": convert_to_torch_tensor(rows)})["action_dist_inputs"]
        means: Float32 = found[:, : played.action_size].detach().cpu().numpy()
        return means

    return of_actions(act, played)


def _to_shared(agent: str, *rest: Any, **options: Any) -> str:
    return SHARED


def _to_own(agent: str, *rest: Any, **options: Any) -> str:
    return agent
