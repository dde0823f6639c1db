"""The figures of a study: what their lines, bars, points and images hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import combinations, permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from slicefast.study import figures, similarity_figures, style
from slicefast.study.comparison import Comparison

SEEDS, STEPS, CELLS = 2, 10, 3
PAIRED_GROUPS = [0, 0, 1, 1, 1]


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pictures of few pixels, which are drawn faster."""
    monkeypatch.setitem(style.STYLE, "savefig.dpi", 60)


@pytest.fixture
def file(reference: Callable[[str], ModuleType]) -> Any:
    """Return the builder of result files."""
    return reference("result_file")


@pytest.fixture
def known(file: Any) -> Comparison:
    """Return a study of two seeds and three cells with everything but pairs."""
    generator = np.random.default_rng(0)
    names = (
        "equal_split",
        "traffic_aware",
        "max_min_rule",
        "oracle",
        "drl",
        "transfer_most",
        "transfer_least",
        "counterfactual",
    )
    rewards = {name: generator.uniform(0.2, 0.8, (SEEDS, STEPS, CELLS)) for name in names}
    rewards["oracle"] = np.full((SEEDS, STEPS, CELLS), 0.9)
    satisfaction = {name: generator.uniform(0.4, 1.0, (SEEDS, 3, CELLS, 2)) for name in names}
    delay = {name: generator.uniform(1.0, 50.0, (SEEDS, 3, CELLS, 2)) for name in names}
    distance = np.array([[[1.0, 5.0, 9.0], [4.0, 0.5, 3.0], [7.0, 2.0, 0.1]], [[1.0, 3.0, 4.0]] * 3])
    dataset = file.build(
        rewards,
        [0, 0, 1],
        satisfaction,
        delay,
        distance=(("seed", "source", "target"), distance),
        latent_mean=(("seed", "agent", "latent_sample", "latent"), generator.normal(size=(SEEDS, 2 * CELLS, 4, 3))),
        traffic_mask=(("seed", "mask_step", "cell", "slice"), generator.random((SEEDS, 5, CELLS, 2))),
    )
    dataset.source_cell.loc[{"policy": "transfer_most"}] = [[2, 3, 2], [2, 1, 1]]
    dataset.source_cell.loc[{"policy": "transfer_least"}] = [[3, 1, 1], [3, 0, 2]]
    return Comparison(dataset)


@pytest.fixture
def paired(file: Any) -> Comparison:
    """Return a study of three seeds and five cells, all of whose pairs were transferred."""
    generator = np.random.default_rng(1)
    distance = generator.uniform(1.0, 100.0, (3, 5, 5))
    dataset = file.build(
        {"drl": generator.uniform(0.2, 0.8, (3, STEPS, 5))},
        PAIRED_GROUPS,
        distance=(("seed", "source", "target"), distance),
        pair_reward=(("seed", "gain_step", "source", "target"), generator.random((3, 2, 5, 5))),
        gain_step=(("gain_step",), [2, 4]),
    )
    return Comparison(dataset.set_coords("gain_step"))


@pytest.fixture
def axes() -> Axes:
    """Return empty axes."""
    return Figure().subplots()


def lines_of(figure: Figure, panel: int = 0) -> dict[str, np.ndarray]:
    """Return the points (M, 2) of the labelled lines of a panel."""
    lines = figure.axes[panel].lines
    return {str(line.get_label()): np.asarray(line.get_xydata()) for line in lines if line.get_label()[0] != "_"}


def words_of(axes: Axes) -> tuple[str, str, str]:
    """Return what stands at the axes and above."""
    return axes.get_xlabel(), axes.get_ylabel(), axes.get_title()


def test_satisfaction_draws_each_policys_smallest_satisfaction(known: Comparison) -> None:
    figure = figures.satisfaction(known)
    lines = lines_of(figure)
    assert len(lines) == 8
    for policy in known.policies:
        x, share = lines[known.label(policy)].T
        worst = known.dataset.throughput_satisfaction.sel(policy=policy).min("slice").values.ravel()
        np.testing.assert_allclose(x[:-1], np.sort(worst))
        np.testing.assert_allclose(share[:-1], [np.mean(worst >= value) for value in x[:-1]])
        assert share[-1] == 0.0
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_label()[0] == "_"] == [0.95]
    assert words_of(figure.axes[0])[0] == "smallest throughput satisfaction of the slices, x"


def test_delay_draws_each_policys_largest_delay(known: Comparison) -> None:
    figure = figures.delay(known)
    for policy in known.policies:
        points = lines_of(figure)[known.label(policy)]
        largest = known.dataset.delay_ms.sel(policy=policy).max("slice").values.ravel()
        np.testing.assert_allclose(points[1:, 0], np.sort(largest))
        np.testing.assert_allclose(points[:, 1], np.linspace(0.0, 1.0, len(points)))
    assert figure.axes[0].get_xlabel() == "largest mean delay of the slices, x [ms]"
    assert figure.axes[0].get_xscale() == "log"


def test_lines_can_be_told_apart_by_colour_and_in_grey(known: Comparison) -> None:
    """Colours are Okabe and Ito's; two policies of one colour differ in pattern, two of one pattern in lightness."""
    palette = {style.BLACK, style.ORANGE, style.SKY, style.GREEN, style.BLUE, style.VERMILION, style.PURPLE, style.GREY}
    lines = [*style.LINES.values(), style.INFORMED_LINE]
    assert {line.colour for line in lines} == palette
    for first, second in combinations(lines, 2):
        light = [np.dot(to_rgb(line.colour), (0.2126, 0.7152, 0.0722)) for line in (first, second)]
        assert first.dashes != second.dashes or abs(light[0] - light[1]) > 0.07
    for figure in (figures.satisfaction(known), figures.delay(known)):
        colours = {str(line.get_label()): line.get_color() for line in figure.axes[0].lines}
        for policy, line in style.LINES.items():
            if known.has(policy):
                assert colours[known.label(policy)] == line.colour
        assert colours["counterfactual policy"] == style.PURPLE


def test_masks_are_one_cell_of_each_group(known: Comparison) -> None:
    figure = figures.masks(known)
    assert [axes.get_title() for axes in figure.axes] == ["cell 1", "cell 3"]
    for panel, cell in ((0, 0), (1, 2)):
        for number, name in enumerate(("slice1", "slice2")):
            points = lines_of(figure, panel)[name]
            np.testing.assert_array_equal(points[:, 0], np.arange(5))
            np.testing.assert_allclose(points[:, 1], known.dataset.traffic_mask.values[0, :, cell, number])
    assert words_of(figure.axes[1])[:2] == ("step", "active users / users")


@pytest.mark.parametrize("name", ["$x_1", "_hidden", "a$b$c", "<&>"])
def test_names_of_slices_are_drawn_as_they_are(known: Comparison, name: str, tmp_path: Path) -> None:
    dataset = known.dataset.assign_coords(slice=[name, "plain"])
    figure = figures.masks(Comparison(dataset))
    shown = [item.get_text() for item in figure.legends[0].get_texts()]
    assert [item.replace("\\$", "$").replace("\N{ZERO WIDTH SPACE}", "") for item in shown] == [name, "plain"]
    figure.savefig(tmp_path / "masks.png")


def test_final_draws_gaps_to_the_oracle_the_best_on_top(known: Comparison) -> None:
    figure = figures.final(known)
    (axes,) = figure.axes
    labels = [item.get_text() for item in axes.get_yticklabels()]
    gaps = {known.label(policy): known.estimate(known.oracle_gap(policy)) for policy in known.policies}
    del gaps["clairvoyant oracle"]
    assert labels == sorted(gaps, key=lambda label: -gaps[label].value)
    for row, (label, bar) in enumerate(zip(labels, axes.containers, strict=True)):
        line, _, (segments,) = bar.lines
        assert (line.get_xdata()[0], line.get_ydata()[0]) == pytest.approx((gaps[label].value, row))
        (ends,) = segments.get_segments()
        assert ends[:, 0] == pytest.approx([max(1e-4, gaps[label].low), min(1.0, gaps[label].high)])
    assert axes.get_xlim()[0] > axes.get_xlim()[1]  # better to the right
    assert axes.get_xlabel() == "mean reward below the oracle's"
    bar_of = dict(zip(labels, axes.containers, strict=True))
    assert to_hex(bar_of["counterfactual policy"].lines[0].get_color()).upper() == style.PURPLE
    assert to_hex(bar_of["DRL from scratch"].lines[0].get_color()).upper() == style.ORANGE


def test_distance_is_the_first_seeds_matrix_with_sources_down_and_a_dot_at_each_nearest(known: Comparison) -> None:
    figure = similarity_figures.distance(known)
    panel = figure.axes[0]
    np.testing.assert_array_equal(panel.images[0].get_array(), known.dataset.distance.values[0])
    assert panel.images[0].origin == "upper"
    # columns are targets: of target 1 the nearest other is source 2, of 2 source 3, of 3 source 2
    np.testing.assert_array_equal(panel.lines[0].get_xydata(), [[0, 1], [1, 2], [2, 1]])
    assert words_of(panel)[:2] == ("target cell", "source cell")
    assert [item.get_text() for item in panel.get_xticklabels()] == ["1", "2", "3"]
    assert figure.axes[1].get_ylabel() == "mean KL divergence [nat]"


def test_distance_waits_for_the_first_seed_that_has_one(known: Comparison) -> None:
    known.dataset.distance[0] = np.nan
    figure = similarity_figures.distance(Comparison(known.dataset))
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), known.dataset.distance.values[1])
    known.dataset.distance[1] = np.nan
    assert similarity_figures.distance(Comparison(known.dataset)) is None
    assert similarity_figures.latent(Comparison(known.dataset)) is None


def test_latent_space_is_projected_on_the_directions_of_most_variance() -> None:
    along = np.array([-3.0, -1.0, 1.0, 3.0])
    samples = np.stack([0.1 * along[::-1] ** 2, 0 * along, 5.0 + along], axis=-1)
    points, explained = similarity_figures.main_directions(samples)
    assert np.abs(points[:, 0]) == pytest.approx(np.abs(along))
    assert np.abs(points[:, 1]) == pytest.approx(0.4)
    assert explained == pytest.approx([20.0 / 20.64, 0.64 / 20.64])


def test_latent_samples_are_marked_by_network_and_group(known: Comparison) -> None:
    figure = similarity_figures.latent(known)
    points, _ = similarity_figures.main_directions(known.dataset.latent_mean.values[0].astype(float))
    expected = {"source": {1: points[[0, 1]], 2: points[[2]]}, "target": {1: points[[3, 4]], 2: points[[5]]}}
    lines = lines_of(figure)
    assert len(lines) == 4
    for network, of_groups in expected.items():
        for group, those in of_groups.items():
            np.testing.assert_allclose(lines[f"{network} cells, group {group}"], those.reshape(-1, 2))
    assert {line.get_marker() for line in figure.axes[0].lines} == {"o", "^"}


def test_few_far_samples_do_not_press_the_others_into_a_corner(known: Comparison) -> None:
    latent = np.random.default_rng(3).normal(size=(SEEDS, 2 * CELLS, 100, 3))
    latent[0, 0, 0] = 1e3
    dataset = known.dataset.drop_vars("latent_mean")
    dataset["latent_mean"] = (("seed", "agent", "latent_sample", "latent"), latent)
    (panel,) = similarity_figures.latent(Comparison(dataset)).axes
    assert panel.get_xlim()[1] - panel.get_xlim()[0] < 20.0
    assert " of 600 outside the frame" in panel.get_title()


def test_gains_stand_over_the_distance_to_the_source_that_was_given(known: Comparison) -> None:
    figure = similarity_figures.gain(known)
    distance = known.dataset.distance.values
    # of both seeds and all targets, sources counted from 1; where none was taken, no point
    given = {
        "transfer_most": [distance[0, 1, 0], distance[0, 2, 1], distance[0, 1, 2], *distance[1, [1, 0, 0], [0, 1, 2]]],
        "transfer_least": [distance[0, 2, 0], distance[0, 0, 1], distance[0, 0, 2], distance[1, 2, 0], np.nan,
                           distance[1, 1, 2]],
    }  # fmt: skip
    for panel, gain in ((0, known.early_gain_percent), (1, known.final_gain_percent)):
        lines = lines_of(figure, panel)
        for policy, x in given.items():
            np.testing.assert_allclose(lines[known.label(policy)], np.stack([x, gain(policy).ravel()], axis=1))
    assert [axes.get_title().split(":")[0] for axes in figure.axes] == ["first 2 steps", "last 3 steps"]
    assert figure.axes[1].get_xlabel() == "distance to the source [nat]"
    assert [axes.get_ylabel() for axes in figure.axes] == ["gain over DRL [%]"] * 2


def test_gains_of_pairs_stand_over_their_distance_by_requirements(paired: Comparison) -> None:
    figure = similarity_figures.gain(paired)
    gains = paired.pair_gains_percent
    for panel, step in ((0, 0), (1, 1)):
        drawn = {
            name: {tuple(point) for point in points[np.isfinite(points).all(axis=1)]}
            for name, points in lines_of(figure, panel).items()
        }
        pairs = {"same requirements": [], "other requirements": []}
        for i, j in permutations(range(5), 2):
            pairs["same requirements" if PAIRED_GROUPS[i] == PAIRED_GROUPS[j] else "other requirements"].append((i, j))
        assert [len(cells) for cells in pairs.values()] == [8, 12]
        for name, cells in pairs.items():
            expected = {
                (paired.dataset.distance.values[seed, i, j], gains[seed, step, i, j])
                for seed in range(3)
                for i, j in cells
            }
            np.testing.assert_allclose(sorted(drawn[name]), sorted(expected))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["step 2", "step 4"]
    paper = paired.orderings["distance"]
    for bar, estimates in zip(figure.axes[2].containers, (paper.every, paper.within), strict=True):
        assert np.isfinite([item.value for item in estimates]).all()
        np.testing.assert_allclose(bar.lines[0].get_xydata(), [[2, estimates[0].value], [4, estimates[1].value]])


def test_gaps_below_the_axis_stay_at_its_end(known: Comparison) -> None:
    known.dataset.reward.loc[{"policy": "drl"}] = 0.95  # above the oracle's
    (axes,) = figures.final(Comparison(known.dataset)).axes
    labels = [item.get_text() for item in axes.get_yticklabels()]
    assert axes.containers[labels.index("DRL from scratch")].lines[0].get_xdata()[0] == 1e-4


def test_ordering_draws_every_distance_from_the_top(paired: Comparison) -> None:
    figure = similarity_figures.ordering(paired)
    (panel,) = figure.axes
    names = [item.get_text() for item in panel.get_yticklabels()]
    assert names == ["mean KL", "relative KL"]
    np.testing.assert_array_equal(panel.get_yticks(), [1, 0])
    for bar, step, shift in zip(panel.containers, (0, 1), (0.15, -0.15), strict=True):
        values = [item.within[step].value for item in paired.orderings.values()]
        assert np.isfinite(values).all()
        np.testing.assert_allclose(bar.lines[0].get_xydata(), np.stack([values, np.array([1, 0]) + shift], axis=1))
    assert [bar.get_label() for bar in panel.containers] == ["step 2", "step 4"]


def test_figures_without_their_data_are_left_out(known: Comparison, paired: Comparison, tmp_path: Path) -> None:
    written = figures.write_all(known, tmp_path / "figures")
    names = ["learning", "traffic_masks", "satisfaction", "delay", "distance", "latent", "gain", "final"]
    assert [item.link for item in written] == [f"figures/{name}.png" for name in names]
    assert all(item.path.read_bytes().startswith(b"\x89PNG") for item in written)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(f"{name}.png" for name in names)
    empty = Comparison(known.dataset.drop_vars(["reward", "distance", "latent_mean", "traffic_mask"]))
    assert figures.write_all(empty, tmp_path / "none") == []
    assert [item.path.stem for item in figures.write_all(paired, tmp_path / "pairs")] == [
        "learning", "satisfaction", "delay", "distance", "gain", "ordering",
    ]  # fmt: skip


def test_captions_name_the_interval_that_is_drawn(file: Any, tmp_path: Path) -> None:
    drawn = {"equal_split": 0.5, "oracle": 0.9}
    few, enough = "mean with its 95 % Student's t interval", "with its 95 % stratified bootstrap interval"
    for seeds, words, band in (
        (2, few, "without its interval"),
        (3, few, "the band its 95 % Student's t interval"),
        (10, enough, "the band its 95 % bootstrap interval"),
    ):
        rewards = {name: np.full((seeds, STEPS, CELLS), value) for name, value in drawn.items()}
        written = figures.write_all(Comparison(file.build(rewards, [0, 0, 1])), tmp_path / str(seeds))
        captions = {item.path.stem: item.caption for item in written}
        assert words in captions["final"]
        assert f"mean over seeds, {band}" in captions["learning"]


def test_studies_without_a_gain_are_drawn_too(known: Comparison, paired: Comparison, tmp_path: Path) -> None:
    """Agents that earn nothing have no relative gain, and an oracle like all others leaves no gap."""
    for number, comparison in enumerate((known, paired)):
        dataset = comparison.dataset
        dataset["reward"] = 0.0 * dataset.reward
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawn = {item.path.stem for item in figures.write_all(Comparison(dataset), tmp_path / str(number))}
        assert "gain" not in drawn
        assert {"learning", "satisfaction", "distance", "final" if number == 0 else "ordering"} <= drawn


def test_one_seed_is_drawn_without_intervals(known: Comparison, paired: Comparison, tmp_path: Path) -> None:
    for number, (comparison, count) in enumerate(((known, 8), (paired, 6))):
        one = Comparison(comparison.dataset.isel(seed=[0]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(figures.write_all(one, tmp_path / str(number))) == count


def test_figures_are_the_same_twice_and_leave_the_style_alone(
    known: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "DRAWINGS", [item for item in figures.DRAWINGS if item.name in ("learning", "final")])
    before = mpl.rcParams["font.size"]
    first, second = (figures.write_all(known, tmp_path / name) for name in ("a", "b"))
    assert [item.path.read_bytes() for item in first] == [item.path.read_bytes() for item in second]
    assert mpl.rcParams["font.size"] == before
