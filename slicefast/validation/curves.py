"""What the choice of the link adaptation does to the default network, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from slicefast.load_coupling import spectral_efficiency
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.task import Task

#: Link adaptations of the default network, by what the table calls them.
RADIOS: Mapping[str, Mapping[str, Any]] = {
    "`mogensen`, the default": {"efficiency": "mogensen"},
    "`tr36942`": {"efficiency": "tr36942"},
    "`cqi`": {"efficiency": "cqi"},
    "`transport_block`": {"efficiency": "transport_block"},
    "`shannon`, the bound of theory": {"efficiency": "shannon"},
    "`transport_block` of NR, 64QAM": {"technology": "nr", "efficiency": "transport_block"},
    "`transport_block` of NR, 256QAM": {"technology": "nr", "mcs_table": "qam256", "efficiency": "transport_block"},
}
LEAD = "The default network under each link adaptation:"
NOTE = """Means over the cells and steps of ten seeds, shares of a quarter each, the same traffic and 100 PRBs of
180 kHz for all. At the ceiling: user-steps whose SINR would give the published curve more than the carrier's longest
transport block has; a table's end is its own ceiling."""


def rows(seeds: Sequence[int] = range(10), n_steps: int = 40) -> list[tuple[str, float, float, float, float]]:
    """Return a row per link adaptation: name, ceiling [bit/s/Hz], load, part of user-steps at the ceiling, reward."""
    found = []
    for name, radio in RADIOS.items():
        scenario = Scenario.paper(radio=radio)
        task, ceiling = Task(scenario), scenario.ceiling_bps_per_hz or np.inf
        loads, capped, rewards = [], [], []
        for seed in seeds:
            simulator = Simulator(scenario, seed=seed)
            simulator.reset()
            for _ in range(n_steps):
                kpis = simulator.step(np.full(simulator.shares_shape, 1.0 / scenario.n_slices))
                loads.append(kpis.load.sum(axis=-1).mean())
                rewards.append(task.reward(kpis).mean())
                if scenario.radio.efficiency != "transport_block":
                    capped.append((spectral_efficiency(scenario.radio.efficiency, simulator.sinr) > ceiling).mean())
        at_ceiling = float(np.mean(capped)) if capped else np.nan
        found.append((name, ceiling, float(np.mean(loads)), at_ceiling, float(np.mean(rewards))))
    return found


def table(found: Sequence[tuple[str, float, float, float, float]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| link adaptation | ceiling [bit/s/Hz] | load | user-steps at the ceiling | reward, equal shares |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, ceiling, load, capped, reward in found:
        most = "none" if np.isinf(ceiling) else f"{ceiling:.2f}"
        part = "" if np.isnan(capped) else f"{100 * capped:.1f} %"
        lines.append(f"| {name} | {most} | {load:.3f} | {part} | {reward:.3f} |")
    return "\n".join(lines)
