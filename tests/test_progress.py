"""A training killed at any moment goes on from its last kept step and ends bit-identical to an undisturbed one."""

import json

import numpy as np
import pytest

import slicefast as sf
from slicefast import progress, runs
from slicefast.errors import RunError
from slicefast.learn import checkpoint


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(progress, "KEEP_STEPS", 20)


def small_run(folder):
    scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    return runs.new_run(folder, scenario, seed=3, exploration_steps=30, train_steps=60)


def stop_at(step):
    def after(done):
        after.steps += done
        if after.steps >= step:
            raise KeyboardInterrupt

    after.steps = 0
    return after


@pytest.mark.parametrize("killed_at", [25, 75])
def test_killed_run_ends_like_an_undisturbed_one(tmp_path, often, killed_at):
    whole = small_run(tmp_path / "whole")
    expected = runs.train(whole)
    run = small_run(tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, stop_at(killed_at))
    again, reached = runs.interrupted(run.folder)
    assert 0 < reached.step <= killed_at
    np.testing.assert_array_equal(runs.train(again, reached=reached), expected)
    assert run.agents_path.read_bytes() == whole.agents_path.read_bytes()
    assert sorted(path.name for path in run.folder.iterdir()) == sorted(path.name for path in whole.folder.iterdir())


def test_damaged_progress_is_refused_in_one_line(tmp_path, often):
    run = small_run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, stop_at(50))
    step = json.loads((run.folder / progress.PROGRESS_FILE).read_text())["step"]
    network = run.folder / f"network-{step}.safetensors"
    network.write_bytes(network.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"cannot be resumed: .*not a whole safetensors file"):
        runs.interrupted(run.folder)


def test_folder_without_progress_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no interrupted training"):
        runs.interrupted(tmp_path)


def test_pack_and_unpack_keep_values_and_types():
    tree = {"a": [np.arange(3), {"b": np.float32(0.1), "huge": 2**120, "none": None}], "c": (1.5, "x")}
    arrays, document = checkpoint.pack(tree)
    back = checkpoint.unpack(arrays, json.loads(json.dumps(document)))
    np.testing.assert_array_equal(back["a"][0], np.arange(3))
    assert back["a"][1] == {"b": float(np.float32(0.1)), "huge": 2**120, "none": None}
    assert back["c"] == [1.5, "x"]
