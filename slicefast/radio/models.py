"""Path loss, line of sight and antennas, one link at a time, in double precision.

Azimuths in degrees counter-clockwise from the x axis; depression and tilt in degrees below the horizon. Formulas:
WINNER+ D5.3 Table 4-1, ITU-R M.2135 Table A1-2, TR 36.873 Table 7.2-1, TR 38.901 Tables 7.3-1, 7.4.1-1 and 7.4.2-1, TR
36.814 Table A.2.1.1-2. WINNER+ and M.2135 take the 2-D distance, the TR models the 3-D distance.
"""

from __future__ import annotations

import operator
import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core
from slicefast.errors import RangeWarning

Float = NDArray[np.float64]

PATH_LOSS_MODELS = (
    "winner_plus_c1",
    "winner_plus_c2",
    "winner_plus_b1",
    "m2135_uma",
    "m2135_umi",
    "tr36873_uma",
    "tr36873_umi",
    "tr38901_uma",
    "tr38901_umi",
)
ANTENNA_PATTERNS = ("tr36814", "m2135", "tr38901_element")


#: Heights of masts and users [m] that a document gives a range for; the others fix the mast at 25 m or 10 m.
_MADE_FOR_M = {
    "m2135_uma": ((10.0, 150.0), (1.0, 10.0)),
    "m2135_umi": ((3.0, 300.0), (1.0, 2.5)),
    **{name: ((3.0, 300.0), (1.5, 22.5)) for name in PATH_LOSS_MODELS if name.startswith("tr3")},
}


def _broadcast(**arrays: ArrayLike) -> tuple[tuple[int, ...], list[Float]]:
    values = []
    for name, array in arrays.items():
        value = np.asarray(array, dtype=np.float64)
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: got a value that is not finite")
        values.append(value)
    shape = np.broadcast_shapes(*(value.shape for value in values))
    return shape, [np.ascontiguousarray(np.broadcast_to(value, shape)).reshape(-1) for value in values]


def _check_between(name: str, value: Float, low: float, high: float) -> None:
    if value.size and not (value.min() >= low and value.max() <= high):
        worst = value.max() if value.min() >= low else value.min()
        raise ValueError(f"{name}: got {worst:g}, allowed {low:g}..{high:g}")


def path_loss_db(
    model: str,
    los: ArrayLike,
    distance_2d_m: ArrayLike,
    frequency_hz: float,
    bs_height_m: ArrayLike = 25.0,
    ue_height_m: ArrayLike = 1.5,
    *,
    environment_height_m: ArrayLike = 1.0,
) -> Float:
    """Path loss [dB] of links with or without line of sight; the arguments broadcast.

    Below the model's least distance (10 m, WINNER+ C1 30 m) the least distance is used, beyond its greatest (5 km,
    WINNER+ B1 2 km) the curve is continued; both with a `RangeWarning`. A carrier outside the model's range is a
    ValueError, as are heights it does not know; heights beyond those it was made for are told by a `RangeWarning`. The
    effective environment height differs from 1 m only for users above
    13 m in the TR macro models (it moves the breakpoint). At the breakpoint a model's branches meet within 0.06 dB.
    """
    shape, (distance, bs_height, ue_height, environment, state) = _broadcast(
        distance_2d_m=distance_2d_m,
        bs_height_m=bs_height_m,
        ue_height_m=ue_height_m,
        environment_height_m=environment_height_m,
        los=np.asarray(los, dtype=bool),
    )
    limits = _core.model_parameters(model)
    _check_between("frequency_hz", np.array([frequency_hz]), limits["min_frequency_hz"], limits["max_frequency_hz"])
    _check_between("bs_height_m", bs_height, 3.0, 300.0)
    _check_between("ue_height_m", ue_height, 1.01, 22.5 if model.startswith("tr3") else 10.0)
    _check_between("environment_height_m", environment, 1.0, 21.0)
    _check_between("distance_2d_m", distance, 0.0, np.inf)
    if (environment >= np.minimum(bs_height, ue_height)).any():
        raise ValueError("environment_height_m: must be below both antennas")
    warn_of_heights(model, bs_height, ue_height)
    low, high = limits["min_distance_m"], limits["max_distance_m"]
    if distance.size and distance.min() < low:
        warnings.warn(f"{model}: {distance.min():g} m is below {low:g} m, which is used", RangeWarning, stacklevel=2)
        distance = np.maximum(distance, low)
    if distance.size and distance.max() > high:
        warnings.warn(f"{model}: {distance.max():g} m is beyond {high:g} m, extrapolated", RangeWarning, stacklevel=2)
    loss = _core.path_loss_db(model, state != 0, distance, frequency_hz, bs_height, ue_height, environment)
    return loss.reshape(shape)


def warn_of_heights(model: str, bs_height_m: Float, ue_height_m: Float) -> None:
    """Tell heights that the formula takes, but was not made for; called by what a user calls."""
    if model not in _MADE_FOR_M:
        return
    for name, heights, (low, high) in zip(
        ("bs_height_m", "ue_height_m"), (bs_height_m, ue_height_m), _MADE_FOR_M[model], strict=True
    ):
        if heights.size and not (heights.min() >= low and heights.max() <= high):
            worst = heights.max() if heights.min() >= low else heights.min()
            text = f"{model}: {name} {worst:g} m, made for {low:g} to {high:g} m, the formula is continued"
            warnings.warn(text, RangeWarning, stacklevel=3)


def los_probability(model: str, distance_2d_m: ArrayLike, ue_height_m: ArrayLike = 1.5) -> Float:
    """Probability of line of sight; the arguments broadcast.

    P = q + (1 - q) e^(-d / s), q = min(18 / d, 1), s = 63 m (macro) or 36 m (micro); C1: e^(-d / 200). For the TR
    macro models users above 13 m see further (TR 36.873 Table 7.2-2, TR 38.901 Table 7.4.2-1). A `RangeWarning` tells
    distances beyond the model's greatest; users' heights are checked as in `path_loss_db`.
    """
    shape, (distance, ue_height) = _broadcast(distance_2d_m=distance_2d_m, ue_height_m=ue_height_m)
    limit = _core.model_parameters(model)["max_distance_m"]
    _check_between("distance_2d_m", distance, 0.0, np.inf)
    _check_between("ue_height_m", ue_height, 1.01, 22.5)
    if distance.size and distance.max() > limit:
        warnings.warn(f"{model}: {distance.max():g} m is beyond {limit:g} m, extrapolated", RangeWarning, stacklevel=2)
    return _core.los_probability(model, distance, ue_height).reshape(shape)


def antenna_gain_db(
    pattern: str, azimuth_deg: ArrayLike, depression_deg: ArrayLike, tilt_deg: ArrayLike, elements: int = 1
) -> Float:
    """Antenna gain [dBi] at an azimuth from boresight and an angle below the horizon; the arguments broadcast.

    G = peak - min(min(12 (azimuth / w_h)^2, f_h) + min(12 ((depression - tilt) / w_v)^2, f_v), f). tr36814: 14 dBi, 70
    and 10 degrees, floors 25 / 20 / 25 dB; m2135: 17 dBi, 70 and 15 degrees, 20 dB; tr38901_element: 8 dBi, 65 degrees,
    30 dB, always facing the horizon: `elements` > 1 stacks it at half a wavelength and steers the column to the tilt,
    + 20 log10(|sum_m e^(j pi m (cos zenith - cos tilt))| / sqrt(elements)).
    """
    elements = operator.index(elements)
    if elements < 1 or (elements > 1 and pattern != "tr38901_element"):
        raise ValueError(f"elements: got {elements}, columns of 2 and more need pattern 'tr38901_element'")
    shape, (azimuth, depression, tilt) = _broadcast(
        azimuth_deg=azimuth_deg, depression_deg=depression_deg, tilt_deg=tilt_deg
    )
    _check_between("depression_deg", depression, -90.0, 90.0)
    _check_between("tilt_deg", tilt, -90.0, 90.0)
    return _core.antenna_gain_db(pattern, azimuth, depression, tilt, elements).reshape(shape)
