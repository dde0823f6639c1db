"""The training loop of the default scenario, environment included: 8,750 decision steps of 12 agents on one core."""

import numpy as np
import pytest
import torch
from training_loop import EVALUATION, train

from slicefast.learn import TD3, TD3Config


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
