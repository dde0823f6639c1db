"""What the presets leave to learn: how often simple policies and the oracle meet the requirements, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from slicefast import policies
from slicefast.callbacks.recorders import KpiRecorder
from slicefast.rewards import MET
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task
from slicefast.training import play

PRESETS: Mapping[str, Callable[[], Scenario]] = {
    "`Scenario.paper()`": Scenario.paper,
    "`Scenario.nr_3500_100mhz()`": Scenario.nr_3500_100mhz,
}
POLICIES = ("equal_split", "traffic_aware", "max_min_rule", "oracle")
#: Of all steps, those over which the oracle plays: its look ahead is slow.
ORACLE_PART = 0.25
LEAD = "What the presets leave to learn:"
NOTE = """Cell-steps in which every slice has at least 95 % of the throughput it is promised, over one period of the
traffic mask (the oracle: its first quarter) and six networks. The rates of the slices are ours, chosen so that the
traffic-aware policy meets it in 65 to 80 % of them and the oracle in at least 97 %."""


class Headroom(NamedTuple):
    """How a policy fares on a preset.

    Attributes
    ----------
    preset, policy : str
        Their names.
    met : float
        Part of cell-steps in which every slice has at least 95 % of its required throughput.
    reward, load : float
        Means over cells and steps.
    """

    preset: str
    policy: str
    met: float
    reward: float
    load: float


def rows(seeds: Sequence[int] = range(1, 13, 2), names: Sequence[str] = POLICIES) -> list[Headroom]:
    """Return a row per preset and policy.

    Parameters
    ----------
    seeds : sequence of int
        Networks that are played.
    names : sequence of str
        Registered policies.
    """
    return [_row(preset, make(), name, seeds) for preset, make in PRESETS.items() for name in names]


def _row(preset: str, scenario: Scenario, name: str, seeds: Sequence[int]) -> Headroom:
    task, steps = Task(scenario), scenario.traffic.period_steps
    steps = round(ORACLE_PART * steps) if name == "oracle" else steps
    means = []
    for seed in seeds:
        simulator, recorder = Simulator(scenario, seed=seed), KpiRecorder(task, steps, steps)
        simulator.reset()
        history = play(simulator, policies.get(name), task, steps, callbacks=[recorder])
        worst = recorder.arrays["throughput_satisfaction"].min(axis=-1)
        load = recorder.arrays["load"].sum(axis=-1)
        means.append(((worst >= MET).mean(), history.reward.mean(), load.mean()))
    return Headroom(preset, name, *(float(value) for value in np.mean(means, axis=0)))


def table(found: Sequence[Headroom]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| preset | policy | throughput met | mean reward | load |", "|---|---|---:|---:|---:|"]
    for row in found:
        name = row.policy.replace("_", " ")
        lines.append(f"| {row.preset} | {name} | {100 * row.met:.1f} % | {row.reward:.3f} | {row.load:.3f} |")
    return "\n".join(lines)
