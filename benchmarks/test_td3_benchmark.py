"""One TD3 update of all agents, sampling included, beside stable-baselines3's, in the same group.

Divide by the number of agents for the time of one agent's update; stable-baselines3 does one agent per call.
"""

import gymnasium
import numpy as np
import pytest
import torch

from slicefast.learn import TD3, TD3Config

OBS, ACT, ROWS = 16, 4, 2000
ENGINES = ["native", "torch"]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def filled(n_agents, engine):
    agents = TD3(n_agents, OBS, ACT, TD3Config(exploration_steps=0, capacity=ROWS), engine=engine)
    agents.replay.array[...] = np.random.default_rng(0).random(agents.replay.array.shape, np.float32)
    agents.replay.n_own[:] = ROWS
    return agents


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n_agents", [12, 300])
def test_update(benchmark, n_agents, engine):
    benchmark.group = f"TD3 update of {n_agents} agents"
    agents = filled(n_agents, engine)
    for _ in range(4):
        agents.update()

    def two_updates_halved():
        # An update with and one without a policy step: their mean is the figure.
        agents.update()
        return agents.update()

    benchmark.extra_info["updates_per_round"] = 2
    losses = benchmark.pedantic(two_updates_halved, rounds=100 if n_agents == 12 else 10, warmup_rounds=2)
    assert losses["critic_loss"].shape == (n_agents,)
    assert (losses["critic_loss"] < 1.0).all()


def make_stable_baselines3():
    import stable_baselines3
    from stable_baselines3.common.logger import Logger

    class Blank(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 1, (OBS,))
        action_space = gymnasium.spaces.Box(0, 1, (ACT,))

    agent = stable_baselines3.TD3(
        "MlpPolicy",
        Blank(),
        learning_rate=1e-3,
        batch_size=32,
        gamma=0.1,
        buffer_size=ROWS,
        policy_kwargs={"net_arch": {"pi": [48, 24], "qf": [64, 24]}},
        device="cpu",
    )
    agent.set_logger(Logger(None, []))
    rng = np.random.default_rng(0)
    for _ in range(ROWS):
        observation, following = rng.random((2, 1, OBS))
        agent.replay_buffer.add(observation, following, rng.random((1, ACT)), rng.random(1), np.zeros(1), [{}])
    return agent


@pytest.mark.parametrize("n_agents", [12, 300])
def test_update_stable_baselines3(benchmark, n_agents):
    benchmark.group = f"TD3 update of {n_agents} agents"
    agents = [make_stable_baselines3() for _ in range(n_agents)]

    def update_all():
        for agent in agents:
            agent.train(gradient_steps=2, batch_size=32)

    benchmark.extra_info["updates_per_round"] = 2
    benchmark.pedantic(update_all, rounds=5 if n_agents == 12 else 1, warmup_rounds=1)
    assert agents[0]._n_updates >= 4
