"""The environments pass their libraries' own conformance tests and agree with the simulator."""

import gymnasium
import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

import slicefast as sf
from slicefast.task import observe, reward, to_simplex


@pytest.fixture(scope="module")
def scenario():
    return sf.Scenario.paper(window_ttis=20)


def test_parallel_env_passes_pettingzoo_api(scenario):
    parallel_api_test(sf.parallel_env(scenario, seed=0, n_steps=30), num_cycles=100)


def test_parallel_env_passes_pettingzoo_seeding(scenario):
    parallel_seed_test(lambda: sf.parallel_env(scenario, n_steps=30), num_cycles=20)


def test_parallel_env_is_a_view_of_the_simulator(scenario):
    env = sf.parallel_env(scenario, seed=0, n_steps=3)
    simulator = sf.Simulator(scenario, seed=9)
    observations, _ = env.reset(seed=9)
    np.testing.assert_array_equal(np.stack(list(observations.values())), observe(simulator.reset(), scenario))
    for step in range(3):
        actions = {agent: np.array([0.4, 0.3, 0.2, 0.1], np.float32) for agent in env.agents}
        _, rewards, terminations, truncations, _ = env.step(actions)
        kpis = simulator.step(np.tile(np.float64([0.4, 0.3, 0.2, 0.1]), (12, 1)))
        # The action goes through float32, so shares differ in the eighth digit and rarely a PRB moves by one TTI.
        np.testing.assert_allclose(list(rewards.values()), reward(kpis, scenario), atol=0.02)
        assert not any(terminations.values())
        assert all(truncations.values()) == (step == 2)
    assert env.agents == []


def test_vector_env_follows_gymnasium_and_resets_itself(scenario):
    venv = sf.VectorEnv(scenario, n_replicas=2, seed=0, n_steps=2)
    assert isinstance(venv, gymnasium.vector.VectorEnv)
    observation, _ = venv.reset(seed=1)
    assert observation.shape == (24, 16)
    assert venv.observation_space.contains(observation)
    for expected in (False, True, False):
        observation, rewards, terminated, truncated, _ = venv.step(venv.action_space.sample())
        assert observation.shape == (24, 16)
        assert rewards.shape == (24,)
        assert not terminated.any()
        assert truncated.all() == expected
    assert venv.simulator.step_index == 0


def test_to_simplex_normalises_and_accepts_zeros():
    actions = np.array([[0.0, 0.0], [1.0, 3.0], [-1.0, 0.5]])
    np.testing.assert_allclose(to_simplex(actions), [[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]])
