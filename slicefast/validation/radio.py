"""Figures of the radio: calibration curves over published ones, and the map of the best server's SINR."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slicefast import files, radio
from slicefast.colours import BLUE, VERMILION
from slicefast.plot import cdf, sinr_map
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.study.style import legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Percentiles and values [dB] of published calibration curves by (case, elements, quantity): TR 36.873 phase 1, 3D-UMa
#: at 2 GHz with one vertical element, the mean of the companies' curves.
PERCENT = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
PUBLISHED: Mapping[tuple[str, int, str], Sequence[float]] = {
    ("tr36873_uma", 1, "coupling_gain_db"): (
        -132.1, -129.0, -124.3, -120.2, -116.3, -112.3, -108.2, -104.0, -99.1, -91.6, -84.1,
    ),
    ("tr36873_uma", 1, "geometry_db"): (-3.1, -1.9, -0.1, 1.4, 3.0, 4.9, 7.2, 9.9, 13.5, 18.8, 22.6),
}  # fmt: skip
_ROWS = (
    ("TR 36.873, 2 GHz", ("tr36873_uma", "tr36873_umi")),
    ("TR 38.901, 6 GHz", ("tr38901_uma_6ghz", "tr38901_umi_6ghz")),
)
_COLUMNS = (
    ("coupling_gain_db", "coupling gain [dB]", (-170, -50)),
    ("geometry_db", "geometry, no noise [dB]", (-8, 30)),
    ("sinr_db", "SINR [dB]", (-12, 30)),
)
_COLOURS = {"UMa": BLUE, "UMi": VERMILION}


def calibration_figure(path: str | Path, n_users: int = 20_000, seed: int = 0) -> Path:
    """Draw the distributions of coupling gain, geometry and SINR of every case, published points laid over, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(8.0, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3, sharex="col", sharey=True)
    for row, (title, cases) in zip(panels, _ROWS, strict=True):
        for case in cases:
            for elements in (1, 10):
                draw_calibration(row, case, elements, radio.calibrate(case, elements, n_users, seed))
        for axis, (_, label, limits) in zip(row, _COLUMNS, strict=True):
            axis.set(xlabel="" if axis in panels[0] else label, ylabel="", xlim=limits, ylim=(0, 1))
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        row[0].set_ylabel(f"{title}\nusers below")
    for axis in panels.flat:
        axis.grid(color="#e4e4e4", lw=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    legend_above(figure, panels[0, 0], columns=5, fontsize=8, frameon=False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160)
    files.write_bytes(Path(path), stream.getvalue())
    return Path(path)


def calibration_table(n_users: int = 20_000, seed: int = 0) -> str:
    """Return percentiles of the drops that have published ones, the two beside each other, as a Markdown table."""
    lines = [
        f"| {' | '.join(('quantity', 'curve', *(f'{p} %' for p in PERCENT)))} |",
        f"|---|---|{'---:|' * len(PERCENT)}",
    ]
    labels = {quantity: label for quantity, label, _ in _COLUMNS}
    for (case, elements, quantity), published in PUBLISHED.items():
        ours = np.percentile(getattr(radio.calibrate(case, elements, n_users, seed), quantity), PERCENT)
        for curve, values in (("published", published), ("slicefast", ours)):
            cells = " | ".join(f"{value:.1f}" for value in values)
            lines.append(f"| {labels[quantity]}, {case} | {curve} | {cells} |")
    return "\n".join(lines)


def draw_calibration(row: Sequence[Axes], case: str, elements: int, drop: radio.Calibration) -> None:
    """Draw a case's distributions, one panel per quantity, and published points as circles where there are any."""
    kind = "UMa" if "_uma" in case else "UMi"
    line, label = "-" if elements == 1 else "--", f"{kind}, {elements} element{'s' if elements > 1 else ''}"
    for axis, (quantity, _, _) in zip(row, _COLUMNS, strict=True):
        cdf(getattr(drop, quantity), axis, label, color=_COLOURS[kind], linestyle=line, linewidth=1.3)
        if (case, elements, quantity) in PUBLISHED:
            share = np.divide(PERCENT, 100.0)
            axis.plot(PUBLISHED[case, elements, quantity], share, "ko", ms=4.5, mfc="none", label=f"{label}, published")


def sinr_map_figure(scenario: Scenario, path: str | Path, seed: int = 0, pixels: int = 400) -> Path:
    """Write as PNG `slicefast.plot.sinr_map` of what ``Simulator(scenario, seed)`` plays, all cells active."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    axes = sinr_map(Simulator(scenario, seed), figure.subplots(), pixels)
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    figure.set_size_inches(6.4, 0.7 + 4.7 * (high - low) / (right - left))
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160)
    files.write_bytes(Path(path), stream.getvalue())
    return Path(path)
