"""The radio figures: distributions that rise, published points where they belong, and the network that is played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from slicefast import Simulator, coverage, radio
from slicefast.maps import best_server
from slicefast.plot.maps import draw_masts, sinr_map
from slicefast.scenario import Scenario
from slicefast.validation import radio as radio_figures


def users(simulator: Simulator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the users of the coming step are, and who serves them."""
    (replica,) = simulator.snapshot()["replicas"]
    return replica["x_m"], replica["y_m"], replica["serving"]


@pytest.mark.parametrize("seed", [0, 3])
def test_map_shows_the_network_that_the_simulator_of_that_seed_plays(seed: int) -> None:
    """Before anyone has moved, handover has no memory: every user is served by the strongest cell where it stands."""
    scenario = Scenario.paper()
    x_m, y_m, serving = users(Simulator(scenario, seed))
    server, _ = best_server(scenario, x_m, y_m, seed)
    np.testing.assert_array_equal(server, serving)
    other, _ = best_server(scenario, x_m, y_m, seed + 1)
    assert (other != serving).mean() > 0.1  # so the seed matters


def test_map_is_that_of_later_steps_too_where_handover_has_no_margin() -> None:
    """Two cells of a mast are equally strong behind both antennas: there a user stays where it was."""
    scenario = Scenario.paper()
    scenario = scenario.replace(radio={"handover_margin_db": 0.0})
    simulator = Simulator(scenario, 1)
    simulator.reset()
    equal = np.full(simulator.shares_shape, 1.0 / scenario.n_slices)
    for _ in range(20):
        simulator.step(equal)
    x_m, y_m, serving = users(simulator)
    server, _ = best_server(scenario, x_m, y_m, seed=1)
    every = np.arange(serving.size)
    np.testing.assert_array_equal(simulator.gain[every, server], simulator.gain[every, serving])
    assert (server == serving).mean() > 0.99


def test_map_is_drawn_with_y_upwards_between_its_corners() -> None:
    simulator = Simulator(Scenario.paper(), seed=0)
    axes = sinr_map(simulator, Figure().subplots(), pixels=20)
    (image,) = axes.images
    area = coverage(simulator, pixels=20).sinr_db
    np.testing.assert_array_equal(image.get_array(), area.values)
    corners = [area[axis].values[end] / 1e3 for axis in ("x", "y") for end in (0, -1)]
    assert (image.origin, list(image.get_extent())) == ("lower", corners)


def test_arrows_stand_at_the_masts_and_point_where_the_antennas_do() -> None:
    scenario = Scenario.paper()
    arrows = draw_masts(Figure().subplots(), scenario, "white", again=True)
    assert len(arrows) == 25  # the torus around the area
    own = arrows[12]
    np.testing.assert_allclose(own.XY[:, 0], scenario.site_x_m[scenario.cell_site] / 1e3)
    np.testing.assert_allclose(own.XY[:, 1], scenario.site_y_m[scenario.cell_site] / 1e3)
    np.testing.assert_allclose(np.degrees(np.arctan2(own.V, own.U)) % 360.0, scenario.azimuth_deg % 360.0)


def test_calibration_rises_over_percentiles_with_published_points_beside_their_curve() -> None:
    row = Figure().subplots(1, 3)
    drop = radio.calibrate("tr36873_uma", 1, 2000, 0)
    radio_figures.draw_calibration(row, "tr36873_uma", 1, drop)
    lines = [line for panel in row for line in panel.lines]
    assert [line.get_label() for line in lines] == [
        "UMa, 1 element", "UMa, 1 element, published", "UMa, 1 element", "UMa, 1 element, published", "UMa, 1 element",
    ]  # fmt: skip
    for panel, quantity in zip(row, ("coupling_gain_db", "geometry_db", "sinr_db"), strict=True):
        curve = panel.lines[0]
        np.testing.assert_array_equal(curve.get_xdata()[1:], np.sort(getattr(drop, quantity)))
        assert curve.get_ydata()[-1] == 1.0
    shares = row[0].lines[1].get_ydata()
    np.testing.assert_allclose(shares, np.array(radio_figures.PERCENT) / 100)
    gap_db = np.interp(shares, row[0].lines[0].get_ydata(), row[0].lines[0].get_xdata())
    assert np.abs(gap_db - row[0].lines[1].get_xdata()).max() < 6.0


def test_figures_are_written_whole(tmp_path: Path) -> None:
    calibration = radio_figures.calibration_figure(tmp_path / "calibration.png", n_users=300)
    sinr_map = radio_figures.sinr_map_figure(Scenario.paper(), tmp_path / "map.png", pixels=30)
    for path in (calibration, sinr_map):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibration.png", "map.png"]


def test_the_table_has_ours_beside_the_published_percentiles():
    head, _, *rows = (line.strip("| ").split(" | ") for line in radio_figures.calibration_table(2000).splitlines())
    assert head[2:] == [f"{p} %" for p in radio_figures.PERCENT]
    assert [row[1] for row in rows] == ["published", "slicefast"] * 2
    for published, ours in zip(rows[::2], rows[1::2], strict=True):
        errors = [abs(float(a) - float(b)) for a, b in zip(published[2:], ours[2:], strict=True)]
        assert 0.0 < max(errors) < 3.0  # few users
