"""Print whether learning in hindsight on the max-min rule pays where cells differ, from the first step on.

`python benchmarks/rule_table.py [--seeds 10] [--into benchmarks/study/README.md]`: networks of the map of similarity at
h = 1, every seed with patterns of its own; mean reward of the cells over the first 1,000 steps, and Student's 95 %
interval of what the learner earns more in the same network. With --into the table replaces what stands between the
marks "rule" of that page. About half a minute of a core for a seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np
import seed_table

import slicefast as sf
from slicefast.learn import HindsightConfig
from slicefast.policies.hindsight import OnlineHindsight, new_hindsight
from slicefast.scenario.heterogeneous import HeterogeneityKind
from slicefast.study.evidence import over_seeds
from slicefast.training import train

MARK = "rule"
STEPS = 1000


def earned(kind: HeterogeneityKind, seed: int) -> tuple[float, float]:
    """Return the mean reward of the rule and of the learner on it."""
    scenario = sf.Scenario.heterogeneous(1.0, kind, seed=seed)
    task = sf.Task(scenario)
    simulator = sf.Simulator(scenario, seed=seed)
    simulator.reset()
    rule = sf.policies.MaxMinRule()
    by_rule = np.mean([task.reward(simulator.step(rule(simulator))).mean() for _ in range(STEPS)])
    network = sf.Simulator(scenario, seed=seed)
    network.reset()
    learner = new_hindsight(task, HindsightConfig(sight="rich", basis="rule"), seed)
    history = train([network], OnlineHindsight(learner, network), task, STEPS)
    return float(by_rule), float(history.reward.mean())


def table(seeds: range) -> Iterator[str]:
    """Yield a row per kind of heterogeneity."""
    yield "| cells differ in, h = 1 | max-min rule | hindsight on it, less the rule |"
    yield "|---|---:|---:|"
    for kind in get_args(HeterogeneityKind):
        rule, learned = np.array([earned(kind, seed) for seed in seeds]).T
        more = over_seeds(learned - rule)
        yield f"| {kind} | {rule.mean():.4f} | {more.value:+.4f} [{more.low:+.4f}, {more.high:+.4f}] |"


if __name__ == "__main__":
    seed_table.main(__doc__, MARK, table, "Student's 95 % interval")
