"""Tables and bars on the terminal; all of `rich` is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slicefast.study.document import Number, Table
    from slicefast.study.folder import Study
    from slicefast.study.jobs import Job
    from slicefast.study.running import Progress


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose cells hold a value and, below it, an interval."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text  # plain text: "[ms]" is no markup

    first, *others = (Text(heading) for heading in headings)
    shown = Table(Column(first), *(Column(other, justify="right") for other in others), box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row))
    console = Console()
    Console(width=None if console.is_terminal else 170).print(shown)


def table_document(table: Table) -> list[dict[str, Any]]:
    """Return a table of a report for JSON: an object per row, by heading; intervals as the table shows them.

    Parameters
    ----------
    table : Table
        Numbers are given as it shows them, without the commas.
    """
    return [dict(zip(table.headings, map(_plain, row), strict=True)) for row in table.rows]


def _plain(cell: str | Number) -> Any:
    if isinstance(cell, str):
        return cell
    try:
        value: float | str = float(cell.value.replace(",", ""))
    except ValueError:
        value = cell.value
    return {"value": value, "interval": cell.interval} if cell.interval else {"value": value}


@contextmanager
def step_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far something is on standard error; yield the function that advances it."""
    from slicefast.callbacks import Bar

    with Bar(title, total) as bar:
        yield bar.advance


@contextmanager
def progress_bars(study: Study) -> Iterator[Progress]:
    """Show a bar for the study, with the time left, and one per running job, on standard error.

    Without a terminal they are a line a minute, and one for each finished job.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskID,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from slicefast.callbacks import Bar
    from slicefast.study import execute, running
    from slicefast.study.jobs import steps

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    bars = Progress(
        *columns, TextColumn("left"), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
    bars.speed_estimate_period = 120.0
    total, done = execute.total_steps(study), execute.total_steps(study, only_finished=True)
    title = f"study in {study.folder}"
    whole = bars.add_task("study", total=total, completed=done)
    lines = None if console.is_terminal else Bar(title, total - done)
    if lines is not None:
        lines.advance(0)

    class Bars(running.Progress):
        def __init__(self) -> None:
            self.tasks: dict[Job, TaskID] = {}

        def started(self, job: Job) -> None:
            self.tasks[job] = bars.add_task(str(job), total=steps(job, study.protocol, study.scenario))

        def advanced(self, job: Job, steps: int) -> None:
            if job in self.tasks:
                bars.advance(self.tasks[job], steps)
            bars.advance(whole, steps)
            if lines is not None:
                lines.advance(steps)

        def finished(self, job: Job) -> None:
            if job in self.tasks:
                bars.remove_task(self.tasks.pop(job))
            if not console.is_terminal:
                console.print(f"finished {job}")

        def replaced(self, job: Job, fault: str) -> None:
            console.print(f"{study.path(job)} {fault}: is made anew")

    if lines is None:  # above the bars, which a long name would leave no room
        console.print(title, markup=False, highlight=False, soft_wrap=True)
    with bars:
        yield Bars()
