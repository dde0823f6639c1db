"""Packets of one slice from a file: when, whose and how large."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slicefast.plausible import warn
from slicefast.tables import Table, read_table
from slicefast.units import SMALLEST_PACKET_BITS

_REQUIRED = {
    "time": ("time", "time_s", "t_s", "timestamp", "datetime"),
    "bytes": ("bytes", "size", "size_bytes", "length"),
}
_OPTIONAL = {"user": ("user", "user_id", "ue"), "slice": ("slice", "slice_id")}
_LARGEST_BYTES = 1e9
_LONGEST_S = 1e9
_LONGEST_GAP_S = 5.0  # between two packets of a cell's users, on average
_MOST_WHOLE = 100  # packets that may all have come on whole seconds
_MOST_DIGITS = 20


@dataclass(frozen=True, eq=False)
class PacketTrace:
    """K packets of one slice, sorted by TTI; the first packet of the file is in TTI 0.

    Parameters
    ----------
    tti : ndarray, (K,) int64
        When.
    user : ndarray, (K,) int32
        Whose, counted from 0 within the slice; -1 where the trace names none.
    bits : ndarray, (K,) float32
        How large.
    period_ttis : int
        After so many the trace repeats.
    ttis_per_s : float
        TTIs in a second.
    """

    tti: NDArray[np.int64]
    user: NDArray[np.int32]
    bits: NDArray[np.float32]
    period_ttis: int
    ttis_per_s: float = 1000.0

    def window(self, start_tti: int, n_ttis: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """Return the packets of a window.

        Parameters
        ----------
        start_tti, n_ttis : int
            Its first TTI, at least 0, and its length.

        Returns
        -------
        tti, index : ndarray, (K,)
            TTIs counted from the window's start, and which packets these are.
        """
        ttis, packets = [], []
        for lap in range(start_tti // self.period_ttis, (start_tti + n_ttis - 1) // self.period_ttis + 1):
            begin = start_tti - lap * self.period_ttis
            first, last = np.searchsorted(self.tti, (begin, begin + n_ttis))
            ttis.append(self.tti[first:last] - begin)
            packets.append(np.arange(first, last))
        return np.concatenate(ttis), np.concatenate(packets)


def read_packets(
    path: str | os.PathLike[str], slice_index: int, slice_names: list[str], n_users: int, ttis_per_s: float = 1000.0
) -> PacketTrace:
    """Read the packets of one slice.

    Parameters
    ----------
    path : path-like
        Comma-separated, with the columns time, time_s, t_s, timestamp or datetime (seconds or a date); bytes, size,
        size_bytes or length; and, if it has them, user, user_id or ue, and slice or slice_id.
    slice_index : int
        Which slice's rows to take, from 0; a row names its slice, or numbers it from 1.
    slice_names : list of str
        The names of all slices.
    n_users : int
        Users of the slice; a row numbers its user from 1.
    ttis_per_s : float
        TTIs in a second.

    Raises
    ------
    ScenarioError
        Times out of order, a size below one bit, an unknown user or slice; the row is named.

    Examples
    --------
    >>> from slicefast.traffic.trace import read_packets
    >>> packets = [[0, 1500, 1], [0.5, 1500, 2]]
    >>> np.savetxt("packets.csv", packets, fmt="%g", delimiter=",", header="time,bytes,user", comments="")
    >>> trace = read_packets("packets.csv", slice_index=0, slice_names=["mine"], n_users=2)
    >>> trace.tti.tolist(), trace.user.tolist(), trace.bits.tolist()
    ([0, 500], [0, 1], [12000.0, 12000.0])
    """
    table = read_table(path, _REQUIRED, _OPTIONAL)
    time_s = np.array(table.times_s("time"))
    backwards = np.flatnonzero(np.diff(time_s) < 0.0)
    if backwards.size:
        raise table.error(int(backwards[0]) + 1, "time", "is before the row above; packets must be in order")
    if time_s[-1] - time_s[0] > _LONGEST_S:
        raise table.error(len(table) - 1, "time", f"must be within {_LONGEST_S:g} s of the first")
    span_s, n_gaps = time_s[-1] - time_s[0], max(len(table) - 1, 1)
    is_whole = table.counts("time") and n_gaps >= _MOST_WHOLE and not (time_s % 1.0).any()
    if span_s > _LONGEST_GAP_S * n_gaps or (is_whole and span_s > 0.0):
        read = f"a packet per {span_s / n_gaps:.3g} s{', all on whole seconds' if is_whole else ''}"
        warn(f"{table.file} column {table.header['time']}: read as seconds, {read}; milliseconds?")
    size = np.array(table.numbers("bytes", low=0.0, high=_LARGEST_BYTES))
    small = np.flatnonzero(8.0 * size < SMALLEST_PACKET_BITS)
    if small.size:
        raise table.error(int(small[0]), "bytes", f"must be at least {SMALLEST_PACKET_BITS / 8.0:g}, one bit")
    rows = np.arange(len(table))
    if "slice" in table:
        rows = rows[[_slice_of(table, row, slice_names) == slice_index for row in range(len(table))]]
        if not rows.size:
            raise table.error(0, "slice", f"no row is of slice {slice_names[slice_index]}")
    user = np.full(rows.size, -1, dtype=np.int32)
    if "user" in table:
        user[:] = [_user_of(table, int(row), n_users) for row in rows]
    tti = np.floor((time_s - time_s[0]) * ttis_per_s + 1e-6).astype(np.int64)  # 1e-6: decimal times just below a TTI
    return PacketTrace(tti[rows], user, (8.0 * size[rows]).astype(np.float32), int(tti[-1]) + 1, ttis_per_s)


def _slice_of(table: Table, row: int, names: list[str]) -> int:
    text = table.columns["slice"][row]
    if text in names:
        return names.index(text)
    if text.isdecimal() and len(text) < _MOST_DIGITS and 1 <= int(text) <= len(names):
        return int(text) - 1
    raise table.error(row, "slice", f"must be one of {', '.join(names)} or a number from 1 to {len(names)}")


def _user_of(table: Table, row: int, n_users: int) -> int:
    text = table.columns["user"][row]
    if not (text.isdecimal() and len(text) < _MOST_DIGITS and 1 <= int(text) <= n_users):
        raise table.error(row, "user", f"unknown user; users of the slice are numbered 1 to {n_users}")
    return int(text) - 1
