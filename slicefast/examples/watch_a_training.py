"""Watch a training: a bar, a table, checkpoints, and a tracker of your own in five lines."""

import json
from pathlib import Path

import slicefast as sf


class Tracker(sf.callbacks.Recorder):
    """Appends to a file; `mlflow_offline` is the same with MLflow."""

    def write(self, step: int, values: dict[str, float]) -> None:
        """Take the means over 25 steps."""
        with Path("tracked.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


STEPS = 400
scenario = sf.Scenario.hexagonal(n_sites=1)
task, simulator = sf.Task(scenario), sf.Simulator(scenario, seed=0)
simulator.reset()
agents = sf.training.new_agents(task, sf.learn.TD3Config.preset("ours", exploration_steps=100), seed=0)
bar, checkpoints = sf.callbacks.Bar("training", STEPS), sf.callbacks.Checkpoints("checkpoints", agents, every=200)
with bar, sf.callbacks.Csv("training.csv", task) as table, Tracker(task) as tracker:
    history = sf.training.train(simulator, agents, task, STEPS, callbacks=[bar, table, tracker, checkpoints])
print(f"mean reward {history.reward[:100].mean():.2f} at first, {history.reward[-100:].mean():.2f} at last")
print(sorted(path.name for path in Path("checkpoints").iterdir()))
