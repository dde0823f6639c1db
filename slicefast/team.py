"""Threads that share work on several things, or none where one thread does it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class Team:
    """A number of threads.

    Parameters
    ----------
    n_threads : int
        With 1 the caller does the work itself.
    """

    def __init__(self, n_threads: int) -> None:
        self._pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else None

    def each(self, work: Callable[[int, _T], None], things: Sequence[_T]) -> None:
        """Call ``work(index, thing)`` for every thing, and return when all is done or the first error is raised."""
        if self._pool is None:
            for index, thing in enumerate(things):
                work(index, thing)
        else:
            # list() so that an error in a thread is raised here.
            list(self._pool.map(work, range(len(things)), things))

    def close(self) -> None:
        """End the threads; nothing can be worked on afterwards if there were several."""
        if self._pool is not None:
            self._pool.shutdown()
