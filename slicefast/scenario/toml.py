"""Scenario files: TOML read with its file names resolved, written back, and overrides laid over fields."""

from __future__ import annotations

import codecs
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slicefast import files
from slicefast.errors import MISSING, ScenarioError
from slicefast.scenario.inputs import relate, resolve


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
        text = Path(path).read_bytes()
        if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ScenarioError(os.fspath(path), MISSING, "is not valid TOML: UTF-16; save it as UTF-8")
        data = tomllib.loads(text.decode("utf-8-sig").replace("\r\n", "\n"))  # editors put a mark in front
    except OSError as error:
        raise ScenarioError(os.fspath(path), MISSING, f"cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ScenarioError(os.fspath(path), MISSING, "is not valid TOML: nested too deep") from None
    except ValueError as error:  # TOML's own, the encoding's, and numbers of more digits than Python reads
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(os.fspath(path), MISSING, f"is not valid TOML: {error}") from None
    resolve(data, Path(path).resolve().parent)
    return data


def write_toml(fields: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a scenario's fields so that `read_toml` gives them back, files beside or below the file relative to it.

    Parameters
    ----------
    fields : dict
        As JSON types, without None; file names are absolute.
    path : path-like
        The file, whose folder exists.
    """
    import tomli_w  # only needed here

    relate(fields, Path(path).resolve().parent)
    files.write_text(Path(path), tomli_w.dumps(fields))


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
