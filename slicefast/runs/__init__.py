"""A user's own runs: agents trained on one scenario, kept in a folder, evaluated or handed on to another scenario.

    run = runs.new_run("mine", Scenario.from_toml("mine.toml"), seed=0, actor_lr=1e-3)
    runs.train(run)
    target = runs.new_run("new", Scenario.from_toml("new.toml"), seed=1, preset="ours_transfer", train_steps=4000)
    runs.transfer(runs.load_run("mine"), target)
    scores = runs.evaluate(runs.load_run("new"), seed=7)
    print(scores["trained agents"].mean_reward)

One agent for all cells, trained on four networks that start anew every 200 steps, plays any number of cells:

    run = runs.new_run("one", scenario, preset="ours_shared", shared=True, n_networks=4, restart_steps=200)

A folder holds the agents, the rewards of every step and, written last, `run.json`, which says what was trained and what
the agents' file weighs. Nothing in a folder is ever executed: a reward of the user's own is known by name only, and
must be registered (`slicefast.rewards.register`) by whoever goes on with the run.
"""

from slicefast.runs.evaluation import Scores, baselines, evaluate
from slicefast.runs.folder import (
    AGENTS_FILE,
    LOG_FILE,
    RUN_FILE,
    Run,
    configure,
    load_agents,
    load_interrupted,
    load_run,
    new_run,
)
from slicefast.runs.learning import CHOICES, Choice, resume, train, transfer
from slicefast.usual import EVALUATION_SEED

__all__ = [
    "AGENTS_FILE",
    "CHOICES",
    "EVALUATION_SEED",
    "LOG_FILE",
    "RUN_FILE",
    "Choice",
    "Run",
    "Scores",
    "baselines",
    "configure",
    "evaluate",
    "load_agents",
    "load_interrupted",
    "load_run",
    "new_run",
    "resume",
    "train",
    "transfer",
]
