"""The files that a scenario names: traces, sites, gain maps; found again, told apart by what they hold, and kept.

Three places name files, and every slice may name one; a scenario's fields are walked here and nowhere else.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicefast import files
from slicefast.errors import CheckpointError, ScenarioError, refuse

if TYPE_CHECKING:
    from slicefast.scenario.models import Scenario

_FOLDER = "inputs"


def resolve(fields: dict[str, Any], folder: Path) -> None:
    """Make the file names in fields, which are relative to a folder, absolute; validation sees what is malformed."""
    _rename(fields, lambda name: str(folder / name))


def relate(fields: dict[str, Any], folder: Path) -> None:
    """Write the file names that lie below a folder relative to it, so that they can be moved together."""

    def below(name: str) -> str:
        path = Path(name)
        return str(path.relative_to(folder)) if path.is_relative_to(folder) else name

    _rename(fields, below)


def identity(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario's fields as JSON types, files by what they hold and not by where they lie.

    Raises
    ------
    ScenarioError
        A file is gone.
    """
    fields = scenario.model_dump(mode="json")
    _rename(fields, _content)
    return fields


def digest(scenario: Scenario) -> str:
    """Return a hash of `identity`."""
    return files.digest(identity(scenario))


def keep(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """Copy the files that a scenario names into a folder, and return what `kept` makes its fields of.

    Parameters
    ----------
    scenario : Scenario
        Whose.
    folder : Path
        Of a run or a study; it exists.

    Raises
    ------
    ScenarioError
        A file is gone.
    """
    own, checksums = folder.resolve() / _FOLDER, {}

    def copy(name: str) -> str:
        path, content = Path(name), _content(name)
        if path.parent.resolve() != own:
            path = own / f"{content[:8]}-{path.name}"
            own.mkdir(exist_ok=True)
            if not (path.is_file() and files.checksum(path) == content):
                files.write_bytes(path, files.read_bytes(Path(name)))
        kept = f"{_FOLDER}/{path.name}"
        checksums[kept] = content
        return kept

    fields = scenario.model_dump(mode="json")
    _rename(fields, copy)
    return {"scenario": fields, "inputs": checksums}


def kept(document: Mapping[str, Any], folder: Path) -> Any:
    """Return the scenario's fields of what `keep` returned, wherever its folder lies by now.

    Parameters
    ----------
    document : mapping
        The entries `scenario` and, if files were kept, `inputs`.
    folder : Path
        Where it was read.

    Raises
    ------
    CheckpointError
        A file that was kept is gone, or another by now.
    """
    named = document.get("inputs", {})
    if not (isinstance(named, dict) and all(isinstance(checksum, str) for checksum in named.values())):
        refuse("inputs", named, "checksums by the names of files", CheckpointError)
    for name, checksum in named.items():
        try:
            files.check_unchanged(folder / name, checksum)
        except OSError as error:
            raise CheckpointError(f"{folder / name}: {error.strerror}") from None
    fields = _copied(document["scenario"])
    if isinstance(fields, dict):
        resolve(fields, folder.resolve())
    return fields


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _rename(fields: dict[str, Any], rename: Callable[[str], str]) -> None:
    owners = [(fields, "traffic_trace"), (fields.get("layout"), "sites_csv"), (fields.get("radio"), "gain_map")]
    slices = fields.get("slices")
    if isinstance(slices, list):
        owners += [(item.get("traffic"), "path") for item in slices if isinstance(item, dict)]
    for owner, field in owners:
        if isinstance(owner, dict) and isinstance(owner.get(field), str):
            owner[field] = rename(owner[field])


def _content(name: str) -> str:
    try:
        found = os.stat(name)
        return _checksum(name, found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise ScenarioError(name, error.strerror, "must still be there") from None


@functools.lru_cache(maxsize=64)  # files are large, and a network is made often
def _checksum(name: str, changed_ns: int, size: int) -> str:
    return files.checksum(Path(name))
