"""Estimates with their intervals: curves with a band, and marks with bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slicefast.arguments import checked
from slicefast.arrays import to_vector
from slicefast.colours import SLICE_COLOURS
from slicefast.errors import described, refuse, shorten
from slicefast.plot.axes import axes_of, look_of, name_of
from slicefast.student import half_width
from slicefast.wording import literal

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike


@checked
def line(
    x: ArrayLike | xr.DataArray,
    value: ArrayLike | xr.DataArray,
    low: ArrayLike | xr.DataArray,
    high: ArrayLike | xr.DataArray,
    ax: Axes | None = None,
    label: str | None = None,
    **look: Any,
) -> Axes:
    """Draw estimates over x as a line, and their intervals as a band around it.

    Parameters
    ----------
    x, value, low, high : array_like or xarray.DataArray, (K,)
        NaN where there is no interval, or no value. The axes are named by DataArrays' long names and units.
    ax : matplotlib Axes, optional
        Where to draw, again and again for several lines; new axes unless given.
    label : str, optional
        For the legend.
    **look
        Of the line, as `Axes.plot` takes it; the band has its colour.

    Raises
    ------
    SlicefastError
        They are not as many.

    Examples
    --------
    >>> axes = sf.plot.line([0, 1, 2], [1.0, 2.0, 3.0], low=[0.5, 1.5, 2.5], high=[1.5, 2.5, 3.5])
    >>> len(axes.get_lines()), len(axes.collections)
    (1, 1)
    """
    places, middle, bottom, top = (
        to_vector(name, item, np.size(x)) for name, item in (("x", x), ("value", value), ("low", low), ("high", high))
    )
    axes = axes_of(ax)
    (drawn,) = axes.plot(places, middle, label=label, **{**look_of(len(axes.get_lines())), **look})
    axes.fill_between(places, bottom, top, color=drawn.get_color(), alpha=0.15, linewidth=0)
    return _named(axes, {"xlabel": x, "ylabel": value}, label)


@checked
def mean(
    values: xr.DataArray,
    over: str,
    ax: Axes | None = None,
    label: str | None = None,
    confidence: float = 0.95,
    **look: Any,
) -> Axes:
    """Draw the mean over seeds or replicas as a line, and Student's interval of it as a band, none of a single one.

    Parameters
    ----------
    values : xarray.DataArray
        Two dimensions: ``over``, and the one that the line runs along, such as ``run.reward.mean("cell")`` of a run of
        several replicas.
    over : str
        What the mean is over: "replica", "seed".
    ax, label, **look
        As of `line`.
    confidence : float
        How often the band is to hold the true mean, point by point.

    Raises
    ------
    SlicefastError
        The values have no such dimension, or not one besides it.

    Examples
    --------
    >>> import xarray as xr
    >>> reward = xr.DataArray([[0.1, 0.5, 0.8], [0.3, 0.5, 0.6]], dims=("seed", "step"))
    >>> sf.plot.mean(reward, over="seed", label="mine").get_lines()[0].get_ydata().round(3)
    array([0.2, 0.5, 0.7])
    """
    along = [str(dim) for dim in values.dims if dim != over]
    if over not in values.dims or len(along) != 1:
        dims = ", ".join(map(str, values.dims))
        refuse("values", described(f"dimensions ({dims})"), f"{shorten(over)} and one to draw along")
    if not 0.0 < confidence < 1.0:
        refuse("confidence", confidence, "a number between 0 and 1")
    count = values.sizes[over]
    middle = values.mean(over, keep_attrs=True)
    width = half_width(count, confidence) * values.std(over, ddof=1) if count > 1 else np.nan * middle
    places = values[along[0]]
    axes = line(places, middle, middle - width, middle + width, ax, label, **look)
    if not axes.get_xlabel():
        axes.set_xlabel(name_of(places, along[0]))
    return axes


@checked
def intervals(
    at: ArrayLike | Sequence[str] | xr.DataArray,
    value: ArrayLike | xr.DataArray,
    low: ArrayLike | xr.DataArray,
    high: ArrayLike | xr.DataArray,
    ax: Axes | None = None,
    label: str | None = None,
    horizontal: bool = False,
    **look: Any,
) -> Axes:
    """Draw estimates as marks, and their intervals as bars.

    Parameters
    ----------
    at : array_like, sequence of str, or xarray.DataArray of either, (K,)
        Where each stands: a place, or its name.
    value, low, high : array_like or xarray.DataArray, (K,)
        No bar where an end is NaN. The axis is named by a DataArray's long name and units.
    ax : matplotlib Axes, optional
        Where to draw, again and again for several kinds of mark; new axes unless given.
    label : str, optional
        For the legend.
    horizontal : bool
        A row per estimate, from the bottom, rather than a column.
    **look
        Of marks and bars, as `Axes.errorbar` takes it.

    Raises
    ------
    SlicefastError
        They are not as many.

    Examples
    --------
    >>> axes = sf.plot.intervals(["mine", "yours"], [0.7, 0.8], low=[0.6, 0.7], high=[0.8, 0.9])
    >>> len(axes.containers)
    1
    """
    places = np.atleast_1d(np.asarray(at))
    if places.dtype.kind == "U":
        places = np.array([literal(str(name)) for name in places])
    else:
        places = to_vector("at", at, places.size)
    numbers, *ends = (to_vector(*item, places.size) for item in (("value", value), ("low", low), ("high", high)))
    axes = axes_of(ax)
    bars = np.nan_to_num(np.maximum([numbers - ends[0], ends[1] - numbers], 0.0))
    number = len(axes.containers)
    own = {"color": SLICE_COLOURS[number % len(SLICE_COLOURS)], "marker": "osv^"[number % 4], "linestyle": "none"}
    marks: dict[str, Any] = {**own, "markersize": 4, "capsize": 2, "label": label, **look}
    if horizontal:
        axes.errorbar(numbers, places, xerr=bars, **marks)
    else:
        axes.errorbar(places, numbers, yerr=bars, **marks)
    return _named(axes, {"xlabel" if horizontal else "ylabel": value}, label)


def _named(axes: Axes, values: Mapping[str, Any], label: str | None) -> Axes:
    """Name the axes whose values have a name, and put a labelled curve into the legend."""
    for axis, item in values.items():
        if "long_name" in getattr(item, "attrs", {}):
            axes.set(**{axis: name_of(item)})
    if label is not None:
        axes.legend()
    return axes
