"""Maps of the network that a simulator plays: who serves where, and with what SINR.

========  ===========  ==========================================================
symbol    name         meaning
========  ===========  ==========================================================
SINR      ``sinr_db``  of the best server, all cells active as ``activity`` says
========  ===========  ==========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from slicefast.arguments import between, checked
from slicefast.arrays import to_vector
from slicefast.errors import refuse
from slicefast.network import make_links
from slicefast.rng import Streams

if TYPE_CHECKING:
    from slicefast.scenario import Scenario
    from slicefast.simulator import Simulator
    from slicefast.units import Float32, Float64, Int32

#: Along the longer side.
MOST_PIXELS = 10_000


@checked
def coverage(simulator: Simulator, pixels: int = 200, activity: ArrayLike = 1.0) -> xr.Dataset:
    """Return serving cell and SINR over the area of the network that a simulator's first replica plays, outdoors.

    SINR_n = p_n g_n / (sum over k != n of rho_k p_k g_k + noise) of the strongest cell n, with the shadowing and the
    line of sight of the very place that is simulated; handover's hysteresis is left out.

    Parameters
    ----------
    simulator : Simulator
        Its scenario and the seed of its place count, not what it has played.
    pixels : int
        Points along the longer side, at least 2.
    activity : float or array_like, (N,)
        rho, the share of PRBs on which each cell sends, in [0, 1].

    Returns
    -------
    xarray.Dataset
        ``serving_cell`` (y, x), counted from 1, and ``sinr_db`` (y, x) [dB] over ``x`` and ``y`` [m].

    Raises
    ------
    SlicefastError
        The pixels or an activity are out of range, or the gains are the user's own: they are known where users are.

    Notes
    -----
    Link model: see `slicefast.radio`. On a torus the map is that of the rectangle around its area, which repeats. As
    everywhere, x and y count from the area's corner: ``scenario.area.origin_m`` in the coordinates of a layout's own.

    Examples
    --------
    >>> place = sf.coverage(sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0), pixels=20)
    >>> place.sinr_db.dims, place.sinr_db.units, int(place.serving_cell.max())
    (('y', 'x'), 'dB', 3)
    """
    scenario = simulator.scenario
    between(2, MOST_PIXELS, pixels=pixels)
    rho = to_vector("activity", activity, scenario.n_cells)
    if not ((rho >= 0.0) & (rho <= 1.0)).all():
        refuse("activity", float(rho[~((rho >= 0.0) & (rho <= 1.0))][0]), "numbers from 0 to 1")
    if simulator.gains is not None:
        refuse("simulator", "one with gains of its user's", "one with links of its own")
    area = scenario.area
    corners = np.array([(0.0, 0.0), area.v1_m, area.v2_m, np.add(area.v1_m, area.v2_m)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    counts = np.maximum(np.rint(pixels * (high - low) / (high - low).max()), 2).astype(int)
    x_m, y_m = (np.linspace(low[i], high[i], counts[i]) for i in (0, 1))
    grid_x, grid_y = (axis.ravel() for axis in np.meshgrid(x_m, y_m))
    seeds = simulator.seed if simulator.place_seed is None else simulator.place_seed
    seed = seeds[0] if isinstance(seeds, Sequence) else seeds  # that of the first replica
    server, sinr = best_server(scenario, grid_x, grid_y, seed, rho)
    shape = (len(y_m), len(x_m))
    variables = {
        "serving_cell": (("y", "x"), server.reshape(shape) + 1, {"long_name": "serving cell"}),
        "sinr_db": (
            ("y", "x"),
            10.0 * np.log10(sinr.astype(np.float64)).reshape(shape),
            {"units": "dB", "long_name": "SINR of the best server"},
        ),
    }
    coords = {name: (name, values, {"units": "m", "long_name": name}) for name, values in (("x", x_m), ("y", y_m))}
    return xr.Dataset(variables, coords, {"scenario": scenario.name, "place_seed": seed})


def best_server(
    scenario: Scenario, x_m: Float64, y_m: Float64, seed: int = 0, activity: Float64 | None = None
) -> tuple[Int32, Float32]:
    """Return who serves at points of the place that ``Simulator(scenario, seed)`` plays, outdoors, and how well.

    Parameters
    ----------
    scenario : Scenario
        What the network is.
    x_m, y_m : ndarray, (M,)
        Points [m].
    seed : int
        Of the place.
    activity : ndarray, (N,), optional
        The share of PRBs on which each cell sends; all of them unless given.

    Returns
    -------
    tuple of ndarray
        The strongest cell (M,), and its linear SINR (M,).

    Examples
    --------
    >>> from slicefast.maps import best_server
    >>> server, sinr = best_server(sf.Scenario.hexagonal(n_sites=1), np.array([0.0, 50.0]), np.array([0.0, 0.0]))
    >>> server.shape, sinr.dtype
    ((2,), dtype('float32'))
    """
    links = make_links(scenario, Streams(seed).shadowing)
    power_w, noise_w = np.asarray(scenario.power_w_per_prb), float(scenario.noise_w_per_prb)
    rho = np.ones(scenario.n_cells) if activity is None else np.ascontiguousarray(activity)
    return links.best_server(x_m, y_m, power_w, rho, noise_w)
