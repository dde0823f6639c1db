"""Path loss, line of sight, shadowing, antennas and link gains.

Symbols: U users, N cells, K sites; positions in m, x east and y north; azimuths in degrees counter-clockwise from the
x axis; depression and tilt in degrees below the horizon. Formulas: WINNER+ D5.3 Table 4-1, ITU-R M.2135 Table A1-2,
TR 36.873 Table 7.2-1, TR 38.901 Tables 7.3-1, 7.4.1-1 and 7.4.2-1, TR 36.814 Table A.2.1.1-2. WINNER+ and M.2135 take
the 2-D distance, the TR models the 3-D distance.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core

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

#: Decorrelation distance of the line-of-sight state [m] (TR 38.901 Table 7.6.3.1-2, UMa and UMi).
LOS_STATE_DECORRELATION_M = 50.0


class RangeWarning(UserWarning):
    """A model was asked outside the distances it was made for."""


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
    if value.size and (value.min() < low or value.max() > high):
        worst = value.min() if value.min() < low else value.max()
        raise ValueError(f"{name}: got {worst:g}, allowed {low:g}..{high:g}")


def path_loss_db(
    model: str,
    los: ArrayLike,
    distance_2d_m: ArrayLike,
    frequency_hz: float,
    bs_height_m: ArrayLike = 25.0,
    ue_height_m: ArrayLike = 1.5,
) -> Float:
    """Path loss [dB] of links with or without line of sight; the arguments broadcast.

    Below the model's least distance (10 m, WINNER+ C1 30 m) the least distance is used, beyond its greatest (5 km,
    WINNER+ B1 2 km) the curve is continued; both with a `RangeWarning`. A carrier outside the model's range is a
    ValueError, as are heights it does not know. At the breakpoint the curves of a model differ by up to 0.02 dB.
    """
    shape, (distance, bs_height, ue_height, state) = _broadcast(
        distance_2d_m=distance_2d_m, bs_height_m=bs_height_m, ue_height_m=ue_height_m, los=np.asarray(los, dtype=bool)
    )
    limits = _core.model_parameters(model)
    _check_between("frequency_hz", np.array([frequency_hz]), limits["min_frequency_hz"], limits["max_frequency_hz"])
    _check_between("bs_height_m", bs_height, 3.0, 300.0)
    _check_between("ue_height_m", ue_height, 1.01, 22.5 if model.startswith("tr3") else 10.0)
    _check_between("distance_2d_m", distance, 0.0, np.inf)
    low, high = limits["min_distance_m"], limits["max_distance_m"]
    if distance.size and distance.min() < low:
        warnings.warn(f"{model}: {distance.min():g} m is below {low:g} m, which is used", RangeWarning, stacklevel=2)
        distance = np.maximum(distance, low)
    if distance.size and distance.max() > high:
        warnings.warn(f"{model}: {distance.max():g} m is beyond {high:g} m, extrapolated", RangeWarning, stacklevel=2)
    loss = _core.path_loss_db(model, state != 0, distance, frequency_hz, bs_height, ue_height)
    return loss.reshape(shape)


def los_probability(model: str, distance_2d_m: ArrayLike, ue_height_m: ArrayLike = 1.5) -> Float:
    """Probability of line of sight; the arguments broadcast.

    P = q + (1 - q) e^(-d / s), q = min(18 / d, 1), s = 63 m (macro) or 36 m (micro); C1: e^(-d / 200). For the TR
    macro models users above 13 m see further (TR 36.873 Table 7.2-2, TR 38.901 Table 7.4.2-1).
    """
    shape, (distance, ue_height) = _broadcast(distance_2d_m=distance_2d_m, ue_height_m=ue_height_m)
    _check_between("distance_2d_m", distance, 0.0, np.inf)
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
    if elements < 1 or (elements > 1 and pattern != "tr38901_element"):
        raise ValueError(f"elements: got {elements}, columns of 2 and more need pattern 'tr38901_element'")
    shape, (azimuth, depression, tilt) = _broadcast(
        azimuth_deg=azimuth_deg, depression_deg=depression_deg, tilt_deg=tilt_deg
    )
    return _core.antenna_gain_db(pattern, azimuth, depression, tilt, elements).reshape(shape)


@dataclass(frozen=True)
class Fields:
    """Gaussian fields of unit variance on one periodic tile, and where each site reads them.

    `los_state`, `shadow_los`, `shadow_nlos`: (size, size) float32, node (r, c) at (c e1 + r e2) / size. Site k sees
    them shifted by (row_offset[k], col_offset[k]) nodes, so one tile that stays in cache serves all sites; the last
    offset, index K, is the field common to all sites.
    """

    los_state: NDArray[np.float32]
    shadow_los: NDArray[np.float32]
    shadow_nlos: NDArray[np.float32]
    row_offset: NDArray[np.int32]
    col_offset: NDArray[np.int32]
    e1_m: tuple[float, float]
    e2_m: tuple[float, float]


def _unit_field(covariance: Float, rng: np.random.Generator) -> NDArray[np.float32]:
    # Circulant embedding: the covariance's Fourier transform is the variance of each Fourier coefficient. The wrap of
    # the tile can make a few of them slightly negative; they are dropped and the variance restored.
    spectrum = np.maximum(np.fft.fft2(covariance).real, 0.0)
    spectrum *= spectrum.size / spectrum.sum()
    noise = np.fft.fft2(rng.standard_normal(covariance.shape))
    return np.asarray(np.fft.ifft2(noise * np.sqrt(spectrum)).real, dtype=np.float32)


def _node_distance_m(size: int, e1_m: Sequence[float], e2_m: Sequence[float]) -> Float:
    """Distance of every node from node (0, 0) on the torus of the tile, (size, size)."""
    step = np.arange(size) / size
    best = np.full((size, size), np.inf)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            x = (step[None, :] + i) * e1_m[0] + (step[:, None] + j) * e2_m[0]
            y = (step[None, :] + i) * e1_m[1] + (step[:, None] + j) * e2_m[1]
            best = np.minimum(best, np.hypot(x, y))
    return best


def make_fields(
    model: str,
    n_sites: int,
    rng: np.random.Generator,
    v1_m: Sequence[float] | None = None,
    v2_m: Sequence[float] | None = None,
    size: int = 256,
) -> Fields:
    """Draw the fields of line of sight and shadowing for `n_sites` sites.

    Autocorrelation e^(-distance / D) with the model's decorrelation distances D (LOS and NLOS shadowing) and 50 m (LOS
    state). On a torus give its vectors v1, v2: the tile's periods are whole fractions of them. The tile has `size` x
    `size` nodes (a power of two), about nine to the shortest decorrelation distance.
    """
    if n_sites < 1:
        raise ValueError(f"n_sites: got {n_sites}, must be at least 1")
    if size < 2 or size & (size - 1):
        raise ValueError(f"size: got {size}, must be a power of two")
    parameters = _core.model_parameters(model)
    los, nlos = parameters["decorrelation_los_m"], parameters["decorrelation_nlos_m"]
    period = size * min(los, nlos) / 9.0
    if v1_m is None or v2_m is None:
        e1, e2 = (period, 0.0), (0.0, period)
    else:
        m1 = max(1, round(float(np.hypot(v1_m[0], v1_m[1])) / period))
        m2 = max(1, round(float(np.hypot(v2_m[0], v2_m[1])) / period))
        e1, e2 = (v1_m[0] / m1, v1_m[1] / m1), (v2_m[0] / m2, v2_m[1] / m2)
    distance = _node_distance_m(size, e1, e2)
    state_tile, los_tile, nlos_tile = (
        _unit_field(np.exp(-distance / d), rng) for d in (LOS_STATE_DECORRELATION_M, los, nlos)
    )
    # A low-discrepancy sequence (Roberts' R2) keeps the sites' windows into the tile as far apart as they fit.
    golden = 1.32471795724474602596
    index = np.arange(n_sites + 1)
    start = rng.random(2)
    row = np.floor((start[0] + index / golden) % 1.0 * size).astype(np.int32)
    col = np.floor((start[1] + index / golden**2) % 1.0 * size).astype(np.int32)
    return Fields(state_tile, los_tile, nlos_tile, row_offset=row, col_offset=col, e1_m=e1, e2_m=e2)


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
    isa: str | None = None,
) -> _core.LinkModel:
    """Link gains of a network: `.gains(x_m, y_m)` -> (U, N) float32, linear, without transmit power.

    gain = antenna / (path loss x shadowing), shadowing = sigma (sqrt(c) common + sqrt(1 - c) own) dB with c =
    `site_correlation`, one value per site; LOS where Phi(state field) < P(LOS). Arrays: (K,) site_*, (N,) cell_site,
    azimuth_deg, tilt_deg. With v1_m and v2_m the plane is a torus. Users nearer than the model's least distance have
    the path loss of that distance; links beyond its greatest are extrapolated, with a `RangeWarning` here where the
    layout has such links. The fields are kept in steps of 1/32 standard deviation.
    """
    x, y = np.asarray(site_x_m, dtype=np.float64), np.asarray(site_y_m, dtype=np.float64)
    wrap = v1_m is not None and v2_m is not None
    v1 = (0.0, 0.0) if v1_m is None else (float(v1_m[0]), float(v1_m[1]))
    v2 = (0.0, 0.0) if v2_m is None else (float(v2_m[0]), float(v2_m[1]))
    if wrap:
        longest = 0.5 * max(np.hypot(v1[0] + v2[0], v1[1] + v2[1]), np.hypot(v1[0] - v2[0], v1[1] - v2[1]))
    else:
        longest = float(np.hypot(np.ptp(x), np.ptp(y))) if x.size else 0.0
    limit = _core.model_parameters(model)["max_distance_m"]
    if longest > limit:
        warnings.warn(f"{model}: links up to {longest:.0f} m, made for up to {limit:g} m", RangeWarning, stacklevel=2)
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
        site_height_m=np.broadcast_to(np.asarray(site_height_m, dtype=np.float64), x.shape),
        cell_site=np.asarray(cell_site, dtype=np.int32),
        azimuth_deg=np.asarray(azimuth_deg, dtype=np.float64),
        tilt_deg=np.broadcast_to(np.asarray(tilt_deg, dtype=np.float64), np.shape(cell_site)),
        los_state=fields.los_state,
        shadow_los=fields.shadow_los,
        shadow_nlos=fields.shadow_nlos,
        los_state_decorrelation_m=LOS_STATE_DECORRELATION_M,
        row_offset=fields.row_offset,
        col_offset=fields.col_offset,
        e1_m=fields.e1_m,
        e2_m=fields.e2_m,
        isa=isa or _core.default_isa(),
    )


def update_serving(
    gain: NDArray[np.float32],
    power_w: ArrayLike,
    serving: NDArray[np.int32],
    pending_steps: NDArray[np.int32],
    margin_db: float = 3.0,
    time_to_trigger_steps: int = 0,
    n_threads: int = 1,
) -> None:
    """Move users to their best cell once it leads by `margin_db` for `time_to_trigger_steps` calls; in place.

    gain (U, N), power_w (N,), serving (U,) int32 with -1 for users not attached yet, pending_steps (U,) int32, zero at
    the start. 3GPP TS 36.331, event A3.
    """
    power = np.ascontiguousarray(power_w, dtype=np.float64)
    _core.update_serving(gain, power, serving, pending_steps, margin_db, time_to_trigger_steps, n_threads)
