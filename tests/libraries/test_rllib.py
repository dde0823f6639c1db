"""RLlib trains on the networks' cells, with one policy for all or one each."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import slicefast as sf

pytest.importorskip("ray.rllib")
pytestmark = pytest.mark.filterwarnings("ignore")  # RLlib's own, by the dozen


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


def test_it_is_the_parallel_environment_with_rllibs_ends(scenario):
    from slicefast.envs.rllib import RllibEnv

    env = RllibEnv({"scenario": scenario, "seed": 3, "n_steps": 2})
    twin = sf.parallel_env(scenario, seed=3, n_steps=2, actions="symmetric")
    for observations, expected in ((env.reset()[0], twin.reset()[0]),):
        np.testing.assert_array_equal(list(observations.values()), list(expected.values()))
    actions = dict.fromkeys(env.agents, np.array([0.5, -0.5, 0.0, 1.0], np.float32))
    for step in range(2):
        observations, rewards, terminated, truncated, _ = env.step(actions)
        expected, earned, *_ = twin.step(actions)
        np.testing.assert_array_equal(list(observations.values()), list(expected.values()))
        assert rewards == earned
        assert (terminated["__all__"], truncated["__all__"]) == (False, step == 1)
    env.close()


def test_cells_share_a_policy_or_have_one_each(scenario):
    from slicefast.envs.rllib import policies_of

    task = sf.Task(scenario)
    shared, own = policies_of(task), policies_of(task, shared=False)
    assert shared["policies"] == {"cell"}
    assert shared["policy_mapping_fn"]("cell_2", episode=None) == "cell"
    assert own["policies"] == {"cell_1", "cell_2", "cell_3"}
    assert own["policy_mapping_fn"]("cell_2", None) == "cell_2"


@pytest.mark.parametrize(("shared", "policy"), [(True, "cell"), (False, "cell_3")])
def test_ppo_trains_two_iterations(scenario, shared, policy):
    import ray
    from ray.rllib.algorithms.ppo import PPOConfig

    from slicefast.envs.rllib import PPO_MODULE, RllibEnv, policies_of, policy_of

    task = sf.Task(scenario)  # without actions: played with scaled logits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
        try:
            config = (
                PPOConfig()
                .environment(RllibEnv, env_config={"scenario": task, "n_steps": 20})
                .multi_agent(**policies_of(task, shared))
                .env_runners(num_env_runners=0)
                .rl_module(rl_module_spec=PPO_MODULE)
                .training(gamma=0.1, train_batch_size_per_learner=120, minibatch_size=60, num_epochs=2)
            )
            algorithm = config.build_algo()
            before = algorithm.get_module(policy).get_state()
            np.testing.assert_array_equal(before["pi.log_std"], -1.0)
            returns = [algorithm.train()["env_runners"]["episode_return_mean"] for _ in range(2)]
            module = algorithm.get_module(policy)
            after = module.get_state()
            with pytest.raises(sf.SlicefastError, match=r"^task: got one with actions in Box\(0\.0.*Box\(-1\.0"):
                policy_of(module, sf.Task(scenario, actions="simplex"))
            shares = policy_of(module, task)
            assert sf.Simulator(scenario, seed=0).run(shares, steps=2).share.shape == (2, 3, 4)
            algorithm.stop()
        finally:
            ray.shutdown()
    assert all(0.0 < value <= 3 * 20 for value in returns)
    assert any(not np.array_equal(before[name], after[name]) for name in before)


def test_a_network_without_a_deviation_of_its_own_is_refused(scenario):
    from ray.rllib.core.rl_module import RLModuleSpec
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig

    from slicefast.envs.rllib import NarrowPPOModule, RllibEnv

    env = RllibEnv({"scenario": scenario})
    spaces = env.observation_spaces["cell_1"], env.action_spaces["cell_1"]
    spec = RLModuleSpec(NarrowPPOModule, *spaces, model_config=DefaultModelConfig(free_log_std=False))
    with pytest.raises(sf.SlicefastError, match=r"^model_config: got free_log_std=False, allowed: free_log_std=True"):
        spec.build()
