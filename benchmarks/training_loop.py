"""The training loop of the default scenario with our agents, environment included, and what its parts take."""

from __future__ import annotations

import time

import numpy as np

from slicefast import Simulator
from slicefast.learn import TD3, TD3Config
from slicefast.learn.td3 import EngineName
from slicefast.scenario import Scenario
from slicefast.task import observe, reward
from slicefast.units import Float32

STEPS, EVALUATION = 8750, 250
PARTS = ("act", "environment", "observe", "store", "update")


def train(engine: EngineName, seed: int = 0, steps: int = STEPS) -> tuple[Float32, dict[str, float]]:
    """Train and evaluate without noise; return rewards (steps, N) and the seconds of each part."""
    scenario = Scenario.paper()
    simulator = Simulator(scenario, seed=seed)
    agents = TD3(12, 16, 4, TD3Config(), seed=seed, engine=engine)
    observation = observe(simulator.reset(), scenario)
    seconds, rewards = dict.fromkeys(PARTS, 0.0), np.empty((steps, 12), np.float32)
    for step in range(steps):
        training, marks = step < steps - EVALUATION, [time.perf_counter()]
        action = agents.act(observation, explore=training)
        marks.append(time.perf_counter())
        kpis = simulator.step(action)
        marks.append(time.perf_counter())
        following, rewards[step] = observe(kpis, scenario), reward(kpis, scenario)
        marks.append(time.perf_counter())
        if training:
            agents.store(observation, action, rewards[step], following)
            marks.append(time.perf_counter())
            agents.update()
            marks.append(time.perf_counter())
        for part, begin, end in zip(PARTS, marks, marks[1:], strict=False):
            seconds[part] += end - begin
        observation = following
    return rewards, seconds
