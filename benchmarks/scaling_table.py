"""Print how the time of the work grows with the size of the problem: the exponents of a power law.

    python benchmarks/scaling_table.py [--only cells threads] [--into benchmarks/README.md]

An exponent of 1 is time in proportion to size: the slope of log time over log size by least squares. Of every size the
least processor time of several rounds, the sizes in turns, so that a slow minute is everybody's. Cells bring their 128
users each, and are many enough for far cells to be folded at every size; more users share the same traffic among the
same 12 cells; agents are updated by batches of 32. Of threads it is the processor time that all of them take together
for one network of 300 cells: 0 where sharing costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tables

import slicefast as sf
from slicefast.learn import TD3, TD3Config

MARK = "scaling"


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


class Growth(NamedTuple):
    """What grows: the sizes, the work of a size and how often it is done in a round, and what the exponent may be."""

    what: str
    sizes: tuple[int, ...]
    work_of: Callable[[int], Callable[[], Any]]
    repeats: int
    most: float = 1.1


CELLS = (147, 300, 588, 1200)  # three to a site
GROWTHS = (
    Growth("cells, a step", CELLS, lambda cells: step_of(sf.Scenario.hexagonal(cells // 3)), 1),
    Growth(
        "cells, a step at flow level",
        CELLS,
        lambda cells: step_of(sf.Scenario.hexagonal(cells // 3, fidelity="flow")),
        1,
    ),
    Growth("users, a step", (1536, 3072, 6144, 12288), lambda users: step_of(with_users(users // 48)), 20),
    Growth("agents, an update", (12, 48, 192, 768), update_of, 10),
    Growth("threads, a step", (1, 2), lambda threads: step_of(sf.Scenario.hexagonal(100), threads), 2, most=0.1),
)


def times_of(growth: Growth, rounds: int) -> dict[int, float]:
    """Return the least processor time of each size's work [s]."""
    made = {size: growth.work_of(size) for size in growth.sizes}
    least = dict.fromkeys(made, np.inf)
    for _ in range(rounds):
        for size, call in made.items():
            begin = time.process_time()
            for _ in range(growth.repeats):
                call()
            least[size] = min(least[size], (time.process_time() - begin) / growth.repeats)
    return least


def exponent(times: dict[int, float]) -> float:
    """Return the slope of log time over log size."""
    return float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0])


def table(what: Sequence[str], rounds: int) -> Iterator[str]:
    """Yield a row per kind of growth whose first word is among these."""
    yield "| what grows | time at each size | exponent | at most |"
    yield "|---|---|---:|---:|"
    for growth in (item for item in GROWTHS if item.what.split(",")[0] in what):
        times = times_of(growth, rounds)
        shown = ", ".join(f"{size:,}: {seconds * 1e3:.3g} ms" for size, seconds in times.items())
        slope = exponent(times)
        yield f"| {growth.what} | {shown} | {slope:.2f} | {tables.asked(growth.most, slope <= growth.most)} |"


def main() -> None:
    """Print the table, and put it where the command line tells it to."""
    parser = tables.parser(__doc__)
    kinds = list(dict.fromkeys(growth.what.split(",")[0] for growth in GROWTHS))
    parser.add_argument("--only", choices=kinds, nargs="+", default=kinds, help="what grows")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    tables.put(table(options.only, options.rounds), MARK, options.into)


if __name__ == "__main__":
    main()
