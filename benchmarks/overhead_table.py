"""Print what training costs beside what it cannot do without: the environment's step and the core's update.

    python benchmarks/overhead_table.py [--into benchmarks/README.md]

`slicefast.training.train` plays and learns; within the same run the simulator's steps and the calls of the core's
learner are timed. What the whole loop takes over those two is the price of acting, observing, rewards, storing, drawing
the replay's rows and everything of Python in between. A figure is the median over pairs of steps, of which one updates
the policies, with its bootstrap interval. Settings are the papers', whose update is the smallest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tables
from paired_step import interval
from stopwatch import Stopwatch, Watched

import slicefast as sf
from slicefast.learn import TD3Config
from slicefast.training import Step, new_agents, train

MARK = "overhead"
MOST = 1.15
PAIR = 2  # steps
#: By number of agents: the sites, three cells to each, and the pairs of steps.
NETWORKS = {12: (4, 1000), 300: (100, 30)}


def times_of(n_sites: int, n_pairs: int) -> np.ndarray:
    """Return times [s] of a step, (pairs, 3): of the environment, of the update, and of everything."""
    task = sf.Task(sf.Scenario.hexagonal(n_sites))
    simulator = sf.Simulator(task.scenario, seed=0)
    simulator.reset()
    config = TD3Config(exploration_steps=0, capacity=2000)
    agents = new_agents(task, config, seed=0)
    train(simulator, agents, task, 2 * config.batch_size)
    environment, update = Stopwatch(), Stopwatch()
    simulator.step = environment.around(simulator.step)  # type: ignore[method-assign]
    engine: Any = agents._engine
    engine._learner = Watched(engine._learner, update=update)
    seen = []

    def look(step: Step) -> None:
        if step.index % PAIR == 0:
            seen.append((environment.seconds, update.seconds, time.perf_counter()))

    train(simulator, agents, task, PAIR * n_pairs + 1, callbacks=[look])
    return np.diff(seen, axis=0) / PAIR


def table(agents: Sequence[int], part: float) -> Iterator[str]:
    """Yield a row per number of agents."""
    yield "| agents | environment, a step | core's update | everything | over those two | at most |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for n_agents in agents:
        n_sites, n_pairs = NETWORKS[n_agents]
        times = times_of(n_sites, max(2, round(part * n_pairs)))
        middle, low, high = interval(times[:, 2] / times[:, :2].sum(axis=1))
        shown = " | ".join(f"{1e6 * seconds:,.0f} us" for seconds in np.median(times, axis=0))
        yield f"| {n_agents} | {shown} | {middle:.3f} [{low:.3f}, {high:.3f}] | {tables.asked(MOST, middle <= MOST)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and put it where the command line tells it to."""
    parser = tables.parser(__doc__)
    parser.add_argument("--agents", type=int, nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--part", type=float, default=1.0, help="of the steps that are played")
    chosen = parser.parse_args(arguments)
    tables.put(table(chosen.agents, chosen.part), MARK, chosen.into)


if __name__ == "__main__":
    main()
