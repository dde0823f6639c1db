"""What a process holds in memory does not grow with the steps; `tests/fuzz/memory.py` plays many more of them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import ModuleType

#: Twice what the allocator takes from the system at once (132 KiB). Over the 1,600 steps that are compared an array
#: that is left behind in each, 170 bytes with its header, comes to more.
FLAT_MIB = 2 * 132 / 1024


def test_steps_leave_nothing_behind(program: Callable[[str], ModuleType]) -> None:
    memory = program("tests/fuzz/memory.py")
    gc.collect()
    held = memory.held_mib(2000)
    assert max(held[2:]) - held[1] < FLAT_MIB, held  # the first fifth warms up: the replay is full after a twentieth
