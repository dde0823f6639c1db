"""One replica of a network: its users, its random streams and its core, step by step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from slicefast import _core, _mobility
from slicefast.errors import described, refuse
from slicefast.network import make_buildings, make_car_loss_db, make_links, make_network
from slicefast.packets import PacketArrays
from slicefast.radio.gain_map import OwnGains
from slicefast.rng import Streams
from slicefast.scenario import Scenario
from slicefast.traffic.arrivals import Arrivals, Events
from slicefast.traffic.mask import TrafficMask
from slicefast.units import SMALLEST_PACKET_BITS, Float64, Index

#: A simulator's whole state, or a part of it: nested dicts and lists of arrays, numbers and text.
Snapshot = dict[str, Any]
_FARTHEST_M, _MOST_BITS = 1e9, 1e12  # what the core takes


class Replica:
    """The users, random streams and core of one replica, always ready for the coming step.

    Parameters
    ----------
    scenario : Scenario
        What the network is.
    seed : int
        Determines everything random.
    index : int
        The replica's number, which makes its streams its own.
    place_seed : int, optional
        Seed of the shadowing and line-of-sight fields, ``seed`` unless given.
    gains : OwnGains, optional
        What stands in for the scenario's links.
    last : Replica, optional
        One of the same scenario, whose links these are too if it is in the same place: they are most of what a replica
        costs to make.
    n_threads : int
        That the network may use.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        index: int,
        place_seed: int | None = None,
        gains: OwnGains | None = None,
        last: Replica | None = None,
        n_threads: int = 1,
    ):
        self.scenario, self.seed, self.index = scenario, seed, index
        self.place = (seed if place_seed is None else place_seed, index)
        self.streams = Streams(seed, index)
        self.mask = TrafficMask.from_scenario(scenario, self.streams.mask)
        n_users = scenario.n_users
        self.x_m, self.y_m = (scenario.density or scenario.area).sample(self.streams.placement, n_users)
        # A user is active while the mask of its cell and slice exceeds its threshold, so activity follows the mask
        # smoothly and needs no draw per step.
        self.threshold = self.streams.placement.random(n_users)
        self.indoor, profile = make_buildings(scenario, self.streams.placement)
        car_loss_db = make_car_loss_db(scenario, self.indoor, self.streams.placement)
        self.gains = gains
        if gains is not None:
            self.links: _core.LinkModel | _core.GainMap = gains.source
        elif last is not None and last.place == self.place:
            self.links = last.links
        else:  # of streams of their own: these here are in a snapshot, which shall not tell who made the links
            self.links = make_links(scenario, Streams(*self.place).shadowing)
        self.network = make_network(scenario, self.links, self.streams, profile, car_loss_db, n_threads)
        self.heading = self.streams.mobility.uniform(0.0, 2.0 * np.pi, n_users)
        self.slice_of = scenario.slice_of.astype(np.intp)
        self.sources = Arrivals(scenario, self.streams.traffic)
        self.serving = np.full(n_users, -1, np.int32)
        mobility, area = scenario.mobility, scenario.area
        self._walk = (
            mobility.speed_mps * scenario.step_s,
            float(-np.expm1(-scenario.step_s / mobility.turn_interval_s)),
            *area.v1_m,
            *area.v2_m,
            area.wrap,
        )
        self.step_index = -1
        self._prepare(moved=False)

    def _prepare(self, moved: bool = True) -> None:
        """Make the world of the coming step: positions, gains, serving cells, activity, packets."""
        self.step_index += 1
        if moved:
            self._move()
        self._attach()
        tau, queue = self.mask.at(self.step_index), self._queue()
        self.active = (self.threshold < tau.take(queue)).view(np.uint8)
        backlog_bits = self.network.backlog_bits() if self.sources.needs_backlog else None
        self.arrivals = self.sources.draw(self.active, backlog_bits, queue)

    def _attach(self) -> None:
        """Find the users' gains where they are, or where their own gains say that they look them up."""
        places = self.x_m, self.y_m
        if self.gains is not None:
            places = self.gains.given.places(*places, self.step_index)
        self.network.attach(*places, self.serving)

    def _move(self) -> None:
        region, density = self.scenario.area.region, self.scenario.density
        inside = self.x_m[self.indoor], self.y_m[self.indoor]
        before = (self.x_m.copy(), self.y_m.copy()) if region or density else None
        _mobility.move_users(self.streams.mobility, self.x_m, self.y_m, self.heading, *self._walk)
        self.x_m[self.indoor], self.y_m[self.indoor] = inside  # they stay in their buildings
        if density and before:
            density.turn_back(self.streams.mobility, self.x_m, self.y_m, self.heading, before)
        elif region and before:
            region.turn_back(self.x_m, self.y_m, self.heading, before)

    def _queue(self) -> Index:
        """Return which of the N S queues each user is in."""
        queue: Index = self.serving * self.scenario.n_slices + self.slice_of
        return queue

    def demand_bps(self) -> Float64:
        """Return the bits queued and arriving over the window's length, (N, S) [bit/s]."""
        n_cells, n_slices = self.scenario.n_cells, self.scenario.n_slices
        user, _, bits = self.arrivals
        waiting = self.network.backlog_bits() + np.bincount(user, bits, minlength=self.scenario.n_users)
        demand = np.bincount(self._queue(), waiting, minlength=n_cells * n_slices)
        return demand.reshape(n_cells, n_slices) / (self.scenario.window_ttis * self.scenario.radio.tti_s)

    def play(self, share: Float64, out: Float64, user_out: Float64 | None, packets: PacketArrays | None = None) -> None:
        """Play the prepared step into ``out``, a row (N, S) per KPI, and ``user_out`` (U,); then prepare the next.

        Parameters
        ----------
        share : ndarray, (N, S)
            Rows on the simplex.
        out : ndarray, (KPIs, N, S)
            Written, in the order of `CELL_KPIS`.
        user_out : ndarray, (KPIs, U), or None
            Written where there is one, in the order of `USER_KPIS`.
        packets : tuple of ndarray, (N, S, B) and (3, N, S), or None
            Written where there are any: counts by delay, and the rest of `PacketKpis` in its order.
        """
        counts, rows = packets or (None, None)
        self.network.step(share, self.serving, *self.arrivals, self.active, out, user_out, counts, rows)
        self._prepare()

    def probe(self, share: Float64, coupled: Float64, out: Float64, user_out: Float64 | None) -> None:
        """Write the KPIs that the prepared step would have; see `Simulator.probe`.

        Parameters
        ----------
        share, coupled : ndarray, (N, S)
            What each slice has, and the shares that the interference comes from.
        out : ndarray, (KPIs, N, S)
            Written, in the order of `CELL_KPIS`.
        user_out : ndarray, (KPIs, U), or None
            Written where there is one, in the order of `USER_KPIS`.
        """
        self.network.probe(share, coupled, self.serving, *self.arrivals, self.active, out, user_out)

    def curves(self, levels: Float64, coupled: Float64, out: Float64, enough: Float64 | None) -> None:
        """Write throughput and delay at each level of share into ``out`` (2, L, N, S); see `Simulator.curves`.

        ``enough`` (2, N, S), where given, are the throughput and the delay beyond which no level is replayed.
        """
        self.network.curves(levels, coupled, self.serving, *self.arrivals, self.active, out, enough)

    _COPIED = ("x_m", "y_m", "heading", "threshold", "serving", "active", "step_index")

    def snapshot(self) -> Snapshot:
        """Return a copy of the state."""
        state = {name: copy.deepcopy(getattr(self, name)) for name in self._COPIED}
        state["arrivals"] = [part.copy() for part in self.arrivals]
        parts = {"streams": self.streams.state(), "sources": self.sources.state(), "network": self.network.state()}
        return state | parts

    def check_state(self, state: Snapshot) -> None:
        """Refuse what `restore` would."""
        self._copies(state)
        self.network.check_state(tuple(state["network"]))

    def restore(self, state: Snapshot) -> None:
        """Take over a state; what is refused, by the core at last, is refused before anything is changed."""
        copied, arrivals = self._copies(state)
        self.network.set_state(tuple(state["network"]))
        self.streams.set_state(state["streams"])
        self.sources.set_state(state["sources"])
        vars(self).update(copied)
        self.arrivals = arrivals

    def _copies(self, state: Snapshot) -> tuple[dict[str, Any], Events]:
        """Check what is Python's of a state, and copy what is taken over as it is."""
        copied = {name: copy.deepcopy(state[name]) for name in self._COPIED}
        for name, value in copied.items():
            own = np.asarray(getattr(self, name))
            if np.shape(value) != own.shape or np.asarray(value).dtype != own.dtype:
                refuse(name, described(f"{np.shape(value)} {np.asarray(value).dtype}"), f"{own.shape} {own.dtype}")
        arrivals = Events(*(np.array(part) for part in state["arrivals"]))
        self._hold_places(copied)
        self._hold_arrivals(arrivals)
        self.streams.check_state(state["streams"])
        self.sources.check_state(state["sources"])
        return copied, arrivals

    def _hold_places(self, copied: dict[str, Any]) -> None:
        n_cells = self.scenario.n_cells
        for name, low, high in (
            ("x_m", -_FARTHEST_M, _FARTHEST_M),
            ("y_m", -_FARTHEST_M, _FARTHEST_M),
            ("heading", -_FARTHEST_M, _FARTHEST_M),
            ("threshold", 0.0, 1.0),
            ("serving", 0, n_cells - 1),
            ("active", 0, 1),
            ("step_index", 0, 2**62),
        ):
            values = np.atleast_1d(copied[name])
            wrong = values[~((values >= low) & (values <= high))]
            if wrong.size:
                refuse(name, wrong[0].item(), f"{low:g} to {high:g}")

    def _hold_arrivals(self, arrivals: Events) -> None:
        for name, part, own in zip(Events._fields, arrivals, self.arrivals, strict=True):
            if part.dtype != own.dtype or part.shape != arrivals.user.shape or part.ndim != 1:
                refuse(
                    f"arrivals {name}", described(f"{part.shape} {part.dtype}"), f"{arrivals.user.shape} {own.dtype}"
                )
        user, tti, bits = arrivals
        n_users, n_ttis = self.scenario.n_users, self.scenario.window_ttis
        if not ((user >= 0) & (user < n_users) & (tti >= 0) & (tti < n_ttis)).all() or (np.diff(tti) < 0).any():
            allowed = f"users 0 to {n_users - 1}, TTIs 0 to {n_ttis - 1} in order"
            refuse("arrivals", described("users or TTIs that are not there"), allowed)
        if not ((bits >= SMALLEST_PACKET_BITS) & (bits <= _MOST_BITS)).all():
            refuse("arrivals", described("packets of other sizes"), f"{SMALLEST_PACKET_BITS:g} to {_MOST_BITS:g} bits")
