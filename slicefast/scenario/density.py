"""Where users are denser: cells and hotspots weigh the area, users are placed by the weight and walk so that it stays.

====== ==================================================================================== ====
symbol meaning                                                                              unit
====== ==================================================================================== ====
pi     density of users at a place, relative                                                -
w_n    density of cell n                                                                    -
b, r   by how much a hotspot's middle is denser than what is around it, and its radius      -, m
d      distance to its middle, of the nearest image on a torus                              m
====== ==================================================================================== ====

pi = w_n (1 + sum over hotspots of b exp(-d² / (2 r²))), n the cell of the place: the nearest site's, of a mast's cells
the one whose boresight is nearest. It is taken as constant within pixels of a small part of the sites' distance.

A step of the walk that leads from pi to pi' is taken with probability min(1, pi' / pi); otherwise the user stays where
it was and faces about. Directions are drawn anew now and then, whatever the place, so pi with every direction alike is
what the walk keeps, for any length of step (the guided walk: Gustafson, Statistics and Computing 8, 1998).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slicefast.errors import ScenarioError
from slicefast.scenario.cells import Hotspot
from slicefast.scenario.layouts import Area, torus_distance
from slicefast.scenario.placement import Placement
from slicefast.units import Bool, Float64, Index

_PIXELS_PER_DISTANCE = 40
_PIXELS_PER_RADIUS = 4
_MOST_PIXELS = 4_000_000


@dataclass(frozen=True, eq=False)
class Density:
    """Users' density over an area, by pixels along its two sides.

    Attributes
    ----------
    area : Area
        Where users move.
    table : ndarray, (P, Q)
        pi of the pixels, P along v1 and Q along v2; 0 outside the area's region.
    parts : ndarray, (N,)
        Each cell's part of all users.
    """

    area: Area
    table: Float64
    parts: Float64

    def at(self, x_m: Float64, y_m: Float64) -> Float64:
        """Return pi at places in the area, of their shape.

        Parameters
        ----------
        x_m, y_m : ndarray
            Positions [m].
        """
        (v1x, v1y), (v2x, v2y) = self.area.v1_m, self.area.v2_m
        det = v1x * v2y - v1y * v2x
        rows, columns = self.table.shape
        row = ((x_m * v2y - y_m * v2x) / det * rows).astype(np.intp).clip(0, rows - 1)
        column = ((v1x * y_m - v1y * x_m) / det * columns).astype(np.intp).clip(0, columns - 1)
        density: Float64 = self.table[row, column]
        return density

    def sample(self, generator: np.random.Generator, n: int) -> tuple[Float64, Float64]:
        """Draw n positions (n,) and (n,) [m] with density pi.

        Parameters
        ----------
        generator : numpy.random.Generator
            Draws them.
        n : int
            How many.
        """
        x_m, y_m = self._draw(generator, n)
        if self.area.region is not None:
            while (outside := np.flatnonzero(~self._allowed(x_m, y_m))).size:
                x_m[outside], y_m[outside] = self._draw(generator, outside.size)
        return x_m, y_m

    def _draw(self, generator: np.random.Generator, n: int) -> tuple[Float64, Float64]:
        total = np.cumsum(self.table)
        pixel = np.searchsorted(total, generator.random(n) * total[-1], side="right")
        row, column = np.divmod(pixel, self.table.shape[1])
        s, t = generator.random((2, n))
        return _place((row + s) / self.table.shape[0], (column + t) / self.table.shape[1], self.area)

    def _allowed(self, x_m: Float64, y_m: Float64) -> Bool:
        region = self.area.region
        return np.ones(x_m.shape, bool) if region is None else region.contains(x_m, y_m)

    def turn_back(
        self,
        generator: np.random.Generator,
        x_m: Float64,
        y_m: Float64,
        heading: Float64,
        before: tuple[Float64, Float64],
    ) -> None:
        """Undo the steps that are not taken: those users are back where they were, facing about; in place.

        Parameters
        ----------
        generator : numpy.random.Generator
            Decides, one draw per user.
        x_m, y_m : ndarray, (U,)
            Positions after the step [m], changed.
        heading : ndarray, (U,)
            Directions [rad], changed.
        before : tuple of ndarray, (U,) each
            Positions before the step [m].
        """
        taken = generator.random(x_m.size) * self.at(*before) < self.at(x_m, y_m)
        undone = ~(taken & self._allowed(x_m, y_m))
        x_m[undone], y_m[undone] = before[0][undone], before[1][undone]
        heading[undone] += np.pi


def density_of(placement: Placement, weights: Float64, hotspots: Sequence[Hotspot]) -> Density | None:
    """Return where users are; None where all of the area is alike.

    Parameters
    ----------
    placement : Placement
        Sites, N cells and the area.
    weights : ndarray, (N,)
        w_n.
    hotspots : sequence of Hotspot
        Each in the area, positions counted from its corner.

    Raises
    ------
    ScenarioError
        A hotspot lies outside of the area, or is too small for an area of this size.
    """
    if not hotspots and (weights == weights[0]).all():
        return None
    area = placement.area
    sides = [float(np.hypot(*side)) for side in (area.v1_m, area.v2_m)]
    pixel_m = placement.inter_site_distance_m / _PIXELS_PER_DISTANCE
    for k, spot in enumerate(hotspots):
        _check_hotspot(k, spot, area)
        pixel_m = min(pixel_m, spot.radius_m / _PIXELS_PER_RADIUS)
    least_m = np.sqrt(sides[0] * sides[1] / _MOST_PIXELS)
    for k, spot in enumerate(hotspots):
        if spot.radius_m < _PIXELS_PER_RADIUS * least_m:
            problem = f"must be at least {_PIXELS_PER_RADIUS * least_m:.3g} m in an area of this size"
            raise ScenarioError(f"hotspots[{k}].radius_m", spot.radius_m, problem)
    rows, columns = (int(np.ceil(side / max(pixel_m, least_m))) for side in sides)
    s, t = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    x_m, y_m = _place(s.ravel(), t.ravel(), area)
    cell = cell_at(placement, x_m, y_m)
    table = weights[cell]
    bumps = np.ones(table.size)
    for spot in hotspots:
        distance_m = torus_distance(x_m - spot.x_m, y_m - spot.y_m, area)
        bumps += spot.peak * np.exp(-((distance_m / spot.radius_m) ** 2) / 2.0)
    table = table * bumps
    inside = table if area.region is None else table * area.region.contains(x_m, y_m)
    parts = np.bincount(cell, inside, minlength=weights.size)
    return Density(area, table.reshape(rows, columns), parts / parts.sum())


def _check_hotspot(k: int, spot: Hotspot, area: Area) -> None:
    (v1x, v1y), (v2x, v2y) = area.v1_m, area.v2_m
    det = v1x * v2y - v1y * v2x
    s, t = (spot.x_m * v2y - spot.y_m * v2x) / det, (v1x * spot.y_m - v1y * spot.x_m) / det
    inside = 0.0 <= s < 1.0 and 0.0 <= t < 1.0
    if area.region is not None:
        inside = inside and bool(area.region.contains(np.array([spot.x_m]), np.array([spot.y_m]))[0])
    if not inside:
        problem = "must lie in the area that users move in, in metres from its corner (`Scenario.area`)"
        raise ScenarioError(f"hotspots[{k}]", (spot.x_m, spot.y_m), problem)


def _place(s: Float64, t: Float64, area: Area) -> tuple[Float64, Float64]:
    """From coordinates along the area's sides to metres."""
    return s * area.v1_m[0] + t * area.v2_m[0], s * area.v1_m[1] + t * area.v2_m[1]


def cell_at(placement: Placement, x_m: Float64, y_m: Float64) -> Index:
    """Return the cell of places by geometry alone, (P,): nearest site, then nearest boresight.

    Parameters
    ----------
    placement : Placement
        Sites and cells.
    x_m, y_m : ndarray, (P,)
        Positions in the area [m].
    """
    from scipy.spatial import cKDTree  # only needed here

    area = placement.area
    steps = np.array([-1.0, 0.0, 1.0] if area.wrap else [0.0])
    shift = np.stack(_place(np.repeat(steps, steps.size), np.tile(steps, steps.size), area), axis=1)
    sites = np.stack([placement.site_x_m, placement.site_y_m], axis=1)
    images = (shift[:, None] + sites).reshape(-1, 2)
    _, image = cKDTree(images).query(np.stack([x_m, y_m], axis=1))
    turned = np.degrees(np.arctan2(y_m - images[image, 1], x_m - images[image, 0]))
    site = image % len(sites)
    _, mast = np.unique(sites, axis=0, return_inverse=True)  # antennas at two heights are one place
    mast_of_cell, mast_of_place = mast.ravel()[placement.cell_site], mast.ravel()[site]
    cell = np.empty(x_m.size, np.intp)
    for m in range(mast.max() + 1):
        places, cells = np.flatnonzero(mast_of_place == m), np.flatnonzero(mast_of_cell == m)
        turn = (turned[places, None] - placement.azimuth_deg[cells] + 180.0) % 360.0 - 180.0
        cell[places] = cells[np.abs(turn).argmin(axis=1)]
    return cell
