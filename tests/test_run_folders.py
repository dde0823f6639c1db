"""Runs and their folders: what is refused, and that nothing is overwritten."""

import json
import re
from pathlib import Path

import pytest

from slicefast import Scenario, runs
from slicefast.errors import RunError, SlicefastError
from slicefast.runs.folder import fault


def test_comparing_cells_by_no_samples_is_refused(tmp_path: Path) -> None:
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    source = runs.new_run(tmp_path / "source", scenario, exploration_steps=5, train_steps=5)
    runs.train(source)
    target = runs.new_run(tmp_path / "target", scenario, exploration_steps=0, train_steps=5)
    with pytest.raises(RunError, match="sample_steps: got 0"):
        runs.transfer(source, target, sample_steps=0)
    assert not target.folder.exists()


def test_two_trainings_cannot_share_a_folder(tmp_path: Path) -> None:
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    first, second = (
        runs.new_run(tmp_path / "run", scenario, seed=seed, exploration_steps=5, train_steps=60) for seed in (1, 2)
    )

    def start_another(steps: int) -> None:
        with pytest.raises(RunError, match="in use by another process"):
            runs.train(second)
        with pytest.raises(RunError, match="in use by another process"):
            runs.resume(first)

    runs.train(first, start_another)
    with pytest.raises(RunError, match="is not empty"):
        runs.train(second)
    assert runs.load_run(tmp_path / "run") == first


def test_run_says_what_trained_it(tmp_path: Path) -> None:
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    run = runs.new_run(tmp_path / "run", scenario, exploration_steps=5, train_steps=5)
    runs.train(run)
    (entry,) = json.loads((run.folder / runs.RUN_FILE).read_text())["ran_with"]
    assert {"slicefast", "torch"} <= entry["versions"].keys()
    assert "instruction_set" in entry["build"]
    assert runs.load_run(run.folder) == run


@pytest.mark.parametrize(
    "settings",
    [
        *({"train_steps": -3}, {"train_steps": 0}, {"exploration_steps": -1}, {"seed": -1}),
        *({"train_steps": 10**10}, {"exploration_steps": 10**10}),
    ],
)
def test_runs_that_have_no_steps_or_no_end_are_refused(tmp_path: Path, settings: dict[str, int]) -> None:
    (name, value), *_ = settings.items()
    with pytest.raises(RunError, match=f"{name}: got {value}"):
        runs.new_run(tmp_path / "run", Scenario.hexagonal(n_sites=1), **settings)


def test_what_cannot_be_handed_over_is_refused_and_nothing_overwritten(tmp_path: Path) -> None:
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    source = runs.new_run(tmp_path / "source", scenario, exploration_steps=5, train_steps=5)
    runs.train(source)
    before = {path.name: path.read_bytes() for path in source.folder.iterdir()}
    target = runs.new_run(tmp_path / "target", scenario, exploration_steps=0, train_steps=5)
    other = runs.new_run(tmp_path / "target", scenario, train_steps=5, reward="logarithmic")
    with pytest.raises(RunError, match="reward: got 'logarithmic' in the target, allowed: 'max_min'"):
        runs.transfer(source, other)
    with pytest.raises(SlicefastError, match="choice: got 'nearest', allowed: most, least, fast, "):
        runs.transfer(source, target, choice="nearest")
    with pytest.raises(SlicefastError, match="strategy: got 'all', allowed: model, "):
        runs.transfer(source, target, strategy="all")
    for again in (lambda: runs.train(source), lambda: runs.transfer(source, source)):
        with pytest.raises(RunError, match="no run is ever overwritten"):
            again()
    with pytest.raises(RunError, match="steps: got 0"):
        runs.evaluate(source, steps=0)
    assert not target.folder.exists()
    assert {path.name: path.read_bytes() for path in source.folder.iterdir()} == before


def test_a_fault_is_told_in_words_of_bounded_length() -> None:
    assert fault(KeyError("seed")) == "no entry 'seed'"
    assert len(fault(KeyError("x" * 100_000))) < 100
    assert len(fault(ValueError("x" * 100_000))) == 500


def test_a_run_that_is_not_finished_is_told_from_one_that_is_none(tmp_path: Path) -> None:
    def stop(steps: int) -> None:
        raise KeyboardInterrupt

    run = runs.new_run(tmp_path / "run", Scenario.hexagonal(1, window_ttis=5), exploration_steps=0, train_steps=30)
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, stop)
    with pytest.raises(RunError, match=r"holds no trained run \(run.json is missing; resume its training\)"):
        runs.load_run(run.folder)
    going_on = re.escape(f"run, steps = slicefast.runs.load_interrupted({str(run.folder)!r})")
    handed_over = runs.new_run(tmp_path / "source", run.scenario, exploration_steps=0, train_steps=5)
    runs.train(handed_over)
    for again in (
        lambda: runs.train(run),
        lambda: runs.transfer(handed_over, run),
        lambda: runs.new_run(run.folder, run.scenario),
    ):
        with pytest.raises(RunError, match=f"name a new folder, or go on with .* holds: {going_on}, then .* --resume$"):
            again()
    with pytest.raises(RunError, match=r"holds no trained run \(run.json is missing\)"):
        runs.load_run(tmp_path)
