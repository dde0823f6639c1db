"""Correlated Gaussian fields of line of sight and shadowing, drawn by FFT on periodic tiles.

Symbols: K sites; D decorrelation distances; v1, v2 the sides of a torus; e1, e2 the periods of a tile.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from slicefast.arguments import between, checked
from slicefast.errors import refuse
from slicefast.plausible import warn
from slicefast.radio.models import path_loss_model
from slicefast.units import Float32, Float64, Int32

#: Nodes along a tile's side: five fields of these take 5 GiB.
LARGEST_SIZE = 2**14

#: A torus of more sites folds far cells, which needs tiles that divide it; on smaller ones further images count.
_MOST_SITES_WITH_IMAGES = 37
#: Nodes to the shortest decorrelation distance: as many as wanted, and the fewest (a longer tile) accepted.
_NODES, _FEWEST_NODES = 9.0, 6.0
_SIZES = (256, 512, 1024)
#: Length of a tile in decorrelation distances, at least: 256 independent patches.
_PATCHES = 16.0
#: In decorrelation distances: of two places this far apart, which see a site through the same fields, one is too far
#: from it to matter. Tiles need not be longer, and shorter ones stay in cache.
_FAR_APART = 48.0
_REPEATS = 1.001  # periods in an area that repeats, but for rounding


@dataclass(frozen=True)
class Fields:
    """Gaussian fields on periodic tiles, and where each site reads them.

    Attributes
    ----------
    los_state, shadow_los, shadow_nlos : ndarray of float32, (size, size)
        The sites' own fields: node (r, c) lies at (c e1 + r e2) / size. The values of a tile are the quantiles of the
        standard normal distribution, so that no seed shifts a network.
    common_los, common_nlos : ndarray of float32, (rows, cols)
        The fields common to all sites, on the same mesh: of links in line of sight and of the others, from one draw,
        so that they agree but for their decorrelation distances.
    row_offset, col_offset : ndarray of int32, (K,)
        Site k sees its own fields shifted by so many nodes: one tile that stays in cache serves all sites.
    e1_m, e2_m : tuple of float
        Periods of the sites' own tiles [m].
    """

    los_state: Float32
    shadow_los: Float32
    shadow_nlos: Float32
    common_los: Float32
    common_nlos: Float32
    row_offset: Int32
    col_offset: Int32
    e1_m: tuple[float, float]
    e2_m: tuple[float, float]


@lru_cache(maxsize=8)
def _normal_quantiles(n: int) -> Float32:
    with warnings.catch_warnings():  # what SciPy adds to the user's filters when it is imported
        from scipy.special import ndtri

    quantiles: Float32 = np.asarray(ndtri((np.arange(n) + 0.5) / n), dtype=np.float32)
    quantiles.flags.writeable = False
    return quantiles


def _unit_field(noise: Float64, decorrelation_m: float, e1_m: Sequence[float], e2_m: Sequence[float]) -> Float32:
    """Return a field of correlation e^(-distance / D) from white noise (rows, cols), its values normal quantiles."""
    amplitude = _amplitude(noise.shape, decorrelation_m, tuple(e1_m), tuple(e2_m))
    drawn = np.fft.irfft2(np.fft.rfft2(noise) * amplitude, noise.shape).ravel()
    # The mean of a tile is random, and all sites read it: by its ranks every tile gets the same distribution.
    values = np.empty(drawn.size, dtype=np.float32)
    values[np.argsort(drawn.astype(np.float32))] = _normal_quantiles(drawn.size)
    return values.reshape(noise.shape)


@lru_cache(maxsize=8)  # of one network, of which every reset draws new fields
def _amplitude(
    shape: tuple[int, ...], decorrelation_m: float, e1_m: tuple[float, ...], e2_m: tuple[float, ...]
) -> Float64:
    # Circulant embedding: the covariance's Fourier transform is the variance of each Fourier coefficient. The wrap of
    # the tile can make a few of them slightly negative; they are dropped.
    covariance = np.exp(-_node_distance_m(shape, e1_m, e2_m) / decorrelation_m)
    amplitude: Float64 = np.sqrt(np.maximum(np.fft.rfft2(covariance).real, 0.0))
    amplitude.flags.writeable = False
    return amplitude


def _node_distance_m(shape: tuple[int, ...], e1_m: Sequence[float], e2_m: Sequence[float]) -> Float64:
    """Distance of every node from node (0, 0) on the torus of the tile, (rows, cols)."""
    rows, cols = shape
    col, row = np.arange(cols)[None, :] / cols, np.arange(rows)[:, None] / rows
    best = np.full(shape, np.inf)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            x = (col + i) * e1_m[0] + (row + j) * e2_m[0]
            y = (col + i) * e1_m[1] + (row + j) * e2_m[1]
            best = np.minimum(best, x * x + y * y)
    return np.asarray(np.sqrt(best))


def _length_m(vector_m: Sequence[float]) -> float:
    return float(np.hypot(vector_m[0], vector_m[1]))


def _scaled(vector_m: Sequence[float], factor: float) -> tuple[float, float]:
    return vector_m[0] * factor, vector_m[1] * factor


def _choose_mesh(shortest_m: float, wanted_m: float, size: int | None) -> tuple[int, float]:
    """Return the tile's nodes along a side, and their distance [m]: a tile `wanted_m` long where memory allows."""
    sizes = _SIZES if size is None else (size,)
    size = next((n for n in sizes if wanted_m / n <= shortest_m / _FEWEST_NODES), sizes[-1])
    return size, float(np.clip(wanted_m / size, shortest_m / _NODES, shortest_m / _FEWEST_NODES))


def _wanted_period_m(extent_m: float, far_apart_m: float) -> float:
    """Return the length of the shortest tile that divides an area and repeats far apart only."""
    return extent_m / max(1, int(extent_m / far_apart_m))


def _nodes_around(length_m: float, mesh_m: float, size: int) -> int:
    """Return in how many nodes to cut a small torus' side so that its images read a tile of `size` far apart.

    Images 1 to 4 turns away read it that many times so many nodes further on: of the numbers up to a quarter above
    the mesh's the one that keeps these farthest from whole periods.
    """
    least = max(2, int(np.ceil(length_m / mesh_m)))
    numbers = np.arange(least, least + max(2, least // 4))
    turned = np.outer(numbers, np.arange(1, 5)) % size
    return int(numbers[np.minimum(turned, size - turned).min(axis=1).argmax()])


@checked
def make_fields(
    model: str,
    n_sites: int,
    rng: np.random.Generator,
    v1_m: Sequence[float] | None = None,
    v2_m: Sequence[float] | None = None,
    size: int | None = None,
    extent_m: float = 0.0,
) -> Fields:
    """Draw the fields of line of sight and shadowing for ``n_sites`` sites.

    Autocorrelation e^(-distance / D) with the model's decorrelation distances D (LOS and NLOS shadowing, and LOS state,
    TR 38.901 Table 7.6.3.1-2). Tiles are as long as the area, or a part of it of at least 48 of the longest D (2.4 km
    where that is 50 m), where shadowing repeats: a place that far on is too far from the site to matter. They are at
    least 16 of the longest D long and have nine nodes to the shortest D; longer ones have fewer, down to six. Where
    that is too short, areas repeat sooner, which a `RangeWarning` tells. On a torus of at most 37 sites the fields
    common to all sites are as long as the torus, so that shadowing repeats by half at most.

    Parameters
    ----------
    model : str
        One of `PATH_LOSS_MODELS`.
    n_sites : int
        Sites that read the fields.
    rng : numpy.random.Generator
        Draws the fields.
    v1_m, v2_m : sequence of float, optional
        Sides of a torus [m]. The fields common to all sites are periodic on it. Those of a site lie around it: on a
        torus of at most 37 sites its further images read them elsewhere; larger ones take tiles that divide them.
    size : int, optional
        Nodes along a tile's side, a power of two; 256 to 1,024 by the above unless given.
    extent_m : float
        Length of the area, known on a torus [m].

    Returns
    -------
    Fields
        The tiles and where sites read them.

    Raises
    ------
    SlicefastError
        There is no site or no such model, or the size is no power of two.

    Examples
    --------
    >>> fields = sf.radio.make_fields("tr38901_uma", n_sites=3, rng=np.random.default_rng(0), size=64)
    >>> fields.shadow_los.shape, round(float(fields.shadow_los.std()), 2)  # quantiles of the normal distribution
    ((64, 64), 1.0)
    """
    between(1, 2**31, n_sites=n_sites)
    between(0.0, 1e12, extent_m=extent_m)
    if size is not None and (not 2 <= size <= LARGEST_SIZE or size & (size - 1)):
        refuse("size", size, f"a power of two up to {LARGEST_SIZE}")
    known = path_loss_model(model)
    los, nlos = known.decorrelation_m
    torus = None if v1_m is None or v2_m is None else (tuple(v1_m), tuple(v2_m))
    if torus is not None:
        extent_m = max(_length_m(v) for v in torus)
    longest_m = max(los, nlos, known.los_state_decorrelation_m)
    wanted_m = max(_PATCHES * longest_m, _wanted_period_m(extent_m, _FAR_APART * longest_m))
    size, mesh = _choose_mesh(min(los, nlos), wanted_m, size)
    cols = rows = size
    if torus is None:
        e1, e2 = (size * mesh, 0.0), (0.0, size * mesh)
    elif n_sites > _MOST_SITES_WITH_IMAGES:
        e1, e2 = (_scaled(v, 1.0 / max(1, round(_length_m(v) / min(wanted_m, size * mesh)))) for v in torus)
    else:
        cols, rows = (_nodes_around(_length_m(v), mesh, size) for v in torus)
        e1, e2 = _scaled(torus[0], size / cols), _scaled(torus[1], size / rows)
    period_m = min(_length_m(e1), _length_m(e2))
    if (cols, rows) == (size, size) and min(extent_m, _FAR_APART * longest_m) > _REPEATS * period_m:
        warn(f"{model}: shadowing and line of sight repeat every {period_m:.0f} m, the area is {extent_m:.0f} m long")
    state_tile, los_tile, nlos_tile = (
        _unit_field(rng.standard_normal((size, size)), d, e1, e2) for d in (known.los_state_decorrelation_m, los, nlos)
    )
    noise = rng.standard_normal((rows, cols))
    around_1, around_2 = _scaled(e1, cols / size), _scaled(e2, rows / size)
    common_los, common_nlos = (_unit_field(noise, d, around_1, around_2) for d in (los, nlos))
    row, col = _site_offsets(n_sites, rng, size)
    return Fields(state_tile, los_tile, nlos_tile, common_los, common_nlos, row, col, e1_m=e1, e2_m=e2)


def _site_offsets(n_sites: int, rng: np.random.Generator, size: int) -> tuple[Int32, Int32]:
    # A low-discrepancy sequence (Roberts' R2, from the plastic number, p^3 = p + 1) keeps the sites' windows into the
    # tile as far apart as they fit.
    plastic = 1.32471795724474602596
    index = np.arange(n_sites)
    start = rng.random(2)
    row = np.floor((start[0] + index / plastic) % 1.0 * size).astype(np.int32)
    col = np.floor((start[1] + index / plastic**2) % 1.0 * size).astype(np.int32)
    return row, col
