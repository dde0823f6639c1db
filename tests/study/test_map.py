"""The map of similarity: what it says of rewards whose answer is known, its folder, and a tiny one from end to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slicefast import Scenario, __version__
from slicefast.errors import RunError, ScenarioError
from slicefast.study import cluster, map_figure, map_report
from slicefast.study.document import to_markdown
from slicefast.study.execute import run_study
from slicefast.study.intervals import over_seeds
from slicefast.study.jobs import needs
from slicefast.study.map_folder import Map, MapProtocol, load_map, open_map
from slicefast.study.map_measures import Measured, five_lines, label, measure, summarise, tables

SEEDS, CELLS = 4, 5
BASELINES = {"traffic_aware": np.full(SEEDS, 0.6), "max_min_rule": np.full(SEEDS, 0.9)}
TINY_MAP = MapProtocol(
    n_seeds=2, kinds=("mix", "anti"), levels=(1.0,), train_steps=30, pair_steps=20, sample_steps=10, vae_epochs=1
)


def known(kind: str = "mix", h: float = 1.0, slope: float = -0.1, noise: float = 0.0, level: float = 0.9) -> Measured:
    """Return a point whose rewards are level + slope x distance, distances 1 to 4 in another order for every target."""
    generator = np.random.default_rng(1)
    distance = np.zeros((SEEDS, CELLS, CELLS))
    for seed in range(SEEDS):
        for target in range(CELLS):
            others = [cell for cell in range(CELLS) if cell != target]
            distance[seed, others, target] = generator.permutation(4) + 1.0
    reward = level + slope * distance + noise * generator.standard_normal(distance.shape)
    reward[:, np.arange(CELLS), np.arange(CELLS)] = np.nan
    other = dict.fromkeys(("distance_fast", "configuration"), -distance)
    found = summarise(kind, h, reward, {"distance": distance, "distance_corrected": distance, **other}, BASELINES)
    assert found is not None
    return found


def test_a_point_says_what_sources_are_worth() -> None:
    """The nearest source earns 0.8, the farthest 0.5, all of them 0.65 on average; the fast distance is upside down."""
    point = known()
    assert {name: round(item.value, 6) for name, item in point.correlation.items()} == {
        "distance": -1.0, "distance_corrected": -1.0, "distance_fast": 1.0, "configuration": 1.0,
    }  # fmt: skip
    values = {name: item.value for name, item in point.reward.items()}
    expected = {"most": 0.8, "random": 0.65, "least": 0.5, "traffic_aware": 0.6, "max_min_rule": 0.9}
    assert values == pytest.approx(expected)
    assert point.most_less_least.value == pytest.approx(0.3)
    assert point.most_less_random.value == pytest.approx(0.15)
    assert point.chosen["distance"].value == pytest.approx(0.15)
    assert point.chosen["distance_fast"].value == pytest.approx(-0.15)
    assert point.less["least", "traffic_aware"].value == pytest.approx(-0.1)
    assert point.less["most", "max_min_rule"].value == pytest.approx(-0.1)
    assert point.n_seeds == SEEDS


def test_seeds_that_are_not_finished_are_left_out() -> None:
    distance = np.ones((SEEDS, CELLS, CELLS)) * np.arange(CELLS)[:, None]
    reward = 0.5 + 0.1 * np.arange(SEEDS)[:, None, None] + np.zeros((SEEDS, CELLS, CELLS))
    reward[1] = np.nan
    lacking = {"traffic_aware": np.array([0.5, 0.5, np.nan, 0.5]), "max_min_rule": np.full(SEEDS, 0.5)}
    point = summarise("mix", 0.5, reward, dict.fromkeys(("distance", "configuration"), distance), lacking)
    assert point is not None
    assert point.n_seeds == 2
    expected, mean = over_seeds([0.5, 0.8]).within((0.0, 1.0)), point.reward["random"]
    assert (mean.value, mean.low, mean.high) == pytest.approx((expected.value, expected.low, expected.high))
    assert summarise("mix", 0.5, np.full_like(reward, np.nan), {"distance": distance}, lacking) is None


def test_the_five_lines_follow_from_the_numbers() -> None:
    points = [known(h=0.0, slope=0.0), known(h=0.5, slope=-0.03), known(h=1.0), known("both", 1.0, -0.2, level=1.2)]
    order, worth, harm, choices, rule = five_lines(points)
    assert "to -1.00 [-1.00, -1.00] (mix, h = 1); -1.00 [-1.00, -1.00] (both, h = 1)" in order
    assert worth.endswith("in mix: from h = 0.5, both: from h = 1.")
    assert harm.endswith(
        ": mix from h = 1 with the least similar source; both from h = 1 with the least similar source."
    )
    assert choices.startswith("Where similarity orders most (mix 1), ")  # the first of the strongest
    assert "+0.150 [+0.150, +0.150] by KL, -0.150 [-0.150, -0.150] by fast" in choices
    assert "in both 1: its lead is from -0.100" in rule
    nowhere = five_lines([known(h=0.0, slope=0.0), known(slope=0.0)])
    assert nowhere[1].endswith("in mix: nowhere.")
    assert nowhere[2].endswith("interval: nowhere.")
    assert "in no point of the map" in nowhere[4]


def test_tables_have_a_row_per_point() -> None:
    points = [known(h=0.0), known("anti", 0.25)]
    ordered, against = tables(points)
    assert [row[0] for row in ordered.rows] == [row[0] for row in against.rows] == ["nothing 0", "anti 0.25"]
    assert len(ordered.headings) == len(ordered.rows[0]) == 7
    assert against.headings[1:4] == tuple(f"{name} less traffic-aware" for name in ("most", "random", "least"))
    assert str(against.rows[0][3]) == "-0.100 [-0.100, -0.100]"
    assert label(points[1]) == "anti 0.25"


def test_the_figure_has_a_column_per_kind_from_where_cells_are_alike(tmp_path: Path) -> None:
    points = [known(h=0.0, slope=0.0), known(h=1.0), known("both", 1.0), known("both", 0.5)]
    figure = map_figure.draw(points)
    assert figure is not None
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["mix", "both", "", ""]
    lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in figure.axes[1].lines}
    np.testing.assert_allclose(lines["most similar source"], [[0.0, 0.9], [0.5, 0.8], [1.0, 0.8]])
    np.testing.assert_allclose(lines["max-min rule"], [[0.0, 0.9], [0.5, 0.9], [1.0, 0.9]])
    below = {str(line.get_label()): np.asarray(line.get_ydata()) for line in figure.axes[3].lines}
    np.testing.assert_allclose(below["by fast"][1:], [1.0, 1.0])
    np.testing.assert_allclose(below["by KL"][1:], [-1.0, -1.0])
    assert map_figure.draw([known(h=0.0)]) is None
    assert map_figure.write([known(h=0.0)], tmp_path) is None
    written = map_figure.write(points, tmp_path / "figures")
    assert written is not None
    assert written.path.read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def tiny_map(tmp_path_factory: pytest.TempPathFactory, tiny_scenario: Callable[..., Scenario]) -> Map:
    """Return a map of three points on one site, run in this process."""
    found = open_map(tmp_path_factory.mktemp("map") / "run", tiny_scenario(), TINY_MAP)
    for point in found.points:
        assert run_study(point, workers=1)
    return found


def test_every_seed_of_a_point_has_patterns_of_its_own(tiny_map: Map) -> None:
    alike, mix, anti = tiny_map.points
    assert [point.name for point in tiny_map.points] == ["alike", "mix-1", "anti-1"]
    assert alike.scenario_of(0) == alike.scenario_of(1) == tiny_map.scenario
    assert not np.array_equal(mix.scenario_of(0).activity, mix.scenario_of(1).activity)
    assert mix.scenario_of(0) != anti.scenario_of(0)
    network = mix.context(mix.jobs[0], lambda steps: None)
    assert network.scenario == mix.scenario_of(0)


def test_a_point_travels_to_a_node_and_back(tiny_map: Map, tmp_path: Path) -> None:
    again = open_map(tmp_path / "again", tiny_map.scenario, tiny_map.protocol)
    before, after = tiny_map.point("mix-1"), again.point("mix-1")
    common = {"map.json": before.manifest.read_bytes()}
    for job in [job for job in before.jobs if job.seed == 1]:
        needed = {
            f"mix-1/parts/seed-001/{path.name}": path.read_bytes() for of in needs(job) for path in before.files(of)
        }
        made = cluster.run_on_node(common, job, needed, __version__, lambda *_: None, "mix-1")
        cluster.keep(after, job, made)
        for name, values in before.load(job).items():
            np.testing.assert_array_equal(after.load(job)[name], values)


def test_a_tiny_map_is_measured_and_reported(tiny_map: Map, tmp_path: Path) -> None:
    points = measure(tiny_map)
    assert [(item.kind, item.h, item.n_seeds) for item in points] == [
        ("mix", 0.0, 2),
        ("mix", 1.0, 2),
        ("anti", 1.0, 2),
    ]
    page = map_report.write(tiny_map, points)
    words = page.with_suffix(".md").read_text()
    assert words.count("| mix 1 |") == 2
    assert "The point with the fewest seeds has 2" in words
    assert "not finished" not in words
    assert (tiny_map.folder / "figures" / "map.png").is_file()
    readme = tmp_path / "README.md"
    readme.write_text(
        "a\n<!-- map short begins -->\n<!-- map short ends -->\n<!-- map begins -->\n<!-- map ends -->\nb\n"
    )
    map_report.put_section(tiny_map, points, readme)
    lines = readme.read_text().splitlines()
    assert sum(line.startswith("- The rank correlation of distance") for line in lines) == 2
    assert (lines[0], lines[-1]) == ("a", "b")
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="map begins"):
        map_report.put_section(tiny_map, points, readme)


def test_a_finished_map_is_not_run_again_and_can_grow_by_seeds(tiny_map: Map) -> None:
    again = open_map(tiny_map.folder, tiny_map.scenario, TINY_MAP, resume=True)
    assert all(point.finished(job) for point in again.points for job in point.jobs)
    assert load_map(tiny_map.folder) == again
    more = Map(tiny_map.folder, tiny_map.scenario, TINY_MAP.model_copy(update={"n_seeds": 3}))
    unfinished = {job.seed for point in more.points for job in point.jobs if not point.finished(job)}
    assert unfinished == {2}
    growing = measure(more)
    assert [item.n_seeds for item in growing] == [2, 2, 2]
    assert "This map is not finished: 6 of 9 networks" in to_markdown(map_report.build(more, growing, None))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_seeds": 1}, "n_seeds = 1"),
        ({"kinds": ("mix",)}, "kinds: .* holds a map with anti too"),
        ({"levels": (0.5,)}, "levels: .* holds a map with 1.0 too"),
        ({"vae_epochs": 2}, "vae_epochs was 1, now 2"),
    ],
)
def test_another_map_is_refused(tiny_map: Map, change: dict[str, Any], message: str) -> None:
    before = (tiny_map.folder / "map.json").read_bytes()
    with pytest.raises(RunError, match=message):
        open_map(tiny_map.folder, tiny_map.scenario, TINY_MAP.model_copy(update=change), resume=True)
    with pytest.raises(RunError, match="already holds a map"):
        open_map(tiny_map.folder, tiny_map.scenario, TINY_MAP)
    with pytest.raises(RunError, match="another scenario"):
        open_map(tiny_map.folder, Scenario.hexagonal(n_sites=1, window_ttis=30), TINY_MAP, resume=True)
    assert (tiny_map.folder / "map.json").read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"levels": (3.0,)}, "levels"),
        ({"levels": (0.5, 0.5)}, "is named twice"),
        ({"levels": ()}, "at least one"),
        ({"kinds": ("colour",)}, "kinds"),
        ({"pair_steps": 4000}, "pair_steps: got 4000, at most train_steps, 3500"),
        ({"n_seeds": 0}, "n_seeds"),
        ({"wisdom": 1}, "unknown field"),
    ],
)
def test_maps_that_cannot_be_run_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        MapProtocol(**fields)


def test_folders_without_a_map_are_refused(tmp_path: Path, tiny_scenario: Callable[..., Scenario]) -> None:
    with pytest.raises(RunError, match="holds no map"):
        load_map(tmp_path)
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(RunError, match="is not empty"):
        open_map(tmp_path, tiny_scenario(), TINY_MAP)
    (tmp_path / "map.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        load_map(tmp_path)
