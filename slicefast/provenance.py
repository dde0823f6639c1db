"""What ran: the versions and the build that a result rests on, kept where the run began and each time it went on.

An entry is {"versions": {...}, "build": {...}}, or None for what ran before such entries were kept.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from slicefast import files

KEY = "ran_with"
Entry = dict[str, dict[str, str]]


def versions() -> dict[str, str]:
    """Return the versions a result depends on."""
    from slicefast import _core

    names = ("numpy", "numba", "torch", "scipy", "xarray")
    own = {"slicefast": _core.__version__, "python": platform.python_version()}
    return {**own, **{name: version(name) for name in names}}


def build() -> dict[str, str]:
    """Return how the compiled core was built and what it runs on."""
    from slicefast import _core

    return {
        "instruction_set": _core.default_isa(),
        "instruction_sets_available": " ".join(_core.available_isas()),
        "machine": platform.machine(),
        "system": platform.system(),
    }


def current_entry() -> Entry:
    """Return the entry of this machine, now."""
    return {"versions": versions(), "build": build()}


def extended(entries: Sequence[Entry | None]) -> list[Entry | None]:
    """Return the entries of a run that continues on this machine: one more where versions or build have changed."""
    now = current_entry()
    return list(entries) if entries and entries[-1] == now else [*entries, now]


def read_entries(manifest: Path) -> list[Entry | None]:
    """Return the entries in a study's or a run's JSON file; [None] where it has none."""
    entries: list[Entry | None] = files.read_json(manifest).get(KEY) or [None]
    return entries


def note(entries: Sequence[Entry | None]) -> str:
    """Return a remark on a run's entries for its report; empty where one build and one set of versions ran it all."""
    if list(entries) == [None]:
        return "The run did not keep its versions and build: these are of the machine that collected its results"
    if len(entries) == 1:
        return ""
    known = [entry for entry in entries if entry is not None]
    said = [] if len(known) == len(entries) else ["What ran at first did not keep its versions and build"]
    if len(known) > 1:
        changes = "; then ".join(_change(old, new) for old, new in pairwise(known))
        said.append(f"The run went on with other versions or another build: {changes}")
    return ". ".join(said)


def _change(old: Entry, new: Entry) -> str:
    before, after = ({**entry["versions"], **entry["build"]} for entry in (old, new))
    names = sorted(before.keys() | after.keys())
    changed = [name for name in names if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {before.get(name)} to {after.get(name)}" for name in changed)
