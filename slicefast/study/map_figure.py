"""The figure of a map: what a source is worth, and how distances order sources, over the cells' heterogeneity."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from slicefast import files, plot
from slicefast.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from slicefast.study import document
from slicefast.study.intervals import Estimate, parts_of
from slicefast.study.map_measures import CHOICES, SOURCES, Measured
from slicefast.study.style import COLUMN_IN, STYLE, ZERO_MARK, Line, legend_above
from slicefast.units import Float64

NAME = "map"
TITLE = "When does similarity matter?"
CAPTION = """A column for what differs from cell to cell, over how much: 0, where cells are alike, to 1, where the
extremes of a cell's slices differ by four. Above: mean reward over the first 250 steps of a transfer from the most
similar, the mean and the least similar source, by the paper's distance, beside the baselines; where a source falls
below the traffic-aware baseline, transfer is negative (shaded, for the least similar one). Below: rank correlation of
distance and reward among a target's sources, for four distances; below zero the nearer source earns more. Means over
seeds, bands 95 % intervals."""
REWARDS = {
    "max_min_rule": ("max-min rule", Line(VERMILION, "-.")),
    "most": ("most similar source", Line(BLUE)),
    "random": ("mean source", Line(SKY, (0, (4, 1.5)))),
    "least": ("least similar source", Line(ORANGE)),
    "traffic_aware": ("traffic-aware baseline", Line(BLACK, "--")),
}
CORRELATIONS = {
    "distance": Line(BLUE),
    "distance_fast": Line(SKY, (0, (4, 1.5))),
    "distance_corrected": Line(GREEN, "-."),
    "configuration": Line(PURPLE, ":"),
}


def write(points: Sequence[Measured], folder: Path) -> document.Figure | None:
    """Write the figure as PNG, if a kind has two points to draw a line through, and return what was written."""
    with mpl.rc_context(STYLE):
        figure = draw(points)
        if figure is None:
            return None
        stream = io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(stream, format="png", metadata={"Software": None})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.png"
    files.write_bytes(path, stream.getvalue())
    return document.Figure(TITLE, " ".join(CAPTION.split()), path, f"{folder.name}/{path.name}")


def draw(points: Sequence[Measured]) -> Figure | None:
    """Draw a column per kind: rewards above, correlations below."""
    alike = [item for item in points if not item.h]
    kinds = list(dict.fromkeys(item.kind for item in points if item.h))
    columns = {kind: alike + sorted((p for p in points if p.kind == kind and p.h), key=lambda p: p.h) for kind in kinds}
    if not any(len(column) > 1 for column in columns.values()):
        return None
    figure = Figure(figsize=(2.0 * COLUMN_IN, 3.9), layout="constrained", dpi=STYLE["savefig.dpi"])
    panels = figure.subplots(2, len(kinds), squeeze=False, sharex=True, sharey="row")
    for (kind, column), top, bottom in zip(columns.items(), *panels, strict=True):
        draw_rewards(top, column)
        draw_correlations(bottom, column)
        top.set_title(kind)
        bottom.set_xlabel("heterogeneity h")
    panels[0, 0].set_ylabel("mean reward, first 250 steps")
    panels[1, 0].set_ylabel("rank correlation of\ndistance and reward")
    legend_above(figure, panels[0, 0], columns=5)
    figure.legend(*panels[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def draw_rewards(axes: Axes, column: Sequence[Measured]) -> None:
    """Draw the rewards of sources and baselines over h, and shade where the least similar source does harm."""
    h = np.array([item.h for item in column])
    for name, (label, line) in REWARDS.items():
        _draw(axes, h, [item.reward[name] for item in column], line, label, name in SOURCES)
    least, base = (np.array([item.reward[name].value for item in column]) for name in ("least", "traffic_aware"))
    axes.fill_between(h, least, base, where=least < base, interpolate=True, color=ORANGE, alpha=0.25, linewidth=0)


def draw_correlations(axes: Axes, column: Sequence[Measured]) -> None:
    """Draw the rank correlation of each distance over h, the paper's with its interval."""
    h = np.array([item.h for item in column])
    for name, line in CORRELATIONS.items():
        estimates = [item.correlation[name] for item in column]
        _draw(axes, h, estimates, line, f"by {CHOICES[name]}", name == "distance")
    axes.axhline(0.0, **ZERO_MARK)


def _draw(axes: Axes, h: Float64, estimates: Sequence[Estimate], line: Line, label: str, shaded: bool) -> None:
    value, low, high = parts_of(estimates)
    ends = (low, high) if shaded else (np.nan * value, np.nan * value)
    plot.line(h, value, *ends, axes, marker="o", markersize=2.5, **line.named(label))
