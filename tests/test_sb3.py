"""stable-baselines3 takes the networks' cells as its own kind of environment, and learns on them."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf

sb3 = pytest.importorskip("stable_baselines3")
from stable_baselines3.common.monitor import Monitor  # noqa: E402
from stable_baselines3.common.vec_env import VecMonitor  # noqa: E402

from slicefast.envs.sb3 import PPO_SETTINGS, policy_of  # noqa: E402


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


def test_it_is_the_vector_environment_with_what_sb3_reads_at_an_episodes_end(scenario):
    env = sf.envs.to_sb3(scenario, n_replicas=2, seed=3, n_steps=2)
    twin = sf.VectorEnv(scenario, n_replicas=2, seed=3, n_steps=2, actions="symmetric")
    np.testing.assert_array_equal(env.reset(), twin.reset()[0])
    returned = np.zeros(6)
    action = np.linspace(-1.0, 1.0, 24).reshape(6, 4)
    for step in range(2):
        observation, reward, over, infos = env.step(action)
        expected, earned, *_ = twin.step(action)
        returned += earned
        np.testing.assert_array_equal(reward, earned.astype(np.float32))
        assert over.all() == (step == 1)
        if step == 0:
            np.testing.assert_array_equal(observation, expected)
    following = twin.step(action)[0]  # where the twin resets itself
    np.testing.assert_array_equal(observation, following)
    for i, info in enumerate(infos):
        np.testing.assert_array_equal(info["terminal_observation"], expected[i])
        assert info["TimeLimit.truncated"]
        assert info["episode"]["r"] == pytest.approx(returned[i], rel=1e-12)
        assert info["episode"]["l"] == 2
        assert info["episode"]["t"] > 0.0
    assert "episode" not in env.step(action)[3][0]


def test_a_seed_is_that_of_the_next_episode(scenario):
    env = sf.envs.to_sb3(scenario, n_steps=2)
    env.seed(11)
    first = env.reset()
    assert env.network.simulator.seed == 11
    env.reset()
    assert env.network.simulator.seed != 11
    env.seed(11)
    np.testing.assert_array_equal(env.reset(), first)


def test_attributes_methods_and_pictures_are_the_networks(scenario):
    env = sf.envs.to_sb3(scenario, n_replicas=2)
    assert env.get_attr("n_steps", indices=[0, 2]) == [200, 200]
    env.set_attr("label", "mine")
    assert env.network.label == "mine"
    env.reset()
    assert env.env_method("render", indices=0) == [None]
    assert env.env_is_wrapped(VecMonitor) == [False] * 6
    assert env.env_is_wrapped(Monitor) == [True] * 6
    assert env.get_images() == [None]
    env.close()


@pytest.mark.parametrize(("given", "low"), [(None, -1.0), ("simplex", 0.0), ("symmetric", -1.0)])
def test_a_task_that_was_given_no_actions_is_played_with_scaled_logits(scenario, given, low):
    task = sf.Task(scenario, reward="logarithmic", actions=given)
    env = sf.envs.to_sb3(task)
    cell = sf.envs.CellEnv(task)
    assert (env.action_space.low == low).all()
    assert (cell.action_space.low == low).all()
    assert env.network.task.reward_name == "logarithmic"
    action = np.array([[-1.0, 0.0, 0.5, 1.0]] * 3)
    expected = sf.Task(scenario, actions=given or "symmetric").to_shares(action)
    np.testing.assert_array_equal(env.network.task.to_shares(action), expected)
    assert task.actions == (given or "simplex")


def test_a_model_is_no_policy_of_a_task_with_other_actions(scenario):
    task, simplex = sf.Task(scenario), sf.Task(scenario, actions="simplex")
    env = sf.envs.to_sb3(task)
    model = sb3.PPO("MlpPolicy", env, device="cpu", **PPO_SETTINGS)
    played = [
        sf.Simulator(scenario, seed=0).run(policy_of(model, known), steps=2).share for known in (task, env.network.task)
    ]
    np.testing.assert_array_equal(*played)
    with pytest.raises(sf.SlicefastError, match=r"^task: got one with actions in Box\(0\.0, 1\.0.*Box\(-1\.0, 1\.0"):
        policy_of(model, simplex)
    other = sb3.PPO("MlpPolicy", sf.envs.to_sb3(simplex), device="cpu", **PPO_SETTINGS)
    observation = env.reset()
    shares = policy_of(other, task)(sf.Simulator(scenario, seed=0), observation)
    np.testing.assert_array_equal(shares, simplex.to_shares(other.predict(observation, deterministic=True)[0]))
