"""What a run does when it is told to stop: end a step first, and say how to go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_Handler = Callable[[int, FrameType | None], Any] | int | None
_DEFAULTS: dict[signal.Signals, _Handler] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


class StopSignals:
    """Context in which Ctrl-C, SIGTERM and SIGHUP wait for the end of a step; the second one does not wait.

    Handlers that the program set itself are left alone, and so is every thread but the main one, where alone Python
    receives signals.

    Attributes
    ----------
    came : bool
        Whether one came.
    """

    def __init__(self) -> None:
        self.came = False
        self._before: dict[signal.Signals, _Handler] = {}

    def __enter__(self) -> Self:
        self._before = _taken(self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()


@contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP, as a cluster's scheduler and a closed terminal send them, do what Ctrl-C does."""
    before = _taken(signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _taken(handler: _Handler) -> dict[signal.Signals, _Handler]:
    """Handle the signals that nobody else does; return who did before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    free = [number for number, default in _DEFAULTS.items() if signal.getsignal(number) == default]
    return {number: signal.signal(number, handler) for number in free}
