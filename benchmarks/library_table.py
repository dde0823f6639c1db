"""Print what each library's learner reaches here, beside ours and the rules, and how many lines a user writes for it.

`python benchmarks/library_table.py [--seeds 1] [--kept FILE] [--into benchmarks/README.md]`: three cells of which one
slice asks for ten times the others' traffic, so that the equal split is poor. Every learner of `library_learners.py`
takes 60,000 agent steps, or --steps, and is played without noise on three networks that it has not seen. Some twelve
minutes of a core a seed. With --kept what was measured is kept line by line, and not measured again with fewer steps;
the table has each learner's most steps; `--seeds 0` prints what there is. Needs the extra `rl`; rows of libraries that
are not installed say so.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import library_learners
import numpy as np
import tables

import slicefast as sf
from slicefast.learn.threads import one_thread
from slicefast.policies import Policy
from slicefast.training import play

MARK = "libraries"
AGENT_STEPS = 60_000
UNSEEN, UNSEEN_STEPS = (1_000_003, 1_000_004, 1_000_005), 100
TIMES = (10.0, 0.2, 0.2, 0.2)  # of 200 kbit/s, by slice
SLICES = [
    {"name": f"slice {s + 1}", "users_per_cell": 8, "rate_bps": 200e3 * times, "packet_bits": 12_000.0}
    for s, times in enumerate(TIMES)
]
SCENARIO = sf.Scenario.hexagonal(n_sites=1, window_ttis=20, slices=SLICES)

KNOWN = {"equal split": "equal_split", "traffic-aware": "traffic_aware", "max-min rule": "max_min_rule"}
# The quickest first: whoever stops the program has most of the table.
LEARNERS = {
    "slicefast TD3, one for all cells": library_learners.our_td3,
    "slicefast in hindsight on the max-min rule": library_learners.our_hindsight,
    "a loop of one's own (CleanRL's kind), PPO": library_learners.own_loop,
    "stable-baselines3 PPO": library_learners.sb3_ppo,
    "TorchRL PPO": library_learners.torchrl_ppo,
    "RLlib PPO": library_learners.rllib_ppo,
    "stable-baselines3 TD3": library_learners.sb3_td3,
    "stable-baselines3 SAC": library_learners.sb3_sac,
}
#: What a learner reached and how long it took [s of a core], by agent steps and seed.
Found = dict[int, dict[int, tuple[float, float]]]


def reached(policy: Policy, scenario: sf.Scenario = SCENARIO) -> float:
    """Return the mean reward of a policy on the networks that nobody has learned on."""
    task, earned = sf.Task(scenario), []
    for seed in UNSEEN:
        simulator = sf.Simulator(scenario, seed)
        simulator.reset()
        earned.append(play(simulator, policy, task, UNSEEN_STEPS).reward.mean())
    return float(np.mean(earned))


def lines_needed(learner: Callable[..., Policy]) -> int:
    """Return how many lines a user writes, imports of the library included, blank ones not."""
    written = [line for line in inspect.getsource(learner).splitlines() if line.strip()]
    return len(written) - 2  # but for the name and the docstring


def measure(name: str, seed: int, steps: int) -> tuple[float, float]:
    """Let a learner learn; return what it reaches and how long it took [s of a core]."""
    begun = time.process_time()
    policy = LEARNERS[name](SCENARIO, seed, steps)
    taken = time.process_time() - begun
    value = reached(policy)
    stop_ray()
    return value, taken


def stop_ray() -> None:
    """End Ray's servers, which would take a part of whatever is measured next."""
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


def measured(seeds: range, steps: int, kept: Path | None) -> dict[str, Found]:
    """Measure what is not kept yet, all learners by one seed before the next; return all that there is."""
    found: dict[str, Found] = {name: {} for name in LEARNERS}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept and kept.is_file() else []:
        row = json.loads(line)
        if row["name"] in found:
            found[row["name"]].setdefault(row["steps"], {})[row["seed"]] = row["reached"], row["taken"]
    for seed in seeds:
        for name in LEARNERS:
            if any(seed in of_seeds for most, of_seeds in found[name].items() if most >= steps):
                continue
            try:
                value, taken = measure(name, seed, steps)
            except ImportError as error:
                print(f"{name}: {error}", file=sys.stderr, flush=True)
                continue
            found[name].setdefault(steps, {})[seed] = value, taken
            line = json.dumps({"name": name, "seed": seed, "steps": steps, "reached": value, "taken": taken})
            print(line, file=sys.stderr, flush=True)
            if kept:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
    return found


def table(found: dict[str, Found]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| library | lines needed | learned: mean reward | above equal split | seconds (CPU) | agent steps | seeds |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    known = {title: reached(sf.policies.get(name)) for title, name in KNOWN.items()}
    equal = known["equal split"]
    for title, value in known.items():
        yield f"| {title} |  | {value:.3f} | {value - equal:+.3f} |  |  |  |"
    for title, of_steps in found.items():
        lines = lines_needed(LEARNERS[title])
        if not of_steps:
            yield f"| {title} | {lines} | not measured |  |  |  |  |"
            continue
        steps = max(of_steps)
        values, taken = np.array(list(of_steps[steps].values())).T
        span = f"{values.mean():.3f}" + (f" [{values.min():.3f}, {values.max():.3f}]" if len(values) > 1 else "")
        least = f"{values.min() - equal:+.3f}"
        yield f"| {title} | {lines} | {span} | {least} | {taken.mean():.0f} | {steps:,} | {len(values)} |"


def told(found: dict[str, Found]) -> str:
    """Return what the table's numbers are, and what those learners reached of which more steps stand in it."""
    earlier = [
        f"{title} {np.mean([value for value, _ in of_steps[steps].values()]):.3f} after {steps:,}"
        for title, of_steps in found.items()
        for steps in sorted(of_steps)[:-1]
    ]
    numbers = (
        "Means over seeds, in brackets the smallest and the largest where there are several; above the equal split is "
        "the smallest, less what the equal split reaches."
    )
    return textwrap.fill(f"{numbers} Of fewer agent steps: {'; '.join(earlier)}." if earlier else numbers, 120)


def main() -> None:
    """Measure and print, and put the table where the command line tells it to."""
    parser = tables.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="of networks and learners, from 0; 0 measures nothing")
    parser.add_argument("--steps", type=int, default=AGENT_STEPS, help="agent steps of what is measured")
    parser.add_argument("--kept", type=Path, help="where measurements are kept, a line each")
    options = parser.parse_args()
    with one_thread():
        found = measured(range(options.seeds), options.steps, options.kept)
        tables.put(table(found), MARK, options.into, told(found))


if __name__ == "__main__":
    main()
