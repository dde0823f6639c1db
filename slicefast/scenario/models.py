"""The scenario: presets, TOML in and out, and the arrays that follow from its parts.

Dimensions: K sites, N cells, S slices, U users. Cells are numbered from 1 in files, from 0 in arrays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self, cast

import numpy as np
from pydantic import Field, model_validator

from slicefast.arguments import checked
from slicefast.errors import MISSING, ScenarioError
from slicefast.link_adaptation import peak_bps_per_hz
from slicefast.notebooks import rows_html
from slicefast.radio.gain_map import GainMap, read_gain_map
from slicefast.scenario.cells import RequirementGroup, by_cell, required
from slicefast.scenario.checks import check_network, check_slices
from slicefast.scenario.demands import read_packet_traces, slice_demands
from slicefast.scenario.density import Density, density_of
from slicefast.scenario.heterogeneous import HeterogeneityKind, with_patterns
from slicefast.scenario.parts import Mobility, Scheduler, Slice, Traffic
from slicefast.scenario.placed import Placed, readonly
from slicefast.scenario.plausibility import check_plausible
from slicefast.scenario.presets import NR_3500_100MHZ, nr_requirements, paper_requirements, paper_slices
from slicefast.scenario.radio import Indoor
from slicefast.scenario.toml import merge, read_toml, write_toml
from slicefast.settings import InputFile, Positive, Settings
from slicefast.traffic.trace import PacketTrace
from slicefast.traffic.users import Demand
from slicefast.units import Float64, Int32, Int64


def _span(values: Float64) -> str:
    """Write the range of what cells have."""
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


@checked
class Scenario(Placed):
    """A network, its slices and its users: everything that a simulation needs but the seed.

    Every field has the paper's value as its default. ``requirements`` may be left out with the default slices: the
    paper's two groups then alternate from site to site. ``fidelity = "flow"`` replaces the window's TTIs by load
    coupling and processor sharing in closed form (see ``slicefast.scheduling.flow_window``), for large networks and for
    planning; it knows neither lending nor max C/I, HARQ in the mean, and takes resource blocks as divisible.

    Parameters
    ----------
    name : str
        What reports call it.
    layout : Layout or CsvLayout
        Where the sites are: a lattice, or what a file says.
    cell_settings : tuple of CellSettings
        What some cells do differently.
    hotspots : tuple of Hotspot
        Places that draw users.
    radio : Radio
        The carrier, the antennas, and what lies between them and the users.
    indoor : Indoor
        Which users are in buildings, and what these cost.
    slices : tuple of Slice
        Each slice's traffic and users.
    requirements : tuple of RequirementGroup
        What cells promise each slice; every cell is in one group.
    traffic : Traffic
        How many users are active over the day.
    mobility : Mobility
        How users move.
    scheduler : Scheduler
        How a cell's PRBs go to its users.
    step_s : float
        Time between two decisions; users move that far, traffic is that of the time.
    window_ttis : int
        TTIs of a step that are played, from its beginning.
    traffic_trace : path, optional
        A CSV file of volumes over time that drives the traffic mask, in place of the generated one.
    fidelity : {"tti", "flow"}
        Whether the window's TTIs are played, or solved in closed form.

    Examples
    --------
    >>> scenario = sf.Scenario(layout={"n_sites": 7}, window_ttis=100)
    >>> scenario.n_cells, scenario.n_slices, scenario.n_users
    (21, 4, 2688)
    """

    indoor: Indoor = Field(default_factory=Indoor)
    slices: Annotated[tuple[Slice, ...], Field(min_length=1)] = Field(default_factory=paper_slices)
    requirements: tuple[RequirementGroup, ...] = ()
    traffic: Traffic = Field(default_factory=Traffic)
    mobility: Mobility = Field(default_factory=Mobility)
    scheduler: Scheduler = Field(default_factory=Scheduler)
    step_s: Positive = 1.0
    window_ttis: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    traffic_trace: InputFile | None = None
    fidelity: Literal["tti", "flow"] = "tti"

    def __eq__(self, other: object) -> bool:
        # pydantic's own comparison would also meet the cached arrays.
        if not isinstance(other, Scenario):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in Scenario.model_fields)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in Scenario.model_fields))

    def __repr__(self) -> str:
        counts = f"{self.n_cells:,} cells, {self.n_slices} slices, {self.n_users:,} users"
        return f"{type(self).__name__}({self.name!r}: {counts}, {self.radio.technology.upper()})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        headings = ("slice", "traffic", "rate [kbit/s]", "users per cell", "throughput [Mbit/s]", "delay [ms]")
        promised = zip(self.throughput_requirement_bps.T / 1e6, self.delay_requirement_ms.T, strict=True)
        rows = [
            (item.name, item.traffic.kind, f"{rate_bps / 1e3:g}", f"{item.users_per_cell}", *map(_span, values))
            for item, rate_bps, values in zip(self.slices, self.slice_rate_bps, promised, strict=True)
        ]
        return rows_html(repr(self), headings, rows)

    @classmethod
    def paper(cls, **overrides: Any) -> Self:
        """Return the default scenario: 12 cells, 4 slices, 1,536 users.

        Overrides are fields of `Scenario`; a mapping changes only what it names.

        Examples
        --------
        >>> sf.Scenario.paper(radio={"tilt_deg": 12})
        Scenario('paper': 12 cells, 4 slices, 1,536 users, LTE)
        """
        return cls(**merge({"name": "paper"}, overrides))

    @classmethod
    def hexagonal(
        cls, n_sites: int = 19, inter_site_distance_m: float = 500.0, wrap_around: bool = True, **overrides: Any
    ) -> Self:
        """Return the default scenario on n_sites hexagonal sites of three cells each.

        Examples
        --------
        >>> sf.Scenario.hexagonal(n_sites=7, inter_site_distance_m=300.0)
        Scenario('hexagonal-7': 21 cells, 4 slices, 2,688 users, LTE)
        """
        layout = {"n_sites": n_sites, "inter_site_distance_m": inter_site_distance_m, "wrap_around": wrap_around}
        return cls(**merge({"name": f"hexagonal-{n_sites}", "layout": layout}, overrides))

    @classmethod
    def nr_3500_100mhz(cls, **overrides: Any) -> Self:
        """Return the default scenario on an NR carrier: 3.5 GHz, 100 MHz, 273 PRBs of 30 kHz, TDD DDDSU, 256QAM.

        Propagation and antennas of 3GPP TR 38.901 v17 (UMa; columns of eight elements). 51 dBm, which is the 44 dBm
        per 20 MHz of ITU-R M.2412's dense urban macro cells, and its noise figure of 7 dB. Slices ask for five times
        the paper's rates and throughput, and packets for a fifth of its delays (ours): as much load as there.

        Overrides are fields of `Scenario`; a mapping changes only what it names.

        Examples
        --------
        >>> sf.Scenario.nr_3500_100mhz()
        Scenario('nr-3500-100mhz': 12 cells, 4 slices, 1,536 users, NR)
        """
        made = cls(**merge(NR_3500_100MHZ, overrides))
        if "requirements" in overrides:
            return made
        return made.model_copy(update={"requirements": nr_requirements(made.requirements)})

    @classmethod
    def heterogeneous(cls, h: float, kind: HeterogeneityKind = "both", seed: int = 0, **overrides: Any) -> Self:
        """Return the default scenario with cells that differ: each has a pattern over its slices, stronger with h.

        See `slicefast.scenario.heterogeneous`. At h = 0 it is `paper`, at h = 1 the extremes of a cell's slices differ
        by about 4.

        Parameters
        ----------
        h : float
            0 to 2.
        kind : {"mix", "requirements", "both", "anti"}
            What follows the pattern: the users that are active, the throughput required, both, or the users the
            pattern and the requirements its inverse.
        seed : int
            Draws the patterns, each cell's the same in networks of any size.
        **overrides
            Fields of `Scenario`, as of `paper`: what the patterns are laid over.

        Raises
        ------
        ScenarioError
            h, the kind or the seed is not allowed.

        Examples
        --------
        >>> scenario = sf.Scenario.heterogeneous(0.5, kind="mix", seed=1)
        >>> np.unique(scenario.requirement_groups)
        array([0, 1], dtype=int32)
        """
        return with_patterns(cls.paper(**overrides), h, kind, seed)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Read a scenario from a TOML file; file names in it are relative to the file.

        Parameters
        ----------
        path : path-like
            The file.

        Raises
        ------
        ScenarioError
            The file cannot be read, or a field is at fault; the first one is named.

        Examples
        --------
        >>> sf.Scenario.hexagonal(n_sites=1).to_toml("mine.toml")
        >>> sf.Scenario.from_toml("mine.toml") == sf.Scenario.hexagonal(n_sites=1)
        True
        """
        fields = read_toml(path)
        try:
            return cls(**fields)
        except ScenarioError as error:
            raise ScenarioError(f"{os.fspath(path)}: {error.field}", error.value, error.problem) from None

    def to_toml(self, path: str | os.PathLike[str]) -> None:
        """Write the scenario, with comments; `from_toml` reads it back equal.

        Requirements that are those of the layout are comments too, so that who changes its sites needs no others.

        Examples
        --------
        >>> from pathlib import Path
        >>> sf.Scenario.hexagonal(n_sites=1).to_toml("mine.toml")
        >>> Path("mine.toml").read_text().splitlines()[0]
        '# What reports call it'
        """
        write_toml(self, path, implied=("requirements",) if self._requirements_follow else ())

    def replace(self, **overrides: Any) -> Self:
        """Return a validated copy with other fields; a mapping changes only what it names.

        Requirements that are the defaults of the old layout become those of the new one.

        Examples
        --------
        >>> sf.Scenario.paper().replace(radio={"tilt_deg": 12}).radio.tilt_deg
        12.0
        """
        data = self._stated()
        for name, value in overrides.items():
            # A layout of another kind replaces the old one whole.
            other_kind = isinstance(value, Mapping) and ("kind" in value or "sites_csv" in value)
            if isinstance(value, Mapping) and isinstance(data.get(name), Settings) and not other_kind:
                data[name] = cast(Settings, data[name]).model_dump()
        return type(self)(**merge(data, overrides))

    @model_validator(mode="after")
    def _complete(self) -> Self:
        check_network(self)
        if not self.requirements:
            if len(self.slices) != 4:
                raise ScenarioError("requirements", MISSING, f"is required for {len(self.slices)} slices")
            # The model is frozen for its users; this is still its construction.
            object.__setattr__(self, "requirements", paper_requirements(self.cell_site))
        check_slices(self)
        check_plausible(self)
        return self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a validated copy with other fields, each replaced as a whole; see `replace` for parts of them.

        Examples
        --------
        >>> sf.Scenario.paper().model_copy(update={"window_ttis": 100}).window_ttis
        100
        """
        return type(self)(**{**self._stated(), **(update or {})})

    def _stated(self) -> dict[str, Any]:
        """Return the fields, without requirements that follow from the layout."""
        left_out = {"requirements"} if self._requirements_follow else set()
        return {name: getattr(self, name) for name in type(self).model_fields if name not in left_out}

    @property
    def _requirements_follow(self) -> bool:
        return self.requirements == paper_requirements(self.cell_site)

    @property
    def n_slices(self) -> int:
        """Number of slices S."""
        return len(self.slices)

    @property
    def n_users(self) -> int:
        """Number of users U: every slice's users per cell, times the cells."""
        return self.n_cells * sum(item.users_per_cell for item in self.slices)

    @cached_property
    def slice_of(self) -> Int32:
        """Slice of every user (U,) int32; the users of a slice stand together."""
        return readonly(np.repeat(np.arange(self.n_slices, dtype=np.int32), self.slice_users))

    @cached_property
    def slice_users(self) -> Int64:
        """Users of each slice in the whole network (S,)."""
        return readonly(np.array([item.users_per_cell * self.n_cells for item in self.slices]))

    @cached_property
    def slice_rate_bps(self) -> Float64:
        """Mean rate of an active user of each slice (S,) [bit/s].

        For ftp2 that of files delivered at once, for a full buffer the carrier's peak, for a trace its mean.
        """
        return readonly(np.array([item.traffic.mean_rate_bps(self._demands[s]) for s, item in enumerate(self.slices)]))

    @cached_property
    def activity(self) -> Float64:
        """Factors of ``cell_settings`` on the traffic mask, (N, S)."""
        return readonly(by_cell(self.cell_settings, "activity", np.ones((self.n_cells, self.n_slices))))

    @cached_property
    def density(self) -> Density | None:
        """Where users are denser, by ``cell_settings`` and ``hotspots``; None where all of the area is alike."""
        return density_of(self.placement, by_cell(self.cell_settings, "density", np.ones(self.n_cells)), self.hotspots)

    @cached_property
    def cell_rate_bps(self) -> Float64:
        """`slice_rate_bps` by cell, with the cells' own, (N, S) [bit/s]."""
        return readonly(by_cell(self.cell_settings, "rate_bps", np.tile(self.slice_rate_bps, (self.n_cells, 1))))

    @cached_property
    def cell_packet_bits(self) -> Float64:
        """`slice_packet_bits` by cell, with the cells' own, (N, S) [bit]."""
        return readonly(by_cell(self.cell_settings, "packet_bits", np.tile(self.slice_packet_bits, (self.n_cells, 1))))

    @cached_property
    def _demands(self) -> tuple[Demand, ...]:
        """What each slice's traffic model works from."""
        return slice_demands(self)

    @property
    def ceiling_bps_per_hz(self) -> float | None:
        """Spectral efficiency that no link passes, whatever its curve says: the carrier's; none with "shannon"."""
        if self.radio.efficiency == "shannon":
            return None
        return peak_bps_per_hz(self.radio.n_prb, self.radio.link_table, self.radio.layers)

    @cached_property
    def packet_traces(self) -> dict[int, PacketTrace]:
        """Packet traces by slice, for the slices that replay one; `ScenarioError` names a bad row."""
        return read_packet_traces(self)

    @cached_property
    def slice_packet_bits(self) -> Float64:
        """Size of what arrives in each slice (S,) [bit]: packets, or whole files for the FTP models."""
        return readonly(np.array([item.traffic.event_bits(item.packet_bits) for item in self.slices], np.float64))

    @cached_property
    def gain_map(self) -> GainMap | None:
        """The gains that ``radio.gain_map`` names, read once; `ScenarioError` names what is wrong with the file."""
        return None if self.radio.gain_map is None else read_gain_map(self.radio.gain_map)

    @cached_property
    def mean_packet_bits(self) -> Float64:
        """Mean size of a packet of each slice (S,) [bit]: as `slice_packet_bits`, for a trace its mean."""
        sizes = [item.traffic.mean_event_bits(self._demands[s]) for s, item in enumerate(self.slices)]
        return readonly(np.array(sizes, np.float64))

    @cached_property
    def throughput_requirement_bps(self) -> Float64:
        """User throughput that each cell promises each slice (N, S) [bit/s]."""
        return readonly(required(self.requirements, "throughput_bps", self.n_cells))

    @cached_property
    def delay_requirement_ms(self) -> Float64:
        """Longest mean packet delay that each cell promises each slice (N, S) [ms]."""
        return readonly(required(self.requirements, "delay_ms", self.n_cells))

    @cached_property
    def requirement_groups(self) -> Int32:
        """Group of equal requirements that each cell is in, (N,) int32, counted from 0 in the order of the cells."""
        rows = np.hstack([self.throughput_requirement_bps, self.delay_requirement_ms])
        known: dict[bytes, int] = {}
        groups = [known.setdefault(row.tobytes(), len(known)) for row in rows]
        return readonly(np.array(groups, dtype=np.int32))

    @property
    def time_to_trigger_steps(self) -> int:
        """Steps in a row that must find another cell better: the time to trigger lies between first and last."""
        steps = round(self.radio.time_to_trigger_s / self.step_s)
        return steps + 1 if steps else 0
