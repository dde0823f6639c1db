"""Shared by all tests: the loader of the slow reference twins, one thread, the hypothesis profile, `--no-skips`."""

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


ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail where a test is skipped, for want of a library say")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("no_skips") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def load_program(path: str) -> ModuleType:
    """Import a file that importlib mode keeps off sys.path, once; it finds its neighbours, as when it is run."""
    file = ROOT / path
    qualified = f"slicefast_{file.parent.name}_{file.stem}"
    if qualified not in sys.modules:
        spec = importlib.util.spec_from_file_location(qualified, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[qualified] = module
        sys.path.insert(0, str(file.parent))
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(file.parent))
    return sys.modules[qualified]


def load_reference(name: str) -> ModuleType:
    """Import tests/reference/<name>.py."""
    return load_program(f"tests/reference/{name}.py")


@pytest.fixture(scope="session")
def program() -> Callable[[str], ModuleType]:
    """Return the loader of programs: ``program("tests/fuzz/api.py")``."""
    return load_program


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
