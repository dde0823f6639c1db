"""What the tests of commands share: small scenarios, refusals and interruptions."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from slicefast import Scenario, progress, runs
from slicefast.cli import app


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return the file of a scenario of one site and few TTIs."""
    path = tmp_path / "tiny.toml"
    Scenario.hexagonal(n_sites=1, window_ttis=20).to_toml(path)
    return path


@pytest.fixture
def twelve_cells(tmp_path: Path) -> Path:
    """Return the file of the paper's scenario."""
    path = tmp_path / "paper.toml"
    Scenario.paper().to_toml(path)
    return path


@pytest.fixture
def ctrl_c_works() -> Iterator[None]:
    """Take Ctrl-C as a terminal's foreground programs do; a suite that runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def refused() -> Callable[[list[str], str], None]:
    """Return the check that a command ends with exit code 2 and one line that names what was wrong."""

    def check(arguments: list[str], named: str) -> None:
        found = CliRunner().invoke(app, arguments)
        assert found.exit_code == 2, (found.output, found.exception)
        *shown, told = found.stderr.strip().splitlines()
        assert all(" steps  " in line for line in shown), found.stderr  # what was played before
        assert named in told

    return check


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., runs.Run]:
    """Return what trains a run until its first progress is kept, then stops it as Ctrl-C does."""

    def train(folder: Path, **settings: Any) -> runs.Run:
        monkeypatch.setattr(progress, "KEEP_STEPS", 10)
        scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
        run = runs.new_run(folder, scenario, seed=3, exploration_steps=5, train_steps=60, **settings)

        def stop(steps: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            runs.train(run, stop)
        return run

    return train
