"""Print what a user's links cost where far cells are folded, beside the bare cost of the near links that stay.

    python benchmarks/folding_table.py [--cells 300 3072 12288] [--into benchmarks/README.md]

A pass over all users, 128 to a cell: positions to the best server and its SINR, and positions to folded gains. Beside
it the near links of a user (those of its 37 nearest sites) at what a link costs in the same network where all of them
are computed, which is measured with a part of the users where there are many. Time is the least processor time of
several passes of one thread, growth against the first row. Memory is what the folded gains hold, for a user and in
all, and the most that the process has ever had.
"""

from __future__ import annotations

import resource
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import tables
from machine import least
from networks import NEAR_LINKS, NOISE_W, POWER_W, link_s, network

from slicefast.radio import RangeWarning

MARK = "folding"
CELLS = (300, 3072, 12288)
MOST_OVER_LINKS, MOST_GROWTH = 1.5, {3072: 1.3, 12288: 1.6}
FOLD_DB = 0.1


def row(n_cells: int, rounds: int) -> tuple[list[float], list[str]]:
    """Return the times of both passes for a user [s], and what the table says of a network."""
    n_sites = n_cells // 3
    near_s = NEAR_LINKS * link_s(n_sites)
    model, _, _, x, y = network(n_sites, fold_db=FOLD_DB)
    power, activity = np.full(model.n_cells, POWER_W), np.ones(model.n_cells)
    n_bytes = 0

    def fold() -> None:
        nonlocal n_bytes
        n_bytes = model.fold(x, y, power, NOISE_W).nbytes

    passes = (
        least(lambda: model.best_server(x, y, power, activity, NOISE_W), rounds) / len(x),
        least(fold, rounds) / len(x),
    )
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    times = [f"{1e9 * near_s:.0f} ns"]
    for pass_s in passes:
        over = pass_s / near_s
        held = f", at most {tables.asked(MOST_OVER_LINKS, over <= MOST_OVER_LINKS)}" * (n_cells == CELLS[0])
        times.append(f"{1e9 * pass_s:.0f} ns, {over:.2f}{held}")
    memory = f"{n_bytes / len(x):.0f} bytes a user, {n_bytes / 2**20:,.0f} MiB"
    return [*passes], [f"{n_cells:,}, {len(x):,} users", *times, memory, f"{peak_gib:.2f} GiB"]


def table(cells: Sequence[int], rounds: int) -> Iterator[str]:
    """Yield a row per network."""
    yield (
        "| cells | near links, a user | to the SINR, a user, over near links | folded gains, a user, over near links "
        "| folded gains hold | most memory | both over the first | at most |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    first = np.empty(0)
    for n_cells in cells:
        passes, shown = row(n_cells, rounds)
        first = first if first.size else np.array(passes)
        growth = np.array(passes) / first
        most = MOST_GROWTH.get(n_cells)
        held = "" if most is None else tables.asked(most, bool((growth <= most).all()))
        yield f"| {' | '.join(shown)} | {growth[0]:.2f}, {growth[1]:.2f} | {held} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and put it where the command line tells it to."""
    parser = tables.parser(__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=list(CELLS), help="multiples of 3")
    parser.add_argument("--rounds", type=int, default=2, help="passes after the first")
    chosen = parser.parse_args(arguments)
    warnings.simplefilter("ignore", RangeWarning)  # thousands of cells: long links, fields that repeat
    tables.put(table(chosen.cells, chosen.rounds), MARK, chosen.into)


if __name__ == "__main__":
    main()
