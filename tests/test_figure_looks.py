"""How figures look: words, limits, marks and colours of every panel, each expected by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from slicefast.colours import SLICE_COLOURS
from slicefast.study import figures, similarity_figures, style
from slicefast.study.comparison import Comparison
from slicefast.study.intervals import Estimate

NAMES = ("equal_split", "traffic_aware", "oracle", "drl", "transfer_most", "transfer_least", "counterfactual")
LABELS = [
    "equal split", "traffic-aware baseline", "clairvoyant oracle", "DRL from scratch", "transfer, most similar source",
    "transfer, least similar source", "counterfactual policy",
]  # fmt: skip


@pytest.fixture
def file(reference: Callable[[str], ModuleType]) -> Any:
    """Return the builder of result files."""
    return reference("result_file")


def study(file: Any, protocol: dict[str, int] | None = None, groups: tuple[int, ...] = (0, 0, 1), **other: Any) -> Any:
    """Return the result file of two seeds; policy number p earns 0.1 (p + 1) + 0.001 t in step t."""
    numbers = {**file.PROTOCOL, **(protocol or {})}
    steps = numbers["exploration_steps"] + numbers["train_steps"] + numbers["evaluation_steps"]
    curve = 0.001 * np.arange(steps)[None, :, None] + np.zeros((2, 1, len(groups)))
    rewards = {name: 0.1 * (number + 1) + curve for number, name in enumerate(NAMES)}
    return file.build(rewards, groups, protocol=protocol, **other)


def words(axes: Axes) -> tuple[str, str, str]:
    """Return what stands below, beside and above."""
    return axes.get_xlabel(), axes.get_ylabel(), axes.get_title()


def legend(figure: Figure) -> list[str]:
    """Return the legend's entries."""
    return [item.get_text() for item in figure.legends[0].get_texts()]


def marks(axes: Axes) -> list[Line2D]:
    """Return the lines that the legend does not name."""
    return [line for line in axes.lines if str(line.get_label()).startswith("_")]


def looks_like(line: Line2D, mark: dict[str, Any]) -> bool:
    """Whether a line has the colour and width of a mark."""
    return to_hex(line.get_color()).upper() == mark["color"].upper() and line.get_linewidth() == mark["linewidth"]


def test_masks_share_their_axes_and_say_what_they_hold(file: Any) -> None:
    mask = np.random.default_rng(0).random((2, 6, 3, 5))
    variables = {"traffic_mask": (("seed", "mask_step", "cell", "slice"), mask)}
    dataset = study(file, slices=("a", "b", "c", "d", "e"), **variables)
    figure = figures.masks(Comparison(dataset))
    first, second = figure.axes
    assert words(first) == ("", "active users / users", "cell 1")
    assert words(second) == ("step", "active users / users", "cell 3")
    assert first.get_ylim() == second.get_ylim() == (0.0, 1.02)
    assert first.get_shared_x_axes().joined(first, second)
    assert first.get_shared_y_axes().joined(first, second)
    assert figure.get_size_inches() == pytest.approx([style.COLUMN_IN, 3.1])
    assert legend(figure) == ["a", "b", "c", "d", "e"]
    assert figure.legends[0]._ncols == 4
    assert [line.get_color() for line in first.lines] == list(SLICE_COLOURS[:5])
    assert [line.is_dashed() for line in first.lines] == [False, True, True, True, False]


@pytest.mark.parametrize(("groups", "cells"), [((0, 0, 0), [1, 3]), ((0,), [1]), ((2, 1, 0), [3, 2])])
def test_masks_are_of_two_cells_where_there_are_two(file: Any, groups: tuple[int, ...], cells: list[int]) -> None:
    """The first of the first two groups; of one group the first and the last cell."""
    mask = np.random.default_rng(0).random((2, 6, len(groups), 2))
    dataset = study(file, groups=groups, traffic_mask=(("seed", "mask_step", "cell", "slice"), mask))
    figure = figures.masks(Comparison(dataset))
    assert [axes.get_title() for axes in figure.axes] == [f"cell {cell}" for cell in cells]
    for axes, cell in zip(figure.axes, cells, strict=True):
        np.testing.assert_array_equal(axes.lines[1].get_ydata(), mask[0, :, cell - 1, 1])
    assert figure.legends[0]._ncols == 2


def test_satisfaction_shows_what_lies_below_the_worst_policys_share(file: Any) -> None:
    """DRL meets 0.95 in 11 of its 18 cell-steps (0.61), the transfer in 14: the axis begins at 0.5."""
    met = np.ones((2, 3, 3, 2))
    met[..., 0].flat[:7] = 0.9
    half = np.ones((2, 3, 3, 2))
    half[..., 1].flat[:4] = 0.6
    dataset = study(file, satisfaction={"drl": met, "transfer_most": half})
    figure = figures.satisfaction(Comparison(dataset))
    (axes,) = figure.axes
    assert words(axes) == (
        "smallest throughput satisfaction of the slices, x", "share of cell-steps with at least x", "",
    )  # fmt: skip
    assert (axes.get_xlim(), axes.get_ylim()) == ((0.5, 0.999), (0.5, 1.005))
    (mark,) = marks(axes)
    assert looks_like(mark, style.VALUE_MARK)
    assert legend(figure) == LABELS
    none = study(file, satisfaction={"drl": 0.0})
    assert figures.satisfaction(Comparison(none)).axes[0].get_ylim() == (0.0, 1.005)


def test_distributions_of_delay_end_at_one(file: Any) -> None:
    figure = figures.delay(Comparison(study(file)))
    (axes,) = figure.axes
    assert words(axes) == ("largest mean delay of the slices, x [ms]", "share of cell-steps with at most x", "")
    assert axes.get_ylim() == (0.0, 1.02)
    assert legend(figure) == LABELS


def test_final_has_a_row_per_policy_with_a_bar(file: Any) -> None:
    comparison = Comparison(study(file).sel(policy=["oracle", "equal_split", "traffic_aware"]))
    figure = figures.final(comparison)
    (axes,) = figure.axes
    assert figure.get_size_inches() == pytest.approx([style.WIDE * style.COLUMN_IN, 0.6 + 0.16 * 2])
    assert words(axes) == ("mean reward below the oracle's", "", "")
    assert axes.get_ylim() == (-0.6, 1.6)
    assert axes.get_xscale() == "log"
    assert {item.get_fontsize() for item in axes.get_yticklabels()} == {6.5}
    assert [to_hex(bar.lines[0].get_color()).upper() for bar in axes.containers] == [style.GREY, style.BLACK]
    for bar in axes.containers:
        assert (bar.lines[0].get_marker(), len(bar.lines[1])) == ("o", 2)
    assert figures.final(Comparison(comparison.dataset.sel(policy=["oracle"]))) is None
    assert figures.final(Comparison(comparison.dataset.sel(policy=["equal_split"]))) is None


def test_distances_are_an_image_on_a_logarithmic_scale_with_few_ticks(file: Any) -> None:
    cells = 25
    distance = 1.0 + np.random.default_rng(0).random((2, cells, cells))
    dataset = study(file, groups=(0,) * cells, distance=(("seed", "source", "target"), distance))
    figure = similarity_figures.distance(Comparison(dataset))
    axes, bar = figure.axes
    assert words(axes) == ("target cell", "source cell", "dot: the most similar other cell")
    assert bar.get_ylabel() == "mean KL divergence [nat]"
    (image,) = axes.images
    assert isinstance(image.norm, LogNorm)
    assert image.get_cmap().name == "cividis_r"
    for labels, ticks in ((axes.get_xticklabels(), axes.get_xticks()), (axes.get_yticklabels(), axes.get_yticks())):
        assert [item.get_text() for item in labels] == [str(1 + tick) for tick in range(0, cells, 2)]
        assert list(ticks) == list(range(0, cells, 2))
    assert not any(line.get_visible() for line in axes.get_xgridlines())
    (dots,) = axes.lines
    assert (dots.get_color(), dots.get_linestyle(), dots.get_marker()) == ("white", "None", "o")
    assert figure.get_size_inches()[1] == 3.2


def test_ticks_of_distances_are_written_out(file: Any) -> None:
    distance = np.array([[[10.0, 2000.0, 30.0], [40.0, 10.0, 60.0], [70.0, 80.0, 20000.0]]] * 2)
    dataset = study(file, distance=(("seed", "source", "target"), distance))
    _, bar = similarity_figures.distance(Comparison(dataset)).axes
    assert bar.yaxis.get_major_formatter()(20000.0, 0) == "20k"
    assert bar.get_ylim() == pytest.approx((10.0, 20000.0))


def test_latent_space_names_its_directions_and_frames_its_centre(file: Any) -> None:
    latent = np.zeros((2, 6, 50, 2))
    generator = np.random.default_rng(1)
    latent[0] = generator.normal(size=(6, 50, 2)) * [3.0, 1.0]
    latent[0] -= latent[0].mean(axis=(0, 1))
    dataset = study(
        file,
        latent_mean=(("seed", "agent", "latent_sample", "latent"), latent),
        distance=(("seed", "source", "target"), np.ones((2, 3, 3))),
    )
    figure = similarity_figures.latent(Comparison(dataset))
    (axes,) = figure.axes
    points, explained = similarity_figures.main_directions(latent[0])
    flat = points.reshape(-1, 2)
    outside = 0
    for axis, ends in enumerate((axes.get_xlim(), axes.get_ylim())):
        low, high = np.percentile(flat[:, axis], [0.5, 99.5])
        margin = 0.1 * (high - low)
        assert ends == pytest.approx((low - margin, high + margin))
    inside = [(axes.get_xlim()[0] <= x <= axes.get_xlim()[1]) and (axes.get_ylim()[0] <= y <= axes.get_ylim()[1])
              for x, y in flat]  # fmt: skip
    outside = inside.count(False)
    assert words(axes) == (
        f"main direction ({100 * explained[0]:.0f} % of variance)",
        f"second direction ({100 * explained[1]:.0f} %)",
        "default-action samples" + (f", {outside} of 300 outside the frame" if outside else ""),
    )
    assert legend(figure) == [f"{network} cells, group {group}" for network in ("source", "target") for group in (1, 2)]
    looks = [(line.get_marker(), line.get_color(), line.get_markersize()) for line in axes.lines]
    expected = [("o", style.BLUE), ("o", style.VERMILION), ("^", style.BLUE), ("^", style.VERMILION)]
    assert looks == [(*look, 2.5) for look in expected]
    assert {line.get_linestyle() for line in axes.lines} == {"None"}
    assert figure.legends[0].markerscale == 2
    assert figure.get_size_inches()[1] == 3.1


def test_samples_outside_the_frame_are_counted_once_each() -> None:
    """Of 1001 points on a diagonal with steps of 1 the frame leaves half a percent out at either end, less a margin."""
    axes = Figure().subplots()
    points = np.repeat(np.concatenate([np.arange(999.0), [9e9, -9e9]])[:, None], 2, axis=1)
    assert similarity_figures._zoom(axes, points) == 2
    low, high = np.percentile(points[:, 0], [0.5, 99.5])
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx((1.1 * low - 0.1 * high, 1.1 * high - 0.1 * low))


def test_gains_name_their_steps_and_how_they_rank(file: Any) -> None:
    """Targets gain the more the nearer their source: in every seed the rank correlation is -1."""
    distance = np.array([[[0.1, 2.0, 3.0], [1.0, 0.1, 6.0], [4.0, 5.0, 0.1]]] * 2)
    dataset = study(file, distance=(("seed", "source", "target"), distance))
    dataset.source_cell.loc[{"policy": "transfer_most"}] = [2, 1, 1]  # at distances 1, 2, 3
    dataset.source_cell.loc[{"policy": "transfer_least"}] = [3, 3, 2]  # 4, 5, 6
    for name, distances in (("transfer_most", (1.0, 2.0, 3.0)), ("transfer_least", (4.0, 5.0, 6.0))):
        dataset.reward.loc[{"policy": name}] = 0.9 - 0.1 * np.array(distances)
    figure = similarity_figures.gain(Comparison(dataset))
    early, final = figure.axes
    assert words(early) == ("", "gain over DRL [%]", "first 2 steps: rank correlation -1.00")
    assert words(final) == ("distance to the source [nat]", "gain over DRL [%]", "last 3 steps: rank correlation -1.00")
    assert early.get_xscale() == final.get_xscale() == "log"
    assert early.get_shared_x_axes().joined(early, final)
    assert legend(figure) == LABELS[4:6]
    assert figure.legends[0]._ncols == 1
    assert figure.get_size_inches()[1] == 4.2
    for axes in figure.axes:
        most, least = axes.lines[:2]
        assert (most.get_marker(), most.get_color()) == ("o", style.BLUE)
        assert (least.get_marker(), least.get_color()) == ("^", style.SKY)
        assert most.get_markersize() == least.get_markersize() == 4.0
        (zero,) = marks(axes)
        assert list(zero.get_ydata()) == [0.0, 0.0]
        assert looks_like(zero, style.ZERO_MARK)
    without = Comparison(dataset.drop_sel(policy="transfer_least"))
    assert similarity_figures.gain(without) is None
    assert similarity_figures.gain(Comparison(dataset.drop_vars("distance"))) is None


@pytest.fixture
def paired(file: Any) -> Comparison:
    """Return a study of three seeds and four cells, all of whose pairs were transferred at three steps."""
    generator = np.random.default_rng(1)
    dataset = file.build(
        {"drl": generator.uniform(0.2, 0.8, (3, 10, 4))},
        [0, 0, 1, 1],
        distance=(("seed", "source", "target"), generator.uniform(1.0, 100.0, (3, 4, 4))),
        pair_reward=(("seed", "gain_step", "source", "target"), generator.random((3, 3, 4, 4))),
        gain_step=(("gain_step",), [2, 4, 8]),
    )
    return Comparison(dataset.set_coords("gain_step"))


def test_gains_of_pairs_are_three_panels(paired: Comparison) -> None:
    figure = similarity_figures.gain(paired)
    first, last, ranks = figure.axes
    assert words(first) == ("", "gain over DRL [%]", "step 2")
    assert words(last) == ("mean KL divergence, source to target [nat]", "gain over DRL [%]", "step 8")
    assert words(ranks) == ("step", "rank correlation", "")
    assert legend(figure) == ["same requirements", "other requirements"]
    assert [item.get_text() for item in ranks.get_legend().get_texts()] == ["all pairs", "within targets"]
    assert ranks.get_legend()._ncols == 2
    for axes in (first, last):
        looks = [(line.get_marker(), line.get_color(), line.get_markersize()) for line in axes.lines[:2]]
        assert looks == [("o", style.BLUE, 2.0), ("^", style.VERMILION, 2.0)]
        assert axes.get_xscale() == "log"
    for axes in figure.axes:
        zero = axes.lines[-1]
        assert list(zero.get_ydata()) == [0.0, 0.0]
        assert looks_like(zero, style.ZERO_MARK)
    assert ranks.get_xscale() == "log"
    assert [item.get_text() for item in ranks.get_xticklabels()] == ["2", "4", "8"]
    assert list(ranks.get_xticks()) == [2, 4, 8]
    assert list(ranks.xaxis.get_minorticklocs()) == []
    looks = [(bar.lines[0].get_marker(), to_hex(bar.lines[0].get_color()).upper()) for bar in ranks.containers]
    assert looks == [("s", style.GREY), ("o", style.BLUE)]


def test_bars_reach_from_one_end_of_the_interval_to_the_other() -> None:
    known, alone = Estimate(0.5, 0.2, 0.9), Estimate(0.1, np.nan, np.nan)
    axes = Figure().subplots()
    similarity_figures.draw_orderings(axes, [known, alone], [alone, known], ("a", "b"))
    first, second = axes.containers
    for bar, row in ((first, 1.15), (second, -0.15)):
        (segments,) = bar.lines[2]
        index = 0 if bar is first else 1
        np.testing.assert_allclose(segments.get_segments()[index], [[0.2, row], [0.9, row]])
        np.testing.assert_allclose(segments.get_segments()[1 - index][:, 0], [0.1, 0.1])
    looks = [(bar.lines[0].get_marker(), to_hex(bar.lines[0].get_color()).upper()) for bar in (first, second)]
    assert looks == [("o", style.BLUE), ("^", style.VERMILION)]
    assert {bar.lines[0].get_linestyle() for bar in (first, second)} == {"None"}
    (zero,) = [line for line in axes.lines if list(line.get_xdata()) == [0.0, 0.0]]
    assert looks_like(zero, style.ZERO_MARK)
    below = Figure().subplots()
    similarity_figures.draw_correlations(below, [3], [known], [alone])
    upright = below.containers[0]
    np.testing.assert_allclose(upright.lines[2][0].get_segments()[0], [[3, 0.2], [3, 0.9]])


def test_orderings_are_a_row_each(paired: Comparison) -> None:
    figure = similarity_figures.ordering(paired)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "rank correlation within targets"
    assert legend(figure) == ["step 2", "step 8"]
    assert figure.get_size_inches() == pytest.approx([style.COLUMN_IN, 0.9 + 0.26 * 2])
    assert similarity_figures.ordering(Comparison(paired.dataset.drop_vars("pair_reward"))) is None


def test_figures_are_as_wide_as_a_column_and_legends_stand_above() -> None:
    figure, axes = style.new_figure(2.0, rows=2, sharex=True)
    assert len(axes) == 2
    assert figure.get_size_inches() == pytest.approx([3.35, 2.0])
    assert figure.dpi == style.STYLE["savefig.dpi"]
    assert type(figure.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"
    axes[1].plot([1.0, 2.0], label="a")
    axes[0].plot([1.0, 2.0], label="b")
    axes[0].legend()
    style.legend_above(figure, axes[1])
    assert axes[0].get_legend() is None
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().y0 >= axes[0].get_window_extent().y1
