"""Where the sites are: hexagonal lattices, with or without wrap-around, and the area users move in.

====== ===================================================================== ====
symbol meaning                                                               unit
====== ===================================================================== ====
a1, a2 lattice vectors of the sites, ISD (1, 0) and ISD (1/2, sqrt(3)/2)     m
i, j   the torus: v1 = i a1 + j a2 and v2 = v1 turned by 60 degrees          -
T      sites on the torus, T = i² + i j + j²                                 -
v1, v2 the area is {s v1 + t v2 : 0 <= s, t < 1}, its corner at (0, 0)       m
====== ===================================================================== ====
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from slicefast.arguments import checked
from slicefast.arrays import to_finite
from slicefast.errors import ScenarioError
from slicefast.scenario.region import Region, around
from slicefast.units import Float64, Int32, Int64

_NEIGHBOURS = 6


@checked
@dataclass(frozen=True)
class Area:
    """The parallelogram {s v1 + t v2} that users move in.

    With ``wrap`` it is a torus; otherwise v1 and v2 lie along x and y, a box around the ``region`` that users stay in.
    ``origin_m`` is where the area's corner lies in the coordinates the layout was given in: every position in slicefast
    is counted from that corner.

    Examples
    --------
    >>> area = sf.scenario.Area(origin_m=(0.0, 0.0), v1_m=(100.0, 0.0), v2_m=(0.0, 50.0), wrap=False)
    >>> x_m, y_m = area.sample(np.random.default_rng(0), 1000)
    >>> x_m.shape, bool(x_m.max() <= 100.0), bool(y_m.max() <= 50.0)
    ((1000,), True, True)
    """

    origin_m: tuple[float, float]
    v1_m: tuple[float, float]
    v2_m: tuple[float, float]
    wrap: bool
    region: Region | None = None

    @property
    def area_m2(self) -> float:
        """Where users are: |v1 x v2|, or the region's [m²]."""
        if self.region is not None:
            return self.region.area_m2
        return abs(self.v1_m[0] * self.v2_m[1] - self.v1_m[1] * self.v2_m[0])

    def sample(self, generator: np.random.Generator, n: int) -> tuple[Float64, Float64]:
        """Draw n positions (n,) and (n,) [m], uniform over the area; where there is a region, over that.

        Parameters
        ----------
        generator : numpy.random.Generator
            Draws them.
        n : int
            How many.
        """
        x_m, y_m = self._sample_box(generator, n)
        if self.region is not None:
            while (outside := np.flatnonzero(~self.region.contains(x_m, y_m))).size:
                x_m[outside], y_m[outside] = self._sample_box(generator, outside.size)
        return x_m, y_m

    def _sample_box(self, generator: np.random.Generator, n: int) -> tuple[Float64, Float64]:
        s, t = generator.random((2, n))
        return s * self.v1_m[0] + t * self.v2_m[0], s * self.v1_m[1] + t * self.v2_m[1]


def torus_indices(n_sites: int) -> tuple[int, int] | None:
    """Return (i, j), i >= j >= 0, with n_sites = i² + i j + j², the largest i first; None if there are none."""
    for i in range(int(np.sqrt(n_sites)), 0, -1):
        for j in range(i + 1):
            if i * i + i * j + j * j == n_sites:
                return i, j
    return None


def _closing_sizes(n_sites: int) -> str:
    """Name the nearest site counts that close on a torus."""
    below = next(n for n in range(n_sites - 1, 0, -1) if torus_indices(n))
    above = next(n for n in range(n_sites + 1, 4 * n_sites + 4) if torus_indices(n))
    return f"{below} or {above}"


def hexagonal_sites(n_sites: int, inter_site_distance_m: float, wrap_around: bool) -> tuple[Float64, Area]:
    """Place sites on a triangular lattice: positions (K, 2) [m] and the area around them.

    With wrap-around the sites fill a torus of T = i² + i j + j² sites, so n_sites must be such a number (1, 3, 4, 7, 9,
    12, 13, 16, 19, ...: `ScenarioError` otherwise). Without, they spiral out from one site, and users stay in the
    `slicefast.scenario.region` that holds a hexagon of the lattice for every site.

    Parameters
    ----------
    n_sites : int
        K.
    inter_site_distance_m : float
        Of nearest sites [m].
    wrap_around : bool
        Whether the area is a torus.
    """
    isd = inter_site_distance_m
    basis = isd * np.array([[1.0, 0.0], [0.5, np.sqrt(3.0) / 2.0]])
    if not wrap_around:
        return boxed(_spiral(n_sites) @ basis, isd)
    indices = torus_indices(n_sites)
    if indices is None:
        raise ScenarioError(
            "n_sites",
            n_sites,
            f"with wrap_around = true the lattice closes for {_closing_sizes(n_sites)} sites; "
            "otherwise set wrap_around = false",
        )
    i, j = indices
    period = np.array([[i, j], [-j, i + j]])  # rows v1, v2 in units of a1, a2; v2 is v1 turned by 60 degrees
    # Site (p, q) has torus coordinates (p, q) @ inverse; exact in integers, so that no site is lost to rounding.
    adjugate = np.array([[i + j, -j], [j, i]])
    p, q = (a.ravel() for a in np.meshgrid(np.arange(-i - j, i + j + 1), np.arange(2 * (i + j) + 1)))
    sites = np.stack([p, q], axis=1)
    numerator = sites @ adjugate
    inside = np.all((numerator >= 0) & (numerator < n_sites), axis=1)
    # Row by row from the corner: a fixed, readable order.
    sites = sites[inside][np.lexsort(numerator[inside].T)]
    v1, v2 = period @ basis
    area = Area((0.0, 0.0), (float(v1[0]), float(v1[1])), (float(v2[0]), float(v2[1])), True)
    return sites @ basis, area


def _spiral(n_sites: int) -> Int64:
    """Return lattice indices (K, 2): the centre, then ring after ring."""
    directions = [(-1, 1), (-1, 0), (0, -1), (1, -1), (1, 0), (0, 1)]
    sites = [(0, 0)]
    ring = 0
    while len(sites) < n_sites:
        ring += 1
        p, q = ring, 0
        for dp, dq in directions:
            for _ in range(ring):
                sites.append((p, q))
                p, q = p + dp, q + dq
    return np.array(sites[:n_sites], dtype=np.int64)


def boxed(sites_m: Float64, distance_m: float, margin_m: float | None = None) -> tuple[Float64, Area]:
    """Put a box around sites (K, 2) [m]; return the sites counted from its corner, and the box with its region.

    The box reaches `margin_m` beyond the outermost sites, their typical distance / sqrt(3) unless given; the region has
    that margin, or follows from the distance (`slicefast.scenario.region`).

    Parameters
    ----------
    sites_m : ndarray, (K, 2)
        Positions [m].
    distance_m : float
        Typical distance of neighbouring sites [m].
    margin_m : float, optional
        See above [m].
    """
    region_margin_m, margin_m = margin_m, distance_m / np.sqrt(3.0) if margin_m is None else margin_m
    corner = sites_m.min(axis=0) - margin_m
    size = sites_m.max(axis=0) + margin_m - corner
    area = Area((float(corner[0]), float(corner[1])), (float(size[0]), 0.0), (0.0, float(size[1])), False)
    sites_m = sites_m - corner
    return sites_m, replace(area, region=around(sites_m, distance_m, region_margin_m))


def torus_distance(dx_m: Float64, dy_m: Float64, area: Area) -> Float64:
    """Distance [m] of each offset to the nearest image; the plain distance where the area does not wrap.

    Parameters
    ----------
    dx_m, dy_m : ndarray
        Offsets [m], of one shape, also the distances'.
    area : Area
        Its sides.
    """
    if not area.wrap:
        return np.hypot(dx_m, dy_m)
    (v1x, v1y), (v2x, v2y) = area.v1_m, area.v2_m
    det = v1x * v2y - v1y * v2x
    s, t = (dx_m * v2y - dy_m * v2x) / det, (v1x * dy_m - v1y * dx_m) / det
    s, t = s - np.rint(s), t - np.rint(t)
    images = [
        np.hypot((s + k) * v1x + (t + m) * v2x, (s + k) * v1y + (t + m) * v2y) for k in (-1, 0, 1) for m in (-1, 0, 1)
    ]
    return np.asarray(np.min(images, axis=0))


@checked
def neighbours(centre_x_m: Float64, centre_y_m: Float64, area: Area) -> Int32:
    """Return each cell's nearest other cells by cell centre, (N, min(6, N - 1)) int32, the nearest first.

    Distances are those of the nearest image on a torus; ties go to the lower cell number.

    Parameters
    ----------
    centre_x_m, centre_y_m : ndarray, (N,)
        Centres of the cells [m].
    area : Area
        Where they are.

    Raises
    ------
    SlicefastError
        Centres that are not finite, or not as many x as y.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.scenario.neighbours(*scenario.placement.centres_m(), scenario.area)[0]
    array([1, 2], dtype=int32)
    """
    centre_x_m = to_finite("centre_x_m", centre_x_m)
    n = centre_x_m.size
    centre_y_m = to_finite("centre_y_m", centre_y_m, n)
    count = min(_NEIGHBOURS, n - 1)
    result = np.empty((n, count), dtype=np.int32)
    for cell in range(n):  # row by row: no N x N array, networks may have thousands of cells
        distance = torus_distance(centre_x_m - centre_x_m[cell], centre_y_m - centre_y_m[cell], area)
        distance[cell] = np.inf
        # Millimetres make lattice ties exact, and a stable sort then keeps the order of the cells.
        result[cell] = np.argsort(np.round(distance, 3), kind="stable")[:count]
    return result
