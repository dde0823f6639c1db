"""Users where cells are denser and around hotspots: placed so, and walking so that it stays; cells' own traffic."""

import numpy as np
import pytest

from slicefast import Simulator
from slicefast.rng import Streams
from slicefast.scenario import Scenario, ScenarioError
from slicefast.scenario.density import cell_at
from slicefast.scenario.layouts import torus_distance
from slicefast.traffic.arrivals import Arrivals

EQUAL = np.full((12, 4), 0.25)
DENSE = {"cell_settings": [{"cells": [1, 2], "density": 4.0}, {"cells": [12], "density": 0.25}]}
WEIGHTS = np.array([4, 4, *[1] * 9, 0.25])
SPOT = {"x_m": 400.0, "y_m": 300.0, "radius_m": 40.0, "peak": 30.0}


def cells_of(scenario, x_m, y_m):
    """Count users per cell by brute force: the nearest image of all sites, then the boresight; (N,)."""
    counts = np.zeros(scenario.n_cells)
    v1, v2 = np.array(scenario.area.v1_m), np.array(scenario.area.v2_m)
    reach = (-1, 0, 1) if scenario.area.wrap else (0,)
    for position in np.stack([x_m, y_m], axis=1):
        offsets = [
            (np.hypot(*offset), cell, np.degrees(np.arctan2(offset[1], offset[0])))
            for cell, site in enumerate(scenario.cell_site)
            for k in reach
            for m in reach
            for offset in [position - [scenario.site_x_m[site], scenario.site_y_m[site]] - k * v1 - m * v2]
        ]
        nearest = min(offset[0] for offset in offsets)
        turns = [
            (abs((angle - scenario.azimuth_deg[cell] + 180.0) % 360.0 - 180.0), cell)
            for distance, cell, angle in offsets
            if distance <= nearest + 1e-9
        ]
        counts[min(turns)[1]] += 1
    return counts


def walked(scenario, n_steps, seed=0):
    """Positions at the start and after many steps, without playing a window."""
    simulator = Simulator(scenario, seed=seed)
    replica = simulator._replicas[0]
    start = replica.x_m.copy(), replica.y_m.copy()
    for _ in range(n_steps):
        replica._move()
    return start, (replica.x_m, replica.y_m)


@pytest.mark.parametrize("wrap", [True, False])
def test_cells_of_places_are_found_like_by_brute_force(wrap):
    scenario = Scenario.hexagonal(4 if wrap else 5, wrap_around=wrap)
    x_m, y_m = scenario.area.sample(np.random.default_rng(0), 300)
    found = np.bincount(cell_at(scenario.placement, x_m, y_m), minlength=scenario.n_cells)
    np.testing.assert_array_equal(found, cells_of(scenario, x_m, y_m))


def test_antennas_at_two_heights_of_a_mast_share_its_places(tmp_path):
    rows = [f"0,0,{height},{azimuth},5,46" for height, azimuth in ((30, 0), (30, 120), (20, 240))]
    path = tmp_path / "sites.csv"
    path.write_text("\n".join(["x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm", *rows, "900,0,25,0,5,46"]))
    scenario = Scenario(layout={"sites_csv": str(path)})
    x_m, y_m = scenario.area.sample(np.random.default_rng(0), 2000)
    assert np.bincount(cell_at(scenario.placement, x_m, y_m), minlength=4).min() > 100


def test_users_are_placed_and_stay_by_the_cells_densities():
    """3,072 users on cells of equal area: a count has a standard deviation of at most 28, checked to four."""
    slices = [{"name": f"s{s}", "rate_bps": 1e4, "users_per_cell": 64} for s in range(4)]
    scenario = Scenario.paper(slices=slices, mobility={"speed_mps": 30.0}, **DENSE)
    np.testing.assert_allclose(scenario.density.parts, WEIGHTS / WEIGHTS.sum(), rtol=0.02)
    expected = scenario.density.parts * scenario.n_users
    # 400 steps of 30 m: users cross the network several times, so a walk that did not keep the density would be even.
    for places in walked(scenario, 400):
        counts = np.bincount(cell_at(scenario.placement, *places), minlength=12)
        assert counts.sum() == scenario.n_users
        assert (np.abs(counts - expected) < 4.0 * np.sqrt(expected)).all(), counts


def test_hotspots_draw_users_and_keep_them_dense_by_their_bell():
    scenario = Scenario.paper(hotspots=[SPOT], mobility={"speed_mps": 10.0})
    bump_m2 = SPOT["peak"] * 2.0 * np.pi * SPOT["radius_m"] ** 2
    for places in walked(scenario, 300):
        away_m = torus_distance(places[0] - SPOT["x_m"], places[1] - SPOT["y_m"], scenario.area)
        for radius_m in (30.0, 60.0, 120.0):
            within = bump_m2 * -np.expm1(-((radius_m / SPOT["radius_m"]) ** 2) / 2.0) + np.pi * radius_m**2
            expected = scenario.n_users * within / (bump_m2 + scenario.area.area_m2)
            assert abs((away_m < radius_m).sum() - expected) < 4.0 * np.sqrt(expected), (radius_m, expected)


def test_density_stays_within_the_region_of_a_plane():
    scenario = Scenario.hexagonal(3, wrap_around=False, cell_settings=[{"cells": [1], "density": 5.0}])
    scenario = scenario.replace(mobility={"speed_mps": 40.0})
    expected = scenario.density.parts * scenario.n_users
    for places in walked(scenario, 200):
        assert scenario.area.region.contains(*places).all()
        counts = np.bincount(cell_at(scenario.placement, *places), minlength=9)
        # A pixel at the region's edge counts whole or not at all, a few percent of a cell's area.
        assert (np.abs(counts - expected) < 4.0 * np.sqrt(expected) + 0.05 * expected).all(), (counts, expected)


def test_even_density_is_the_default_bit_for_bit():
    even = Scenario.paper(cell_settings=[{"cells": list(range(1, 13)), "density": 3.0}])
    assert even.density is None
    plain, same = Simulator(Scenario.paper(), seed=1), Simulator(even, seed=1)
    for simulator in (plain, same):
        simulator.reset()
    np.testing.assert_array_equal(plain.step(EQUAL).throughput_bps, same.step(EQUAL).throughput_bps)


def test_a_snapshot_of_a_dense_network_goes_on_bit_for_bit():
    simulator = Simulator(Scenario.paper(hotspots=[SPOT], **DENSE), seed=1)
    simulator.reset()
    state = simulator.snapshot()
    first = [simulator.step(EQUAL).throughput_bps for _ in range(5)]
    simulator.restore(state)
    np.testing.assert_array_equal(first, [simulator.step(EQUAL).throughput_bps for _ in range(5)])


def test_users_take_the_rate_and_packets_of_the_cell_that_serves_them():
    own = {"cells": [1, 2, 3], "rate_bps": [4e5, 3e5, 2e5, 1e5], "packet_bits": [6e3, 6e3, 24e3, 12e3]}
    scenario = Scenario.paper(cell_settings=[own])
    arrivals = Arrivals(scenario, Streams(0).traffic)
    n_users, n_windows = scenario.n_users, 300
    rng = np.random.default_rng(0)
    there, counts, sizes = np.zeros((3, 12, 4))
    for _ in range(n_windows):
        queue = rng.integers(0, 12, n_users) * 4 + scenario.slice_of  # users move about between windows
        events = arrivals.draw(np.ones(n_users, bool), queue=queue)
        there += np.bincount(queue, minlength=48).reshape(12, 4)
        counts += np.bincount(queue[events.user], minlength=48).reshape(12, 4)
        sizes += np.bincount(queue[events.user], events.bits, minlength=48).reshape(12, 4)
    rate_bps, bits = np.tile(scenario.slice_rate_bps, (12, 1)), np.full((12, 4), 12e3)
    rate_bps[:3], bits[:3] = own["rate_bps"], own["packet_bits"]
    np.testing.assert_allclose(sizes / counts, bits, rtol=1e-6)
    expected = there * rate_bps / bits * 0.2
    assert (np.abs(counts - expected) < 5.0 * np.sqrt(expected)).all()
    simulator = Simulator(scenario, seed=0)
    simulator.reset()
    served = simulator.serving[simulator.arrivals.user]
    of_slice = scenario.slice_of[simulator.arrivals.user]
    np.testing.assert_array_equal(simulator.arrivals.bits, bits[served, of_slice].astype(np.float32))


def test_arrivals_of_cells_with_rates_ask_where_users_are():
    scenario = Scenario.paper(cell_settings=[{"cells": [1], "rate_bps": [1e5] * 4}])
    with pytest.raises(ValueError, match="queue: got None, allowed: the cell and slice of each of 1536 users"):
        Arrivals(scenario, Streams(0).traffic).draw(np.ones(1536, bool))


def test_a_file_of_cells_that_differ_reads_back_equal(tmp_path):
    own = {"cells": [3], "rate_bps": [1e5] * 4, "packet_bits": [2e4] * 4, "density": 0.5, "activity": [1, 0, 1, 0.5]}
    scenario = Scenario.paper(
        cell_settings=[own], hotspots=[SPOT], traffic={"phase_spread_days": 1.0, "trace_levels": "common"}
    )
    scenario.to_toml(tmp_path / "scenario.toml")
    assert Scenario.from_toml(tmp_path / "scenario.toml") == scenario


FTP = [{"name": "a", "rate_bps": 1e6, "traffic": "ftp3"}]
ONE = {"slices": FTP, "requirements": [{"cells": "all", "throughput_bps": [1e6], "delay_ms": [50]}]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cell_settings": [{"cells": [1], "density": 0}]}, r"density: got 0, must be greater than 0"),
        (
            {"cell_settings": [{"cells": [4], "density": 0.001}]},
            r"cell_settings\[0\].density: got 0.001, leaves cell 4 without users: 0.12 active at the busiest",
        ),
        (
            {"cell_settings": [{"cells": [2], "density": 3}, {"cells": [4], "density": 1e6}]},
            r"cell_settings\[1\].density: got 1000000.0, leaves cell 1 without users",
        ),
        (
            {"hotspots": [{**SPOT, "radius_m": 20, "peak": 1e6}]},
            r"hotspots: got 1, leaves cell \d+ without users: .* active at the busiest, at least 1 is needed",
        ),
        ({"hotspots": [{**SPOT, "x_m": -5}]}, r"hotspots\[0\]: got \(-5.0, 300.0\), must lie in the area"),
        ({"hotspots": [{**SPOT, "radius_m": 0.5}]}, r"hotspots\[0\].radius_m: got 0.5, must be at least"),
        ({"cell_settings": [{"cells": [1], "rate_bps": [1e5]}]}, r"rate_bps: got \(100000.0,\), needs 4 values"),
        ({"cell_settings": [{"cells": [1], "rate_bps": [2e6]}], **ONE}, "with ftp3 traffic: only poisson traffic may"),
        ({"cell_settings": [{"cells": [1], "packet_bits": [9e3] * 4}], "fidelity": "flow"}, "must be left out with"),
        (
            {"cell_settings": [{"cells": [1], "packet_bits": [9e4] * 4}], "scheduler": {"buffer_bits": 2e4}},
            r"scheduler.buffer_bits: got 20000.0, must be 0 \(unlimited\) or hold a packet of slices\[0\], 90000 bits",
        ),
    ],
)
def test_impossible_cells_are_refused(fields, message):
    with pytest.raises(ScenarioError, match=message):
        Scenario.paper(**fields)
