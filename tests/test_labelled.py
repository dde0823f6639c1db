"""Datasets of steps and runs hold what the simulator measured, under names, units and 3GPP's names; maps its place."""

from __future__ import annotations

import errno
import os
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import slicefast as sf
from slicefast import policies
from slicefast.kpis import CELL_KPIS


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


@pytest.mark.parametrize("n_replicas", [1, 2])
def test_a_step_has_names_and_units(scenario, n_replicas):
    simulator = sf.Simulator(scenario, n_replicas=n_replicas, per_user=True)
    kpis = simulator.reset()
    named = kpis.to_xarray(scenario)
    lead = ("replica",) if n_replicas > 1 else ()
    for name in CELL_KPIS:
        assert named[name].dims == (*lead, "cell", "slice")
        np.testing.assert_array_equal(named[name].values, getattr(kpis, name))
    assert named.user_busy_ttis.dims == (*lead, "user")
    assert named.throughput_bps.attrs == {
        "units": "bit/s",
        "long_name": "user throughput",
        "standard_3gpp": "TS 28.552 DRB.UEThpDl",
    }
    assert named.slice.values.tolist() == [item.name for item in scenario.slices]
    assert named.cell.values.tolist() == [1, 2, 3]
    assert {name: named[name].attrs["long_name"] for name in named.coords} == {"cell": "cell", "slice": "slice"}
    assert kpis.to_xarray().slice.values.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("n_replicas", [1, 2])
def test_a_run_is_what_a_loop_of_steps_gives(scenario, n_replicas):
    simulator = sf.Simulator(scenario, seed=4, n_replicas=n_replicas, per_user=True)
    run = simulator.run(policies.traffic_aware, 3, per_user=True)
    twin = sf.Simulator(scenario, seed=4, n_replicas=n_replicas, per_user=True)
    task = sf.Task(scenario)
    kpis = twin.reset()
    for step in range(3):
        shares = policies.traffic_aware(twin, task.observe(kpis))
        serving = twin.serving
        kpis = twin.step(shares)
        row = run.isel(step=step)
        for name in (*CELL_KPIS, "user_busy_ttis", "user_delivered_bits"):
            np.testing.assert_array_equal(row[name].values, getattr(kpis, name))
        np.testing.assert_array_equal(row.share.values, shares)
        np.testing.assert_array_equal(row.reward.values, task.reward(kpis))
        np.testing.assert_array_equal(row.throughput_satisfaction.values, task.satisfaction(kpis)[0])
        np.testing.assert_array_equal(row.user_serving_cell.values, serving + 1)
        np.testing.assert_allclose(row.user_sinr_db.values, 10 * np.log10(np.float64(twin.sinr)), rtol=1e-12)
    assert run.step.values.tolist() == [1, 2, 3]
    assert run.time_s.values.tolist() == [1.0, 2.0, 3.0]
    assert run.user_slice.values[[0, -1]].tolist() == [scenario.slices[0].name, scenario.slices[-1].name]
    assert sf.Scenario.model_validate_json(run.attrs["scenario"]) == scenario
    assert all("units" in run[name].attrs for name in run.data_vars)
    assert simulator.run(policies.equal_split, 2).step.values.tolist() == [4, 5]  # it goes on


def test_a_run_refuses_before_it_plays(scenario):
    simulator = sf.Simulator(scenario)
    with pytest.raises(ValueError, match="steps: got 0"):
        simulator.run(policies.equal_split, 0)
    with pytest.raises(ValueError, match="per_user: got True"):
        simulator.run(policies.equal_split, 1, per_user=True)
    with pytest.raises(ValueError, match=r"shares: got shape \(4,\)"):
        simulator.run(lambda simulator, observation: np.full(4, 0.25), 1)
    assert simulator.step_index == 0


def test_the_map_is_of_the_place_that_is_simulated():
    """Users outdoors are served by the map's cell at their place, but where handover's hysteresis holds them."""
    scenario = sf.Scenario.paper(window_ttis=20)
    simulator = sf.Simulator(scenario, seed=3, place_seed=8)
    area = sf.coverage(simulator, pixels=400)
    assert area.sinr_db.dims == ("y", "x")
    assert area.sinr_db.attrs["units"] == "dB"
    x, y = (xr.DataArray(axis, dims="user") for axis in simulator.positions_m)
    at_users = area.serving_cell.sel(x=x, y=y, method="nearest").values
    same = np.mean(at_users == simulator.serving + 1)
    other_place = sf.coverage(sf.Simulator(scenario, seed=3, place_seed=9), pixels=400)
    elsewhere = other_place.serving_cell.sel(x=x, y=y, method="nearest").values
    # Pixels are 3.7 m apart, a fourteenth of the shadowing's decorrelation distance: 4 % of users lie across a border.
    assert same > 0.9
    assert np.mean(elsewhere == simulator.serving + 1) < 0.85
    quieter = sf.coverage(simulator, pixels=20, activity=0.5).sinr_db
    assert (quieter >= sf.coverage(simulator, pixels=20).sinr_db - 1e-4).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"pixels": 1}, "pixels: got 1"),
        ({"activity": 1.5}, "activity: got 1.5"),
        ({"activity": np.nan}, "activity: got nan"),
    ],
)
def test_a_map_that_cannot_be_is_refused(scenario, options, named):
    with pytest.raises(ValueError, match=named):
        sf.coverage(sf.Simulator(scenario), **options)


def test_a_run_is_written_as_a_table_per_cell_and_per_user(tmp_path):
    simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), n_replicas=2, per_user=True)
    run = simulator.run(sf.policies.get("equal_split"), steps=2, per_user=True)
    sf.write_table(run, tmp_path / "cells.csv")
    cells = pd.read_csv(tmp_path / "cells.csv")
    assert cells.columns[:4].tolist() == ["step", "replica", "cell", "slice"]
    assert len(cells) == 2 * 2 * 3 * 4
    row = cells.iloc[2 * 3 * 4 + 5]  # step 2, replica 0, cell 2, slice 2
    assert row["throughput_bps"] == run.throughput_bps.values[1, 0, 1, 1]
    assert row["reward"] == pytest.approx(run.reward.values[1, 0, 1], rel=1e-6)
    assert row["time_s"] == 2.0
    sf.write_table(run, tmp_path / "users.csv", per="user")
    assert len(pd.read_csv(tmp_path / "users.csv")) == 2 * 2 * 384


@pytest.mark.parametrize("per", ["cell", "user"])
def test_parquet_holds_what_csv_holds_and_types_too(tmp_path, per):
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), per_user=True)
    run = simulator.run(sf.policies.get("equal_split"), steps=2, per_user=True)
    for name in ("run.csv", "run.parquet"):
        sf.write_table(run, tmp_path / name, per=per)
    as_csv, as_parquet = pd.read_csv(tmp_path / "run.csv"), pd.read_parquet(tmp_path / "run.parquet")
    pd.testing.assert_frame_equal(as_parquet, as_csv, check_dtype=False)
    measured = run["user_sinr_db" if per == "user" else "load"]
    assert as_parquet[measured.name].dtype == measured.dtype
    np.testing.assert_array_equal(as_parquet[measured.name], measured.values.ravel())


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20))
    run = simulator.run(sf.policies.get("equal_split"), steps=1)
    with pytest.raises(sf.SlicefastError, match=r"path: .*\.csv or \.parquet"):
        sf.write_table(run, tmp_path / "run.xls")
    with pytest.raises(sf.SlicefastError, match="per: got 'user', allowed: a dimension"):
        sf.write_table(run, tmp_path / "run.csv", per="user")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(sf.SlicefastError, match=r", or too old: pip install 'slicefast\[parquet\]'$"):
        sf.write_table(run, tmp_path / "run.parquet")


@pytest.mark.parametrize("name", ["run.csv", "run.parquet"])
def test_a_table_that_does_not_fit_replaces_nothing(tmp_path, monkeypatch, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    run = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=5)).run(sf.policies.equal_split, steps=2)
    (tmp_path / name).write_text("the old one")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        sf.write_table(run, tmp_path / name)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the old one"]
    monkeypatch.undo()
    sf.write_table(run, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 100
