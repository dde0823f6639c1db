"""A measured slicing run, replayed: the partition that was applied and the load that was there, through our scheduler.

    python -m slicefast.validation --replay KPIS.csv ACTIONS.csv

Steps: read both files; fit four kinds of numbers to the first part of the run; play partition and load through
`Scheduler`, TTI by TTI; compare the rates of the rest of the run, report by report.

======  ====================================================================================== ========
symbol  meaning                                                                                unit
======  ====================================================================================== ========
B, b_s  PRBs of the cell, PRBs the partition gives slice s (actions file)                      PRB
r_s     rate of slice s in a report: bits delivered over about a second before it              bit/s
q_s     bytes buffered in slice s when the report was made                                     byte
u_s     users of slice s: rows of a report, running median of five (a report may come in two)  -
d_s     load per user: median of r_s / u_s over reports with an empty queue                    bit/s
c_s     rate per PRB: median of r_s / b_s over reports with a standing queue                   bit/s
======  ====================================================================================== ========

What is put in: b_s(t) and u_s(t) over the whole run; d_s, c_s, a user's buffer (the largest seen) and the delay of the
reports, from the first part alone. What is circular: the rate of a slice whose PRBs are enough is its load, fitted
before. What is predicted: whether they are enough, the rate if they are not, the queue, and how it drains after.
A slice that never had a queue tells no rate per PRB and is given the one of those that had; its own PRBs used were not
reported, so ours cannot be checked. The reports' packet counts are left out: their bits per packet follow the
partition, so they count transport blocks, not arrivals. So are the schedulers within a slice: its users have one rate
here, and the slice's rate does not depend on who is first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast.scenario import ScenarioError
from slicefast.scheduling import Scheduler, transport_block_bits
from slicefast.tables import Table, read_table

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_TTI_S = 1e-3
_PRB_HZ = 180e3
_REPORT = ("t_s", "slice_id", "n_rows", "sum_dl_buffer_bytes", "sum_tx_brate_dl_mbps", "slice_prb")
#: A queue longer than this times the rate stands; one shorter than a tenth of it is empty.
STANDING_QUEUE_S = 0.1
PACKET_BITS = 12_000.0  # of the constant load; the slice's rate does not depend on it
SMALL_PACKET_BITS = 1_000.0  # 125 bytes, of the Poisson loads of the ColO-RAN mix
#: The traffic of slices 0, 1 and 2 (eMBB, MTC, URLLC): only the first sends evenly.
EVEN_SLICES = (0,)
NAMES = ("eMBB", "MTC", "URLLC")


@dataclass(frozen=True)
class Run:
    """The files: T reports of S slices, (T, S) or (T,), and A actions, (A,) or (A, S); times in seconds."""

    report_s: Float
    rate_bps: Float
    buffer_bits: Float
    users: Int
    reported_prb: Int
    action_s: Float
    prb: Int

    def partition_at(self, time_s: ArrayLike) -> Int:
        """Return the PRBs per slice in force at given times, (..., S); before the first action the first one."""
        at = np.searchsorted(self.action_s, time_s, side="right") - 1
        return self.prb[np.maximum(at, 0)]


def read_run(kpis: str | os.PathLike[str], actions: str | os.PathLike[str]) -> Run:
    """Read a run.

    Parameters
    ----------
    kpis : path-like
        One row per report and slice, with the columns t_s, slice_id (0, 1, ...), n_rows (user reports summed),
        sum_dl_buffer_bytes, sum_tx_brate_dl_mbps and slice_prb.
    actions : path-like
        One row per change of the partition, with t_s and prb_slice0, prb_slice1, ...

    Raises
    ------
    ScenarioError
        A file cannot be used; file, row and column are named.
    """
    table = read_table(kpis, {name: (name,) for name in _REPORT}, {})
    slice_id = np.array(table.numbers("slice_id", low=0)).astype(int)
    n_slices = int(slice_id.max()) + 1
    names = [f"prb_slice{s}" for s in range(n_slices)]
    changes = read_table(actions, {name: (name,) for name in ("t_s", *names)}, {})
    prb = np.array([changes.numbers(name, low=0) for name in names]).T.astype(np.int64)
    wrong = np.flatnonzero((prb.sum(axis=1) != prb[0].sum()) | (prb.sum(axis=1) < 1))
    if wrong.size:
        raise changes.error(int(wrong[0]), names[0], f"the row's PRBs must add up to {prb[0].sum()}, as in the first")

    rows = [np.flatnonzero(slice_id == s) for s in range(n_slices)]
    n_reports = min(map(len, rows))
    order = np.array([row[:n_reports] for row in rows]).T  # (T, S)
    if not n_reports or len(table) != n_reports * n_slices or np.ptp(_ordered(table)[order], axis=1).any():
        raise ScenarioError(table.file, f"{len(table)} rows", "must hold every slice once at every time")
    column = {name: np.array(table.numbers(name, low=0))[order] for name in _REPORT[2:]}
    n_rows = np.maximum(column["n_rows"], 1)
    users = _running_median(n_rows)
    scale = users / n_rows  # a report that came in two holds two rows per user, a cut one too few
    return Run(
        report_s=_ordered(table)[order[:, 0]],
        rate_bps=column["sum_tx_brate_dl_mbps"] * 1e6 * scale,
        buffer_bits=column["sum_dl_buffer_bytes"] * 8 * scale,
        users=users,
        reported_prb=column["slice_prb"].astype(np.int64),
        action_s=_ordered(changes),
        prb=prb,
    )


def _ordered(table: Table) -> Float:
    time_s = np.array(table.numbers("t_s", low=0))
    backwards = np.flatnonzero(np.diff(time_s) < 0)
    if backwards.size:
        raise table.error(int(backwards[0]) + 1, "t_s", "is before the row above")
    return time_s


def _running_median(rows: Float, width: int = 5) -> Int:
    padded = np.pad(rows, ((width // 2, width // 2), (0, 0)), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=0), axis=-1).astype(np.int64)


@dataclass(frozen=True)
class Fit:
    """What the first part of a run tells; per slice (S,). ``n_reports`` were used."""

    n_reports: int
    delay_s: float  # from a report's last TTI to its time in the file
    period_s: float  # that a report's rate is over
    load_bps: Float  # d_s
    prb_bps: Float  # c_s
    buffer_bits: float  # of one user


def fit_run(run: Run, part: float = 1 / 3) -> Fit:
    """Fit delay, loads, rates per PRB and buffer to the first ``part`` of the reports."""
    n = max(2, round(part * run.report_s.size))
    rate, queue = run.rate_bps[:n], run.buffer_bits[:n]
    delays = np.arange(0.0, 1.0, 0.05)
    agreement = [(run.partition_at(run.report_s[:n] - d) == run.reported_prb[:n]).mean() for d in delays]
    delay_s = float(delays[int(np.argmax(agreement))])
    period_s = float(np.median(np.diff(run.report_s[:n])))
    empty = queue < 0.1 * STANDING_QUEUE_S * rate
    empty[1:] &= empty[:-1]  # or what is drained would count as load
    standing = queue > STANDING_QUEUE_S * rate
    standing[1:] &= standing[:-1]
    end_s = run.report_s[:n] - delay_s
    prb = run.partition_at(end_s)
    steady = (run.partition_at(end_s - period_s) == prb) & (prb > 0) & standing
    n_slices = rate.shape[1]
    load = [np.median((rate / run.users[:n])[empty[:, s], s]) if empty[:, s].any() else np.nan for s in range(n_slices)]
    per_prb = rate / np.maximum(prb, 1)
    own = [np.median(per_prb[steady[:, s], s]) if steady[:, s].any() else np.nan for s in range(n_slices)]
    if not steady.any() or np.isnan(load).any():
        raise ScenarioError("kpis", f"{n} reports", "must hold, for every slice, one with an empty queue, and a queue")
    return Fit(
        n_reports=n,
        delay_s=delay_s,
        period_s=period_s,
        load_bps=np.array(load),
        prb_bps=np.where(np.isnan(own), np.median(per_prb[steady]), own),
        buffer_bits=float((queue / run.users[:n]).max()),
    )


@dataclass(frozen=True)
class Replay:
    """Ours for every report, (T, S): rate, bits queued at its end, and PRBs used over those of the cell."""

    rate_bps: Float
    queued_bits: Float
    load: Float


def replay(run: Run, fit: Fit, seed: int = 0) -> Replay:
    """Play the run's partition and load through round robin, TTI by TTI, and measure where the reports measured."""
    n_slices = run.users.shape[1]
    start_s = run.report_s[0] - fit.delay_s - fit.period_s
    end = _to_tti(run.report_s - fit.delay_s, start_s)
    begin = np.maximum(end - max(1, round(fit.period_s / _TTI_S)), 0)
    change = _to_tti(run.action_s, start_s)
    borders = np.unique(np.concatenate([[0], begin, end, change[(change > 0) & (change < end[-1])]]))

    per_slice = int(run.users.max())
    n_users, n_prb = per_slice * n_slices, int(run.prb[0].sum())
    slice_of = np.repeat(np.arange(n_slices), per_slice)
    user, tti, bits = _load(run, fit, end, np.random.default_rng(seed))
    first = np.searchsorted(tti, borders)
    scheduler = Scheduler(1, n_slices, n_users, n_prb, "round_robin", buffer_bits=fit.buffer_bits)
    bits_per_prb = (fit.prb_bps * _TTI_S)[slice_of]
    share = run.partition_at(start_s + borders * _TTI_S) / n_prb
    delivered, queued, used = (np.zeros((borders.size, n_slices)) for _ in range(3))  # up to, or at, a border
    for k, (low, high) in enumerate(pairwise(borders)):
        packets = slice(first[k], first[k + 1])
        out = scheduler.run(
            int(high - low), user[packets], tti[packets] - low, bits[packets], bits_per_prb, share[k : k + 1],
            slice_of=slice_of,
        )  # fmt: skip
        delivered[k + 1] = delivered[k] + out.delivered_bits[0]
        queued[k + 1] = np.bincount(slice_of, out.user_queued_bits)
        used[k + 1] = used[k] + out.load[0] * (high - low)
    a, b = np.searchsorted(borders, begin), np.searchsorted(borders, end)
    ttis = np.maximum(end - begin, 1)[:, None]
    return Replay((delivered[b] - delivered[a]) / (ttis * _TTI_S), queued[b], (used[b] - used[a]) / ttis)


def _to_tti(time_s: Float, start_s: float) -> Int:
    return np.rint((time_s - start_s) / _TTI_S).astype(np.int64)


def _load(run: Run, fit: Fit, end: Int, rng: np.random.Generator) -> tuple[Int, Int, Float]:
    """Draw the packets of all users for the TTIs up to ``end[-1]``: even or Poisson, while the user is there."""
    users, ttis, sizes = [], [], []
    per_slice, n_ttis = int(run.users.max()), int(end[-1])
    for s in range(run.users.shape[1]):
        size = PACKET_BITS if s in EVEN_SLICES else SMALL_PACKET_BITS
        interval = size / (fit.load_bps[s] * _TTI_S)
        for k in range(per_slice):
            if s in EVEN_SLICES:
                tti = np.arange(rng.random() * interval, n_ttis, interval).astype(np.int64)
            else:
                tti = np.sort(rng.integers(n_ttis, size=rng.poisson(n_ttis / interval)))
            tti = tti[k < run.users[np.searchsorted(end, tti), s]]
            users.append(np.full(tti.size, s * per_slice + k))
            ttis.append(tti)
            sizes.append(np.full(tti.size, size))
    order = np.argsort(np.concatenate(ttis), kind="stable")
    return np.concatenate(users)[order], np.concatenate(ttis)[order], np.concatenate(sizes)[order]


@dataclass(frozen=True)
class Comparison:
    """Over the reports behind the fit, per slice (S,): mean rates, mean absolute errors over the measured mean."""

    n_reports: int
    measured_bps: Float
    ours_bps: Float
    error: Float  # of ours
    load_error: Float  # of the load alone, as if every partition were enough
    short: NDArray[np.bool_]  # (T, S) reports with a measured standing queue
    prb_agreement: float  # share of reports whose PRBs are those of the action in force


def compare(run: Run, fit: Fit, ours: Replay) -> Comparison:
    """Compare rates over the reports that were not fitted."""
    rest = slice(fit.n_reports, None)
    measured, rate = run.rate_bps[rest], ours.rate_bps[rest]
    mean = measured.mean(axis=0)
    load = fit.load_bps * run.users[rest]
    short = run.buffer_bits > STANDING_QUEUE_S * run.rate_bps
    short[: fit.n_reports] = False
    agree = run.partition_at(run.report_s - fit.delay_s) == run.reported_prb
    return Comparison(
        n_reports=len(measured),
        measured_bps=mean,
        ours_bps=rate.mean(axis=0),
        error=np.abs(rate - measured).mean(axis=0) / mean,
        load_error=np.abs(load - measured).mean(axis=0) / mean,
        short=short,
        prb_agreement=float(agree[rest].mean()),
    )


def name_of(s: int) -> str:
    """Return a slice's name."""
    return NAMES[s] if s < len(NAMES) else f"slice {s}"


def sentence(run: Run, fit: Fit, ours: Replay) -> str:
    """Return in plain words how our rates compare with the measured ones."""
    found = compare(run, fit, ours)
    text = [
        f"Over the {found.n_reports:,} reports behind the {fit.n_reports} that were fitted, our scheduler gives "
        + ", ".join(
            f"{name_of(s)} {found.ours_bps[s] / 1e6:.3g} Mbit/s (measured {found.measured_bps[s] / 1e6:.3g}, "
            f"mean error of a one-second report {100 * found.error[s]:.1f} %)"
            for s in range(found.error.size)
        )
        + "."
    ]
    enough = []
    for s in range(found.error.size):
        short = found.short[:, s]
        if not short.any():
            enough.append(name_of(s))
            continue
        rate, measured = ours.rate_bps[short, s].mean(), run.rate_bps[short, s].mean()
        text.append(
            f"In the {short.sum()} reports in which {name_of(s)} had a standing queue, ours is "
            f"{rate / 1e6:.3g} Mbit/s, measured {measured / 1e6:.3g} ({100 * (rate / measured - 1):+.1f} %); taking "
            f"the load for the rate would err by {100 * found.load_error[s]:.1f} % over all reports."
        )
    if enough:
        text.append(
            f"{' and '.join(enough)} never had one: there the rate is the load that was fitted, and shows no more "
            "than that our scheduler holds nothing back."
        )
    return " ".join([*text, *_doubt(run, fit)])


def _doubt(run: Run, fit: Fit) -> list[str]:
    """Return what a rate per PRB means that no PRB of LTE has (TS 36.213 Table 7.1.7.2.1-1, one layer)."""
    n_prb = int(run.prb[0].sum())
    fitted = float(fit.prb_bps.max()) / _PRB_HZ
    most = transport_block_bits(26, n_prb) / n_prb / (_PRB_HZ * _TTI_S)
    if fitted <= most:
        return []
    return [
        f"The fitted {1e-6 * fit.prb_bps.max():.3f} Mbit/s per PRB is {fitted:.1f} bit/s/Hz, above the {most:.1f} of "
        f"LTE's largest transport block over {n_prb} PRBs: the PRBs of the file cannot be all that carried the bits, "
        "and the partition holds up to that fitted factor."
    ]


def fit_sentence(run: Run, fit: Fit, ours: Replay) -> str:
    """Return what was fitted to the first part of a run, and how well the rest shows the partition in force."""
    loads = ", ".join(f"{name_of(s)} {1e-3 * x:.4g} kbit/s" for s, x in enumerate(fit.load_bps))
    return (
        f"Fitted: reports are {fit.delay_s:.2f} s old and cover {fit.period_s:.2f} s; load per user {loads}; "
        f"{1e-6 * fit.prb_bps[0]:.3g} Mbit/s per PRB; {fit.buffer_bits / 8e3:.4g} kB of buffer per user. "
        f"{100 * compare(run, fit, ours).prb_agreement:.1f} % of the other reports show the partition in force."
    )
