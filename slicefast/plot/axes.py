"""The axes to draw on, the caller's or new ones; what stands beside them, and how curves on them differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slicefast.colours import SLICE_COLOURS, SLICE_DASHES
from slicefast.plot.backend import prepare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


def axes_of(ax: Axes | None) -> Axes:
    """Return the axes that were given, or those of a new figure of pyplot's, which notebooks show."""
    if ax is not None:
        return ax
    prepare()
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def name_of(values: Any, otherwise: str = "value") -> str:
    """Return a DataArray's long name and unit for an axis; other words for an array, which has no name."""
    attributes = getattr(values, "attrs", {})
    name, unit = str(attributes.get("long_name", otherwise)), str(attributes.get("units", "1"))
    return name if unit == "1" else f"{name} [{unit}]"


def count_in_millions(axis: Axis, values: Any) -> None:
    """Write rates in bit/s at an axis as 5 M, whatever its label comes to say."""
    if getattr(values, "attrs", {}).get("units") == "bit/s":
        from matplotlib.ticker import EngFormatter

        axis.set_major_formatter(EngFormatter())


def look_of(number: int) -> dict[str, Any]:
    """Return colour and dashes of the curve of this number, so that curves differ in both."""
    return {
        "color": SLICE_COLOURS[number % len(SLICE_COLOURS)],
        "linestyle": SLICE_DASHES[number % len(SLICE_DASHES)],
    }
