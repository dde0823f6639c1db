"""Memory of a training over many steps: what a process holds stays what it held after the first tenth.

    python tests/fuzz/memory.py 100000

Steps of a small network under TD3 agents that explore, keep and learn, whose replay is full after the first tenth.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np

from slicefast import Scenario, Simulator, Task
from slicefast.learn import TD3, TD3Config
from slicefast.learn.threads import one_thread

#: Growth that counts as none: an allocator's own, which does not go on with the steps.
FLAT_MIB = 2.0


def resident_mib() -> float:
    """Return what this process holds in memory [MiB]."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def held_mib(n_steps: int) -> list[float]:
    """Return what is held after each tenth of so many steps [MiB]."""
    slices = [{"name": f"s{k}", "rate_bps": 1e5, "users_per_cell": 1} for k in range(4)]
    scenario = Scenario.hexagonal(1, window_ttis=5, slices=slices)
    simulator, task = Simulator(scenario), Task(scenario)
    config = TD3Config(exploration_steps=10, capacity=max(10, n_steps // 20), batch_size=4)
    agents = TD3(task.n_agents, task.observation_size, task.action_size, config)
    observation = task.observe(simulator.reset())
    held = []
    with one_thread():
        for _ in range(10):
            for _ in range(n_steps // 10):
                action = agents.act(observation, explore=True)
                kpis = simulator.step(task.to_shares(action))
                seen = task.observe(kpis)
                agents.store(observation, action, task.reward(kpis), seen)
                agents.update()
                observation = seen
            held.append(resident_mib())
    return held


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("n_steps", type=int)
    n_steps = parser.parse_args().n_steps
    begin = time.process_time()
    held = held_mib(n_steps)
    print("MiB after each tenth:", *(f"{value:.1f}" for value in held))
    growth = float(np.max(held[1:]) - held[0])
    print(f"{n_steps:,} steps, {growth:+.1f} MiB after the first tenth, {time.process_time() - begin:.0f} CPU s")
    return 1 if growth > FLAT_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
