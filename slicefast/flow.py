"""A window at the flow level: processor sharing in closed form; N cells, S slices, U users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from slicefast import _core
from slicefast.arguments import checked
from slicefast.arrays import to_flags, to_int32, to_vector
from slicefast.kpis import Kpis
from slicefast.units import Float64


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FlowResult(Kpis):
    """What a window measures at the flow level: `Kpis`, none of them per user.

    Attributes
    ----------
    backlog_bits : ndarray of float64, (U,)
        What is queued at the end, for the next window.
    backlog_age_bit_ms : ndarray of float64, (U,)
        The sum of the ages of these bits, likewise.
    """

    backlog_bits: Float64
    backlog_age_bit_ms: Float64


@checked
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

    Parameters
    ----------
    n_ttis : int
        Length of the window [TTI].
    arriving_bits : array_like, (U,)
        D_u, what arrives for each user in the window [bit].
    packet_bits : array_like, (U,) or a number
        L_u, mean size of a packet [bit].
    bits_per_prb : array_like, (U,)
        R_u, bits one PRB carries in one TTI.
    share : array_like, (N, S)
        a_ns; rows need not add up, since slices do not touch each other.
    serving, slice_of : array_like of int, (U,)
        Cell and slice of each user.
    backlog_bits : array_like, (U,), optional
        What is queued at the start [bit]; none unless given.
    active : array_like of bool, (U,), optional
        Who counts in ``users``.
    backlog_age_bit_ms : array_like, (U,), optional
        The sum of the ages of what is queued [bit ms]; new unless given.
    n_prb : int
        B, PRBs of a cell.
    discard_ttis : int or sequence of int
        Age at which a packet is dropped, of all slices or one for each; 0: never.
    buffer_bits : float
        What a user's queue holds; 0: anything.

    Returns
    -------
    FlowResult
        KPIs per cell and slice, and what is left.

    Raises
    ------
    ValueError
        Argument and row are named.

    Examples
    --------
    >>> found = sf.scheduling.flow_window(
    ...     1000, arriving_bits=[1e6], packet_bits=[1e4], bits_per_prb=[500.0], share=[[1.0]], serving=[0],
    ...     slice_of=[0], n_prb=10,
    ... )
    >>> found.load.round(2)  # 1 Mbit where 5 can be sent
    array([[0.2]])
    """
    arriving = np.asarray(arriving_bits, np.float64)
    queued = np.zeros(arriving.shape) if backlog_bits is None else np.array(backlog_bits, np.float64)
    ages = np.zeros(queued.shape) if backlog_age_bit_ms is None else np.array(backlog_age_bit_ms, np.float64)
    shares = np.asarray(share, np.float64)
    timers = to_int32("discard_ttis", np.atleast_1d(discard_ttis))
    out = _core.run_flow(
        n_ttis=n_ttis,
        n_prb=n_prb,
        arriving_bits=arriving,
        packet_bits=to_vector("packet_bits", packet_bits, arriving.size),
        serving=to_int32("serving", serving),
        slice_of=to_int32("slice_of", slice_of),
        bits_per_prb=np.asarray(bits_per_prb, np.float32),
        share=shares,
        active=None if active is None else to_flags("active", active).astype(np.uint8),
        backlog_bits=queued,
        backlog_age_bit_ms=ages,
        discard_ttis=np.tile(timers, shares.shape[-1]) if np.ndim(discard_ttis) == 0 else timers,
        buffer_bits=buffer_bits,
    )
    return FlowResult(**out, backlog_bits=queued, backlog_age_bit_ms=ages)
