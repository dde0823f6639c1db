"""A training killed at any moment goes on from its last kept step and ends bit-identical to an undisturbed one."""

import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pytest

import slicefast as sf
from slicefast import files, progress, runs
from slicefast.callbacks.bar import TICK_STEPS
from slicefast.errors import RunError
from slicefast.learn import checkpoint
from slicefast.signals import StopSignals


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
    again, reached = runs.load_interrupted(run.folder)
    assert again == run
    assert 0 < reached <= killed_at
    np.testing.assert_array_equal(runs.resume(again).reward, expected.reward)
    assert_same_run(run, whole)


def assert_same_run(run, other):
    """Compare two finished runs, which may differ in the names of folders only."""
    assert run.agents_path.read_bytes() == other.agents_path.read_bytes()
    assert sorted(path.name for path in run.folder.iterdir()) == sorted(path.name for path in other.folder.iterdir())
    documents = [json.loads((item.folder / runs.RUN_FILE).read_text()) for item in (run, other)]
    assert documents[0] == documents[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    run = small_run(tmp_path_factory.mktemp("source") / "run")
    runs.train(run)
    return run


def target_of(folder):
    scenario = sf.Scenario.hexagonal(n_sites=3, window_ttis=20)
    return runs.new_run(folder, scenario, seed=4, exploration_steps=0, train_steps=70)


def test_interrupted_transfer_ends_like_an_undisturbed_one(tmp_path, often, source):
    whole, run = target_of(tmp_path / "whole"), target_of(tmp_path / "stopped")
    expected = runs.transfer(source, whole, sample_steps=30)
    with pytest.raises(KeyboardInterrupt):
        runs.transfer(source, run, sample_steps=30, tick=stop_at(2 * 30 + 50))
    again, reached = runs.load_interrupted(run.folder)
    assert reached == 40
    np.testing.assert_array_equal(runs.resume(again).reward, expected.reward)
    assert_same_run(run, whole)
    logs = [files.load_arrays(item.folder / runs.LOG_FILE) for item in (run, whole)]
    assert logs[0].keys() == logs[1].keys() == {"reward", "distance", "source"}
    for name in logs[0]:
        np.testing.assert_array_equal(logs[0][name], logs[1][name])


@pytest.fixture
def default_handlers():
    """Take signals as a terminal's foreground programs do; a suite that runs in the background ignores Ctrl-C."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("default_handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_keeps_every_step_that_was_played(tmp_path, number):
    run = small_run(tmp_path / "run")
    handlers = [signal.getsignal(item) for item in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, lambda steps: os.kill(os.getpid(), number))
    assert [signal.getsignal(item) for item in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    _, reached = runs.load_interrupted(run.folder)
    assert reached == TICK_STEPS + 1
    whole = small_run(tmp_path / "whole")
    np.testing.assert_array_equal(runs.resume(run).reward, runs.train(whole).reward)
    assert_same_run(run, whole)


@pytest.mark.usefixtures("default_handlers")
def test_second_signal_does_not_wait_for_the_step():
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.came
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_own_signal_handlers_are_left_alone():
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGINT)
        assert heard == [signal.SIGINT]
        assert not signals.came
    finally:
        signal.signal(signal.SIGINT, before)


def test_damaged_progress_is_refused_in_one_line(tmp_path, often):
    run = small_run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, stop_at(50))
    step = json.loads((run.folder / progress.PROGRESS_FILE).read_text())["step"]
    for name in (f"network-{step}.safetensors", f"agents-{step}.safetensors"):
        path = run.folder / name
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[-1] ^= 1
        for damaged in (whole[:1000], bytes(flipped)):
            path.write_bytes(damaged)
            with pytest.raises(RunError, match=rf"cannot be resumed: .*{name}: (is damaged|not a whole)"):
                runs.resume(run)
        path.write_bytes(whole)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"step": 1'])
def test_damaged_progress_file_is_made_up_for_by_the_networks_file(tmp_path, often, text):
    run, whole = small_run(tmp_path / "run"), small_run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, stop_at(50))
    path = run.folder / progress.PROGRESS_FILE
    step = json.loads(path.read_text())["step"]
    path.write_text(text)
    found, reached = runs.load_interrupted(run.folder)
    assert (found, reached) == (run, step)
    np.testing.assert_array_equal(runs.resume(found).reward, runs.train(whole).reward)


def test_damaged_progress_file_without_a_network_is_refused(tmp_path, often):
    run = small_run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        runs.train(run, stop_at(50))
    (run.folder / progress.PROGRESS_FILE).write_text("")
    for path in run.folder.glob("network-*"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError, match=r"cannot be resumed: .*progress\.json: is damaged"):
        runs.load_interrupted(run.folder)


@pytest.mark.usefixtures("default_handlers")
def test_transfer_stopped_before_its_first_step_is_begun_again(tmp_path, source):
    whole, run = target_of(tmp_path / "whole"), target_of(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        runs.transfer(source, run, "model", "least", 10, lambda steps: os.kill(os.getpid(), signal.SIGTERM))
    again, reached = runs.load_interrupted(run.folder)
    assert (again, reached) == (run, 0)
    expected = runs.transfer(source, whole, "model", "least", 10)
    np.testing.assert_array_equal(runs.resume(again).reward, expected.reward)
    assert_same_run(run, whole)


def test_transfer_is_not_begun_again_with_another_source(tmp_path):
    source, target = small_run(tmp_path / "source"), target_of(tmp_path / "target")
    runs.train(source)
    with pytest.raises(KeyboardInterrupt):
        runs.transfer(source, target, sample_steps=10, tick=stop_at(1))
    shutil.rmtree(source.folder)
    runs.train(dataclasses.replace(source, seed=9))
    with pytest.raises(RunError, match="is not what the transfer was begun with"):
        runs.resume(target)


def test_training_killed_before_its_first_step_is_begun_again(tmp_path, monkeypatch):
    run, whole = small_run(tmp_path / "run"), small_run(tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(progress.Keeper, "save", lambda self, n_played: stop_at(0)(1))
        with pytest.raises(KeyboardInterrupt):
            runs.train(run)
    assert runs.load_interrupted(run.folder) == (run, 0)
    np.testing.assert_array_equal(runs.resume(run).reward, runs.train(whole).reward)


def test_folder_without_progress_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no interrupted training"):
        runs.load_interrupted(tmp_path)


def test_pack_and_unpack_keep_values_and_types():
    tree = {"a": [np.arange(3), {"b": np.float32(0.1), "huge": 2**120, "none": None}], "c": (1.5, "x")}
    arrays, document = checkpoint.pack(tree)
    back = checkpoint.unpack(arrays, json.loads(json.dumps(document)))
    np.testing.assert_array_equal(back["a"][0], np.arange(3))
    assert back["a"][1] == {"b": float(np.float32(0.1)), "huge": 2**120, "none": None}
    assert back["c"] == [1.5, "x"]
