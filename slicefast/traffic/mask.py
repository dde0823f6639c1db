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

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from slicefast.errors import refuse
from slicefast.traffic.series import read_series
from slicefast.units import Float64, Index

if TYPE_CHECKING:
    from slicefast.scenario import Scenario

# A cell or slice that has no series of its own reads another's at another time and level (ours).
_CELL_JITTER_DAYS = 1.0 / 24.0
_SCALE_RANGE = (0.7, 1.0)


@dataclass(frozen=True, eq=False)
class TrafficMask:
    """The share of active users per cell and slice at every decision step; made by `generate` or `from_trace`.

    ``note`` says in one line what was done to a trace; it is empty for a generated mask.

    Examples
    --------
    >>> from slicefast.traffic.mask import TrafficMask
    >>> mask = TrafficMask.from_scenario(sf.Scenario.hexagonal(n_sites=1), np.random.default_rng(0))
    >>> mask.at(0).shape, mask.table(10).shape, bool(mask.table(10).max() <= 1.0)  # shares of users that are active
    ((3, 4), (10, 3, 4), True)
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
        trace = read_series(path, scenario)
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

    @property
    def cycle_steps(self) -> int:
        """Decision steps after which every series begins again, rounded up."""
        return max(1, math.ceil(float(self.series.shape[1]) / self.samples_per_step - 1e-9))

    def table(self, n_steps: int) -> Float64:
        """Return tau (T, N, S) of the first n_steps steps."""
        return np.stack([self.at(step) for step in range(n_steps)])


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], length: float) -> Float64:
    """Draw periodic Gaussian noise of unit variance along the last axis, correlation exp(-(lag / length)²)."""
    n = shape[-1]
    lag = np.minimum(np.arange(n), n - np.arange(n))
    # The correlation's spectrum is positive but for the wrapped tails of a short period; rounding there is cut off.
    with np.errstate(over="ignore"):  # of a length of next to nothing
        spectrum = np.maximum(np.fft.rfft(np.exp(-((lag / length) ** 2))).real, 0.0)
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(shape)) * np.sqrt(spectrum), n)
