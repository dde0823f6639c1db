"""Checkpoints: exact resumption, damaged and foreign files, killed writers."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy
import torch

from slicefast.errors import CheckpointError
from slicefast.learn import TD3, VAE, Hindsight, HindsightConfig, TD3Config, checkpoint
from slicefast.learn.curve_policy import CurvePolicy

ENGINES = ["native", "torch"]
OBS, ACT = 5, 3


pytestmark = pytest.mark.usefixtures("one_thread")


def run(agents, steps, rng):
    observation = rng.random((2, OBS), np.float32)
    for _ in range(steps):
        action = agents.act(observation, explore=True)
        following = rng.random((2, OBS), np.float32)
        agents.store(observation, action, action[:, 0], following)
        agents.update()
        observation = following


def make(engine):
    config = TD3Config(exploration_steps=10, capacity=50, batch_size=8, transferred_fraction=0.25)
    agents = TD3(2, OBS, ACT, config, seed=3, engine=engine)
    rng = np.random.default_rng(5)
    parts = {"observation": (6, OBS), "action": (6, ACT), "reward": (6,), "next_observation": (6, OBS)}
    agents.replay.load(1, {key: rng.random(shape, np.float32) for key, shape in parts.items()})
    agents.freeze_lower([True, False])
    return agents


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("at", [5, 35, 80])
def test_resumed_run_is_bit_identical(tmp_path, engine, at):
    whole, first = make(engine), make(engine)
    rng = np.random.default_rng(0)
    run(whole, at, rng)
    state = rng.bit_generator.state
    run(whole, 60, rng)

    run(first, at, np.random.default_rng(0))
    first.save(tmp_path / "agents.safetensors", extra={"env_step": at})
    resumed = TD3.load(tmp_path / "agents.safetensors", engine=engine)
    assert resumed.extra == {"env_step": at}
    rng = np.random.default_rng(0)
    rng.bit_generator.state = state
    run(resumed, 60, rng)
    for mine, other in zip(whole.state.tensors(), resumed.state.tensors(), strict=True):
        assert torch.equal(mine, other)
    np.testing.assert_array_equal(whole.replay.array, resumed.replay.array)
    assert (whole.step, whole.n_updates, whole.n_acts) == (resumed.step, resumed.n_updates, resumed.n_acts)


def test_killed_writers_leave_a_whole_file(tmp_path):
    """A process that saves without pause is killed at two moments; the file always loads, and was wholly written."""
    path = tmp_path / "agents.safetensors"
    script = (
        "import sys\n"
        "from slicefast.learn import TD3, TD3Config\n"
        "agents = TD3(20, 5, 3, TD3Config(capacity=10))\n"
        "while True:\n"
        "    agents.step += 1\n"
        "    agents.actor.bank.fill_(agents.step)\n"
        "    agents.save(sys.argv[1])\n"
        "    print(agents.step, flush=True)\n"
    )
    command = [sys.executable, "-P", "-c", script, str(path)]
    for pause in (0.0, 0.005):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            saved = int(writer.stdout.readline())
            time.sleep(pause)
            writer.kill()
            rest = writer.stdout.read().split()
        last = int(rest[-1]) if rest else saved
        loaded = TD3.load(path)
        assert loaded.step in (last, last + 1)
        assert (loaded.actor.weight_0 == loaded.step).all()


def test_truncated_files_are_refused(tmp_path):
    path = tmp_path / "agents.safetensors"
    make("torch").save(path)
    data = path.read_bytes()
    for length in (0, 4, 8, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(checkpoint.CheckpointError, match=r"agents.safetensors: not a whole safetensors file"):
            TD3.load(path)


def test_foreign_files_are_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "foreign"
    path.write_bytes(b"\x80\x04\x95 this would be a pickle" * 10)
    with pytest.raises(checkpoint.CheckpointError, match="not a whole safetensors"):
        TD3.load(path)
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(checkpoint.CheckpointError):
        TD3.load(path)
    save_file({"weights": np.zeros(3)}, path)
    with pytest.raises(checkpoint.CheckpointError, match="not one slicefast wrote"):
        TD3.load(path)
    VAE(3, 2).save(path)
    with pytest.raises(checkpoint.CheckpointError, match="holds a 'vae', expected a 'td3'"):
        TD3.load(path)
    with pytest.raises(FileNotFoundError):
        TD3.load(tmp_path / "absent")


def test_missing_or_misshapen_arrays_are_named(tmp_path):
    path = tmp_path / "agents"
    make("torch").save(path)
    arrays, document = checkpoint.read(path, "td3")
    wrong = dict(arrays)
    del wrong["actor.bias_0"]
    checkpoint.write(path, "td3", wrong, document)
    with pytest.raises(checkpoint.CheckpointError, match=r"'actor.bias_0' is missing"):
        TD3.load(path)
    checkpoint.write(path, "td3", arrays | {"actor.bias_0": np.zeros((2, 7), np.float32)}, document)
    with pytest.raises(checkpoint.CheckpointError, match="shape"):
        TD3.load(path)
    checkpoint.write(path, "td3", arrays, {"n_agents": 2})
    with pytest.raises(checkpoint.CheckpointError, match="'obs_dim'"):
        TD3.load(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "agents"
    make("torch").save(path)
    before = path.read_bytes()

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        make("torch").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("replay.next_row", 1 << 40),
        ("replay.next_row", -1),
        ("replay.next_row", 3),  # a ring that is not full goes on behind its last row
        ("replay.n_own", 1 << 31),
        ("replay.n_own", -1),
        ("replay.n_own", 51),
        ("replay.n_kept", -1),
        ("replay.n_kept", 50),
        ("replay.n_kept", 1 << 62),
        ("replay.n_own", 2.5),
        ("actor", np.nan),
    ],
)
def test_counters_that_point_outside_the_ring_and_weights_that_are_no_numbers_are_refused(tmp_path, name, value):
    agents = make("native")
    run(agents, 12, np.random.default_rng(0))
    agents.save(tmp_path / "good.safetensors")
    arrays, document = checkpoint.read(tmp_path / "good.safetensors", "td3")
    name = next(key for key in arrays if key.startswith(name))
    arrays[name] = np.full_like(arrays[name], value, dtype=np.asarray(value).dtype if value == 2.5 else None)
    checkpoint.write(tmp_path / "bad.safetensors", "td3", arrays, document)
    told = r"bad.safetensors: (is not what was saved: counters: got|array '.*' (has values|is of))"
    with pytest.raises(checkpoint.CheckpointError, match=told):
        TD3.load(tmp_path / "bad.safetensors")


def test_a_checksum_whose_name_is_damaged_still_counts(tmp_path):
    path = tmp_path / "agents.safetensors"
    TD3(2, 4, 2, TD3Config(capacity=10), seed=0).save(path)
    whole = path.read_bytes()
    assert whole.count(b"digest") == 1
    for renamed in (b"digexx", b"kind__"):
        path.write_bytes(whole.replace(b"digest", renamed)[:-4] + b"\1\1\1\1")
        with pytest.raises(CheckpointError, match="its checksum differs"):
            checkpoint.read(path, "td3")


@pytest.mark.parametrize("part", ["header", "arrays"])
def test_a_file_with_one_bit_flipped_is_refused(tmp_path, part):
    path = tmp_path / "agents.safetensors"
    TD3(2, 4, 2, TD3Config(capacity=10), seed=0).save(path)
    whole = path.read_bytes()
    expected = checkpoint.read(path, "td3")
    length = 8 + int.from_bytes(whole[:8], "little")
    places = range(0, length, 7) if part == "header" else range(length, len(whole), 61)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            found, document = checkpoint.read(path, "td3")
        except CheckpointError:
            continue
        assert document == expected[1]  # the checksum's own name, or a blank
        assert all(np.array_equal(found[name], array) for name, array in expected[0].items())


def test_a_file_without_a_checksum_is_still_read(tmp_path):
    """Files of 0.1.0 bear none."""
    path = tmp_path / "old.safetensors"
    header = json.dumps({"kind": "old", "document": {"a": 1}})
    path.write_bytes(safetensors.numpy.save({"x": np.arange(3)}, metadata={"slicefast": header}))
    arrays, document = checkpoint.read(path, "old")
    np.testing.assert_array_equal(arrays["x"], np.arange(3))
    assert document == {"a": 1}


def _saved(kind, folder):
    """Save a small learner; return its file and what loads it."""
    path = folder / "good.safetensors"
    if kind == "td3":
        agents = make("native")
        run(agents, 12, np.random.default_rng(0))
        agents.save(path)
        return path, TD3.load
    if kind == "hindsight":
        Hindsight(2, 4, 2, HindsightConfig(capacity=20), seed=0).save(path)
        return path, Hindsight.load
    if kind == "curve_policy":
        CurvePolicy(input_dim=3, n_slices=2).save(path)
        return path, CurvePolicy.load
    VAE(input_dim=3, hidden=(4,)).save(path)
    return path, VAE.load


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("td3", "", 7),
        ("td3", "config", 7),
        ("td3", "config.actor_hidden", [1 << 20, 1 << 20]),
        ("td3", "config.batch_size", 1 << 40),
        ("td3", "config.updates_per_step", 1 << 31),
        ("td3", "n_agents", 1 << 30),
        ("td3", "n_agents", 3.0),
        ("td3", "replay_rows", 11),
        ("td3", "step", None),
        ("td3", "step", -1),
        ("td3", "seed", "9" * 5000),
        ("td3", "extra", 7),
        ("td3", "learning_rates", 7),
        ("td3", "learning_rates.actor", float("1e999")),
        ("hindsight", "", []),
        ("hindsight", "config.hidden", [1 << 40]),
        ("hindsight", "config.updates_per_step", 1 << 31),
        ("hindsight", "config.batch_size", 1 << 40),
        ("hindsight", "config.capacity", 10**400),
        ("hindsight", "memory_rows", 1),
        ("hindsight", "n_updates", True),
        ("vae", "settings", None),
        ("vae", "settings.hidden", [1 << 40]),
        ("vae", "settings.input_dim", "3"),
        ("vae", "settings.a", 1),
        ("vae", "loss_curve", True),
        ("vae", "loss_curve", ["a"]),
        ("curve_policy", "hidden", 1 << 40),
        ("curve_policy", "n_slices", None),
    ],
)
def test_a_document_that_is_not_what_was_saved_is_refused_right_checksum_or_not(tmp_path, kind, place, value):
    path, load = _saved(kind, tmp_path)
    load(path)
    arrays, document = checkpoint.read(path, kind)
    *above, last = place.split(".")
    node = document
    for name in above:
        node = node[name]
    forged = value if not place else document
    if place:
        node[last] = value
    content = {"kind": kind, "document": forged}
    header = json.dumps({**content, "digest": checkpoint._digest(arrays, content)})
    (tmp_path / "bad.safetensors").write_bytes(safetensors.numpy.save(arrays, metadata={"slicefast": header}))
    with pytest.raises(CheckpointError, match=r"bad.safetensors: ") as refused:
        load(tmp_path / "bad.safetensors")
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("kind", ["td3", "hindsight", "vae", "curve_policy"])
def test_an_array_of_another_type_is_refused_by_its_name(tmp_path, kind):
    path, load = _saved(kind, tmp_path)
    arrays, document = checkpoint.read(path, kind)
    for name, array in arrays.items():
        changed = {**arrays, name: array.astype(np.float16 if array.dtype.kind == "f" else np.uint8)}
        checkpoint.write(tmp_path / "bad.safetensors", kind, changed, document)
        with pytest.raises(CheckpointError, match=f"bad.safetensors: array '{name}' is of "):
            load(tmp_path / "bad.safetensors")
