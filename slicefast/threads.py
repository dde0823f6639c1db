"""Threads: how many a process may use, and work shared among those of the core's pool.

The core has one pool for the process (cpp/include/slicefast/threads.hpp): simulators, their replicas and networks,
learners and the functions that take ``n_threads`` share its threads, which start once and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import SupportsIndex, TypeVar

from slicefast import _core
from slicefast.errors import refuse
from slicefast.granted import granted_cpus

_T = TypeVar("_T")


def usable_threads(n_threads: SupportsIndex) -> int:
    """Return ``n_threads``, or how many cores this process is granted where those are fewer.

    Parameters
    ----------
    n_threads : int
        How many are asked for.

    Raises
    ------
    SlicefastError
        It is no integer from 1 to 1024.
    """
    if isinstance(n_threads, bool) or not isinstance(n_threads, SupportsIndex):
        refuse("n_threads", n_threads, f"an integer from 1 to {_core.MAX_THREADS}")
    asked = n_threads.__index__()
    if not 1 <= asked <= _core.MAX_THREADS:
        refuse("n_threads", asked, f"1 to {_core.MAX_THREADS}")
    return asked if asked == 1 else min(asked, granted_cpus())


def each(n_threads: int, work: Callable[[int, _T], None], things: Sequence[_T]) -> None:
    """Call ``work(index, thing)`` for every thing, and return when all is done; of errors the first thing's is raised.

    Parameters
    ----------
    n_threads : int
        Things are shared among so many threads; with 1 the caller does the work itself.
    work : callable
        Gains where it lets go of the GIL, as the core does.
    things : sequence
        What is worked on.
    """
    if min(n_threads, len(things)) == 1:
        for index, thing in enumerate(things):
            work(index, thing)
    else:
        _core.for_each(n_threads, len(things), lambda index: work(index, things[index]))
