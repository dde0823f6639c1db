"""The first figure of a study: who pays what, from the first step on the target network to the last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from slicefast import plot
from slicefast.study.comparison import Comparison
from slicefast.study.evidence import FEWEST_SEEDS
from slicefast.study.intervals import SHARE, Estimate, band, parts_of
from slicefast.study.style import INFORMED_LINE, LINES, WIDE, Line, legend_above, new_figure
from slicefast.units import Float64

_LONGEST_WINDOW = 200  # steps of the running mean of rewards
#: Rewards that the axis names, and the one where it ends: above it nothing can be told apart.
_TICKS, _TOP = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998), 0.999
#: Only the most and the least similar source of one setting would make four lines that lie on each other.
_LEFT_OUT = ("transfer_least", "transfer_least_ours")


def shown(comparison: Comparison) -> list[tuple[str, Line]]:
    """Return the policies that get a line in the first figure, in the legend's order."""
    found = [(name, line) for name, line in LINES.items() if comparison.has(name) and name not in _LEFT_OUT]
    return found + [(name, INFORMED_LINE) for name in comparison.of_family("informed")[:1]]


def label(comparison: Comparison, policy: str) -> str:
    """Return what the first figure calls a policy: it says which are as published where both settings are shown."""
    published = comparison.has(f"{policy}_ours")
    return f"{comparison.label(policy)}, as published" if published else comparison.label(policy)


def running_mean(values: Float64, window: int) -> Float64:
    """Return the running mean along the last axis, over full windows only."""
    total = np.cumsum(np.concatenate([np.zeros((*values.shape[:-1], 1)), values], axis=-1), axis=-1)
    return np.asarray((total[..., window:] - total[..., :-window]) / window)


def learning(comparison: Comparison) -> Figure | None:
    """Draw the reward of policies over the steps on the target network, and below what each one pays."""
    policies = shown(comparison)
    if not policies:
        return None
    steps = comparison.learning_steps
    window = max(1, min(_LONGEST_WINDOW, steps // 20))
    paid = [(policy, line) for policy, line in policies if policy != "oracle"]
    regrets = {policy: comparison.estimate(comparison.regret(policy, steps), (-steps, steps)) for policy, _ in paid}
    known = any(np.isfinite(item.value) for item in regrets.values())
    rows = len(paid) if known else 0
    height = 3.2 + 0.15 * rows
    ratios = (2.0, 0.15 * rows) if rows else (1.0,)
    figure, panels = new_figure(height, rows=len(ratios), width=WIDE, height_ratios=ratios)
    draw_rewards(comparison, panels[0], policies, steps, window)
    legend_above(figure, panels[0], columns=2)
    if rows:
        paid.sort(key=lambda item: -regrets[item[0]].value)
        draw_regrets(panels[1], [regrets[policy] for policy, _ in paid], [line.colour for _, line in paid])
        panels[1].set_yticks(range(rows), [label(comparison, policy) for policy, _ in paid])
        panels[1].set_xlabel(f"regret to step {steps} [steps of full reward]")
    return figure


def draw_rewards(
    comparison: Comparison, axes: Axes, policies: Sequence[tuple[str, Line]], steps: int, window: int
) -> None:
    """Draw a curve per policy on an axis on which what is missing to full reward is logarithmic.

    Parameters
    ----------
    comparison : Comparison
        The results.
    axes : Axes
        Into which it is drawn.
    policies : sequence of (str, Line)
        Which, and how they look.
    steps : int
        How many are drawn.
    window : int
        Of the running mean.
    """
    for policy, line in policies:
        per_seed = comparison.rewards(policy).mean(axis=2)
        if policy == "oracle":
            level = float(per_seed[np.isfinite(per_seed)].mean())
            axes.axhline(min(level, _TOP), **line.named(label(comparison, policy)))
            continue
        finished = per_seed[np.isfinite(per_seed[:, -1])][:, :steps]
        draw_curve(axes, finished, window, line, label(comparison, policy))
    axes.set_yscale("function", functions=(missing_decades, reward_of_decades))
    axes.yaxis.set_major_locator(FixedLocator(_TICKS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("step on the target network")
    axes.set_ylabel(f"mean reward\n(mean of {window} steps,\nlogarithmic in what is lost)")
    axes.set_xlim(0, steps)
    axes.set_ylim(top=_TOP)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def missing_decades(reward: Float64) -> Float64:
    """Return -log10(1 - r), and of rewards above the axis its end."""
    return -np.log10(1.0 - np.minimum(reward, _TOP))


def reward_of_decades(decades: Float64) -> Float64:
    """Return the reward 1 - 10^-d."""
    return 1.0 - 10.0 ** -np.asarray(decades, dtype=np.float64)


def draw_curve(axes: Axes, rewards: Float64, window: int, line: Line, label: str) -> None:
    """Draw the middle over seeds of the running mean of rewards (K, steps), its 95 % interval as a band.

    Of fewer seeds than decide anything the bands of all lines would cover each other: there is none.
    """
    curves = running_mean(rewards, window)
    every = slice(0, None, max(1, window // 4))
    steps = (np.arange(curves.shape[1]) + window)[every]
    middle, low, high = (np.minimum(part, _TOP) for part in band(curves[:, every], limits=SHARE))
    if len(curves) < FEWEST_SEEDS:
        low = high = middle
    plot.line(steps, middle, low, high, axes, **line.named(label))


def draw_regrets(axes: Axes, regrets: Sequence[Estimate], colours: Sequence[str]) -> BarContainer:
    """Draw one bar per regret, from the bottom, with its interval, and its number behind."""
    value, low, high = parts_of(regrets)
    error = np.nan_to_num(np.maximum([value - low, high - value], 0.0))
    style = {"elinewidth": 0.8, "ecolor": "#444444"}
    bars = axes.barh(np.arange(value.size), value, xerr=error, color=colours, height=0.7, error_kw=style)
    most = float(np.nanmax(value + error[1]))
    for row, (item, over) in enumerate(zip(value, error[1], strict=True)):
        axes.annotate(
            f"{item:,.0f}", (item + over, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=6.5
        )
    axes.set_xlim(min(0.0, float(np.nanmin(value))), 1.12 * most or 1.0)  # where nobody lost anything
    axes.set_ylim(-0.6, value.size - 0.4)
    axes.tick_params(axis="y", labelsize=6.5)
    axes.grid(visible=False, axis="y")
    return bars
