"""BenchMARL trains on the networks' cells through TorchRL's wrapper of PettingZoo's environments."""

from __future__ import annotations

import pytest

import slicefast as sf

pytest.importorskip("benchmarl", reason="BenchMARL is not installed")
from benchmarl.algorithms import MappoConfig
from benchmarl.environments.pettingzoo.common import PettingZooClass
from benchmarl.experiment import Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from torchrl.envs import PettingZooWrapper

pytestmark = pytest.mark.filterwarnings("ignore")  # BenchMARL's own, and TorchRL's


class Cells(PettingZooClass):
    """BenchMARL's task of PettingZoo's environments, with ours; `benchmarks/README.md` points here."""

    def get_env_fun(self, num_envs, continuous_actions, seed, device):
        """Return what makes an environment; `config` is what `slicefast.parallel_env` takes, by name."""
        options = {"seed": seed or 0, "actions": "symmetric", **self.config}
        return lambda: PettingZooWrapper(sf.parallel_env(**options), return_state=True, device=device)

    def supports_continuous_actions(self):
        """Say that shares are real numbers."""
        return True

    def has_render(self, env):
        """Draw no pictures of evaluations."""
        return False

    def max_steps(self, env):
        """Let an evaluation be an episode."""
        return self.config["n_steps"]


def test_mappo_trains_three_iterations(tmp_path):
    config = ExperimentConfig.get_from_yaml()
    config.gamma, config.lr, config.loggers, config.create_json = 0.0, 1e-3, [], False
    config.max_n_iters, config.max_n_frames, config.evaluation = 3, None, False
    config.on_policy_collected_frames_per_batch, config.on_policy_n_envs_per_worker = 40, 2
    config.on_policy_minibatch_size, config.on_policy_n_minibatch_iters = 20, 4
    config.save_folder = str(tmp_path)
    scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    model = MlpConfig.get_from_yaml()
    experiment = Experiment(
        task=Cells("cells", {"scenario": scenario, "n_steps": 20}),
        algorithm_config=MappoConfig.get_from_yaml(),
        model_config=model,
        critic_model_config=model,
        seed=0,
        config=config,
    )
    before = [values.clone() for values in experiment.policy.parameters()]
    experiment.run()
    after = list(experiment.policy.parameters())
    assert experiment.n_iters_performed == 3
    assert experiment.total_frames == 120
    assert 0.0 < experiment.mean_return <= 20.0
    assert all((old != new).any() for old, new in zip(before, after, strict=True))
