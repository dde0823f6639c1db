"""The packets of a window: what the traffic models of all slices send, merged into one event list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from slicefast import _traffic
from slicefast.errors import described, refuse
from slicefast.traffic.users import Events, SliceUsers
from slicefast.units import Bool, Float32, Float64

if TYPE_CHECKING:
    from slicefast.scenario import Scenario

__all__ = ["Arrivals", "Events"]


class Arrivals:
    """Draws the packets of one replica, window by window.

    Users with Poisson packets or files are drawn as one superposed process at the cost of their arrivals; the other
    models keep clocks per user.

    Parameters
    ----------
    scenario : Scenario
        Its slices' traffic models, users and ``window_ttis``.
    generator : numpy.random.Generator
        The replica's stream of traffic; also draws the clocks' stationary start.

    Raises
    ------
    ScenarioError
        A packet trace cannot be used; the row is named.

    Examples
    --------
    >>> from slicefast.traffic.arrivals import Arrivals
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> packets = Arrivals(scenario, np.random.default_rng(0)).draw(np.ones(scenario.n_users, bool))
    >>> packets.user.shape == packets.tti.shape == packets.bits.shape, int(packets.tti.max()) < scenario.window_ttis
    (True, True)
    """

    def __init__(self, scenario: Scenario, generator: np.random.Generator) -> None:
        self.generator = generator
        self.window_ttis = scenario.window_ttis
        self.clock_tti = 0
        self.next_tti = np.zeros(scenario.n_users)
        self.left_tti = np.zeros(scenario.n_users)
        self._models = [item.traffic for item in scenario.slices]
        rate_bps, bits = scenario.slice_rate_bps, scenario.slice_packet_bits
        superposed = np.array([model.superposed for model in self._models])
        # Packets per 1,000 TTIs: per second, as they are drawn, where a TTI is 1 ms.
        per_1000_ttis = rate_bps / bits * (1000.0 / scenario.radio.ttis_per_s)
        self._rate_pps = np.where(superposed, per_1000_ttis, 0.0)[scenario.slice_of]
        self._packet_bits = bits.astype(np.float32)[scenario.slice_of]
        self._by_queue = self._own_rates(scenario, superposed)
        ends = np.cumsum(scenario.slice_users)
        self._ranges = [slice(int(end - n), int(end)) for end, n in zip(ends, scenario.slice_users, strict=True)]
        self._users = [
            SliceUsers(
                generator=generator,
                rate_bps=float(rate_bps[s]),
                event_bits=float(bits[s]),
                window_ttis=self.window_ttis,
                ttis_per_s=scenario.radio.ttis_per_s,
                # What keeps a full buffer full at the carrier's peak rate until the next window.
                full_bits=float(rate_bps.max() * self.window_ttis / scenario.radio.ttis_per_s),
                trace=scenario.packet_traces.get(s),
                next_tti=self.next_tti[users],
                left_tti=self.left_tti[users],
            )
            for s, users in enumerate(self._ranges)
        ]
        for model, users in zip(self._models, self._users, strict=True):
            model.start(users)

    @staticmethod
    def _own_rates(scenario: Scenario, superposed: Bool) -> tuple[Float64, Float32] | None:
        """Packets per 1,000 TTIs and their bits, (N S,) each, where cells have their own."""
        if all(item.rate_bps is None and item.packet_bits is None for item in scenario.cell_settings):
            return None
        per_1000_ttis = scenario.cell_rate_bps / scenario.cell_packet_bits * (1000.0 / scenario.radio.ttis_per_s)
        return np.where(superposed, per_1000_ttis, 0.0).ravel(), scenario.cell_packet_bits.astype(np.float32).ravel()

    @property
    def needs_backlog(self) -> bool:
        """Whether `draw` needs the backlog: users of some models answer to deliveries."""
        return any(model.needs_backlog for model in self._models)

    def draw(self, active: ArrayLike, backlog_bits: ArrayLike | None = None, queue: ArrayLike | None = None) -> Events:
        """Draw the packets of the next window.

        Parameters
        ----------
        active : array_like of bool, (U,)
            Who sends in this window; a packet trace does not ask.
        backlog_bits : array_like, (U,), optional
            Bits queued per user, if `needs_backlog`.
        queue : array_like of int, (U,), optional
            n S + s of the cell and slice that every user is in, where cells have rates or packets of their own.

        Returns
        -------
        Events
            Sorted by TTI.

        Raises
        ------
        SlicefastError
            A wrong shape, or the backlog or the queue is needed and missing; nothing is drawn.
        """
        active = np.asarray(active, dtype=np.bool_)
        n_users = self.next_tti.size
        if active.shape != (n_users,):
            refuse("active", described(f"shape {active.shape}"), f"shape ({n_users},)")
        backlog = self._check_backlog(backlog_bits, n_users)
        rate_pps, packet_bits = self._rates(queue)
        drawn = _traffic.draw_poisson_arrivals(self.generator, rate_pps * active, packet_bits, self.window_ttis)
        parts = [Events(*drawn)]
        start_tti = self.clock_tti
        self.clock_tti += self.window_ttis
        for model, users, of_slice in zip(self._models, self._users, self._ranges, strict=True):
            if not model.superposed:
                user, tti, bits = model.draw(users, active[of_slice], backlog[of_slice], start_tti)
                parts.append(Events(user + np.int32(of_slice.start), tti, bits))
        if len(parts) == 1:
            return parts[0]  # sorted already
        user, tti, bits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = _traffic.order_by_tti(tti, self.window_ttis)
        return Events(user[order], tti[order], bits[order])

    def _rates(self, queue: ArrayLike | None) -> tuple[Float64, Float32]:
        """Return every user's packets per 1,000 TTIs and their bits, of where it is."""
        if self._by_queue is None:
            return self._rate_pps, self._packet_bits
        places = np.asarray(-1 if queue is None else queue, np.intp)
        if places.shape != self.next_tti.shape:
            got = None if queue is None else described(f"shape {places.shape}")
            refuse(
                "queue", got, f"the cell and slice of each of {self.next_tti.size} users, whose rates differ by cell"
            )
        return self._by_queue[0].take(places), self._by_queue[1].take(places)

    def _check_backlog(self, backlog_bits: ArrayLike | None, n_users: int) -> Float64:
        if backlog_bits is None:
            if self.needs_backlog:
                kinds = " and ".join(sorted({model.kind for model in self._models if model.needs_backlog}))
                refuse("backlog_bits", None, f"bits queued per user, shape ({n_users},), with {kinds} traffic")
            return np.zeros(n_users)
        backlog = np.asarray(backlog_bits, dtype=np.float64)
        if backlog.shape != (n_users,):
            refuse("backlog_bits", described(f"shape {backlog.shape}"), f"shape ({n_users},)")
        return backlog

    def state(self) -> dict[str, Any]:
        """Return the clocks, without the generator's state."""
        return {"clock_tti": self.clock_tti, "next_tti": self.next_tti.copy(), "left_tti": self.left_tti.copy()}

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Refuse what `set_state` would.

        Raises
        ------
        SlicefastError
            A clock is missing or of another length.
        """
        self._clocks(state)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from clocks that `state` returned.

        Raises
        ------
        SlicefastError
            A clock is missing or of another length; nothing is changed.
        """
        self.clock_tti, self.next_tti[...], self.left_tti[...] = self._clocks(state)

    def _clocks(self, state: Mapping[str, Any]) -> tuple[int, Float64, Float64]:
        next_tti, left_tti = (np.asarray(state.get(name), dtype=np.float64) for name in ("next_tti", "left_tti"))
        for name, value in (("next_tti", next_tti), ("left_tti", left_tti)):
            if value.shape != self.next_tti.shape:
                refuse(name, described(f"shape {value.shape}"), f"shape {self.next_tti.shape}")
            if np.isnan(value).any():  # phases of no end would be drawn for ever
                refuse(name, float("nan"), "numbers of TTIs")
        return int(state["clock_tti"]), next_tti, left_tti
