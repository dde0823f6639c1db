"""Programs to start from: ``slicefast examples`` lists them, ``slicefast examples NAME`` copies one out."""

from __future__ import annotations

import ast
from pathlib import Path

from slicefast.errors import refuse

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the examples, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.py") if path.stem != "__init__")


def text(name: str) -> str:
    """Return an example's program.

    Raises
    ------
    SlicefastError
        There is none of this name; the message lists those there are.
    """
    if name not in names():
        refuse("example", name, ", ".join(names()))
    return (_FOLDER / f"{name}.py").read_text(encoding="utf-8")


def summary(name: str) -> str:
    """Return the first line of an example's docstring."""
    return str(ast.get_docstring(ast.parse(text(name)))).splitlines()[0]
