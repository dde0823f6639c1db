"""The simulator: owns the arrays of every replica, calls ``_traffic`` and ``_core``, returns KPIs.

The world of the coming step is always prepared ahead: after ``reset`` and after ``step`` the users have moved, their
packets are drawn, gains and serving cells are known. So ``demand_bps`` and snapshots describe the step that the next
shares will be played on, which is what a policy with perfect information and a clairvoyant oracle need.
"""

from __future__ import annotations

import copy
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slicefast import _core, _traffic, radio
from slicefast.arrivals import Arrivals, Events
from slicefast.kpis import CELL_KPIS, USER_KPIS, Kpis
from slicefast.rng import Streams
from slicefast.scenario import Scenario
from slicefast.scenario.packets import TTI_S
from slicefast.traffic_mask import TrafficMask

Snapshot = dict[str, Any]

#: How far a row of shares may sum away from 1: float32 softmax outputs of a few slices, with room.
SIMPLEX_TOLERANCE = 1e-4
#: A timer would drop a whole file, and a full buffer's bits have no age.
_UNTIMED = ("ftp2", "ftp3", "full_buffer")


class _Replica:
    """One replica of the network: its users, its random streams and its core."""

    def __init__(self, scenario: Scenario, seed: int, index: int, place_seed: int | None = None):
        self.scenario, self.seed, self.index = scenario, seed, index
        self.streams = Streams(seed, index)
        self.mask = TrafficMask.from_scenario(scenario, self.streams.mask)
        n_users = scenario.n_users
        self.x_m, self.y_m = scenario.area.sample(self.streams.placement, n_users)
        # A user is active while the mask of its cell and slice exceeds its threshold, so activity follows the mask
        # smoothly and needs no draw per step.
        self.threshold = self.streams.placement.random(n_users)
        self.indoor, profile = _buildings(scenario, self.streams.placement)
        place = self.streams if place_seed is None else Streams(place_seed, index)
        self.network = _network(scenario, place.shadowing, _harq_seed(seed, index), profile)
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
            inside = self.x_m[self.indoor], self.y_m[self.indoor]
            _traffic.move_users(self.streams.mobility, self.x_m, self.y_m, self.heading, *self._walk)
            self.x_m[self.indoor], self.y_m[self.indoor] = inside  # they stay in their buildings
        self.network.attach(self.x_m, self.y_m, self.serving)
        tau = self.mask.at(self.step_index)
        self.active = (self.threshold < tau.take(self._queue())).view(np.uint8)
        backlog_bits = self.network.backlog_bits() if self.sources.needs_backlog else None
        self.arrivals = self.sources.draw(self.active, backlog_bits)

    def _queue(self) -> NDArray[np.intp]:
        """Return which of the N S queues each user is in."""
        queue: NDArray[np.intp] = self.serving * self.scenario.n_slices + self.slice_of
        return queue

    def demand_bps(self) -> NDArray[np.float64]:
        n_cells, n_slices = self.scenario.n_cells, self.scenario.n_slices
        user, _, bits = self.arrivals
        waiting = self.network.backlog_bits() + np.bincount(user, bits, minlength=self.scenario.n_users)
        demand = np.bincount(self._queue(), waiting, minlength=n_cells * n_slices)
        return demand.reshape(n_cells, n_slices) / (self.scenario.window_ttis * TTI_S)

    def play(self, share: NDArray[np.float64], out: NDArray[np.float64], user_out: NDArray[np.float64] | None) -> None:
        """Play the prepared step into ``out`` (7, N, S) and ``user_out`` (3, U), then prepare the next."""
        self.network.step(share, self.serving, *self.arrivals, self.active, out, user_out)
        self._prepare()

    def probe(
        self,
        share: NDArray[np.float64],
        coupled: NDArray[np.float64],
        out: NDArray[np.float64],
        user_out: NDArray[np.float64] | None,
    ) -> None:
        self.network.probe(share, coupled, self.serving, *self.arrivals, self.active, out, user_out)

    _COPIED = ("x_m", "y_m", "heading", "threshold", "serving", "active", "step_index", "seed", "index")

    def snapshot(self) -> Snapshot:
        state = {name: copy.deepcopy(getattr(self, name)) for name in self._COPIED}
        state["arrivals"] = [part.copy() for part in self.arrivals]
        parts = {"streams": self.streams.state(), "sources": self.sources.state(), "network": self.network.state()}
        return state | parts

    def restore(self, state: Snapshot) -> None:
        """Take over what `snapshot` returned; what is refused may be half done, see `Simulator.restore`."""
        self.network.set_state(tuple(state["network"]))
        for name in self._COPIED:
            value, own = copy.deepcopy(state[name]), getattr(self, name)
            if np.shape(value) != np.shape(own) or np.asarray(value).dtype != np.asarray(own).dtype:
                raise ValueError(f"{name}: got {np.shape(value)} {np.asarray(value).dtype}, allowed: {np.shape(own)}")
            setattr(self, name, value)
        self.streams.set_state(state["streams"])
        self.sources.set_state(state["sources"])
        self.arrivals = Events(*(part.copy() for part in state["arrivals"]))


class Simulator:
    """The network of a scenario, ``n_replicas`` times, advanced one decision step at a time.

    Parameters
    ----------
    scenario
        What the network is.
    seed
        Determines everything random: placement, mobility, traffic, mask and shadowing. Replica r of a seed is the
        same whatever the number of replicas and threads.
    n_replicas
        R, independent copies with random streams of their own.
    n_threads
        Replicas are shared among this many threads.
    per_user
        Whether KPIs carry the series of every user, see ``Kpis``.
    place_seed
        Seed of the shadowing and line-of-sight fields, ``seed`` unless given: two networks of one place seed are the
        same place with other users and traffic.

    Shapes below are (N, S), with a leading R when ``n_replicas`` > 1.

    A simulator is for one thread at a time: a second one that uses it meanwhile is refused (``RuntimeError``), nothing
    changed.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int = 0,
        n_replicas: int = 1,
        n_threads: int = 1,
        *,
        per_user: bool = False,
        place_seed: int | None = None,
    ):
        for name, value in (("n_replicas", n_replicas), ("n_threads", n_threads)):
            if value < 1:
                raise ValueError(f"{name}: got {value}, must be at least 1")
        self.scenario = scenario
        self.seed = seed
        self.n_replicas = n_replicas
        self.per_user = per_user
        self.place_seed = place_seed
        self._pool = ThreadPoolExecutor(n_threads) if min(n_threads, n_replicas) > 1 else None
        self._replicas: list[_Replica] = []
        self._kpis: Kpis | None = None
        self._in_use = threading.RLock()
        self._start(seed)

    @property
    def shares_shape(self) -> tuple[int, ...]:
        """The shape of shares and KPIs: (N, S), or (R, N, S) with several replicas."""
        shape = (self.scenario.n_cells, self.scenario.n_slices)
        return shape if self.n_replicas == 1 else (self.n_replicas, *shape)

    @property
    def step_index(self) -> int:
        """Steps played since ``reset`` (whose own warm-up step does not count)."""
        return self._replicas[0].step_index - 1

    @property
    def kpis(self) -> Kpis:
        """The KPIs of the last step; ``reset`` must have been called."""
        if self._kpis is None:
            raise RuntimeError("kpis: no step was played yet, call reset() first")
        return self._kpis

    @property
    def demand_bps(self) -> NDArray[np.float64]:
        """Traffic [bit/s] per cell and slice in the coming step: bits queued and bits arriving, over the window."""
        return self._gather([replica.demand_bps() for replica in self._replicas])

    @property
    def sinr(self) -> NDArray[np.float32]:
        """Linear SINR of every user in the last step, (U,) or (R, U)."""
        return self._gather([replica.network.sinr() for replica in self._replicas])

    @property
    def gain(self) -> NDArray[np.float32]:
        """Linear channel gain of every link in the coming step, (U, N) or (R, U, N); without transmit power."""
        return self._gather([replica.network.gain() for replica in self._replicas])

    @property
    def backlog_bits(self) -> NDArray[np.float64]:
        """Bits queued for every user before the coming step's arrivals, (U,) or (R, U)."""
        return self._gather([replica.network.backlog_bits() for replica in self._replicas])

    @property
    def arrivals(self) -> Events | list[Events]:
        """Packets of the coming step: (user, tti, bits), each (K,), sorted by TTI; a list of R of these for R > 1."""
        found = [replica.arrivals for replica in self._replicas]
        return found[0] if self.n_replicas == 1 else found

    @property
    def positions_m(self) -> NDArray[np.float64]:
        """Positions in the coming step, (2, U) or (R, 2, U)."""
        return self._gather([np.stack([replica.x_m, replica.y_m]) for replica in self._replicas])

    @property
    def indoor(self) -> NDArray[np.bool_]:
        """Whether each user is indoors, (U,) or (R, U)."""
        flags = [np.isin(np.arange(self.scenario.n_users), replica.indoor) for replica in self._replicas]
        return self._gather(flags)

    @property
    def serving(self) -> NDArray[np.int32]:
        """The cell that serves each user in the coming step, (U,) or (R, U)."""
        return self._gather([replica.serving.copy() for replica in self._replicas])

    def traffic_mask(self, n_steps: int) -> NDArray[np.float64]:
        """Return tau of the first replica over its first ``n_steps`` steps, (n_steps, N, S)."""
        return np.stack([self._replicas[0].mask.at(step) for step in range(n_steps)])

    @property
    def traffic_note(self) -> str:
        """What was done to the traffic trace, in one line; empty for a generated mask."""
        return self._replicas[0].mask.note

    def reset(self, seed: int | None = None) -> Kpis:
        """Start anew (with ``seed``, or the last one) and return the KPIs of one step under the uniform partition."""
        with self._alone():
            self._start(self.seed if seed is None else seed)
            return self.step(np.full(self.shares_shape, 1.0 / self.scenario.n_slices))

    def step(self, shares: NDArray[Any]) -> Kpis:
        """Play one decision step under ``shares`` and return what it measured.

        Rows are points of the simplex: non-negative, summing to 1 within 1e-4. Raises ValueError naming the first
        offending cell; the simulator's state is unchanged then.
        """
        checked = self._checked("shares", shares, simplex=True)
        out, user_out = self._outputs()
        with self._alone():
            self._each(lambda r, replica: replica.play(checked[r], out[r], None if user_out is None else user_out[r]))
            self._kpis = self._as_kpis(out, user_out)
            return self._kpis

    def probe(self, shares: NDArray[Any], coupled_shares: NDArray[Any]) -> Kpis:
        """Return the KPIs the coming step would have under ``shares`` with the interference of ``coupled_shares``.

        Changes no state. Rows of ``shares`` need not sum to 1: with interference held, a slice's KPIs depend on its
        own share alone, so one call can ask for the same share of every slice. ``coupled_shares`` are on the simplex.
        Nothing is lent: with ``share_as = "guarantee"`` these are the KPIs that a share guarantees.
        """
        asked = self._checked("shares", shares, simplex=False)
        coupled = self._checked("coupled_shares", coupled_shares, simplex=True)
        out, user_out = self._outputs()
        with self._alone():
            self._each(
                lambda r, replica: replica.probe(
                    asked[r], coupled[r], out[r], None if user_out is None else user_out[r]
                )
            )
        return self._as_kpis(out, user_out)

    def snapshot(self) -> Snapshot:
        """Return a copy of the whole state, random streams included: nested dicts and lists of arrays and numbers."""
        with self._alone():
            return {
                "scenario": self.scenario.model_dump_json(),
                "kpis": None if self._kpis is None else dict(vars(self._kpis)),
                "replicas": [replica.snapshot() for replica in self._replicas],
            }

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a snapshot: the following steps are bit-identical to those after it was taken.

        Raises ValueError for the snapshot of another scenario and for one that is damaged; everything, random streams
        included, is then as it was.
        """
        if snapshot["scenario"] != self.scenario.model_dump_json():
            raise ValueError("snapshot: was taken from another scenario, expected this simulator's own")
        if len(snapshot["replicas"]) != self.n_replicas:
            raise ValueError(f"snapshot: has {len(snapshot['replicas'])} replicas, expected {self.n_replicas}")
        with self._alone():
            before = self.seed, self._kpis, self._replicas
            states = [replica.snapshot() for replica in self._replicas]
            try:
                seed = snapshot["replicas"][0]["seed"]
                if seed != self.seed:
                    self._start(seed)
                for replica, state in zip(self._replicas, snapshot["replicas"], strict=True):
                    replica.restore(state)
                self._kpis = None if snapshot["kpis"] is None else Kpis(**snapshot["kpis"])
            except Exception:
                self.seed, self._kpis, self._replicas = before
                for replica, state in zip(self._replicas, states, strict=True):
                    replica.restore(state)
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._in_use.acquire(blocking=False):
            raise _core.InUseError("Simulator: in use by another thread")
        try:
            yield
        finally:
            self._in_use.release()

    def _start(self, seed: int) -> None:
        self.seed = seed
        self._kpis = None
        self._replicas = [_Replica(self.scenario, seed, r, self.place_seed) for r in range(self.n_replicas)]

    def _each(self, work: Callable[[int, _Replica], None]) -> None:
        if self._pool is None:
            for r, replica in enumerate(self._replicas):
                work(r, replica)
        else:
            # list() so that an error in a thread is raised here.
            list(self._pool.map(work, range(self.n_replicas), self._replicas))

    def _checked(self, name: str, shares: NDArray[Any], simplex: bool) -> NDArray[np.float64]:
        array = np.ascontiguousarray(shares, np.float64)
        if array.shape != self.shares_shape:
            raise ValueError(f"{name}: got shape {array.shape}, expected {self.shares_shape}")
        rows = array.reshape(self.n_replicas, *self.shares_shape[-2:])
        total = rows.sum(axis=-1, keepdims=True)
        off_by = SIMPLEX_TOLERANCE if simplex else np.finfo(np.float64).max
        # Written so that a NaN is refused too.
        if not (rows.min() >= 0.0 and np.abs(total - 1.0).max() <= off_by):
            right = (rows >= 0.0).all(axis=-1) & (np.abs(total[..., 0] - 1.0) <= off_by)
            replica, cell = np.argwhere(~right)[0]
            where = f"cell {cell}" if self.n_replicas == 1 else f"replica {replica}, cell {cell}"
            allowed = "finite, at least 0" + (", summing to 1" if simplex else "")
            raise ValueError(f"{name}: {where} has {rows[replica, cell].tolist()}, allowed: {allowed}")
        # Exactly on the simplex for the core, which hands out whole PRBs.
        return rows / total if simplex else rows

    def _gather(self, values: list[NDArray[Any]]) -> NDArray[Any]:
        return values[0] if self.n_replicas == 1 else np.stack(values)

    def _outputs(self) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        out = np.empty((self.n_replicas, len(CELL_KPIS), *self.shares_shape[-2:]))
        return out, np.empty((self.n_replicas, len(USER_KPIS), self.scenario.n_users)) if self.per_user else None

    def _as_kpis(self, out: NDArray[np.float64], user_out: NDArray[np.float64] | None) -> Kpis:
        cells = out[0] if self.n_replicas == 1 else np.moveaxis(out, 1, 0)
        values = dict(zip(CELL_KPIS, cells, strict=True))
        if user_out is not None:
            users = user_out[0] if self.n_replicas == 1 else np.moveaxis(user_out, 1, 0)
            values |= dict(zip(USER_KPIS, users, strict=True))
        return Kpis(**values)


def _harq_seed(seed: int, replica: int) -> int:
    """Return 64 bits for the block errors of a replica, independent of its random streams."""
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(b"harq"), replica))
    return int(sequence.generate_state(1, np.uint64)[0])


def to_simplex(action: NDArray[Any]) -> NDArray[np.float64]:
    """Return non-negative ``action`` (..., S) divided by its sum; all zeros becomes the uniform partition.

    Agents of other libraries act in the box [0, 1]^S; the direction of their action is what partitions the cell.
    """
    positive = np.maximum(np.asarray(action, np.float64), 0.0)
    total = positive.sum(axis=-1, keepdims=True)
    return np.where(total > 0, positive / np.where(total > 0, total, 1.0), 1.0 / positive.shape[-1])


def network_links(scenario: Scenario, generator: np.random.Generator) -> _core.LinkModel:
    """Return the links of a scenario's network, shadowing and line-of-sight fields drawn from ``generator``."""
    settings, area = scenario.radio, scenario.area
    torus = (area.v1_m, area.v2_m) if area.wrap else (None, None)
    return radio.link_model(
        model=settings.path_loss_model,
        pattern=settings.antenna,
        fields=radio.make_fields(settings.path_loss_model, scenario.n_sites, generator, *torus),
        site_x_m=scenario.site_x_m,
        site_y_m=scenario.site_y_m,
        site_height_m=scenario.site_height_m,
        cell_site=scenario.cell_site,
        azimuth_deg=scenario.azimuth_deg,
        tilt_deg=scenario.tilt_deg,
        frequency_hz=settings.frequency_hz,
        elements=settings.antenna_elements,
        ue_height_m=settings.ue_height_m,
        shadowing=settings.shadowing,
        site_correlation=settings.site_correlation,
        fold_db=settings.fold_db if scenario.indoor.share == 0.0 else 0.0,  # folding knows outdoor users only
        v1_m=torus[0],
        v2_m=torus[1],
        area_m2=area.area_m2,
        longest_m=None if area.wrap else _longest_way(scenario),
    )


def _longest_way(scenario: Scenario) -> float:
    """Distance [m] from a site to the farthest corner of a rectangular area."""
    width, height = scenario.area.v1_m[0], scenario.area.v2_m[1]
    x, y = scenario.site_x_m, scenario.site_y_m
    return float(np.hypot(np.maximum(x, width - x), np.maximum(y, height - y)).max())


def _buildings(scenario: Scenario, generator: np.random.Generator) -> tuple[NDArray[np.intp], _core.UserProfile | None]:
    """Draw who is indoors (their indices) and everyone's profile; nothing is drawn where nobody is."""
    rule, settings = scenario.indoor, scenario.radio
    if rule.share == 0.0:
        return np.empty(0, np.intp), None
    drawn = radio.draw_buildings(
        generator,
        scenario.n_users,
        rule.share,
        rule.building,
        settings.frequency_hz,
        high_loss_share=rule.high_loss_share,
        floors=(rule.min_floors, rule.max_floors),
        outdoor_height_m=settings.ue_height_m,
    )
    environment = generator.random(scenario.n_users)
    return np.flatnonzero(drawn.indoor), _core.UserProfile(**vars(drawn), environment=environment)


def _network(
    scenario: Scenario, generator: np.random.Generator, harq_seed: int, profile: _core.UserProfile | None
) -> _core.Network:
    """Build the core network of one replica, its fields drawn from ``generator``."""
    settings = scenario.radio
    links = network_links(scenario, generator)
    return _core.Network(
        links=links,
        scheduler=_scheduler_config(scenario, harq_seed),
        power_w=scenario.power_w_per_prb,
        noise_w=scenario.noise_w_per_prb,
        prb_bandwidth_hz=settings.prb_bandwidth_hz,
        efficiency=settings.efficiency,
        window_ttis=scenario.window_ttis,
        handover_margin_db=settings.handover_margin_db,
        time_to_trigger_steps=scenario.time_to_trigger_steps,
        slice_of=scenario.slice_of,
        isa=_core.default_isa(),
        lend=scenario.scheduler.share_as == "guarantee",
        fidelity=scenario.fidelity,
        packet_bits=scenario.mean_packet_bits[scenario.slice_of],
        resolution_m=settings.resolution_m,
        profile=profile,
        dedicated_part=scenario.scheduler.dedicated_part,
        max_ratio=scenario.scheduler.max_ratio,
    )


def _scheduler_config(scenario: Scenario, harq_seed: int) -> _core.SchedulerConfig:
    rule = scenario.scheduler
    return _core.SchedulerConfig(
        n_cells=scenario.n_cells,
        n_slices=scenario.n_slices,
        n_users=scenario.n_users,
        n_prb=scenario.radio.n_prb,
        kind=rule.kind,
        alpha=rule.alpha,
        beta=rule.beta,
        averaging_ttis=rule.averaging_ttis,
        discard_ttis=[0 if item.traffic.kind in _UNTIMED else rule.discard_timer_ms for item in scenario.slices],
        rbg_prb=rule.rbg_prb,
        buffer_bits=rule.buffer_bits,
        block_error_rate=rule.block_error_rate,
        max_retransmissions=rule.max_retransmissions,
        retransmission_ttis=rule.retransmission_ttis,
        harq_seed=harq_seed,
        prb_bandwidth_hz=scenario.radio.prb_bandwidth_hz,
    )
