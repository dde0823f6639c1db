"""The cells of a scenario, where they are and on what carrier: K sites, N cells, in metres and degrees."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from slicefast.scenario.cells import AnyLayout, CellSettings, Hotspot, Layout, by_cell
from slicefast.scenario.layouts import Area, neighbours
from slicefast.scenario.parts import Name
from slicefast.scenario.placement import Placement, place
from slicefast.scenario.radio import Radio
from slicefast.scenario.region import inner_cells
from slicefast.settings import Settings
from slicefast.units import THERMAL_NOISE_DBM_PER_HZ, Bool, Float64, Int32

_Number = TypeVar("_Number", bound=np.generic)


def readonly(array: NDArray[_Number]) -> NDArray[_Number]:
    """Return an array that nobody can write to any more."""
    array.setflags(write=False)
    return array


class Placed(Settings):
    """The part of a `Scenario` that says where its cells are and what they send on, and the arrays that follow."""

    name: Name = "custom"
    layout: AnyLayout = Field(default_factory=Layout)
    cell_settings: tuple[CellSettings, ...] = ()
    hotspots: tuple[Hotspot, ...] = ()
    radio: Radio = Field(default_factory=Radio)

    @cached_property
    def placement(self) -> Placement:
        """Sites (K,), cells (N,) and the area, in metres from the area's corner."""
        return place(self.layout, self.radio, self.cell_settings)

    @property
    def n_sites(self) -> int:
        """Number of sites K."""
        return int(self.placement.site_x_m.size)

    @property
    def n_cells(self) -> int:
        """Number of cells N."""
        return int(self.placement.cell_site.size)

    @property
    def site_x_m(self) -> Float64:
        """Sites' x (K,) [m]."""
        return self.placement.site_x_m

    @property
    def site_y_m(self) -> Float64:
        """Sites' y (K,) [m]."""
        return self.placement.site_y_m

    @property
    def site_height_m(self) -> Float64:
        """Masts' heights (K,) [m]."""
        return self.placement.site_height_m

    @property
    def cell_site(self) -> Int32:
        """Site of every cell (N,) int32."""
        return self.placement.cell_site

    @property
    def azimuth_deg(self) -> Float64:
        """Cells' boresights (N,) [degrees], counter-clockwise from the x axis."""
        return self.placement.azimuth_deg

    @property
    def tilt_deg(self) -> Float64:
        """Cells' downtilts (N,) [degrees below the horizon]."""
        return self.placement.tilt_deg

    @property
    def power_dbm(self) -> Float64:
        """Cells' total transmit powers (N,) [dBm]."""
        return self.placement.power_dbm

    @property
    def area(self) -> Area:
        """The area users move in."""
        return self.placement.area

    @cached_property
    def neighbours(self) -> Int32:
        """Each cell's 6 nearest cells, fewer if there are fewer: (N, 6) int32, the nearest first.

        Distances are those of the cells' centres, a third of the inter-site distance from the site along the boresight.
        """
        return readonly(neighbours(*self.placement.centres_m(), self.area))

    @cached_property
    def counted(self) -> Bool:
        """Whether each cell counts in means over the network (N,) bool: all but those at the border.

        A cell's area is what lies nearer to its site than to any other and nearer to its boresight than to the site's
        others. On a plane the cells whose areas reach the edge of the users' region lack interferers and share odd
        places; they are played, but do not count. On a torus, and where no cell would be left, all count.
        """
        return readonly(inner_cells(self.site_x_m, self.site_y_m, self.cell_site, self.azimuth_deg, self.area.region))

    @cached_property
    def cell_prb(self) -> Int32:
        """PRBs of every cell, (N,) int32: the carrier's, or what ``cell_settings`` leave it."""
        carrier = np.full(self.n_cells, self.radio.n_prb, np.float64)
        return readonly(by_cell(self.cell_settings, "n_prb", carrier).astype(np.int32))

    @property
    def bandwidth_hz(self) -> float:
        """Bandwidth of all PRBs [Hz]."""
        return self.radio.n_prb * self.radio.prb_bandwidth_hz

    @property
    def downlink_hz(self) -> float:
        """`bandwidth_hz` times the part of the time that is the downlink's: all of it without TDD [Hz]."""
        return self.bandwidth_hz * self.radio.downlink_share

    @cached_property
    def cell_downlink_hz(self) -> Float64:
        """`downlink_hz` of each cell's own PRBs, (N,) [Hz]."""
        return readonly(self.downlink_hz * (self.cell_prb / self.radio.n_prb))

    @cached_property
    def power_w_per_prb(self) -> Float64:
        """Transmit power of each cell per PRB (N,) [W]."""
        return readonly(10.0 ** ((self.power_dbm - 30.0) / 10.0) / self.radio.n_prb)

    @property
    def noise_w_per_prb(self) -> float:
        """Thermal noise (-174 dBm/Hz) and the user's noise figure, per PRB [W]."""
        density_dbm = THERMAL_NOISE_DBM_PER_HZ + self.radio.noise_figure_db
        return float(10.0 ** ((density_dbm - 30.0) / 10.0) * self.radio.prb_bandwidth_hz)
