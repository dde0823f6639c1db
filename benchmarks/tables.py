"""What every program that prints a table line by line does with it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from slicefast import files


def parser(said: str | None) -> argparse.ArgumentParser:
    """Return a parser of a program's own words, with the page that takes its table."""
    made = argparse.ArgumentParser(description=said, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--into", type=Path, help="the page that takes the table")
    return made


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
