"""Comma-separated files that users bring: read whole, with errors that name file, row and column."""

from __future__ import annotations

import csv
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from slicefast.errors import MISSING, ScenarioError, shorten

_NO_LIMIT = 1e100  # keeps sums finite; what exceeds it is refused as no number
_LATEST_S = 1e11  # since 1970: the year 5138
_DATE_LENGTHS = {8: 6, 10: 8, 12: 10, 14: 12}  # of the digits, and of the format that reads them
_DECIMAL_COMMA = re.compile(r"^([+-]?\d+),(\d+)$")
_DATE_FORMATS = ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y")


@dataclass(frozen=True)
class Table:
    """Columns of text of K rows, by the names asked for.

    Parameters
    ----------
    file : str
        The file's name, for errors.
    header : mapping of str to str
        Each column's header in the file.
    columns : mapping of str to list of str, (K,)
        The values.
    line : list of int, (K,)
        Each row's line in the file; the header is line 1.
    found : tuple of str
        All headers of the file, for errors.
    """

    file: str
    header: Mapping[str, str]
    columns: Mapping[str, list[str]]
    line: list[int]
    found: tuple[str, ...] = ()

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        return len(self.line)

    def error(self, row: int, column: str, problem: str) -> ScenarioError:
        """Return the error for one value.

        Parameters
        ----------
        row : int
            From 0, without the header.
        column : str
            Its name in the program; the error names its header.
        problem : str
            What is allowed.
        """
        where = f"{self.file} row {self.line[row]} column {self.header[column]}"
        return ScenarioError(where, self.columns[column][row], problem)

    def numbers(
        self, column: str, *, low: float, high: float = _NO_LIMIT, blank: bool = False, mistake: str = ""
    ) -> list[float]:
        """Return a column as finite floats.

        Parameters
        ----------
        column : str
            Its name in the program.
        low, high : float
            The range, both included.
        blank : bool
            Whether a value may be empty or "nan"; it becomes NaN.
        mistake : str
            What a number outside the range most likely is, for the message.

        Raises
        ------
        ScenarioError
            A value is no number in the range; its row is named.
        """
        limits = f" in [{low:g}, {high:g}]" if high < _NO_LIMIT else f" of at least {low:g}"
        values = []
        for row, text in enumerate(self.columns[column]):
            if blank and text.lower() in ("", "nan", "na", "null"):
                values.append(math.nan)
                continue
            try:
                value = float(text)
            except ValueError:
                value, reason = math.nan, ", with a decimal point" if _DECIMAL_COMMA.match(text) else ""
            else:
                reason = f": {mistake}" if mistake else ""
            if not low <= value <= high:
                raise self.error(row, column, f"must be a number{limits}{reason}")
            values.append(value)
        return values

    def counts(self, column: str) -> bool:
        """Whether a column of times begins with a number, not with a date."""
        return _time_parser(self.columns[column][0]) is float

    def times_s(self, column: str) -> list[float]:
        """Return a column of times [s]: numbers of seconds, ISO 8601, or month/day/year hour:minute.

        Raises
        ------
        ScenarioError
            A value is no time of the first row's form.
        """
        if all(map(_is_compact_date, self.columns[column])):
            raise self.error(0, column, "must be seconds, or a date with its dashes, such as 2013-11-01")
        parse = _time_parser(self.columns[column][0])
        values = []
        for row, text in enumerate(self.columns[column]):
            try:
                value = parse(text)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise self.error(
                    row, column, "must be a time like the first row's: seconds, ISO 8601, or month/day/year hour:minute"
                )
            if abs(value) > _LATEST_S:
                raise self.error(row, column, "must be seconds; milliseconds?")
            values.append(value)
        return values


def _utc_seconds(moment: datetime) -> float:
    # Without a zone the clock is taken as it stands: only differences matter.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is_compact_date(text: str) -> bool:
    """Whether a number reads as a year with month and day, and perhaps hour, minute and second, without separators."""
    form = "%Y%m%d%H%M%S"[: _DATE_LENGTHS.get(len(text), 0)]
    try:
        return text.isdecimal() and 1900 <= datetime.strptime(text, form).year <= 2100
    except ValueError:
        return False


def _time_parser(first: str) -> Callable[[str], float]:
    """Choose how to read a column of times by its first value."""
    if _reads(float, first):
        return float
    if _reads(datetime.fromisoformat, first):
        has_zone = datetime.fromisoformat(first).tzinfo is not None

        def iso(text: str) -> float:
            moment = datetime.fromisoformat(text)
            if (moment.tzinfo is not None) != has_zone:  # two clocks in one column are hours apart
                raise ValueError
            return _utc_seconds(moment)

        return iso
    for form in _DATE_FORMATS:

        def dated(text: str, form: str = form) -> float:
            return _utc_seconds(datetime.strptime(text, form))

        if _reads(dated, first):
            return dated
    return float  # fails on the first row, and says so there


def _reads(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def read_table(
    path: str | os.PathLike[str], required: Mapping[str, Sequence[str]], optional: Mapping[str, Sequence[str]]
) -> Table:
    """Read a file with a header, of values between commas, or between semicolons or tabs, with decimal commas then.

    Parameters
    ----------
    path : path-like
        The file, UTF-8.
    required, optional : mapping of str to sequence of str
        Accepted headers of each column, in lower case; other columns are ignored.

    Raises
    ------
    ScenarioError
        The file cannot be read, lacks a required column or any rows, or a row is cut short.
    """
    file = Path(path).name
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            delimiter = _delimiter(stream)
            reader = csv.reader(stream, delimiter=delimiter)
            tidy = str.strip if delimiter == "," else _with_decimal_point
            lines = [(reader.line_num, [tidy(value) for value in row]) for row in reader if any(row)]
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        reason = "is no text in UTF-8" if isinstance(error, UnicodeError) else f"cannot be read: {reason}"
        raise ScenarioError(os.fspath(path), MISSING, reason) from None
    if not lines:
        raise ScenarioError(os.fspath(path), MISSING, "is empty; a header is needed")
    header = lines[0][1]
    place: dict[str, int] = {}
    for column, names in {**required, **optional}.items():
        found = [index for index, name in enumerate(header) if name.lower() in names]
        if len(found) > 1:
            raise ScenarioError(f"{file} row {lines[0][0]}", header, f"more than one column is the {column}")
        if found:
            place[column] = found[0]
        elif column in required:
            raise ScenarioError(f"{file} row {lines[0][0]}", header, f"no column {' or '.join(names)}")
    if len(lines) == 1:
        raise ScenarioError(file, MISSING, "has a header but no rows")
    for number, row in lines[1:]:
        if len(row) != len(header):
            wanted = f"must have {len(header)} values like the header, {shorten(header)}"
            raise ScenarioError(f"{file} row {number}", row, wanted)
    columns = {column: [row[index] for _, row in lines[1:]] for column, index in place.items()}
    headers = {column: header[i] for column, i in place.items()}
    return Table(file, headers, columns, [number for number, _ in lines[1:]], tuple(header))


def _delimiter(stream: TextIO) -> str:
    """Return what stands between the values of a file's first line, of which nothing is taken."""
    first = next((line for line in stream if line.strip()), "")
    stream.seek(0)
    return next((sign for sign in ",;\t" if sign in first), ",")


def _with_decimal_point(value: str) -> str:
    return _DECIMAL_COMMA.sub(r"\1.\2", value.strip())
