"""Print whether learning in hindsight on the max-min rule pays where cells differ, from the first step on.

`python benchmarks/rule_table.py [--seeds 10] [--into benchmarks/study/README.md]`: networks of every point of the map
of similarity, every seed with patterns of its own; mean reward of the cells over the first 1,000 steps, and Student's
95 % interval of what the learner earns more in the same network. With --into the table replaces what stands between the
marks "rule" of that page. About three minutes of a core for a seed.
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
from slicefast.study.intervals import over_seeds
from slicefast.training import train

MARK = "rule"
STEPS = 1000
KINDS: tuple[HeterogeneityKind, ...] = get_args(HeterogeneityKind)
#: At h = 0 cells are alike, whatever the kind.
POINTS = ((KINDS[0], 0.0), *((kind, h) for kind in KINDS for h in (0.25, 0.5, 0.75, 1.0)))


def earned(kind: HeterogeneityKind, h: float, seed: int) -> tuple[float, float]:
    """Return the mean reward of the rule and of the learner on it."""
    scenario = sf.Scenario.heterogeneous(h, kind, seed=seed)
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
    """Yield a row per point of the map."""
    yield "| cells differ in, h | max-min rule | hindsight on it, less the rule |"
    yield "|---|---:|---:|"
    for kind, h in POINTS:
        rule, learned = np.array([earned(kind, h, seed) for seed in seeds]).T
        more = over_seeds(learned - rule)
        name, span = kind if h else "nothing", f"[{more.low:+.4f}, {more.high:+.4f}]"
        yield f"| {name} {h:g} | {rule.mean():.4f} | {more.value:+.4f} {span} |"


if __name__ == "__main__":
    seed_table.main(__doc__, MARK, table, "Student's 95 % interval")
