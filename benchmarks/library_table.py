"""Print what the learners of stable-baselines3 reach here, beside ours and the rules, and how many lines they take.

`python benchmarks/library_table.py [--seeds 3] [--into benchmarks/README.md]`: three cells of which one slice asks for
ten times the others' traffic, so that the equal split is poor. Every learner takes 20,000 agent steps unless told
otherwise, and is played without noise on three networks that it has not seen. Two minutes a seed on one core.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator

import numpy as np
import seed_table
from stable_baselines3 import PPO, SAC, TD3

import slicefast as sf
from slicefast.envs.sb3 import PPO_SETTINGS
from slicefast.policies import Policy, greedy
from slicefast.training import new_agents, play, train

MARK = "libraries"
AGENT_STEPS = 20_000
UNSEEN, UNSEEN_STEPS = (1_000_003, 1_000_004, 1_000_005), 100
TIMES = (10.0, 0.2, 0.2, 0.2)  # of 200 kbit/s, by slice
SLICES = [
    {"name": f"slice {s + 1}", "users_per_cell": 8, "rate_bps": 200e3 * times, "packet_bits": 12_000.0}
    for s, times in enumerate(TIMES)
]
SCENARIO = sf.Scenario.hexagonal(n_sites=1, window_ttis=20, slices=SLICES)


def sb3_ppo(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """PPO."""
    env = sf.envs.to_sb3(scenario, n_replicas=2, seed=seed)
    model = PPO("MlpPolicy", env, seed=seed, device="cpu", **PPO_SETTINGS).learn(steps)
    return sf.envs.sb3.policy_of(model, env.network.task)


def sb3_sac(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """SAC."""
    env = sf.envs.to_sb3(scenario, n_replicas=2, seed=seed)
    model = SAC("MlpPolicy", env, seed=seed, device="cpu", gamma=0.0, policy_kwargs={"net_arch": [64, 64]}).learn(steps)
    return sf.envs.sb3.policy_of(model, env.network.task)


def sb3_td3(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """TD3."""
    env = sf.envs.to_sb3(scenario, n_replicas=2, seed=seed)
    model = TD3("MlpPolicy", env, seed=seed, device="cpu", gamma=0.0, policy_kwargs={"net_arch": [64, 64]}).learn(steps)
    return sf.envs.sb3.policy_of(model, env.network.task)


def our_td3(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """Our TD3, one for all cells."""
    task, simulator = sf.Task(scenario), sf.Simulator(scenario, seed, n_replicas=2)
    simulator.reset()
    config = sf.learn.TD3Config.preset("ours_shared").per_row(2 * task.n_agents)
    agents = new_agents(task, config, seed, n_agents=1)
    train(simulator, agents, task, steps // (2 * task.n_agents))
    return greedy(agents)


def by_name(name: str) -> Callable[[sf.Scenario, int, int], Policy]:
    """Return what "learns" a policy that is there."""

    def known(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
        return sf.policies.get(name)

    return known


LEARNERS = {
    "equal split": by_name("equal_split"),
    "traffic-aware": by_name("traffic_aware"),
    "max-min rule": by_name("max_min_rule"),
    "stable-baselines3 PPO": sb3_ppo,
    "stable-baselines3 SAC": sb3_sac,
    "stable-baselines3 TD3": sb3_td3,
    "slicefast TD3, one for all cells": our_td3,
}


def reached(policy: Policy, scenario: sf.Scenario = SCENARIO) -> float:
    """Return the mean reward of a policy on the networks that nobody has learned on."""
    task, earned = sf.Task(scenario), []
    for seed in UNSEEN:
        simulator = sf.Simulator(scenario, seed)
        simulator.reset()
        earned.append(play(simulator, policy, task, UNSEEN_STEPS).reward.mean())
    return float(np.mean(earned))


def lines_needed(learner: Callable[..., Policy]) -> str:
    """Return how many lines a user writes; none where the policy is there."""
    source = inspect.getsource(learner).splitlines()
    return "" if learner.__name__ == "known" else str(len(source) - 2)  # but for the name and the docstring


def table(seeds: range) -> Iterator[str]:
    """Yield the lines of the table, each as soon as it is known."""
    yield "| library | lines needed | learned: mean reward | seconds (CPU) |"
    yield "|---|---:|---:|---:|"
    for name, learner in LEARNERS.items():
        found, taken = [], []
        for seed in seeds if lines_needed(learner) else range(1):
            begun = time.process_time()
            policy = learner(SCENARIO, seed, AGENT_STEPS)
            taken.append(time.process_time() - begun)
            found.append(reached(policy))
        span = f"{np.mean(found):.3f}" + (f" [{min(found):.3f}, {max(found):.3f}]" if len(found) > 1 else "")
        lines = lines_needed(learner)
        yield f"| {name} | {lines} | {span} | {f'{np.mean(taken):.0f}' if lines else ''} |"


if __name__ == "__main__":
    seed_table.main(__doc__, MARK, table)
