"""Print what a second thread of the pool brings to one network's step, and from which size on it pays.

    python benchmarks/threads_table.py [--into benchmarks/README.md]

Two simulators of one network, one of them shared between two threads whatever its size, play the same steps in turns
that start with either; their KPIs must be equal to the last bit. Ratios are of neighbours' elapsed time, their median:
of finding the links (attach), of coupling and scheduling (the core's step), and of the simulator's whole step. It needs
two processors that do nothing else. Below the table: the links from which on the whole step gains at every size, which
is what `slicefast.network.LEAST_SHARED_LINKS` is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tables
from paired_step import interval
from stopwatch import Stopwatch, Watched

import slicefast as sf
from slicefast import network
from slicefast.kpis import CELL_KPIS

MARK = "threads"
SITES = (1, 3, 4, 7, 12, 19, 37, 61, 100)
TARGET = 1.7  # of the largest
PARTS = ("attach", "step")


class Player:
    """A simulator that says what its steps take."""

    def __init__(self, scenario: sf.Scenario, n_threads: int) -> None:
        set_to, network.LEAST_SHARED_LINKS = network.LEAST_SHARED_LINKS, 0
        try:
            self._simulator = sf.Simulator(scenario, seed=0, n_threads=n_threads)
        finally:
            network.LEAST_SHARED_LINKS = set_to
        self._simulator.reset()
        (replica,) = self._simulator._replicas
        self._parts = {part: Stopwatch() for part in PARTS}
        replica.network = Watched(replica.network, **self._parts)
        self._shares = np.full((scenario.n_cells, scenario.n_slices), 1 / scenario.n_slices)

    def play(self) -> tuple[list[float], sf.Kpis]:
        """Play a step; return the times of its parts and of all of it [s], and what it measured."""
        for part in self._parts.values():
            part.seconds = 0.0
        whole = Stopwatch()
        kpis = whole.around(self._simulator.step)(self._shares)
        return [watch.seconds for watch in (*self._parts.values(), whole)], kpis


def pairs(scenario: sf.Scenario, n_pairs: int) -> np.ndarray:
    """Return times [s], shape (pairs, 1 or 2 threads, parts and all), of steps that agree to the last bit."""
    players = [Player(scenario, n_threads) for n_threads in (1, 2)]
    times = np.empty((n_pairs, 2, len(PARTS) + 1))
    for pair in range(-2, n_pairs):
        measured = [None, None]
        for which in (0, 1) if pair % 2 else (1, 0):
            seconds, measured[which] = players[which].play()
            if pair >= 0:
                times[pair, which] = seconds
        one, two = measured
        assert all(np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True) for name in CELL_KPIS)
    return times


def least_links(gains: dict[int, float]) -> int | None:
    """Return the links from which on every larger network gains; None where the largest does not."""
    pays = None
    for links in sorted(gains, reverse=True):
        if gains[links] <= 1.0:
            break
        pays = links
    return pays


def table(sites: Sequence[int], seconds: float) -> Iterator[str]:
    """Yield a row per network, each measured about so long, and what follows from them."""
    yield "| cells | links | one thread, a step | two threads | links | coupling and scheduling | whole step |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    gains = {}
    for n_sites in sites:
        scenario = sf.Scenario.hexagonal(n_sites)
        links = scenario.n_users * scenario.n_cells
        guess = pairs(scenario, 3)[..., -1].min(axis=0).sum()
        times = pairs(scenario, int(np.clip(seconds / guess, 10, 400)))
        ratios = times[:, 0] / times[:, 1]
        one, two = (f"{1e3 * least:.3g} ms" for least in times[..., -1].min(axis=0))
        middle, low, high = interval(ratios[:, -1])
        gains[links] = low
        parts = [f"{ratio:.2f}" for ratio in np.median(ratios[:, :-1], axis=0)]
        shown = [f"{scenario.n_cells}", f"{links:,}", one, two, *parts, f"{middle:.2f} [{low:.2f}, {high:.2f}]"]
        yield f"| {' | '.join(shown)} |"
    found = least_links(gains)
    yield ""
    yield (
        f"A second thread pays {f'from {found:,} links on' if found else 'nowhere'}; `LEAST_SHARED_LINKS` is "
        f"{network.LEAST_SHARED_LINKS:,}. Asked of the largest network: {tables.asked(TARGET, middle >= TARGET)}."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and put it where the command line tells it to."""
    parser = tables.parser(__doc__)
    parser.add_argument("--sites", type=int, nargs="+", default=list(SITES), help="of three cells")
    parser.add_argument("--seconds", type=float, default=5.0, help="a network is measured so long")
    chosen = parser.parse_args(arguments)
    tables.put(table(chosen.sites, chosen.seconds), MARK, chosen.into)


if __name__ == "__main__":
    main()
