"""Print what each number of our setting of exploration and learning is worth: the run that chose it.

`python benchmarks/settings_table.py [--seeds 3] [--into benchmarks/study/README.md]`: the presets "ours" and
"ours_transfer" on the default scenario, and each with one number set back to what was published; with --into the table
replaces what stands between the marks "settings" of that page. Lost is the reward below 1, summed over the steps, mean
over the cells, exploration included; at the end is without noise. About fifteen minutes on one core.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import seed_table

import slicefast as sf
from slicefast.learn import TD3, TD3Config
from slicefast.learn.config import PRESETS, Preset
from slicefast.training import new_agents, train
from slicefast.transfer import transfer

MARK = "settings"
STEPS, LAST_STEPS, SOURCE_STEPS = 4000, 250, 4000
EARLY = (250, 1000, STEPS)
SCENARIO = sf.Scenario.paper()
TASK = sf.Task(SCENARIO)
#: Numbers that only make sense together: the noise's fall.
TOGETHER = ("exploration_noise_end", "exploration_decay_steps")


def changes(preset: Preset) -> dict[str, dict[str, Any]]:
    """Return what is set back in each row, by its name, from the preset itself."""
    before = {**PRESETS["published"], **PRESETS["published_transfer" if preset.endswith("_transfer") else "published"]}
    defaults = TD3Config().to_dict() | before
    chosen = {name: value for name, value in PRESETS[preset].items() if value != defaults[name]}
    rows: dict[str, dict[str, Any]] = {f"{preset}, as it is": {}}
    for name in chosen:
        names = TOGETHER if name in TOGETHER else (name,)
        said = ", ".join(f"{item} {defaults[item]} for {chosen[item]}" for item in names)
        rows[said] = {item: defaults[item] for item in names}
    rows["all as published"] = {name: defaults[name] for name in chosen}
    return rows


def started(seed: int) -> sf.Simulator:
    """Return a network after its warm-up step."""
    simulator = sf.Simulator(SCENARIO, seed=seed)
    simulator.reset()
    return simulator


def trained_source(seed: int) -> TD3:
    """Return agents that learned on another network in our setting."""
    agents = new_agents(TASK, TD3Config.preset("ours"), seed)
    train(started(2 * seed), agents, TASK, SOURCE_STEPS)
    return agents


def lost(config: TD3Config, seed: int, source: TD3 | None) -> list[float]:
    """Return what agents lose on a new network up to each of `EARLY`, and their mean reward at the end."""
    config = TD3Config(**{**config.to_dict(), "capacity": config.capacity + SOURCE_STEPS})
    agents = new_agents(TASK, config, seed)
    if source is not None:
        cells = list(range(TASK.n_agents))
        transfer(source, [(cell + 3) % len(cells) for cell in cells], agents, cells)
    reward = train(started(2 * seed + 1), agents, TASK, STEPS + LAST_STEPS, learn_steps=STEPS).reward.mean(axis=1)
    return [*(float((1.0 - reward[:until]).sum()) for until in EARLY), float(reward[STEPS:].mean())]


def table(seeds: range) -> Iterator[str]:
    """Yield the lines of the table, each as soon as it is known."""
    yield f"| setting | {' | '.join(f'lost to step {until:,}' for until in EARLY)} | at the end |"
    yield "|---|---:|---:|---:|---:|"
    for preset in ("ours", "ours_transfer"):
        sources = [trained_source(seed) if preset == "ours_transfer" else None for seed in seeds]
        for said, back in changes(preset).items():
            config = TD3Config.preset(preset, **back)
            found = np.array([lost(config, seed, source) for seed, source in zip(seeds, sources, strict=True)])
            ends = f"{found[:, -1].mean():.3f} [{found[:, -1].min():.3f}, {found[:, -1].max():.3f}]"
            yield f"| {said} | {' | '.join(f'{value:,.0f}' for value in found[:, :-1].mean(axis=0))} | {ends} |"


if __name__ == "__main__":
    seed_table.main(__doc__, MARK, table)
