"""Where cells are and what each of them does differently: fields, units, limits and defaults.

Defaults are those of the paper's scenario; "ours" marks a value the papers do not state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from slicefast.arguments import checked
from slicefast.scenario.layouts import hexagonal_sites
from slicefast.settings import Count, InputFile, NotNegative, Positive, Settings
from slicefast.traffic.models import PacketBits
from slicefast.units import Float64


@checked
class Layout(Settings):
    """Where the sites are: a hexagonal lattice with three cells per site (inter-site distance and wrap-around ours).

    Parameters
    ----------
    kind : "hexagonal"
        Tells it from a file of sites.
    n_sites : int
        Sites; a lattice that wraps around has 1, 3, 4, 7, 9, 12, 13, 16, 19, ... of them.
    inter_site_distance_m : float
        Distance of neighbouring sites.
    wrap_around : bool
        Whether the area is a torus, so that no cell is at a border.

    Examples
    --------
    >>> sf.Scenario(layout=sf.scenario.Layout(n_sites=7, inter_site_distance_m=300.0)).n_cells
    21
    """

    kind: Literal["hexagonal"] = "hexagonal"
    n_sites: Annotated[int, Field(ge=1, le=100_000)] = 4
    inter_site_distance_m: Annotated[float, Field(gt=0.0, le=1e6)] = 500.0
    wrap_around: bool = True

    @model_validator(mode="after")
    def _closes(self) -> Self:
        hexagonal_sites(self.n_sites, self.inter_site_distance_m, self.wrap_around)
        return self


@checked
class CsvLayout(Settings):
    """Where the sites are: a file with one cell per row, no wrap-around.

    Columns: ``x_m, y_m`` or ``latitude, longitude`` (``lat, lon``); ``height_m, tilt_deg, power_dbm``, each the radio's
    where it is left out; and one of ``bearing_deg``, clockwise from north, ``angle_deg``, counter-clockwise from the x
    axis as everywhere else in slicefast, and ``azimuth_deg``: the former beside latitude, longitude, the latter beside
    x_m, y_m, where a ``RangeWarning`` asks which was meant. Cells at one position and height share a site; a sector
    that is there twice is refused. ``power_dbm`` is the whole power of a cell, not that of a PRB. Other columns are not
    read, as a ``RangeWarning`` says: one may be misspelt.

    Parameters
    ----------
    kind : "csv"
        Tells it from a lattice.
    sites_csv : path
        The file.
    margin_m : float, optional
        How far the users' region reaches beyond the sites' convex hull; if left out, so far that every site has the
        area it would have in a lattice of their typical distance (`slicefast.scenario.region`).

    Examples
    --------
    >>> sites = [[0, 0, 0], [0, 0, 120], [500, 0, 240]]
    >>> np.savetxt("sites.csv", sites, delimiter=",", header="x_m,y_m,bearing_deg", comments="")
    >>> alike = sf.scenario.RequirementGroup(cells="all", throughput_bps=[1e6] * 4, delay_ms=[50.0] * 4)
    >>> layout = sf.scenario.CsvLayout(kind="csv", sites_csv="sites.csv")
    >>> sf.Scenario(layout=layout, requirements=[alike]).n_cells
    3
    """

    kind: Literal["csv"]
    sites_csv: InputFile
    margin_m: Positive | None = None


@checked
class CellSettings(Settings):
    """What some cells do differently; what is left out stays. Heights belong to sites: name all cells of a site.

    ``azimuth_deg`` has the layout's convention: a bearing, clockwise from north, beside a file that has bearings,
    otherwise counter-clockwise from the x axis.

    Parameters
    ----------
    cells : tuple of int
        Which cells, numbered from 1, of the layout as written.
    power_dbm : float, optional
        Whole power of each cell.
    tilt_deg : float, optional
        Downtilt below the horizon.
    azimuth_deg : float, optional
        Boresight, as the layout counts it.
    height_m : float, optional
        Of the mast.
    activity : tuple of float, (S,), optional
        Factors on the traffic mask, one per slice: of the cell's users of slice s the share ``activity[s]`` tau is
        active. At most 1 / ``traffic.high``, since no more users can be active than there are; 0 silences a slice.
        Left out: 1.
    density : float, optional
        Of users in the cells' areas, relative to the other cells' 1; the users of the network stay as many. See
        `slicefast.scenario.density`.
    rate_bps : tuple of float, (S,), optional
        Mean rate of an active user of each slice while these cells serve it, in place of the slices': those of Poisson
        packets alone can differ.
    packet_bits : tuple of float, (S,), optional
        Packet sizes, likewise; not at the flow level.
    n_prb : int, optional
        PRBs of the carrier that these cells have, at most ``radio.n_prb`` and at least a resource block group: a
        narrower bandwidth at the same power per PRB, so that ``power_dbm`` stays that of the whole carrier. Their
        shares, quotas and loads are parts of these PRBs. Where in the carrier they lie is not modelled: neighbours meet
        them spread over all of it, or from its start on with ``scheduler.bands = "in_order"``.

    Examples
    --------
    >>> weak = sf.scenario.CellSettings(cells=[1, 2], power_dbm=40.0)
    >>> sf.Scenario.hexagonal(n_sites=1, cell_settings=[weak]).power_dbm
    array([40., 40., 46.])
    """

    cells: Annotated[tuple[Count, ...], Field(min_length=1)]
    power_dbm: Annotated[float, Field(ge=-50.0, le=100.0)] | None = None
    tilt_deg: Annotated[float, Field(ge=-90.0, le=90.0)] | None = None
    azimuth_deg: Annotated[float, Field(ge=-360.0, le=360.0)] | None = None
    height_m: Annotated[float, Field(gt=1.0, le=1000.0)] | None = None
    activity: Annotated[tuple[NotNegative, ...], Field(min_length=1)] | None = None
    density: Positive | None = None
    rate_bps: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = None
    packet_bits: Annotated[tuple[PacketBits, ...], Field(min_length=1)] | None = None
    n_prb: Count | None = None


@checked
class Hotspot(Settings):
    """A place that draws users: 1 + ``peak`` exp(-d² / (2 ``radius_m``²)) times as dense as what is around it.

    ``x_m`` and ``y_m`` count from the corner of the area, as all positions do; users are placed by the density and walk
    so that it stays (`slicefast.scenario.density`).

    Parameters
    ----------
    x_m, y_m : float
        Where it is densest.
    radius_m : float
        Standard deviation of its bell.
    peak : float
        Users there beside those who would be there anyway, as a multiple of them.

    Examples
    --------
    >>> crowd = sf.scenario.Hotspot(x_m=0.0, y_m=0.0, radius_m=50.0, peak=10.0)
    >>> sf.Scenario.hexagonal(n_sites=1, hotspots=[crowd]).n_users
    384
    """

    x_m: float
    y_m: float
    radius_m: Positive
    peak: Annotated[float, Field(gt=0.0, le=1e6)]


def _with_kind(value: Any) -> Any:
    if isinstance(value, dict) and "kind" not in value:
        return {"kind": "csv" if "sites_csv" in value else "hexagonal", **value}
    return value


AnyLayout = Annotated[Annotated[Layout | CsvLayout, Field(discriminator="kind")], BeforeValidator(_with_kind)]


@checked
class RequirementGroup(Settings):
    """What a group of cells promises each slice: user throughput at least, packet delay at most (delays ours).

    Parameters
    ----------
    cells : tuple of int, or "all"
        Which cells, numbered from 1, of the layout as written.
    throughput_bps : tuple of float, (S,)
        Least user throughput, one value per slice: bits over the time in which a user has data alone, so that it can be
        far above the user's ``rate_bps``.
    delay_ms : tuple of float, (S,)
        Longest mean packet delay, one value per slice.

    Examples
    --------
    >>> strict = sf.scenario.RequirementGroup(cells=[1, 2], throughput_bps=[2e6] * 4, delay_ms=[50.0] * 4)
    >>> strict.cells_of(n_cells=3)
    (1, 2)
    """

    cells: tuple[Count, ...] | Literal["all"]
    throughput_bps: tuple[Positive, ...]
    delay_ms: tuple[Positive, ...]

    def cells_of(self, n_cells: int) -> tuple[int, ...]:
        """Return the group's cells, numbered from 1, in a network of n_cells."""
        return tuple(range(1, n_cells + 1)) if self.cells == "all" else self.cells


def by_cell(settings: Sequence[CellSettings], field: str, values: Float64) -> Float64:
    """Return values (N,) or (N, S) with what settings say in their place; the last that names a cell counts.

    Parameters
    ----------
    settings : sequence of CellSettings
        What is not None counts.
    field : str
        Their field.
    values : ndarray
        Where no setting says anything; unchanged.
    """
    values = values.copy()
    for item in settings:
        if (own := getattr(item, field)) is not None:
            values[np.array(item.cells) - 1] = own
    return values


def required(groups: Sequence[RequirementGroup], field: str, n_cells: int) -> Float64:
    """Return what every cell promises each slice, (N, S).

    Parameters
    ----------
    groups : sequence of RequirementGroup
        Every cell is in one.
    field : {"throughput_bps", "delay_ms"}
        Which promise.
    n_cells : int
        N.
    """
    values = np.empty((n_cells, len(getattr(groups[0], field))))
    for group in groups:
        values[np.array(group.cells_of(n_cells), dtype=np.intp) - 1] = getattr(group, field)
    return values
