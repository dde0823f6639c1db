"""Distributions and time series of what runs measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from slicefast.arguments import checked
from slicefast.colours import SLICE_COLOURS
from slicefast.errors import refuse
from slicefast.plot.axes import axes_of, count_in_millions, look_of, name_of
from slicefast.plot.estimates import line
from slicefast.wording import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike


@checked
def cdf(values: ArrayLike | xr.DataArray, ax: Axes | None = None, label: str | None = None, **look: Any) -> Axes:
    """Draw the share of values that are at most x.

    Parameters
    ----------
    values : array_like or xarray.DataArray
        Any shape; NaN is left out. The axis is named by a DataArray's long name and units; a plain array has none:
        ``axes.set_xlabel("SINR [dB]")`` names it, before or after.
    ax : matplotlib Axes, optional
        Where to draw, again and again for several curves; new axes unless given.
    label : str, optional
        For the legend.
    **look
        Of the line, as `Axes.plot` takes it: colours and dashes of one's own.

    Raises
    ------
    SlicefastError
        There is no value but NaN.

    Examples
    --------
    Of the users' SINR, which the axis is named by; ``axes.figure.savefig("sinr.png")`` keeps the figure.

    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0, per_user=True)
    >>> run = simulator.run(sf.policies.equal_split, steps=2, per_user=True)
    >>> axes = sf.plot.cdf(run.user_sinr_db, label="equal split")
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('SINR of the user [dB]', 'share of values up to')
    """
    return _distribution(values, ax, label, look, complementary=False)


@checked
def ccdf(values: ArrayLike | xr.DataArray, ax: Axes | None = None, label: str | None = None, **look: Any) -> Axes:
    """Draw the share of values that are above x; parameters and result are those of `cdf`.

    Examples
    --------
    >>> sf.plot.ccdf([1.0, 2.0, 4.0]).get_ylabel()
    'share of values above'
    """
    return _distribution(values, ax, label, look, complementary=True)


def _distribution(
    values: Any, ax: Axes | None, label: str | None, look: Mapping[str, Any], complementary: bool
) -> Axes:
    known = np.asarray(values, np.float64).ravel()
    known = known[~np.isnan(known)]
    if not known.size:
        refuse("values", "none but NaN", "at least one number")
    axes = axes_of(ax)
    own = {**look_of(len(axes.get_lines())), **look}
    axes.ecdf(known, complementary=complementary, compress=True, label=label, **own)
    axes.set_xlabel(name_of(values, axes.get_xlabel() or "value"))
    count_in_millions(axes.xaxis, values)
    axes.set_ylabel("share of values above" if complementary else "share of values up to")
    if label is not None:
        axes.legend()
    return axes


@checked
def series(run: xr.Dataset, name: str, ax: Axes | None = None) -> Axes:
    """Draw a quantity over the steps: the mean over cells of each slice, and the range of the middle 80 % of the cells.

    The range is from the 10th to the 90th percentile of the cells in each step.

    Parameters
    ----------
    run : xarray.Dataset
        From `Simulator.run`; replicas count as further cells.
    name : str
        A variable with steps and cells, such as "throughput_bps" or "reward".
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Raises
    ------
    SlicefastError
        There is no such variable, or it has no steps or cells.

    Examples
    --------
    >>> run = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0).run(sf.policies.equal_split, steps=2)
    >>> axes = sf.plot.series(run, "throughput_bps")
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('decision step', 'user throughput [bit/s]')
    """
    allowed = [str(item) for item, values in run.data_vars.items() if {"step", "cell"} <= set(values.dims)]
    if name not in allowed:
        refuse("name", name, ", ".join(allowed))
    axes = axes_of(ax)
    values = run[name]
    over = [dim for dim in ("replica", "cell") if dim in values.dims]
    parts = [("", values)]
    if "slice" in values.dims:
        parts = [(literal(str(part)), values.sel(slice=part)) for part in run.slice.values]
    for index, (label, part) in enumerate(parts):
        low, high = (part.quantile(level, over) for level in (0.1, 0.9))
        line(run.step, part.mean(over), low, high, axes, label or None, **look_of(index))
    axes.set(xlabel="decision step", ylabel=name_of(values))
    axes.locator_params(axis="x", integer=True)
    count_in_millions(axes.yaxis, values)
    return axes


@checked
def load_and_satisfaction(run: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw each cell's satisfaction against its load, a point per cell, step and slice.

    Parameters
    ----------
    run : xarray.Dataset
        From `Simulator.run`.
    ax : matplotlib Axes, optional
        Where to draw; new axes unless given.

    Examples
    --------
    >>> run = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0).run(sf.policies.equal_split, steps=2)
    >>> sf.plot.load_and_satisfaction(run).get_xlabel()
    "share of the cell's PRBs used"
    """
    axes = axes_of(ax)
    load = run["load"].sum("slice")
    satisfied = np.minimum(run.throughput_satisfaction, run.delay_satisfaction)
    for index, part in enumerate(run.slice.values):
        axes.plot(
            load.values.ravel(),
            satisfied.sel(slice=part).values.ravel(),
            color=SLICE_COLOURS[index % len(SLICE_COLOURS)],
            marker="osv^"[index % 4],
            markersize=2.5,
            alpha=0.5,
            linestyle="none",
            markeredgewidth=0,
            label=literal(str(part)),
        )
    axes.set(xlabel="share of the cell's PRBs used", ylabel="min(throughput, delay) satisfaction", ylim=(-0.02, 1.02))
    axes.legend(markerscale=2)
    return axes
