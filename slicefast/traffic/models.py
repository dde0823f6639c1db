"""The traffic models of a slice, one class each: its settings and how its packets come.

A new model is one class here: give it a ``kind``, set what differs from `TrafficModel`, write `draw` (or derive it from
`PoissonProcess`). Scenario files, the merging of arrivals and the scheduler's timers follow from the class.

Packets are drawn on the queue's clock, which counts simulated TTIs: window after window, without the network
time that passes between them. A user's clocks stop while it is idle.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field, SerializeAsAny

from slicefast import _traffic
from slicefast.errors import MISSING, ScenarioError
from slicefast.settings import InputFile, Positive, Settings
from slicefast.traffic.trace import PacketTrace, read_packets
from slicefast.traffic.users import Demand, Events, SliceUsers
from slicefast.units import SMALLEST_PACKET_BITS, Bool, Float64

PacketBits = Annotated[float, Field(ge=SMALLEST_PACKET_BITS, le=1e12)]
#: Seconds. Shorter ones, thousands in a TTI, would be drawn for minutes and change nothing.
_Phase = Annotated[float, Field(ge=1e-5, le=1e12)]

FTP_FILE_BITS = 4e6  # 0.5 MB, 3GPP TR 36.889 and TR 36.814


class TrafficModel(Settings):
    """What an active user of a slice sends. A subclass is known to scenarios by its ``kind``.

    Parameters
    ----------
    kind : str
        Name of the traffic model.

    Examples
    --------
    >>> sf.scenario.Slice(name="files", traffic={"kind": "ftp3", "file_bits": 8e6}, rate_bps=1e5).traffic
    Ftp3Traffic(kind='ftp3', file_bits=8000000.0)
    """

    kind: str
    #: Whether the slice's ``rate_bps`` must be given; otherwise it follows from the model and must be left out.
    needs_rate: ClassVar[bool] = True
    #: Whether `draw` looks at what is queued.
    needs_backlog: ClassVar[bool] = False
    #: Whether what is sent grows stale, so that the scheduler's discard timer applies.
    has_age: ClassVar[bool] = True
    #: Whether users are independent Poisson processes, which are drawn all at once outside the model.
    superposed: ClassVar[bool] = False

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        kind = cls.model_fields["kind"].default
        if isinstance(kind, str):
            MODELS[kind] = cls

    def mean_rate_bps(self, demand: Demand) -> float:
        """Return the mean rate of an active user [bit/s]."""
        assert demand.rate_bps is not None  # checked by the slice
        return demand.rate_bps

    def event_bits(self, packet_bits: float) -> float:
        """Return the size of what arrives [bit]: the slice's packets, or the model's own files."""
        return packet_bits

    def mean_event_bits(self, demand: Demand) -> float:
        """Return the mean size of what arrives [bit]."""
        return self.event_bits(demand.packet_bits)

    def least_buffer_bits(self, packet_bits: float) -> float:
        """Return the smallest limit on a user's queue that still lets packets in [bit]; infinite: no limit is."""
        return self.event_bits(packet_bits)

    def read_trace(
        self, slice_index: int, slice_names: list[str], n_users: int, ttis_per_s: float
    ) -> PacketTrace | None:
        """Return the packets that the model replays; None for a model that draws its own."""
        return None

    def start(self, users: SliceUsers) -> None:
        """Set the users' clocks as if the traffic had run for ever."""

    @abstractmethod
    def draw(self, users: SliceUsers, active: Bool, backlog_bits: Float64, start_tti: int) -> Events:
        """Draw the packets of the next window.

        Parameters
        ----------
        users : SliceUsers
            The slice's users, their clocks and their random stream.
        active : ndarray of bool, (U,)
            Who sends in this window.
        backlog_bits : ndarray of float64, (U,)
            What is queued for each; zeros unless `needs_backlog`.
        start_tti : int
            The queue's clock at the start of the window.

        Returns
        -------
        Events
            In any order.
        """


#: Every traffic model by its kind.
MODELS: dict[str, type[TrafficModel]] = {}


class PoissonProcess(TrafficModel):
    """What arrives at exponential intervals, drawn for all users of all such slices at once.

    Examples
    --------
    >>> from typing import Literal
    >>> from slicefast.traffic.models import PoissonProcess
    >>> class Doubled(PoissonProcess):
    ...     kind: Literal["doubled"] = "doubled"
    ...     def event_bits(self, packet_bits):
    ...         return 2.0 * packet_bits
    >>> sf.scenario.Slice(name="mine", traffic="doubled", rate_bps=1e5).traffic.event_bits(12_000.0)
    24000.0
    """

    superposed: ClassVar[bool] = True

    def draw(self, users: SliceUsers, active: Bool, backlog_bits: Float64, start_tti: int) -> Events:
        """Return nothing more than what the superposition of all such slices holds."""
        return Events(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))


class PoissonTraffic(PoissonProcess):
    """Packets at exponential intervals: ``rate_bps / packet_bits`` a second.

    Examples
    --------
    >>> sf.scenario.Slice(name="web", traffic="poisson", rate_bps=1e5).traffic
    PoissonTraffic(kind='poisson')
    """

    kind: Literal["poisson"] = "poisson"


class ConstantTraffic(TrafficModel):
    """Packets at equal intervals of ``packet_bits / rate_bps``, each user at its own phase.

    Examples
    --------
    >>> sf.scenario.Slice(name="voice", traffic="constant", rate_bps=1e4, packet_bits=300.0).traffic
    ConstantTraffic(kind='constant')
    """

    kind: Literal["constant"] = "constant"

    def start(self, users: SliceUsers) -> None:
        """Draw the users' phases."""
        users.next_tti[:] = users.interval_ttis * users.generator.random(users.next_tti.size)

    def draw(self, users: SliceUsers, active: Bool, backlog_bits: Float64, start_tti: int) -> Events:
        """Draw the packets of the next window; ``next_tti`` is the time to each user's next packet."""
        interval, size = users.interval_ttis, users.event_bits
        return Events(*_traffic.draw_constant_arrivals(active, users.next_tti, size, interval, users.window_ttis))


class OnOffTraffic(TrafficModel):
    """Exponential on and off phases of the given means; packets at equal intervals while on.

    The rate while on is ``rate_bps (on_s + off_s) / on_s``, so that ``rate_bps`` is the mean.

    Parameters
    ----------
    on_s, off_s : float
        Mean length of the phases.

    Examples
    --------
    >>> sf.scenario.Slice(name="video", traffic={"kind": "on_off", "on_s": 2.0}, rate_bps=1e6).traffic
    OnOffTraffic(kind='on_off', on_s=2.0, off_s=1.0)
    """

    kind: Literal["on_off"] = "on_off"
    on_s: _Phase = 1.0
    off_s: _Phase = 1.0

    def _interval_ttis(self, users: SliceUsers) -> float:
        """Time between a user's packets while it is on [TTI]."""
        on_part = self.on_s / (self.on_s + self.off_s)
        return float(users.event_bits / users.rate_bps * on_part * users.ttis_per_s)

    def start(self, users: SliceUsers) -> None:
        """Draw phases: ``left_tti`` is what is left of them, negative while off, and ``next_tti`` as for constant."""
        n, generator = users.next_tti.size, users.generator
        on = generator.random(n) < self.on_s / (self.on_s + self.off_s)
        length = generator.standard_exponential(n) * users.ttis_per_s
        users.left_tti[:] = np.where(on, self.on_s, -self.off_s) * length
        users.next_tti[:] = self._interval_ttis(users) * generator.random(n)

    def draw(self, users: SliceUsers, active: Bool, backlog_bits: Float64, start_tti: int) -> Events:
        """Draw the packets of the next window."""
        drawn = _traffic.draw_on_off_arrivals(
            users.generator,
            active,
            users.next_tti,
            users.left_tti,
            users.event_bits,
            self._interval_ttis(users),
            self.on_s * users.ttis_per_s,
            self.off_s * users.ttis_per_s,
            users.window_ttis,
        )
        return Events(*drawn)


class Ftp3Traffic(PoissonProcess):
    """FTP model 3 (TR 36.889): files arrive as a Poisson process of mean rate ``rate_bps / file_bits``.

    Parameters
    ----------
    file_bits : float
        Size of a file.

    Examples
    --------
    >>> sf.scenario.Slice(name="files", traffic="ftp3", rate_bps=1e5).traffic
    Ftp3Traffic(kind='ftp3', file_bits=4000000.0)
    """

    kind: Literal["ftp3"] = "ftp3"
    file_bits: PacketBits = FTP_FILE_BITS
    has_age: ClassVar[bool] = False  # a timer would drop a whole file

    def event_bits(self, packet_bits: float) -> float:
        """Return the file's size [bit]."""
        return self.file_bits


class Ftp2Traffic(TrafficModel):
    """FTP model 2 (TR 36.814): the next file comes an exponential reading time after the last one is delivered.

    Parameters
    ----------
    file_bits : float
        Size of a file.
    reading_time_s : float
        Mean time between a file's delivery and the next.

    Examples
    --------
    >>> sf.scenario.Slice(name="reading", traffic={"kind": "ftp2", "reading_time_s": 2.0}).traffic
    Ftp2Traffic(kind='ftp2', file_bits=4000000.0, reading_time_s=2.0)
    """

    kind: Literal["ftp2"] = "ftp2"
    file_bits: PacketBits = FTP_FILE_BITS
    reading_time_s: Positive = 5.0
    needs_rate: ClassVar[bool] = False
    needs_backlog: ClassVar[bool] = True
    has_age: ClassVar[bool] = False

    def mean_rate_bps(self, demand: Demand) -> float:
        """Return the rate of files delivered at once [bit/s]."""
        return self.file_bits / self.reading_time_s

    def event_bits(self, packet_bits: float) -> float:
        """Return the file's size [bit]."""
        return self.file_bits

    def start(self, users: SliceUsers) -> None:
        """Let everybody read."""
        users.next_tti[:] = users.generator.exponential(self.reading_time_s * users.ttis_per_s, users.next_tti.size)

    def draw(self, users: SliceUsers, active: Bool, backlog_bits: Float64, start_tti: int) -> Events:
        """Request files; ``next_tti`` is infinite from a request until the file is delivered.

        The TTI of a delivery is not known here: the reading is taken to have begun anywhere in the window that ended.
        """
        next_tti, generator, window = users.next_tti, users.generator, users.window_ttis
        delivered = np.flatnonzero(np.isinf(next_tti) & (backlog_bits <= 0.0))
        reading = generator.exponential(self.reading_time_s * users.ttis_per_s, delivered.size)
        next_tti[delivered] = np.maximum(reading - window * generator.random(delivered.size), 0.0)
        user = np.flatnonzero(active & (next_tti < window)).astype(np.int32)
        tti = next_tti[user].astype(np.int32)
        next_tti[user] = np.inf
        next_tti[active] -= window
        return Events(user, tti, np.full(user.size, self.file_bits, dtype=np.float32))


class FullBufferTraffic(TrafficModel):
    """Always something to send.

    Examples
    --------
    >>> sf.scenario.Slice(name="downloads", traffic="full_buffer").traffic
    FullBufferTraffic(kind='full_buffer')
    """

    kind: Literal["full_buffer"] = "full_buffer"
    needs_rate: ClassVar[bool] = False
    needs_backlog: ClassVar[bool] = True
    has_age: ClassVar[bool] = False  # these bits were never sent by anybody

    def mean_rate_bps(self, demand: Demand) -> float:
        """Return the carrier's peak [bit/s]."""
        return demand.peak_bps

    def least_buffer_bits(self, packet_bits: float) -> float:
        """Return infinity: a limited queue is not a full buffer."""
        return float("inf")

    def draw(self, users: SliceUsers, active: Bool, backlog_bits: Float64, start_tti: int) -> Events:
        """Fill the buffers up at the start of the window."""
        missing = users.full_bits - backlog_bits
        user = np.flatnonzero(active & (missing >= SMALLEST_PACKET_BITS)).astype(np.int32)
        return Events(user, np.zeros_like(user), missing[user].astype(np.float32))


class TraceTraffic(TrafficModel):
    """Packets from a file with the columns time (seconds), bytes and user (1, 2, ... within the slice) or slice.

    The file's slice column chooses the rows of this slice, by name or by number from 1. Packets without a user go to
    active users of the slice, at random. The trace repeats.

    Parameters
    ----------
    path : path
        The file.

    Examples
    --------
    >>> packets = [[0, 1500, 1], [0.5, 1500, 2]]
    >>> np.savetxt("packets.csv", packets, fmt="%g", delimiter=",", header="time,bytes,user", comments="")
    >>> mine = sf.scenario.Slice(name="mine", traffic={"kind": "trace", "path": "packets.csv"}, users_per_cell=2)
    >>> alike = sf.scenario.RequirementGroup(cells="all", throughput_bps=[1e6], delay_ms=[50.0])
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, slices=[mine], requirements=[alike])
    >>> scenario.packet_traces[0].bits
    array([12000., 12000.], dtype=float32)
    """

    kind: Literal["trace"] = "trace"
    path: InputFile
    needs_rate: ClassVar[bool] = False

    def mean_rate_bps(self, demand: Demand) -> float:
        """Return the trace's mean, shared equally among the slice's users [bit/s]."""
        trace = demand.trace
        assert trace is not None  # this model reads one
        return float(trace.bits.sum(dtype=np.float64) / (trace.period_ttis / trace.ttis_per_s) / demand.n_users)

    def mean_event_bits(self, demand: Demand) -> float:
        """Return the mean size of the trace's packets [bit]."""
        assert demand.trace is not None
        return float(demand.trace.bits.mean(dtype=np.float64))

    def least_buffer_bits(self, packet_bits: float) -> float:
        """Return 0: packets that do not fit are part of what a trace shows."""
        return 0.0

    def read_trace(
        self, slice_index: int, slice_names: list[str], n_users: int, ttis_per_s: float
    ) -> PacketTrace | None:
        """Read the file's packets of the slice; `ScenarioError` names a bad row."""
        return read_packets(self.path, slice_index, slice_names, n_users, ttis_per_s)

    def draw(self, users: SliceUsers, active: Bool, backlog_bits: Float64, start_tti: int) -> Events:
        """Read the packets of the window; those of no user go to active users, to any if there are none."""
        trace = users.trace
        assert trace is not None  # this model reads one
        tti, packet = trace.window(start_tti, users.window_ttis)
        user = trace.user[packet].copy()
        unnamed = np.flatnonzero(user < 0)
        if unnamed.size:
            takers = np.flatnonzero(active) if active.any() else np.arange(active.size)
            user[unnamed] = takers[users.generator.integers(takers.size, size=unnamed.size)]
        return Events(user, tti.astype(np.int32), trace.bits[packet])


def _to_model(value: object) -> object:
    """Make a model from ``"ftp3"`` or ``{kind = "ftp3", ...}``; anything else is left to pydantic."""
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, Mapping):
        return value
    if "kind" not in value:
        raise ScenarioError("kind", MISSING, "is required")
    kind = value["kind"]
    if not isinstance(kind, str) or kind not in MODELS:
        raise ScenarioError("kind", kind, f"must be one of {', '.join(map(repr, MODELS))}")
    return MODELS[kind](**value)


#: The type of a field that holds a traffic model.
AnyTraffic = Annotated[SerializeAsAny[TrafficModel], BeforeValidator(_to_model)]
