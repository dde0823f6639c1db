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
        self._output: _Patient | None = None
        if sys.stdout is not None:
            self._output = _Patient(sys.stdout.fileno())
        sys.stdout, sys.stderr = _patient(sys.stdout, self._output), _patient(sys.stderr)

    def lost(self) -> str:
        """Return why output is not all printed; nothing where it is, or where the reader had seen enough.

        What standard error loses is how far a run has come, or a message that comes with an exit code of its own.
        """
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        error = self._output.failure if self._output else None
        return "" if error is None or error.errno == errno.EPIPE else str(error.strerror)


def _patient(stream: TextIO | None, raw: _Patient | None = None) -> TextIO:
    if stream is None:  # closed before we began
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    buffer = io.BufferedWriter(raw or _Patient(stream.fileno()))
    return io.TextIOWrapper(buffer, stream.encoding, errors="replace", line_buffering=True, write_through=False)
