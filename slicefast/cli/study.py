"""`slicefast reproduce` and `slicefast report`: the paper's experiment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from slicefast.cli.app import INTERRUPTED, ScenarioOption, TraceOption, granted_cpus, load_scenario, traffic_note
from slicefast.cli.display import print_table

if TYPE_CHECKING:
    import xarray as xr

    from slicefast.study.execute import Progress
    from slicefast.study.jobs import Study
    from slicefast.study.protocol import Part

Engine = Literal["local", "ray"]


def reproduce(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and steps: a few minutes.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions; 10, 2 with --quick, or as resumed.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where everything is written.")] = None,
    engine: Annotated[Engine, typer.Option(help="This machine, or a Ray cluster.")] = "local",
    resume: Annotated[bool, typer.Option("--resume", help="Continue the study that the folder holds.")] = False,
    trace: TraceOption = None,
    scenario: ScenarioOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one per core unless given.")] = None,
) -> None:
    """Run the paper's experiment and write results.nc, figures, report.html and report.md."""
    from slicefast import provenance
    from slicefast.study.execute import load_study, open_study, run_study
    from slicefast.study.jobs import MANIFEST
    from slicefast.study.protocol import Protocol

    folder = out or Path("slicefast-quick" if quick else "slicefast-study")
    if seeds is None and resume and (folder / MANIFEST).is_file():
        seeds = load_study(folder).protocol.n_seeds
    protocol = (Protocol.quick if quick else Protocol.full)(**({} if seeds is None else {"n_seeds": seeds}))
    chosen = load_scenario(scenario, trace)
    note = traffic_note(chosen)
    study = open_study(folder, chosen, protocol, resume)
    for remark in (note, provenance.note(provenance.read_entries(study.manifest))):
        if remark:
            typer.echo(remark)
    with progress_bars(study) as progress:
        finished = run_study(study, workers or granted_cpus(), engine, progress)
    write_outcome(study)
    if not finished:
        typer.echo(
            f"interrupted; what is finished is in {folder}. Continue with the same command and --resume.", err=True
        )
        raise typer.Exit(INTERRUPTED)


def report(
    folder: Annotated[Path, typer.Argument(help="A study's folder.")],
    into: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Also put verdicts and tables between this file's marks.")
    ] = None,
) -> None:
    """Write results.nc, figures, report.html and report.md again from a study's finished parts."""
    from slicefast.study.execute import load_study

    dataset = write_outcome(load_study(folder))
    if into is not None:
        from slicefast.study.report import put_section

        put_section(dataset, into)


def write_outcome(study: Study) -> xr.Dataset:
    """Collect the result file, draw the figures, write the report, print the table, and return the dataset."""
    from slicefast.study import dataset as results
    from slicefast.study import figures
    from slicefast.study import report as page
    from slicefast.study.claims import verdicts

    dataset = results.collect(study)
    results.write(dataset, study.folder / results.RESULT_FILE)
    drawings = figures.write_all(dataset, study.folder / "figures")
    page.write(dataset, drawings, study.folder / "report.html")
    print_table(page.headings(), page.table(dataset))
    for item in verdicts(dataset):
        typer.echo(f"{item.verdict:>9}  {item.claim} {item.evidence}")
    typer.echo(f"{study.folder / 'report.html'}  {study.folder / results.RESULT_FILE}")
    return dataset


@contextmanager
def progress_bars(study: Study) -> Iterator[Progress]:
    """Show a bar for the study, with the time left, and one per running part; plain lines without a terminal."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskID,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from slicefast.study import execute
    from slicefast.study.protocol import work

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    bars = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), speed_estimate_period=120.0)
    total, done = execute.total_work(study), execute.total_work(study, only_finished=True)
    whole = bars.add_task("study", total=total, completed=done)

    class Bars(execute.Progress):
        def __init__(self) -> None:
            self.tasks: dict[Any, TaskID] = {}

        def started(self, part: Part) -> None:
            self.tasks[part] = bars.add_task(str(part), total=work(part, study.protocol))

        def advanced(self, part: Part, steps: int) -> None:
            if part in self.tasks:
                bars.advance(self.tasks[part], steps)
            bars.advance(whole, steps)

        def finished(self, part: Part) -> None:
            if part in self.tasks:
                bars.remove_task(self.tasks.pop(part))
            if not bars.console.is_terminal:
                bars.console.print(f"finished {part}")

    with bars:
        yield Bars()
