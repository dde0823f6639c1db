"""Print how long a step takes beside another version's, in pairs that share the machine's moods.

    python benchmarks/paired_step.py /path/to/other/bin/python --network default --pairs 40

The other Python has another version of slicefast installed. Both play the same network at equal shares, a batch of
steps of one, then of the other, in turns that start with either; a ratio is of two neighbours' processor time (that of
one thread: everything is computed by one), the figure their median with a bootstrap interval. Versions may draw other
numbers, so both play warm networks whose steps are alike, not the same.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import tables

MARK = "paired"

#: By name: the scenario as Python text, the steps of a batch, and the ratio that we ask for.
NETWORKS = {
    "default": ("sf.Scenario.paper()", 100, 2.0),
    "default-flow": ("sf.Scenario.paper(fidelity='flow')", 200, 1.0),
    "300": ("sf.Scenario.hexagonal(100)", 4, 3.0),
    "300-flow": ("sf.Scenario.hexagonal(100, fidelity='flow')", 4, 4.0),
}
_WORKER = """
import sys, time
import numpy as np
import slicefast as sf
simulator = sf.Simulator({scenario}, seed=0)
scenario = simulator.scenario
shares = np.full((scenario.n_cells, scenario.n_slices), 1 / scenario.n_slices)
simulator.reset()
for line in sys.stdin:
    begin = time.process_time()
    for _ in range(int(line)):
        simulator.step(shares)
    print(time.process_time() - begin, flush=True)
"""


class Player:
    """A process that plays steps and says what they took."""

    def __init__(self, python: str, scenario: str) -> None:
        command = [python, "-P", "-c", _WORKER.format(scenario=scenario)]  # not the package of the folder it runs in
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def play(self, n_steps: int) -> float:
        """Return the processor time of a step [s]."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{n_steps}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline()) / n_steps

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def pairs(pythons: Sequence[str], network: str, n_pairs: int) -> np.ndarray:
    """Return times of a step [s], shape (pairs, 2), in the order of the Pythons."""
    scenario, n_steps, _ = NETWORKS[network]
    players = [Player(python, scenario) for python in pythons]
    for player in players:
        player.play(2 * n_steps)
    times = np.empty((n_pairs, 2))
    for pair in range(n_pairs):
        for which in (0, 1) if pair % 2 else (1, 0):
            times[pair, which] = players[which].play(n_steps)
    for player in players:
        player.close()
    return times


def interval(ratios: np.ndarray) -> tuple[float, float, float]:
    """Return the median of ratios, and the 95 % bootstrap interval of it."""
    drawn = np.random.default_rng(0).choice(ratios, size=(2000, ratios.size))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return float(np.median(ratios)), float(low), float(high)


def table(other: str, networks: Sequence[str], n_pairs: int) -> Iterator[str]:
    """Yield a row per network."""
    yield "| network | other version | this version | other / this | at least |"
    yield "|---|---:|---:|---:|---:|"
    for network in networks:
        times = pairs((other, sys.executable), network, n_pairs)
        middle, low, high = interval(times[:, 0] / times[:, 1])
        before, now = times.min(axis=0) * 1e6
        least = NETWORKS[network][-1]
        shown = f"{before:,.0f} us | {now:,.0f} us | {middle:.2f} [{low:.2f}, {high:.2f}]"
        yield f"| {network} | {shown} | {tables.asked(least, middle >= least)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per network, and put the table where the command line tells it to."""
    parser = tables.parser(__doc__)
    parser.add_argument("other", help="the other version's Python")
    parser.add_argument("--network", choices=NETWORKS, nargs="+", default=["default"])
    parser.add_argument("--pairs", type=int, default=40)
    chosen = parser.parse_args(arguments)
    tables.put(table(chosen.other, chosen.network, chosen.pairs), MARK, chosen.into)


if __name__ == "__main__":
    main()
