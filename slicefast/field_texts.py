"""What the fields of settings mean, read from where it stands once: the Parameters section of the class's docstring.

JSON schemas and the comments of scenario files are made of it.
"""

from __future__ import annotations

import inspect
import re
from functools import cache

_ENTRY = re.compile(r"^(\w+(?:, \w+)*) : (.+)$")
_RULE = re.compile(r"^-{3,}$")
#: Units by what names end with, the longest first.
_UNITS = (
    ("_bps", "bit/s"),
    ("_bits", "bit"),
    ("_dbm", "dBm"),
    ("_deg", "degrees"),
    ("_khz", "kHz"),
    ("_mps", "m/s"),
    ("_ttis", "TTIs"),
    ("_steps", "steps"),
    ("_days", "days"),
    ("_db", "dB"),
    ("_hz", "Hz"),
    ("_ms", "ms"),
    ("_m", "m"),
    ("_s", "s"),
)


@cache
def field_texts(settings: type) -> dict[str, str]:
    """Return what each parameter of a class means, one line of plain text each, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(settings.__mro__):
        found |= _parameters(inspect.cleandoc(vars(base).get("__doc__") or ""))
    return found


def summary(settings: type) -> str:
    """Return the first paragraph of a class's docstring as one line of plain text."""
    return _plain(inspect.cleandoc(settings.__doc__ or "").split("\n\n")[0])


def first_sentence(text: str) -> str:
    """Return a text up to its first full stop or semicolon outside brackets, without it."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in ".;" and depth == 0 and text[place + 1 : place + 2] in ("", " "):
            return text[:place]
    return text


def unit(field: str) -> str:
    """Return the unit that a name ends with, or nothing."""
    return next((name for ending, name in _UNITS if field.endswith(ending)), "")


def _parameters(docstring: str) -> dict[str, str]:
    lines = docstring.splitlines()
    starts = [number for number, line in enumerate(lines[1:], 1) if _RULE.match(line)]
    begin = next((number for number in starts if lines[number - 1] == "Parameters"), None)
    if begin is None:
        return {}
    end = next((number - 1 for number in starts if number > begin), len(lines))
    found: dict[str, str] = {}
    names: list[str] = []
    for line in lines[begin + 1 : end]:
        if entry := _ENTRY.match(line):
            names = entry[1].split(", ")
            found |= dict.fromkeys(names, "")
        else:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return {name: _plain(text) for name, text in found.items()}


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "").split())
