"""TD3 from outside: exploration, when learning starts, that it learns, and what its constructors refuse."""

import numpy as np
import pytest
import torch
from scipy import stats

from slicefast.learn import TD3, TD3Config

ENGINES = ["native", "torch"]
OBS, ACT = 16, 4


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("engine", ENGINES)
def test_learns_a_bandit(engine):
    # Reward is the first share: the policy must move there.
    agents = TD3(2, 4, 3, TD3Config(exploration_steps=200, capacity=1000, actor_lr=2e-3), engine=engine)
    observation = np.full((2, 4), 0.5, np.float32)
    for _ in range(200):
        action = agents.act(observation, explore=True)
        assert agents.update() is None
        agents.store(observation, action, action[:, 0], observation)
    for _ in range(1500):
        agents.update()
    assert (agents.act(observation)[:, 0] > 0.8).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_exploration_stays_on_the_simplex(engine):
    agents = TD3(3, OBS, ACT, TD3Config(exploration_steps=2, exploration_noise=0.5), engine=engine)
    observation = np.random.default_rng(0).random((3, OBS), np.float32)
    first, second = agents.act(observation, explore=True), agents.act(observation, explore=True)
    assert not np.array_equal(first, second)
    for _ in range(2):
        agents.store(observation, first, np.zeros(3), observation)
    greedy = agents.act(observation)
    np.testing.assert_array_equal(greedy, agents.act(observation))
    noisy = np.stack([agents.act(observation, explore=True) for _ in range(3000)])
    np.testing.assert_allclose(noisy.sum(axis=-1), 1.0, atol=1e-6)
    assert (noisy > 0).all()
    # ln of a ratio of shares is the policy's own plus sqrt(2) sigma eps: unbiased, of that spread.
    ratio = np.log(noisy[..., 0] / noisy[..., 1]) - np.log(greedy[:, 0] / greedy[:, 1])
    assert stats.kstest(ratio.ravel() / (0.5 * np.sqrt(2)), "norm").pvalue > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_exploration_at_the_centre_is_unbiased_and_fades_in_the_corners(engine):
    agents = TD3(1, OBS, ACT, TD3Config(exploration_steps=0, exploration_noise=0.5), engine=engine)
    observation = np.zeros((1, OBS), np.float32)
    agents.actor.bank.zero_()
    centre = np.concatenate([agents.act(observation, explore=True) for _ in range(4000)])
    error = centre.std(axis=0) / np.sqrt(len(centre))
    assert (np.abs(centre.mean(axis=0) - 0.25) < 4 * error).all()
    with torch.no_grad():
        agents.actor.bias_2[0] = torch.tensor([200.0, 0.0, 0.0, -200.0])
    corner = np.concatenate([agents.act(observation, explore=True) for _ in range(10)])
    np.testing.assert_allclose(corner, np.tile([1.0, 0.0, 0.0, 0.0], (10, 1)), atol=1e-6)
    assert np.isfinite(corner).all()


def test_learning_may_start_within_the_exploration_phase():
    agents = TD3(1, OBS, ACT, TD3Config(exploration_steps=100, learning_starts=40, capacity=100))
    observation = np.full((1, OBS), 0.5, np.float32)
    updated = []
    for _ in range(60):
        action = agents.act(observation, explore=True)
        agents.store(observation, action, [0.5], observation)
        updated.append(agents.update() is not None)
    assert updated == [False] * 39 + [True] * 21


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"gamma": 1.0}, "gamma"),
        ({"batch_size": 0}, "batch_size"),
        ({"tau": 0.0}, "tau"),
        ({"actor_hidden": (0,)}, "actor_hidden"),
        ({"transferred_fraction": 1.5}, "transferred_fraction"),
        ({"critic_lr": float("nan")}, "critic_lr"),
    ],
)
def test_config_refuses_by_name(settings, named):
    with pytest.raises(ValueError, match=named):
        TD3Config(**settings)


def test_constructor_refuses_by_name():
    for settings, named in (({"n_agents": 0}, "n_agents"), ({"seed": -1}, "seed"), ({"engine": "gpu"}, "engine")):
        with pytest.raises(ValueError, match=named):
            TD3(**({"n_agents": 1, "obs_dim": OBS, "action_dim": ACT} | settings))
    with pytest.raises(ValueError, match="agent_ids"):
        TD3(2, OBS, ACT, agent_ids=[1])
