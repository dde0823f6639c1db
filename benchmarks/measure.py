"""Measure everything again that benchmarks/README.md and the front page say of speed, one thing after the other.

    python benchmarks/measure.py OTHER_PYTHON [--only paired speed] [--quick]

OTHER_PYTHON has version 0.1.0 (commit d2bac0c) installed; without it nothing is compared with that version. Two cores
that do nothing else need less than twenty minutes. Every program puts its table where it belongs as soon as it ends,
and one that fails keeps no other from running; the exit status is 1 then. With --quick all of them are run on little,
to see that they end, and no page is touched. The machine, and when it was asked, stand above the tables.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import machine

import slicefast
from slicefast import files

HERE = Path(__file__).parent
PAGE, FRONT, FIGURE = HERE / "README.md", HERE.parent / "README.md", HERE / "figures" / "roofline.png"
MARK = "machine"
#: The programs that print a table each: what they are called with, and what of it makes them quick.
PROGRAMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "paired": (
        ("paired_step.py", "OTHER", "--network", "default", "default-flow", "300", "300-flow"),
        ("--pairs", "2", "--network", "default"),
    ),
    "scaling": (("scaling_table.py",), ("--rounds", "1", "--only", "users", "agents")),
    "folding": (("folding_table.py",), ("--rounds", "1", "--cells", "300")),
    "threads": (("threads_table.py",), ("--seconds", "0.1", "--sites", "1", "4")),
    "overhead": (("overhead_table.py",), ("--part", "0.01", "--agents", "12")),
    "roofline": (("roofline.py",), ()),
}


def commands(other: str | None, quick: bool, measured: Path) -> dict[str, list[list[str]]]:
    """Return by name what is run, one command after the other; ``measured`` is where the benchmarks' results go."""
    made = {}
    for name, (words, little) in PROGRAMS.items():
        arguments = [other if word == "OTHER" else str(HERE / word) if word.endswith(".py") else word for word in words]
        if None not in arguments:
            pages = [*little] if quick else ["--into", str(PAGE)]
            drawn = ["--figure", str(measured.with_name("roofline.png") if quick else FIGURE)] * (name == "roofline")
            made[name] = [[sys.executable, *map(str, arguments), *pages, *drawn]]
    chosen = ["-k", "test_update and 12 or test_slicefast_whole_step or test_kl_factorised"] if quick else []
    pages = [] if quick else ["--into", str(PAGE), str(FRONT)]
    made["speed"] = [
        [sys.executable, "-m", "pytest", str(HERE), "--benchmark-only", f"--benchmark-json={measured}", *chosen],
        [sys.executable, str(HERE / "speed_table.py"), str(measured), *pages],
    ]
    return made


def told(names: Sequence[str]) -> str:
    """Return what was measured, when, and on what."""
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, slicefast {slicefast.__version__}"
    return f"{', '.join(names)}: {when}, {machine.described()}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", help="the Python of version 0.1.0")
    parser.add_argument("--only", nargs="+", choices=[*PROGRAMS, "speed"])
    parser.add_argument("--quick", action="store_true", help="see that everything runs, and write nothing")
    chosen = parser.parse_args(arguments)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        made = commands(chosen.other, chosen.quick, Path(folder) / "speed.json")
        for name in chosen.only or made:
            begin = time.perf_counter()
            print(f"--- {name}", flush=True)
            codes = [subprocess.run(command, cwd=HERE.parent, check=False).returncode for command in made.get(name, [])]
            if any(codes):
                failed.append(name)
            print(f"--- {name}: {time.perf_counter() - begin:.0f} s", flush=True)
    if not chosen.quick:
        files.replace_section(PAGE, MARK, told([name for name in chosen.only or made if name not in failed]))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
