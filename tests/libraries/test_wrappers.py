"""Libraries that take PettingZoo's environments through wrappers of their own take ours: TorchRL and SuperSuit."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


@pytest.mark.filterwarnings("ignore")
def test_torchrl_rolls_out(scenario):
    envs = pytest.importorskip("torchrl.envs")
    env = envs.PettingZooWrapper(sf.parallel_env(scenario, n_steps=6), return_state=True)
    envs.check_env_specs(env)
    rollout = env.rollout(4)
    assert tuple(rollout["cell", "observation"].shape) == (4, 3, 16)
    assert tuple(rollout["state"].shape) == (4, 48)
    assert 0.0 < float(rollout["next", "cell", "reward"].mean()) <= 1.0


@pytest.mark.filterwarnings("ignore")
def test_supersuits_recipe_leads_to_a_vector_environment(scenario):
    supersuit = pytest.importorskip("supersuit")
    venv = supersuit.pettingzoo_env_to_vec_env_v1(sf.parallel_env(scenario, n_steps=6, actions="symmetric"))
    venv = supersuit.concat_vec_envs_v1(venv, 2, num_cpus=0, base_class="gymnasium")
    observation, _ = venv.reset(seed=1)
    assert observation.shape == (6, 16)
    for _ in range(8):
        observation, reward, _, over, _ = venv.step(np.zeros((6, 4), np.float32))
    assert reward.shape == (6,)
    assert not over.any()


@pytest.mark.filterwarnings("ignore")
def test_supersuits_recipe_trains_stable_baselines3(scenario):
    supersuit, sb3 = pytest.importorskip("supersuit"), pytest.importorskip("stable_baselines3")
    venv = supersuit.pettingzoo_env_to_vec_env_v1(sf.parallel_env(scenario, n_steps=6, actions="symmetric"))
    venv = supersuit.concat_vec_envs_v1(venv, 2, num_cpus=1, base_class="stable_baselines3")
    model = sb3.PPO("MlpPolicy", venv, device="cpu", gamma=0.0, n_steps=16, batch_size=48)  # SuperSuit takes no seed
    before = [values.clone() for values in model.policy.parameters()]
    model.learn(2 * 16 * 6)
    assert model.num_timesteps == 192
    assert all((old != new).any() for old, new in zip(before, model.policy.parameters(), strict=True))
