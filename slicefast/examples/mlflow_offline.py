"""Keep a training in MLflow without a server: five lines, as for any tracker (pip install mlflow-skinny)."""

import os
from pathlib import Path

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # newer ones want a database for what has no server
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
import mlflow

import slicefast as sf


class MlflowTracker(sf.callbacks.Recorder):
    """Sends MLflow the means over 25 steps: reward, satisfaction by slice, losses, noise."""

    def write(self, step: int, values: dict[str, float]) -> None:
        """Take them as MLflow does."""
        mlflow.log_metrics(values, step)


mlflow.set_tracking_uri(Path("mlruns").absolute().as_uri())
scenario = sf.Scenario.hexagonal(n_sites=1)
task, simulator = sf.Task(scenario), sf.Simulator(scenario, seed=0)
simulator.reset()
config = sf.learn.TD3Config.preset("ours", exploration_steps=100)
agents = sf.training.new_agents(task, config, seed=0)
with mlflow.start_run(run_name="ours") as run, MlflowTracker(task) as tracker:
    mlflow.log_params({"batch_size": config.batch_size, "seed": 0})
    sf.training.train(simulator, agents, task, 300, callbacks=[tracker])
kept = mlflow.MlflowClient().get_metric_history(run.info.run_id, "reward")
print(f"mlruns: mean reward {kept[0].value:.2f} at step {kept[0].step}, {kept[-1].value:.2f} at step {kept[-1].step}")
