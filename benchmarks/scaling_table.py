"""Print how the time of the work grows with the size of the problem: the exponents of a power law.

    python benchmarks/scaling_table.py [--into benchmarks/README.md]

An exponent of 1 is time in proportion to size: the slope of log time over log size by least squares. Of every size the
least processor time of several rounds, the sizes in turns, so that a slow minute is everybody's. Cells bring their 128
users each, and are many enough for far cells to be folded at every size; more users share the same traffic among the
same 12 cells; agents are updated by batches of 32. Of threads it is the processor time that all of them take together
for one network of 300 cells: 0 where sharing costs nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import slicefast as sf
from slicefast import files
from slicefast.learn import TD3, TD3Config

MARK = "scaling"
ROUNDS = 7
#: What an exponent may be; of threads, less 1.
MOST = 1.1


def step_of(scenario: sf.Scenario, n_threads: int = 1) -> Callable[[], Any]:
    """Return a step at equal shares of a network that is warm."""
    simulator = sf.Simulator(scenario, seed=0, n_threads=n_threads)
    simulator.reset()
    shares = np.full((scenario.n_cells, scenario.n_slices), 1 / scenario.n_slices)
    simulator.step(shares)
    return lambda: simulator.step(shares)


def with_users(per_slice: int) -> sf.Scenario:
    """Return the default network with so many users per slice and cell, who share its traffic."""
    slices = []
    for item in sf.Scenario.paper().slices:
        assert item.rate_bps is not None
        rate_bps = item.rate_bps * item.users_per_cell / per_slice
        slices.append({**item.model_dump(), "users_per_cell": per_slice, "rate_bps": rate_bps})
    return sf.Scenario.paper(slices=slices)


def update_of(n_agents: int) -> Callable[[], Any]:
    """Return an update of so many agents, replay included."""
    agents = TD3(n_agents, 16, 4, TD3Config(capacity=256, exploration_steps=0))
    rng = np.random.default_rng(0)
    for _ in range(64):
        seen, then = rng.random((2, n_agents, 16), dtype=np.float32)
        action = rng.dirichlet(np.ones(4), n_agents).astype(np.float32)
        agents.store(seen, action, rng.random(n_agents, dtype=np.float32), then)
    return agents.update


#: What grows: the work of a size, and how often it is done in a round.
GROWTH: dict[str, tuple[dict[int, Callable[[], Callable[[], Any]]], int]] = {
    "cells, a step": (
        {3 * sites: lambda sites=sites: step_of(sf.Scenario.hexagonal(sites)) for sites in (49, 100, 196, 400)}, 1
    ),
    "cells, a step at flow level": (
        {
            3 * sites: lambda sites=sites: step_of(sf.Scenario.hexagonal(sites, fidelity="flow"))
            for sites in (49, 100, 196, 400)
        },
        1,
    ),
    "users, a step": (
        {48 * users: lambda users=users: step_of(with_users(users)) for users in (32, 64, 128, 256)}, 20
    ),
    "agents, an update": ({agents: lambda agents=agents: update_of(agents) for agents in (12, 48, 192, 768)}, 10),
    "threads, a step": (
        {threads: lambda threads=threads: step_of(sf.Scenario.hexagonal(100), threads) for threads in (1, 2)}, 2
    ),
}  # fmt: skip


def times_of(work: dict[int, Callable[[], Callable[[], Any]]], repeats: int) -> dict[int, float]:
    """Return the least processor time of each size's work [s]."""
    made = {size: make() for size, make in work.items()}
    least = dict.fromkeys(made, np.inf)
    for _ in range(ROUNDS):
        for size, call in made.items():
            begin = time.process_time()
            for _ in range(repeats):
                call()
            least[size] = min(least[size], (time.process_time() - begin) / repeats)
    return least


def exponent(times: dict[int, float]) -> float:
    """Return the slope of log time over log size."""
    return float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0])


def table() -> Iterator[str]:
    """Yield a row per kind of growth."""
    yield "| what grows | time at each size | exponent | at most |"
    yield "|---|---|---:|---:|"
    for name, (work, repeats) in GROWTH.items():
        times = times_of(work, repeats)
        most = MOST - 1 if name.startswith("threads") else MOST
        shown = ", ".join(f"{size:,}: {seconds * 1e3:.3g} ms" for size, seconds in times.items())
        yield f"| {name} | {shown} | {exponent(times):.2f} | {most:.1f} |"


def main() -> None:
    """Print the table, and put it where the command line tells it to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, help="the page that takes the table")
    options = parser.parse_args()
    lines = []
    for line in table():
        print(line, flush=True)
        lines.append(line)
    if options.into:
        files.replace_section(options.into, MARK, "\n".join(lines))


if __name__ == "__main__":
    main()
