"""The series of a traffic trace: read, put on an even time grid, gaps filled, and divided by their busy level."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from slicefast.errors import ScenarioError, described
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
_NEAR_ZERO_OF_MEDIAN = 0.01
_LONGEST_LINEAR_GAP = 3
_MOST_SAMPLES = 50_000_000  # of all series
_SMALL_SAMPLES, _MOST_GAPS = 1_000_000, 100  # samples that any file may have, and times as many as its rows
_SHORTEST_S = 1.0
_SHORT_S = 60.0  # operators count by minutes, quarters of an hour and hours
_MS_PER_S = 1000.0  # a day is no whole number of such intervals, so hardly anyone samples so
_FEWEST_TIMES = 2 / 3  # of a series' rows, that differ


@dataclass(frozen=True)
class TraceSeries:
    """Normalised series (cells, slices, G) on one even time grid, read-only, and how they came about."""

    series: Float64
    samples_per_day: float
    has_cells: bool
    has_slices: bool
    note: str

    @classmethod
    def read(cls, path: str | os.PathLike[str], slice_names: Sequence[str], traffic: Traffic) -> Self:
        """Read a trace that names these slices, by the settings of ``traffic``; see `read_series`.

        Parameters
        ----------
        path : path-like
            The trace.
        slice_names : sequence of str
            In the scenario's order.
        traffic : Traffic
            What it says of traces.
        """
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
        _say_unlikely(table, moments, interval_s, tally, tally.missing / series.size)
        series.setflags(write=False)
        days = grid_s.size / samples_per_day * min(1.0, samples_per_day * interval_s / _DAY_S)
        note = (
            f"{table.file}: {len(table)} samples, one per {interval_s:g} s over {days:.3g} days"
            f"{_count(cells, 'cell')}{_count(slices, 'slice')}; {tally.text(traffic.trace_percentile)}"
            + (", levels kept" if common else "")
        )
        return cls(series, samples_per_day, "cell" in table, "slice" in table, note)


def note(scenario: Scenario) -> str:
    """Read a scenario's trace, if it names one, so that a bad one is refused here; say in one line what was done.

    Examples
    --------
    >>> from slicefast.traffic.series import note
    >>> note(sf.Scenario.hexagonal(n_sites=1))  # no trace, nothing to say
    ''
    """
    return "" if scenario.traffic_trace is None else read_series(scenario.traffic_trace, scenario).note


def read_series(path: str | os.PathLike[str], scenario: Scenario) -> TraceSeries:
    """Return the series of a trace; a file is read again only after it has changed.

    Parameters
    ----------
    path : path-like
        The trace.
    scenario : Scenario
        Its slices, and what it says of traces.

    Raises
    ------
    ScenarioError
        The file cannot be used; it names file, row and column.

    Examples
    --------
    >>> from slicefast.traffic.series import read_series
    >>> volumes = np.column_stack([np.arange(48) * 3600, 2 + np.sin(np.arange(48) / 24 * 2 * np.pi)])
    >>> np.savetxt("volumes.csv", volumes, delimiter=",", header="time,volume", comments="")
    >>> read_series("volumes.csv", sf.Scenario.hexagonal(n_sites=1)).note[:60]
    'volumes.csv: 48 samples, one per 3600 s over 2 days; no gaps'
    """
    names = tuple(item.name for item in scenario.slices)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return TraceSeries.read(path, names, scenario.traffic)  # which refuses it
    return _read_once(os.path.abspath(path), found.st_mtime_ns, found.st_size, names, scenario.traffic)


@functools.lru_cache(maxsize=2)  # a month of minutes takes seconds to read, and networks are made often
def _read_once(path: str, changed_ns: int, size: int, names: tuple[str, ...], traffic: Traffic) -> TraceSeries:
    return TraceSeries.read(path, names, traffic)


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


def _say_unlikely(table: Table, moments: Float64, interval_s: float, tally: _Tally, missing: float) -> None:
    """Say how times were read that are more likely something else than seconds, or dates of another order."""
    where, days = f"{table.file} column {table.header['time']}", (moments[-1] - moments[0] + interval_s) / _DAY_S
    whole_ms = interval_s % _MS_PER_S == 0.0
    if table.counts("time") and (whole_ms or interval_s < _SHORT_S or days < 1.0 - 1e-6):
        read = f"from {moments[0]:.12g} to {moments[-1]:.12g}, one per {interval_s:g} s over {days:.2g} days"
        mistake = "milliseconds" if whole_ms else "hours, minutes, days of a spreadsheet, row numbers"
        warn(f"{where}: read as seconds, {read}; {mistake}?")
    if tally.duplicates > (1.0 - _FEWEST_TIMES) * len(table):
        share = f"{tally.duplicates} of {len(table)} rows have the time of another and are averaged with it"
        known = "" if "cell" in table else ", or cells without a column cell"
        warn(f"{where}: {share}; a clock of 12 hours, a day without date{known}?")
    if missing > 0.5:
        share = f"{missing:.0%} of the samples, one per {interval_s:g} s, are missing"
        warn(f"{where}: {share}; dates with day and month exchanged?")


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
