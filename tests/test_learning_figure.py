"""The first figure: what its lines and bars hold, and that nothing of it depends on what is not finished."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from slicefast.study import learning_figure, style
from slicefast.study.comparison import Comparison
from slicefast.study.intervals import Estimate, band
from slicefast.study.learning_figure import label

NAMES = ("equal_split", "traffic_aware", "max_min_rule", "oracle", "drl", "drl_ours", "transfer_most", "transfer_least")


@pytest.fixture
def known(reference: Callable[[str], ModuleType]) -> Comparison:
    """Return a study of two seeds and three cells, its oracle 0.9 throughout, its traffic's cycle two steps."""
    generator = np.random.default_rng(0)
    rewards = {name: generator.uniform(0.2, 0.8, (2, 10, 3)) for name in (*NAMES, "counterfactual")}
    rewards["oracle"] = np.full((2, 10, 3), 0.9)
    return Comparison(reference("result_file").build(rewards, [0, 0, 1], cycle_steps=(("seed",), [2, 2])))


@pytest.fixture
def axes() -> Axes:
    """Return empty axes."""
    return Figure().subplots()


def lines_of(figure: Figure) -> dict[str, np.ndarray]:
    """Return the points (M, 2) of the labelled lines of the curves."""
    return {str(line.get_label()): np.asarray(line.get_xydata()) for line in figure.axes[0].lines}


def test_curves_run_from_the_first_step_to_the_last_that_learns(known: Comparison) -> None:
    """7 learning steps make a window of one; the least similar source is not shown."""
    figure = learning_figure.learning(known)
    assert figure is not None
    lines = lines_of(figure)
    shown = [name for name in (*NAMES, "counterfactual") if name != "transfer_least"]
    assert list(lines) == [label(known, name) for name in shown]
    for policy in set(shown) - {"oracle"}:
        points = lines[label(known, policy)]
        np.testing.assert_array_equal(points[:, 0], np.arange(1, 8))
        per_seed = known.dataset.reward.sel(policy=policy).mean("cell").values
        np.testing.assert_allclose(points[:, 1], per_seed[:, :7].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(lines["clairvoyant oracle"][:, 1], 0.9, rtol=1e-6)
    assert figure.axes[0].get_ylabel() == "mean reward\n(mean of 1 steps,\nlogarithmic in what is lost)"
    assert figure.axes[0].get_xlim() == (0.0, 7.0)
    assert [item.get_text() for item in figure.legends[0].get_texts()] == list(lines)


def test_bars_are_regrets_the_least_on_top(known: Comparison) -> None:
    figure = learning_figure.learning(known)
    assert figure is not None
    bars = figure.axes[1]
    labels = [item.get_text() for item in bars.get_yticklabels()]
    shown = [name for name in (*NAMES, "counterfactual") if name not in ("transfer_least", "oracle")]
    paid = {label(known, name): float(7 * 0.9 - known.rewards(name)[:, :7].sum(axis=1).mean()) for name in shown}
    groups = {label(known, name): known.estimate(known.regret(name, 7)).value for name in shown}
    assert labels == sorted(groups, key=lambda name: -groups[name])
    widths = [bar.get_width() for bar in bars.patches]
    np.testing.assert_allclose(widths, [groups[name] for name in labels])
    # Groups of two cells and of one count alike, so it is not quite the mean over the cells.
    assert all(abs(paid[name] - groups[name]) < 0.5 for name in labels)
    assert [text.get_text() for text in bars.texts] == [f"{width:,.0f}" for width in widths]
    assert bars.get_xlabel() == "regret to step 7 [steps of full reward]"
    assert to_hex(bars.patches[labels.index("max-min rule")].get_facecolor()).upper() == style.VERMILION


def test_without_a_cycle_of_the_oracle_there_are_curves_alone(known: Comparison) -> None:
    known.dataset.reward.loc[{"policy": "oracle"}][:, :7] = np.nan
    figure = learning_figure.learning(Comparison(known.dataset))
    assert figure is not None
    assert len(figure.axes) == 1
    assert learning_figure.learning(Comparison(known.dataset.drop_vars("reward"))) is None


def test_seeds_that_are_not_finished_are_not_drawn(known: Comparison) -> None:
    known.dataset.reward.loc[{"policy": "drl", "seed": 1}] = np.nan
    known.dataset.reward.loc[{"policy": "oracle", "seed": 0}] = np.nan
    figure = learning_figure.learning(Comparison(known.dataset))
    assert figure is not None
    expected = known.dataset.reward.sel(policy="drl", seed=0).mean("cell").values[:7]
    np.testing.assert_allclose(lines_of(figure)["DRL from scratch, as published"][:, 1], expected, rtol=1e-6)


def test_curve_is_the_running_mean_with_its_band(axes: Axes) -> None:
    rewards = np.random.default_rng(2).random((5, 24))
    learning_figure.draw_curve(axes, rewards, 8, style.Line(style.SKY), "x")
    (line,) = axes.lines
    steps = np.arange(8, 25, 2)
    means = np.stack([rewards[:, step - 8 : step].mean(axis=1) for step in steps], axis=1)
    middle, low, high = band(means)
    np.testing.assert_array_equal(line.get_xdata(), steps)
    np.testing.assert_allclose(line.get_ydata(), middle)
    (shade,) = axes.collections
    edge = np.asarray(shade.get_paths()[0].vertices)
    for step, bottom, top in zip(steps, low, high, strict=True):
        heights = edge[edge[:, 0] == step, 1]
        assert (heights.min(), heights.max()) == pytest.approx((bottom, top))
    assert to_hex(shade.get_facecolor()[0]).upper() == style.SKY == line.get_color()


def test_curve_of_too_few_seeds_has_no_band_which_would_hide_the_others(axes: Axes) -> None:
    rewards = np.random.default_rng(2).random((2, 24))
    learning_figure.draw_curve(axes, rewards, 8, style.Line(style.SKY), "x")
    (line,), (shade,) = axes.lines, axes.collections
    edge = np.asarray(shade.get_paths()[0].vertices)
    for step, middle in zip(line.get_xdata(), line.get_ydata(), strict=True):
        assert edge[edge[:, 0] == step, 1] == pytest.approx(middle)


def test_window_of_rewards_is_never_wider_than_200_steps(reference: Any) -> None:
    rewards = {"drl": np.full((2, 5010, 2), 0.5)}
    numbers = {"exploration_steps": 100, "train_steps": 4900, "evaluation_steps": 10}
    figure = learning_figure.learning(Comparison(reference("result_file").build(rewards, [0, 1], protocol=numbers)))
    assert figure is not None
    assert figure.axes[0].get_ylabel() == "mean reward\n(mean of 200 steps,\nlogarithmic in what is lost)"
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), np.arange(200, 5001, 50))


def test_the_axis_stretches_what_is_missing() -> None:
    """0.9 lies as far above 0 as 0.99 above 0.9; above its end everything is at its end."""
    decades = learning_figure.missing_decades(np.array([0.0, 0.9, 0.99, 0.9995, 1.0]))
    assert decades[:3] == pytest.approx([0.0, 1.0, 2.0])
    assert decades[3] == decades[4] == pytest.approx(3.0)
    np.testing.assert_allclose(learning_figure.reward_of_decades(decades[:3]), [0.0, 0.9, 0.99], atol=1e-12)


def test_regrets_below_nothing_are_drawn_too(axes: Axes) -> None:
    """A policy may earn more than the oracle, which is greedy."""
    learning_figure.draw_regrets(axes, [Estimate(50.0, 40.0, 60.0), Estimate(-3.0, -5.0, -1.0)], [style.BLUE] * 2)
    assert [bar.get_width() for bar in axes.patches] == [50.0, -3.0]
    assert axes.get_xlim()[0] == -3.0
    assert [text.get_text() for text in axes.texts] == ["50", "-3"]
