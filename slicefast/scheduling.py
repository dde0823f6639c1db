"""PRB scheduling: a cell's physical resource blocks, dealt TTI by TTI to slices and users with real packet queues.

A slice's share a_ns becomes whole PRBs by largest remainder, the fraction carried over. Inside a slice: round robin,
proportional fair argmax R_u^alpha / T_u^beta with T_u <- (1 - 1/a) T_u + D_u / a every TTI, or max C/I argmax R_u.
R_u: bits one PRB carries for user u in one TTI; D_u: bits served in the TTI. Bits are kept in whole 1/1024, so
that bits in = bits out + bits queued or sent in part holds exactly; a user may have up to 2^43 bits (8.8e12) queued.
N cells, S slices, U users, P packets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from slicefast import _core
from slicefast.arguments import checked
from slicefast.arrays import to_flags, to_int32
from slicefast.errors import described, refuse
from slicefast.flow import FlowResult, flow_window
from slicefast.kpis import Kpis
from slicefast.link_adaptation import McsTable, cqi, tbs_index, transport_block_bits
from slicefast.packets import PacketKpis
from slicefast.units import TTI_S, Float64

__all__ = [
    "FlowResult",
    "Kind",
    "Options",
    "Scheduler",
    "WindowResult",
    "cqi",
    "flow_window",
    "schedule_window",
    "tbs_index",
    "transport_block_bits",
]

#: How a slice's PRBs are dealt to its users.
Kind = Literal["round_robin", "proportional_fair", "max_ci"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WindowResult(Kpis):
    """What one window measured: all of `Kpis`, those per user too.

    Attributes
    ----------
    delivered_bits : ndarray of float64, (N, S)
        Bits that arrived: of whole packets, where packets can be discarded.
    user_queued_bits : ndarray of float64, (U,)
        Bits queued at the end. Bits sent of a packet that is not complete and may yet be discarded are neither queued
        nor delivered: ``Scheduler.state()["head_sent"]``.
    """

    user_delivered_bits: Float64
    user_busy_ttis: Float64
    user_dropped_bits: Float64
    user_throughput_bits: Float64
    delivered_bits: Float64
    user_queued_bits: Float64


class Options(TypedDict, total=False):
    """What a scheduler may do beside dealing PRBs; what is left out is off.

    Attributes
    ----------
    alpha, beta : float
        Exponents of proportional fair, at least 0; 1 each unless given.
    averaging_ttis : float
        Averaging time a of proportional fair, above 1; 100 unless given.
    rbg_prb : int
        PRBs of a resource block group, the unit that is dealt, at most n_prb; a cell's last group may be smaller.
    deal_leftover : bool
        Round robin: False leaves idle the groups that do not divide equally among the waiting users.
    buffer_bits : float
        Per user, 0: unlimited. A packet that does not fit is dropped; it counts in the delay with the window's length,
        and its user as one with data in the buffer all the window.
    block_error_rate : float or sequence of float
        HARQ, off at 0: every transmission fails independently with this probability p, or attempt i with p_i, the last
        for all further ones, where combining makes later attempts better. A failed block is sent again after the round
        trip, before anything new; after the last failure every packet with bits in it is dropped. In the mean 1 + p_0 +
        p_0 p_1 + ... transmissions, with one p (1 - p^(k+1)) / (1 - p); residual loss p_0 ... p_k. Packets are handed
        up in order.
    max_retransmissions : int
        k, after which a block is lost; 3 unless given.
    retransmission_ttis : int
        HARQ's round trip [TTI]; 8 unless given.
    harq_seed : int
        Errors are drawn by counter from this seed, user and TTI.
    prb_bandwidth_hz : float
        For ``spectral_efficiency``; 180 kHz unless given.
    tti_s : float
        Length of a TTI, LTE's 1 ms unless given.
    mcs_table : {"lte", "nr_qam64", "nr_qam256", "nr_qam64_low_se"}
        Whose rows ``tbs_index`` names; LTE's unless given. See `slicefast.link_adaptation`.
    downlink_parts, tdd_parts : int
        TDD: so many of so many TTIs in a row carry the downlink, evenly spread; in the others no PRB is dealt, and
        none is available to ``load``. 1 of 1 unless given.
    """

    alpha: float
    beta: float
    averaging_ttis: float
    rbg_prb: int
    deal_leftover: bool
    buffer_bits: float
    block_error_rate: float | Sequence[float]
    max_retransmissions: int
    retransmission_ttis: int
    harq_seed: int
    prb_bandwidth_hz: float
    tti_s: float
    mcs_table: McsTable
    downlink_parts: int
    tdd_parts: int


def attempts(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with ``block_error_rate`` as the core takes it: of the first attempt, and of those after it."""
    rates = options.get("block_error_rate", 0.0)
    if np.ndim(rates) == 0:
        return dict(options)
    if len(rates) == 0:
        refuse("block_error_rate", described("no value"), "one for each attempt")
    return {**options, "block_error_rate": rates[0], "retransmission_error_rate": list(rates[1:]) or [rates[0]]}


def _optional(value: ArrayLike | None) -> Float64 | None:
    return None if value is None else np.asarray(value, np.float64)


@checked
class Scheduler:
    """Queues and PRB scheduling of a whole network; the queues persist from window to window and over handovers.

    A scheduler is for one thread at a time: a second one that uses it meanwhile is refused with `InUseError`, nothing
    changed.

    Parameters
    ----------
    n_cells, n_slices, n_users, n_prb : int
        N, S, U and the PRBs of a cell.
    kind : {"proportional_fair", "round_robin", "max_ci"}
        How a slice's PRBs are dealt to its users.
    discard_ttis : int or sequence of int
        Age at which a packet is dropped (3GPP TS 36.323, discardTimer), of all slices or one for each; 0: never.
    isa : str, optional
        Instruction set (see ``slicefast info``); results do not depend on it.
    **options
        See `Options`.

    Raises
    ------
    ValueError
        A value that cannot be; it is named.

    Examples
    --------
    >>> scheduler = sf.scheduling.Scheduler(n_cells=1, n_slices=1, n_users=1, n_prb=1, kind="round_robin")
    >>> window = {"bits_per_prb": [100.0], "share": [[1.0]], "serving": [0], "slice_of": [0]}
    >>> scheduler.run(2, arrival_user=[0], arrival_tti=[0], arrival_bits=[500.0], **window).user_queued_bits
    array([300.])
    >>> fork, before = scheduler.copy(), scheduler.state()
    >>> fork.run(3, [], [], [], **window).delay_ms  # the last 300 bits leave 5 TTIs after they came
    array([[5.]])
    >>> scheduler.set_state(before)  # as if nothing had been
    """

    def __init__(
        self,
        n_cells: int,
        n_slices: int,
        n_users: int,
        n_prb: int = 100,
        kind: Kind = "proportional_fair",
        *,
        discard_ttis: int | Sequence[int] = 0,
        isa: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        sizes = {"n_cells": n_cells, "n_slices": n_slices, "n_users": n_users, "n_prb": n_prb}
        self._made_of = {**sizes, "kind": kind, "discard_ttis": discard_ttis, "isa": isa, **options}
        ages: list[int] = to_int32("discard_ttis", np.atleast_1d(discard_ttis)).tolist()
        config = _core.SchedulerConfig(
            n_cells=n_cells,
            n_slices=n_slices,
            n_users=n_users,
            n_prb=n_prb,
            kind=kind,
            discard_ttis=ages * n_slices if np.ndim(discard_ttis) == 0 else ages,
            **attempts(options),
        )
        self._core = _core.Scheduler(config, isa=isa or _core.default_isa())
        self._sizes = (n_cells, n_slices, n_users)
        self._tti_s = options.get("tti_s", TTI_S)

    def run(
        self,
        n_ttis: int,
        arrival_user: ArrayLike,
        arrival_tti: ArrayLike,
        arrival_bits: ArrayLike,
        bits_per_prb: ArrayLike | None = None,
        share: ArrayLike | None = None,
        serving: ArrayLike | None = None,
        slice_of: ArrayLike | None = None,
        active: ArrayLike | None = None,
        *,
        tbs_index: ArrayLike | None = None,
        dedicated_ratio: ArrayLike | None = None,
        min_ratio: ArrayLike | None = None,
        max_ratio: ArrayLike | None = None,
        separate_slices: bool = False,
        per_packet: bool = False,
    ) -> WindowResult:
        """Play one window and return what it measured.

        Parameters
        ----------
        n_ttis : int
            Length of the window [TTI].
        arrival_user, arrival_tti, arrival_bits : array_like, (P,)
            The packets: user, TTI in [0, n_ttis) from whose start it is there (sorted), size >= 1.
        bits_per_prb : array_like, (U,), optional
            Bits one PRB carries in one TTI; 0: out of reach, packets wait.
        share : array_like, (N, S), optional
            Rows on the simplex within 1e-6; may be left out with one slice.
        serving, slice_of : array_like of int, (U,), optional
            Cell and slice of each user; may be left out with one cell or one slice.
        active : array_like of bool, (U,), optional
            Who counts in ``users``; left out, users count when they had data.
        tbs_index : array_like of int, (U,), optional
            In place of ``bits_per_prb``: rows of the transport block table (`Options.mcs_table`), -1: out of reach.
        dedicated_ratio, min_ratio, max_ratio : array_like, (N, S), optional
            RRMPolicyRatio of 3GPP TS 28.541 in place of ``share``, 0 <= dedicated <= min <= max <= 1 (within 1e-9) and
            min summing to at most 1; left out: 0, 0 and 1. Dedicated PRBs are never lent, those up to min are
            guaranteed when needed and lent when idle, the rest is dealt equally to the slices in need, up to max. All
            three equal: the hard partition, the same as ``share``.
        separate_slices : bool
            Rows of ``share`` need not add up: every slice is measured as if alone with its share.
        per_packet : bool
            Whether to measure packets, too.

        Returns
        -------
        WindowResult
            KPIs per cell and slice, and series per user.

        Raises
        ------
        ValueError
            Argument and row are named; nothing is changed.
        """
        n_cells, n_slices, n_users = self._sizes
        has_ratios = any(ratio is not None for ratio in (dedicated_ratio, min_ratio, max_ratio))
        if has_ratios and share is not None:
            refuse("share", described("one beside dedicated, min or max ratios"), "either")
        if (bits_per_prb is None) == (tbs_index is None):
            given = "neither it nor tbs_index" if tbs_index is None else "both it and tbs_index"
            refuse("bits_per_prb", described(given), "one of them")
        if share is None and not has_ratios:
            share = np.full((n_cells, n_slices), 1.0 / n_slices)
        zeros = np.zeros(n_users, np.int32)
        out = self._core.run(
            n_ttis=n_ttis,
            arrival_user=to_int32("arrival_user", arrival_user),
            arrival_tti=to_int32("arrival_tti", arrival_tti),
            arrival_bits=np.asarray(arrival_bits, np.float32),
            serving=zeros if serving is None else to_int32("serving", serving),
            slice_of=zeros if slice_of is None else to_int32("slice_of", slice_of),
            bits_per_prb=None if bits_per_prb is None else np.asarray(bits_per_prb, np.float32),
            tbs_index=None if tbs_index is None else to_int32("tbs_index", tbs_index),
            share=_optional(share),
            dedicated_ratio=_optional(dedicated_ratio),
            min_ratio=_optional(min_ratio),
            max_ratio=_optional(max_ratio),
            active=None if active is None else to_flags("active", active).astype(np.uint8),
            separate_slices=separate_slices,
            per_packet=per_packet,
        )
        packets = None
        if per_packet:
            arrays = (out.pop("delay_counts")[None], out.pop("packet_kpis")[None])
            packets = PacketKpis.of(arrays, self._tti_s)
        return WindowResult(**out, user_queued_bits=self._core.backlog_bits(), packets=packets, tti_s=self._tti_s)

    @property
    def clock_ttis(self) -> int:
        """TTIs simulated so far."""
        return self._core.clock_ttis

    @property
    def backlog_bits(self) -> Float64:
        """(U,) bits queued."""
        return self._core.backlog_bits()

    def copy(self) -> Scheduler:
        """Return an independent copy: run it to look ahead."""
        other = Scheduler.__new__(Scheduler)
        vars(other).update(vars(self), _core=self._core.copy())
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (self._made_of, self.state())

    def state(self) -> dict[str, Any]:
        """Return everything that persists over windows, as flat arrays."""
        return self._core.state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to a state of a scheduler of the same settings; what follows is bit-identical.

        Parameters
        ----------
        state : dict
            From `state`.

        Raises
        ------
        ValueError
            No such scheduler comes to this state; field and row are named, nothing is changed.
        """
        self._core.set_state(state)


@checked
def schedule_window(
    n_ttis: int,
    arrival_user: ArrayLike,
    arrival_tti: ArrayLike,
    arrival_bits: ArrayLike,
    bits_per_prb: ArrayLike | None = None,
    share: ArrayLike | None = None,
    serving: ArrayLike | None = None,
    slice_of: ArrayLike | None = None,
    *,
    tbs_index: ArrayLike | None = None,
    n_prb: int = 100,
    kind: Kind = "proportional_fair",
    discard_ttis: int | Sequence[int] = 0,
    isa: str | None = None,
    **options: Unpack[Options],
) -> WindowResult:
    """Play a single window from empty queues: ``Scheduler(...).run(...)``, sizes taken from the arrays.

    Parameters
    ----------
    n_ttis, arrival_user, arrival_tti, arrival_bits, bits_per_prb, share, serving, slice_of, tbs_index
        As in `Scheduler.run`; without a share, cells and slices are counted by ``serving`` and ``slice_of``.
    n_prb, kind, discard_ttis, isa, **options
        As in `Scheduler`.

    Returns
    -------
    WindowResult
        KPIs per cell and slice, and series per user.

    Raises
    ------
    ValueError
        Argument and row are named.

    Examples
    --------
    >>> found = sf.scheduling.schedule_window(
    ...     10, arrival_user=[0, 1], arrival_tti=[0, 0], arrival_bits=[1000.0, 1000.0], bits_per_prb=[500.0, 100.0],
    ...     share=[[1.0]], serving=[0, 0], slice_of=[0, 0], n_prb=4, kind="round_robin",
    ... )
    >>> found.delay_ms, found.load
    (array([[2.]]), array([[0.3]]))
    """
    rates = np.atleast_1d(np.asarray(tbs_index if bits_per_prb is None else bits_per_prb))
    if share is None:
        n_cells = 1 + max(0, int(np.max(np.asarray(0 if serving is None else serving), initial=0)))
        n_slices = 1 + max(0, int(np.max(np.asarray(0 if slice_of is None else slice_of), initial=0)))
    else:
        array = np.asarray(share)
        if array.ndim != 2 or not array.size:
            refuse("share", described(f"shape {array.shape}"), "shape (cells, slices)")
        n_cells, n_slices = array.shape
    if not rates.size:
        refuse("bits_per_prb", described("no user"), "at least one")
    scheduler = Scheduler(n_cells, n_slices, rates.size, n_prb, kind, discard_ttis=discard_ttis, isa=isa, **options)
    arrivals = (arrival_user, arrival_tti, arrival_bits)
    return scheduler.run(n_ttis, *arrivals, bits_per_prb, share, serving, slice_of, tbs_index=tbs_index)


def _made_again(options: dict[str, Any], state: dict[str, Any]) -> Scheduler:
    """Return a scheduler of these settings in a state of one: what a pickle holds."""
    scheduler = Scheduler(**options)
    scheduler.set_state(state)
    return scheduler
