"""What is printed goes as far as it goes: a full, closed or narrow stream neither stops a run nor spoils it."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO


class _Patient(io.RawIOBase):
    """A file descriptor whose failures are kept for later.

    Parameters
    ----------
    descriptor : int
        Where to write.

    Attributes
    ----------
    failure : OSError or None
        The first one; nothing is written after it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        if self.failure is None:
            try:
                return os.write(self._descriptor, view)
            except OSError as error:
                self.failure = error
        return view.nbytes


class Streams:
    """Standard output and error of this process, made patient; characters that they do not have become "?"."""

    def __init__(self) -> None:
        self._raw: list[_Patient] = []
        sys.stdout, sys.stderr = self._patient(sys.stdout), self._patient(sys.stderr)

    def _patient(self, stream: TextIO | None) -> TextIO:
        if stream is None:  # closed before we began
            return open(os.devnull, "w", encoding="utf-8")
        stream.flush()
        raw = _Patient(stream.fileno())
        self._raw.append(raw)
        return io.TextIOWrapper(
            io.BufferedWriter(raw), stream.encoding, errors="replace", line_buffering=True, write_through=False
        )

    def lost(self) -> str:
        """Return why something could not be printed; nothing where all was, or where the reader had seen enough."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        failures = [raw.failure for raw in self._raw if raw.failure is not None]
        return next((str(error.strerror) for error in failures if error.errno != errno.EPIPE), "")
