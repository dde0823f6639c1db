"""Figures of the radio: calibration curves over published ones, and the map of the best server's SINR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from slicefast import radio
from slicefast.scenario import Scenario
from slicefast.simulator import network_links

#: Percentiles and values [dB] of published calibration curves by (case, elements, quantity): TR 36.873 phase 1, 3D-UMa
#: at 2 GHz with one vertical element, the mean of the companies' curves.
PERCENT = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
PUBLISHED: Mapping[tuple[str, int, str], Sequence[float]] = {
    ("tr36873_uma", 1, "coupling_gain_db"): (
        -132.1, -129.0, -124.3, -120.2, -116.3, -112.3, -108.2, -104.0, -99.1, -91.6, -84.1,
    ),
    ("tr36873_uma", 1, "geometry_db"): (-3.1, -1.9, -0.1, 1.4, 3.0, 4.9, 7.2, 9.9, 13.5, 18.8, 22.6),
}  # fmt: skip
_TITLES = {
    "tr36873_uma": "TR 36.873 3D-UMa, 2 GHz",
    "tr36873_umi": "TR 36.873 3D-UMi, 2 GHz",
    "tr38901_uma_6ghz": "TR 38.901 UMa, 6 GHz",
    "tr38901_umi_6ghz": "TR 38.901 UMi, 6 GHz",
}
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe and Ito


def calibration_figure(path: str | Path, n_users: int = 20_000, seed: int = 0) -> Path:
    """Draw the distributions of coupling gain and geometry of every case, published points laid over; write a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    percent = np.linspace(0.5, 99.5, 199)
    for colour, case in zip(_COLOURS, radio.CALIBRATION_CASES, strict=True):
        for elements, line in ((1, "-"), (10, "--")):
            drop = radio.calibrate(case, elements, n_users, seed)
            label = f"{_TITLES[case]}, {elements} element{'s' if elements > 1 else ''}"
            left.plot(np.percentile(drop.coupling_gain_db, percent), percent, line, color=colour, lw=1.2, label=label)
            right.plot(np.percentile(drop.geometry_db, percent), percent, line, color=colour, lw=1.2)
    for axis, quantity in ((left, "coupling_gain_db"), (right, "geometry_db")):
        for (case, _, name), values in PUBLISHED.items():
            if name == quantity:
                label = f"{_TITLES[case]}, published"
                axis.plot(values, PERCENT, "ko", ms=4, mfc="none", label=label if axis is left else None)
        axis.grid(color="#e4e4e4", lw=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    left.set_xlabel("coupling gain [dB]")
    left.set_ylabel("users below [%]")
    right.set_xlabel("geometry, interference without noise [dB]")
    left.set_ylim(0, 100)
    left.set_xlim(-170, -50)
    right.set_xlim(-8, 30)
    figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize=7, frameon=False)
    figure.savefig(path, dpi=160)
    return Path(path)


def sinr_map_figure(scenario: Scenario, path: str | Path, seed: int = 0, pixels: int = 400) -> Path:
    """Draw the best server's SINR at full activity over the scenario's area, shadowing included; write a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    area, model = scenario.area, network_links(scenario, np.random.default_rng(seed))
    corners = np.array([(0.0, 0.0), area.v1_m, area.v2_m, np.add(area.v1_m, area.v2_m)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y = (grid.ravel() for grid in np.meshgrid(*(np.linspace(low[i], high[i], pixels) for i in (0, 1))))
    _, sinr = model.best_server(
        x, y, np.asarray(scenario.power_w_per_prb), np.ones(scenario.n_cells), float(scenario.noise_w_per_prb)
    )
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    shown = (10.0 * np.log10(sinr)).reshape(pixels, pixels)
    extent = (low[0] / 1e3, high[0] / 1e3, low[1] / 1e3, high[1] / 1e3)
    image = axis.imshow(shown, origin="lower", extent=extent, vmin=-8, vmax=25, cmap="viridis")
    azimuth = np.radians(scenario.azimuth_deg)
    axis.quiver(
        scenario.site_x_m[scenario.cell_site] / 1e3, scenario.site_y_m[scenario.cell_site] / 1e3,
        np.cos(azimuth), np.sin(azimuth), color="white", scale=22, width=0.006,
    )  # fmt: skip
    axis.set_xlabel("x [km]")
    axis.set_ylabel("y [km]")
    axis.set_xlim(extent[:2])
    axis.set_ylim(extent[2:])
    figure.colorbar(image, label="SINR of the best server, all cells active [dB]", shrink=0.9)
    figure.savefig(path, dpi=160)
    return Path(path)
