"""Maps of a network: its sites, who serves where, and with what SINR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slicefast.arguments import checked
from slicefast.colours import GREY
from slicefast.maps import coverage
from slicefast.plot.axes import axes_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from matplotlib.quiver import Quiver
    from numpy.typing import ArrayLike

    from slicefast.scenario import Scenario
    from slicefast.simulator import Simulator

#: SINR is coloured between these [dB].
SINR_DB = (-8.0, 25.0)


@checked
def sinr_map(simulator: Simulator, ax: Axes | None = None, pixels: int = 200, activity: ArrayLike = 1.0) -> Axes:
    """Draw the best server's SINR [dB] over the area of the very place that is simulated, with its sites.

    All cells send unless ``activity`` says otherwise. Of a network that wraps around a rectangle is drawn, and in white
    the edge of the area: what lies beyond repeats what lies within.

    Parameters
    ----------
    simulator, pixels, activity
        As of `slicefast.coverage`, which is drawn.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Returns
    -------
    matplotlib Axes
        With a colour bar beside them.

    Examples
    --------
    >>> sf.plot.sinr_map(sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0), pixels=20).get_ylabel()
    'y [km]'
    """
    area = coverage(simulator, pixels, activity).sinr_db
    axes = axes_of(ax)
    image = axes.imshow(area.values, origin="lower", extent=_extent_km(area), vmin=SINR_DB[0], vmax=SINR_DB[1])
    _colour_bar(axes, image, "SINR of the best server [dB]")
    return _over_area(axes, simulator.scenario, area)


@checked
def serving_map(simulator: Simulator, ax: Axes | None = None, pixels: int = 200) -> Axes:
    """Draw which cell serves where, without handover's hysteresis; parameters and result are those of `sinr_map`.

    Examples
    --------
    >>> sf.plot.serving_map(sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0), pixels=20).get_xlabel()
    'x [km]'
    """
    area = coverage(simulator, pixels).serving_cell
    axes = axes_of(ax)
    image = axes.imshow(area.values, origin="lower", extent=_extent_km(area), cmap="turbo", interpolation="nearest")
    _colour_bar(axes, image, "serving cell")
    return _over_area(axes, simulator.scenario, area)


@checked
def layout(scenario: Scenario, ax: Axes | None = None) -> Axes:
    """Draw sites, the directions of their cells' antennas and the edge of the area [km].

    Parameters
    ----------
    scenario : Scenario
        Whose sites.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Examples
    --------
    >>> sf.plot.layout(sf.Scenario.hexagonal(n_sites=1)).get_xlabel()
    'x [km]'
    """
    axes = axes_of(ax)
    draw_area(axes, scenario)
    draw_masts(axes, scenario, "black")
    for cell, site in enumerate(scenario.cell_site):
        angle = np.radians(scenario.azimuth_deg[cell])
        place = (scenario.site_x_m[site] / 1e3, scenario.site_y_m[site] / 1e3)
        offset = (16.0 * np.cos(angle), 16.0 * np.sin(angle))
        axes.annotate(str(cell + 1), place, offset, textcoords="offset points", ha="center", va="center", fontsize=7)
    axes.set(xlabel="x [km]", ylabel="y [km]", aspect="equal")
    return axes


def draw_area(axes: Axes, scenario: Scenario, colour: str = GREY) -> None:
    """Draw the edge of the area [km]."""
    area = scenario.area
    corners = np.array([(0.0, 0.0), area.v1_m, np.add(area.v1_m, area.v2_m), area.v2_m, (0.0, 0.0)]) / 1e3
    axes.plot(*corners.T, color=colour, linewidth=0.8, label="area" + (", wrapped around" if area.wrap else ""))


def draw_masts(axes: Axes, scenario: Scenario, colour: str, again: bool = False) -> list[Quiver]:
    """Draw an arrow from every cell's mast where its antenna points; on a torus ``again`` around the area."""
    area, azimuth = scenario.area, np.radians(scenario.azimuth_deg)
    turns = range(-2, 3) if again and area.wrap else (0,)
    return [
        axes.quiver(
            (scenario.site_x_m[scenario.cell_site] + shift[0]) / 1e3,
            (scenario.site_y_m[scenario.cell_site] + shift[1]) / 1e3,
            np.cos(azimuth), np.sin(azimuth), color=colour, scale=26, width=0.005,
        )
        for shift in (i * np.array(area.v1_m) + j * np.array(area.v2_m) for i in turns for j in turns)
    ]  # fmt: skip


def _extent_km(area: xr.DataArray) -> tuple[float, float, float, float]:
    x_km, y_km = (area[axis].values[[0, -1]] / 1e3 for axis in ("x", "y"))
    return float(x_km[0]), float(x_km[1]), float(y_km[0]), float(y_km[1])


def _colour_bar(axes: Axes, image: AxesImage, label: str) -> None:
    """Draw a colour bar as high as the map, whose height follows from the area's."""
    axes.figure.colorbar(image, cax=axes.inset_axes((1.03, 0.0, 0.04, 1.0)), label=label)


def _over_area(axes: Axes, scenario: Scenario, area: xr.DataArray) -> Axes:
    if scenario.area.wrap:  # what lies beyond its edge repeats it
        draw_area(axes, scenario, "white")
    draw_masts(axes, scenario, "white", again=True)
    left, right, low, high = _extent_km(area)
    axes.set(xlabel="x [km]", ylabel="y [km]", aspect="equal", xlim=(left, right), ylim=(low, high))
    return axes
