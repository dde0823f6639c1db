"""The report of a map: its figure, what it says in five lines, its tables; as a page, as Markdown, between marks."""

from __future__ import annotations

import json
from pathlib import Path

from slicefast import files, provenance
from slicefast.errors import SlicefastError
from slicefast.study import map_figure
from slicefast.study.document import Block, Document, Figure, Heading, Listing, Text, text, to_html, to_markdown
from slicefast.study.map_folder import Map
from slicefast.study.map_measures import Measured, few, five_lines, tables

TITLE = "When does similarity matter?"
#: The marks in Markdown files: the five lines alone, or with the tables.
SHORT_SECTION, SECTION = "map short", "map"
NOTE = """Reward over the first 250 steps of a transfer of networks and experience in our setting, over all ordered
pairs of different cells; every seed draws its cells' patterns anew. Correlations below zero say that the nearer
source earns more. Means over seeds with Student's 95 % interval, not corrected for how many points and distances
there are: about one in twenty misses the truth by chance. “Configuration” is what an operator knows without a
measurement."""


def write(found: Map, points: list[Measured]) -> Path:
    """Write the figure, the page and its Markdown, and return the page's path."""
    figure = map_figure.write(points, found.folder / "figures")
    document = build(found, points, figure)
    path = found.folder / "report.html"
    files.write_text(path, to_html(document))
    files.write_text(path.with_suffix(".md"), to_markdown(document))
    return path


def build(found: Map, points: list[Measured], figure: Figure | None) -> Document:
    """Return the whole report."""
    protocol = found.protocol.model_dump(mode="json")
    listed = "\n".join(json.dumps(item, indent=1) for item in (protocol, found.scenario.model_dump(mode="json")))
    blocks: list[Block] = [text(_summary(found)), *_warnings(found, points)]
    if points:
        blocks += [*([figure] if figure else []), Text(tuple(five_lines(points))), Heading("Numbers"), *tables(points)]
        blocks.append(text(NOTE, kind="note"))
    return Document(
        TITLE, (*blocks, Heading("How it was made"), text(_provenance(found)), Listing("all numbers", listed))
    )


def section(found: Map, points: list[Measured]) -> Document:
    """Return the five lines and the tables for a page of a reader's own."""
    blocks: list[Block] = [text(_summary(found)), *_warnings(found, points)]
    if points:
        blocks += [Text(tuple(five_lines(points))), *tables(points), text(NOTE, kind="note")]
    return Document(TITLE, (*blocks, text(f"Made with {_provenance(found)}")))


def short_section(found: Map, points: list[Measured]) -> Document:
    """Return the five lines alone."""
    lines: list[Block] = [Text(tuple(five_lines(points)))] if points else []
    return Document(TITLE, (*_warnings(found, points), *lines))


def put_section(found: Map, points: list[Measured], path: Path) -> None:
    """Replace what stands between the marks of a Markdown file, `SECTION` or `SHORT_SECTION` or both.

    Parameters
    ----------
    found : Map
        The map.
    points : list of Measured
        What it says.
    path : Path
        The Markdown file.

    Raises
    ------
    SlicefastError
        The file has neither pair of marks, or one of them not once each; it is unchanged then.
    """
    made = {SECTION: section, SHORT_SECTION: short_section}
    marked = [name for name in made if name in files.section_names(path)]
    if not marked:
        raise SlicefastError(f"{path}: needs the lines <!-- {SECTION} begins --> and <!-- {SECTION} ends -->")
    files.replace_sections(
        path, {name: to_markdown(made[name](found, points), title=False, lower=1) for name in marked}
    )


def _summary(found: Map) -> str:
    protocol = found.protocol
    return (
        f"{len(found.points)} points over the scenario “{found.scenario.name}”: cells that are alike, and cells that "
        f"differ in {', '.join(protocol.kinds)} at h = {', '.join(f'{h:g}' for h in sorted(protocol.levels))}; "
        f"{protocol.n_seeds} seed{'s' if protocol.n_seeds > 1 else ''} each. Sources learn for "
        f"{protocol.study.learning_steps} steps, transfers for {protocol.pair_steps}."
    )


def _warnings(found: Map, points: list[Measured]) -> list[Block]:
    said = [few(points)] if points else []
    asked = found.protocol.n_seeds * len(found.points)
    finished = sum(item.n_seeds for item in points)
    if finished < asked:
        said.append(f"This map is not finished: {finished} of {asked} networks; continue it with --resume.")
    said = [item for item in said if item]
    return [text(*said, kind="warning")] if said else []


def _provenance(found: Map) -> str:
    entries = provenance.read_entries(found.folder / "map.json")
    last = entries[-1] or provenance.current_entry()
    listed = ", ".join(f"{name} {value}" for name, value in {**last["versions"], **last["build"]}.items())
    note = provenance.note(entries)
    return f"{listed}. Seeds 0 to {found.protocol.n_seeds - 1}.{f' {note}.' if note else ''}"
