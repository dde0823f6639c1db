"""`slicefast reproduce` and `slicefast report`: the paper's experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from slicefast.cli.app import (
    INTERRUPTED,
    JsonOption,
    NumbersOption,
    ScenarioOption,
    TraceOption,
    load_scenario,
    parse_numbers,
    traffic_note,
)
from slicefast.cli.display import print_table, progress_bars, table_document
from slicefast.errors import RunError

if TYPE_CHECKING:
    from slicefast.study.comparison import Comparison
    from slicefast.study.folder import Study
    from slicefast.study.protocol import Protocol

Engine = Literal["local", "ray"]
MapOption = Annotated[
    bool, typer.Option("--map", help="Instead: over networks whose cells differ more and more, when similarity helps.")
]

ResourceOption = Annotated[
    list[str],
    typer.Option(
        "--resource",
        metavar="NAME=NUMBER",
        help="With --engine ray, what a job asks of its node: num_cpus (1 unless given), memory (bytes), or a resource "
        "of yours; as often as needed.",
    ),
]


def reproduce(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and steps: a few minutes.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions; 10, 2 with --quick, or as resumed.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where everything is written.")] = None,
    engine: Annotated[Engine, typer.Option(help="This machine, or a Ray cluster without shared storage.")] = "local",
    resume: Annotated[bool, typer.Option("--resume", help="Continue the study that the folder holds.")] = False,
    trace: TraceOption = None,
    scenario: ScenarioOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one per core unless given.")] = None,
    numbers: NumbersOption = [],  # noqa: B006 - typer copies it
    all_arms: Annotated[bool, typer.Option("--all-arms", help="Also those that no claim needs.")] = False,
    similarity_map: MapOption = False,
    resources: ResourceOption = [],  # noqa: B006 - typer copies it
    as_json: JsonOption = False,
) -> None:
    """Run the paper's experiment and report on it.

    Writes results.nc, figures, report.html and report.md.
    """
    from slicefast import provenance
    from slicefast.study.execute import run_study
    from slicefast.study.folder import open_study

    asked = parse_numbers(resources, "num_cpus=2", "--resource")
    if similarity_map:
        from slicefast.cli.map import reproduce_map

        if numbers or all_arms:
            raise RunError("--map: takes neither --set nor --all-arms")
        folder, chosen = out or Path("slicefast-map"), load_scenario(scenario, trace)
        reproduce_map(folder, chosen, seeds, resume, workers, quick, engine, asked, as_json)
        return
    folder = out or Path("slicefast-quick" if quick else "slicefast-study")
    protocol = _protocol(folder, quick, resume, seeds, all_arms, numbers)
    chosen = load_scenario(scenario, trace)
    note = traffic_note(chosen)
    study = open_study(folder, chosen, protocol, resume)
    left_out = [f"{name} is left out: {reason}" for name, reason in study.left_out.items()]
    for remark in (note, provenance.note(provenance.read_entries(study.manifest)), *left_out):
        if remark:
            typer.echo(remark, err=as_json)
    with progress_bars(study) as progress:
        finished = run_study(study, workers, engine, progress, asked)
    if not finished:
        typer.echo("interrupted; the report of what is finished is being written", err=True)
    write_outcome(study, as_json)
    if not finished:
        typer.echo(f"What is finished is in {folder}. Continue with the same command and --resume.", err=True)
        raise typer.Exit(INTERRUPTED)


def _protocol(
    folder: Path, quick: bool, resume: bool, seeds: int | None, all_arms: bool, numbers: list[str]
) -> Protocol:
    """Return what is run: what the options say, or the study that is resumed says."""
    from slicefast.study.arms import ARMS
    from slicefast.study.folder import MANIFEST, load_study
    from slicefast.study.protocol import Protocol

    protocol = Protocol.quick() if quick else Protocol.full()
    if resume and (folder / MANIFEST).is_file():
        begun = load_study(folder).protocol
        kept = (*protocol.arms, *(name for name in begun.arms if name not in protocol.arms))
        same = {"td3": begun.td3, "exploration_steps": begun.exploration_steps, "arms": kept}
        protocol = protocol.replace(n_seeds=begun.n_seeds, **same)
    if all_arms:
        protocol = protocol.replace(arms=tuple(ARMS))
    if seeds is not None:
        protocol = protocol.replace(n_seeds=seeds)
    if numbers:
        learner = parse_numbers(numbers)
        steps = {name: learner.pop(name) for name in ("exploration_steps",) if name in learner}
        protocol = protocol.replace(td3=learner, **steps)
    return protocol


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a study, or of a map.")],
    into: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Also put verdicts and tables between this file's marks.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Report again on the parts of a study that are finished.

    Writes results.nc, figures, report.html and report.md.
    """
    from slicefast.study.folder import load_study
    from slicefast.study.map_folder import MAP_MANIFEST, load_map

    if (folder / MAP_MANIFEST).is_file():
        from slicefast.cli.map import write_map

        write_map(load_map(folder), into, as_json=as_json)
        return
    comparison = write_outcome(load_study(folder), as_json)
    if into is not None:
        from slicefast.study.report import put_section

        put_section(comparison, into)


def write_outcome(study: Study, as_json: bool = False) -> Comparison:
    """Collect the result file, draw the figures, write the report, print the table, and return the comparison."""
    from slicefast.study import animation, figures
    from slicefast.study import dataset as results
    from slicefast.study import report as page
    from slicefast.study.collect import collect
    from slicefast.study.comparison import Comparison

    dataset = collect(study)
    written = study.folder / "report.html", study.folder / results.RESULT_FILE
    results.write(dataset, written[1])
    comparison = Comparison(dataset)
    drawn = figures.write_all(comparison, study.folder / "figures")
    page.write(comparison, [*drawn, animation.write(study)], written[0])
    _print_outcome(comparison, written, as_json)
    return comparison


def _print_outcome(comparison: Comparison, written: tuple[Path, ...], as_json: bool) -> None:
    from slicefast.study import online_tables
    from slicefast.study import report as page
    from slicefast.study.claims import not_judged, verdicts
    from slicefast.study.evidence import to_decide

    table, claims = page.comparison_table(comparison), verdicts(comparison)
    sentence, needed = online_tables.order(comparison), to_decide(comparison.dataset.sizes["seed"])
    if as_json:
        said = [{name: getattr(item, name) for name in ("claim", "case", "verdict", "evidence")} for item in claims]
        document = {"table": table_document(table), "order": sentence, "claims": said, "needed": needed}
        document["files"] = list(map(str, written))
        typer.echo(json.dumps(document, indent=1))
        return
    print_table(table.headings, [[str(cell) for cell in row] for row in table.rows])
    if sentence:
        typer.echo(sentence)
    for item in claims:
        typer.echo(f"{item.verdict:>9}  {item.claim} {item.case and item.case + ': '}{item.evidence}")
    for words in filter(None, (claims and not_judged(claims), claims and needed)):
        typer.echo(words)
    typer.echo("  ".join(map(str, written)))
