"""Link gains of a network, and serving cells.

Symbols: U users, N cells, K sites; positions in m, x east and y north; azimuths in degrees counter-clockwise from the
x axis; depression and tilt in degrees below the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from slicefast import _core
from slicefast.arguments import checked
from slicefast.arrays import to_finite, to_int32, to_vector
from slicefast.errors import refuse, shorten
from slicefast.plausible import warn
from slicefast.radio.fields import Fields
from slicefast.radio.models import path_loss_model, warn_of_heights
from slicefast.threads import usable_threads
from slicefast.units import Float32, Float64, Int32

#: A warning reports that so large a share of the area is nearer to a mast than the model's least distance.
_WARNED_SHARE = 0.01


def _pair(vector_m: Sequence[float] | None) -> tuple[float, float]:
    return (0.0, 0.0) if vector_m is None else (float(vector_m[0]), float(vector_m[1]))


def _extent_m(x_m: Float64, y_m: Float64) -> float:
    return float(np.hypot(np.ptp(x_m), np.ptp(y_m))) if x_m.size else 0.0


def _farthest_on_torus(v1: tuple[float, float], v2: tuple[float, float]) -> float:
    """Greatest distance [m] to a nearest image: the circumradius of the lattice's acute triangle."""
    a, b = complex(*v1), complex(*v2)
    while True:  # Lagrange's reduction; a projection of one half would go to and fro
        a, b = sorted((a, b), key=abs)
        turns = round((a.conjugate() * b).real / max(abs(a) ** 2, 1e-300) - 1e-9)
        if turns == 0:
            break
        b -= turns * a
    area_m2 = abs((a.conjugate() * b).imag)
    if area_m2 == 0.0:
        refuse("v1_m, v2_m", (v1, v2), "vectors that span an area")
    opposite = min(abs(a - b), abs(a + b))
    return abs(a) * abs(b) * opposite / (2.0 * area_m2)


def _warn_of_ranges(model: str, longest_m: float, sites_per_m2: float) -> None:
    """Warn of links beyond the model's greatest distance and areas nearer than its least."""
    least, greatest = path_loss_model(model).distance_range_m
    if longest_m > greatest:
        warn(f"{model}: links up to {longest_m:.0f} m, made for up to {greatest:g} m")
    near = sites_per_m2 * np.pi * least**2
    if near > _WARNED_SHARE:
        warn(f"{model}: {100 * near:.1f} % of the area is nearer than {least:g} m to a mast and takes the loss there")


def _torus(
    v1_m: Sequence[float] | None, v2_m: Sequence[float] | None
) -> tuple[bool, tuple[float, float], tuple[float, float]]:
    """Return whether the area wraps around, and its sides."""
    if (v1_m is None) != (v2_m is None):
        refuse("v1_m, v2_m", (v1_m, v2_m), "both for a torus, or neither")
    return v1_m is not None, _pair(v1_m), _pair(v2_m)


@checked
def link_model(
    *,
    model: str,
    pattern: str,
    fields: Fields,
    site_x_m: ArrayLike,
    site_y_m: ArrayLike,
    site_height_m: ArrayLike,
    cell_site: ArrayLike,
    azimuth_deg: ArrayLike,
    tilt_deg: ArrayLike,
    frequency_hz: float,
    elements: int = 1,
    ue_height_m: float = 1.5,
    shadowing: bool = True,
    site_correlation: float = 0.5,
    v1_m: Sequence[float] | None = None,
    v2_m: Sequence[float] | None = None,
    further_images: bool = False,
    fold_db: float = 0.1,
    sigma_indoor_db: float | None = None,
    line_of_sight: str = "model",
    area_m2: float | None = None,
    longest_m: float | None = None,
    isa: str | None = None,
) -> _core.LinkModel:
    """Link gains of a network; N cells, K sites, U users.

    gain = antenna / (path loss x shadowing), shadowing = sigma (sqrt(c) common + sqrt(1 - c) own) dB with c =
    ``site_correlation``, one value per site, whether its links are in line of sight or not; line of sight where
    Phi(state field) < P(LOS). Users nearer than the model's least distance have the path loss of that distance; links
    beyond its greatest are extrapolated. The fields are kept in steps of 1/32 standard deviation.

    Networks of more than 37 sites fold far cells: every user keeps its links to the 37 sites nearest to its region, all
    links in line of sight or with more than three standard deviations of shadowing in their favour, and a remainder,
    the mean over shadowing of all others. Users whose remainder could deviate by more than ``fold_db`` of interference
    plus noise (three standard deviations of the sum, one link that just misses being kept, and what antennas and
    distances change nearby) keep the links to 52, 76, 127, 217, 397 or all sites; so do users where sites stand so
    densely that far ones are near. Time and memory per user grow slowly with the network.

    Parameters
    ----------
    model, pattern : str
        One of `PATH_LOSS_MODELS` and one of `ANTENNA_PATTERNS`.
    fields : Fields
        Shadowing and line of sight, from `make_fields`.
    site_x_m, site_y_m : array_like, (K,)
        Positions of the masts [m].
    site_height_m : array_like, (K,) or a number
        Their heights [m].
    cell_site : array_like of int, (N,)
        The site of each cell.
    azimuth_deg : array_like, (N,)
        Boresights, counter-clockwise from the x axis [degrees].
    tilt_deg : array_like, (N,) or a number
        Downtilts [degrees below the horizon].
    frequency_hz : float
        Carrier [Hz].
    elements : int
        Elements of a column, see `antenna_gain_db`.
    ue_height_m : float
        Height of users without a profile of their own [m].
    shadowing : bool
        Whether links are shadowed.
    site_correlation : float
        Correlation of the shadowing between sites, in [0, 1].
    v1_m, v2_m : sequence of float, optional
        Sides of a torus [m]; give both or neither.
    further_images : bool
        Whether on a torus of at most 37 sites every image of a site counts, as in the plane that repeats it, and not
        the nearest alone: the strongest serves, the others interfere. Further images have line of sight and shadowing
        of their own, read from a map (ours; up to six site spacings away, nodes at a quarter of the shadowing's
        shortest decorrelation distance; users indoors lose there what their building costs). On larger tori nearest
        images do.
    sigma_indoor_db : float, optional
        Standard deviation of the shadowing of indoor users [dB]; left out: the model's own.
    fold_db : float
        How far folding may move a user's interference plus noise [dB]; 0 computes every link.
    line_of_sight : {"model", "soft", "always", "never"}
        Drawn per link, drawn with soft states (3GPP TR 38.901 7.6.3.3: s = 1/2 + atan(sqrt(20 m / wavelength) (F - G))
        / pi, F = Phi^-1(P(LOS)), G the state's field; gain s^2 that in sight + (1 - s^2) that out of sight), or forced;
        all but the first need ``fold_db = 0``.
    area_m2 : float, optional
        The users' area [m²], known on a torus; a `RangeWarning` reports when more than 1 % of it is nearer to a mast
        than the model's least distance.
    longest_m : float, optional
        The longest link [m], known on a torus, otherwise the sites' extent; a `RangeWarning` reports links beyond the
        model's greatest distance.
    isa : str, optional
        Instruction set; gains agree to 2e-5 of each, those of a torus's further images, kept in 8 bits, to 2^-7.

    Returns
    -------
    LinkModel
        ``gains(x_m, y_m)`` gives (U, N) float32, linear, without transmit power; ``gain=array`` writes into an array
        kept from call to call, and ``update_gains(x_m, y_m, users, gain)`` only the rows of users who moved.
        ``best_server(x_m, y_m, power_w, activity, noise_w)`` gives (server (U,), sinr (U,)) and keeps no gains at all,
        so that memory does not grow with U times N; it folds at the activities given. ``fold(x_m, y_m, power_w,
        noise_w)`` folds at full activity, or with ``activity=`` (N,) at that, for `slicefast.load_coupling.solve` and
        `sinr` in place of a gain matrix: at very different activities the SINR can be off by more than ``fold_db``, so
        fold again at the loads found (`Simulator` does so by itself). All but ``fold`` take ``profile``, a
        ``UserProfile`` of all users (TR 36.873 and TR 38.901 models, see `draw_buildings`), and then fold nothing.
        ``reach(x_m, y_m)`` gives what cells interfere with, (U, N): the gain summed over all images.

    Raises
    ------
    ValueError
        An argument is out of range or of the wrong shape; it is named.

    Examples
    --------
    >>> fields = sf.radio.make_fields("tr38901_uma", n_sites=1, rng=np.random.default_rng(0), size=64)
    >>> links = sf.radio.link_model(
    ...     model="tr38901_uma", pattern="tr36814", fields=fields, site_x_m=[0.0], site_y_m=[0.0],
    ...     site_height_m=25.0, cell_site=[0, 0, 0], azimuth_deg=[0.0, 120.0, 240.0], tilt_deg=6.0, frequency_hz=2e9,
    ... )
    >>> links.gains(np.array([50.0, 200.0]), np.array([0.0, 0.0])).shape  # users, cells
    (2, 3)
    """
    x, y = to_finite("site_x_m", site_x_m), to_finite("site_y_m", site_y_m, np.size(site_x_m))
    wrap, v1, v2 = _torus(v1_m, v2_m)
    if line_of_sight != "model" and fold_db > 0.0:
        refuse("fold_db", fold_db, f"0 beside line_of_sight = {shorten(line_of_sight)}: folding is for drawn states")
    heights = to_vector("site_height_m", site_height_m, x.size)
    if wrap:
        longest_m, area_m2 = _farthest_on_torus(v1, v2), abs(v1[0] * v2[1] - v1[1] * v2[0])
    _warn_of_ranges(model, _extent_m(x, y) if longest_m is None else longest_m, x.size / (area_m2 or np.inf))
    warn_of_heights(model, heights, np.array([ue_height_m]))
    return _core.LinkModel(
        model=model,
        pattern=pattern,
        elements=elements,
        frequency_hz=frequency_hz,
        ue_height_m=ue_height_m,
        shadowing=shadowing,
        site_correlation=site_correlation,
        wrap=wrap,
        v1_m=v1,
        v2_m=v2,
        site_x_m=x,
        site_y_m=y,
        site_height_m=heights,
        cell_site=to_int32("cell_site", cell_site),
        azimuth_deg=to_finite("azimuth_deg", azimuth_deg, np.size(cell_site)),
        tilt_deg=to_vector("tilt_deg", tilt_deg, np.size(cell_site)),
        **vars(fields),
        los_state_decorrelation_m=path_loss_model(model).los_state_decorrelation_m,
        further_images=further_images,
        fold_db=fold_db,
        sigma_indoor_db=0.0 if sigma_indoor_db is None else sigma_indoor_db,
        line_of_sight=line_of_sight,
        isa=isa or _core.default_isa(),
    )


@checked
def update_serving(
    gain: Float32,
    power_w: ArrayLike,
    serving: Int32,
    timer_cell: Int32,
    timer_steps: Int32,
    margin_db: float = 3.0,
    time_to_trigger_steps: int = 0,
    n_threads: int = 1,
) -> None:
    """Move users to a cell that has been better for long enough (3GPP TS 36.331, event A3); in place.

    Every neighbour has a timer of its own, of more than eight that are better the strongest eight.

    Parameters
    ----------
    gain : ndarray of float32, (U, N)
        Linear gains.
    power_w : array_like, (N,)
        Transmit powers [W].
    serving : ndarray of int32, (U,)
        Serving cells, -1 for users not attached yet; written in place.
    timer_cell, timer_steps : ndarray of int32, (U, 8)
        Cells that are better, and for how many calls; zero at the start, written in place.
    margin_db : float
        By how much another cell must be better [dB].
    time_to_trigger_steps : int
        In how many calls in a row.
    n_threads : int
        Users are shared among this many threads.

    Raises
    ------
    ValueError
        An array has the wrong shape, type or layout, or a number is out of range.

    Examples
    --------
    >>> gain = np.array([[1e-9, 1e-8]], np.float32)  # cell 1 is 10 dB better
    >>> serving, timers = np.zeros(1, np.int32), np.zeros((2, 1, 8), np.int32)
    >>> sf.radio.update_serving(gain, [1.0, 1.0], serving, *timers)
    >>> serving
    array([1], dtype=int32)
    """
    power = np.ascontiguousarray(power_w, dtype=np.float64)
    _core.update_serving(
        gain, power, serving, timer_cell, timer_steps, margin_db, time_to_trigger_steps, usable_threads(n_threads)
    )
