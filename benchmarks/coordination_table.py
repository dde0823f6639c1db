"""Print what neighbours' messages are worth as information: how much better they foretell what a cell needs to know.

`python benchmarks/coordination_table.py [--seeds 3] [--into benchmarks/study/README.md]`: plays the max-min rule, which
every cell applies to its own measurements, and predicts the logarithm of every slice's spectral efficiency in the
coming step, which is all that a cell does not know about the capacity of its shares. Predictions are linear, by ridge
regression for every cell and slice on the first two thirds of the steps; a row prints the part of the variance that
they explain on the last third, R2, from the cell's own measurements, and what is added by the neighbours' loads: their
mean, as the paper's cells send it, every neighbour's by itself, and, which nobody knows, those of the coming step. With
--into the table replaces what stands between the marks "coordination" of that page. A minute on one core.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import seed_table

import slicefast as sf
from slicefast.units import Float64

MARK = "coordination"
STEPS, SKIPPED, TRAINED = 1200, 50, 2 / 3
RIDGE = 1.0  # on standardised columns, in samples
LEAST_LOAD = 1e-3  # below it a slice's efficiency is that of a packet or two


def scenarios() -> Iterator[tuple[str, sf.Scenario]]:
    """Yield the scenarios: the default, and those in which neighbours should be worth most."""
    yield "default", sf.Scenario.paper()
    hours = {"phase_spread_days": 1.0}
    yield "independent hours", sf.Scenario.paper(traffic=hours)
    yield "independent hours, 1.5 times the traffic", busy(traffic=hours)
    yield "independent hours, steps of 60 s, 1.5 times the traffic", busy(traffic=hours, step_s=60.0)


def busy(**options: object) -> sf.Scenario:
    """Return the default scenario with 1.5 times the traffic."""
    scenario = sf.Scenario.paper(**options)
    slices = [item.model_copy(update={"rate_bps": 1.5 * item.rate_bps}) for item in scenario.slices]
    return scenario.replace(slices=slices)


def played(scenario: sf.Scenario, seed: int) -> dict[str, Float64]:
    """Return what cells measured step by step under the max-min rule, (steps, N, S) each."""
    simulator = sf.Simulator(scenario, seed=seed)
    simulator.reset()
    rule, rows = sf.policies.MaxMinRule(), []
    for _ in range(STEPS):
        kpis = simulator.step(rule(simulator))
        rows.append((kpis.load, kpis.users, kpis.throughput_bps, kpis.spectral_efficiency))
    names = ("load", "users", "throughput_bps", "efficiency")
    return dict(zip(names, (np.stack(column)[SKIPPED:] for column in zip(*rows, strict=True)), strict=True))


def explained(columns: Float64, target: Float64) -> tuple[float, float]:
    """Return the squared error of a prediction on the last part, and that of the first part's mean."""
    first = round(len(target) * TRAINED)
    spread = columns[:first].std(axis=0)
    x = (columns - columns[:first].mean(axis=0))[:, spread > 0] / spread[spread > 0]
    mean = target[:first].mean()
    weights = np.linalg.solve(
        x[:first].T @ x[:first] + RIDGE * np.eye(x.shape[1]), x[:first].T @ (target[:first] - mean)
    )
    missed = target[first:] - mean - x[first:] @ weights
    return float(missed @ missed), float(((target[first:] - mean) ** 2).sum())


def r2(scenario: sf.Scenario, seen: dict[str, Float64]) -> Float64:
    """Return the part of the variance explained by own measurements, and with each of the messages as well, (4,)."""
    load, efficiency = seen["load"], seen["efficiency"]
    neighbours = scenario.neighbours
    errors = np.zeros((4, 2))
    for n in range(scenario.n_cells):
        own = np.hstack([np.log(np.maximum(efficiency[:-1, n], 1e-2)), load[:-1, n], seen["users"][:-1, n]])
        own = np.hstack([own, np.log1p(seen["throughput_bps"][:-1, n])])
        near = load[:, neighbours[n]]
        told = (near[:-1].mean(axis=1), near[:-1].sum(axis=2), near[1:].sum(axis=2))
        for s in range(scenario.n_slices):
            heard = load[1:, n, s] > LEAST_LOAD
            target = np.log(np.maximum(efficiency[1:, n, s], 1e-2))[heard]
            for row, more in enumerate((None, *told)):
                columns = own if more is None else np.hstack([own, more])
                errors[row] += explained(columns[heard], target)
    return 1.0 - errors[:, 0] / errors[:, 1]


def table(seeds: range) -> Iterator[str]:
    """Yield the lines of the table, each as soon as it is known."""
    messages = ("neighbours' mean load", "every neighbour's load", "every neighbour's load of the coming step")
    yield f"| scenario | load | R2 from own measurements | {' | '.join(f'added by {told}' for told in messages)} |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, scenario in scenarios():
        runs = [played(scenario, seed) for seed in seeds]
        load = runs[0]["load"].sum(axis=2).mean()
        found = np.stack([r2(scenario, seen) for seen in runs])
        added = found[:, 1:] - found[:, :1]
        cells = [f"{a.mean():+.3f} [{a.min():+.3f}, {a.max():+.3f}]" for a in added.T]
        own = f"{found[:, 0].mean():.3f} [{found[:, 0].min():.3f}, {found[:, 0].max():.3f}]"
        yield f"| {name} | {load:.2f} | {own} | {' | '.join(cells)} |"


if __name__ == "__main__":
    seed_table.main(__doc__, MARK, table)
