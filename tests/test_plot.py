"""Figures take the axes they are given and show what was measured, with units."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import slicefast as sf
from slicefast import plot, policies
from slicefast.plot import rendering
from slicefast.plot.rendering import Picture


@pytest.fixture(scope="module")
def simulator() -> sf.Simulator:
    """Three cells, four slices, some steps played."""
    return sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), seed=2)


@pytest.fixture(scope="module")
def run(simulator):
    return simulator.run(policies.equal_split, 5)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_every_function_can_be_completed():
    assert set(plot.__all__) <= set(dir(plot))
    assert {"Scenario", "compare", "plot"} <= set(dir(sf))
    assert set(dir(plot)) == set(plot.__all__)


def test_maps_are_of_the_coverage(simulator, ax):
    assert plot.sinr_map(simulator, ax, pixels=30) is ax
    expected = sf.coverage(simulator, pixels=30)
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), expected.sinr_db.values)
    assert ax.get_xlabel() == "x [km]"
    left, right, *_ = ax.get_images()[0].get_extent()
    assert (left, right) == (0.0 + expected.x[0] / 1e3, expected.x[-1] / 1e3)
    served = plot.serving_map(simulator, Figure().subplots(), pixels=30)
    np.testing.assert_array_equal(served.get_images()[0].get_array(), expected.serving_cell.values)


@pytest.mark.parametrize("wraps", [True, False])
def test_maps_of_a_torus_show_where_it_repeats(ax, wraps):
    scenario = sf.Scenario.hexagonal(n_sites=1, wrap_around=wraps)
    plot.sinr_map(sf.Simulator(scenario, seed=0), ax, pixels=20)
    edges = [line for line in ax.get_lines() if line.get_color() == "white"]
    assert len(edges) == wraps
    if wraps:
        area = np.array([[0.0, 0.0], scenario.area.v1_m, np.add(scenario.area.v1_m, scenario.area.v2_m)]) / 1e3
        np.testing.assert_allclose(np.transpose(edges[0].get_data())[:3], area)


def test_rates_are_written_in_millions(run, ax):
    plot.cdf(run.throughput_bps, ax)
    assert ax.xaxis.get_major_formatter()(5e6) == "5 M"
    plot.series(run, "load", other := Figure().subplots())
    assert other.yaxis.get_major_formatter()(0.5) != "500 m"
    assert all(tick == int(tick) for tick in other.get_xticks())


def test_the_layout_numbers_every_cell(simulator, ax):
    plot.layout(simulator.scenario, ax)
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3"]


def test_distributions_are_shares_of_values(run, ax):
    plot.cdf([1.0, 2.0, np.nan, 4.0], ax, label="a")
    x, y = ax.get_lines()[0].get_data()
    assert x[1:].tolist() == [1.0, 2.0, 4.0]
    np.testing.assert_allclose(y[1:], [1 / 3, 2 / 3, 1.0])
    plot.cdf(run.throughput_bps, ax, label="b")
    assert ax.get_xlabel() == "user throughput [bit/s]"
    plot.cdf([2.0], ax).get_lines()[-1].remove()
    assert ax.get_xlabel() == "user throughput [bit/s]", "an array without a name takes none away"
    first, second = ax.get_lines()
    assert first.get_color() != second.get_color()
    complementary = plot.ccdf([1.0, 2.0], Figure().subplots())
    assert complementary.get_lines()[0].get_ydata()[-1] == 0.0
    plot.cdf([3.0, 3.0], ax, label="c", color="red", linestyle=":")
    own = ax.get_lines()[2]
    assert (own.get_color(), own.get_linestyle(), own.get_xdata().tolist()) == ("red", ":", [3.0, 3.0])
    with pytest.raises(ValueError, match="values: got 'none but NaN'"):
        plot.cdf([np.nan])


def band_of(ax) -> dict[float, tuple[float, float]]:
    """Return by place the ends of the band that was drawn last."""
    edge = ax.collections[-1].get_paths()[0].vertices
    return {x: (edge[edge[:, 0] == x, 1].min(), edge[edge[:, 0] == x, 1].max()) for x in edge[:, 0]}


def test_lines_have_their_interval_as_a_band(ax):
    x = xr.DataArray([1.0, 2.0], attrs={"long_name": "rate", "units": "bit/s"})
    value = xr.DataArray([5.0, 6.0], attrs={"long_name": "reward", "units": "1"})
    assert plot.line(x, value, [4.0, 5.5], [7.0, 6.5], ax, label="mine") is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rate [bit/s]", "reward")
    assert ax.get_lines()[0].get_xydata().tolist() == [[1.0, 5.0], [2.0, 6.0]]
    assert band_of(ax) == {1.0: (4.0, 7.0), 2.0: (5.5, 6.5)}
    plot.line([1, 2], [1, 2], [0, 1], [2, 3], ax, color="red")
    first, second = ax.get_lines()
    assert [to_rgb(line.get_color()) for line in (first, second)] == [
        to_rgb(shade.get_facecolor()[0][:3]) for shade in ax.collections
    ]
    assert (second.get_color(), second.get_linestyle() != first.get_linestyle()) == ("red", True)
    assert [text.get_text() for text in ax.get_legend().texts] == ["mine"]
    with pytest.raises(ValueError, match=r"high: got shape \(3,\), allowed: a number or shape \(2,\)"):
        plot.line([1, 2], [1, 2], [0, 1], [2, 3, 4], ax)


def test_means_have_students_interval(ax):
    """Of 1 and 3, the mean is 2, the deviation sqrt(2), and t at one degree of freedom 12.706 at 0.95."""
    values = xr.DataArray([[1.0, 5.0, 7.0], [3.0, 5.0, 9.0]], dims=("seed", "step"), coords={"step": [10, 20, 30]})
    plot.mean(values, "seed", ax)
    assert ax.get_lines()[0].get_xydata().tolist() == [[10.0, 2.0], [20.0, 5.0], [30.0, 8.0]]
    assert ax.get_xlabel() == "step"
    found = band_of(ax)
    assert found[20.0] == (5.0, 5.0)
    assert found[10.0] == pytest.approx((2.0 - 12.7062, 2.0 + 12.7062), rel=1e-4)
    single = plot.mean(values[:1], "seed", Figure().subplots())
    assert not single.collections[0].get_paths()
    half = plot.mean(values, "seed", Figure().subplots(), confidence=0.5)  # t is 1
    assert band_of(half)[30.0] == pytest.approx((7.0, 9.0))
    for change, named in (
        ({"over": "cell"}, r"values: got dimensions \(seed, step\), allowed: 'cell' and one to draw along"),
        ({"values": values[0]}, r"values: got dimensions \(step\)"),
        ({"confidence": 1.0}, "confidence: got 1.0"),
    ):
        with pytest.raises(ValueError, match=named):
            plot.mean(**{"values": values, "over": "seed", "ax": ax, **change})


def test_intervals_are_bars_at_places_or_names(ax):
    value = xr.DataArray([0.5, 0.7], attrs={"long_name": "delay", "units": "ms"})
    plot.intervals(["$a$", "b"], value, [0.2, np.nan], [0.9, np.nan], ax, label="mine")
    assert ax.get_ylabel() == "delay [ms]"
    assert [text.get_text() for text in ax.get_xticklabels()] == [r"\$a\$", "b"]
    mark, _, (bars,) = ax.containers[0].lines
    assert mark.get_ydata().tolist() == [0.5, 0.7]
    np.testing.assert_allclose([part[:, 1] for part in bars.get_segments()], [[0.2, 0.9], [0.7, 0.7]])
    rows = plot.intervals([3.0], [1.0], [0.5], [2.0], Figure().subplots(), horizontal=True, color="red")
    mark, _, (bars,) = rows.containers[0].lines
    assert (mark.get_xydata().tolist(), mark.get_color(), mark.get_linestyle()) == ([[1.0, 3.0]], "red", "None")
    np.testing.assert_allclose(bars.get_segments(), [[[0.5, 3.0], [2.0, 3.0]]])
    plot.intervals(["b", "$a$"], [1, 2], [0, 1], [2, 3], ax)
    first, second = (container.lines[0] for container in ax.containers)
    assert (first.get_color() != second.get_color(), first.get_marker() != second.get_marker()) == (True, True)
    with pytest.raises(ValueError, match="low: got shape"):
        plot.intervals([1, 2], [1, 2], [0, 1, 2], [2, 3], ax)


def test_policies_are_held_against_each_other_by_their_means(ax):
    scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    compared = sf.compare({name: (scenario, name) for name in ("equal_split", "max_min_rule")}, seeds=2, steps=2)
    mean, low, high = compared.means().reward.transpose("bound", "case")
    plot.intervals(compared.scores.case, mean, low, high, ax)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["equal_split", "max_min_rule"]
    assert ax.get_ylabel() == "reward of the task"


def test_series_are_means_over_cells(run, ax):
    plot.series(run, "throughput_bps", ax)
    assert len(ax.get_lines()) == 4
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), run.throughput_bps.values[:, :, 1].mean(axis=1))
    assert ax.get_ylabel() == "user throughput [bit/s]"
    reward = plot.series(run, "reward", Figure().subplots())
    np.testing.assert_allclose(reward.get_lines()[0].get_ydata(), run.reward.values.mean(axis=1), rtol=1e-6)
    with pytest.raises(ValueError, match="name: got 'colour', allowed: "):
        plot.series(run, "colour")


def test_load_and_satisfaction_has_a_point_for_every_cell_and_step(run, ax):
    plot.load_and_satisfaction(run, ax)
    assert [len(line.get_xdata()) for line in ax.get_lines()] == [15] * 4
    assert ax.get_lines()[0].get_xdata()[0] == run["load"].values[0, 0].sum()


def test_names_are_drawn_as_they_are():
    slices = [{"name": name, "rate_bps": 1e5} for name in (r"$\bad$", "_b", "c$", "d")]
    scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20, slices=slices)
    simulator = sf.Simulator(scenario, seed=0)
    run = simulator.run(policies.equal_split, 2)
    for draw in (plot.load_and_satisfaction, lambda run, ax: plot.series(run, "load", ax)):
        figure = Figure()
        legend = draw(run, figure.subplots()).get_legend()
        figure.canvas.draw()
        shown = [text.get_text().lstrip("\N{ZERO WIDTH SPACE}") for text in legend.texts]
        assert shown == [r"\$\bad\$", "_b", r"c\$", "d"]
    assert Picture("rgb_array").of_all(simulator, sf.Task(scenario))[0].shape == (560, 640, 3)


def test_the_pictures_title_is_as_wide_as_the_map():
    slices = [{"name": f"a slice with a long name {s}", "rate_bps": 1e5} for s in range(4)]
    simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20, slices=slices), seed=0)
    simulator.reset()
    picture = Picture("rgb_array").of_all(simulator, sf.Task(simulator.scenario))[0]
    title = (picture[:44, :565] < 128).all(axis=-1)  # black; right of it is the bar of colours
    rows, columns = np.flatnonzero(title.any(axis=1)), np.flatnonzero(title.any(axis=0))
    assert rows.size
    assert rows[0] > 2
    assert columns[0] > 68
    assert columns[-1] < 555


def test_the_pictures_frame_stays_where_users_move(simulator):
    simulator.reset()
    task, kpis = sf.Task(simulator.scenario), simulator.kpis
    satisfied = np.minimum(*task.satisfaction(kpis))
    first, moved, later = (
        rendering._picture(task, step, kpis.load.sum(-1), satisfied, part * simulator.positions_m, simulator.sinr)
        for step, part in ((1, 1.0), (1, 0.2), (7, 1.0))
    )
    assert (first != moved).any()
    np.testing.assert_array_equal(first[:, :60], moved[:, :60])  # left of the axes, where their ticks are
    rows, columns = np.nonzero((first != later).any(axis=-1))  # the step's number
    assert rows.size
    assert (rows.min() > 300, columns.min() > 400, np.ptp(rows) < 15, np.ptp(columns) < 20) == (True,) * 4


def test_without_axes_pyplot_makes_some(run):
    before = pyplot.get_fignums()
    axes = plot.load_and_satisfaction(run)
    assert len(pyplot.get_fignums()) == len(before) + 1
    pyplot.close(axes.figure)


def test_a_network_moves_in_a_gif(simulator, tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    counted = []
    path = plot.animate(simulator, policies.equal_split, tmp_path / "day.gif", steps=3, tick=counted.append)
    with pillow.open(path) as picture:
        assert picture.n_frames == 4
        assert picture.size == (640, 560)
    assert counted == [1, 1, 1]
    path = plot.animate(simulator, policies.equal_split, tmp_path / "fast.gif", steps=5, every=2)
    with pillow.open(path) as picture:
        assert picture.n_frames == 3
    for change, named in (
        ({"path": tmp_path / "day.avi"}, "path: got"),
        ({"steps": 0}, "steps: got 0"),
        ({"every": 0}, "every: got 0"),
        ({"frames_per_s": 0.0}, "frames_per_s: got 0.0"),
        ({"simulator": sf.Simulator(simulator.scenario, n_replicas=2)}, "simulator: got '2 replicas'"),
    ):
        arguments = {"simulator": simulator, "policy": policies.equal_split, "path": tmp_path / "x.gif", **change}
        with pytest.raises(ValueError, match=named):
            plot.animate(**arguments)
    assert not (tmp_path / "x.gif").exists()


@pytest.mark.parametrize("plays", [0, 2])
def test_a_picture_that_is_not_ended_replaces_nothing(simulator, tmp_path, plays):
    (tmp_path / "day.gif").write_bytes(b"yesterday's")
    shares = iter([np.full((3, 4), 0.25)] * plays)
    with pytest.raises(StopIteration):
        plot.animate(simulator, lambda simulator, observation: next(shares), tmp_path / "day.gif", steps=4)
    assert [path.name for path in tmp_path.iterdir()] == ["day.gif"]
    assert (tmp_path / "day.gif").read_bytes() == b"yesterday's"
