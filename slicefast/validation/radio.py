"""Figures of the radio: calibration curves over published ones, and the map of the best server's SINR."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slicefast import files, radio
from slicefast.maps import best_server
from slicefast.scenario import Scenario
from slicefast.units import Float64

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.quiver import Quiver

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
_COLOURS = {"UMa": "#0072B2", "UMi": "#D55E00"}  # Okabe and Ito


def calibration_figure(path: str | Path, n_users: int = 20_000, seed: int = 0) -> Path:
    """Draw the distributions of coupling gain, geometry and SINR of every case, published points laid over, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3, sharex="col", sharey=True)
    for row, (title, cases) in zip(panels, _ROWS, strict=True):
        for case in cases:
            for elements in (1, 10):
                draw_calibration(row, case, elements, radio.calibrate(case, elements, n_users, seed))
        row[0].set_ylabel(f"{title}\nusers below [%]")
    for axis, (_, label, limits) in zip(panels[1], _COLUMNS, strict=True):
        axis.set_xlabel(label)
        axis.set_xlim(limits)
    for axis in panels.flat:
        axis.grid(color="#e4e4e4", lw=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_ylim(0, 100)
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize=8, frameon=False
    )
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


def draw_calibration(row: Sequence[Axes], case: str, elements: int, drop: radio.Calibration) -> list[Line2D]:
    """Draw a case's distributions [%], one panel per quantity, and published points as circles where there are any."""
    kind = "UMa" if "_uma" in case else "UMi"
    line, label = "-" if elements == 1 else "--", f"{kind}, {elements} element{'s' if elements > 1 else ''}"
    percent, drawn = np.linspace(0.5, 99.5, 199), []
    for axis, (quantity, _, _) in zip(row, _COLUMNS, strict=True):
        values = np.percentile(getattr(drop, quantity), percent)
        drawn += axis.plot(values, percent, line, color=_COLOURS[kind], lw=1.3, label=label)
        if (case, elements, quantity) in PUBLISHED:
            published = PUBLISHED[case, elements, quantity]
            drawn += axis.plot(published, PERCENT, "ko", ms=4.5, mfc="none", label=f"{label}, published")
    return drawn


def sinr_map_figure(scenario: Scenario, path: str | Path, seed: int = 0, pixels: int = 400) -> Path:
    """Draw the best server's SINR at full activity over the scenario's area, shadowing included; write a PNG.

    It is the network that ``Simulator(scenario, seed)`` plays: the same shadowing and line of sight, outdoors.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    area = scenario.area
    corners = np.array([(0.0, 0.0), area.v1_m, area.v2_m, np.add(area.v1_m, area.v2_m)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    x_m, y_m = (grid.ravel() for grid in np.meshgrid(*(np.linspace(low[i], high[i], pixels) for i in (0, 1))))
    _, sinr = best_server(scenario, x_m, y_m, seed)
    wide, tall = high - low
    figure = Figure(figsize=(6.4, 0.7 + 4.7 * tall / wide), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = draw_sinr_map(axes, (10.0 * np.log10(sinr)).reshape(pixels, pixels), low, high)
    draw_masts(axes, scenario)
    axes.set(xlabel="x [km]", ylabel="y [km]", xlim=(low[0] / 1e3, high[0] / 1e3), ylim=(low[1] / 1e3, high[1] / 1e3))
    figure.colorbar(image, label="SINR of the best server\n(all cells active) [dB]")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160)
    files.write_bytes(Path(path), stream.getvalue())
    return Path(path)


def draw_sinr_map(axes: Axes, sinr_db: Float64, low_m: Float64, high_m: Float64) -> AxesImage:
    """Draw SINR [dB] of a grid (rows are y) between two corners [m]."""
    extent = (low_m[0] / 1e3, high_m[0] / 1e3, low_m[1] / 1e3, high_m[1] / 1e3)
    return axes.imshow(sinr_db, origin="lower", extent=extent, vmin=-8, vmax=25, cmap="viridis")


def draw_masts(axes: Axes, scenario: Scenario) -> list[Quiver]:
    """Draw an arrow from every cell's mast where its antenna points; on a torus masts come again around the area."""
    area, azimuth = scenario.area, np.radians(scenario.azimuth_deg)
    turns = range(-2, 3) if area.wrap else (0,)
    return [
        axes.quiver(
            (scenario.site_x_m[scenario.cell_site] + shift[0]) / 1e3,
            (scenario.site_y_m[scenario.cell_site] + shift[1]) / 1e3,
            np.cos(azimuth), np.sin(azimuth), color="white", scale=26, width=0.005,
        )
        for shift in (i * np.array(area.v1_m) + j * np.array(area.v2_m) for i in turns for j in turns)
    ]  # fmt: skip
