"""Where users are on a plane: the sites' convex hull, widened evenly.

====== ======================================================= ====
symbol meaning                                                 unit
====== ======================================================= ====
A, P   area and perimeter of the hull                          m², m
m      by how much it is widened; area A + P m + pi m²         m
d      the sites' typical distance                             m
K      sites                                                   -
====== ======================================================= ====

Rule (ours): the region has an area of K d² sqrt(3) / 2, the hexagons of a lattice, so that a cell that is surrounded
has as many users on average as its slices promise, and one at the border about as many; m stays between d / 3 and
d / sqrt(3). Users of a bounding box would crowd the cells at its corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slicefast.units import Bool, Float64, Index, Int32

Point = tuple[float, float]
_EDGE_POINTS = 1440  # a quarter of a degree each


@dataclass(frozen=True)
class Region:
    """A convex polygon, widened by a margin.

    Parameters
    ----------
    hull_m : tuple of (x, y)
        Its corners, counter-clockwise; two for a line, one for a point.
    margin_m : float
        By how much it is widened.
    """

    hull_m: tuple[Point, ...]
    margin_m: float

    @property
    def area_m2(self) -> float:
        """A + P m + pi m² [m²]."""
        area, perimeter = _measure(np.array(self.hull_m))
        return area + perimeter * self.margin_m + np.pi * self.margin_m**2

    def contains(self, x_m: Float64, y_m: Float64) -> Bool:
        """Whether points lie within the margin of the hull, of their shape.

        Parameters
        ----------
        x_m, y_m : ndarray
            Positions [m], of one shape.
        """
        corners = np.array(self.hull_m)
        inside = np.full(np.shape(x_m), len(corners) > 2)
        near = np.zeros(np.shape(x_m), bool)
        for corner, following in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            edge = following - corner
            dx, dy = x_m - corner[0], y_m - corner[1]
            inside &= edge[0] * dy - edge[1] * dx >= 0.0
            along = np.clip((edge[0] * dx + edge[1] * dy) / max(float(edge @ edge), 1e-300), 0.0, 1.0)
            near |= (dx - along * edge[0]) ** 2 + (dy - along * edge[1]) ** 2 <= self.margin_m**2
        result: Bool = inside | near
        return result

    def edge(self, n: int) -> tuple[Float64, Float64]:
        """Return n points on the region's edge, x and y (n,) [m], at equal angles around its middle."""
        middle = np.mean(self.hull_m, axis=0)
        angle = np.arange(n) * (2.0 * np.pi / n)
        reach = float(np.hypot(*(np.array(self.hull_m) - middle).T).max()) + self.margin_m
        low, high = np.zeros(n), np.full(n, reach + 1.0)
        for _ in range(50):
            half = (low + high) / 2.0
            within = self.contains(middle[0] + half * np.cos(angle), middle[1] + half * np.sin(angle))
            low, high = np.where(within, half, low), np.where(within, high, half)
        return middle[0] + low * np.cos(angle), middle[1] + low * np.sin(angle)

    def turn_back(self, x_m: Float64, y_m: Float64, heading: Float64, before: tuple[Float64, Float64]) -> None:
        """Put users who stepped out of the region back where they were, facing about; in place.

        One step that leads out is undone by the next, so users who are uniform over the region stay uniform.

        Parameters
        ----------
        x_m, y_m : ndarray, (U,)
            Positions [m], changed.
        heading : ndarray, (U,)
            Directions [rad], changed.
        before : tuple of ndarray, (U,) each
            Positions before the step [m].
        """
        out = ~self.contains(x_m, y_m)
        x_m[out], y_m[out] = before[0][out], before[1][out]
        heading[out] += np.pi


def _measure(corners: Float64) -> tuple[float, float]:
    """Area and perimeter of a convex polygon, its corners counter-clockwise; a line is walked there and back."""
    following = np.roll(corners, -1, axis=0)
    area = 0.5 * float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum())
    return area, float(np.hypot(*(following - corners).T).sum())


def _convex_hull(points: Float64) -> list[Point]:
    """Corners of the convex hull, counter-clockwise (Andrew's monotone chain)."""
    ordered = sorted({(float(x), float(y)) for x, y in points.round(6)})

    def chain(points: Sequence[Point]) -> list[Point]:
        corners: list[Point] = []
        for x, y in points:
            while len(corners) > 1:
                (ax, ay), (bx, by) = corners[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 1e-6:
                    break
                corners.pop()
            corners.append((x, y))
        return corners

    return ordered if len(ordered) < 3 else chain(ordered)[:-1] + chain(ordered[::-1])[:-1]


def around(sites_m: Float64, distance_m: float, margin_m: float | None = None) -> Region:
    """Return the region around sites (K, 2) [m].

    Parameters
    ----------
    sites_m : ndarray
        Positions.
    distance_m : float
        The sites' typical distance d.
    margin_m : float, optional
        By how much the hull is widened; by the rule above unless given.
    """
    hull = _convex_hull(sites_m)
    if margin_m is None:
        area, perimeter = _measure(np.array(hull))
        n_sites = len(np.unique(sites_m.round(3), axis=0))  # a mast with antennas at two heights is one place
        missing = max(n_sites * distance_m**2 * np.sqrt(0.75) - area, 0.0)
        margin_m = (np.sqrt(perimeter**2 + 4.0 * np.pi * missing) - perimeter) / (2.0 * np.pi)
        margin_m = np.clip(margin_m, distance_m / 3.0, distance_m / np.sqrt(3.0))
    return Region(tuple(hull), float(margin_m))


def inner_cells(
    site_x_m: Float64, site_y_m: Float64, cell_site: Int32, azimuth_deg: Float64, region: Region | None
) -> Bool:
    """Return which cells' areas do not reach the region's edge, (N,); all without a region, or if none were left.

    Parameters
    ----------
    site_x_m, site_y_m : ndarray, (K,)
        Positions of the sites [m].
    cell_site : ndarray, (N,) int32
        Site of each cell.
    azimuth_deg : ndarray, (N,)
        Directions of the cells [deg].
    region : Region or None
        Where users are.
    """
    every = np.ones(cell_site.size, bool)
    if region is None:
        return every
    inner = every.copy()
    for x, y in zip(*region.edge(_EDGE_POINTS), strict=True):
        dx, dy = x - site_x_m, y - site_y_m
        site = int(np.hypot(dx, dy).argmin())
        cells = np.flatnonzero(np.isin(cell_site, _same_mast(site_x_m, site_y_m, site)))
        turn = np.degrees(np.arctan2(dy[site], dx[site])) - azimuth_deg[cells]
        inner[cells[np.abs((turn + 180.0) % 360.0 - 180.0).argmin()]] = False
    return inner if inner.any() else every


def _same_mast(site_x_m: Float64, site_y_m: Float64, site: int) -> Index:
    """Sites at one position, at other heights."""
    return np.flatnonzero((site_x_m == site_x_m[site]) & (site_y_m == site_y_m[site]))
