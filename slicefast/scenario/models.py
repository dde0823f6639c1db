"""The fields of a scenario, their units, limits and defaults, and the arrays that follow from them.

Defaults are those of the paper's scenario; "ours" marks a value the papers do not state.
Dimensions: K sites, N cells, S slices, U users. Cells are numbered from 1 in files, from 0 in arrays.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from slicefast.scenario.errors import MISSING, Model, ScenarioError
from slicefast.scenario.layouts import (
    BORESIGHTS_DEG,
    Area,
    FloatArray,
    Placement,
    hexagonal_sites,
    neighbours,
)

_THERMAL_NOISE_DBM_PER_HZ = -174.0

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(min_length=1)]


class Layout(Model):
    """Where the sites are: a hexagonal lattice with three cells per site (inter-site distance and wrap-around ours)."""

    kind: Literal["hexagonal"] = "hexagonal"
    n_sites: Count = 4
    inter_site_distance_m: Positive = 500.0
    wrap_around: bool = True

    @model_validator(mode="after")
    def _closes(self) -> Self:
        hexagonal_sites(self.n_sites, self.inter_site_distance_m, self.wrap_around)
        return self


class Radio(Model):
    """Carrier, propagation, antennas and link adaptation (LTE, 2.6 GHz, 20 MHz; tilt and noise figure ours)."""

    path_loss_model: Literal[
        "winner_plus_c1",
        "winner_plus_c2",
        "winner_plus_b1",
        "m2135_uma",
        "m2135_umi",
        "tr36873_uma",
        "tr36873_umi",
        "tr38901_uma",
        "tr38901_umi",
    ] = "winner_plus_c2"
    antenna: Literal["tr36814", "m2135", "tr38901_element"] = "tr36814"
    antenna_elements: Count = 1
    frequency_hz: Annotated[float, Field(ge=0.45e9, le=100e9)] = 2.6e9
    n_prb: Count = 100
    prb_bandwidth_hz: Positive = 180e3
    power_dbm: Annotated[float, Field(ge=-50.0, le=100.0)] = 46.0
    tilt_deg: Annotated[float, Field(ge=-90.0, le=90.0)] = 15.0
    bs_height_m: Annotated[float, Field(gt=1.0, le=1000.0)] = 25.0
    ue_height_m: Annotated[float, Field(gt=1.0, le=1000.0)] = 1.5
    noise_figure_db: Annotated[float, Field(ge=0.0, le=50.0)] = 9.0
    shadowing: bool = True
    site_correlation: Fraction = 0.5
    efficiency: Literal["shannon", "tr36942", "mogensen", "cqi"] = "tr36942"
    handover_margin_db: NotNegative = 3.0


class Slice(Model):
    """One slice: what its active users ask for and how many users it has per cell on average (rates ours)."""

    name: Name
    rate_bps: Positive
    packet_bits: Positive = 12_000.0
    users_per_cell: Count = 32


class RequirementGroup(Model):
    """What a group of cells promises each slice: user throughput at least, packet delay at most (delays ours)."""

    cells: tuple[Count, ...] | Literal["all"]
    throughput_bps: tuple[Positive, ...]
    delay_ms: tuple[Positive, ...]


class Traffic(Model):
    """How the traffic mask tau in [0, 1], the share of a slice's users that is active, moves over the steps (ours).

    Parameters
    ----------
    period_steps : decision steps per day of the mask, generated or from a trace.
    n_periods : days of a generated mask before it repeats; the daily shape stays, the noise differs.
    low, high : the range of the mask.
    noise : standard deviation of the smooth noise on top of the daily shape, as a fraction of the range.
    noise_steps : correlation length of that noise.
    trace_percentile : the percentile of a trace's volumes that is mapped to ``high``.
    """

    period_steps: Annotated[int, Field(ge=2)] = 200
    n_periods: Annotated[int, Field(ge=1, le=1000)] = 5
    low: Fraction = 0.05
    high: Fraction = 1.0
    noise: NotNegative = 0.1
    noise_steps: Positive = 8.0
    trace_percentile: Annotated[float, Field(gt=0.0, le=100.0)] = 95.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ScenarioError("low", self.low, f"must be at most high = {self.high}")
        return self


class Mobility(Model):
    """Users walk straight on and turn to a random direction now and then (mean time between turns ours)."""

    speed_mps: NotNegative = 1.0
    turn_interval_s: Positive = 20.0


class Scheduler(Model):
    """How a cell shares a slice's PRBs among its users, with the exponents of proportional fair."""

    kind: Literal["round_robin", "proportional_fair", "max_ci"] = "round_robin"
    alpha: NotNegative = 1.0
    beta: NotNegative = 1.0
    averaging_ttis: Annotated[float, Field(ge=1.0)] = 100.0


def _paper_slices() -> tuple[Slice, ...]:
    return tuple(Slice(name=f"slice{s + 1}", rate_bps=80e3 * (4 - s)) for s in range(4))


def _paper_requirements(n_cells: int) -> tuple[RequirementGroup, ...]:
    """Return the paper's two groups of cells, alternating site by site: 1-3, 7-9, ... and 4-6, 10-12, ..."""
    first = tuple(n + 1 for n in range(n_cells) if (n // 3) % 2 == 0)
    second = tuple(n + 1 for n in range(n_cells) if (n // 3) % 2 == 1)
    groups = [
        RequirementGroup(cells=first, throughput_bps=(4e6, 3e6, 2e6, 1e6), delay_ms=(4.5, 3.0, 1.5, 1.5)),
        RequirementGroup(cells=second, throughput_bps=(2.5e6, 2e6, 1.5e6, 1e6), delay_ms=(1.5, 1.5, 1.5, 1.5)),
    ]
    return tuple(group for group in groups if group.cells)


def _merge(base: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay overrides over base; a mapping changes only the fields it names, anything else replaces the value."""
    merged = dict(base)
    for name, value in overrides.items():
        below = merged.get(name)
        merged[name] = _merge(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return merged


def _readonly(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


class Scenario(Model):
    """A network, its slices and its users: everything that a simulation needs but the seed.

    Every field has the paper's value as its default. ``requirements`` may be left out with the default slices: the
    paper's two groups then alternate from site to site.
    """

    name: Name = "custom"
    layout: Layout = Field(default_factory=Layout)
    radio: Radio = Field(default_factory=Radio)
    slices: Annotated[tuple[Slice, ...], Field(min_length=1)] = Field(default_factory=_paper_slices)
    requirements: tuple[RequirementGroup, ...] = ()
    traffic: Traffic = Field(default_factory=Traffic)
    mobility: Mobility = Field(default_factory=Mobility)
    scheduler: Scheduler = Field(default_factory=Scheduler)
    step_s: Positive = 1.0
    window_ttis: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    traffic_trace: str | None = None

    def __eq__(self, other: object) -> bool:
        # pydantic's own comparison would also meet the cached arrays.
        if not isinstance(other, Scenario):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in Scenario.model_fields)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in Scenario.model_fields))

    @classmethod
    def paper(cls, **overrides: Any) -> Self:
        """Return the default scenario: 12 cells, 4 slices, 1,536 users.

        Overrides are fields of `Scenario`; a mapping changes only what it names: ``paper(radio={"tilt_deg": 12})``.
        """
        return cls(**_merge({"name": "paper"}, overrides))

    @classmethod
    def hexagonal(
        cls, n_sites: int = 19, inter_site_distance_m: float = 500.0, wrap_around: bool = True, **overrides: Any
    ) -> Self:
        """Return the default scenario on n_sites hexagonal sites of three cells each."""
        layout = {"n_sites": n_sites, "inter_site_distance_m": inter_site_distance_m, "wrap_around": wrap_around}
        return cls(**_merge({"name": f"hexagonal-{n_sites}", "layout": layout}, overrides))

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Read a scenario; file names in it are relative to the file. `ScenarioError` tells the first fault."""
        try:
            with open(path, "rb") as file:
                data = tomllib.load(file)
        except OSError as error:
            raise ScenarioError(os.fspath(path), MISSING, f"cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ScenarioError(os.fspath(path), MISSING, f"is not valid TOML: {error}") from None
        if isinstance(data.get("traffic_trace"), str):
            data["traffic_trace"] = str(Path(path).resolve().parent / data["traffic_trace"])
        return cls(**data)

    def to_toml(self, path: str | os.PathLike[str]) -> None:
        """Write the scenario; `from_toml` reads it back equal."""
        import tomli_w  # only needed here

        text = tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))
        Path(path).write_text(text, encoding="utf-8")

    def replace(self, **overrides: Any) -> Self:
        """Return a validated copy with other fields; a mapping changes only what it names.

        Requirements that are the defaults of the old layout become those of the new one.
        """
        data = {name: getattr(self, name) for name in type(self).model_fields}
        for name, value in overrides.items():
            if isinstance(value, Mapping) and isinstance(data.get(name), Model):
                data[name] = cast(Model, data[name]).model_dump()
        if self.requirements == _paper_requirements(self.n_cells):
            del data["requirements"]
        return type(self)(**_merge(data, overrides))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.requirements:
            if len(self.slices) != 4:
                raise ScenarioError("requirements", MISSING, f"is required for {len(self.slices)} slices")
            # The model is frozen for its users; this is still its construction.
            object.__setattr__(self, "requirements", _paper_requirements(self.n_cells))
        names = [item.name for item in self.slices]
        for s, name in enumerate(names):
            if name in names[:s]:
                raise ScenarioError(f"slices[{s}].name", name, "must differ from the other slices' names")
        self._check_requirements()
        if self.traffic_trace is not None and not Path(self.traffic_trace).is_file():
            raise ScenarioError("traffic_trace", self.traffic_trace, "no such file")
        return self

    def _check_requirements(self) -> None:
        """Every cell in exactly one group, and every group complete."""
        group_of: dict[int, int] = {}
        for g, group in enumerate(self.requirements):
            for field in ("throughput_bps", "delay_ms"):
                values = getattr(group, field)
                if len(values) != self.n_slices:
                    raise ScenarioError(
                        f"requirements[{g}].{field}", values, f"needs {self.n_slices} values, one per slice"
                    )
            for cell in self._cells_of(group):
                where = f"requirements[{g}].cells"
                if cell > self.n_cells:
                    raise ScenarioError(where, cell, f"cells are numbered 1 to {self.n_cells}")
                if cell in group_of:
                    raise ScenarioError(where, cell, f"the cell is in requirements[{group_of[cell]}] already")
                group_of[cell] = g
        for cell in range(1, self.n_cells + 1):
            if cell not in group_of:
                raise ScenarioError("requirements", MISSING, f"no group names cell {cell} of {self.n_cells}")

    def _cells_of(self, group: RequirementGroup) -> tuple[int, ...]:
        return tuple(range(1, self.n_cells + 1)) if group.cells == "all" else group.cells

    @cached_property
    def placement(self) -> Placement:
        """Sites (K,), cells (N,) and the area, in metres from the area's corner."""
        sites, area = hexagonal_sites(self.layout.n_sites, self.layout.inter_site_distance_m, self.layout.wrap_around)
        n_sites, per_site = len(sites), len(BORESIGHTS_DEG)
        n_cells = n_sites * per_site
        return Placement(
            site_x_m=_readonly(sites[:, 0].copy()),
            site_y_m=_readonly(sites[:, 1].copy()),
            site_height_m=_readonly(np.full(n_sites, self.radio.bs_height_m)),
            cell_site=_readonly(np.repeat(np.arange(n_sites, dtype=np.int32), per_site)),
            azimuth_deg=_readonly(np.tile(BORESIGHTS_DEG, n_sites)),
            tilt_deg=_readonly(np.full(n_cells, self.radio.tilt_deg)),
            power_dbm=_readonly(np.full(n_cells, self.radio.power_dbm)),
            area=area,
        )

    @property
    def n_sites(self) -> int:
        """Number of sites K."""
        return int(self.placement.site_x_m.size)

    @property
    def n_cells(self) -> int:
        """Number of cells N."""
        return int(self.placement.cell_site.size)

    @property
    def n_slices(self) -> int:
        """Number of slices S."""
        return len(self.slices)

    @property
    def n_users(self) -> int:
        """Number of users U: every slice's users per cell, times the cells."""
        return self.n_cells * sum(item.users_per_cell for item in self.slices)

    @cached_property
    def slice_of(self) -> NDArray[np.int32]:
        """Slice of every user (U,) int32; the users of a slice stand together."""
        counts = [item.users_per_cell * self.n_cells for item in self.slices]
        return _readonly(np.repeat(np.arange(self.n_slices, dtype=np.int32), counts))

    @cached_property
    def slice_rate_bps(self) -> FloatArray:
        """Mean rate of an active user of each slice (S,) [bit/s]."""
        return _readonly(np.array([item.rate_bps for item in self.slices]))

    @cached_property
    def slice_packet_bits(self) -> FloatArray:
        """Packet size of each slice (S,) [bit]."""
        return _readonly(np.array([item.packet_bits for item in self.slices]))

    def _by_cell(self, field: str) -> FloatArray:
        values = np.empty((self.n_cells, self.n_slices))
        for group in self.requirements:
            values[np.array(self._cells_of(group), dtype=np.intp) - 1] = getattr(group, field)
        return _readonly(values)

    @cached_property
    def throughput_requirement_bps(self) -> FloatArray:
        """User throughput that each cell promises each slice (N, S) [bit/s]."""
        return self._by_cell("throughput_bps")

    @cached_property
    def delay_requirement_ms(self) -> FloatArray:
        """Longest mean packet delay that each cell promises each slice (N, S) [ms]."""
        return self._by_cell("delay_ms")

    @property
    def site_x_m(self) -> FloatArray:
        """Sites' x (K,) [m]."""
        return self.placement.site_x_m

    @property
    def site_y_m(self) -> FloatArray:
        """Sites' y (K,) [m]."""
        return self.placement.site_y_m

    @property
    def site_height_m(self) -> FloatArray:
        """Masts' heights (K,) [m]."""
        return self.placement.site_height_m

    @property
    def cell_site(self) -> NDArray[np.int32]:
        """Site of every cell (N,) int32."""
        return self.placement.cell_site

    @property
    def azimuth_deg(self) -> FloatArray:
        """Cells' boresights (N,) [degrees], counter-clockwise from the x axis."""
        return self.placement.azimuth_deg

    @property
    def tilt_deg(self) -> FloatArray:
        """Cells' downtilts (N,) [degrees below the horizon]."""
        return self.placement.tilt_deg

    @property
    def power_dbm(self) -> FloatArray:
        """Cells' total transmit powers (N,) [dBm]."""
        return self.placement.power_dbm

    @property
    def area(self) -> Area:
        """The area users move in."""
        return self.placement.area

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Each cell's 6 nearest cells, fewer if there are fewer: (N, 6) int32, the nearest first.

        Distances are those of the cells' centres, a third of the inter-site distance from the site along the boresight.
        """
        reach, angle = self.layout.inter_site_distance_m / 3.0, np.deg2rad(self.azimuth_deg)
        centre_x_m = self.site_x_m[self.cell_site] + reach * np.cos(angle)
        centre_y_m = self.site_y_m[self.cell_site] + reach * np.sin(angle)
        return _readonly(neighbours(centre_x_m, centre_y_m, self.area))

    @property
    def bandwidth_hz(self) -> float:
        """Bandwidth of all PRBs [Hz]."""
        return self.radio.n_prb * self.radio.prb_bandwidth_hz

    @cached_property
    def power_w_per_prb(self) -> FloatArray:
        """Transmit power of each cell per PRB (N,) [W]."""
        return _readonly(10.0 ** ((self.power_dbm - 30.0) / 10.0) / self.radio.n_prb)

    @property
    def noise_w_per_prb(self) -> float:
        """Thermal noise (-174 dBm/Hz) and the user's noise figure, per PRB [W]."""
        density_dbm = _THERMAL_NOISE_DBM_PER_HZ + self.radio.noise_figure_db
        return float(10.0 ** ((density_dbm - 30.0) / 10.0) * self.radio.prb_bandwidth_hz)
