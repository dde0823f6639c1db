"""Print what a source saves a hindsight learner at its start where cells differ, and which source saves most.

`python benchmarks/source_table.py [--seeds 10] [--into benchmarks/study/README.md]`: networks of the map of similarity
at h = 1, every seed with patterns of its own. Learners of the paper's observation learn for `SOURCE_STEPS` on a source
network; each cell of the target network starts with nothing, or with the network of one of them, and learns. Regret is
what the oracle earns more, summed over the first 250 steps, mean over the cells; saved is the part that the learner
from nothing pays and this one does not. With --into the table replaces what stands between the marks "sources" of that
page. Three minutes of a core for a seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, get_args

import numpy as np
import seed_table
from numpy.typing import NDArray

import slicefast as sf
from slicefast.learn import Hindsight, HindsightConfig
from slicefast.policies.hindsight import OnlineHindsight, new_hindsight
from slicefast.scenario.heterogeneous import HeterogeneityKind
from slicefast.study.intervals import over_seeds
from slicefast.study.seeds import source_network_seed, target_network_seed
from slicefast.training import collect_samples, play, train
from slicefast.transfer import SourceChoice, choose_sources, configuration_distance, similarity_matrix
from slicefast.units import Float64

MARK = "sources"
STEPS, SOURCE_STEPS = 250, 500


class Way(NamedTuple):
    """How a target's cells get their sources, and whether what these remember comes along."""

    distance: str
    choice: SourceChoice | None = "most"  # None: the cell of the same number, which has the target's own pattern
    memory: bool = False


WAYS = {
    "most similar, KL": Way("kl"),
    "the same, with its memory": Way("kl", memory=True),
    "most similar, configuration": Way("configuration"),
    "random": Way("kl", "random"),
    "least similar, KL": Way("kl", "least"),
    "a cell of the same pattern": Way("kl", None),
}


def started(scenario: sf.Scenario, seed: int) -> sf.Simulator:
    """Return a network after its warm-up step."""
    simulator = sf.Simulator(scenario, seed=seed)
    simulator.reset()
    return simulator


def distances(task: sf.Task, seed: int) -> dict[str, Float64]:
    """Return the repository's distance and that of the configuration, row the source and column the target."""
    seeds = (source_network_seed(seed), target_network_seed(seed))
    samples = np.concatenate([collect_samples(started(task.scenario, item), task, STEPS) for item in seeds])
    kl = similarity_matrix(list(samples), seed=seed).distance
    n = task.n_agents
    return {"kl": kl[:n, n:], "configuration": configuration_distance(task.scenario)}


def learned(task: sf.Task, seed: int, steps: int, learner: Hindsight) -> NDArray[np.float32]:
    """Let a learner play and learn on a network from its first step on, and return its rewards, (steps, N)."""
    network = started(task.scenario, seed)
    return train([network], OnlineHindsight(learner, network), task, steps).reward


def regrets(kind: HeterogeneityKind, seed: int) -> list[float]:
    """Return the regret from nothing, then that of every one of `WAYS`."""
    scenario = sf.Scenario.heterogeneous(1.0, kind, seed=seed)
    task, config, target = sf.Task(scenario), HindsightConfig(), target_network_seed(seed)
    source = new_hindsight(task, config, source_network_seed(seed))
    learned(task, source_network_seed(seed), SOURCE_STEPS, source)
    far, groups = distances(task, seed), scenario.requirement_groups
    best = play(started(scenario, target), sf.policies.get("oracle"), task, STEPS).reward

    def paid(learner: Hindsight) -> float:
        return float((best - learned(task, target, STEPS, learner)).sum(axis=0).mean())

    found = [paid(new_hindsight(task, config, target))]
    for way in WAYS.values():
        chosen = np.arange(task.n_agents)
        if way.choice is not None:
            chosen = choose_sources(far[way.distance], way.choice, groups, seed)
        learner = new_hindsight(task, config, target)
        for cell, other in enumerate(chosen.tolist()):
            learner.copy_agent(source, other, cell, memory=way.memory)
        found.append(paid(learner))
    return found


def table(seeds: range) -> Iterator[str]:
    """Yield a row per kind of heterogeneity."""
    yield f"| cells differ in, h = 1 | regret from nothing | {' | '.join(f'saved: {name}' for name in WAYS)} |"
    yield f"|---|---:|{'---:|' * len(WAYS)}"
    for kind in get_args(HeterogeneityKind):
        alone, *helped = np.array([regrets(kind, seed) for seed in seeds]).T
        saved = [over_seeds(100.0 * (1.0 - paid / alone)) for paid in helped]
        cells = [f"{item.value:.0f} % [{item.low:.0f}, {item.high:.0f}]" for item in saved]
        yield f"| {kind} | {alone.mean():.2f} | {' | '.join(cells)} |"


if __name__ == "__main__":
    seed_table.main(__doc__, MARK, table, "Student's 95 % interval")
