"""`slicefast reproduce --map`: the map of similarity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from slicefast.cli.app import INTERRUPTED
from slicefast.cli.display import print_table, progress_bars, table_document

if TYPE_CHECKING:
    from slicefast.scenario import Scenario
    from slicefast.study.execute import Engine
    from slicefast.study.map_folder import Map


def reproduce_map(
    folder: Path,
    scenario: Scenario,
    seeds: int | None,
    resume: bool,
    workers: int | None,
    quick: bool,
    engine: Engine,
    resources: Mapping[str, float],
    as_json: bool = False,
) -> None:
    """Run the map of a folder point by point and write its figure and report.

    Parameters
    ----------
    folder : Path
        Where everything is written.
    scenario : Scenario
        What the patterns of the cells are laid over.
    seeds : int, optional
        Networks per point; 10, 2 with `quick`, or as resumed.
    resume : bool
        Whether the folder may hold a map.
    workers : int, optional
        Processes; one per core unless given.
    quick : bool
        Whether only the ends of two kinds are mapped, with sources that learn briefly.
    engine : {"local", "ray"}
        Where jobs run.
    resources : mapping of str to float
        With "ray", what a job asks of its node.
    as_json : bool
        Whether the tables are printed as JSON.
    """
    from slicefast.study.execute import run_study
    from slicefast.study.map_folder import MAP_MANIFEST, MapProtocol, load_map, open_map

    protocol = MapProtocol(n_seeds=2, kinds=("mix", "both"), levels=(1.0,), train_steps=750) if quick else MapProtocol()
    if resume and (folder / MAP_MANIFEST).is_file():
        protocol = load_map(folder).protocol
    if seeds is not None:
        protocol = protocol.model_copy(update={"n_seeds": seeds})
    found = open_map(folder, scenario, protocol, resume)
    finished = True
    for index, point in enumerate(found.points):
        typer.echo(f"point {index + 1} of {len(found.points)}: {point.name}", err=as_json)
        with progress_bars(point) as progress:
            finished = run_study(point, workers, engine, progress, resources)
        if not finished:
            break
    write_map(found, as_json=as_json)
    if not finished:
        typer.echo(
            f"interrupted; what is finished is in {folder}. Continue with the same command and --resume.", err=True
        )
        raise typer.Exit(INTERRUPTED)


def write_map(found: Map, into: Path | None = None, as_json: bool = False) -> None:
    """Draw the figure, write the report, print tables and the five lines, and put them between a file's marks."""
    from slicefast.study import map_report
    from slicefast.study.map_measures import five_lines, measure, tables

    points = measure(found)
    path = map_report.write(found, points)
    shown, lines = (tables(points), five_lines(points)) if points else ([], [])
    if as_json:
        told = {table.title: table_document(table) for table in shown}
        typer.echo(json.dumps({"tables": told, "lines": lines, "files": [str(path)]}, indent=1))
    else:
        for table in shown:
            typer.echo(table.title)
            print_table(table.headings, [[str(cell) for cell in row] for row in table.rows])
        for line in (*lines, path):
            typer.echo(str(line))
    if into is not None:
        map_report.put_section(found, points, into)
