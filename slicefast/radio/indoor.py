"""Users in buildings and cars: the floor they are on, how far inside, and what walls or the car's body cost.

TR 36.873 Tables 6-1 and 7.2-1, TR 38.901 Tables 7.4.3-1 to 7.4.3-3: a building of U{4..8} floors, the user on any of
them, h = 3 (floor - 1) + 1.5 m. Coated glass (IRR) loses 23 + 0.3 f dB in releases to v17, with which 3GPP calibrated
its models in 2016, and 25.4 + 0.11 f dB from v19 (v19.4.0) on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slicefast.arguments import checked
from slicefast.errors import refuse
from slicefast.units import Bool, Float64

#: Release of TR 38.901: to v17, or from v19 on.
Release = Literal["v17", "v19"]

#: Standard deviation of the shadowing of indoor users where a wall costs 20 dB: TR 36.873, TR 38.901 Table 7.4.3-3.
SIMPLE_WALL_SIGMA_DB = 7.0
_LOW_SIGMA_DB, _HIGH_SIGMA_DB = 4.4, 6.5
_COATED_GLASS_DB: Mapping[str, tuple[float, float]] = {"v17": (23.0, 0.3), "v19": (25.4, 0.11)}  # at 0 Hz, per GHz
_DEEPEST_M = 25.0


#: Mean and standard deviation of what a car's body costs [dB]: TR 38.901 7.4.3.2.
CAR_LOSS_DB = (9.0, 5.0)


@dataclass(frozen=True)
class Buildings:
    """Users and their buildings.

    Attributes
    ----------
    height_m : ndarray of float64, (U,)
        Above ground [m].
    indoor : ndarray of bool, (U,)
        Who is in a building.
    inside_m, loss_db : ndarray of float64, (U,)
        Way inside [m] and what wall and way cost [dB]; 0 outdoors.
    """

    height_m: Float64
    indoor: Bool
    inside_m: Float64
    loss_db: Float64


@checked
def building_loss_db(kind: str, frequency_hz: float, release: Release = "v17") -> float:
    """Penetration loss [dB] without the indoor way (TR 36.873 Table 7.2-1, TR 38.901 Table 7.4.3-2).

    tr36873: 20 dB, low: 5 - 10 log10(0.3 10^(-L_glass / 10) + 0.7 10^(-L_concrete / 10)), high: 5 - 10 log10(0.7
    10^(-L_IRR / 10) + 0.3 10^(-L_concrete / 10)), L_glass = 2 + 0.2 f, L_concrete = 5 + 4 f (f in GHz);
    L_IRR = 23 + 0.3 f with ``release = "v17"``, 25.4 + 0.11 f with "v19" (Table 7.4.3-1).

    Parameters
    ----------
    kind : {"tr36873", "low", "high"}
        The building.
    frequency_hz : float
        Carrier [Hz].
    release : {"v17", "v19"}
        Of TR 38.901.

    Raises
    ------
    SlicefastError
        There is no such building.

    Examples
    --------
    >>> round(sf.radio.building_loss_db("low", 2e9), 2)
    11.83
    """
    if kind not in ("tr36873", "low", "high"):
        refuse("kind", kind, "tr36873, low, high")
    if release not in _COATED_GLASS_DB:
        refuse("release", release, ", ".join(_COATED_GLASS_DB))
    if not 0.45e9 <= frequency_hz <= 100e9:
        refuse("frequency_hz", frequency_hz, "0.45e9 to 100e9: it is in Hz")
    f = frequency_hz / 1e9
    at_0, per_ghz = _COATED_GLASS_DB[release]
    glass, coated, concrete = (10.0 ** (-loss / 10.0) for loss in (2.0 + 0.2 * f, at_0 + per_ghz * f, 5.0 + 4.0 * f))
    if kind == "tr36873":
        return 20.0
    if kind == "low":
        return float(5.0 - 10.0 * np.log10(0.3 * glass + 0.7 * concrete))
    return float(5.0 - 10.0 * np.log10(0.7 * coated + 0.3 * concrete))


@checked
def draw_buildings(
    rng: np.random.Generator,
    n_users: int,
    share: float,
    building: str,
    frequency_hz: float,
    *,
    high_loss_share: float = 0.5,
    floors: tuple[int, int] = (4, 8),
    outdoor_height_m: float = 1.5,
    release: Release = "v17",
) -> Buildings:
    """Draw which users are indoors, their heights and losses.

    "tr36873": 20 dB + 0.5 d_in, d_in uniform on (0, 25) m. "tr38901": the low- or the high-loss model with its standard
    deviation (4.4, 6.5 dB) + 0.5 d_in, d_in the smaller of two uniforms on (0, 25) m.

    Parameters
    ----------
    rng : numpy.random.Generator
        What they are drawn from.
    n_users : int
        U.
    share : float
        Probability that a user is indoors.
    building : {"tr36873", "tr38901"}
        The document of their buildings.
    frequency_hz : float
        Carrier [Hz].
    high_loss_share : float
        Of the "tr38901" buildings, which have the high loss.
    floors : tuple of int
        Least and most floors of a building.
    outdoor_height_m : float
        Height of users outdoors [m].
    release : {"v17", "v19"}
        As in `building_loss_db`.

    Raises
    ------
    SlicefastError
        There is no such building.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = sf.radio.draw_buildings(rng, n_users=1000, share=0.8, building="tr36873", frequency_hz=2e9)
    >>> round(float(found.indoor.mean()), 1), float(found.loss_db[found.indoor].min()) >= 20.0
    (0.8, True)
    """
    if building not in ("tr36873", "tr38901"):
        refuse("building", building, "tr36873, tr38901")
    indoor = rng.random(n_users) < share
    tops = rng.integers(floors[0], floors[1] + 1, n_users)
    floor = rng.integers(1, tops + 1)
    if building == "tr36873":
        inside = rng.uniform(0.0, _DEEPEST_M, n_users)
        wall = np.full(n_users, building_loss_db("tr36873", frequency_hz))
    else:
        inside = rng.uniform(0.0, _DEEPEST_M, (2, n_users)).min(axis=0)
        high = rng.random(n_users) < high_loss_share
        mean = np.where(high, building_loss_db("high", frequency_hz, release), building_loss_db("low", frequency_hz))
        wall = mean + np.where(high, _HIGH_SIGMA_DB, _LOW_SIGMA_DB) * rng.standard_normal(n_users)
    return Buildings(
        height_m=np.where(indoor, 3.0 * (floor - 1) + 1.5, outdoor_height_m),
        indoor=indoor,
        inside_m=np.where(indoor, inside, 0.0),
        loss_db=np.where(indoor, wall + 0.5 * inside, 0.0),
    )


@checked
def draw_car_loss_db(rng: np.random.Generator, is_outdoor: Bool, share: float) -> Float64:
    """Draw who sits in a car and what its body costs: N(9, 5) dB, 0 for all others (TR 38.901 7.4.3.2).

    Parameters
    ----------
    rng : numpy.random.Generator
        What they are drawn from.
    is_outdoor : ndarray of bool, (U,)
        Who is in no building.
    share : float
        Probability that a user outdoors is in a car.

    Returns
    -------
    ndarray of float64, (U,)
        Loss [dB]; rarely (3.6 % of the cars) below 0, as the document's normal distribution is.

    Examples
    --------
    >>> loss_db = sf.radio.draw_car_loss_db(np.random.default_rng(0), np.ones(10_000, bool), share=1.0)
    >>> round(float(loss_db.mean())), round(float(loss_db.std()))
    (9, 5)
    """
    loss_db = rng.normal(*CAR_LOSS_DB, is_outdoor.size)
    return np.where(is_outdoor & (rng.random(is_outdoor.size) < share), loss_db, 0.0)
