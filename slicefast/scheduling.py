"""PRB scheduling: a cell's physical resource blocks, dealt TTI by TTI to slices and users with real packet queues.

A slice's share a_ns becomes whole PRBs by largest remainder, the fraction carried over. Inside a slice: round robin,
proportional fair argmax R_u^alpha / T_u^beta with T_u <- (1 - 1/a) T_u + D_u / a every TTI, or max C/I argmax R_u.
R_u: bits one PRB carries for user u in one TTI of 1 ms; D_u: bits served in the TTI. Bits are kept in whole 1/1024, so
that bits in = bits out + bits queued holds exactly; a user may have up to 2^43 bits (8.8e12) queued.
N cells, S slices, U users, P packets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core

__all__ = [
    "FlowResult",
    "Scheduler",
    "WindowResult",
    "cqi",
    "flow_window",
    "schedule_window",
    "tbs_index",
    "transport_block_bits",
]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class WindowResult:
    """What one window measured.

    Per cell and slice, (N, S): ``throughput_bps`` bits delivered / time with data in the buffer, mean over the users
    that had data (DRB.UEThpDl of 3GPP TS 28.552); ``delay_ms`` mean over the packets delivered and, with their age,
    those dropped or still queued (DRB.RlcSduDelayDl); ``load`` PRBs used / available (RRU.PrbUsedDl); ``users`` active
    users; ``delivered_bits``; ``dropped_bits``; ``spectral_efficiency`` bits delivered / (PRBs used, bandwidth x time)
    [bit/s/Hz]; ``throughput_p5_bps`` 5th percentile of the users' throughput.
    Per user, (U,): ``user_delivered_bits``, ``user_dropped_bits``, ``user_busy_ttis`` with data in the buffer,
    ``user_queued_bits`` at the end.
    """

    throughput_bps: Float
    delay_ms: Float
    load: Float
    users: Float
    delivered_bits: Float
    dropped_bits: Float
    spectral_efficiency: Float
    throughput_p5_bps: Float
    user_delivered_bits: Float
    user_dropped_bits: Float
    user_busy_ttis: Float
    user_queued_bits: Float


def _integers(name: str, value: ArrayLike) -> NDArray[np.int32]:
    array = np.asarray(value)
    if array.ndim != 1:
        raise ValueError(f"{name}: got shape {array.shape}, expected one dimension")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: got dtype {array.dtype}, expected integers")
    return np.ascontiguousarray(np.clip(array, -(2**31), 2**31 - 1), dtype=np.int32)


def _optional(value: ArrayLike | None) -> Float | None:
    return None if value is None else np.asarray(value, np.float64)


class Scheduler:
    """Queues and PRB scheduling of a whole network; the queues persist from window to window and over handovers.

    For one thread at a time: a second one that uses it meanwhile is refused (``RuntimeError``), nothing changed.

    Parameters
    ----------
    n_cells, n_slices, n_users, n_prb
        N, S, U and the PRBs of a cell.
    kind
        ``"round_robin"``, ``"proportional_fair"`` or ``"max_ci"``.
    alpha, beta, averaging_ttis
        Of proportional fair: exponents >= 0, and a > 1.
    discard_ttis
        Age at which a packet is dropped (3GPP TS 36.323, discardTimer), of all slices or one for each; 0: never.
    rbg_prb
        PRBs of a resource block group, the unit that is dealt, at most n_prb; a cell's last group may be smaller.
    deal_leftover
        Round robin: False leaves idle the groups that do not divide equally among the waiting users.
    buffer_bits
        Per user, 0: unlimited. A packet that does not fit is dropped, and counts against delay and throughput as if it
        waited until the window ends, in vain.
    block_error_rate, max_retransmissions, retransmission_ttis, harq_seed
        HARQ, off at rate 0: every transmission fails independently with this probability; a failed block is sent again
        after the round trip, before anything new, and its bits are dropped and counted after the last failure. Expected
        transmissions (1 - p^(k+1)) / (1 - p), residual loss p^(k+1). Packets are handed up in order. Errors are drawn
        by counter from the seed, user and TTI.
    prb_bandwidth_hz
        For ``spectral_efficiency``.
    isa
        Instruction set (see ``slicefast info``); results do not depend on it.
    """

    def __init__(
        self,
        n_cells: int,
        n_slices: int,
        n_users: int,
        n_prb: int = 100,
        kind: str = "proportional_fair",
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        averaging_ttis: float = 100.0,
        discard_ttis: int | Sequence[int] = 0,
        rbg_prb: int = 1,
        deal_leftover: bool = True,
        buffer_bits: float = 0.0,
        block_error_rate: float = 0.0,
        max_retransmissions: int = 3,
        retransmission_ttis: int = 8,
        harq_seed: int = 0,
        prb_bandwidth_hz: float = 180e3,
        isa: str | None = None,
    ) -> None:
        ages: list[int] = _integers("discard_ttis", np.atleast_1d(discard_ttis)).tolist()
        config = _core.SchedulerConfig(
            n_cells=n_cells,
            n_slices=n_slices,
            n_users=n_users,
            n_prb=n_prb,
            kind=kind,
            alpha=alpha,
            beta=beta,
            averaging_ttis=averaging_ttis,
            discard_ttis=ages * n_slices if np.ndim(discard_ttis) == 0 else ages,
            rbg_prb=rbg_prb,
            deal_leftover=deal_leftover,
            buffer_bits=buffer_bits,
            block_error_rate=block_error_rate,
            max_retransmissions=max_retransmissions,
            retransmission_ttis=retransmission_ttis,
            harq_seed=harq_seed,
            prb_bandwidth_hz=prb_bandwidth_hz,
        )
        self._core = _core.Scheduler(config, isa=isa or _core.default_isa())
        self._sizes = (n_cells, n_slices, n_users)

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
    ) -> WindowResult:
        """Play one window and return what it measured.

        Parameters
        ----------
        n_ttis
            Length of the window, TTIs of 1 ms.
        arrival_user, arrival_tti, arrival_bits
            (P,) the packets: user, TTI in [0, n_ttis) from whose start it is there (sorted), size >= 1.
        bits_per_prb
            (U,) bits one PRB carries in one TTI; 0: out of reach, packets wait.
        share
            (N, S) rows on the simplex within 1e-6; may be left out with one slice.
        serving, slice_of
            (U,) cell and slice of each user; may be left out with one cell or one slice.
        active
            (U,) flags counted in ``users``; left out, users count when they had data.
        separate_slices
            Rows of ``share`` need not add up: every slice is measured as if alone with its share.
        tbs_index
            (U,) in place of ``bits_per_prb``: rows 0..26 of the transport block table, -1: out of reach.
        dedicated_ratio, min_ratio, max_ratio
            (N, S) RRMPolicyRatio of 3GPP TS 28.541 in place of ``share``, 0 <= dedicated <= min <= max <= 1 (within
            1e-9) and min summing to at most 1; left out: 0, 0 and 1. Dedicated PRBs are never lent, those up to min are
            guaranteed when needed and lent when idle, the rest is dealt equally to the slices in need, up to max. All
            three equal: the hard partition, the same as ``share``.

        Raises ValueError naming argument and row, with nothing changed.
        """
        n_cells, n_slices, n_users = self._sizes
        policy = any(ratio is not None for ratio in (dedicated_ratio, min_ratio, max_ratio))
        if policy and share is not None:
            raise ValueError("share: got one beside dedicated, min or max ratios, allowed: either")
        if (bits_per_prb is None) == (tbs_index is None):
            raise ValueError("bits_per_prb: give either it or tbs_index")
        if share is None and not policy:
            share = np.full((n_cells, n_slices), 1.0 / n_slices)
        none = np.zeros(n_users, np.int32)
        out = self._core.run(
            n_ttis=n_ttis,
            arrival_user=_integers("arrival_user", arrival_user),
            arrival_tti=_integers("arrival_tti", arrival_tti),
            arrival_bits=np.asarray(arrival_bits, np.float32),
            serving=none if serving is None else _integers("serving", serving),
            slice_of=none if slice_of is None else _integers("slice_of", slice_of),
            bits_per_prb=None if bits_per_prb is None else np.asarray(bits_per_prb, np.float32),
            tbs_index=None if tbs_index is None else _integers("tbs_index", tbs_index),
            share=_optional(share),
            dedicated_ratio=_optional(dedicated_ratio),
            min_ratio=_optional(min_ratio),
            max_ratio=_optional(max_ratio),
            active=None if active is None else np.asarray(active, np.bool_).astype(np.uint8),
            separate_slices=separate_slices,
        )
        return WindowResult(**out, user_queued_bits=self._core.backlog_bits())

    @property
    def clock_ttis(self) -> int:
        """TTIs simulated so far."""
        return self._core.clock_ttis

    @property
    def backlog_bits(self) -> Float:
        """(U,) bits queued."""
        return self._core.backlog_bits()

    def copy(self) -> Scheduler:
        """Return an independent copy: run it to look ahead."""
        other = Scheduler.__new__(Scheduler)
        other._core, other._sizes = self._core.copy(), self._sizes
        return other

    def state(self) -> dict[str, Any]:
        """Return everything that persists over windows, as flat arrays."""
        return self._core.state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to a state of a scheduler of the same settings; what follows is bit-identical.

        Raises ValueError naming field and row, with nothing changed, for a state that no such scheduler comes to.
        """
        self._core.set_state(state)


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
    kind: str = "proportional_fair",
    **options: Any,
) -> WindowResult:
    """Play a single window from empty queues: ``Scheduler(...).run(...)``, sizes taken from the arrays.

    Shapes, units and errors as in ``Scheduler.run``; further ``options`` are those of ``Scheduler``.
    """
    rates = np.atleast_1d(np.asarray(tbs_index if bits_per_prb is None else bits_per_prb))
    if share is None:
        n_cells = 1 + max(0, int(np.max(np.asarray(0 if serving is None else serving), initial=0)))
        n_slices = 1 + max(0, int(np.max(np.asarray(0 if slice_of is None else slice_of), initial=0)))
    else:
        array = np.asarray(share)
        if array.ndim != 2:
            raise ValueError(f"share: got shape {array.shape}, expected (cells, slices)")
        n_cells, n_slices = array.shape
    scheduler = Scheduler(n_cells, n_slices, rates.size, n_prb, kind, **options)
    arrivals = (arrival_user, arrival_tti, arrival_bits)
    return scheduler.run(n_ttis, *arrivals, bits_per_prb, share, serving, slice_of, tbs_index=tbs_index)


@dataclass(frozen=True)
class FlowResult:
    """The KPIs of ``WindowResult`` per cell and slice, (N, S), and what is left at the end.

    ``backlog_bits`` (U,) queued and ``backlog_age_bit_ms`` (U,), the sum of the ages of these bits, go into the next
    window.
    """

    throughput_bps: Float
    delay_ms: Float
    load: Float
    users: Float
    dropped_bits: Float
    spectral_efficiency: Float
    throughput_p5_bps: Float
    backlog_bits: Float
    backlog_age_bit_ms: Float


def flow_window(
    n_ttis: int,
    arriving_bits: ArrayLike,
    packet_bits: ArrayLike,
    bits_per_prb: ArrayLike,
    share: ArrayLike,
    serving: ArrayLike,
    slice_of: ArrayLike,
    backlog_bits: ArrayLike | None = None,
    active: ArrayLike | None = None,
    *,
    backlog_age_bit_ms: ArrayLike | None = None,
    n_prb: int = 100,
    discard_ttis: int | Sequence[int] = 0,
    buffer_bits: float = 0.0,
) -> FlowResult:
    """Return a window's KPIs at the flow level: processor sharing in closed form, no TTIs and no packets.

    x_ns = sum_u D_u / (R_u a_ns B n_ttis); load a_ns min(x, 1); delay W_u = (L_u / (R_u a_ns B)) / (1 - x) + 1/2 TTI,
    bounded in a window, and, by Little's law, the queue left over with its age; throughput R_u a_ns B (1 - x + x_u)
    with x_u user u's part of x. In a full slice (x > 1) users get equal PRBs, and those who want less leave theirs to
    the others. Kleinrock, Queueing Systems vol. 2, section 4.4.

    ``arriving_bits`` and mean ``packet_bits`` (U,); ``backlog_bits`` (U,) queued at the start (none if left out) and
    ``backlog_age_bit_ms`` (U,) the sum of their ages (new if left out); ``share`` (N, S) need not add up, since slices
    do not touch each other; ``discard_ttis`` of all slices or one for each, ``buffer_bits`` of a user, 0: none and
    unlimited; the rest as in ``Scheduler.run``. Raises ValueError naming argument and row.
    """
    arriving = np.asarray(arriving_bits, np.float64)
    queued = np.zeros(arriving.shape) if backlog_bits is None else np.array(backlog_bits, np.float64)
    ages = np.zeros(queued.shape) if backlog_age_bit_ms is None else np.array(backlog_age_bit_ms, np.float64)
    shares = np.asarray(share, np.float64)
    timers = _integers("discard_ttis", np.atleast_1d(discard_ttis))
    out = _core.run_flow(
        n_ttis=n_ttis,
        n_prb=n_prb,
        arriving_bits=arriving,
        packet_bits=np.ascontiguousarray(np.broadcast_to(np.asarray(packet_bits, np.float64), arriving.shape)),
        serving=_integers("serving", serving),
        slice_of=_integers("slice_of", slice_of),
        bits_per_prb=np.asarray(bits_per_prb, np.float32),
        share=shares,
        active=None if active is None else np.asarray(active, np.bool_).astype(np.uint8),
        backlog_bits=queued,
        backlog_age_bit_ms=ages,
        discard_ttis=np.tile(timers, shares.shape[-1]) if np.ndim(discard_ttis) == 0 else timers,
        buffer_bits=buffer_bits,
    )
    return FlowResult(**out, backlog_bits=queued, backlog_age_bit_ms=ages)


def cqi(sinr: ArrayLike) -> NDArray[np.int32]:
    """Return the highest CQI 1..15 whose 10 % block-error threshold a linear SINR reaches, or 0.

    TS 36.213 Table 7.2.3-1; thresholds on an AWGN channel with 2000-bit blocks. Raises ValueError for NaN.
    """
    values = np.asarray(sinr, np.float64)
    return _core.cqi(values.ravel()).reshape(values.shape)


def tbs_index(cqi: ArrayLike) -> NDArray[np.int32]:
    """Return the row I_TBS 0..26 of the transport block table for a CQI 0..15; -1 for CQI 0, out of reach.

    The largest block over 100 PRBs within the CQI's efficiency, 136 of a PRB's 168 elements carrying data (ours).
    """
    values = np.asarray(cqi)
    return _core.tbs_index(_integers("cqi", values.ravel())).reshape(values.shape)


def transport_block_bits(index: int, n_prb: int) -> int:
    """Return the bits of one transport block, TS 36.213 Table 7.1.7.2.1-1; 0 for index -1."""
    return _core.transport_block_bits(index, n_prb)
