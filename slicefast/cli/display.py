"""Tables and bars on the terminal; all of `rich` is here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


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


@contextmanager
def step_bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show one bar over steps with the time left; yield the function that advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)
