"""Shared by all tests: the loader of the slow reference twins, one thread of torch, and the hypothesis profile."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

# Shared machines stall: a deadline would fail runs that are right. Derandomised: the suite is the same every time.
settings.register_profile(
    "slicefast", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("slicefast")


def load_reference(name: str) -> ModuleType:
    """Import tests/reference/<name>.py, which importlib mode keeps off sys.path."""
    qualified = f"slicefast_reference_{name}"
    if qualified not in sys.modules:
        path = Path(__file__).parent / "reference" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(qualified, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[qualified] = module
        spec.loader.exec_module(module)
    return sys.modules[qualified]


@pytest.fixture(scope="session")
def reference() -> Callable[[str], ModuleType]:
    """Return the loader: ``reference("radio")`` is tests/reference/radio.py."""
    return load_reference


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Let torch use one thread, for modules that ask for it: small fits on many threads wait for each other."""
    from slicefast.learn.threads import one_thread as held  # here, as most tests need no torch

    with held():
        yield
