"""The packets of a window: every slice's traffic model, or packet trace, ends in one event list.

Packets are drawn on the queue's clock, which counts simulated TTIs of 1 ms: window after window, without the network
time that passes between them. A user's clocks stop while it is idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _traffic
from slicefast.scenario import Scenario
from slicefast.traffic.models import SMALLEST_BITS, Ftp2Traffic, OnOffTraffic

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
_TTIS_PER_S = 1000.0
_SUPERPOSED = ("poisson", "ftp3")
_NEEDS_BACKLOG = ("ftp2", "full_buffer")


class Events(NamedTuple):
    """Packets sorted by TTI: user (K,) int32, tti (K,) int32 in [0, window_ttis), bits (K,) float32."""

    user: NDArray[np.int32]
    tti: NDArray[np.int32]
    bits: NDArray[np.float32]


class Arrivals:
    """Draws the packets of one replica, window by window.

    Users with Poisson packets or files are drawn as one superposed process at the cost of their arrivals; the other
    models keep a clock per user.

    Parameters
    ----------
    scenario : its slices' traffic models, users and ``window_ttis``.
    generator : the replica's stream of traffic; also draws the clocks' stationary start.

    Raises
    ------
    ScenarioError : a packet trace cannot be used; it names the row.
    """

    def __init__(self, scenario: Scenario, generator: np.random.Generator) -> None:
        self.generator = generator
        self.window_ttis = scenario.window_ttis
        self.slices = scenario.slices
        self._traces = scenario.packet_traces
        self._kinds = [item.traffic.kind for item in self.slices]
        ends = np.cumsum(scenario.slice_users)
        self._users = [slice(int(end - count), int(end)) for end, count in zip(ends, scenario.slice_users, strict=True)]
        self._rate_bps = scenario.slice_rate_bps
        self._bits = scenario.slice_packet_bits
        # What keeps a full buffer full at the carrier's peak rate until the next window.
        self._full_bits = float(scenario.slice_rate_bps.max() * scenario.window_ttis / _TTIS_PER_S)
        superposed = np.array([kind in _SUPERPOSED for kind in self._kinds])
        self._rate_pps = np.where(superposed, self._rate_bps / self._bits, 0.0)[scenario.slice_of]
        self._packet_bits = self._bits.astype(np.float32)[scenario.slice_of]
        self._all_superposed = bool(superposed.all())
        self.clock_tti = 0
        self.next_tti = np.zeros(scenario.n_users)
        self.left_tti = np.zeros(scenario.n_users)
        for s in range(len(self.slices)):
            self._start(s)

    @property
    def needs_backlog(self) -> bool:
        """Whether `draw` must be told the backlog: users of ftp2 and full_buffer answer to deliveries."""
        return any(kind in _NEEDS_BACKLOG for kind in self._kinds)

    def _start(self, s: int) -> None:
        """Draw the clocks of a slice as if the traffic had run for ever."""
        users, source = self._users[s], self.slices[s].traffic
        n = users.stop - users.start
        if source.kind == "constant":
            self.next_tti[users] = self._interval(s) * self.generator.random(n)
        elif isinstance(source, OnOffTraffic):
            on = self.generator.random(n) < source.on_s / (source.on_s + source.off_s)
            length = self.generator.standard_exponential(n) * _TTIS_PER_S
            self.left_tti[users] = np.where(on, source.on_s, -source.off_s) * length
            self.next_tti[users] = self._interval(s) * self.generator.random(n)
        elif isinstance(source, Ftp2Traffic):
            self.next_tti[users] = self.generator.exponential(source.reading_time_s * _TTIS_PER_S, n)

    def _interval(self, s: int) -> float:
        """Time between a user's packets while it sends [TTI]."""
        source = self.slices[s].traffic
        part = source.on_s / (source.on_s + source.off_s) if isinstance(source, OnOffTraffic) else 1.0
        return float(self._bits[s] / self._rate_bps[s] * part * _TTIS_PER_S)

    def draw(self, active: ArrayLike, backlog_bits: ArrayLike | None = None) -> Events:
        """Draw the packets of the next window.

        Parameters
        ----------
        active : who sends in this window (U,) bool; a packet trace does not ask.
        backlog_bits : bits queued per user (U,), if `needs_backlog`.

        Raises
        ------
        ValueError : a wrong shape, or the backlog is needed and missing; nothing is drawn.
        """
        active = np.asarray(active, dtype=np.bool_)
        n_users = self.next_tti.size
        if active.shape != (n_users,):
            raise ValueError(f"active: must have shape ({n_users},), not {active.shape}")
        backlog = self._checked_backlog(backlog_bits, n_users)
        superposed = Events(
            *_traffic.draw_poisson_arrivals(
                self.generator, self._rate_pps * active, self._packet_bits, self.window_ttis
            )
        )
        start_tti = self.clock_tti
        self.clock_tti += self.window_ttis
        if self._all_superposed:
            return superposed
        parts = [superposed]
        for s, kind in enumerate(self._kinds):
            if kind not in _SUPERPOSED:
                users = self._users[s]
                user, tti, bits = self._draw_slice(s, active[users], backlog[users], start_tti)
                parts.append(Events(user + np.int32(users.start), tti, bits))
        user, tti, bits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = _traffic.order_by_tti(tti, self.window_ttis)
        return Events(user[order], tti[order], bits[order])

    def _checked_backlog(self, backlog_bits: ArrayLike | None, n_users: int) -> FloatArray:
        if backlog_bits is None:
            if self.needs_backlog:
                raise ValueError(f"backlog_bits: is needed for {' and '.join(_NEEDS_BACKLOG)} traffic")
            return np.zeros(n_users)
        backlog = np.asarray(backlog_bits, dtype=np.float64)
        if backlog.shape != (n_users,):
            raise ValueError(f"backlog_bits: must have shape ({n_users},), not {backlog.shape}")
        return backlog

    def _draw_slice(self, s: int, active: BoolArray, backlog: FloatArray, start_tti: int) -> Events:
        """Draw the packets of one slice's users, numbered from 0."""
        source, users, size, window = self.slices[s].traffic, self._users[s], float(self._bits[s]), self.window_ttis
        next_tti = self.next_tti[users]
        if source.kind == "constant":
            return Events(*_traffic.draw_constant_arrivals(active, next_tti, size, self._interval(s), window))
        if isinstance(source, OnOffTraffic):
            on_ttis, off_ttis = source.on_s * _TTIS_PER_S, source.off_s * _TTIS_PER_S
            return Events(
                *_traffic.draw_on_off_arrivals(
                    self.generator,
                    active,
                    next_tti,
                    self.left_tti[users],
                    size,
                    self._interval(s),
                    on_ttis,
                    off_ttis,
                    window,
                )
            )
        if isinstance(source, Ftp2Traffic):
            return self._draw_ftp2(next_tti, source, active, backlog)
        if source.kind == "full_buffer":
            missing = self._full_bits - backlog
            user = np.flatnonzero(active & (missing >= SMALLEST_BITS)).astype(np.int32)
            return Events(user, np.zeros_like(user), missing[user].astype(np.float32))
        return self._draw_trace(s, active, start_tti)

    def _draw_ftp2(self, next_tti: FloatArray, source: Ftp2Traffic, active: BoolArray, backlog: FloatArray) -> Events:
        """Request files; ``next_tti`` is infinite from a request until the file is delivered.

        The TTI of a delivery is not known here: the reading is taken to have begun anywhere in the window that ended.
        """
        delivered = np.flatnonzero(np.isinf(next_tti) & (backlog <= 0.0))
        reading = self.generator.exponential(source.reading_time_s * _TTIS_PER_S, delivered.size)
        next_tti[delivered] = np.maximum(reading - self.window_ttis * self.generator.random(delivered.size), 0.0)
        user = np.flatnonzero(active & (next_tti < self.window_ttis)).astype(np.int32)
        tti = next_tti[user].astype(np.int32)
        next_tti[user] = np.inf
        next_tti[active] -= self.window_ttis
        return Events(user, tti, np.full(user.size, source.file_bits, dtype=np.float32))

    def _draw_trace(self, s: int, active: BoolArray, start_tti: int) -> Events:
        """Read the packets of the window; those of no user go to active users, to any if there are none."""
        trace = self._traces[s]
        tti, packet = trace.window(start_tti, self.window_ttis)
        user = trace.user[packet].copy()
        unnamed = np.flatnonzero(user < 0)
        if unnamed.size:
            takers = np.flatnonzero(active) if active.any() else np.arange(active.size)
            user[unnamed] = takers[self.generator.integers(takers.size, size=unnamed.size)]
        return Events(user, tti.astype(np.int32), trace.bits[packet])

    def state(self) -> dict[str, Any]:
        """Return the clocks, without the generator's state."""
        return {"clock_tti": self.clock_tti, "next_tti": self.next_tti.copy(), "left_tti": self.left_tti.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue where `state` found the clocks."""
        self.clock_tti = int(state["clock_tti"])
        self.next_tti[...] = state["next_tti"]
        self.left_tti[...] = state["left_tti"]
