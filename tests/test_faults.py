"""A fault at every write of a training, a transfer and a study: nothing that was kept is lost, and it can go on.

Each of the writer's steps fails once, at every write in turn: no room, room for half, a read-only file system, a disk
that cannot flush, a rename that a power cut undoes. What is begun again, or gone on with, ends as if nothing had been.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from slicefast import Scenario, files, progress, provenance, radio, runs
from slicefast.cli import app
from slicefast.errors import RunError
from slicefast.study.collect import collect
from slicefast.study.dataset import RESULT_FILE, read, write
from slicefast.study.execute import run_study
from slicefast.study.folder import open_study
from slicefast.study.protocol import Protocol

SCENARIO = Scenario.hexagonal(
    1, window_ttis=5, slices=[{"name": f"s{k}", "rate_bps": 1e5, "users_per_cell": 1} for k in range(4)]
)
#: As little of a learner as writes every file.
LEARNER = {"actor_hidden": (4,), "critic_hidden": (4,), "batch_size": 2, "capacity": 10}
FAULTS = ("full", "short", "read_only", "flush", "lost_rename")


class PowerCutError(BaseException):
    """Everything stops; nothing is cleaned up."""


class FaultyDisk:
    """Stands for `os` and `tempfile` in slicefast.files; the k-th write of a kind fails, counted from 0."""

    def __init__(self, fault: str, which: int) -> None:
        self.fault, self.which = fault, which
        self.count: Counter[str] = Counter()  # writes of every kind
        self.renamed: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(tempfile if name == "mkstemp" else os, name)

    def _comes(self, fault: str) -> bool:
        self.count[fault] += 1
        return fault == self.fault and self.count[fault] - 1 == self.which

    def mkstemp(self, **options: Any) -> tuple[int, str]:
        """Make a temporary file, unless the disk can only be read."""
        if self._comes("read_only"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return tempfile.mkstemp(**options)

    def fdopen(self, descriptor: int, mode: str) -> Any:
        """Open a temporary file; what is written to it may not fit."""
        return _Stream(os.fdopen(descriptor, mode), self)

    def fsync(self, descriptor: int) -> None:
        """Flush a file or a folder."""
        if self._comes("flush"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def replace(self, old: str, new: Path) -> None:
        """Rename; a power cut comes before the folder was flushed."""
        if self._comes("lost_rename"):
            raise PowerCutError
        os.replace(old, new)
        self.renamed.append(new.name)


class _Stream:
    def __init__(self, stream: Any, disk: FaultyDisk) -> None:
        self._stream, self._disk = stream, disk

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: bytes) -> None:
        """Write all of it, none or half."""
        full, short = (self._disk._comes(fault) for fault in ("full", "short"))
        if short:
            self._stream.write(data[: len(data) // 2])
        if full or short:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._stream.write(data)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], FaultyDisk]:
    """Return what makes one write fail from now on."""

    def make(fault: str, which: int) -> FaultyDisk:
        disk = FaultyDisk(fault, which)
        monkeypatch.setattr(files, "os", disk)
        monkeypatch.setattr(files, "tempfile", disk)
        return disk

    return make


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    """Save often; a hundred short runs need neither fine shadowing nor every distribution's version anew."""
    known, fine = provenance.versions(), radio.make_fields
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "KEEP_STEPS", 3)
        patch.setattr(provenance, "versions", lambda: known)
        patch.setattr(radio, "make_fields", lambda *given, **more: fine(*given, **{**more, "size": 16}))
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """Return a trained run."""
    folder = tmp_path_factory.mktemp("faults") / "source"
    run = runs.new_run(folder, SCENARIO, exploration_steps=2, train_steps=2, **LEARNER)
    runs.train(run)
    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, source: runs.Run) -> dict[str, tuple[Counter[str], dict[str, Any]]]:
    """Return, of a training, a transfer and a study without a fault, the writes of every kind and what it ends with."""
    found = {}
    for kind in ("train", "transfer", "study"):
        folder, disk = tmp_path_factory.mktemp(kind) / "whole", FaultyDisk("none", -1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "os", disk)
            patch.setattr(files, "tempfile", disk)
            ended = play_study(folder) if kind == "study" else None
            if ended is None:
                begin(kind, folder, source)
        found[kind] = (disk.count, outcome(folder) if ended is None else ended)
    return found


def begin(kind: str, folder: Path, source: runs.Run) -> None:
    """Start a run of two savings in a new folder, or go on with it."""
    try:
        runs.resume(runs.load_interrupted(folder)[0])
        return
    except (RunError, OSError):
        pass  # the fault came before there was anything to go on with
    run = runs.new_run(folder, SCENARIO, seed=1, exploration_steps=0, train_steps=5, **LEARNER)
    if kind == "train":
        runs.train(run)
    else:
        runs.transfer(source, run, sample_steps=3)


def kept(folder: Path) -> int:
    """Return the step that is kept, -1 where there is none."""
    try:
        return runs.load_interrupted(folder)[1]
    except (RunError, OSError):
        return -1


def outcome(folder: Path) -> dict[str, Any]:
    """Return all that a finished run's folder holds."""
    run = runs.load_run(folder)
    log = files.load_arrays(folder / runs.LOG_FILE)
    return {"agents": run.agents_path.read_bytes(), **{name: array.tobytes() for name, array in log.items()}}


def play_study(folder: Path) -> dict[str, Any]:
    """Begin a study of two arms, or go on with it, and write its results; return what they hold."""
    small = dict.fromkeys(("train_steps", "transfer_steps", "evaluation_steps", "sample_steps", "early_steps"), 4)
    protocol = Protocol(n_seeds=1, exploration_steps=2, vae_epochs=1, arms=("equal_split", "drl"), pairs=False, **small)
    study = open_study(folder, SCENARIO, protocol, resume=True)
    assert run_study(study, workers=1)
    dataset = collect(study)
    write(dataset, folder / RESULT_FILE)
    return {name: array.values.tobytes() for name, array in read(folder / RESULT_FILE).data_vars.items()}


@pytest.mark.parametrize(
    ("kind", "fault"), [*(("train", fault) for fault in FAULTS), ("transfer", "short"), ("transfer", "lost_rename")]
)
def test_a_run_survives_a_fault_at_every_write(
    kind: str, fault: str, tmp_path: Path, source: runs.Run, whole: Any, broken: Callable[[str, int], FaultyDisk]
) -> None:
    n_writes, expected = whole[kind][0][fault], whole[kind][1]
    assert n_writes >= 9  # what is begun; two savings of three files; agents, log, run
    for which in range(n_writes):
        folder = tmp_path / str(which)
        disk = broken(fault, which)
        with pytest.raises((OSError, PowerCutError)) as caught:
            begin(kind, folder, source)
        if isinstance(caught.value, OSError):
            assert caught.value.filename is not None
        broken(fault, -1)
        if not (folder / runs.RUN_FILE).exists():
            n_savings = disk.renamed.count(progress.PROGRESS_FILE) - 1  # the first says what is begun
            assert kept(folder) >= {1: 0, 2: 3}.get(n_savings, -1), which
            begin(kind, folder, source)
        assert outcome(folder) == expected, which
        assert not list(folder.glob(".*.partial"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_study_survives_a_fault_at_every_write(
    fault: str, tmp_path: Path, whole: Any, broken: Callable[[str, int], FaultyDisk]
) -> None:
    n_writes, expected = whole["study"][0][fault], whole["study"][1]
    assert n_writes >= 4  # what is asked for, its parts, the results
    for which in range(n_writes):
        folder = tmp_path / str(which)
        broken(fault, which)
        with pytest.raises((OSError, PowerCutError)):
            play_study(folder)
        broken(fault, -1)
        assert play_study(folder) == expected, which


@pytest.mark.parametrize("fault", ["full", "short", "read_only", "flush"])
def test_a_command_says_it_in_one_line(fault: str, tmp_path: Path, broken: Callable[[str, int], FaultyDisk]) -> None:
    SCENARIO.to_toml(tmp_path / "s.toml")
    arguments = ["train", "--scenario", str(tmp_path / "s.toml"), "--out", str(tmp_path / "run")]
    broken(fault, 2)
    found = CliRunner().invoke(app, [*arguments, "--exploration", "2", "--steps", "4"])
    assert found.exit_code == 2, found.output
    assert "\n" not in found.stderr.strip()  # the line of progress ends first
    assert str(tmp_path / "run") in found.stderr
    broken(fault, -1)
    again = CliRunner().invoke(app, [*arguments, "--exploration", "2", "--steps", "4", "--resume"])
    assert again.exit_code == 0, again.output


def test_what_was_written_before_stays_when_its_successor_does_not_fit(
    tmp_path: Path, broken: Callable[[str, int], FaultyDisk]
) -> None:
    path = tmp_path / "x.npz"
    files.save_arrays(path, {"a": np.arange(3)})
    for fault in FAULTS:
        broken(fault, 0)
        with pytest.raises((OSError, PowerCutError)):
            files.save_arrays(path, {"a": np.arange(4)})
        broken(fault, -1)
        assert files.load_arrays(path)["a"].size == 3
