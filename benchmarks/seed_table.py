"""What the programs that print a table over seeds have in common: options, printing, and the page that takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tables

from slicefast.learn.threads import one_thread


def main(
    said: str | None,
    mark: str,
    table: Callable[[range], Iterator[str]],
    brackets: str = "the smallest and the largest",
) -> None:
    """Print a table line by line, and put it where the command line tells it to.

    Parameters
    ----------
    said : str
        What the program does.
    mark : str
        Of the section that takes the table.
    table : callable
        Its lines, each as soon as it is known, for these seeds.
    brackets : str
        What stands in them.
    """
    parser = tables.parser(said)
    parser.add_argument("--seeds", type=int, default=3, help="of networks and learners, from 0")
    options = parser.parse_args()
    told = f"Means of {options.seeds} seeds, in brackets {brackets}."
    with one_thread():
        tables.put(table(range(options.seeds)), mark, options.into, told)
