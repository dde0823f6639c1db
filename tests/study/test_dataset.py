"""The result file of a tiny study: its dimensions, what it says it rests on, and that its numbers belong together."""

from __future__ import annotations

import io
import json
from pathlib import Path

import h5netcdf
import numpy as np
import pytest
import xarray as xr

from slicefast import Scenario, files, hdf5
from slicefast.errors import CheckpointError
from slicefast.kpis import CELL_KPIS
from slicefast.study import dataset as results
from slicefast.study.arms import ARMS
from slicefast.study.comparison import Comparison
from slicefast.study.folder import Study
from slicefast.study.jobs import Job
from slicefast.study.protocol import Protocol


def test_result_file_has_the_dimensions_and_says_what_it_rests_on(
    dataset: xr.Dataset, finished: Study, tiny: Protocol
) -> None:
    sizes = {"policy": len(tiny.arms), "seed": 2, "step": tiny.horizon, "cell": 3, "slice": 4}
    assert {name: dataset.sizes[name] for name in sizes} == sizes
    assert dataset.reward.dims == ("policy", "seed", "step", "cell")
    assert dataset.delay_ms.dims == ("policy", "seed", "evaluation_step", "cell", "slice")
    assert dataset.delay_ms.attrs["units"] == "ms"
    assert dataset.attrs["complete"] == 1
    assert json.loads(dataset.attrs["seeds"]) == [0, 1]
    assert Scenario.model_validate_json(dataset.attrs["scenario"]) == finished.scenario
    assert Protocol.from_dict(json.loads(dataset.attrs["protocol"])) == tiny
    assert {"slicefast", "numpy", "torch"} <= json.loads(dataset.attrs["versions"]).keys()
    assert "instruction_set" in json.loads(dataset.attrs["build"])
    # Those two play one cycle of the traffic, and the evaluation.
    learned = dataset.reward.drop_sel(policy=["oracle", "non_clairvoyant"])
    assert ((learned >= 0.0) & (learned <= 1.0)).all()
    # The cycle of 1,000 steps is longer than the study: the oracle plays all of it.
    assert (dataset.cycle_steps == 1000).all()
    assert (dataset.reward.sel(policy="oracle") >= 0.0).all()
    assert dataset.offered_bps.dims == dataset.neighbours_offered_bps.dims == ("seed", "step", "cell")
    assert dataset.setting.sel(policy=["drl", "drl_ours", "oracle"]).values.tolist() == ["published", "ours", ""]


def test_all_kpis_reach_the_result_file_where_their_job_put_them(dataset: xr.Dataset, finished: Study) -> None:
    assert len(CELL_KPIS) == 7
    for name in (*CELL_KPIS, "throughput_satisfaction", "delay_satisfaction"):
        assert dataset[name].dims == ("policy", "seed", "evaluation_step", "cell", "slice")
        assert dataset[name].attrs["long_name"]
        for policy in ("drl", "oracle"):
            for seed in range(2):
                expected = finished.load(Job(policy, seed))[name]
                np.testing.assert_array_equal(dataset[name].sel(policy=policy, seed=seed), expected)
    assert dataset.dropped_bits.attrs["units"] == "bit"
    assert dataset.throughput_p5_bps.attrs["units"] == "bit/s"
    assert dataset.spectral_efficiency.attrs["units"] == "bit/s/Hz"
    assert dataset["load"].attrs["units"] == "1"
    assert float(dataset.spectral_efficiency.max()) > 0.1


def test_preparations_reach_the_result_file_under_their_own_names(dataset: xr.Dataset, finished: Study) -> None:
    named = {
        "pretrain": ("reward", "pretrain_reward", ("pretrain_step", "cell")),
        "pretrain_ours": ("reward", "pretrain_reward_ours", ("pretrain_step", "cell")),
        "pairs_ours": ("reward", "pair_reward_ours", ("gain_step", "source", "target")),
        "offered": ("own", "offered_bps", ("step", "cell")),
        "generalist_training": ("reward", "generalist_reward", ("pretrain_step", "cell")),
        "pairs": ("reward", "pair_reward", ("gain_step", "source", "target")),
        "similarity": ("distance", "distance", ("source", "target")),
    }
    for job, (key, name, dims) in named.items():
        assert dataset[name].dims == ("seed", *dims)
        for seed in range(2):
            expected = finished.load(Job(job, seed))[key].astype(np.float32)
            np.testing.assert_array_equal(dataset[name].sel(seed=seed), expected)
    assert dataset.traffic_mask.dims == ("seed", "mask_step", "cell", "slice")
    assert dataset.latent_mean.dims == ("seed", "agent", "latent_sample", "latent")
    assert dataset.pair_reward.attrs["window_steps"] == 250


def test_policies_say_what_they_are(dataset: xr.Dataset) -> None:
    for name, arm in ARMS.items():
        told = {key: dataset[key].sel(policy=name).item() for key in ("label", "family", "strategy", "source_choice")}
        expected = {
            "label": arm.label,
            "family": arm.family,
            "strategy": arm.strategy,
            "source_choice": arm.source_choice,
        }
        assert told == expected
        assert dataset.without.sel(policy=name).item() == arm.without
        assert results.label(dataset, name) == arm.label
        assert results.family(dataset, name) == arm.family
    assert results.label(dataset, "drl") == "DRL from scratch"


def test_fixed_policies_and_masks_do_not_depend_on_the_learners(dataset: xr.Dataset, finished: Study) -> None:
    """The evaluation's rewards follow from the stored KPIs: reward = min over slices of both satisfactions."""
    worst = np.minimum(dataset.throughput_satisfaction, dataset.delay_satisfaction).min("slice")
    np.testing.assert_allclose(worst.values, dataset.reward.isel(step=slice(-10, None)).values, atol=1e-6)
    assert ((dataset.traffic_mask >= 0.0) & (dataset.traffic_mask <= 1.0)).all()


def test_transfers_take_the_nearest_and_the_farthest_other_cell(dataset: xr.Dataset) -> None:
    for seed in range(2):
        distance = dataset.distance.values[seed].copy()
        for name, pick, own in (("transfer_most", np.argmin, np.inf), ("transfer_least", np.argmax, -np.inf)):
            np.fill_diagonal(distance, own)
            np.testing.assert_array_equal(dataset.source_cell.sel(policy=name)[seed], pick(distance, axis=0) + 1)
    assert (dataset.source_cell.sel(policy="drl") == 0).all()


def test_known_cells_start_with_what_they_learned_before_their_traffic_changed(
    dataset: xr.Dataset, finished: Study
) -> None:
    np.testing.assert_array_equal(dataset.source_cell.sel(policy="transfer_itself"), [[1, 2, 3]] * 2)
    known, new = (finished.load(Job(name, 0))["reward"] for name in ("known_pretrain", "pretrain"))
    assert known.shape == new.shape
    assert not np.array_equal(known, new)


def test_pairs_hold_every_ordered_pair(dataset: xr.Dataset) -> None:
    """A pair of the same numbers is kept as reward but gains are between different cells."""
    assert dataset.pair_reward.dims == ("seed", "gain_step", "source", "target")
    assert ((dataset.pair_reward >= 0.0) & (dataset.pair_reward <= 1.0)).all()
    gains = Comparison(dataset).pair_gains_percent
    assert gains is not None
    assert gains.shape == (2, 1, 3, 3)
    np.testing.assert_array_equal(np.isnan(gains), np.broadcast_to(np.eye(3, dtype=bool), gains.shape))
    own = dataset.reward.sel(policy="drl_ours").values[:, :40].mean(axis=1)
    expected = 100.0 * (dataset.pair_reward_ours.values[:, 0] / own[:, None] - 1.0)
    np.testing.assert_allclose(gains[:, 0, 0, 1], expected[:, 0, 1], rtol=1e-5)


def test_a_result_file_appears_whole_or_not_at_all(
    dataset: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.nc"
    results.write(dataset, path)
    before = path.read_bytes()
    assert results.read(path).identical(dataset)

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(xr.Dataset, "dump_to_store", fail)
    with pytest.raises(OSError, match="disk full"):
        results.write(dataset, path)
    assert [item.name for item in tmp_path.iterdir()] == ["results.nc"]
    assert path.read_bytes() == before


def test_a_result_file_is_made_where_the_library_meets_no_full_disk(
    dataset: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    make = h5netcdf.File.__init__

    def watched(self: object, path: object, *options: object, **named: object) -> None:
        opened.append(path)
        make(self, path, *options, **named)

    monkeypatch.setattr(h5netcdf.File, "__init__", watched)
    results.write(dataset, tmp_path / "results.nc")
    assert [type(path) for path in opened] == [io.BytesIO]


def test_a_policy_is_there_once_a_seed_of_it_is_finished(dataset: xr.Dataset) -> None:
    assert results.has(dataset, "drl")
    assert not results.has(dataset, "wisdom")
    unfinished = dataset.copy()
    unfinished["reward"] = dataset.reward.where(dataset.policy != "drl")
    assert not results.has(unfinished, "drl")
    assert not results.has(dataset.drop_vars("reward"), "drl")


def test_results_that_the_library_comes_to_no_end_with_are_refused_checksum_or_not(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_LEAST_S", 2)
    path = tmp_path / "results.nc"
    results.write(xr.Dataset({"reward": (("seed", "step"), np.arange(6.0).reshape(2, 3))}), path)
    data = bytearray(path.read_bytes()[: path.read_bytes().rfind(files._SEAL)])
    heap = data.index(b"GCOL")
    data[heap + 24 : heap + 32] = bytes(8)  # an object of no size: the next one is itself
    files.write_sealed(path, bytes(data))
    with pytest.raises(CheckpointError, match=r"results.nc: is damaged .*the HDF5 library comes to no end"):
        results.read(path)
