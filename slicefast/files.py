"""Files and folders: written whole or not at all, claimed by one process at a time, checked when read."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import math
import os
import re
import stat
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slicefast.errors import CheckpointError, RunError, SlicefastError, refuse, shorten
from slicefast.units import Arrays

_LOCK, COMMAND = ".lock", ".command"
_DIGEST = "checksum"
_SEAL = b"\nslicefast checksum "
#: Of another library's words, which may repeat what the file holds.
_LONGEST_REASON = 200
#: What the standard library and NumPy say of archives that are none.
_DAMAGES = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_PARTIAL = ".*.partial"  # what a process that was killed while it wrote leaves behind


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all, and is on disk when this returns.

    The data go to a temporary name in the same folder, are flushed to disk and renamed; then the folder is flushed.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    data : bytes
        All it will hold.

    Raises
    ------
    OSError
        The system refused; the old file, if any, is as it was.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not the temporary one, or none
        raise


def hold_regular(path: str | os.PathLike[str]) -> None:
    """Raise OSError where nothing is, or a pipe or a device, which a folder of others may hold and which never ends."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # what is a folder, the system says itself
        raise OSError(errno.EINVAL, "is no regular file", os.fspath(path))


def read_bytes(path: Path) -> bytes:
    """Return what a regular file holds, or raise OSError."""
    hold_regular(path)
    return path.read_bytes()


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document, with a checksum among its entries, as `write_bytes` does."""
    whole = json.loads(json.dumps(document))  # as it will be read: names are text, tuples are lists
    write_text(path, json.dumps({**whole, _DIGEST: digest(whole)}, indent=1))


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON document, without its checksum.

    Parameters
    ----------
    path : Path
        What `write_json` wrote.

    Raises
    ------
    OSError
        It cannot be opened.
    CheckpointError
        It is damaged, or was changed by hand: then its checksum is to be removed too.
    """
    data = read_bytes(path)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is damaged ({error})") from None
    if not isinstance(document, dict):
        raise CheckpointError(f"{path}: is damaged (it holds no entries)")
    written = document.pop(_DIGEST, None)
    if written is not None and written != digest(document):  # files of 0.1.0 bear none
        raise CheckpointError(f"{path}: is damaged, or was changed by hand (its checksum differs)")
    return document


def write_sealed(path: Path, data: bytes) -> None:
    """Write a file of another library's format, such as HDF5, which lets bytes follow it: here its checksum."""
    write_bytes(path, data + _SEAL + hashlib.sha256(data).hexdigest().encode())


def check_seal(path: Path) -> None:
    """Raise CheckpointError if a file bears a checksum of `write_sealed` that is not its own."""
    data = read_bytes(path)
    whole, seal, written = data.rpartition(_SEAL)
    if seal and hashlib.sha256(whole).hexdigest().encode() != written:  # files of 0.1.0 bear none
        raise CheckpointError(f"{path}: is damaged (its checksum differs)")


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays to a compressed .npz file as `write_bytes` does; its folder is made.

    Parameters
    ----------
    path : Path
        The file, ending in .npz.
    arrays : mapping of str to ndarray
        By the names `load_arrays` returns them under.

    Raises
    ------
    SlicefastError
        An array is none of numbers or text, which `load_arrays` would not read; nothing is written then.
    """
    stream = io.BytesIO()
    whole = {name: _plain(name, array) for name, array in arrays.items()}
    whole[_DIGEST] = np.array(array_digest(whole))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(stream, **whole)  # type: ignore[arg-type]  # numpy's stub takes no mapping of arrays
    write_bytes(path, stream.getvalue())


def _plain(name: str, value: object) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):  # ragged
        array = np.empty(0, object)
    if array.dtype.hasobject:
        refuse("arrays", f"{name} = {shorten(value)}", "arrays of numbers or text")
    return array


def load_arrays(path: Path) -> Arrays:
    """Return the arrays of an .npz file; nothing in it can execute code, or ask for more memory than it holds.

    Parameters
    ----------
    path : Path
        What `save_arrays` wrote, or another .npz file.

    Raises
    ------
    OSError
        It cannot be opened.
    CheckpointError
        It is damaged, or holds Python objects.
    """
    hold_regular(path)
    with path.open("rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                arrays = {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
        except _DAMAGES as error:
            raise CheckpointError(
                f"{path}: is damaged ({type(error).__name__}: {str(error)[:_LONGEST_REASON]})"
            ) from None
    if not arrays:  # a directory cut away leaves an archive that is whole, and holds nothing
        raise CheckpointError(f"{path}: is damaged: it holds nothing")
    digest = arrays.pop(_DIGEST, None)
    if digest is not None and str(digest) != array_digest(arrays):  # files of 0.1.0 bear none
        raise CheckpointError(f"{path}: is damaged: its checksum differs")
    return arrays


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(member)
        n_bytes = info.file_size - member.tell()
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != n_bytes:
            raise ValueError(f"{info.filename} is no array of numbers and text of the size it says")
        data = np.frombuffer(member.read(), dtype)
    return data.reshape(shape, order="F" if is_fortran else "C").copy()


def array_digest(arrays: Mapping[str, NDArray[Any]], about: bytes = b"") -> str:
    """Return a hash of arrays, their names, types and shapes.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        In any order.
    about : bytes
        What else is hashed.
    """
    found = hashlib.sha256(about)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {array.dtype.str} {arrays[name].shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def digest(*parts: object) -> str:
    """Return a short hash of JSON-able values: equal values have equal digests on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    hold_regular(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_unchanged(path: Path, expected: str) -> None:
    """Raise CheckpointError unless a file has this checksum.

    Parameters
    ----------
    path : Path
        The file.
    expected : str
        Its `checksum` when it was written.

    Raises
    ------
    CheckpointError
        It has another checksum.
    """
    if checksum(path) != expected:
        raise CheckpointError(f"{path}: is damaged, or not the file that was written here (its checksum differs)")


def section_names(path: Path) -> list[str]:
    """Return the names of the marked sections of a Markdown file, those that at least begin, in its order."""
    return re.findall(r"<!-- (.+?) begins -->", path.read_text(encoding="utf-8"))


def replace_section(path: Path, name: str, text: str) -> None:
    """Put text between the marks ``<!-- NAME begins -->`` and ``<!-- NAME ends -->`` of a Markdown file.

    Parameters
    ----------
    path : Path
        The Markdown file.
    name : str
        Of the marks.
    text : str
        What stands between them afterwards.

    Raises
    ------
    SlicefastError
        The file has not exactly one such pair of marks; it is unchanged then.
    """
    replace_sections(path, {name: text})


def replace_sections(path: Path, texts: Mapping[str, str]) -> None:
    """Put texts between several pairs of marks, by name, as `replace_section` does: all of them or none."""
    page = read_bytes(path).decode("utf-8")
    for name, text in texts.items():
        begin, end = f"<!-- {name} begins -->", f"<!-- {name} ends -->"
        if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
            raise SlicefastError(f"{path}: needs the lines {begin} and {end} once each, in this order")
        head, rest = page.split(begin)
        page = f"{head}{begin}\n\n{text.strip()}\n\n{end}{rest.split(end)[1]}"
    write_text(path, page)


@contextlib.contextmanager
def claim(folder: Path, lock_name: str = _LOCK) -> Iterator[None]:
    """Hold a folder, made if it is new, for this process alone; the system frees it when the process ends.

    Half-written files of a process that was killed are removed, and so is a folder that was made and stayed empty.

    Parameters
    ----------
    folder : Path
        Which.
    lock_name : str
        By which file; `COMMAND` for whoever means to hold it in the usual way later, and wants to be the first.

    Raises
    ------
    RunError
        Another process holds it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder, folder / lock_name):
            yield
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


@contextlib.contextmanager
def _locked(folder: Path, lock: Path) -> Iterator[None]:
    while True:
        # A link that somebody laid there is not followed: what it points to would be emptied.
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(f"{folder}: is in use by another process") from None
            if not _is_same_file(stream.fileno(), lock):
                continue  # its last holder removed it between our opening and our locking
            try:
                if lock.name == _LOCK:  # nobody writes here now
                    for leftover in folder.glob(_PARTIAL):
                        with contextlib.suppress(IsADirectoryError, PermissionError):  # none of ours
                            leftover.unlink()
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def is_empty(folder: Path) -> bool:
    """Whether a path is free for a new run: nothing is there, or a folder with only leftovers of a killed one."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(item.name in (_LOCK, COMMAND) or item.match(_PARTIAL) for item in folder.iterdir())


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _umask() -> int:
    # The only way to read it is to set it; mkstemp makes files that nobody else can read, which a result is not.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
