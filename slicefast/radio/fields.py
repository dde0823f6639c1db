"""Correlated Gaussian fields of line of sight and shadowing, drawn by FFT on a periodic tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slicefast.errors import refuse
from slicefast.radio.models import path_loss_model
from slicefast.units import Float32, Float64, Int32

#: Decorrelation distance of the line-of-sight state [m] (TR 38.901 Table 7.6.3.1-2, UMa and UMi).
LOS_STATE_DECORRELATION_M = 50.0


@dataclass(frozen=True)
class Fields:
    """Gaussian fields of unit variance on one periodic tile, and where each of K sites reads them.

    One tile that stays in cache serves all sites: each sees it shifted.

    Attributes
    ----------
    los_state, shadow_los, shadow_nlos : ndarray of float32, (size, size)
        Node (r, c) lies at (c e1 + r e2) / size.
    row_offset, col_offset : ndarray of int32, (K + 1,)
        By how many nodes a site sees them shifted; the last is the field common to all sites.
    e1_m, e2_m : tuple of float
        The tile's periods [m].
    """

    los_state: Float32
    shadow_los: Float32
    shadow_nlos: Float32
    row_offset: Int32
    col_offset: Int32
    e1_m: tuple[float, float]
    e2_m: tuple[float, float]


def _unit_field(covariance: Float64, rng: np.random.Generator) -> Float32:
    # Circulant embedding: the covariance's Fourier transform is the variance of each Fourier coefficient. The wrap of
    # the tile can make a few of them slightly negative; they are dropped and the variance restored.
    spectrum = np.maximum(np.fft.fft2(covariance).real, 0.0)
    spectrum *= spectrum.size / spectrum.sum()
    noise = np.fft.fft2(rng.standard_normal(covariance.shape))
    return np.asarray(np.fft.ifft2(noise * np.sqrt(spectrum)).real, dtype=np.float32)


def _node_distance_m(size: int, e1_m: Sequence[float], e2_m: Sequence[float]) -> Float64:
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
    """Draw the fields of line of sight and shadowing.

    Autocorrelation e^(-distance / D) with the model's decorrelation distances D (LOS and NLOS shadowing) and 50 m (LOS
    state).

    Parameters
    ----------
    model : str
        One of `PATH_LOSS_MODELS`.
    n_sites : int
        K.
    rng : numpy.random.Generator
        What they are drawn from.
    v1_m, v2_m : sequence of float, optional
        Sides of a torus [m]; the tile's periods are whole fractions of them.
    size : int
        Nodes of a side of the tile, a power of two, about nine to the shortest decorrelation distance.

    Returns
    -------
    Fields
        The tile, and each site's place in it.

    Raises
    ------
    SlicefastError
        There is no site or no such model, or the size is no power of two.
    """
    if n_sites < 1:
        refuse("n_sites", n_sites, "at least 1")
    if size < 2 or size & (size - 1):
        refuse("size", size, "a power of two")
    los, nlos = path_loss_model(model).decorrelation_m
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
    # A low-discrepancy sequence (Roberts' R2, from the plastic number, p^3 = p + 1) keeps the sites' windows into the
    # tile as far apart as they fit.
    plastic = 1.32471795724474602596
    index = np.arange(n_sites + 1)
    start = rng.random(2)
    row = np.floor((start[0] + index / plastic) % 1.0 * size).astype(np.int32)
    col = np.floor((start[1] + index / plastic**2) % 1.0 * size).astype(np.int32)
    return Fields(state_tile, los_tile, nlos_tile, row_offset=row, col_offset=col, e1_m=e1, e2_m=e2)
