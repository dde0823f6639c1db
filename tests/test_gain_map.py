"""Gains that are not ours: maps and series in a simulator and its environments; forced line of sight."""

import numpy as np
import pytest
import xarray as xr

import slicefast as sf
from slicefast import hdf5, radio
from slicefast.errors import RangeWarning, ScenarioError, SlicefastError
from slicefast.network import make_links
from slicefast.radio import GainMap, GainSeries
from slicefast.rng import Streams
from slicefast.scenario import Scenario

SMALL = {"window_ttis": 10, "slices": [{"name": f"s{k}", "rate_bps": 3e5, "users_per_cell": 3} for k in range(4)]}


def exported(scenario, seed, pixel_m):
    """Return a map of a scenario's own links at pixel centres that cover its area, and the centres."""
    (ax, ay), (bx, by) = scenario.area.v1_m, scenario.area.v2_m
    corners = np.array([(0, 0), (ax, ay), (bx, by), (ax + bx, ay + by)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y = (np.arange(low[k], high[k] + pixel_m, pixel_m) for k in (0, 1))
    grid_x, grid_y = np.meshgrid(x, y)
    gain = make_links(scenario, Streams(seed, 0).shadowing).gains(grid_x.ravel(), grid_y.ravel())
    gain = gain.reshape(y.size, x.size, scenario.n_cells)
    origin = scenario.area.origin_m
    return GainMap(np.moveaxis(gain, -1, 0), x + origin[0], y + origin[1]), x, y


def snap(simulator, x, y):
    """Put every user on its nearest pixel centre, and attach it anew."""
    for replica in simulator._replicas:
        replica.x_m[:] = x[np.abs(replica.x_m[:, None] - x).argmin(axis=1)]
        replica.y_m[:] = y[np.abs(replica.y_m[:, None] - y).argmin(axis=1)]
        replica.serving[:] = -1
        replica._attach()


@pytest.mark.parametrize("wrap_around", [True, False])
def test_a_map_of_our_own_links_gives_our_sinr(wrap_around):
    layout = {"n_sites": 3, "wrap_around": wrap_around}
    # All users send, so that the packets do not depend on who served them before they were put on pixels.
    scenario = Scenario(layout=layout, traffic={"low": 1.0, "high": 1.0}, **SMALL)
    given, x, y = exported(scenario, seed=4, pixel_m=37.0)
    ours, theirs = sf.Simulator(scenario, seed=4), sf.Simulator(scenario, seed=4, gains=given)
    for simulator in (ours, theirs):
        snap(simulator, x, y)
    # The same gains to the bit, so that everything that follows is the same.
    np.testing.assert_array_equal(theirs.gain, ours.gain)
    np.testing.assert_array_equal(theirs.serving, ours.serving)
    if wrap_around:  # a map has one gain per cell: the images of a small torus, which interfere, are not in it
        return
    for simulator in (ours, theirs):
        simulator.step(np.full((9, 4), 0.25))
    np.testing.assert_array_equal(theirs.sinr, ours.sinr)
    np.testing.assert_array_equal(theirs.kpis.throughput_bps, ours.kpis.throughput_bps)


def test_users_move_over_the_map():
    scenario = Scenario(layout={"n_sites": 1}, mobility={"speed_mps": 30.0}, **SMALL)
    given, x, y = exported(scenario, seed=0, pixel_m=50.0)
    simulator = sf.Simulator(scenario, gains=given, n_replicas=2, n_threads=2)
    for _ in range(4):
        simulator.step(np.full((2, 3, 4), 0.25))
        for (px, py), gain in zip(simulator.positions_m, simulator.gain, strict=True):
            col, row = (np.abs(p[:, None] - c).argmin(axis=1) for p, c in ((px, x), (py, y)))
            np.testing.assert_array_equal(gain, given.gain[row, col])


def test_a_series_has_a_row_per_step_and_starts_again():
    scenario = Scenario(layout={"n_sites": 1}, **SMALL)
    rng = np.random.default_rng(0)
    gain = 10 ** rng.uniform(-13, -8, (3, scenario.n_users, 3))
    simulator = sf.Simulator(scenario, gains=GainSeries(gain))
    simulator.reset()  # plays step 0
    for step in (1, 2, 3, 4):
        np.testing.assert_array_equal(simulator.gain, gain[step % 3].astype(np.float32))
        simulator.step(np.full((3, 4), 0.25))
    still = sf.Simulator(scenario, gains=GainSeries(gain[0]))
    still.step(np.full((3, 4), 0.25))
    np.testing.assert_array_equal(still.gain, gain[0].astype(np.float32))


def own(scenario, kind):
    rng = np.random.default_rng(1)
    if kind == "series":
        return GainSeries(10 ** rng.uniform(-13, -8, (5, scenario.n_users, scenario.n_cells)))
    return GainMap(10 ** rng.uniform(-13, -8, (scenario.n_cells, 30, 40)), np.arange(40) * 50.0, np.arange(30) * 50.0)


@pytest.mark.parametrize("kind", ["map", "series"])
@pytest.mark.parametrize("fidelity", ["tti", "flow"])
def test_snapshots_go_on_bit_by_bit(kind, fidelity):
    scenario = Scenario(layout={"n_sites": 3}, fidelity=fidelity, mobility={"speed_mps": 20.0}, **SMALL)
    gains = own(scenario, kind)
    share = np.full((9, 4), 0.25)
    simulator = sf.Simulator(scenario, seed=2, gains=gains)
    simulator.step(share)
    snapshot = simulator.snapshot()
    first = [simulator.step(share).throughput_bps for _ in range(4)]
    other = sf.Simulator(scenario, seed=5, gains=gains)
    for again in (simulator, other):
        again.restore(snapshot)
        for expected in first:
            np.testing.assert_array_equal(again.step(share).throughput_bps, expected)
    for stranger in (sf.Simulator(scenario, seed=2), sf.Simulator(scenario, seed=2, gains=GainSeries(
        np.full((scenario.n_users, 9), 1e-9)))):  # fmt: skip
        with pytest.raises(SlicefastError, match="snapshot: got one with other gains"):
            stranger.restore(snapshot)


def test_environments_take_gains():
    scenario = Scenario(layout={"n_sites": 3}, **SMALL)
    gains = own(scenario, "map")
    env = sf.parallel_env(scenario, seed=3, gains=gains)
    env.reset()
    venv = sf.VectorEnv(scenario, n_replicas=2, seed=3, gains=gains)
    venv.reset()
    np.testing.assert_array_equal(venv.simulator.gain[0], env.simulator.gain)
    assert np.isin(env.simulator.gain, gains.gain).all()
    # Many cells on one map: what is asked of links alone, such as folding, is off.
    large = Scenario.hexagonal(48, 200.0, radio={"fold_db": 0.1}, **SMALL)
    every = GainMap(np.full((144, 1, 1), 1e-10), [0.0], [0.0])
    simulator = sf.Simulator(large, gains=every)
    simulator.step(np.full((144, 4), 0.25))
    assert (simulator.gain == np.float32(1e-10)).all()


def dataset(**changes):
    xr = pytest.importorskip("xarray")
    gain_db = -80.0 - np.arange(3 * 8 * 10).reshape(3, 8, 10) / 10
    gain_db[1, 2, 3] = np.nan
    data = {"gain_db": (("cell", "y", "x"), gain_db)} | changes
    return xr.Dataset(data, coords={"x": np.arange(10) * 100.0, "y": np.arange(8) * 100.0})


def test_a_file_of_pixels_is_a_scenario_option(tmp_path):
    dataset().transpose("x", "cell", "y").to_netcdf(tmp_path / "map.nc", engine="h5netcdf")
    (tmp_path / "scenario.toml").write_text('[layout]\nn_sites = 1\n[radio]\ngain_map = "map.nc"\n')
    scenario = Scenario.from_toml(tmp_path / "scenario.toml")
    assert scenario.radio.gain_map == str(tmp_path / "map.nc")
    given = scenario.gain_map
    assert given is scenario.gain_map  # read once
    np.testing.assert_allclose(10 * np.log10(given.gain[2, 4]), [-82.4, -90.4, -98.4], atol=1e-5)
    assert given.gain[2, 3, 1] == np.float32(1e-20)  # no path
    simulator = sf.Simulator(scenario)
    simulator.step(np.full((3, 4), 0.25))
    assert np.isin(simulator.gain, given.gain).all()
    scenario.to_toml(tmp_path / "again.toml")
    assert Scenario.from_toml(tmp_path / "again.toml") == scenario


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, r"radio\.gain_map: got .*, no such file"),
        (lambda path: path.write_text("no map"), r"map\.nc'?: cannot be read"),
        (lambda path: dataset().rename(gain_db="loss").to_netcdf(path, engine="h5netcdf"), "no variable gain_db"),
        (lambda path: dataset().rename(cell="tx").to_netcdf(path, engine="h5netcdf"), "dimensions cell, y and x"),
        (lambda path: dataset().drop_vars("x").to_netcdf(path, engine="h5netcdf"), "and coordinates x and y"),
        (lambda path: (-dataset()).rename(gain_db="gain").to_netcdf(path, engine="h5netcdf"), None),
        (lambda path: dataset().isel(cell=[0]).to_netcdf(path, engine="h5netcdf"), "a map of 1 cells, allowed: 3"),
        (lambda path: dataset().isel(x=range(4)).to_netcdf(path, engine="h5netcdf"), "a map over x from 0 to 300 m"),
        (lambda path: dataset().isel(x=[0, 1, 3]).to_netcdf(path, engine="h5netcdf"), "x_m: got .*evenly spaced"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, write, message):
    write(tmp_path / "map.nc")
    options = {"layout": {"n_sites": 1}, "radio": {"gain_map": str(tmp_path / "map.nc")}}
    if message is None:
        with pytest.warns(RangeWarning, match="gain: got 103.9, plausible is 0 to 1: a path loss"):
            sf.Simulator(Scenario(**options))
        return
    with pytest.raises(SlicefastError, match=message):
        sf.Simulator(Scenario(**options))


def test_bad_gains_are_refused_by_name():
    scenario = Scenario(layout={"n_sites": 1}, **SMALL)
    n_users, good = scenario.n_users, np.full((3, 4, 5), 1e-9)
    x, y = np.arange(5) * 200.0, np.arange(4) * 200.0
    for call, message in (
        (lambda: GainMap(good, y, x), r"gain: got shape \(3, 4, 5\), allowed: \(cells, 5, 4\)"),
        (lambda: GainMap(-good, x, y), "gain: got -9.*, allowed: finite and at least 0: it is linear"),
        (lambda: GainMap(good * np.inf, x, y), "gain: got inf"),
        (lambda: GainMap(good * np.nan, x, y), "gain: got no path anywhere"),
        (lambda: GainMap(good * 1j, x, y), "gain: got an array of complex128"),
        (lambda: GainMap(good, x[::-1], y), "x_m: got .*, allowed: evenly spaced and ascending"),
        (lambda: GainMap(good, x, [0, 200, 400, 605]), "y_m: got"),
        (lambda: GainSeries(good[0, 0]), r"gain: got shape \(5,\), allowed: shape \(users, cells\)"),
        (lambda: sf.Simulator(scenario, gains=good), "gains: got .*, allowed: a GainMap or a GainSeries"),
        (lambda: sf.Simulator(scenario, gains=GainMap(good[:2], x, y)), "a map of 2 cells, allowed: 3"),
        (lambda: sf.Simulator(scenario, gains=GainMap(good, x + 5e3, y)), "gains: got a map over x from 5000 to 5800"),
        (lambda: sf.Simulator(scenario, gains=GainSeries(np.ones((n_users, 4)))), r"gains: got a series of shape"),
    ):
        with pytest.raises(SlicefastError, match=message):
            call()
    rough = scenario.replace(radio={"resolution_m": 5.0})
    with pytest.raises(SlicefastError, match=r"radio\.resolution_m: got 5\.0"):
        sf.Simulator(rough, gains=GainSeries(np.full((n_users, 3), 1e-9)))
    indoors = {"share": 0.5}
    walls = scenario.replace(indoor=indoors, radio={"path_loss_model": "tr36873_uma"})
    with pytest.raises(SlicefastError, match=r"indoor\.share: got 0\.5, allowed: 0 beside gains of your own"):
        sf.Simulator(walls, gains=GainMap(good, x, y))


def test_a_map_lies_in_the_coordinates_of_the_file_of_sites(tmp_path):
    rows = "x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n10000,20000,25,0,6,46\n10500,20000,25,0,6,46\n"
    (tmp_path / "sites.csv").write_text(rows)
    scenario = Scenario(layout={"sites_csv": str(tmp_path / "sites.csv")}, **SMALL)
    x, y = 10000.0 + np.arange(-5, 11) * 100.0, 20000.0 + np.arange(-5, 6) * 100.0
    gain = np.stack([np.broadcast_to(1e-9 * (x < 10250), (11, 16)), np.broadcast_to(1e-9 * (x > 10250), (11, 16))])
    simulator = sf.Simulator(scenario, gains=GainMap(gain, x, y))
    east = simulator.positions_m[0] + scenario.area.origin_m[0] > 10250
    assert 0 < east.sum() < east.size
    np.testing.assert_array_equal(simulator.serving, east)


@pytest.mark.parametrize("model", ["winner_plus_c2", "tr38901_uma"])
@pytest.mark.parametrize("line_of_sight", ["always", "never"])
def test_line_of_sight_can_be_forced(model, line_of_sight):
    settings = {"path_loss_model": model, "shadowing": False, "line_of_sight": line_of_sight}
    scenario = Scenario.hexagonal(7, radio=settings, layout={"wrap_around": False}, **SMALL)
    simulator = sf.Simulator(scenario)
    x, y = simulator.positions_m
    for cell in (0, 4, 20):
        site = scenario.cell_site[cell]
        dx, dy = x - scenario.site_x_m[site], y - scenario.site_y_m[site]
        d, angle = np.hypot(dx, dy), np.degrees(np.arctan2(dy, dx))
        antenna = radio.antenna_gain_db(
            "tr36814", (angle - scenario.azimuth_deg[cell] + 180) % 360 - 180, np.degrees(np.arctan2(23.5, d)), 15.0
        )
        loss = radio.path_loss_db(model, line_of_sight == "always", np.maximum(d, 10.0), 2.6e9)
        # Single precision over a few hundred dB; the angle of a pattern's side has the largest slope.
        np.testing.assert_allclose(10 * np.log10(simulator.gain[:, cell]), antenna - loss, atol=2e-2)


def test_forced_line_of_sight_does_not_fold():
    scenario = Scenario.hexagonal(48, radio={"line_of_sight": "always"}, **SMALL)
    assert not make_links(scenario, Streams(0, 0).shadowing).folds
    fields = radio.make_fields("winner_plus_c2", 1, np.random.default_rng(6))
    config = {"model": "winner_plus_c2", "pattern": "tr36814", "fields": fields, "frequency_hz": 2e9, "cell_site": [0]}
    places = {"site_x_m": [0.0], "site_y_m": [0.0], "site_height_m": 25.0, "azimuth_deg": [0.0], "tilt_deg": 6.0}
    with pytest.raises(SlicefastError, match=r"fold_db: got 0\.1, allowed: 0 beside line_of_sight = 'never'"):
        radio.link_model(**config, **places, line_of_sight="never")
    message = r"radio\.line_of_sight: got 'nlos', must be 'model', 'soft', 'always' or 'never'"
    with pytest.raises(ScenarioError, match=message):
        Scenario.paper(radio={"line_of_sight": "nlos"})


def test_a_file_that_the_library_comes_to_no_end_with_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_LEAST_S", 2)
    good = tmp_path / "good.nc"
    centres = np.linspace(-100.0, 100.0, 5)
    gain_db = xr.DataArray(np.full((3, 5, 5), -90.0), [("cell", [1, 2, 3]), ("y", centres), ("x", centres)])
    gain_db.to_dataset(name="gain_db").to_netcdf(good, engine="h5netcdf")
    data = bytearray(good.read_bytes())
    heap = data.index(b"GCOL")
    data[heap + 24 : heap + 32] = bytes(8)  # an object of no size: the next one is itself
    (tmp_path / "endless.nc").write_bytes(data)
    with pytest.raises(ScenarioError, match=r"endless.nc'.*: cannot be read: the HDF5 library comes to no end with it"):
        radio.read_gain_map(tmp_path / "endless.nc")
    assert hdf5.fatal_fault(good) == ""


def test_a_file_that_the_library_dies_of_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_READING", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    (tmp_path / "deadly.nc").write_bytes(b"any")
    with pytest.raises(ScenarioError, match="cannot be read: the HDF5 library dies of it"):
        radio.read_gain_map(tmp_path / "deadly.nc")
