"""Figures of the scheduler: both fidelities over the load range, and a measured slicing run beside its replay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from slicefast.colours import BLACK, SLICE_COLOURS
from slicefast.plot import intervals
from slicefast.study.style import STYLE
from slicefast.validation import scheduler as validity
from slicefast.validation.replay import Fit, Replay, Run, compare, name_of

Float = NDArray[np.float64]

SLICE_LOADS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9)
NETWORK_TRAFFIC = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)


def fidelity_figure(
    path: str | Path,
    loads: Sequence[float] = SLICE_LOADS,
    traffic: Sequence[float] = NETWORK_TRAFFIC,
    n_steps: int = 50,
) -> Path:
    """Draw delay and throughput of a slice and of the default network at both levels over the load; write a PNG."""
    on_a_slice = [validity.slice_at_both_levels(load) for load in loads]
    on_the_network = [validity.network_at_both_levels(scale, n_steps) for scale in traffic]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 4.8), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, 2, sharex="col")
        for column, levels in enumerate((on_a_slice, on_the_network)):
            x = [level["load"][1] for level in levels]
            for axis, name, scale in ((axes[0, column], "delay_ms", 1.0), (axes[1, column], "throughput_bps", 1e-6)):
                axis.plot(x, [scale * level[name][1] for level in levels], "o", color=BLACK, mfc="none", label="TTI")
                axis.plot(x, [scale * level[name][0] for level in levels], "-", color=SLICE_COLOURS[0], label="flow")
                axis.set_ylim(bottom=0)
        axes[0, 0].set_title("one slice, 64 users of three rates")
        axes[0, 1].set_title("default network, traffic 0.1 to 1.4 times its own")
        axes[0, 0].set_ylabel("mean packet delay [ms]")
        axes[1, 0].set_ylabel("mean user throughput [Mbit/s]")
        axes[1, 0].set_xlabel("PRB load of the slice")
        axes[1, 1].set_xlabel("mean PRB load of the cells")
        axes[0, 0].legend(title="fidelity")
        figure.savefig(path)
    return Path(path)


def slicing_run_figure(run: Run, fit: Fit, ours: Replay, path: str | Path) -> Path:
    """Draw what the reports behind the fit say: rates by the PRBs held, and the first slice's around changes; a PNG."""
    found = compare(run, fit, ours)
    rest = slice(fit.n_reports, None)
    prb = run.partition_at(run.report_s - fit.delay_s - 0.5 * fit.period_s)[rest]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 3)
        for s in range(prb.shape[1]):
            label = f"{name_of(s)}, mean error {100 * found.error[s]:.1f} %"
            axis = axes[0] if s == 0 else axes[1]
            _by_prb(axis, prb[:, s], 1e-6 * run.rate_bps[rest, s], 1e-6 * ours.rate_bps[rest, s], s, label)
        for change, line, marker in ((-1, "-", "o"), (1, "--", "s")):
            _around_changes(axes[2], run, fit, ours, change, line, marker)
        for axis in axes[:2]:
            axis.set_xlabel(f"PRBs the partition gives, of {run.prb[0].sum()}")
        axes[2].set_xlabel("time since the change [s]")
        axes[2].set_title(f"{name_of(0)}, mean around changes")
        axes[0].set_title(f"{name_of(0)}, by PRBs held")
        axes[1].set_title("the other slices, by PRBs held")
        for axis in axes:
            axis.set_ylabel("rate of the slice [Mbit/s]")
            axis.set_ylim(bottom=0, top=1.1 * axis.get_ylim()[1])
            axis.legend(loc="lower center")
        figure.suptitle(
            f"Markers: means of {found.n_reports:,} reports after the fit (bars: 10th to 90th percentile of the "
            "reports); lines: ours",
            fontsize="medium",
        )
        figure.savefig(path)
    return Path(path)


def _around_changes(axis: Axes, run: Run, fit: Fit, ours: Replay, change: int, line: str, marker: str) -> None:
    """Draw the first slice's mean rate around changes to its fewest PRBs (``change`` -1) or from them (+1)."""
    fewest = run.prb[:, 0] == run.prb[:, 0].min()
    now, before = (fewest[1:], fewest[:-1]) if change < 0 else (fewest[:-1], fewest[1:])
    at = np.flatnonzero(now & ~before) + 1
    border = np.append(run.action_s, np.inf)
    time_s = run.report_s[fit.n_reports :] - fit.delay_s - 0.5 * fit.period_s
    since, rows = [], []
    for k in at:
        near = np.flatnonzero((time_s >= border[k - 1]) & (time_s < border[k + 1]))
        since.append(np.rint(time_s[near] - border[k]))
        rows.append(near + fit.n_reports)
    lag, row = np.concatenate(since), np.concatenate(rows)
    lags = [x for x in np.arange(-3, 5) if (lag == x).sum() >= 10]
    colour = SLICE_COLOURS[3 if change < 0 else 4]
    measured = [1e-6 * run.rate_bps[row[lag == x], 0].mean() for x in lags]
    label = f"{'to' if change < 0 else 'from'} {run.prb[:, 0].min()} PRBs"
    axis.plot(lags, measured, marker, color=colour, mfc="none")
    axis.plot(lags, [1e-6 * ours.rate_bps[row[lag == x], 0].mean() for x in lags], line, color=colour, label=label)


def _by_prb(axis: Axes, prb: NDArray[np.int64], measured: Float, ours: Float, s: int, label: str) -> None:
    """Draw means per partition of at least ten reports, with the 10th and 90th percentile of the measured ones."""
    held = [p for p in np.unique(prb) if (prb == p).sum() >= 10]
    groups = [measured[prb == p] for p in held]
    low, high = (np.array([np.percentile(group, level) for group in groups]) for level in (10, 90))
    mean = np.array([group.mean() for group in groups])
    ends = np.minimum(low, mean), np.maximum(high, mean)
    intervals(held, mean, *ends, axis, color=SLICE_COLOURS[s], marker="o", mfc="none", markersize=5, lw=0.8)
    axis.plot(held, [ours[prb == p].mean() for p in held], "-", color=SLICE_COLOURS[s], label=label)
