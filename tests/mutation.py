"""Draws mutants of mutmut and counts the dead: see "Mutants" in README.md.

Not a test: it reads the folder `mutants/` that ``mutmut run`` leaves in the clone's root.

    python tests/mutation.py draw 80 | xargs mutmut run --max-children 2
    python tests/mutation.py table
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter, defaultdict
from math import sqrt
from pathlib import Path

SEED = 0
SURVIVED, NO_TEST, TIMED_OUT = "survived", "no test", "timed out"
# Exit codes as mutmut stores them; every other number is a run that pytest did not finish, or a mutant that hung.
MEANING = {1: "killed", 3: "killed", 0: SURVIVED, 33: NO_TEST, 5: NO_TEST}


def rooms() -> dict[str, dict[str, int | None]]:
    """Return the exit code of every mutant, None where it was not tried, by room: a package or a module of its own."""
    by_room: dict[str, dict[str, int | None]] = defaultdict(dict)
    for path in sorted(Path("mutants/slicefast").rglob("*.meta")):
        parts = path.relative_to("mutants/slicefast").parts
        room = "/".join(parts) if parts[0] == "learn" or len(parts) == 1 else parts[0]
        by_room[room.removesuffix(".meta")].update(json.loads(path.read_text())["exit_code_by_key"])
    return by_room


def draw(n: int) -> list[str]:
    """Return n mutants of each room, the same for one seed, or all of a room that has fewer."""
    generator = random.Random(SEED)
    drawn = []
    for _, mutants in sorted(rooms().items()):
        drawn += generator.sample(sorted(mutants), min(n, len(mutants)))
    return drawn


def interval(killed: int, tried: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927), in percent."""
    z, share = 1.96, killed / tried
    centre, spread = share + z**2 / (2 * tried), z * sqrt(share * (1 - share) / tried + z**2 / (4 * tried**2))
    return tuple(100 * (centre + sign * spread) / (1 + z**2 / tried) for sign in (-1, 1))


def table() -> str:
    """Return the rooms as a Markdown table; a mutant that ran out of time is not counted as dead."""
    lines = [
        "| room | mutants | tried | killed | timed out | survived | no test reaches it | share | 95 % |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    total: Counter[str] = Counter()
    weighted = variance = 0.0
    for room, mutants in sorted(rooms().items()):
        count = Counter(MEANING.get(code, TIMED_OUT) for code in mutants.values() if code is not None)
        tried = sum(count.values())
        if not tried:
            continue
        share = count["killed"] / tried
        weighted += len(mutants) * share
        variance += len(mutants) ** 2 * share * (1 - share) / tried * (1 - tried / len(mutants))
        lines.append(_row(room, len(mutants), tried, count, f"{100 * share:.0f} %", interval(count["killed"], tried)))
        total += Counter(count, mutants=len(mutants), tried=tried)
    if not total["tried"]:
        return "no mutant was tried: type mutmut run"
    share, error = weighted / total["mutants"], 1.96 * sqrt(variance) / total["mutants"]
    bounds = (100 * (share - error), min(100 * (share + error), 100))
    lines.append(_row("all, by their mutants", total["mutants"], total["tried"], total, f"{100 * share:.0f} %", bounds))
    return "\n".join(lines)


def _row(room: str, n: int, tried: int, count: Counter[str], share: str, bounds: tuple[float, float]) -> str:
    # The whole room was tried: nothing is estimated.
    between = "all tried" if n == tried else f"{bounds[0]:.0f} to {bounds[1]:.0f} %"
    cells = [room, n, tried, count["killed"], count[TIMED_OUT], count[SURVIVED], count[NO_TEST], share, between]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    print(*(draw(int(sys.argv[2])) if sys.argv[1] == "draw" else [table()]), sep="\n")
