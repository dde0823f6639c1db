"""Path loss, line of sight and antennas, one link at a time, in double precision.

Azimuths in degrees counter-clockwise from the x axis; depression and tilt in degrees below the horizon. Formulas:
WINNER+ D5.3 Table 4-1, ITU-R M.2135 Table A1-2, TR 36.873 Table 7.2-1, TR 38.901 Tables 7.3-1, 7.4.1-1 and 7.4.2-1, TR
36.814 Table A.2.1.1-2. RMa has streets of 20 m and buildings of 5 m, the document's defaults. WINNER+ and M.2135 take
the 2-D distance, the TR models the 3-D distance.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from slicefast import _core
from slicefast.arguments import checked
from slicefast.errors import described, refuse
from slicefast.plausible import warn
from slicefast.units import Float64

Range = tuple[float, float]


#: Line of sight or not, one link or many; `path_loss_db` itself refuses what is neither.
LinkStates: TypeAlias = ArrayLike


@dataclass(frozen=True)
class PathLossModel:
    """What is known of a path loss model beside its formulas: a row of the core's table.

    Parameters
    ----------
    name : str
        As the core knows it.
    made_for_bs_m, made_for_ue_m : tuple of float
        Heights of masts and users that its document is made for [m]; a single one where the document fixes the mast.
    ue_height_m, bs_height_m : tuple of float
        Heights that the formula takes [m].
    buildings : tuple of str
        Documents of the buildings that its indoor users are in; none: it knows no indoor users.
    tall_users : bool
        Whether users above 13 m see further.
    frequency_range_hz : tuple of float
        The carriers that the formula takes [Hz].
    distance_range_m : tuple of float
        The distances that the model was made for [m].
    decorrelation_m : tuple of float
        Decorrelation distances of the shadowing with and without line of sight [m].
    los_state_decorrelation_m : float
        Decorrelation distance of who is in line of sight [m].
    """

    name: str
    made_for_bs_m: Range
    made_for_ue_m: Range
    ue_height_m: Range
    bs_height_m: Range
    buildings: tuple[str, ...]
    tall_users: bool
    frequency_range_hz: Range
    distance_range_m: Range
    decorrelation_m: Range
    los_state_decorrelation_m: float


def _from_core(name: str, row: _core.ModelParameters) -> PathLossModel:
    buildings = ("tr36873", "tr38901") if row["supports_tr38901_building"] else ("tr36873",)
    return PathLossModel(
        name,
        made_for_bs_m=row["made_for_bs_height_m"],
        made_for_ue_m=row["made_for_ue_height_m"],
        ue_height_m=row["ue_height_m"],
        bs_height_m=row["bs_height_m"],
        buildings=buildings if row["supports_indoor"] else (),
        tall_users=row["tall_users_see_further"],
        frequency_range_hz=(row["min_frequency_hz"], row["max_frequency_hz"]),
        distance_range_m=(row["min_distance_m"], row["max_distance_m"]),
        decorrelation_m=(row["decorrelation_los_m"], row["decorrelation_nlos_m"]),
        los_state_decorrelation_m=row["decorrelation_los_state_m"],
    )


_MODELS = {name: _from_core(name, row) for name, row in _core.path_loss_models().items()}
_ANY_USER = (
    min(model.ue_height_m[0] for model in _MODELS.values()),
    max(model.ue_height_m[1] for model in _MODELS.values()),
)
PATH_LOSS_MODELS = tuple(_MODELS)
#: Those that know indoor users.
INDOOR_MODELS = tuple(name for name, model in _MODELS.items() if model.buildings)
#: The pattern of an element that columns are made of.
COLUMN_PATTERN = "tr38901_element"
#: Of a column: more than any antenna has, and few enough to be summed one by one.
MOST_ELEMENTS = 1024
ANTENNA_PATTERNS = ("tr36814", "m2135", COLUMN_PATTERN, "omni")

if TYPE_CHECKING:
    # A type checker cannot read names from a table; pydantic can.
    PathLossModelName = str
    AntennaPatternName = str
else:
    PathLossModelName = Literal[PATH_LOSS_MODELS]
    AntennaPatternName = Literal[ANTENNA_PATTERNS]


def path_loss_model(name: str) -> PathLossModel:
    """Return what is known of a path loss model.

    Parameters
    ----------
    name : str
        One of `PATH_LOSS_MODELS`.

    Raises
    ------
    SlicefastError
        There is no such model.
    """
    if name not in _MODELS:
        refuse("model", name, ", ".join(PATH_LOSS_MODELS))
    return _MODELS[name]


def _broadcast_links(**arrays: ArrayLike) -> tuple[tuple[int, ...], list[Float64]]:
    """Return the common shape of finite arrays, and each of them spread over it and laid flat."""
    values: list[Float64] = []
    shape: tuple[int, ...] = ()
    for name, array in arrays.items():
        value = np.asarray(array, dtype=np.float64)
        if not np.isfinite(value).all():
            refuse(name, value[~np.isfinite(value)][0], "finite numbers")
        try:
            shape = np.broadcast_shapes(shape, value.shape)
        except ValueError:
            refuse(name, described(f"shape {value.shape}"), f"one that broadcasts with {shape}, the others'")
        values.append(value)
    return shape, [np.ascontiguousarray(np.broadcast_to(value, shape)).reshape(-1) for value in values]


def _check_between(name: str, value: Float64, low: float, high: float) -> None:
    if value.size and not (value.min() >= low and value.max() <= high):
        worst = value.max() if value.min() >= low else value.min()
        refuse(name, float(worst), f"{low:g} to {high:g}" if np.isfinite(high) else f"at least {low:g}")


def _states(los: LinkStates) -> Float64:
    """Return states of links as numbers; whatever is neither a truth nor 0 or 1 is refused: "nlos" is true."""
    array = np.asarray(los)
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        refuse("los", los, "True or False, or an array of them")
    return array.astype(np.float64)


@checked
def path_loss_db(
    model: str,
    los: LinkStates,
    distance_2d_m: ArrayLike,
    frequency_hz: float,
    bs_height_m: ArrayLike = 25.0,
    ue_height_m: ArrayLike = 1.5,
    *,
    environment_height_m: ArrayLike = 1.0,
) -> Float64:
    """Path loss [dB] of links with or without line of sight; the arguments broadcast.

    Below the model's least distance (`path_loss_model` says it) the least distance is used, beyond its greatest the
    curve is continued; both with a `RangeWarning`, as for heights that the formula takes but was not made for. At the
    breakpoint a model's branches meet within 0.06 dB.

    Parameters
    ----------
    model : str
        One of `PATH_LOSS_MODELS`.
    los : array_like of bool
        Whether the link is in line of sight.
    distance_2d_m : array_like
        Distance on the ground [m].
    frequency_hz : float
        Carrier [Hz].
    bs_height_m, ue_height_m : array_like
        Heights of mast and user above ground [m].
    environment_height_m : array_like
        Effective environment height [m]; it moves the breakpoint, and differs from 1 m only for users above 13 m in the
        TR macro models.

    Returns
    -------
    ndarray of float64
        The arguments' common shape.

    Raises
    ------
    SlicefastError
        An argument is not finite, or the model does not know such a carrier or height.

    Examples
    --------
    >>> sf.radio.path_loss_db("winner_plus_c2", False, [100.0, 1000.0], 2.6e9).round(1)
    array([107.6, 143.3])
    """
    known = path_loss_model(model)
    shape, (distance, bs_height, ue_height, environment, state) = _broadcast_links(
        distance_2d_m=distance_2d_m,
        bs_height_m=bs_height_m,
        ue_height_m=ue_height_m,
        environment_height_m=environment_height_m,
        los=_states(los),
    )
    _check_between("frequency_hz", np.array([frequency_hz]), *known.frequency_range_hz)
    _check_between("bs_height_m", bs_height, *known.bs_height_m)
    _check_between("ue_height_m", ue_height, *known.ue_height_m)
    _check_between("environment_height_m", environment, 1.0, 21.0)
    _check_between("distance_2d_m", distance, 0.0, np.inf)
    if (environment >= np.minimum(bs_height, ue_height)).any():
        refuse("environment_height_m", float(environment.max()), "below both antennas")
    warn_of_heights(model, bs_height, ue_height)
    low = known.distance_range_m[0]
    if distance.size and distance.min() < low:
        warn(f"{model}: {distance.min():g} m is below {low:g} m, which is used")
        distance = np.maximum(distance, low)
    _warn_of_far_links(known, distance)
    loss = _core.path_loss_db(model, state != 0, distance, frequency_hz, bs_height, ue_height, environment)
    return loss.reshape(shape)


def _warn_of_far_links(model: PathLossModel, distance_m: Float64) -> None:
    limit_m = model.distance_range_m[1]
    if distance_m.size and distance_m.max() > limit_m:
        warn(f"{model.name}: {distance_m.max():g} m is beyond {limit_m:g} m, extrapolated")


def warn_of_heights(model: str, bs_height_m: Float64, ue_height_m: Float64) -> None:
    """Warn of heights [m] that the formula takes, but was not made for.

    Parameters
    ----------
    model : str
        Name of the path loss model.
    bs_height_m, ue_height_m : ndarray, (K,) and (U,)
        Heights above ground [m].
    """
    known = path_loss_model(model)
    for name, heights, made_for in (
        ("bs_height_m", bs_height_m, known.made_for_bs_m),
        ("ue_height_m", ue_height_m, known.made_for_ue_m),
    ):
        if not heights.size:
            continue
        low, high = made_for
        if not (heights.min() >= low and heights.max() <= high):
            worst = heights.max() if heights.min() >= low else heights.min()
            range_m = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            warn(f"{model}: {name} {worst:g} m, made for {range_m} m, the formula is continued")


@checked
def los_probability(model: str, distance_2d_m: ArrayLike, ue_height_m: ArrayLike = 1.5) -> Float64:
    """Probability of line of sight; the arguments broadcast.

    P = q + (1 - q) e^(-d / s), q = min(18 / d, 1), s = 63 m (macro) or 36 m (micro); C1: e^(-d / 200); RMa:
    min(1, e^(-(d - 10) / 1000)); InH: min(1, e^(-(d - 1.2) / 4.7)), from 6.5 m on 0.32 e^(-(d - 6.5) / 32.6) in mixed
    offices, min(1, e^(-(d - 5) / 70.8)), from 49 m on 0.54 e^(-(d - 49) / 211.7) in open ones. For the TR macro
    models users above 13 m see further (TR 36.873 Table 7.2-2, TR 38.901 Table 7.4.2-1). Distances beyond the model's
    greatest are extrapolated with a `RangeWarning`.

    Parameters
    ----------
    model : str
        One of `PATH_LOSS_MODELS`.
    distance_2d_m : array_like
        Distance on the ground [m].
    ue_height_m : array_like
        Users' heights above ground [m].

    Returns
    -------
    ndarray of float64
        In [0, 1], the arguments' common shape.

    Raises
    ------
    SlicefastError
        An argument is not finite, or a height is one that no model knows.

    Examples
    --------
    >>> sf.radio.los_probability("tr38901_uma", [10.0, 100.0, 1000.0]).round(3)
    array([1.   , 0.348, 0.018])
    """
    known = path_loss_model(model)
    shape, (distance, ue_height) = _broadcast_links(distance_2d_m=distance_2d_m, ue_height_m=ue_height_m)
    _check_between("distance_2d_m", distance, 0.0, np.inf)
    _check_between("ue_height_m", ue_height, *_ANY_USER)
    _warn_of_far_links(known, distance)
    return _core.los_probability(model, distance, ue_height).reshape(shape)


@checked
def antenna_gain_db(
    pattern: str, azimuth_deg: ArrayLike, depression_deg: ArrayLike, tilt_deg: ArrayLike, elements: int = 1
) -> Float64:
    """Antenna gain [dBi] at an azimuth from boresight and an angle below the horizon; the arguments broadcast.

    G = peak - min(min(12 (azimuth / w_h)^2, f_h) + min(12 ((depression - tilt) / w_v)^2, f_v), f). tr36814: 14 dBi, 70
    and 10 degrees, floors 25 / 20 / 25 dB; m2135: 17 dBi, 70 and 15 degrees, 20 dB; tr38901_element: 8 dBi, 65 degrees,
    30 dB, always facing the horizon; omni: 0 dBi everywhere, whatever the tilt. A column stacks elements at half a
    wavelength and steers them to the tilt,
    + 20 log10(|sum_m e^(j pi m (cos zenith - cos tilt))| / sqrt(elements)).

    Parameters
    ----------
    pattern : str
        One of `ANTENNA_PATTERNS`.
    azimuth_deg : array_like
        Angle from boresight, counter-clockwise [degrees].
    depression_deg, tilt_deg : array_like
        Angle of the link and of the antenna below the horizon [degrees].
    elements : int
        Elements of a column; more than 1 needs ``"tr38901_element"``.

    Returns
    -------
    ndarray of float64
        The arguments' common shape.

    Raises
    ------
    SlicefastError
        An angle is not finite or points past the vertical, or the pattern makes no columns.

    Examples
    --------
    >>> sf.radio.antenna_gain_db("tr36814", [0.0, 35.0, 180.0], 15.0, 15.0)
    array([ 14.,  11., -11.])
    """
    elements = operator.index(elements)
    if not 1 <= elements <= (MOST_ELEMENTS if pattern == COLUMN_PATTERN else 1):
        refuse("elements", elements, f"1, or up to {MOST_ELEMENTS} with pattern {COLUMN_PATTERN!r}")
    shape, (azimuth, depression, tilt) = _broadcast_links(
        azimuth_deg=azimuth_deg, depression_deg=depression_deg, tilt_deg=tilt_deg
    )
    _check_between("depression_deg", depression, -90.0, 90.0)
    _check_between("tilt_deg", tilt, -90.0, 90.0)
    return _core.antenna_gain_db(pattern, azimuth, depression, tilt, elements).reshape(shape)
