"""The 3GPP large-scale calibration drops: coupling gain, geometry and SINR of many users, to lay over published CDFs.

Set-ups: TR 36.873 phase 1 (2 GHz) and the phase 1 of TR 38.901 at 6 GHz (R1-165974): 19 three-sector sites with
wrap-around, 80 % of the users indoors on some floor, no fast fading. Both documents draw the shadowing of each site's
link on its own (step 4 of the channel generation), without the correlation of 0.5 between sites of older models; the
sectors of a site share it. Nothing here is fitted.

====== ==================================================== ====
symbol meaning                                              unit
====== ==================================================== ====
U, K   users, sites (19); 3 K cells
d_in   way inside the building, of a user's 2-D distance    m
C      TR 38.901 Table 7.4.1-1 note 1, for users above 13 m -
====== ==================================================== ====
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np

from slicefast.arguments import checked
from slicefast.errors import refuse
from slicefast.radio.indoor import Buildings, draw_buildings
from slicefast.radio.models import MOST_ELEMENTS, antenna_gain_db, los_probability, path_loss_db, path_loss_model
from slicefast.units import THERMAL_NOISE_DBM_PER_HZ, Float64


@dataclass(frozen=True)
class _Case:
    model: str
    frequency_hz: float
    inter_site_distance_m: float
    bs_height_m: float
    min_distance_m: float
    power_dbm: float
    bandwidth_hz: float
    building: str  # "tr36873": 20 dB + 0.5 d_in; "tr38901": low- and high-loss buildings
    sigma_los_db: float
    sigma_nlos_db: float
    sigma_indoor_db: float | None  # None: that of the link's state plus the building's

    @property
    def noise_dbm(self) -> float:
        return THERMAL_NOISE_DBM_PER_HZ + 10.0 * float(np.log10(self.bandwidth_hz)) + 9.0  # noise figure 9 dB


#: TR 36.873 Table 8.2-1 (46 / 41 dBm over 10 MHz) and R1-165974 (49 / 44 dBm over 20 MHz).
_CASES = {
    "tr36873_uma": _Case("tr36873_uma", 2e9, 500.0, 25.0, 35.0, 46.0, 10e6, "tr36873", 4.0, 6.0, 7.0),
    "tr36873_umi": _Case("tr36873_umi", 2e9, 200.0, 10.0, 10.0, 41.0, 10e6, "tr36873", 3.0, 4.0, 7.0),
    "tr38901_uma_6ghz": _Case("tr38901_uma", 6e9, 500.0, 25.0, 35.0, 49.0, 20e6, "tr38901", 4.0, 6.0, None),
    "tr38901_umi_6ghz": _Case("tr38901_umi", 6e9, 200.0, 10.0, 10.0, 44.0, 20e6, "tr38901", 4.0, 7.82, None),
}
CALIBRATION_CASES = tuple(_CASES)
_INDOOR_SHARE = 0.8
_TILT_DEG = 12.0  # electrical zenith tilt 102 degrees, for columns


@dataclass(frozen=True)
class Calibration:
    """What a drop measured.

    Attributes
    ----------
    coupling_gain_db : ndarray of float64, (U,)
        To the serving cell [dB].
    geometry_db, sinr_db : ndarray of float64, (U,)
        Signal over interference, without and with noise [dB].
    """

    coupling_gain_db: Float64
    geometry_db: Float64
    sinr_db: Float64


def _sites(isd_m: float) -> tuple[Float64, Float64]:
    """Positions (19, 2), and the translations (7, 2) that tile the plane: 3 a1 + 2 a2 and its turns by 60 degrees."""
    a1, a2 = isd_m * np.array([1.0, 0.0]), isd_m * np.array([0.5, np.sqrt(0.75)])
    ring = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if abs(i + j) <= 2]
    v = 3 * a1 + 2 * a2
    turns = np.radians(60.0 * np.arange(6))
    around = [(v[0] * np.cos(t) - v[1] * np.sin(t), v[0] * np.sin(t) + v[1] * np.cos(t)) for t in turns]
    return np.array([i * a1 + j * a2 for i, j in ring]), np.array([(0.0, 0.0), *around])


def _displacements(x: Float64, y: Float64, sites: Float64, images: Float64) -> tuple[Float64, Float64]:
    """Vectors (U, K) from the nearest image of each site."""
    best_x, best_y = x[:, None] - sites[:, 0], y[:, None] - sites[:, 1]
    best = best_x**2 + best_y**2
    for shift in images[1:]:
        dx, dy = x[:, None] - sites[:, 0] - shift[0], y[:, None] - sites[:, 1] - shift[1]
        nearer = dx**2 + dy**2 < best
        best_x, best_y = np.where(nearer, dx, best_x), np.where(nearer, dy, best_y)
        best = np.where(nearer, dx**2 + dy**2, best)
    return best_x, best_y


def _positions(case: _Case, n_users: int, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Uniform over the hexagon of the centre site, not too near its mast; with wrap-around all are equal."""
    radius = case.inter_site_distance_m / np.sqrt(3.0)
    accepted: list[Float64] = []
    missing = n_users
    while missing > 0:
        x, y = rng.uniform(-radius, radius, (2, 2 * missing + 16))
        turned = np.abs(np.stack([x * np.cos(t) + y * np.sin(t) for t in np.radians([0.0, 60.0, 120.0])]))
        inside = (turned.max(axis=0) <= case.inter_site_distance_m / 2.0) & (np.hypot(x, y) >= case.min_distance_m)
        accepted.append(np.stack([x, y])[:, inside][:, :missing])
        missing -= accepted[-1].shape[1]
    both = np.concatenate(accepted, axis=1)
    return both[0], both[1]


def _environment_height_m(case: _Case, distance_m: Float64, height_m: Float64, rng: np.random.Generator) -> Float64:
    """1 m; for tall users of the macro models, with probability C / (1 + C), one of 12, 15, ..., h - 1.5 m."""
    tall = (height_m > 13.0) & path_loss_model(case.model).tall_users
    g = np.where(distance_m > 18.0, 1.25 * (distance_m / 100.0) ** 3 * np.exp(-distance_m / 150.0), 0.0)
    c = np.where(tall, (np.maximum(height_m - 13.0, 0.0) / 10.0) ** 1.5 * g, 0.0)
    choices = np.maximum(np.floor((height_m - 1.5 - 12.0) / 3.0) + 1.0, 1.0)
    drawn = 12.0 + 3.0 * np.floor(rng.random(distance_m.shape) * choices)
    other = tall & (rng.random(distance_m.shape) < c / (1.0 + c))
    return np.where(other, np.minimum(drawn, np.maximum(height_m - 1.5, 12.0)), 1.0)


def _link_loss_db(case: _Case, users: Buildings, distance_m: Float64, rng: np.random.Generator) -> Float64:
    """Path loss, walls and shadowing (U, K). The indoor way is the users' own, the rest decides on line of sight."""
    height = np.broadcast_to(users.height_m[:, None], distance_m.shape)
    outdoor_way = np.maximum(distance_m - users.inside_m[:, None], 1e-3)
    los = rng.random(distance_m.shape) < los_probability(case.model, outdoor_way, height)
    environment = _environment_height_m(case, distance_m, height, rng)
    path = path_loss_db(
        case.model, los, distance_m, case.frequency_hz, case.bs_height_m, height, environment_height_m=environment
    )
    sigma = np.where(los, case.sigma_los_db, case.sigma_nlos_db)
    if case.sigma_indoor_db is not None:
        sigma = np.where(users.indoor[:, None], case.sigma_indoor_db, sigma)
    return path + users.loss_db[:, None] + sigma * rng.standard_normal(distance_m.shape)


@checked
def calibrate(case: str, elements: int = 1, n_users: int = 20_000, seed: int = 0) -> Calibration:
    """Run a calibration drop; users attach to the cell of largest coupling gain.

    With 20,000 users the percentiles from 5 to 95 are good to about 0.2 dB.

    Parameters
    ----------
    case : str
        tr36873_uma, tr36873_umi (2 GHz), tr38901_uma_6ghz or tr38901_umi_6ghz.
    elements : int
        1: a vertical element of 8 dBi; more: a column of them, with electrical zenith tilt 102 degrees.
    n_users : int
        U, users that are dropped.
    seed : int
        Of the drop.

    Returns
    -------
    Calibration
        One value per user.

    Raises
    ------
    SlicefastError
        There is no such case, or a number is below 1.

    Examples
    --------
    >>> drop = sf.radio.calibrate("tr36873_uma", n_users=570)
    >>> drop.geometry_db.shape, bool((drop.sinr_db <= drop.geometry_db).all())  # noise comes on top
    ((570,), True)
    """
    if case not in _CASES:
        refuse("case", case, ", ".join(_CASES))
    elements = operator.index(elements)
    if not 1 <= elements <= MOST_ELEMENTS:
        refuse("elements", elements, f"1 to {MOST_ELEMENTS}")
    if n_users < 1:
        refuse("n_users", n_users, "at least 1")
    setup = _CASES[case]
    rng = np.random.default_rng(seed)
    x, y = _positions(setup, n_users, rng)
    users = draw_buildings(rng, n_users, _INDOOR_SHARE, setup.building, setup.frequency_hz)
    dx, dy = _displacements(x, y, *_sites(setup.inter_site_distance_m))
    distance = np.hypot(dx, dy)
    loss = _link_loss_db(setup, users, distance, rng)
    depression = np.degrees(np.arctan2(setup.bs_height_m - users.height_m[:, None], distance))
    azimuth = np.degrees(np.arctan2(dy, dx))[:, :, None] - np.array([30.0, 150.0, 270.0])
    antenna = antenna_gain_db("tr38901_element", azimuth, depression[:, :, None], _TILT_DEG, elements)
    gain_db = (antenna - loss[:, :, None]).reshape(n_users, -1)
    serving = gain_db.argmax(axis=1)
    coupling = gain_db[np.arange(n_users), serving]
    received = 10.0 ** (gain_db / 10.0)
    received[np.arange(n_users), serving] = 0.0
    interference = received.sum(axis=1)
    noise = 10.0 ** ((setup.noise_dbm - setup.power_dbm) / 10.0)
    return Calibration(
        coupling, coupling - 10.0 * np.log10(interference), coupling - 10.0 * np.log10(interference + noise)
    )
