"""The simulator: owns the arrays of every replica, moves users, draws packets, plays the core's step, returns KPIs.

The world of the coming step is always prepared ahead: after ``reset`` and after ``step`` the users have moved, their
packets are drawn, gains and serving cells are known. So ``demand_bps`` and snapshots describe the step that the next
shares will be played on, which is what a policy with perfect information and a clairvoyant oracle need.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from slicefast.arguments import between, checked
from slicefast.errors import Alone, SlicefastError, described, refuse
from slicefast.kpis import Curves, Kpis
from slicefast.network import check_memory
from slicefast.notebooks import facts_html
from slicefast.radio.gain_map import Gains, OwnGains
from slicefast.replica import Replica, Snapshot
from slicefast.scenario import Scenario
from slicefast.scenario.inputs import digest
from slicefast.step_arrays import StepArrays, check_levels, check_shares, kpis_of, requirements, series_of
from slicefast.threads import each, usable_threads
from slicefast.world import World

if TYPE_CHECKING:
    import xarray as xr

    from slicefast.policies import Policy
    from slicefast.task import Task

#: Of everything random: one for all replicas, or one each.
Seed = int | Sequence[int]


@checked
class Simulator(World):
    """The network of a scenario, ``n_replicas`` times, advanced one decision step at a time.

    Arrays are (N, S) for cells and slices and (U,) for users, with a leading R where ``n_replicas`` > 1. What a
    property or method returns is a copy, or read-only.

    Parameters
    ----------
    scenario : Scenario
        What the network is.
    seed : int or sequence of int, (R,)
        Determines everything random; replica r is the same whatever the number of replicas and threads. With a seed per
        replica each is what a lone simulator of that seed is.
    n_replicas : int
        R, independent copies with random streams of their own.
    n_threads : int
        Of the process's pool, as far as so many cores are granted: they share the replicas, and what is in a large one.
    per_user, per_packet : bool
        Whether KPIs carry every user's series, see `Kpis`, and those of `step` every packet, see `PacketKpis`.
    place_seed : int, optional
        Seed of the shadowing and line-of-sight fields, ``seed`` unless given: one place with other users and traffic.
    gains : GainMap or GainSeries, optional
        Link gains that are not ours, in place of path loss, shadowing, antennas and folding; what `radio.gain_map`
        names unless given. Of a series the step that `reset` plays has the first row.

    Raises
    ------
    SlicefastError
        A seed is no integer of at least 0, a number is below 1, threads are more than 1024, the network's arrays
        would not fit, or the gains are for other cells, users or places.

    Notes
    -----
    A simulator is for one thread at a time: a second one is refused with `InUseError`, nothing changed.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0)
    >>> simulator.reset().throughput_bps.shape  # cells, slices
    (3, 4)
    >>> shares, before = [[0.4, 0.3, 0.2, 0.1]] * 3, simulator.snapshot()
    >>> simulator.step(shares).load.sum(axis=-1) <= 1.0
    array([ True,  True,  True])
    >>> simulator.restore(before)  # the same step again, seen at other shares before it is played
    >>> simulator.probe([[0.25] * 4] * 3, coupled_shares=shares).load.shape
    (3, 4)
    >>> simulator.curves([0.2, 0.4], coupled_shares=shares).throughput_bps.shape  # levels of share, cells, slices
    (2, 3, 4)
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: Seed = 0,
        n_replicas: int = 1,
        n_threads: int = 1,
        *,
        per_user: bool = False,
        per_packet: bool = False,
        place_seed: int | None = None,
        gains: Gains | None = None,
    ):
        if n_replicas < 1:
            refuse("n_replicas", n_replicas, "at least 1")
        if place_seed is not None:
            between(0, place_seed=place_seed)
        check_memory(scenario, n_replicas)
        self.scenario = scenario
        self._scenario_digest = digest(scenario)
        self.n_replicas = n_replicas
        if per_packet and scenario.fidelity == "flow":
            refuse("per_packet", per_packet, "False at the flow level, which knows no packets")
        self.per_user, self.per_packet = per_user, per_packet
        self._asked_threads, self._threads = n_threads, usable_threads(n_threads)
        self._replicas: list[Replica] = []
        seed = _plain(seed)
        self._seed, self._place_seed = seed, place_seed
        #: Link gains that are not ours, if any.
        self.gains = scenario.gain_map if gains is None else gains
        self._gains = None if self.gains is None else OwnGains.fit(self.gains, scenario)
        self._kpis: Kpis | None = None
        self._step_index = 0
        self._untouched = True
        self._alone = Alone("Simulator")
        self._start(seed, place_seed)

    def __repr__(self) -> str:
        place = "" if self.place_seed is None else f", place_seed={self.place_seed}"
        return f"Simulator({self.scenario.name!r}, seed={self.seed}, n_replicas={self.n_replicas}{place})"

    def _repr_html_(self) -> str:
        facts = {"scenario": repr(self.scenario), "seed": self.seed, "place seed": self.place_seed}
        facts |= {"replicas": self.n_replicas, "steps": self.step_index}
        measured = "" if self._kpis is None else self._kpis._repr_html_()
        return facts_html("Simulator", {name: value for name, value in facts.items() if value is not None}) + measured

    @property
    def seed(self) -> Seed:
        """The seed that is played, or one per replica."""
        return self._seed

    @property
    def place_seed(self) -> int | None:
        """The seed of the fields, where it is not `seed`."""
        return self._place_seed

    @property
    def shares_shape(self) -> tuple[int, ...]:
        """The shape of shares and KPIs: (N, S), or (R, N, S) with several replicas."""
        shape = (self.scenario.n_cells, self.scenario.n_slices)
        return shape if self.n_replicas == 1 else (self.n_replicas, *shape)

    @property
    def step_index(self) -> int:
        """Calls of `step` since the start or the last `reset`."""
        return self._step_index

    @property
    def kpis(self) -> Kpis:
        """The KPIs of the last step, read-only.

        Raises
        ------
        RuntimeError
            No step was played yet.
        """
        return self._measured("kpis")

    def reset(self, seed: Seed | None = None) -> Kpis:
        """Start anew and play one step under the equal split.

        With a place seed, and for the seed that is played, the place stays as it is: some ten times as fast as another.

        Parameters
        ----------
        seed : int or sequence of int, optional
            The new seed, or one per replica; the last one unless given.

        Returns
        -------
        Kpis
            What that step measured.
        """
        with self._alone:
            seed = self.seed if seed is None else _plain(seed)
            if not (self._untouched and seed == self.seed):
                self._start(seed, self.place_seed)
            kpis = self.step(np.full(self.shares_shape, 1.0 / self.scenario.n_slices))
            self._step_index = 0
        return kpis

    def step(self, shares: ArrayLike) -> Kpis:
        """Play one decision step.

        Parameters
        ----------
        shares : array_like, (N, S) or (R, N, S)
            Rows on the simplex: non-negative, summing to 1 within 1e-4.

        Returns
        -------
        Kpis
            What the step measured, read-only.

        Raises
        ------
        SlicefastError
            The first offending cell is named; the simulator is unchanged.
        """
        checked = check_shares("shares", shares, self.shares_shape, simplex=True)
        arrays = StepArrays(self.scenario, self.n_replicas, self.per_user, self.per_packet)
        with self._alone:
            self._untouched = False
            each(self._threads, lambda r, replica: replica.play(checked[r], *arrays.of(r)), self._replicas)
            self._step_index += 1
            self._kpis = arrays.kpis()
            return self._kpis

    def probe(self, shares: ArrayLike, coupled_shares: ArrayLike) -> Kpis:
        """Return the KPIs that the coming step would have; changes no state.

        With interference held, a slice's KPIs depend on its own share alone, so one call can ask for the same share of
        every slice. Nothing is lent: with ``share_as = "guarantee"`` these are the KPIs that a share guarantees.

        Parameters
        ----------
        shares : array_like, (N, S) or (R, N, S)
            What each slice has; rows need not sum to 1.
        coupled_shares : array_like, (N, S) or (R, N, S)
            The shares, on the simplex, that the interference comes from.

        Returns
        -------
        Kpis
            Read-only.

        Raises
        ------
        SlicefastError
            The first offending cell is named.
        """
        asked = check_shares("shares", shares, self.shares_shape, simplex=False)
        coupled = check_shares("coupled_shares", coupled_shares, self.shares_shape, simplex=True)
        arrays = StepArrays(self.scenario, self.n_replicas, self.per_user)
        with self._alone:
            each(self._threads, lambda r, own: own.probe(asked[r], coupled[r], *arrays.of(r)[:2]), self._replicas)
        return arrays.kpis()

    def curves(self, levels: ArrayLike, coupled_shares: ArrayLike, *, until_satisfied: bool = False) -> Curves:
        """Return what every slice would get in the coming step at each of L shares; changes no state.

        To the last bit what L calls of `probe` with one share for all slices of all cells return, in one call.

        Parameters
        ----------
        levels : array_like, (L,)
            Shares in [0, 1].
        coupled_shares : array_like, (N, S) or (R, N, S)
            The shares, on the simplex, that the interference comes from.
        until_satisfied : bool
            Whether the first level that meets a slice's requirements stands for those behind it, which are not played.

        Returns
        -------
        Curves
            (L, N, S) or (L, R, N, S) each.

        Raises
        ------
        SlicefastError
            A level is no share, or the first offending cell is named.
        """
        asked, enough = check_levels(levels), requirements(self.scenario) if until_satisfied else None
        coupled = check_shares("coupled_shares", coupled_shares, self.shares_shape, simplex=True)
        out = np.empty((self.n_replicas, 2, asked.size, *self.shares_shape[-2:]))
        with self._alone:
            each(self._threads, lambda r, own: own.curves(asked, coupled[r], out[r], enough), self._replicas)
        return Curves(*(out[0] if self.n_replicas == 1 else out.transpose(1, 2, 0, 3, 4)))

    def run(self, policy: Policy, steps: int, task: Task | None = None, per_user: bool = False) -> xr.Dataset:
        """Play on under a policy and return what is measured, with names and units: see `slicefast.labelled.record`.

        Examples
        --------
        >>> run = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0).run(sf.policies.get("max_min_rule"), steps=2)
        >>> run.throughput_bps.dims, run.throughput_bps.units
        (('step', 'cell', 'slice'), 'bit/s')
        """
        from slicefast.labelled import record

        return record(self, policy, steps, task, per_user)

    def close(self) -> None:
        """Warn that there is nothing to close any more: threads are the process's."""
        told = "Simulator.close does nothing now, threads are the process's; it goes in 0.3.0"
        warnings.warn(told, DeprecationWarning, stacklevel=2)

    def snapshot(self) -> Snapshot:
        """Return a copy of the whole state, random streams included: nested dicts and lists of arrays and numbers."""
        with self._alone:
            return {
                "scenario": self._scenario_digest,
                "gains": self.gains and self.gains.digest,
                "seed": self.seed,
                "place_seed": self.place_seed,
                "step_index": self.step_index,
                "kpis": None if self._kpis is None else series_of(self._kpis),
                "replicas": [replica.snapshot() for replica in self._replicas],
            }

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a snapshot: the following steps are bit-identical to those after it was taken.

        Parameters
        ----------
        snapshot : dict
            From `snapshot`, of a simulator of the same scenario and number of replicas.

        Raises
        ------
        SlicefastError
            The snapshot is another scenario's, or damaged; the simulator is unchanged.
        """
        with self._alone:
            self._restore(snapshot)

    def _restore(self, snapshot: Snapshot) -> None:
        try:
            self._check_snapshot(snapshot)
            seed, place_seed = _plain(snapshot["seed"]), snapshot["place_seed"]
            step_index = operator.index(snapshot["step_index"])
            between(0, 2**62, **{"step_index of the snapshot": step_index})
            tti_s = self.scenario.radio.tti_s
            kpis = None if snapshot["kpis"] is None else kpis_of(snapshot["kpis"], tti_s)
            states = snapshot["replicas"]
            replicas = self._replicas
            if (seed, place_seed) != (self.seed, self.place_seed):
                replicas = self._make_replicas(seed, place_seed)
            elif self.n_replicas > 1:  # a single one refuses all or nothing by itself
                for replica, state in zip(replicas, states, strict=True):
                    replica.check_state(state)
            for replica, state in zip(replicas, states, strict=True):
                replica.restore(state)
        except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, SlicefastError):
                raise
            refuse("snapshot", described(f"{type(error).__name__}: {error}"), "what Simulator.snapshot returned")
        self._replicas, self._seed, self._place_seed = replicas, seed, place_seed
        self._kpis, self._step_index, self._untouched = kpis, step_index, False

    def __getstate__(self) -> dict[str, Any]:
        """Return how this was made and a snapshot, of which a copy goes on bit for bit like the original."""
        given = {name: getattr(self, name) for name in ("scenario", "n_replicas", "per_user", "per_packet")}
        given["n_threads"], given["gains"] = self._asked_threads, self.gains
        return {"given": given, "snapshot": self.snapshot(), "untouched": self._untouched}

    def __setstate__(self, state: dict[str, Any]) -> None:
        seeds = {name: state["snapshot"][name] for name in ("seed", "place_seed")}
        Simulator.__init__(self, **state["given"], **seeds)
        self.restore(state["snapshot"])
        self._untouched = state["untouched"]

    def _check_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot["scenario"] != self._scenario_digest:
            refuse("snapshot", described("one of another scenario"), "one of this simulator's own scenario")
        if snapshot["gains"] != (self.gains and self.gains.digest):
            refuse("snapshot", described("one with other gains"), "one with this simulator's own gains")
        if len(snapshot["replicas"]) != self.n_replicas:
            refuse("snapshot", described(f"{len(snapshot['replicas'])} replicas"), f"{self.n_replicas} replicas")

    def _make_replicas(self, seed: Seed, place_seed: int | None) -> list[Replica]:
        numbers = (
            [(seed, r) for r in range(self.n_replicas)] if not isinstance(seed, tuple) else [(own, 0) for own in seed]
        )
        if len(numbers) != self.n_replicas:
            refuse("seed", seed, f"one integer, or {self.n_replicas}, one per replica")
        last: Sequence[Replica | None] = self._replicas or [None] * self.n_replicas
        return [
            Replica(self.scenario, own, index, place_seed, self._gains, old, self._threads)
            for (own, index), old in zip(numbers, last, strict=True)
        ]

    def _start(self, seed: Seed, place_seed: int | None) -> None:
        self._replicas = self._make_replicas(seed, place_seed)
        self._seed, self._place_seed = seed, place_seed
        self._kpis, self._step_index, self._untouched = None, 0, True


def _plain(seed: Seed) -> Seed:
    """Return seeds as a tuple; what is no sequence is looked at where streams are made of it."""
    return tuple(seed) if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str) else seed
