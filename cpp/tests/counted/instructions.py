"""Instructions of one step and of one update, counted by callgrind: a guard against slower code that noise cannot move.

    python cpp/tests/counted/instructions.py BUILD/slicefast_counted             # against instructions.json, 5 % margin
    python cpp/tests/counted/instructions.py BUILD/slicefast_counted --write     # after a change that is meant

A count is of twice as much work less that of once as much, so that starting costs nothing. Counts depend on the
compiler, so each has its own; with one that has none, and where valgrind is not installed, nothing is held and that is
said.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

KNOWN = Path(__file__).with_name("instructions.json")
#: Other compilers' flags aside, a count repeats to 0.1 %; a change below the margin is nobody's regression.
MARGIN = 0.05
WORK = {"step": 10, "update": 20}


def counted(program: str, what: str, n: int) -> int:
    """Return the instructions of a run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, what, str(n)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    assert found, run.stderr
    return int(found[1])


def compiler() -> str:
    """Return the name and version of the C++ compiler."""
    return subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def main() -> int:
    """Print the counts; fail where one has risen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--write", action="store_true", help="keep what is counted")
    chosen = parser.parse_args()
    if not shutil.which("valgrind"):
        print("instructions: no valgrind, not counted")
        return 0
    known = json.loads(KNOWN.read_text())
    before, now = known.get(compiler(), {}), {}
    for what, n in WORK.items():
        now[what] = (counted(chosen.program, what, 2 * n) - counted(chosen.program, what, n)) // n
        said = f"{now[what] / before[what] - 1:+.1%} of what was counted before" if what in before else "not held"
        print(f"instructions of one {what}: {now[what]:,}, {said}")
    if chosen.write:
        KNOWN.write_text(json.dumps({**known, compiler(): now}, indent=2) + "\n")
        return 0
    risen = [what for what in before if now[what] > (1 + MARGIN) * before[what]]
    if risen:
        print(f"instructions: more than {MARGIN:.0%} above {KNOWN.name}: {', '.join(risen)}")
    return 1 if risen else 0


if __name__ == "__main__":
    sys.exit(main())
