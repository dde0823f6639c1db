"""The traffic mask tau[n, s](t) in [0, 1]: which share of a cell's users of a slice is active, step by step.

====== ================================================================= =======
symbol meaning                                                           unit
====== ================================================================= =======
tau    share of active users (N, S)                                      -
L, G   series and samples per series                                     -
w      samples per decision step                                         -
o      offset of a cell and slice into its series (N, S)                 samples
c      scaling of a cell and slice (N, S)                                -
a      activity factor of a cell and slice (N, S)                        -
====== ================================================================= =======

tau = a (low + (high - low) min(c v(o + w t), 1)), with v the series interpolated linearly and repeated for ever.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from slicefast.errors import ScenarioError, described, refuse
from slicefast.plausible import warn
from slicefast.tables import Table, read_table
from slicefast.units import Float64, Index

if TYPE_CHECKING:
    from slicefast.scenario import Scenario, Traffic

_REQUIRED = {
    "time": ("time", "datetime", "date", "timestamp", "time_s", "t_s"),
    "volume": ("volume", "traffic", "load", "bytes"),
}
_OPTIONAL = {"cell": ("cell", "cell_id", "cellname"), "slice": ("slice", "slice_id")}
_DAY_S = 86_400.0
# A cell or slice that has no series of its own reads another's at another time and level (ours).
_CELL_JITTER_DAYS = 1.0 / 24.0
_SCALE_RANGE = (0.7, 1.0)
_NEAR_ZERO_OF_MEDIAN = 0.01
_LONGEST_LINEAR_GAP = 3
_MOST_SAMPLES = 50_000_000  # of all series
_SMALL_SAMPLES, _MOST_GAPS = 1_000_000, 100  # samples that any file may have, and times as many as its rows
_SHORTEST_S = 1.0
_SERIALS = (20_000.0, 80_000.0)  # the years 1954 to 2119, in days


@dataclass(frozen=True, eq=False)
class TrafficMask:
    """The share of active users per cell and slice at every decision step; made by `generate` or `from_trace`.

    ``note`` says in one line what was done to a trace; it is empty for a generated mask.
    """

    low: float
    high: float
    series: Float64  # (L, G), 1 = the busy level
    series_of: Index  # (N, S)
    offset_samples: Float64  # (N, S)
    scale: Float64  # (N, S)
    activity: Float64  # (N, S)
    samples_per_step: float
    note: str

    @classmethod
    def from_scenario(cls, scenario: Scenario, rng: np.random.Generator) -> Self:
        """Read the scenario's trace if it names one, else generate a mask.

        Parameters
        ----------
        scenario : Scenario
            Cells, slices and the settings of ``traffic``, and the trace's path.
        rng : numpy.random.Generator
            Of `generate` or `from_trace`.
        """
        if scenario.traffic_trace is None:
            return cls.generate(scenario, rng)
        return cls.from_trace(scenario.traffic_trace, scenario, rng)

    @classmethod
    def generate(cls, scenario: Scenario, rng: np.random.Generator) -> Self:
        """Draw a mask of daily cycles (ours): cells and slices peak at their own hours and levels, with smooth noise.

        v = b ((1 + cos(2 pi (t / period - p))) / 2)^k + e, with p, k, b drawn per cell and slice (slices spread evenly
        over the day, cells around them by ``phase_spread_days``) and e smooth Gaussian noise that repeats after
        ``n_periods`` only.

        Parameters
        ----------
        scenario : Scenario
            Cells, slices and the settings of ``traffic``.
        rng : numpy.random.Generator
            Draws the cycles and the noise.
        """
        traffic, shape = scenario.traffic, (scenario.n_cells, scenario.n_slices)
        slice_phase = (rng.permutation(shape[1]) + rng.random(shape[1])) / shape[1]
        of_cell, of_slice = traffic.phase_spread_days, 0.5 * traffic.phase_spread_days
        phase = slice_phase + of_cell * rng.standard_normal((shape[0], 1)) + of_slice * rng.standard_normal(shape)
        sharpness = rng.uniform(0.7, 2.0, shape)
        level = rng.uniform(*_SCALE_RANGE, shape)
        n = traffic.period_steps * traffic.n_periods
        days = np.arange(n) / traffic.period_steps
        wave = 0.5 + 0.5 * np.cos(2.0 * np.pi * (days - phase[..., None]))
        series = level[..., None] * wave ** sharpness[..., None]
        series += traffic.noise * _smooth_noise(rng, (*shape, n), traffic.noise_steps)
        count = shape[0] * shape[1]
        return cls(
            low=traffic.low,
            high=traffic.high,
            series=np.clip(series, 0.0, 1.0).reshape(count, n),
            series_of=np.arange(count).reshape(shape),
            offset_samples=np.zeros(shape),
            scale=np.ones(shape),
            activity=scenario.activity,
            samples_per_step=1.0,
            note="",
        )

    @classmethod
    def from_trace(cls, path: str | os.PathLike[str], scenario: Scenario, rng: np.random.Generator) -> Self:
        """Read a mask from a trace with the columns time, volume and, if it has them, cell and slice.

        Headers in any case: time, datetime, date, timestamp, time_s or t_s (seconds, ISO 8601 or month/day/year
        hour:minute); volume, traffic, load or bytes; cell, cell_id or cellname; slice or slice_id. Others are ignored.
        Each series of volumes, in whatever unit, is divided by its own ``trace_percentile`` (with ``trace_levels`` =
        "common" by that of all series together, so that their levels stay) and clipped at 1. A day of
        the trace (all of it, if shorter) lasts ``period_steps`` decision steps, and the trace repeats. Cells are dealt
        to the trace's cells in turn; slices go by name or by number from 1. Where the trace does not tell cells (or
        slices) apart, each reads it from a day of its own, at most an hour off (slices: spread over the day), and
        scaled by 0.7 to 1, all seeded by rng. Gaps, duplicates, spikes and near-zero samples are reported in ``note``.

        Parameters
        ----------
        path : path-like
            The trace.
        scenario : Scenario
            Cells, slices and the settings of ``traffic``.
        rng : numpy.random.Generator
            Draws offsets and levels.

        Raises
        ------
        ScenarioError
            The file cannot be used; it names file, row and column.
        """
        traffic, shape = scenario.traffic, (scenario.n_cells, scenario.n_slices)
        trace = _read(path, scenario)
        n_traced, n_traced_slices, n_samples = trace.series.shape
        cell = np.arange(shape[0]) % n_traced
        series_of = cell[:, None] * n_traced_slices + (np.arange(shape[1]) if trace.has_slices else np.zeros(shape[1]))

        own_cell = np.arange(shape[0])[:, None] < (n_traced if trace.has_cells else 0)
        own_slice = np.full(shape[1], trace.has_slices)
        day = trace.samples_per_day
        whole_days = day * rng.integers(0, max(1, round(n_samples / day)), shape)
        jitter = day * _CELL_JITTER_DAYS * rng.uniform(-1.0, 1.0, (shape[0], 1))
        spread = day * (rng.permutation(shape[1]) + rng.random(shape[1])) / shape[1]
        scale = rng.uniform(*_SCALE_RANGE, shape)
        own = own_cell & own_slice
        return cls(
            low=traffic.low,
            high=traffic.high,
            series=trace.series.reshape(-1, n_samples),
            series_of=series_of.astype(np.intp),
            offset_samples=np.where(own, 0.0, whole_days)
            + np.where(own_cell, 0.0, jitter)
            + np.where(own_slice, 0.0, spread),
            scale=np.where(own, 1.0, scale),
            activity=scenario.activity,
            samples_per_step=day / traffic.period_steps,
            note=trace.note,
        )

    def at(self, step: int) -> Float64:
        """Return tau (N, S) at a decision step >= 0."""
        if step < 0:
            refuse("step", step, "at least 0")
        n = self.series.shape[1]
        position = (self.offset_samples + step * self.samples_per_step) % n
        before = position.astype(np.intp) % n
        fraction = position - before
        first = self.series_of * n  # sample 0 of each cell's and slice's series
        value = (1.0 - fraction) * self.series.take(first + before)
        value += fraction * self.series.take(first + (before + 1) % n)
        tau: Float64 = self.activity * (self.low + (self.high - self.low) * np.minimum(self.scale * value, 1.0))
        return tau

    def table(self, n_steps: int) -> Float64:
        """Return tau (T, N, S) of the first n_steps steps."""
        return np.stack([self.at(step) for step in range(n_steps)])


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], length: float) -> Float64:
    """Draw periodic Gaussian noise of unit variance along the last axis, correlation exp(-(lag / length)²)."""
    n = shape[-1]
    lag = np.minimum(np.arange(n), n - np.arange(n))
    # The correlation's spectrum is positive but for the wrapped tails of a short period; rounding there is cut off.
    spectrum = np.maximum(np.fft.rfft(np.exp(-((lag / length) ** 2))).real, 0.0)
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(shape)) * np.sqrt(spectrum), n)


@dataclass(frozen=True)
class _Trace:
    """Normalised series (cells, slices, G) on one even time grid, and how they came about."""

    series: Float64
    samples_per_day: float
    has_cells: bool
    has_slices: bool
    note: str

    @classmethod
    def read(cls, path: str | os.PathLike[str], slice_names: Sequence[str], traffic: Traffic) -> Self:
        table = read_table(path, _REQUIRED, _OPTIONAL)
        time_s = np.array(table.times_s("time"))
        volume = np.array(table.numbers("volume", low=0.0, blank=True))
        cells, cell_of = _labels(table)
        slices, slice_of = _slices(table, slice_names)

        moments = np.unique(time_s)
        if moments.size < 2:
            raise ScenarioError(f"{table.file} column {table.header['time']}", time_s[0], "needs at least two times")
        interval_s = float(np.median(np.diff(moments)))
        span = (moments[-1] - moments[0]) / interval_s + 1.0
        _hold_times(table, moments, interval_s, span * len(cells) * len(slices))
        samples_per_day = min(_DAY_S / interval_s, span)
        # Whole days, so that the hour of the day goes on where the trace repeats.
        n_samples = round(int(span / samples_per_day + 1e-6) * samples_per_day)
        grid_s = moments[0] + interval_s * np.arange(max(n_samples, 2))

        tally = _Tally(int((np.diff(time_s) < 0.0).sum()) if len(cells) * len(slices) == 1 else 0)
        levels: dict[tuple[int, int], _Levels] = {}
        for c, cell in enumerate(cells):
            for s, name in enumerate(slices):
                rows = np.flatnonzero((cell_of == c) & (slice_of == s))
                what = f"{table.file}" + (f" cell {cell}" if cell else "") + (f" slice {name}" if name else "")
                levels[c, s] = _Levels.of(time_s[rows], volume[rows], what, tally)
        common = traffic.trace_levels == "common"
        pooled = np.concatenate([item.level for item in levels.values()]) if common else None
        series = np.empty((len(cells), len(slices), grid_s.size))
        for place, item in levels.items():
            busy = item.busy(traffic.trace_percentile, tally, pooled)
            series[place] = _fill(item.moment_s, item.level, grid_s, samples_per_day, tally) / busy
        if tally.missing > 0.5 * series.size:
            share = f"{tally.missing / series.size:.0%} of the samples, one per {interval_s:g} s, are missing"
            warn(f"{table.file} column {table.header['time']}: {share}; dates with day and month exchanged?")
        series.setflags(write=False)
        days = grid_s.size / samples_per_day * min(1.0, samples_per_day * interval_s / _DAY_S)
        note = (
            f"{table.file}: {len(table)} samples, one per {interval_s:g} s over {days:.3g} days"
            f"{_count(cells, 'cell')}{_count(slices, 'slice')}; {tally.text(traffic.trace_percentile)}"
            + (", levels kept" if common else "")
        )
        return cls(series, samples_per_day, "cell" in table, "slice" in table, note)


def note(scenario: Scenario) -> str:
    """Read a scenario's trace, if it names one, so that a bad one is refused here; say in one line what was done."""
    return "" if scenario.traffic_trace is None else _read(scenario.traffic_trace, scenario).note


def _read(path: str | os.PathLike[str], scenario: Scenario) -> _Trace:
    names = tuple(item.name for item in scenario.slices)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return _Trace.read(path, names, scenario.traffic)  # which refuses it
    return _read_once(os.path.abspath(path), found.st_mtime_ns, found.st_size, names, scenario.traffic)


@functools.lru_cache(maxsize=2)  # a month of minutes takes seconds to read, and networks are made often
def _read_once(path: str, changed_ns: int, size: int, names: tuple[str, ...], traffic: Traffic) -> _Trace:
    return _Trace.read(path, names, traffic)


def _hold_times(table: Table, moments: Float64, interval_s: float, n_samples: float) -> None:
    """Refuse times that are not seconds, and more samples than memory and the file's rows account for."""
    where = f"{table.file} column {table.header['time']}"
    if n_samples > _MOST_SAMPLES:
        raise ScenarioError(where, described(f"{n_samples:.3g} samples"), f"must span at most {_MOST_SAMPLES}")
    if n_samples > max(_SMALL_SAMPLES, _MOST_GAPS * len(table)):
        raise ScenarioError(where, described(f"{n_samples:.3g} samples"), f"mostly gaps: the file has {len(table)}")
    if not _SHORTEST_S <= interval_s <= _DAY_S:
        mistake = "milliseconds, or dates with day and month exchanged" if interval_s > _DAY_S else "days"
        problem = f"must be from {_SHORTEST_S:g} s to a day; {mistake}, taken for seconds?"
        raise ScenarioError(where, described(f"an interval of {interval_s:.6g} s"), problem)
    if (
        interval_s == 1.0
        and moments[0] == round(moments[0])
        and _SERIALS[0] <= moments[0] <= moments[-1] <= _SERIALS[1]
    ):
        warn(f"{where}: read as seconds, from {moments[0]:g} to {moments[-1]:g}; days of a spreadsheet?")


def _count(labels: Sequence[str], noun: str) -> str:
    return "" if list(labels) == [""] else f", {len(labels)} {noun}{'s' if len(labels) > 1 else ''}"


@dataclass
class _Tally:
    """What was done to the samples of a trace."""

    unsorted: int = 0
    duplicates: int = 0
    missing: int = 0
    longest_gap: int = 0
    near_zero: int = 0
    clipped: int = 0

    def text(self, percentile: float) -> str:
        parts = [
            f"{self.missing} missing filled in (longest gap {self.longest_gap})" if self.missing else "no gaps",
            f"{self.near_zero} near-zero kept (below 1 % of the median)" if self.near_zero else "",
            f"{self.clipped} above the {percentile:g}th percentile cut to the busy level",
            f"{self.duplicates} duplicates averaged" if self.duplicates else "",
            f"{self.unsorted} out of order sorted" if self.unsorted else "",
        ]
        return ", ".join(part for part in parts if part)


def _labels(table: Table) -> tuple[list[str], Index]:
    """Return the trace's cells, in order of number or name, and each row's."""
    if "cell" not in table:
        return [""], np.zeros(len(table), dtype=np.intp)
    column = table.columns["cell"]
    for row, label in enumerate(column):
        if not label:
            raise table.error(row, "cell", "must not be empty")
    labels = sorted(set(column), key=_in_order)
    index = {label: k for k, label in enumerate(labels)}
    return labels, np.array([index[label] for label in column], dtype=np.intp)


def _in_order(label: str) -> tuple[int, int, str, str]:
    digits = label.lstrip("0")  # of any length, so not as a number
    return (0, len(digits), digits, label) if label.isdecimal() else (1, 0, "", label)


def _slices(table: Table, names: Sequence[str]) -> tuple[Sequence[str], Index]:
    """Return the scenario's slices and each row's; a trace names them or counts them from 1."""
    if "slice" not in table:
        return [""], np.zeros(len(table), dtype=np.intp)
    index = {str(s + 1): s for s in range(len(names))} | {name: s for s, name in enumerate(names)}
    column = table.columns["slice"]
    for row, label in enumerate(column):
        if label not in index:
            raise table.error(row, "slice", f"must be one of {', '.join(names)} or a number from 1 to {len(names)}")
    return names, np.array([index[label] for label in column], dtype=np.intp)


@dataclass(frozen=True)
class _Levels:
    """One series as the trace has it: the moments with a volume, in order, and their volumes."""

    moment_s: Float64
    level: Float64
    what: str

    @classmethod
    def of(cls, time_s: Float64, volume: Float64, what: str, tally: _Tally) -> Self:
        known = np.isfinite(volume)
        moment_s, at, repeats = np.unique(time_s[known], return_inverse=True, return_counts=True)
        if moment_s.size < 2:
            raise ScenarioError(what, moment_s.size, "must have at least two times with a volume")
        tally.duplicates += int((repeats - 1).sum())
        return cls(moment_s, np.bincount(at, weights=volume[known]) / repeats, what)

    def busy(self, percentile: float, tally: _Tally, pooled: Float64 | None) -> float:
        """Return what the series is divided by: a percentile of its own volumes, or of all that are pooled."""
        busy = float(np.percentile(self.level if pooled is None else pooled, percentile))
        if busy <= 0.0:
            raise ScenarioError(self.what, busy, f"the {percentile:g}th percentile of the volume must be above 0")
        tally.near_zero += int((self.level < _NEAR_ZERO_OF_MEDIAN * np.median(self.level)).sum())
        tally.clipped += int((self.level > busy).sum())
        return busy


def _fill(moments: Float64, level: Float64, grid_s: Float64, samples_per_day: float, tally: _Tally) -> Float64:
    """Interpolate onto the grid; a gap of more than a few samples takes the usual level of its hours instead."""
    interval_s = grid_s[1] - grid_s[0]
    series = np.interp(grid_s, moments, level)
    after = np.searchsorted(moments, grid_s)
    to_next = moments[np.minimum(after, moments.size - 1)] - grid_s
    to_last = grid_s - moments[np.maximum(after - 1, 0)]
    missing = np.minimum(np.abs(to_next), np.abs(to_last)) > 0.5 * interval_s
    # Lengths of the runs of missing samples, at each of their samples.
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missing, [0]])))
    gap = np.zeros(grid_s.size, dtype=np.intp)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        gap[start:end] = end - start
    tally.missing += int(missing.sum())
    tally.longest_gap = max(tally.longest_gap, int(gap.max()))
    hour = np.round(np.arange(grid_s.size) % samples_per_day).astype(np.intp)
    usual_sum = np.bincount(hour[~missing], weights=series[~missing], minlength=hour.max() + 1)
    usual_count = np.bincount(hour[~missing], minlength=hour.max() + 1)
    long = (gap > _LONGEST_LINEAR_GAP) & (usual_count[hour] > 0)
    series[long] = usual_sum[hour[long]] / usual_count[hour[long]]
    return series
