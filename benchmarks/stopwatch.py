"""How long some calls of an object take, of the core's such as cannot be told from outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """The time [s] that some calls took together."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that is timed."""

        def timed(*arguments: Any) -> Any:
            begin = time.perf_counter()
            try:
                return call(*arguments)
            finally:
                self.seconds += time.perf_counter() - begin

        return timed


class Watched:
    """An object some of whose calls are timed, each by a watch of its own."""

    def __init__(self, watched: Any, **watches: Stopwatch) -> None:
        self._watched, self._watches = watched, watches

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._watched, name)
        return self._watches[name].around(found) if name in self._watches else found
