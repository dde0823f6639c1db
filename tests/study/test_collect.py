"""What jobs made reaches its place in the result file: arrays written by hand into a study's folder, and collected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from slicefast import Scenario, provenance
from slicefast.kpis import CELL_KPIS
from slicefast.study import dataset as results
from slicefast.study.collect import collect
from slicefast.study.folder import Study, open_study
from slicefast.study.jobs import Job
from slicefast.study.protocol import Protocol

PROTOCOL = Protocol(
    n_seeds=2,
    exploration_steps=2,
    train_steps=3,
    transfer_steps=4,
    pair_steps=4,
    hindsight_steps=4,
    evaluation_steps=2,
    sample_steps=2,
    vae_epochs=2,
    early_steps=2,
    mask_steps=3,
    arms=("oracle", "transfer_most", "counterfactual_no_queue"),
)
SHAPES = {"reward": (7, 3), **dict.fromkeys((*CELL_KPIS, "throughput_satisfaction", "delay_satisfaction"), (2, 3, 4))}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a study of which nothing is finished."""
    return open_study(tmp_path / "run", Scenario.hexagonal(n_sites=1), PROTOCOL)


def save(study: Study, name: str, seed: int, **arrays: Any) -> None:
    """Leave what a job made, with empty weights."""
    job = Job(name, seed)
    context = study.context(job, lambda steps: None)
    for variant in job.work.variants:
        context.own_weights_path(variant).write_bytes(b"")
    study.save(job, {key: np.asarray(value) for key, value in arrays.items()})


def numbers(shape: tuple[int, ...], first: float) -> Any:
    """Return numbers of which no two are alike, from a first one on."""
    return (first + np.arange(np.prod(shape))).reshape(shape).astype(np.float32)


def played(first: float) -> dict[str, Any]:
    """Return what an arm makes, every array from another number on."""
    return {name: numbers(shape, first + 1000 * index) for index, (name, shape) in enumerate(SHAPES.items())}


def test_arrays_stand_at_their_policy_and_seed_and_nothing_elsewhere(study: Study) -> None:
    oracle, most = played(1e5), played(2e5)
    save(study, "oracle", 1, **oracle)
    save(study, "transfer_most", 0, **most, source_cell=np.array([3, 1, 2], np.int32), something_else=1.0)
    dataset = collect(study)
    for name in SHAPES:
        dims = ("step", "cell") if name == "reward" else ("evaluation_step", "cell", "slice")
        assert dataset[name].dims == ("policy", "seed", *dims)
        assert dataset[name].dtype == np.float32
        np.testing.assert_array_equal(dataset[name].sel(policy="oracle", seed=1), oracle[name])
        np.testing.assert_array_equal(dataset[name].sel(policy="transfer_most", seed=0), most[name])
        rest = np.isfinite(dataset[name]).sum(dims)
        np.testing.assert_array_equal(rest, np.array([[0, 1], [1, 0], [0, 0]]) * np.prod(SHAPES[name]))
    assert dataset.source_cell.dtype == np.int32
    np.testing.assert_array_equal(dataset.source_cell.sel(policy="transfer_most"), [[3, 1, 2], [0, 0, 0]])
    assert (dataset.source_cell.sel(policy="oracle") == 0).all()
    assert "something_else" not in dataset
    assert (dataset.attrs["complete"], dataset.attrs["parts_finished"], dataset.attrs["parts"]) == (0, 2, 16)
    assert results.has(dataset, "oracle")
    assert not results.has(dataset, "counterfactual_no_queue")
    np.testing.assert_array_equal(results.rewards(dataset, "oracle")[1], oracle["reward"])
    assert np.isnan(results.rewards(dataset, "oracle")[0]).all()


def test_preparations_stand_under_their_names_without_a_policy(study: Study) -> None:
    rewards = {name: numbers((5, 3), first) for name, first in (("pretrain", 10.0), ("generalist_training", 50.0))}
    save(study, "pretrain", 1, reward=rewards["pretrain"])
    distance, mask, pairs = numbers((3, 3), 1.0), numbers((3, 3, 4), 0.0), numbers((1, 3, 3), 7.0)
    save(study, "similarity", 0, distance=distance, traffic_mask=mask, vae_loss=[0.5, 0.25])
    save(study, "pairs", 0, reward=pairs)
    dataset = collect(study)
    assert dataset.pretrain_reward.dims == ("seed", "pretrain_step", "cell")
    np.testing.assert_array_equal(dataset.pretrain_reward[1], rewards["pretrain"])
    assert np.isnan(dataset.pretrain_reward[0]).all()
    for name, dims, values in (
        ("distance", ("source", "target"), distance),
        ("traffic_mask", ("mask_step", "cell", "slice"), mask),
        ("vae_loss", ("epoch",), [0.5, 0.25]),
        ("pair_reward", ("gain_step", "source", "target"), pairs),
    ):
        assert dataset[name].dims == ("seed", *dims)
        np.testing.assert_array_equal(dataset[name][0], values)
        assert np.isnan(dataset[name][1]).all()
    assert dataset.pair_reward.attrs["window_steps"] == 250
    assert list(dataset.gain_step.values) == [4]
    assert "reward" not in dataset
    assert dataset.source_cell.shape == (3, 2, 3)


def test_coordinates_and_words_of_a_result_file(study: Study) -> None:
    save(study, "oracle", 0, **played(0.0))
    dataset = collect(study)
    said = {name: list(dataset[name].values) for name in ("policy", "family", "strategy", "source_choice", "without")}
    assert said == {
        "policy": ["oracle", "transfer_most", "counterfactual_no_queue"],
        "family": ["oracle", "transfer", "ablation"],
        "strategy": ["", "integrated", ""],
        "source_choice": ["", "most", ""],
        "without": ["", "", "queue"],
    }
    assert dataset.label.values[1] == results.label(dataset, "transfer_most") == "transfer, most similar source"
    assert results.family(dataset, "oracle") == "oracle"
    for name in ("cell", "source", "target"):
        assert list(dataset[name].values) == [1, 2, 3]
    assert list(dataset.seed.values) == [0, 1]
    assert list(dataset.slice.values) == [item.name for item in study.scenario.slices]
    np.testing.assert_array_equal(dataset.throughput_requirement_bps, study.scenario.throughput_requirement_bps)
    np.testing.assert_array_equal(dataset.delay_requirement_ms, study.scenario.delay_requirement_ms)
    assert dataset.delay_requirement_ms.dims == dataset.throughput_requirement_bps.dims == ("cell", "slice")
    np.testing.assert_array_equal(dataset.requirement_group, study.scenario.requirement_groups)
    units = {name: variable.attrs["units"] for name, variable in dataset.data_vars.items()}
    assert units == {
        "throughput_requirement_bps": "bit/s", "delay_requirement_ms": "ms", "requirement_group": "1", "reward": "1",
        "throughput_bps": "bit/s", "delay_ms": "ms", "load": "1", "users": "1", "dropped_bits": "bit",
        "spectral_efficiency": "bit/s/Hz", "throughput_p5_bps": "bit/s", "throughput_satisfaction": "1",
        "delay_satisfaction": "1", "source_cell": "1",
    }  # fmt: skip
    wordless = {name for name, variable in dataset.data_vars.items() if "long_name" not in variable.attrs}
    assert wordless == {"throughput_requirement_bps", "delay_requirement_ms", "requirement_group"}
    assert dataset.source_cell.attrs["long_name"].startswith("the source cell a transfer took, counted from 1")
    assert "gain_step" not in dataset


def test_attributes_of_a_result_file(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = collect(study)
    attributes = dict(dataset.attrs)
    ran = json.loads(attributes.pop("ran_with"))
    assert ran == [provenance.current_entry()]
    assert json.loads(attributes.pop("versions")) == ran[0]["versions"]
    assert json.loads(attributes.pop("build")) == ran[0]["build"]
    assert Scenario.model_validate_json(attributes.pop("scenario")) == study.scenario
    assert Protocol.from_dict(json.loads(attributes.pop("protocol"))) == PROTOCOL
    assert results.protocol_of(dataset)["train_steps"] == 3
    assert attributes == {
        "title": "slicefast: network slicing by transfer learning", "seeds": "[0, 1]", "left_out": "{}",
        "training_networks": 12, "versions_note": "", "complete": 0, "parts_finished": 0, "parts": 16,
    }  # fmt: skip
    old = {"versions": {"numpy": "1"}, "build": {"instruction_set": "x"}}
    monkeypatch.setattr(provenance, "read_entries", lambda manifest: [{}, old])
    monkeypatch.setattr(provenance, "note", lambda entries: f"{len(entries)} entries")
    attributes = collect(study).attrs
    assert [json.loads(attributes[name]) for name in ("versions", "build")] == [old["versions"], old["build"]]
    assert attributes["versions_note"] == "2 entries"
    monkeypatch.setattr(provenance, "read_entries", lambda manifest: [None])
    assert json.loads(collect(study).attrs["versions"]) == ran[0]["versions"]


def test_a_network_of_one_cell_leaves_transfers_out(tmp_path: Path) -> None:
    one = Scenario.hexagonal(n_sites=1).model_copy(deep=True)
    study = open_study(tmp_path / "run", one, PROTOCOL)
    object.__setattr__(study, "__class__", type("OneCell", (Study,), {"left_out": {"transfer_most": "one cell"}}))
    dataset = collect(study)
    assert list(dataset.policy.values) == ["oracle", "counterfactual_no_queue"]
    assert json.loads(dataset.attrs["left_out"]) == {"transfer_most": "one cell"}
    save(study, "oracle", 0, **played(5.0))
    assert collect(study).reward.sel(policy="oracle", seed=0)[0, 0] == 5.0


def test_result_files_are_packed_and_come_back(study: Study, tmp_path: Path) -> None:
    save(study, "oracle", 0, **played(0.0))
    dataset = collect(study)
    path = tmp_path / "new" / "folder" / "results.nc"
    results.write(dataset, path)
    again = results.read(path)
    assert again.identical(dataset)
    for name, packed in (("reward", True), ("requirement_group", False)):
        assert again[name].encoding.get("zlib", False) == packed
    assert again.reward.encoding["complevel"] == 4
    with xr.open_dataset(path, engine="h5netcdf") as file:
        assert set(file.data_vars) == set(dataset.data_vars)
