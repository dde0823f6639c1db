"""Sites and cells: from a hexagonal layout or a file of sites, with what single cells do differently.

Positions are counted in metres from the corner of the area. Azimuths are counter-clockwise from the x axis, unless the
layout has bearings: then so have cell settings.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slicefast.errors import ScenarioError, one_line
from slicefast.plausible import hold, warn
from slicefast.scenario.cells import CellSettings, CsvLayout, Layout
from slicefast.scenario.layouts import Area, boxed, hexagonal_sites
from slicefast.scenario.radio import Radio
from slicefast.tables import Table, read_table
from slicefast.units import Float64, Int32

BORESIGHTS_DEG = (30.0, 150.0, 270.0)
_EARTH_RADIUS_M = 6_371_008.8
_LARGEST_SPAN_M = 1e6
_LONE_SITE_DISTANCE_M = 500.0
_LONGEST_NAMES = 120  # of columns in a warning

#: Columns of boresights: clockwise from north, counter-clockwise from the x axis, and either, as positions have it.
_DIRECTIONS = ("bearing_deg", "angle_deg", "azimuth_deg")
#: Columns that the radio has values for, where a file has none.
_OF_THE_RADIO = {"height_m": "bs_height_m", "tilt_deg": "tilt_deg", "power_dbm": "power_dbm"}
_COLUMNS = {
    **{name: (name,) for name in ("x_m", "y_m", *_DIRECTIONS, *_OF_THE_RADIO)},
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng"),
}
_LIMITS = {
    "x_m": (-1e7, 1e7),
    "y_m": (-1e7, 1e7),
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "height_m": (1.0, 300.0),
    **dict.fromkeys(_DIRECTIONS, (-360.0, 360.0)),
    "tilt_deg": (-90.0, 90.0),
    "power_dbm": (-50.0, 100.0),
}
#: What a number outside its limits most likely is.
_MISTAKES = {"latitude": "a longitude, or metres, which x_m, y_m take?", "longitude": "metres, which x_m, y_m take?"}


@dataclass(frozen=True, eq=False)
class Placement:
    """Sites and cells of a layout: K sites, N cells; its arrays cannot be written."""

    site_x_m: Float64
    site_y_m: Float64
    site_height_m: Float64
    cell_site: Int32
    azimuth_deg: Float64
    tilt_deg: Float64
    power_dbm: Float64
    area: Area
    inter_site_distance_m: float
    bearings: bool = False  # whether the layout, and so cell settings, give directions clockwise from north

    def centres_m(self) -> tuple[Float64, Float64]:
        """Return the cells' centres (N,) and (N,) [m]: a third of the inter-site distance along their boresights."""
        reach_m, angle = self.inter_site_distance_m / 3.0, np.deg2rad(self.azimuth_deg)
        site_x_m, site_y_m = self.site_x_m[self.cell_site], self.site_y_m[self.cell_site]
        return site_x_m + reach_m * np.cos(angle), site_y_m + reach_m * np.sin(angle)


def place(layout: Layout | CsvLayout, radio: Radio, settings: Sequence[CellSettings]) -> Placement:
    """Place the sites and cells of a layout and apply the settings of single cells, the last one counting."""
    placed = _place_csv(layout, radio) if isinstance(layout, CsvLayout) else _place_hexagonal(layout, radio)
    placed = _apply(placed, settings)
    for value in vars(placed).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return placed


def _place_hexagonal(layout: Layout, radio: Radio) -> Placement:
    sites, area = hexagonal_sites(layout.n_sites, layout.inter_site_distance_m, layout.wrap_around)
    n_sites, per_site = len(sites), len(BORESIGHTS_DEG)
    return Placement(
        site_x_m=sites[:, 0].copy(),
        site_y_m=sites[:, 1].copy(),
        site_height_m=np.full(n_sites, radio.bs_height_m),
        cell_site=np.repeat(np.arange(n_sites, dtype=np.int32), per_site),
        azimuth_deg=np.tile(BORESIGHTS_DEG, n_sites),
        tilt_deg=np.full(n_sites * per_site, radio.tilt_deg),
        power_dbm=np.full(n_sites * per_site, radio.power_dbm),
        area=area,
        inter_site_distance_m=layout.inter_site_distance_m,
    )


def _place_csv(layout: CsvLayout, radio: Radio) -> Placement:
    """Read one cell per row; rows at one position and height are one site."""
    table = read_table(layout.sites_csv, {}, _COLUMNS)
    columns = {
        name: np.array(table.numbers(name, low=low, high=high, mistake=_MISTAKES.get(name, "")))
        for name, (low, high) in _known(table)
    }
    for name, of_radio in _OF_THE_RADIO.items():
        columns.setdefault(name, np.full(len(table), getattr(radio, of_radio)))
    for row, height_m in enumerate(columns["height_m"] if "height_m" in table else ()):
        if height_m <= radio.ue_height_m:
            raise table.error(row, "height_m", f"must be above radio.ue_height_m = {radio.ue_height_m:g}")
    direction = _direction(table)
    bearings = direction == "bearing_deg" or (direction == "azimuth_deg" and "latitude" in columns)
    azimuth_deg = _from_bearing(columns[direction]) if bearings else columns[direction]
    if "latitude" in columns:
        x_m, y_m = _local_metres(columns["latitude"], columns["longitude"])
    else:
        x_m, y_m = columns["x_m"], columns["y_m"]
    span_m = max(np.ptp(x_m), np.ptp(y_m))
    if span_m > _LARGEST_SPAN_M:
        raise ScenarioError(table.file, f"{span_m:.0f} m", f"sites must lie within {_LARGEST_SPAN_M:.0f} m")
    hold("span_m", f"{table.file}: distance between its sites [m]", span_m)
    # A millimetre decides what is one mast; its position is that of its first row.
    masts = np.stack([x_m, y_m, columns["height_m"]], axis=1)
    index: dict[tuple[float, ...], int] = {}
    cell_site = np.array([index.setdefault(tuple(mast), len(index)) for mast in masts.round(3)], dtype=np.int32)
    sites = masts[np.unique(cell_site, return_index=True)[1]]
    _refuse_twins(table, cell_site, direction, azimuth_deg, columns["tilt_deg"])
    _warn_of_layers(table, masts, azimuth_deg)
    _warn_of_unused(table)
    distance_m = _typical_distance(sites[:, :2])
    positions, area = boxed(sites[:, :2], distance_m, layout.margin_m)
    return Placement(
        site_x_m=positions[:, 0].copy(),
        site_y_m=positions[:, 1].copy(),
        site_height_m=sites[:, 2].copy(),
        cell_site=cell_site,
        azimuth_deg=azimuth_deg % 360.0,
        tilt_deg=columns["tilt_deg"],
        power_dbm=columns["power_dbm"],
        area=area,
        inter_site_distance_m=distance_m,
        bearings=bearings,
    )


def _warn_of_unused(table: Table) -> None:
    """Name the columns that nothing is read from, of which one may be misspelt: the radio's value is taken then."""
    unused = [name for name in table.found if name and name not in table.header.values()]
    if unused:
        names = textwrap.shorten(one_line(", ".join(unused)), _LONGEST_NAMES, placeholder=" ...")
        known = ", ".join(name for names in _COLUMNS.values() for name in names)
        warn(f"{table.file}: nothing is read from the columns {names}; those that are known: {known}")


def _from_bearing(bearing_deg: Float64) -> Float64:
    """Turn bearings, clockwise from north, into angles counter-clockwise from the x axis, which points east."""
    return 90.0 - bearing_deg


def _direction(table: Table) -> str:
    """Return the column of the boresights; one that leaves its convention open is warned about."""
    found = [name for name in _DIRECTIONS if name in table]
    if len(found) != 1:
        problem = "must have one column of bearing_deg, angle_deg and azimuth_deg"
        raise ScenarioError(f"{table.file} row 1", list(table.found), problem)
    if found == ["azimuth_deg"] and "x_m" in table:
        warn(
            f"{table.file}: azimuth_deg beside x_m, y_m is taken counter-clockwise from the x axis; or are these "
            "bearings, clockwise from north, as planning tools have them? Call the column angle_deg or "
            "bearing_deg to say which"
        )
    return found[0]


def _first_twin(rows: Float64) -> tuple[int, int] | None:
    """Return the first row that equals an earlier one, and that one; None where all differ."""
    row_of: dict[tuple[float, ...], int] = {}
    for row, values in enumerate(rows):
        first = row_of.setdefault(tuple(values), row)
        if first != row:
            return row, first
    return None


def _refuse_twins(table: Table, cell_site: Int32, direction: str, azimuth_deg: Float64, tilt_deg: Float64) -> None:
    """Refuse a sector that is listed twice, as lists of several carriers or exports joined twice have it."""
    twin = _first_twin(np.stack([cell_site, azimuth_deg % 360.0, tilt_deg], axis=1).round(3))
    if twin:
        row, first = twin
        problem = f"the sector of row {table.line[first]} again: same mast, azimuth and tilt; one carrier is simulated"
        raise table.error(row, direction, problem)


def _warn_of_layers(table: Table, masts: Float64, azimuth_deg: Float64) -> None:
    """Warn of one sector at two tilts or heights, as a list of several carriers has it; once."""
    twin = _first_twin(np.column_stack([masts[:, :2], azimuth_deg % 360.0]).round(1))
    if twin:
        row, first = twin
        warn(
            f"{table.file} row {table.line[row]}: the sector of row {table.line[first]} at another tilt or height "
            "is taken for a cell more, on the same carrier; or is it another carrier's?"
        )


def _known(table: Table) -> list[tuple[str, tuple[float, float]]]:
    """Return the columns to read with their limits; a position is given in metres or in degrees, not both."""
    for pair, other in ((("x_m", "y_m"), "latitude"), (("latitude", "longitude"), "x_m")):
        for name, partner in (pair, pair[::-1]):
            if name in table and partner not in table:
                raise ScenarioError(f"{table.file} row 1", list(table.found), f"no column {partner} beside {name}")
        if pair[0] in table and other in table:
            raise ScenarioError(
                f"{table.file} row 1", list(table.found), "must have x_m, y_m or latitude, longitude, not both"
            )
    if "x_m" not in table and "latitude" not in table:
        raise ScenarioError(f"{table.file} row 1", list(table.found), "no columns x_m, y_m or latitude, longitude")
    return [(name, limits) for name, limits in _LIMITS.items() if name in table]


def _local_metres(latitude: Float64, longitude: Float64) -> tuple[Float64, Float64]:
    """Project to metres east and north of the middle: x = R cos(lat0) dlon, y = R dlat (equirectangular)."""
    east = (longitude - longitude[0] + 180.0) % 360.0 - 180.0  # the short way round, also over 180 degrees
    east = east - (east.max() + east.min()) / 2.0
    middle = (latitude.max() + latitude.min()) / 2.0
    x_m = _EARTH_RADIUS_M * np.cos(np.deg2rad(middle)) * np.deg2rad(east)
    return x_m, _EARTH_RADIUS_M * np.deg2rad(latitude - middle)


def _typical_distance(sites: Float64) -> float:
    """Median distance to the nearest other site; 500 m if there is none."""
    nearest = []
    for k in range(len(sites)):
        distance = np.hypot(*(sites - sites[k]).T)
        distance[distance == 0.0] = np.inf  # itself, and other heights on the same mast
        nearest.append(distance.min())
    known = [distance for distance in nearest if np.isfinite(distance)]
    return float(np.median(known)) if known else _LONE_SITE_DISTANCE_M


def _apply(placed: Placement, settings: Sequence[CellSettings]) -> Placement:
    """Overwrite what the settings name; a height belongs to a site, so that all of its cells must be named."""
    n_cells = placed.cell_site.size
    for k, item in enumerate(settings):
        where = f"cell_settings[{k}]"
        for cell in item.cells:
            if cell > n_cells:
                raise ScenarioError(f"{where}.cells", cell, f"cells are numbered 1 to {n_cells}")
        cells = np.array(item.cells, dtype=np.intp) - 1
        for name in ("power_dbm", "tilt_deg"):
            if (value := getattr(item, name)) is not None:
                getattr(placed, name)[cells] = value
        if item.azimuth_deg is not None:
            given = np.array(item.azimuth_deg)
            placed.azimuth_deg[cells] = (_from_bearing(given) if placed.bearings else given) % 360.0
        if item.height_m is not None:
            sites = np.unique(placed.cell_site[cells])
            left_out = np.setdiff1d(np.flatnonzero(np.isin(placed.cell_site, sites)), cells)
            if left_out.size:
                problem = f"a mast has one height: name cell {left_out[0] + 1} of its site too"
                raise ScenarioError(f"{where}.height_m", item.height_m, problem)
            placed.site_height_m[sites] = item.height_m
    return placed
