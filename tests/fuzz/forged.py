"""Files that say something else than was written, and bear the right checksum of it: what a forger would make.

A checksum keeps damage away from what lies behind it, so nothing behind it would ever be tried by damage alone. Here a
good file's arrays and document are read, one to three things in them are changed, and the file is written anew by the
package's own writers. What is changed is drawn from the damaged bytes that `files.py` made of the same file, so that an
input's number says which forgery it is.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from slicefast import files
from slicefast.learn import checkpoint

NUMBERS: tuple[Any, ...] = (0, 1, -1, 2, 7, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63), 10**400, 0.5, -2.5, 1e308, 5e-324)
STRANGERS: tuple[Any, ...] = (
    *NUMBERS, None, True, False, "", "text", "x" * 5000, "a\nb", [], {}, [1], {"a": 1}, [[1, [2]]],
)  # fmt: skip
WHOLE = (0, 1, -1, 2, 1000, 2**31 - 1, 2**31, 2**62, -(2**62), 2**63 - 1, -(2**63))
REAL = (0.0, -0.0, 1.0, -1.0, 2.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), -float("inf"))


def forged_checkpoint(path: Path, kind: str) -> Callable[[bytes], bytes]:
    """Return what forges a checkpoint like the good one that lies at a path now."""
    arrays, document = checkpoint.read(path, kind)
    aside = path.parent / f"forged-{path.name}"

    def forge(data: bytes) -> bytes:
        rng = random.Random(hashlib.sha256(data).digest())
        found, said = dict(arrays), copy.deepcopy(document)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            if rng.random() < 0.5:
                found = with_another_array(found, rng)
            else:
                said = with_another_entry(said, rng)
        found = {name: array for name, array in found.items() if array.dtype.kind in "biuf"}  # what safetensors takes
        checkpoint.write(aside, kind, found, said)
        return aside.read_bytes()

    return forge


def forged_arrays(path: Path) -> Callable[[bytes], bytes]:
    """Return what forges an .npz file like the good one that lies at a path now."""
    arrays = files.load_arrays(path)
    aside = path.parent / "forged.npz"

    def forge(data: bytes) -> bytes:
        rng = random.Random(hashlib.sha256(data).digest())
        found = dict(arrays)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            found = with_another_array(found, rng)
        files.save_arrays(aside, found)
        return aside.read_bytes()

    return forge


def forged_document(path: Path) -> Callable[[bytes], bytes]:
    """Return what forges a JSON document like the good one that lies at a path now."""
    good = json.loads(path.read_bytes())
    good.pop("checksum")

    def forge(data: bytes) -> bytes:
        rng = random.Random(hashlib.sha256(data).digest())
        said = copy.deepcopy(good)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            said = with_another_entry(said, rng)
        checksum = {"checksum": files.digest(said)} if isinstance(said, dict) else {}
        return json.dumps({**said, **checksum} if checksum else said).encode()

    return forge


def with_another_array(arrays: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return arrays of which one is changed, missing, or another's."""
    if not arrays:
        return arrays
    name = rng.choice(sorted(arrays))
    how = rng.randrange(8)
    if how == 0:
        return {other: array for other, array in arrays.items() if other != name}
    if how == 1:
        return {**arrays, name: arrays[rng.choice(sorted(arrays))]}
    if how == 2:
        return {**arrays, f"{name}-more": arrays[name]}
    return {**arrays, name: _another(arrays[name], rng, how)}


def _another(array: Any, rng: random.Random, how: int) -> Any:
    array = array.copy()
    if how == 3:
        return rng.choice((array[None], array[..., None], array.ravel(), array[:-1] if array.ndim else array[None]))
    if how == 4 and array.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            return array.astype(rng.choice((np.float16, np.float64, np.int8, np.int64, np.uint64, np.bool_)))
    if not array.size:
        return array
    places = [rng.randrange(array.size)] if rng.random() < 0.7 else slice(None)
    if array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            array.reshape(-1)[places] = rng.choice(REAL)
    elif array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        array.reshape(-1)[places] = min(max(rng.choice(WHOLE), limits.min), limits.max)
    elif array.dtype.kind == "b":
        array.reshape(-1)[places] = rng.random() < 0.5
    elif array.dtype.kind == "U":
        text = str(array.reshape(-1)[0])
        array = np.array(text[: rng.randrange(len(text) + 1)] + rng.choice(("", "0", "null", '"', "}", "x" * 50)))
    return array


def with_another_entry(document: Any, rng: random.Random) -> Any:
    """Return a document of which one entry, at any depth, is another, missing, or there once more."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    if not isinstance(document, dict | list):
        return rng.choice(STRANGERS)
    walk(document)
    if not places:
        return document
    node, key = rng.choice(places)
    how = rng.randrange(6)
    if how == 0:
        del node[key]
    elif how == 1:
        other, other_key = rng.choice(places)
        node[key] = copy.deepcopy(other[other_key]) if other_key in other or isinstance(other, list) else None
    elif how == 2 and isinstance(node[key], int | float) and not isinstance(node[key], bool):
        as_real = float(min(max(node[key], -(10**308)), 10**308))
        node[key] = rng.choice((node[key] + 1, node[key] - 1, -node[key], as_real, str(as_real)))
    else:
        node[key] = copy.deepcopy(rng.choice(STRANGERS))
    return document
