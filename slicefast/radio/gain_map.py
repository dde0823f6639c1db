"""Gains that are not ours: maps of a ray tracer or a planning tool, and series of a measurement or another simulator.

====== ================================================== ====
symbol meaning                                            unit
====== ================================================== ====
N, U   cells, users                                       -
T      steps of a series                                  -
X, Y   pixels along x and y                               -
====== ================================================== ====

A gain is linear, from the antenna's input to the user, antennas included and transmit power not. Where a tool found no
path (NaN, or zero) the gain is 1e-20, -200 dB (ours): out of reach.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core
from slicefast.arguments import between, checked
from slicefast.errors import MISSING, ScenarioError, described, one_line, refuse, shorten
from slicefast.hdf5 import fatal_fault
from slicefast.plausible import hold
from slicefast.units import Float32, Float64

if TYPE_CHECKING:
    from slicefast.scenario import Scenario
    from slicefast.scenario.layouts import Area

NO_PATH = 1e-20
#: Gains of a map or series, at most: 2 GiB.
MOST_GAINS = 2**29
_EVEN = 1e-3  # by how much of a step the coordinates of pixels may be off


@checked
@dataclass(frozen=True, eq=False)
class GainMap:
    """Gains by pixel, over which users move: each has those of the nearest pixel centre.

    Parameters
    ----------
    gain : array_like, (N, Y, X)
        Linear gains to every cell, see above; NaN where there is no path.
    x_m, y_m : array_like, (X,) and (Y,)
        Centres of the pixels [m], evenly spaced and ascending, in the layout's coordinates: those of its file of sites,
        or of `Scenario.site_x_m` plus `Area.origin_m`. A single column or row reaches everywhere.

    Raises
    ------
    SlicefastError
        A shape does not fit, a gain is negative or infinite, no gain is above 0, coordinates are not even, or there are
        more than 2^29 gains.

    Examples
    --------
    >>> centres = np.linspace(-1000.0, 1000.0, 5)
    >>> gains = sf.radio.GainMap(np.full((3, 5, 5), 1e-9), centres, centres)  # three cells alike everywhere
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.Simulator(scenario, seed=0, gains=gains).reset().load.shape
    (3, 4)
    """

    gain: Float32
    x_m: Float64
    y_m: Float64

    def __init__(self, gain: ArrayLike, x_m: ArrayLike, y_m: ArrayLike) -> None:
        x, y = _centres("x_m", x_m), _centres("y_m", y_m)
        array = np.asarray(gain)
        if array.ndim != 3 or array.shape[1:] != (y.size, x.size):
            refuse("gain", described(f"shape {array.shape}"), f"(cells, {y.size}, {x.size}), as y_m and x_m have it")
        # One user's gains side by side.
        _settle(self, gain=_checked(np.moveaxis(array, 0, -1)), x_m=x, y_m=y)

    @property
    def n_cells(self) -> int:
        """N."""
        return int(self.gain.shape[-1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of gains and pixels, by which snapshots know them."""
        return _digest(self.gain, self.x_m, self.y_m)

    def source(self, area: Area) -> _core.GainMap:
        """Return what the core reads, in metres from the area's corner."""
        return _core.GainMap(
            gain=self.gain.reshape(-1, self.n_cells),
            cols=self.x_m.size,
            first_m=(self.x_m[0] - area.origin_m[0], self.y_m[0] - area.origin_m[1]),
            step_m=(_step(self.x_m), _step(self.y_m)),
        )

    def check(self, n_cells: int, n_users: int, area: Area) -> None:
        """Refuse a map of other cells, or one that does not reach over the users' area.

        Parameters
        ----------
        n_cells, n_users : int
            Of the scenario.
        area : Area
            Where users are [m].

        Raises
        ------
        SlicefastError
            See above.
        """
        between(1, 2**31, n_cells=n_cells, n_users=n_users)
        if self.n_cells != n_cells:
            refuse("gains", described(f"a map of {self.n_cells} cells"), f"{n_cells}, one per cell of the scenario")
        corners = np.array([(0.0, 0.0), area.v1_m, area.v2_m, np.add(area.v1_m, area.v2_m)]) + area.origin_m
        for name, centres, places in (("x", self.x_m, corners[:, 0]), ("y", self.y_m, corners[:, 1])):
            low, high = centres[0] - _step(centres), centres[-1] + _step(centres)
            if centres.size > 1 and not (low <= places.min() and places.max() <= high):
                where = f"{name} from {centres[0]:g} to {centres[-1]:g} m"
                allowed = f"at least {places.min():g} to {places.max():g} m, where users are"
                refuse("gains", described(f"a map over {where}"), allowed)

    def places(self, x_m: Float64, y_m: Float64, step: int) -> tuple[Float64, Float64]:
        """Return where users look up their gains: where they are.

        Parameters
        ----------
        x_m, y_m : ndarray, (U,)
            Positions [m].
        step : int
            Not looked at.
        """
        return x_m, y_m


@checked
@dataclass(frozen=True, eq=False)
class GainSeries:
    """Gains by user, wherever users are: one matrix, or one per step, the first again after the last.

    Parameters
    ----------
    gain : array_like, (U, N) or (T, U, N)
        Linear gains of every user to every cell, see above; the users of a slice stand together
        (`Scenario.slice_of`).

    Raises
    ------
    SlicefastError
        A shape does not fit, a gain is negative or infinite, no gain is above 0, or there are more than 2^29 gains.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> gains = sf.radio.GainSeries(np.random.default_rng(0).exponential(1e-9, (10, 384, 3)))  # steps, users, cells
    >>> sf.Simulator(scenario, seed=0, gains=gains).reset().load.shape
    (3, 4)
    """

    gain: Float32

    def __init__(self, gain: ArrayLike) -> None:
        array = np.asarray(gain)
        if array.ndim == 2:
            array = array[None]
        if array.ndim != 3 or 0 in array.shape:
            refuse("gain", described(f"shape {array.shape}"), "shape (users, cells) or (steps, users, cells)")
        _settle(self, gain=_checked(array))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the gains, by which snapshots know them."""
        return _digest(self.gain)

    def source(self, area: Area) -> _core.GainMap:
        """Return what the core reads: a row of pixels for a step, a pixel of it for a user."""
        _, n_users, n_cells = self.gain.shape
        return _core.GainMap(gain=self.gain.reshape(-1, n_cells), cols=n_users, first_m=(0.0, 0.0), step_m=(1.0, 1.0))

    def check(self, n_cells: int, n_users: int, area: Area) -> None:
        """Refuse gains of other users or cells.

        Parameters
        ----------
        n_cells, n_users : int
            Of the scenario.
        area : Area
            Not looked at.

        Raises
        ------
        SlicefastError
            See above.
        """
        between(1, 2**31, n_cells=n_cells, n_users=n_users)
        if self.gain.shape[1:] != (n_users, n_cells):
            expected = f"{(n_users, n_cells)}, users and cells of the scenario"
            refuse("gains", described(f"a series of shape {self.gain.shape[1:]}"), expected)

    def places(self, x_m: Float64, y_m: Float64, step: int) -> tuple[Float64, Float64]:
        """Return where users look up their gains: each in its column of the step's row.

        Parameters
        ----------
        x_m, y_m : ndarray, (U,)
            Not looked at but for their size.
        step : int
            The decision step; the series repeats.
        """
        return np.arange(x_m.size, dtype=np.float64), np.full(x_m.size, float(step % len(self.gain)))


#: What may stand in for the links of a scenario.
Gains = GainMap | GainSeries


@dataclass(frozen=True)
class OwnGains:
    """Gains that were found to fit a scenario, and what the core reads, shared by all replicas."""

    given: Gains
    source: _core.GainMap

    @classmethod
    def fit(cls, given: Gains, scenario: Scenario) -> OwnGains:
        """Hold gains against a scenario.

        Parameters
        ----------
        given : GainMap or GainSeries
            The gains.
        scenario : Scenario
            What they are for.

        Raises
        ------
        SlicefastError
            They are for other cells, users or places, or the scenario has what only its own links know.
        """
        if not isinstance(given, Gains):
            refuse("gains", given, "a GainMap or a GainSeries")
        if scenario.indoor.share > 0.0:
            allowed = "0 beside gains of your own: what buildings cost is in them, or nowhere"
            refuse("indoor.share", scenario.indoor.share, allowed)
        if scenario.radio.car_share > 0.0:
            allowed = "0 beside gains of your own: what cars cost is in them, or nowhere"
            refuse("radio.car_share", scenario.radio.car_share, allowed)
        if isinstance(given, GainSeries) and scenario.radio.resolution_m > 0.0:
            refuse("radio.resolution_m", scenario.radio.resolution_m, "0 beside a GainSeries, which knows no places")
        given.check(scenario.n_cells, scenario.n_users, scenario.area)
        return cls(given, given.source(scenario.area))


@checked
def read_gain_map(path: str | os.PathLike[str]) -> GainMap:
    """Read a map from a NetCDF file.

    Parameters
    ----------
    path : path-like
        A file with a variable ``gain_db`` [dB] or ``gain`` (linear) of the dimensions cell, y and x in any order, and
        coordinates ``x`` and ``y`` [m] of the pixels' centres; see `GainMap`.

    Returns
    -------
    GainMap
        Read once, whole.

    Raises
    ------
    ScenarioError
        The file cannot be read, lacks something, or is larger than 2^29 gains.

    Examples
    --------
    >>> import xarray as xr
    >>> centres = np.linspace(-1000.0, 1000.0, 5)
    >>> gain_db = xr.DataArray(np.full((3, 5, 5), -90.0), [("cell", [1, 2, 3]), ("y", centres), ("x", centres)])
    >>> gain_db.to_dataset(name="gain_db").to_netcdf("map.nc", engine="h5netcdf")
    >>> sf.radio.read_gain_map("map.nc").gain.shape  # y, x, cell
    (5, 5, 3)
    """
    import xarray as xr  # only needed here

    name = os.fspath(path)
    try:
        fault = fatal_fault(name)
        if fault:
            raise ScenarioError(f"path {name[:200]!r}", MISSING, f"cannot be read: {fault}")
        dataset = xr.open_dataset(name, engine="h5netcdf")
    except ScenarioError:
        raise
    except Exception as error:  # what the libraries say of a file that is none is no promise of theirs
        problem = error.strerror if isinstance(error, OSError) and error.strerror else shorten(error)
        raise ScenarioError(f"path {name[:200]!r}", MISSING, f"cannot be read: {one_line(problem)[:150]}") from None
    with dataset:
        variable = next((key for key in ("gain_db", "gain") if key in dataset), None)
        if variable is None:
            raise ScenarioError(name, MISSING, "has no variable gain_db or gain")
        gain = dataset[variable]
        if set(gain.dims) != {"cell", "y", "x"} or not {"x", "y"} <= set(dataset.coords):
            problem = "must have the dimensions cell, y and x, and coordinates x and y"
            raise ScenarioError(f"{name}: {variable}", described(f"dimensions {gain.dims}"), problem)
        if gain.size > MOST_GAINS:
            raise ScenarioError(f"{name}: {variable}", described(f"{gain.size} gains"), f"at most {MOST_GAINS}")
        try:
            values = gain.transpose("cell", "y", "x").values.astype(np.float64)
            x_m, y_m = (np.asarray(dataset[axis].values, np.float64) for axis in ("x", "y"))
        except Exception as error:
            raise ScenarioError(f"{name}: {variable}", MISSING, f"cannot be read: {shorten(error)}") from None
    try:
        return GainMap(10.0 ** (values / 10.0) if variable == "gain_db" else values, x_m, y_m)
    except ValueError as error:
        raise ScenarioError(name, MISSING, str(error)) from None


def _settle(frozen: object, **values: NDArray[Any]) -> None:
    """Set the fields of a frozen object at its construction, read-only."""
    for name, value in values.items():
        value.setflags(write=False)
        object.__setattr__(frozen, name, value)


def _step(centres: Float64) -> float:
    """Distance of pixel centres [m]."""
    return float(centres[-1] - centres[0]) / (centres.size - 1) if centres.size > 1 else 1.0


def _centres(name: str, values: ArrayLike) -> Float64:
    centres = np.array(values, np.float64)
    if centres.ndim != 1 or centres.size == 0 or not np.isfinite(centres).all():
        refuse(name, described(f"shape {centres.shape}"), "finite numbers, one per pixel")
    step = _step(centres)
    if not (step > 0.0 and np.abs(centres - centres[0] - step * np.arange(centres.size)).max() <= _EVEN * step):
        refuse(name, centres.tolist(), "evenly spaced and ascending")
    return centres


def _checked(gain: NDArray[Any]) -> Float32:
    """Return gains as contiguous float32, -200 dB where there is no path."""
    if gain.dtype.kind not in "fiu":
        refuse("gain", described(f"dtype {gain.dtype}"), "real numbers")
    if gain.size > MOST_GAINS:
        refuse("gain", described(f"{gain.size} gains"), f"at most {MOST_GAINS}")
    with np.errstate(over="ignore"):
        values = np.array(gain, np.float32, order="C")
    values[np.isnan(values)] = 0.0
    if not (values.min() >= 0.0 and values.max() < np.inf):
        worst = values.min() if values.min() < 0.0 else values.max()
        refuse("gain", float(worst), "finite and at least 0: it is linear, 10^(dB / 10)")
    if values.max() == 0.0:
        refuse("gain", described("no path anywhere"), "some gain above 0")
    hold("gain", "gain", values.max())
    return cast(Float32, np.maximum(values, np.float32(NO_PATH)))


def _digest(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
