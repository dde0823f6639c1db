"""What every program that prints a table line by line does with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from slicefast import files


def put(table: Iterable[str], mark: str, into: Path | None, told: str = "") -> None:
    """Print lines, each as soon as it is known, and with ``into`` put all of them into a section of that page.

    Parameters
    ----------
    table : iterable of str
        The lines.
    mark : str
        Of the section.
    into : Path or None
        The page.
    told : str
        What stands below the table there.
    """
    lines = []
    for line in table:
        print(line, flush=True)
        lines.append(line)
    if into:
        files.replace_section(into, mark, "\n".join([*lines, "", told]))


def asked(bound: float, is_met: bool, unit: str = "") -> str:
    """Return what was asked for, and that it is missed where it is."""
    return f"{bound:,g}{unit}{'' if is_met else ', missed'}"
