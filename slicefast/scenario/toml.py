"""Scenario files: TOML read with its file names resolved, written back, and overrides laid over fields."""

from __future__ import annotations

import codecs
import os
import re
import textwrap
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from slicefast import files
from slicefast.errors import MISSING, ScenarioError
from slicefast.field_texts import field_texts, first_sentence, unit
from slicefast.scenario.inputs import relate, resolve
from slicefast.settings import Settings

_HEADER = re.compile(r"^(\[\[?)([\w.]+)\]")
_KEY = re.compile(r"^(\w+) = ")
_LONGEST = 64 * 2**20  # bytes; a list of 10^6 numbers is a third of it
_NO_LIMIT = 1e12  # such limits only keep what follows finite
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a scenario file's fields, file names in it relative to the file.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    ScenarioError
        The file cannot be read or is not TOML.
    """
    try:
        with open(path, "rb") as stream:
            text = stream.read(_LONGEST + 1)
        if len(text) > _LONGEST:  # such as a device that never ends
            raise ScenarioError(os.fspath(path), MISSING, f"is longer than {_LONGEST} bytes")
        if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ScenarioError(os.fspath(path), MISSING, "is not valid TOML: UTF-16; save it as UTF-8")
        data = tomllib.loads(text.decode("utf-8-sig").replace("\r\n", "\n"))  # editors put a mark in front
    except OSError as error:
        raise ScenarioError(os.fspath(path) or "path", MISSING, f"cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ScenarioError(os.fspath(path), MISSING, "is not valid TOML: nested too deep") from None
    except ValueError as error:  # TOML's own, the encoding's, and numbers of more digits than Python reads
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(os.fspath(path), MISSING, f"is not valid TOML: {error}") from None
    resolve(data, Path(path).resolve().parent)
    return data


def write_toml(settings: Settings, path: str | os.PathLike[str], implied: Collection[str] = ()) -> None:
    """Write a scenario so that `read_toml` gives its fields back, files beside or below the file relative to it.

    Above every value, where it comes first, a comment says what it means, in which unit and which range.

    Parameters
    ----------
    settings : Settings
        The scenario; file names are absolute.
    path : path-like
        The file, whose folder exists.
    implied : collection of str
        Arrays of tables that follow from the other fields, and are written as comments.
    """
    import tomli_w  # only needed here

    fields = settings.model_dump(mode="json", exclude_none=True)
    relate(fields, Path(path).resolve().parent)
    files.write_text(Path(path), _with_comments(tomli_w.dumps(fields), settings, implied))


def _with_comments(text: str, settings: Settings, implied: Collection[str]) -> str:
    """Put comments into what tomli-w wrote of settings, and make comments of what is implied."""
    lines: list[str] = []
    mark = ""
    table: Any = settings
    counts: dict[str, int] = {}
    told: set[tuple[type, str]] = set()
    for line in text.splitlines():
        if header := _HEADER.match(line):
            name = header[2]
            if header[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
            table = _table(settings, name, counts)
            mark = "# " if name in implied else ""
            if mark and not counts[name]:
                lines.append(f"# The {name} that follow from the layout; to have others, uncomment and change these:")
        elif (key := _KEY.match(line)) and (type(table), key[1]) not in told:
            told.add((type(table), key[1]))
            comment = _comment(type(table), key[1])
            lines += textwrap.wrap(comment, 118, initial_indent=f"{mark}# ", subsequent_indent=f"{mark}#   ")
        lines.append((mark + line).rstrip())
    return "\n".join(lines) + "\n"


def _table(settings: Any, name: str, counts: Mapping[str, int]) -> Any:
    """Return the settings that a table such as ``slices.traffic`` holds, of an array's those that are counted last."""
    path = ""
    for part in name.split("."):
        path = f"{path}.{part}" if path else part
        settings = getattr(settings, part)
        if isinstance(settings, tuple):
            settings = settings[counts[path]]
    return settings


def _comment(settings: type[Settings], field: str) -> str:
    """Return ``[unit] meaning; range`` of a field, without what is not known."""
    shown = settings.model_json_schema()["properties"][field]
    parts = [first_sentence(field_texts(settings).get(field, "")), _range(shown)]
    measured = unit(field)
    return " ".join(([f"[{measured}]"] if measured else []) + ["; ".join(part for part in parts if part)]).strip()


def _range(shown: Mapping[str, Any]) -> str:
    """Return the range of a field of a JSON schema in words."""
    if "enum" in shown:
        return "one of " + ", ".join(map(str, shown["enum"]))
    limits = {name: f"{value:,.10g}" for name in _LIMITS if abs(value := shown.get(name, _NO_LIMIT)) < _NO_LIMIT}
    if {"minimum", "maximum"} <= set(limits):
        return f"{limits['minimum']} to {limits['maximum']}"
    return ", ".join(f"{_LIMITS[name]} {value}" for name, value in limits.items())


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay overrides over fields; a mapping changes only the fields it names, anything else replaces the value.

    Parameters
    ----------
    base : mapping
        Unchanged.
    overrides : mapping
        What is laid over it.
    """
    merged = dict(base)
    for name, value in overrides.items():
        below = merged.get(name)
        merged[name] = merge(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return merged
