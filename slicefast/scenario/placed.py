"""The cells of a scenario and where they are: K sites, N cells, in metres and degrees."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field

from slicefast.scenario.cells import AnyLayout, CellSettings, Hotspot, Layout
from slicefast.scenario.layouts import Area
from slicefast.scenario.parts import Name
from slicefast.scenario.placement import Placement, place
from slicefast.scenario.radio import Radio
from slicefast.settings import Settings
from slicefast.units import Float64, Int32


class Placed(Settings):
    """The part of a `Scenario` that says where its cells are, and the arrays that follow from it."""

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
