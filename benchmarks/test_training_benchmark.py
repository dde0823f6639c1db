"""The training loop of the default scenario, environment included: 8,750 decision steps of 12 agents on one core."""

import time

import numpy as np
import pytest
import torch

from slicefast import Simulator
from slicefast.learn import TD3, TD3Config
from slicefast.scenario import Scenario
from slicefast.study.scores import stratified
from slicefast.task import observe, reward

STEPS, EVALUATION = 8750, 250
PARTS = ("act", "environment", "observe", "store", "update")


def train(engine, seed=0, steps=STEPS, exploration_steps=3000):
    """Train and evaluate; return (rewards (steps, N), seconds per part)."""
    scenario = Scenario.paper()
    simulator = Simulator(scenario, seed=seed)
    agents = TD3(12, 16, 4, TD3Config(exploration_steps=exploration_steps), seed=seed, engine=engine)
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


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_training_loop(benchmark, engine):
    benchmark.group = "training loop, 8,750 steps of 12 agents"
    rewards, seconds = benchmark.pedantic(train, args=(engine,), rounds=1)
    total = sum(seconds.values())
    benchmark.extra_info.update({part: f"{100 * value / total:.0f} %" for part, value in seconds.items()})
    assert rewards[-EVALUATION:].mean() > rewards[:1000].mean() + 0.05


def test_act(benchmark):
    benchmark.group = "actions of 12 agents"
    agents = TD3(12, 16, 4, TD3Config(exploration_steps=0))
    observation = np.random.default_rng(0).random((12, 16), np.float32)
    action = benchmark(agents.act, observation, explore=True)
    np.testing.assert_allclose(action.sum(axis=1), 1.0, atol=1e-6)


def test_act_torch(benchmark):
    benchmark.group = "actions of 12 agents"
    agents = TD3(12, 16, 4, TD3Config(exploration_steps=0), engine="torch")
    observation = np.random.default_rng(0).random((12, 16), np.float32)
    action = benchmark(agents.act, observation, explore=True)
    np.testing.assert_allclose(action.sum(axis=1), 1.0, atol=1e-6)


def test_engines_learn_alike(benchmark):
    """Learning curves of both engines over 10 seeds: in every tenth of the steps each lies in the other's 95 % band."""
    benchmark.group = "learning curves of both engines, 10 seeds"

    def curves(engine):
        return np.stack([train(engine, seed)[0].reshape(10, -1).mean(axis=1) for seed in range(10)])

    found = benchmark.pedantic(lambda: {engine: curves(engine) for engine in ("native", "torch")}, rounds=1)
    for tenth in range(10):
        native, torch_ = (stratified(found[engine][:, [tenth]]) for engine in ("native", "torch"))
        benchmark.extra_info[f"tenth {tenth + 1}"] = f"native {native}, torch {torch_}"
        assert torch_.low <= native.value <= torch_.high
        assert native.low <= torch_.value <= native.high
