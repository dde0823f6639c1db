"""How many threads torch uses while we do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread, and put its number of threads back: small layers gain nothing from more.

    With more than one, a fork of a process in which torch has used several would wait for threads that it has not.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
