"""Checkpoints: one safetensors file, its JSON document in the file's header; no code is executed on loading.

A file is written whole or not at all (`slicefast.files.write_bytes`), so a reader sees the old file or the new one,
whenever the writer is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from slicefast import files
from slicefast.errors import CheckpointError, shorten
from slicefast.learn.config import n_weights

_KEY = "slicefast"
_ARRAY = "$array"


def write(
    path: str | os.PathLike[str], kind: str, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any]
) -> None:
    """Write arrays and a JSON-able document as one file, atomically.

    Parameters
    ----------
    path : str or PathLike
        The file.
    kind : str
        What it holds; `read` asks for it.
    arrays : mapping of str to ndarray
        By the names they have in the file.
    document : mapping
        What else is to be known.
    """
    from safetensors.numpy import save

    path = Path(path)
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = {"kind": kind, "document": document}
    header = json.dumps({**content, "digest": _digest(whole, content)}, allow_nan=False)
    files.write_bytes(path, save(whole, metadata={_KEY: header}))


def read(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write` wrote: (arrays, document).

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        What `write` was told it holds.

    Raises
    ------
    CheckpointError
        The file is truncated, foreign, of another kind, or not as it was written; one line that names it.
    OSError
        It cannot be opened.
    """
    from safetensors import SafetensorError, safe_open

    files.hold_regular(path)
    with open(path, "rb"):
        pass  # a missing or unreadable file is the system's own error, with its own message
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            header = (file.metadata() or {}).get(_KEY)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file ({error})") from error
    if header is None:
        raise CheckpointError(f"{path}: a safetensors file, but not one slicefast wrote")
    try:
        parsed = json.loads(header)
        found, document, digest = parsed["kind"], parsed["document"], parsed.get("digest")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: is damaged: its header cannot be read") from error
    if found != kind:
        raise CheckpointError(f"{path}: holds a {shorten(found)}, expected a {kind!r}")
    # Files of 0.1.0 bear no digest, and nothing in its place.
    if parsed.keys() > {"kind", "document"} and digest != _digest(arrays, {"kind": found, "document": document}):
        raise CheckpointError(f"{path}: is damaged: its checksum differs")
    return arrays, document


def _digest(arrays: Mapping[str, NDArray[Any]], content: Mapping[str, Any]) -> str:
    """Return a hash of all that a file holds."""
    return files.array_digest(arrays, json.dumps(content, sort_keys=True).encode())


@contextlib.contextmanager
def reading(path: str | os.PathLike[str], *given: str) -> Iterator[None]:
    """Refuse by the file's name whatever cannot be made of what it says, right checksum or not.

    Parameters
    ----------
    path : path-like
        The file.
    *given : str
        Arguments of the caller's; a refusal of one of them is let through.

    Raises
    ------
    CheckpointError
        Numbers are missing, of another type, or more than the file or the machine has room for.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        if str(error).startswith(tuple(f"{name}: " for name in given)):
            raise
        said = str(error).split("\n")[0][:200]
        fault = f"{said!r} is missing" if isinstance(error, KeyError) else said
        raise CheckpointError(f"{path}: is not what was saved: {fault}") from None


def count(document: Any, name: str) -> int:
    """Return a number of a document that counts something; ValueError if it is none from 0 to 2^63 - 1."""
    value = document[name]
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{name} is {shorten(value)}")
    return value


def check_weights(arrays: Mapping[str, NDArray[Any]], n_networks: int, sizes: Sequence[int]) -> None:
    """Hold the sizes of layers against a file before there is memory for them.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        What `read` returned.
    n_networks : int
        How many networks there are.
    sizes : sequence of int
        Inputs, widths of the hidden layers, outputs.

    Raises
    ------
    ValueError
        The file has fewer numbers than these networks have weights.
    """
    needed, there = n_networks * n_weights(sizes), sum(array.size for array in arrays.values())
    if needed > there:
        raise ValueError(f"layers of {needed} weights, beside {there} numbers in all")


def take(
    arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...], path: object, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Return arrays[name] after checking that it is there with this shape and type, all of it finite.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        What `read` returned.
    name : str
        Which.
    shape : tuple of int
        What it must have.
    path : object
        The file, for errors.
    dtype : data type
        What it must be of.

    Raises
    ------
    CheckpointError
        It is not.
    """
    if name not in arrays:
        raise CheckpointError(f"{path}: array {name!r} is missing")
    if arrays[name].shape != shape:
        raise CheckpointError(f"{path}: array {name!r} has shape {arrays[name].shape}, expected {shape}")
    if arrays[name].dtype != dtype:
        raise CheckpointError(f"{path}: array {name!r} is of {arrays[name].dtype}, expected {np.dtype(dtype)}")
    if not np.isfinite(arrays[name]).all():
        raise CheckpointError(f"{path}: array {name!r} has values that are not finite")
    return arrays[name]


def pack(tree: Any) -> tuple[dict[str, NDArray[Any]], Any]:
    """Split nested dicts and lists of arrays and JSON-able values into (arrays, document) for `write`."""
    arrays: dict[str, NDArray[Any]] = {}

    def document(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            name = f"array-{len(arrays)}"
            arrays[name] = value
            return {_ARRAY: name}
        if isinstance(value, Mapping):
            return {str(key): document(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [document(item) for item in value]
        return value.item() if isinstance(value, np.generic) else value

    return arrays, document(tree)


def unpack(arrays: Mapping[str, NDArray[Any]], document: Any) -> Any:
    """Put together what `pack` split; tuples come back as lists."""
    if isinstance(document, dict):
        if document.keys() == {_ARRAY}:
            return arrays[document[_ARRAY]]
        return {key: unpack(arrays, item) for key, item in document.items()}
    if isinstance(document, list):
        return [unpack(arrays, item) for item in document]
    return document
