"""The scenario: presets, TOML in and out, and the arrays that follow from its parts.

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

from slicefast.errors import MISSING, ScenarioError
from slicefast.scenario.layouts import Area, FloatArray, neighbours
from slicefast.scenario.parts import (
    AnyLayout,
    CellSettings,
    Indoor,
    Layout,
    Mobility,
    Name,
    Radio,
    RequirementGroup,
    Scheduler,
    Slice,
    Traffic,
)
from slicefast.scenario.placement import Placement, place
from slicefast.scenario.ranges import check_indoor, check_radio
from slicefast.settings import Settings
from slicefast.traffic.models import Ftp2Traffic, FullBufferTraffic, Positive, TraceTraffic
from slicefast.traffic.trace import PacketTrace, read_packets
from slicefast.units import THERMAL_NOISE_DBM_PER_HZ

_BEST_CQI_BPS_PER_HZ = 5.5547  # of a resource element, so above what a hertz carries


def _paper_slices() -> tuple[Slice, ...]:
    return tuple(Slice(name=f"slice{s + 1}", rate_bps=80e3 * (4 - s)) for s in range(4))


def _paper_requirements(cell_site: NDArray[np.int32]) -> tuple[RequirementGroup, ...]:
    """Return the paper's two groups of cells, alternating site by site: 1-3, 7-9, ... and 4-6, 10-12, ...

    Delays are ours: one and a half times what a 12,000-bit packet takes at the required throughput. Tighter ones would
    drown the throughput requirement, since a packet alone in the cell already takes one TTI of 1 ms or two.
    """
    first = tuple(n + 1 for n, site in enumerate(cell_site) if site % 2 == 0)
    second = tuple(n + 1 for n, site in enumerate(cell_site) if site % 2 == 1)
    groups = [
        RequirementGroup(cells=first, throughput_bps=(4e6, 3e6, 2e6, 1e6), delay_ms=(4.5, 6.0, 9.0, 18.0)),
        RequirementGroup(cells=second, throughput_bps=(2.5e6, 2e6, 1.5e6, 1e6), delay_ms=(7.2, 9.0, 12.0, 18.0)),
    ]
    return tuple(group for group in groups if group.cells)


def _merge(base: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay overrides over base; a mapping changes only the fields it names, anything else replaces the value."""
    merged = dict(base)
    for name, value in overrides.items():
        below = merged.get(name)
        merged[name] = _merge(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return merged


def _with_resolved_paths(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the file names in a TOML file relative to its folder; whatever is malformed is left to validation."""
    slices = data.get("slices")
    owners = [(data, "traffic_trace"), (data.get("layout"), "sites_csv")]
    owners += (
        [(item.get("traffic"), "path") for item in slices or () if isinstance(item, dict)]
        if isinstance(slices, list)
        else []
    )
    for owner, field in owners:
        if isinstance(owner, dict) and isinstance(owner.get(field), str):
            owner[field] = str(folder / owner[field])
    return data


def _readonly(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


class Scenario(Settings):
    """A network, its slices and its users: everything that a simulation needs but the seed.

    Every field has the paper's value as its default. ``requirements`` may be left out with the default slices: the
    paper's two groups then alternate from site to site. ``fidelity = "flow"`` replaces the window's TTIs by load
    coupling and processor sharing in closed form (see ``slicefast.scheduling.flow_window``), for large networks and for
    planning; it knows neither lending, nor HARQ, nor max C/I, and takes resource blocks as divisible.
    """

    name: Name = "custom"
    layout: AnyLayout = Field(default_factory=Layout)
    cell_settings: tuple[CellSettings, ...] = ()
    radio: Radio = Field(default_factory=Radio)
    indoor: Indoor = Field(default_factory=Indoor)
    slices: Annotated[tuple[Slice, ...], Field(min_length=1)] = Field(default_factory=_paper_slices)
    requirements: tuple[RequirementGroup, ...] = ()
    traffic: Traffic = Field(default_factory=Traffic)
    mobility: Mobility = Field(default_factory=Mobility)
    scheduler: Scheduler = Field(default_factory=Scheduler)
    step_s: Positive = 1.0
    window_ttis: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    traffic_trace: str | None = None
    fidelity: Literal["tti", "flow"] = "tti"

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
    def coloran(cls, **overrides: Any) -> Self:
        """Return the slice mix of the ColO-RAN testbed: eMBB, MTC and URLLC on 50 PRB.

        eMBB 4 Mbit/s constant, MTC Poisson 30 packets/s of 125 bytes, URLLC Poisson 10 packets/s of 125 bytes, per
        user. Users per cell, eMBB's packet size, the requirements and a mask of 1 are ours.
        """
        slices = [
            {"name": "eMBB", "rate_bps": 4e6, "traffic": "constant"},
            {"name": "MTC", "rate_bps": 30 * 1000.0, "packet_bits": 1000.0},
            {"name": "URLLC", "rate_bps": 10 * 1000.0, "packet_bits": 1000.0},
        ]
        defaults = {
            "name": "coloran",
            "radio": {"n_prb": 50},
            "slices": [{**item, "users_per_cell": 2} for item in slices],
            "requirements": [
                {"cells": "all", "throughput_bps": [4e6, 0.25e6, 0.5e6], "delay_ms": [10.0, 10.0, 3.0]},
            ],
            "traffic": {"low": 1.0, "high": 1.0},
        }
        return cls(**_merge(defaults, overrides))

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
        return cls(**_with_resolved_paths(data, Path(path).resolve().parent))

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
            # A layout of another kind replaces the old one whole.
            other_kind = isinstance(value, Mapping) and ("kind" in value or "sites_csv" in value)
            if isinstance(value, Mapping) and isinstance(data.get(name), Settings) and not other_kind:
                data[name] = cast(Settings, data[name]).model_dump()
        if self.requirements == _paper_requirements(self.cell_site):
            del data["requirements"]
        return type(self)(**_merge(data, overrides))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        check_radio(self.radio, self.placement)
        check_indoor(self.indoor, self.radio)
        self._check_handover()
        if not self.requirements:
            if len(self.slices) != 4:
                raise ScenarioError("requirements", MISSING, f"is required for {len(self.slices)} slices")
            # The model is frozen for its users; this is still its construction.
            object.__setattr__(self, "requirements", _paper_requirements(self.cell_site))
        names = [item.name for item in self.slices]
        for s, name in enumerate(names):
            if name in names[:s]:
                raise ScenarioError(f"slices[{s}].name", name, "must differ from the other slices' names")
        self._check_requirements()
        self._check_scheduler()
        if self.traffic_trace is not None and not Path(self.traffic_trace).is_file():
            raise ScenarioError("traffic_trace", self.traffic_trace, "no such file")
        return self

    def _check_handover(self) -> None:
        steps = self.radio.time_to_trigger_s / self.step_s
        if abs(steps - round(steps)) > 1e-6:
            problem = f"must be a multiple of step_s = {self.step_s:g}"
            raise ScenarioError("radio.time_to_trigger_s", self.radio.time_to_trigger_s, problem)

    def _check_scheduler(self) -> None:
        """Hold the scheduler's options against the rest."""
        rule = self.scheduler
        if rule.rbg_prb > self.radio.n_prb:
            raise ScenarioError("scheduler.rbg_prb", rule.rbg_prb, f"must be at most radio.n_prb = {self.radio.n_prb}")
        for field in ("dedicated_part", "max_ratio"):
            values = getattr(rule, field)
            if values and rule.share_as != "guarantee":
                raise ScenarioError(f"scheduler.{field}", values, "needs share_as = 'guarantee'")
            if values and len(values) != self.n_slices:
                problem = f"needs {self.n_slices} values, one per slice, or none"
                raise ScenarioError(f"scheduler.{field}", values, problem)
        if rule.buffer_bits > 0:
            for s, item in enumerate(self.slices):
                if isinstance(item.traffic, FullBufferTraffic):
                    problem = f"must be 0 (unlimited) beside full_buffer traffic, slices[{s}]"
                    raise ScenarioError("scheduler.buffer_bits", rule.buffer_bits, problem)
                size = self.slice_packet_bits[s]
                if rule.buffer_bits < size and not isinstance(item.traffic, TraceTraffic):
                    problem = f"must be 0 (unlimited) or hold a packet of slices[{s}], {size:g} bits"
                    raise ScenarioError("scheduler.buffer_bits", rule.buffer_bits, problem)
        if self.fidelity == "flow":
            for field, allowed in (
                ("share_as", ("partition",)),
                ("block_error_rate", (0.0,)),
                ("kind", ("round_robin", "proportional_fair")),
            ):
                value = getattr(rule, field)
                if value not in allowed:
                    problem = f"must be {' or '.join(map(repr, allowed))} with fidelity = 'flow'"
                    raise ScenarioError(f"scheduler.{field}", value, problem)

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
        return _readonly(np.repeat(np.arange(self.n_slices, dtype=np.int32), self.slice_users))

    @cached_property
    def slice_users(self) -> NDArray[np.int64]:
        """Users of each slice in the whole network (S,)."""
        return _readonly(np.array([item.users_per_cell * self.n_cells for item in self.slices]))

    @cached_property
    def slice_rate_bps(self) -> FloatArray:
        """Mean rate of an active user of each slice (S,) [bit/s].

        For ftp2 that of files delivered at once, for a full buffer the carrier's peak, for a trace its mean.
        """
        return _readonly(np.array([self._rate_bps(s) for s in range(self.n_slices)]))

    def _rate_bps(self, s: int) -> float:
        item, source = self.slices[s], self.slices[s].traffic
        if isinstance(source, Ftp2Traffic):
            return source.file_bits / source.reading_time_s
        if isinstance(source, FullBufferTraffic):
            return self._peak_bps_per_hz * self.bandwidth_hz
        if isinstance(source, TraceTraffic):
            trace = self.packet_traces[s]
            return float(trace.bits.sum(dtype=np.float64) / (trace.period_ttis * 1e-3) / self.slice_users[s])
        assert item.rate_bps is not None  # checked by Slice
        return item.rate_bps

    @property
    def _peak_bps_per_hz(self) -> float:
        """Spectral efficiency that no user passes: the table's end, or all the power received and only noise."""
        if self.radio.efficiency not in ("shannon", "mogensen"):
            return _BEST_CQI_BPS_PER_HZ
        return float(np.log2(1.0 + self.power_w_per_prb.max() / self.noise_w_per_prb))

    @cached_property
    def packet_traces(self) -> dict[int, PacketTrace]:
        """Packet traces by slice, for the slices that have one; `ScenarioError` names a bad row."""
        names = [item.name for item in self.slices]
        return {
            s: read_packets(item.traffic.path, s, names, int(self.slice_users[s]))
            for s, item in enumerate(self.slices)
            if isinstance(item.traffic, TraceTraffic)
        }

    @cached_property
    def slice_packet_bits(self) -> FloatArray:
        """Size of what arrives in each slice (S,) [bit]: packets, or whole files for the FTP models."""
        sizes = [getattr(item.traffic, "file_bits", item.packet_bits) for item in self.slices]
        return _readonly(np.array(sizes, dtype=np.float64))

    @cached_property
    def mean_packet_bits(self) -> FloatArray:
        """Mean size of a packet of each slice (S,) [bit]: as `slice_packet_bits`, for a trace its mean."""
        sizes = self.slice_packet_bits.copy()
        for s, trace in self.packet_traces.items():
            sizes[s] = trace.bits.mean(dtype=np.float64)
        return _readonly(sizes)

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

    @cached_property
    def requirement_groups(self) -> NDArray[np.int32]:
        """Group of equal requirements that each cell is in, (N,) int32, counted from 0 in the order of the cells."""
        rows = np.hstack([self.throughput_requirement_bps, self.delay_requirement_ms])
        known: dict[bytes, int] = {}
        groups = [known.setdefault(row.tobytes(), len(known)) for row in rows]
        return _readonly(np.array(groups, dtype=np.int32))

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
        reach, angle = self.placement.inter_site_distance_m / 3.0, np.deg2rad(self.azimuth_deg)
        centre_x_m = self.site_x_m[self.cell_site] + reach * np.cos(angle)
        centre_y_m = self.site_y_m[self.cell_site] + reach * np.sin(angle)
        return _readonly(neighbours(centre_x_m, centre_y_m, self.area))

    @property
    def time_to_trigger_steps(self) -> int:
        """Steps in a row that must find another cell better: the time to trigger lies between first and last."""
        steps = round(self.radio.time_to_trigger_s / self.step_s)
        return steps + 1 if steps else 0

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
        density_dbm = THERMAL_NOISE_DBM_PER_HZ + self.radio.noise_figure_db
        return float(10.0 ** ((density_dbm - 30.0) / 10.0) * self.radio.prb_bandwidth_hz)
