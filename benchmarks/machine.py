"""The machine, and what it could do at best, measured in the same run as whatever is held against it.

Rates of one thread, each the best of several rounds: of memory when it is read (the dot product of two vectors that no
cache holds) and when it is copied, of the nearest cache that serves a vector product best, and of multiply-adds (a
product of matrices in float32, the nearest to the peak that a program is likely to come). torch's library does them.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from slicefast import _core
from slicefast.granted import granted_cpus
from slicefast.learn.threads import one_thread

_BEYOND_CACHES = 2**25  # floats, 128 MiB
_IN_CACHES = (2**13, 2**14, 2**15, 2**16, 2**17)  # floats, 32 KiB to 512 KiB
_MATRIX = 1024


class Machine(NamedTuple):
    """What one thread can do at best: bytes and operations in a second, a multiply-add being two operations."""

    memory_bytes_s: float
    cache_bytes_s: float
    operations_s: float


def least(call: Callable[[], Any], rounds: int = 7, repeats: int = 1) -> float:
    """Return the least processor time [s] of a call that uses one thread, after one that is not counted."""
    call()
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        for _ in range(repeats):
            call()
        times.append((time.process_time() - begin) / repeats)
    return min(times)


@cache
def measure() -> Machine:
    """Return this machine's rates, measured once a process."""
    with one_thread():
        far, other = torch.ones(2, _BEYOND_CACHES)
        reading = 8 * _BEYOND_CACHES / least(lambda: torch.dot(far, other))
        copying = 8 * _BEYOND_CACHES / least(lambda: other.copy_(far))
        cached = 0.0
        for n in _IN_CACHES:
            one, two = torch.ones(2, n)
            cached = max(cached, 8 * n / least(lambda one=one, two=two: torch.dot(one, two), repeats=200))
        left, right = torch.ones(2, _MATRIX, _MATRIX)
        product = torch.empty(_MATRIX, _MATRIX)
        multiplying = 2 * _MATRIX**3 / least(lambda: torch.mm(left, right, out=product))
    return Machine(max(reading, copying), cached, multiplying)


def described() -> str:
    """Return the machine and its rates as a sentence of a page."""
    rates = measure()
    return (
        f"{processor()}, {granted_cpus()} processors granted, {_core.default_isa()}; one thread: memory "
        f"{rates.memory_bytes_s / 1e9:.3g} GB/s, caches {rates.cache_bytes_s / 1e9:.3g} GB/s, "
        f"{rates.operations_s / 1e9:.3g} Gflop/s in float32"
    )


def processor() -> str:
    """Return what the processor calls itself."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or os.uname().machine


if __name__ == "__main__":
    print(described())
