"""What benchmarks share: their neighbours on the path, as for the programs here, and what they are held against."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from machine import measure


@pytest.fixture
def limit(benchmark: Any) -> Callable[[str, float], None]:
    """Return what keeps the least time [s] that the benchmark's work could take, and why, beside what it took."""

    def keep(why: str, seconds: float) -> None:
        benchmark.extra_info |= {"limit": why, "limit_s": seconds}

    return keep


@pytest.fixture
def moved(limit: Callable[[str, float], None]) -> Callable[[float], None]:
    """Return what takes bytes, everything that must be read or written once, at the memory's rate as the limit."""
    return lambda n_bytes: limit("its bytes at the memory's rate", n_bytes / measure().memory_bytes_s)
