"""The figures on similarity: distances, the latent space, and whether a nearer source gains more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from slicefast import plot
from slicefast.colours import BLUE, GREY, VERMILION
from slicefast.study.comparison import DISTANCES, Comparison
from slicefast.study.intervals import Estimate, parts_of
from slicefast.study.ordering import nearest_sources
from slicefast.study.scores import rank_correlation_over_seeds
from slicefast.study.style import (
    DOTS,
    GROUP_COLOURS,
    LINES,
    POINTS,
    POINTS_LEGEND,
    ZERO_MARK,
    legend_above,
    logarithmic_x,
    new_figure,
    plain_ticks,
)
from slicefast.units import Bool, Float64, Int64

_MOST_TICKS = 12
_SHOWN_PERCENT = 99.0  # of the latent samples; the few beyond would press all others into a corner


def _first_seed(comparison: Comparison) -> int | None:
    """Return the first seed whose similarity is finished."""
    if "distance" not in comparison.dataset:
        return None
    measured = np.flatnonzero(np.isfinite(comparison.dataset.distance.values[:, 0, 0]))
    return int(measured[0]) if measured.size else None


def distance(comparison: Comparison) -> Figure | None:
    """Draw the distance matrix of the first seed that has one."""
    seed = _first_seed(comparison)
    if seed is None:
        return None
    figure, (axes,) = new_figure(3.2)
    image, _ = draw_distance(axes, comparison.dataset.distance.values[seed].astype(np.float64))
    axes.set(xlabel="target cell", ylabel="source cell", title="dot: the most similar other cell")
    bar = figure.colorbar(image, ax=axes, label="mean KL divergence [nat]", shrink=0.9)
    plain_ticks(bar.ax.yaxis, *bar.ax.get_ylim())
    return figure


def draw_distance(axes: Axes, matrix: Float64) -> tuple[AxesImage, Line2D]:
    """Draw distances (source, target) as an image, and the nearest other source of every target as a dot."""
    cells = np.arange(len(matrix))
    image = axes.imshow(matrix, cmap="cividis_r", norm=LogNorm())
    axes.grid(visible=False)
    ticks = cells[:: max(1, cells.size // _MOST_TICKS)]
    names = [str(cell + 1) for cell in ticks]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    (dots,) = axes.plot(cells, nearest_sources(matrix), **DOTS)
    return image, dots


def latent(comparison: Comparison) -> Figure | None:
    """Draw the latent means of the first seed that has them, on their two main directions."""
    seed = _first_seed(comparison)
    if seed is None or "latent_mean" not in comparison.dataset:
        return None
    figure, (axes,) = new_figure(3.1)
    points, explained = main_directions(comparison.dataset.latent_mean.values[seed].astype(np.float64))
    draw_latent(axes, points, comparison.groups)
    outside = _zoom(axes, points.reshape(-1, 2))
    beyond = f", {outside} of {points.size // 2} outside the frame" if outside else ""
    axes.set(
        xlabel=f"main direction ({100 * explained[0]:.0f} % of variance)",
        ylabel=f"second direction ({100 * explained[1]:.0f} %)",
        title=f"default-action samples{beyond}",
    )
    legend_above(figure, axes, **POINTS_LEGEND)
    return figure


def main_directions(samples: Float64) -> tuple[Float64, Float64]:
    """Project samples (..., L) on the two directions in which they vary most.

    Returns
    -------
    tuple of ndarray
        Projected samples (..., 2), and the shares of the variance that both directions explain (2,).
    """
    flat = samples.reshape(-1, samples.shape[-1])
    centred = flat - flat.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    return (centred @ axes[:2].T).reshape(*samples.shape[:-1], 2), spread[:2] ** 2 / np.sum(spread**2)


def draw_latent(axes: Axes, points: Float64, groups: Int64) -> list[Line2D]:
    """Draw samples (2N, M, 2), the source network's cells first, one marker per network and colour per group."""
    drawn: list[Line2D] = []
    for network, marker, name in ((0, "o", "source"), (1, "^", "target")):
        for group in np.unique(groups):
            members = np.flatnonzero(groups == group) + network * groups.size
            colour = GROUP_COLOURS[group % len(GROUP_COLOURS)]
            x, y = points[members].reshape(-1, 2).T
            drawn += _draw_points(axes, x, y, colour, marker, f"{name} cells, group {group + 1}", 2.5)
    return drawn


def _zoom(axes: Axes, points: Float64) -> int:
    """Show the central part of points (M, 2) and return how many lie outside."""
    edge = 0.5 * (100.0 - _SHOWN_PERCENT)
    low, high = np.percentile(points, (edge, 100.0 - edge), axis=0)
    margin = 0.1 * np.maximum(high - low, np.finfo(np.float64).tiny)
    low, high = low - margin, high + margin
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    return int(((points < low) | (points > high)).any(axis=1).sum())


def gain(comparison: Comparison) -> Figure | None:
    """Draw the gain of each transfer over DRL at the same steps against its distance, and how it is ranked.

    None where there is no gain, which where DRL earns nothing is not defined.
    """
    gains = comparison.pair_gains_percent
    if gains is not None and "distance" in comparison.orderings:
        return _pair_gain(comparison, gains) if np.isfinite(gains).any() else None
    points = gains_against_distance(comparison)
    if points is None or not np.isfinite(points[1]).any():
        return None
    distances, early, final = points
    figure, panels = new_figure(4.2, rows=2, sharex=True)
    protocol = comparison.protocol
    titles = (f"first {protocol['early_steps']} steps", f"last {protocol['evaluation_steps']} steps")
    for axes, gains, title in zip(panels, (early, final), titles, strict=True):
        draw_gains(axes, distances, gains, [comparison.label(name) for name in _TRANSFERS])
        correlation = rank_correlation_over_seeds(np.moveaxis(distances, 1, 0), np.moveaxis(gains, 1, 0))
        logarithmic_x(axes)
        ranked = f": rank correlation {correlation.value:+.2f}" if np.isfinite(correlation.value) else ""
        axes.set(title=f"{title}{ranked}", ylabel="gain over DRL [%]")
    panels[1].set_xlabel("distance to the source [nat]")
    legend_above(figure, panels[0], columns=1)
    return figure


_TRANSFERS = ("transfer_most", "transfer_least")


def gains_against_distance(comparison: Comparison) -> tuple[Float64, Float64, Float64] | None:
    """Return the distance, the early and the final gain [%] of the two transfers, (2, K, N) each."""
    data = comparison.dataset
    if "distance" not in data or not comparison.has(*_TRANSFERS, "drl"):
        return None
    matrix, given = data.distance.values.astype(np.float64), []
    for name in _TRANSFERS:
        source = data.source_cell.sel(policy=name).values - 1
        seeds, targets = np.indices(source.shape)
        given.append(np.where(source >= 0, matrix[seeds, source, targets], np.nan))
    early, final = (
        np.stack([measure(name) for name in _TRANSFERS])
        for measure in (comparison.early_gain_percent, comparison.final_gain_percent)
    )
    return np.stack(given), early, final


def draw_gains(axes: Axes, distances: Float64, gains: Float64, labels: Sequence[str]) -> list[Line2D]:
    """Draw gains [%] against distances, (2, ...) each: the most similar sources, then the least similar."""
    drawn: list[Line2D] = []
    for index, (name, marker) in enumerate(zip(_TRANSFERS, ("o", "^"), strict=True)):
        drawn += _draw_points(axes, distances[index], gains[index], LINES[name].colour, marker, labels[index], 4.0)
    axes.axhline(0.0, **ZERO_MARK)
    return drawn


def _draw_points(axes: Axes, x: Float64, y: Float64, colour: str, marker: str, label: str, size: float) -> list[Line2D]:
    return axes.plot(x.ravel(), y.ravel(), marker=marker, markersize=size, color=colour, label=label, **POINTS)


def _pair_gain(comparison: Comparison, gains: Float64) -> Figure:
    """Draw all ordered pairs at the first and the last gain step, and the rank correlation at every gain step."""
    figure, panels = new_figure(5.2, rows=3, height_ratios=(1, 1, 1.1))
    steps, groups = comparison.gain_steps, comparison.groups
    matrix = comparison.distance("distance")
    assert matrix is not None
    alike = np.broadcast_to(groups[:, None] == groups[None], matrix.shape)
    for axes, index in zip(panels, (0, len(steps) - 1), strict=False):
        draw_pairs(axes, matrix, gains[:, index], alike)
        logarithmic_x(axes)
        axes.set(title=f"step {steps[index]}", ylabel="gain over DRL [%]")
    panels[1].set_xlabel("mean KL divergence, source to target [nat]")
    legend_above(figure, panels[0], **POINTS_LEGEND)
    paper = comparison.orderings["distance"]
    draw_correlations(panels[2], steps, paper.every, paper.within)
    panels[2].set(xlabel="step", ylabel="rank correlation")
    panels[2].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def draw_pairs(axes: Axes, matrix: Float64, gains: Float64, alike: Bool) -> list[Line2D]:
    """Draw gains [%] against distances, (K, source, target) each, by whether both cells have the same requirements."""
    drawn: list[Line2D] = []
    for same, colour, marker, name in ((True, BLUE, "o", "same"), (False, VERMILION, "^", "other")):
        x = np.where(alike == same, matrix, np.nan)
        drawn += _draw_points(axes, x, gains, colour, marker, f"{name} requirements", 2.0)
    axes.axhline(0.0, **ZERO_MARK)
    return drawn


def draw_correlations(axes: Axes, steps: Sequence[int], every: Sequence[Estimate], within: Sequence[Estimate]) -> None:
    """Draw rank correlations at gain steps, with their intervals: over all pairs and within targets."""
    for estimates, colour, marker, name in ((every, GREY, "s", "all pairs"), (within, BLUE, "o", "within targets")):
        plot.intervals(steps, *parts_of(estimates), axes, name, color=colour, marker=marker, linestyle="-")
    axes.axhline(0.0, **ZERO_MARK)
    axes.set_xscale("log")
    axes.set_xticks(steps, [str(step) for step in steps])
    axes.xaxis.set_minor_locator(NullLocator())


def ordering(comparison: Comparison) -> Figure | None:
    """Draw the rank correlation of gain and every distance within targets, at the first and the last gain step."""
    orderings = comparison.orderings
    if not orderings:
        return None
    figure, (axes,) = new_figure(0.9 + 0.26 * len(orderings))
    within, steps = [item.within for item in orderings.values()], comparison.gain_steps
    first, last = [item[0] for item in within], [item[-1] for item in within]
    draw_orderings(axes, first, last, (f"step {steps[0]}", f"step {steps[-1]}"))
    axes.set_yticks(np.arange(len(orderings))[::-1], [DISTANCES[name][0] for name in orderings])
    axes.set_xlabel("rank correlation within targets")
    legend_above(figure, axes)
    return figure


def draw_orderings(axes: Axes, first: Sequence[Estimate], last: Sequence[Estimate], labels: tuple[str, str]) -> None:
    """Draw one row per distance, from the top, with an estimate at the first and at the last gain step."""
    rows = np.arange(len(first))[::-1]
    marks = ((first, BLUE, "o", 0.15), (last, VERMILION, "^", -0.15))
    for (estimates, colour, marker, shift), label in zip(marks, labels, strict=True):
        ends = parts_of(estimates)
        plot.intervals(rows + shift, *ends, axes, label, horizontal=True, color=colour, marker=marker)
    axes.axvline(0.0, **ZERO_MARK)
