"""Where the compiled modules are: beside the Python files where slicefast is installed, elsewhere in a clone of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path


def folders(package: Sequence[str]) -> list[str]:
    """Return where the package's modules are looked for: its own folders, and an installed one if it takes that.

    Python started in a clone finds the clone's files before the installed ones, and no compiled module among them.
    NumPy and SciPy refuse there; we take the compiled modules of the installed package, so that the clone's Python
    files run on them.

    Parameters
    ----------
    package : sequence of str
        The package's ``__path__``.

    Raises
    ------
    ImportError
        There are none; one line says what to type.
    """
    own = list(package)
    if any(_has_core(Path(folder)) for folder in own):
        return own
    for entry in sys.path:
        folder = Path(entry) / "slicefast"
        if _has_core(folder):
            return [*own, str(folder)]
    raise ImportError(
        f"slicefast is not built: {own[0]} is its source. Type: pip install torch==2.13.0 {Path(own[0]).parent}"
    )


def _has_core(folder: Path) -> bool:
    return any((folder / f"_core{suffix}").is_file() for suffix in EXTENSION_SUFFIXES)
