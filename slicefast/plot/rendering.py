"""A picture of the network that an environment plays."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast.errors import refuse
from slicefast.plausible import warn
from slicefast.plot.backend import prepare
from slicefast.plot.maps import draw_area
from slicefast.task import Task
from slicefast.units import Float32, Float64
from slicefast.wording import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from slicefast.simulator import Simulator

#: What `render_mode` may be, beside None.
RENDER_MODES = ("human", "rgb_array")
#: Users' SINR is coloured between these.
SINR_DB = (-5.0, 25.0)
#: Backends of matplotlib that write files.
_WINDOWLESS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
_INCHES, _DPI = (6.4, 5.6), 100
_TITLE_WIDTH = 60  # characters, as wide as the map
#: Parts of the radius between the load's sector and the slices' satisfaction around it.
_LOAD_RADIUS, _SATISFACTION_WIDTH = 0.72, 0.24


class Picture:
    """Draws networks as arrays (height, width, 3) of bytes, in a window, or not at all.

    Parameters
    ----------
    render_mode : {"human", "rgb_array"}, optional
        "human" shows every step in a window of matplotlib's, and warns once where none opens; None draws nothing.

    Raises
    ------
    SlicefastError
        The render mode is unknown.
    """

    def __init__(self, render_mode: str | None) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            refuse("render_mode", render_mode, f"None, {', '.join(map(repr, RENDER_MODES))}")
        self._mode = render_mode
        self._window: tuple[Figure, AxesImage] | None = None

    def of_all(self, simulator: Simulator, task: Task) -> tuple[NDArray[np.uint8], ...] | None:
        """Return the picture of each of a simulator's replicas after its last step, or None unless "rgb_array"."""
        return self._drawn(simulator, task) if self._mode == "rgb_array" else None

    def show(self, simulator: Simulator, task: Task) -> None:
        """Show what `of_all` would return, side by side in one window, where the mode is "human"."""
        if self._mode != "human":
            return
        prepare()
        from matplotlib import pyplot

        picture = np.concatenate(self._drawn(simulator, task), axis=1)
        if self._window is None:
            window = pyplot.figure(figsize=(picture.shape[1] / _DPI, picture.shape[0] / _DPI))
            axes = window.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            self._window = window, axes.imshow(picture)
            _warn_unless_shown()
        self._window[1].set_data(picture)
        pyplot.pause(0.001)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            from matplotlib import pyplot

            pyplot.close(self._window[0])
            self._window = None

    def _drawn(self, simulator: Simulator, task: Task) -> tuple[NDArray[np.uint8], ...]:
        prepare()
        n_replicas, kpis = simulator.n_replicas, simulator.kpis
        satisfaction = np.minimum(*task.satisfaction(kpis))
        arrays = (kpis.load.sum(axis=-1), satisfaction, simulator.positions_m, simulator.sinr)
        rows = (
            np.reshape(array, (n_replicas, *array.shape[-n:])) for array, n in zip(arrays, (1, 2, 2, 1), strict=True)
        )
        return tuple(_picture(task, simulator.step_index, *row) for row in zip(*rows, strict=True))


def _warn_unless_shown() -> None:
    """Say that no window opens, where matplotlib was told to write files or found no display."""
    import matplotlib as mpl

    if (backend := mpl.get_backend()).lower() in _WINDOWLESS:
        warn(
            f'render_mode = "human": matplotlib opens no window by its backend {backend!r}, which it also takes where '
            'there is no display; "rgb_array" gives pictures as arrays'
        )


def _picture(
    task: Task, step: int, load: Float64, satisfaction: Float64, positions_m: Float64, sinr: Float32
) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    shades = {"share of PRBs used": ("Greys", Normalize(0.0, 1.0)), "satisfaction": ("RdYlBu", Normalize(0.0, 1.0))}
    draw_area(axes, task.scenario)
    _draw_cells(axes, task, load, satisfaction, *(norm for _, norm in shades.values()))
    with np.errstate(divide="ignore"):
        sinr_db = 10.0 * np.log10(sinr)
    x_km, y_km = positions_m / 1e3
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())  # of area and cells: users come and go, the frame stays
    users = axes.scatter(x_km, y_km, c=sinr_db, s=3, cmap="viridis", vmin=SINR_DB[0], vmax=SINR_DB[1], zorder=1)
    for label, (colours, norm) in shades.items():
        figure.colorbar(ScalarMappable(norm, colours), ax=axes, label=label, location="bottom", shrink=0.8, aspect=40)
    figure.colorbar(users, ax=axes, label="SINR of the users [dB]")
    names = textwrap.shorten(", ".join(part.name for part in task.scenario.slices), _TITLE_WIDTH, placeholder=" ...")
    axes.set(xlabel="x [km]", ylabel="y [km]", aspect="equal")
    axes.annotate(f"step {step}", (0.99, 0.015), xycoords="axes fraction", ha="right", fontsize="small")
    axes.set_title(f"arcs around a cell, counter-clockwise:\n{literal(names)}", fontsize="medium")
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.array(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]


def _draw_cells(
    axes: Axes, task: Task, load: Float64, satisfaction: Float64, of_load: Normalize, of_satisfaction: Normalize
) -> None:
    """Draw every cell as a sector where its antenna points, shaded by load, with an arc for each slice around it."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Wedge

    scenario = task.scenario
    x_km, y_km = scenario.site_x_m / 1e3, scenario.site_y_m / 1e3
    span_deg = 360.0 / np.bincount(scenario.cell_site)[scenario.cell_site]
    start_deg = scenario.azimuth_deg - span_deg / 2
    radius_km = 0.32 * _spacing_m(scenario) / 1e3
    sectors: list[Any] = []
    arcs: list[Any] = []
    for cell, site in enumerate(scenario.cell_site):
        mast = (x_km[site], y_km[site])
        edges = start_deg[cell] + span_deg[cell] * np.linspace(0.0, 1.0, task.action_size + 1)
        sectors.append(Wedge(mast, _LOAD_RADIUS * radius_km, edges[0], edges[-1]))
        arcs += [
            Wedge(mast, radius_km, low, high, width=_SATISFACTION_WIDTH * radius_km) for low, high in pairwise(edges)
        ]
    for patches, values, colours, norm in (
        (sectors, load, "Greys", of_load),
        (arcs, satisfaction.ravel(), "RdYlBu", of_satisfaction),
    ):
        drawn = PatchCollection(
            patches, cmap=colours, norm=norm, edgecolor="black", linewidth=0.4, zorder=2, alpha=0.85
        )
        drawn.set_array(values)
        axes.add_collection(drawn)


def _spacing_m(scenario: Any) -> float:
    """Return the distance of the closest two sites, or of a lone site half its area's side."""
    masts = np.stack([scenario.site_x_m, scenario.site_y_m])
    if masts.shape[1] == 1:
        return 0.5 * float(np.sqrt(scenario.area.area_m2))
    apart = np.linalg.norm(masts[:, :, None] - masts[:, None], axis=0)
    return float(apart[apart > 0].min())
