"""PRB scheduling: a cell's physical resource blocks, dealt TTI by TTI to slices and users with real packet queues.

A slice's share a_ns becomes whole PRBs by largest remainder, the fraction carried over. Inside a slice: round robin,
proportional fair argmax R_u^alpha / T_u^beta with T_u <- (1 - 1/a) T_u + D_u / a every TTI, or max C/I argmax R_u.
R_u: bits one PRB carries for user u in one TTI of 1 ms; D_u: bits served in the TTI. Bits are kept in whole 1/1024, so
that bits in = bits out + bits queued holds exactly. N cells, S slices, U users, P packets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core

__all__ = ["Scheduler", "WindowResult", "schedule_window"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class WindowResult:
    """What one window measured.

    Per cell and slice, (N, S): ``throughput_bps`` bits delivered / time with data in the buffer, mean over the users
    that had data (DRB.UEThpDl of 3GPP TS 28.552); ``delay_ms`` mean over the packets delivered and, with their age,
    those dropped or still queued (DRB.RlcSduDelayDl); ``load`` PRBs used / available (RRU.PrbUsedDl); ``users`` active;
    ``dropped_bits`` whose discard timer ran out.
    Per user, (U,): ``user_delivered_bits``, ``user_busy_ttis`` with data in the buffer, ``user_queued_bits`` left.
    """

    throughput_bps: Float
    delay_ms: Float
    load: Float
    users: Float
    dropped_bits: Float
    user_delivered_bits: Float
    user_busy_ttis: Float
    user_queued_bits: Float


def _integers(name: str, value: ArrayLike) -> NDArray[np.int32]:
    array = np.asarray(value)
    if array.ndim != 1:
        raise ValueError(f"{name}: got shape {array.shape}, expected one dimension")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: got dtype {array.dtype}, expected integers")
    return np.ascontiguousarray(np.clip(array, -(2**31), 2**31 - 1), dtype=np.int32)


class Scheduler:
    """Queues and PRB scheduling of a whole network; the queues persist from window to window and over handovers.

    Parameters
    ----------
    n_cells, n_slices, n_users, n_prb
        N, S, U and the PRBs of a cell.
    kind
        ``"round_robin"``, ``"proportional_fair"`` or ``"max_ci"``.
    alpha, beta, averaging_ttis
        Of proportional fair: exponents >= 0, and a > 1.
    discard_ttis
        Age at which a packet is dropped (3GPP TS 36.323, discardTimer); 0: never.
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
        discard_ttis: int = 0,
        isa: str | None = None,
    ) -> None:
        config = _core.SchedulerConfig(
            n_cells=n_cells,
            n_slices=n_slices,
            n_users=n_users,
            n_prb=n_prb,
            kind=kind,
            alpha=alpha,
            beta=beta,
            averaging_ttis=averaging_ttis,
            discard_ttis=discard_ttis,
        )
        self._core = _core.Scheduler(config, isa=isa or _core.default_isa())
        self._sizes = (n_cells, n_slices, n_users)

    def run(
        self,
        n_ttis: int,
        arrival_user: ArrayLike,
        arrival_tti: ArrayLike,
        arrival_bits: ArrayLike,
        bits_per_prb: ArrayLike,
        share: ArrayLike | None = None,
        serving: ArrayLike | None = None,
        slice_of: ArrayLike | None = None,
        active: ArrayLike | None = None,
        *,
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

        Raises ValueError naming argument and row, with nothing changed.
        """
        n_cells, n_slices, n_users = self._sizes
        if share is None:
            share = np.full((n_cells, n_slices), 1.0 / n_slices)
        none = np.zeros(n_users, np.int32)
        out = self._core.run(
            n_ttis=n_ttis,
            arrival_user=_integers("arrival_user", arrival_user),
            arrival_tti=_integers("arrival_tti", arrival_tti),
            arrival_bits=np.asarray(arrival_bits, np.float32),
            serving=none if serving is None else _integers("serving", serving),
            slice_of=none if slice_of is None else _integers("slice_of", slice_of),
            bits_per_prb=np.asarray(bits_per_prb, np.float32),
            share=np.asarray(share, np.float64),
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
        """Go back to a state of a scheduler of the same sizes; what follows is bit-identical."""
        self._core.set_state(state)


def schedule_window(
    n_ttis: int,
    arrival_user: ArrayLike,
    arrival_tti: ArrayLike,
    arrival_bits: ArrayLike,
    bits_per_prb: ArrayLike,
    share: ArrayLike | None = None,
    serving: ArrayLike | None = None,
    slice_of: ArrayLike | None = None,
    *,
    n_prb: int = 100,
    kind: str = "proportional_fair",
    **options: Any,
) -> WindowResult:
    """Play a single window from empty queues: ``Scheduler(...).run(...)``, sizes taken from the arrays.

    Shapes, units and errors as in ``Scheduler.run``; further ``options`` are those of ``Scheduler``.
    """
    n_users = np.asarray(bits_per_prb).shape[0]
    if share is None:
        n_cells = 1 + max(0, int(np.max(np.asarray(0 if serving is None else serving), initial=0)))
        n_slices = 1 + max(0, int(np.max(np.asarray(0 if slice_of is None else slice_of), initial=0)))
    else:
        array = np.asarray(share)
        if array.ndim != 2:
            raise ValueError(f"share: got shape {array.shape}, expected (cells, slices)")
        n_cells, n_slices = array.shape
    scheduler = Scheduler(n_cells, n_slices, n_users, n_prb, kind, **options)
    return scheduler.run(n_ttis, arrival_user, arrival_tti, arrival_bits, bits_per_prb, share, serving, slice_of)
