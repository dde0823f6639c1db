"""Folders of others: what lies in them is neither followed, nor waited for, nor emptied."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slicefast import Scenario, ScenarioError, files, progress, runs
from slicefast.errors import CheckpointError, RunError
from slicefast.training import Step

SCENARIO = Scenario.hexagonal(1, window_ttis=5)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """End a test that reads what never ends."""
    signal.alarm(60)
    yield
    signal.alarm(0)


def stop(step: Step) -> None:
    if step.index == 2:
        raise KeyboardInterrupt


def interrupted(folder: Path, seed: int = 0) -> Path:
    run = runs.new_run(folder, SCENARIO, seed=seed, exploration_steps=3, train_steps=3)
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, callbacks=[stop])
    return folder


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return interrupted(tmp_path_factory.mktemp("runs") / "begun")


def resume(folder: Path) -> object:
    return runs.resume(runs.load_interrupted(folder)[0])


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_endless])
@pytest.mark.parametrize("name", ["agents-0.safetensors", "network-0.safetensors"])
def test_what_never_ends_is_not_read(begun: Path, tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    folder = shutil.copytree(begun, tmp_path / "run")
    (folder / name).unlink()
    make(folder / name)
    with pytest.raises(RunError, match="is no regular file"):
        resume(folder)


@pytest.mark.parametrize("read", [files.load_arrays, files.read_json, files.checksum, files.check_seal])
@pytest.mark.parametrize("make", [make_pipe, make_endless])
def test_no_reader_waits_for_what_never_ends(
    tmp_path: Path, make: Callable[[Path], None], read: Callable[[Path], object]
) -> None:
    make(tmp_path / "x")
    with pytest.raises(OSError, match="is no regular file"):
        read(tmp_path / "x")


def test_a_kept_input_that_never_ends_is_not_read(begun: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(begun, tmp_path / "run")
    document = files.read_json(folder / progress.PROGRESS_FILE)
    document["settings"]["inputs"] = {"/dev/zero": "0"}
    files.write_json(folder / progress.PROGRESS_FILE, document)
    with pytest.raises(RunError, match="/dev/zero: is no regular file"):
        runs.load_interrupted(folder)


def test_a_scenario_that_never_ends_is_refused() -> None:
    with pytest.raises(ScenarioError, match="/dev/zero: is longer than"):
        Scenario.from_toml("/dev/zero")


@pytest.mark.parametrize("name", [".lock", files.COMMAND])
def test_a_link_in_the_place_of_a_lock_empties_nothing(tmp_path: Path, name: str) -> None:
    folder, precious = tmp_path / "run", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("all of it")
    (folder / name).symlink_to(precious)
    with pytest.raises(OSError, match=name), files.claim(folder, name):
        pass
    assert precious.read_text() == "all of it"


def test_a_pipe_in_the_place_of_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(OSError, match=r"\.lock"), files.claim(tmp_path):
        pass


def test_a_folder_named_like_a_leftover_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".x.partial").mkdir()
    with files.claim(tmp_path):
        pass
    assert (tmp_path / ".x.partial").is_dir()


def test_parts_of_two_runs_are_not_taken_for_one(begun: Path, tmp_path: Path) -> None:
    folder, other = shutil.copytree(begun, tmp_path / "run"), interrupted(tmp_path / "other", seed=5)
    shutil.copy(other / "network-0.safetensors", folder)
    with pytest.raises((RunError, CheckpointError), match="is of another run than"):
        resume(folder)
