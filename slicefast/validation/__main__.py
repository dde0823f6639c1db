"""Everything that says whether the simulator is right, computed anew: tables, sentences and figures.

`python -m slicefast.validation` prints them; see --help.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from slicefast import files
from slicefast.errors import SlicefastError
from slicefast.scenario import Scenario
from slicefast.validation import (
    counting,
    curves,
    figures,
    handover,
    headroom,
    interference,
    network,
    peers,
    radio,
    replay,
    scheduler,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return 1 if a check is missed, 2, with one line, where files cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (SlicefastError, OSError) as error:
        print(f"slicefast.validation: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m slicefast.validation", description=__doc__.split("\n")[0])
    parser.add_argument("--into", type=Path, metavar="FILE.md", help="also put the tables between this file's marks")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="also draw the figures into this folder")
    parser.add_argument(
        "--replay",
        type=Path,
        nargs=2,
        metavar=("KPIS.csv", "ACTIONS.csv"),
        help="replay this measured slicing run, and nothing else: its reports, and the partitions applied",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the Poisson loads of the replay (default: 0)")
    return parser


def _run(options: argparse.Namespace) -> int:
    holds = True
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
    if options.replay:
        sections = {"replay": _replay(options)}
    else:
        checks = [*scheduler.checks(), *counting.checks()]
        used = interference.checks()
        apart = peers.differences_db()
        holds = all(check.holds for check in (*checks, *used)) and max(map(max, apart.values())) <= peers.ALLOWED_DB
        text = "\n\n".join((scheduler.table(checks), scheduler.NOTE, scheduler.flow_range(checks)))
        coupled = "\n\n".join((interference.table(used), interference.bias_table(), interference.NOTE))
        links = "\n\n".join((curves.LEAD, curves.table(curves.rows()), curves.NOTE))
        sections = {
            "radio": f"{radio.calibration_table()}\n\n{links}",
            "headroom": "\n\n".join((headroom.LEAD, headroom.table(headroom.rows()), headroom.NOTE)),
            "torus": network.torus_table(),
            "seeds": network.seeds_table(),
            "handover": handover.table(),
            "peers": peers.table(apart),
            "interference": coupled,
            "scheduler": text,
        }
        if options.figures:
            radio.calibration_figure(options.figures / "calibration.png")
            radio.sinr_map_figure(Scenario.paper(), options.figures / "sinr_map.png")
            figures.fidelity_figure(options.figures / "fidelity.png")
    print(*sections.values(), sep="\n\n")
    if options.into:
        files.replace_sections(options.into, sections)
    return 0 if holds else 1


def _replay(options: argparse.Namespace) -> str:
    run = replay.read_run(*options.replay)
    fit = replay.fit_run(run)
    ours = replay.replay(run, fit, options.seed)
    if options.figures:
        figures.slicing_run_figure(run, fit, ours, options.figures / "slicing_run.png")
    return f"{replay.fit_sentence(run, fit, ours)}\n\n{replay.sentence(run, fit, ours)}"


if __name__ == "__main__":
    sys.exit(main())
