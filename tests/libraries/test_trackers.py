"""A tracker of one's own is a callback of five lines: MLflow, which needs no server for it."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own


class MlflowTracker(sf.callbacks.Recorder):
    """As in `slicefast/examples/mlflow_offline.py`."""

    def write(self, step, values):
        """Send them there."""
        mlflow.log_metrics(values, step)


def test_mlflow_keeps_a_training_without_a_server(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # newer ones want a database otherwise
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    task, simulator = sf.Task(scenario), sf.Simulator(scenario, seed=0)
    simulator.reset()
    agents = sf.training.new_agents(task, sf.learn.TD3Config(exploration_steps=5, batch_size=8), seed=0)
    with mlflow.start_run() as run, MlflowTracker(task, every=5) as tracker:
        history = sf.training.train(simulator, agents, task, 12, callbacks=[tracker])
    kept = mlflow.MlflowClient().get_metric_history(run.info.run_id, "reward")
    assert [item.step for item in kept] == [5, 10, 12]
    means = [history.reward[first:last].mean() for first, last in ((0, 5), (5, 10), (10, 12))]
    np.testing.assert_allclose([item.value for item in kept], means, rtol=1e-6)
    named = mlflow.MlflowClient().get_run(run.info.run_id).data.metrics
    assert {"noise", "loss/critic", f"satisfaction/delay/{scenario.slices[0].name}"} <= named.keys()
