"""Print why agents that are one network for all cells need fewer steps than an agent per cell.

`python benchmarks/sharing_table.py [--seeds 3] [--into benchmarks/README.md]`: trains on the default scenario, plays
each result without noise on networks that no row has seen, and prints a row per way of training; with --into the table
replaces what stands between the marks "sharing" of that page. All rows but the last have one set of numbers, the
preset "ours_shared"; what differs is in the row. A minute a seed on one core.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import seed_table

import slicefast as sf
from slicefast.learn import TD3, TD3Config
from slicefast.policies import greedy
from slicefast.rng import Restarts
from slicefast.training import play, train

MARK = "sharing"
STEPS, FRESH_STEPS = 1667, 200
UNSEEN, UNSEEN_STEPS = (1_000_003, 1_000_004, 1_000_005), 250
SCENARIO = sf.Scenario.paper()
TASK = sf.Task(SCENARIO)


@dataclass(frozen=True)
class Way:
    """A way of training: what differs from the others."""

    name: str
    shared: bool
    steps: int = STEPS
    networks: int = 1
    fresh: bool = False
    updates: int = 4  # per step
    batch: int = 256
    published: bool = False

    @property
    def rows(self) -> int:
        """Transitions that an agent gets per step."""
        return self.networks * (SCENARIO.n_cells if self.shared else 1)

    def config(self) -> TD3Config:
        """Return the learner's numbers, in transitions."""
        if self.published:
            return TD3Config()
        # Exploration and the noise's fall are the same parts of every run.
        part = self.steps / STEPS
        ours = TD3Config.preset("ours_shared", batch_size=self.batch, updates_per_step=self.updates)
        changes = {name: round(getattr(ours, name) * part) for name in ("exploration_steps", "exploration_decay_steps")}
        return TD3Config(**{**ours.to_dict(), **changes}).per_row(self.rows)

    def transitions(self) -> int:
        """Return how many transitions an agent saw."""
        return self.steps * self.rows

    def n_updates(self) -> int:
        """Return how many updates an agent's networks had."""
        config = self.config()
        return (self.steps - config.first_update // self.rows) * config.updates_per_step


WAYS = (
    Way("shared", shared=True),
    Way("per cell", shared=False),
    Way("per cell, 12 networks side by side", shared=False, networks=12),
    Way("shared, as many transitions as one cell has", shared=True, steps=round(STEPS / 12), updates=48),
    Way("shared, one update a step", shared=True, updates=1),
    Way("shared, batches of 32", shared=True, batch=32),
    Way("shared, fresh networks", shared=True, fresh=True),
    Way("per cell, fresh networks", shared=False, fresh=True),
    Way("shared, 4 networks side by side", shared=True, steps=round(STEPS / 4), networks=4, updates=16),
    Way("per cell, as published", shared=False, steps=8500, updates=1, batch=32, published=True),
)


def started(seed: int, n_replicas: int = 1) -> sf.Simulator:
    """Return a network after its warm-up step."""
    simulator = sf.Simulator(SCENARIO, seed=seed, n_replicas=n_replicas)
    simulator.reset()
    return simulator


def reached(way: Way, seed: int) -> tuple[float, float]:
    """Train, and return the mean reward online over all steps, and without noise on unseen networks."""
    n_agents = 1 if way.shared else TASK.n_agents
    agents = TD3(n_agents, TASK.observation_size, TASK.action_size, way.config(), seed)
    restarts = Restarts(seed, FRESH_STEPS) if way.fresh else None
    history = train(started(seed, way.networks), agents, TASK, way.steps, restarts=restarts)
    unseen = [play(started(other), greedy(agents), TASK, UNSEEN_STEPS).reward.mean() for other in UNSEEN]
    return float(history.reward.mean()), float(np.mean(unseen))


def table(seeds: range) -> Iterator[str]:
    """Yield the lines of the table, each as soon as it is known."""
    yield "| agents | steps | transitions an agent saw | its updates | mean reward online | unseen networks |"
    yield "|---|---:|---:|---:|---:|---:|"
    for way in WAYS:
        online, unseen = np.array([reached(way, seed) for seed in seeds]).T
        span = f"{unseen.mean():.3f} [{unseen.min():.3f}, {unseen.max():.3f}]"
        counts = f"{way.steps:,} | {way.transitions():,} | {way.n_updates():,}"
        yield f"| {way.name} | {counts} | {online.mean():.3f} | {span} |"


if __name__ == "__main__":
    seed_table.main(__doc__, MARK, table)
