"""The figures of a study, drawn from its result file and nothing else.

One style for all: the colour-blind-safe palette of Okabe and Ito, a line pattern besides every colour, type that stays
legible at the width of a paper's column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from slicefast.study import dataset as results
from slicefast.study import ordering
from slicefast.study import scores as statistics
from slicefast.study.claims import over
from slicefast.study.protocol import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE: Any = {
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "legend.fontsize": 7,
    "legend.handlelength": 2.2,
    "legend.columnspacing": 1.2,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "savefig.dpi": 300,
}
# Okabe and Ito's palette: distinguishable with every common colour-vision deficiency.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#8C8C8C",
)
SLICE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, BLACK, GREY)
LINES: dict[str, tuple[str, Any]] = {
    "equal_split": (GREY, ":"),
    "traffic_aware": (BLACK, "--"),
    "oracle": (GREEN, (0, (1, 1))),
    "drl": (ORANGE, "-"),
    "transfer_most": (BLUE, "-"),
    "transfer_least": (SKY, (0, (4, 1.5))),
    "best": (PURPLE, (0, (5, 1, 1, 1))),
}
MAIN = tuple(LINES)
SLICE_DASHES: tuple[Any, ...] = ("-", (0, (4, 1)), (0, (1, 0.8)), (0, (5, 1, 1, 1)))
LEAST_GAP = 1e-4  # of reward, on a logarithmic axis
COLUMN = 3.35  # inches, 8.5 cm: a column of a two-column paper


@dataclass(frozen=True)
class Drawing:
    """A figure as it goes into the report."""

    name: str
    title: str
    caption: str
    draw: Callable[[xr.Dataset], Figure | None]


def write_all(dataset: xr.Dataset, folder: Path) -> list[tuple[Drawing, Path]]:
    """Write every figure the result file has data for as PNG and return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for drawing in DRAWINGS:
        with mpl.rc_context(STYLE):
            figure = drawing.draw(dataset)
            if figure is None:
                continue
            path = folder / f"{drawing.name}.png"
            partial = path.with_suffix(".partial.png")
            FigureCanvasAgg(figure)
            figure.savefig(partial, format="png", metadata={"Software": None})
            partial.replace(path)
            written.append((drawing, path))
    return written


def _new(width: float, height: float, columns: int = 1, rows: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained", dpi=STYLE["savefig.dpi"])
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.ravel())


def _shown(dataset: xr.Dataset) -> Iterator[tuple[str, str, Any]]:
    for name in MAIN:
        if results.has(dataset, name):
            colour, dashes = LINES[name]
            yield name, colour, dashes


def draw_masks(dataset: xr.Dataset) -> Figure | None:
    """Draw the traffic masks of one cell per requirement group."""
    if "traffic_mask" not in dataset:
        return None
    groups = dataset.requirement_group.values
    cells = [int(np.flatnonzero(groups == group)[0]) for group in np.unique(groups)][:2]
    if len(cells) == 1 and groups.size > 1:
        cells.append(groups.size - 1)
    figure, axes = _new(COLUMN, 0.6 + 1.25 * len(cells), rows=len(cells), sharex=True, sharey=True)
    for axis, cell in zip(axes, cells, strict=True):
        for number, name in enumerate(dataset.slice.values):
            values = dataset.traffic_mask.isel(seed=0, cell=cell, slice=number)
            colour = SLICE_COLOURS[number % len(SLICE_COLOURS)]
            axis.plot(values, color=colour, linestyle=SLICE_DASHES[number % len(SLICE_DASHES)], label=str(name))
        axis.set(title=f"cell {cell + 1}", ylabel="active users / users", ylim=(0, 1.02))
    axes[-1].set_xlabel("step")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(dataset.slice))
    return figure


def smooth(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the running mean along the last axis over full windows only."""
    total = np.cumsum(np.concatenate([np.zeros((*values.shape[:-1], 1)), values], axis=-1), axis=-1)
    return np.asarray((total[..., window:] - total[..., :-window]) / window)


def draw_learning(dataset: xr.Dataset) -> Figure | None:
    """Draw the reward of every arm over the steps on the target network."""
    names = list(_shown(dataset))
    if not names:
        return None
    protocol = results.protocol_of(dataset)
    learning = protocol["exploration_steps"] + protocol["train_steps"]
    window = max(1, min(200, learning // 20))
    figure, (axis,) = _new(COLUMN, 3.0)
    for name, colour, dashes in names:
        if name == "oracle":
            axis.axhline(float(np.nanmean(results.final_reward(dataset, name))), color=colour, linestyle=dashes)
            axis.plot([], [], color=colour, linestyle=dashes, label=results.label(name))
            continue
        until = protocol["transfer_steps"] if ARMS[name].short else learning
        per_seed = results.rewards(dataset, name).mean(axis=2)
        curves = smooth(per_seed[np.isfinite(per_seed[:, -1])][:, :until], window)
        steps = np.arange(curves.shape[1]) + window
        every = slice(0, None, max(1, window // 4))
        middle, low, high = statistics.band(curves[:, every])
        axis.plot(steps[every], middle, color=colour, linestyle=dashes, label=results.label(name))
        axis.fill_between(steps[every], low, high, color=colour, alpha=0.18, linewidth=0)
    axis.axvline(protocol["exploration_steps"], color=GREY, linewidth=0.8)
    axis.annotate(
        "exploration of DRL ends",
        (protocol["exploration_steps"], 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        fontsize=7,
        color="#555555",
    )
    axis.set(xlabel="step on the target network", ylabel=f"mean reward ({window}-step running mean)")
    axis.set_xlim(0, learning)
    axis.set_ylim(top=1.01)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _within_decade(low: float, high: float, width: float = 1.0) -> tuple[float, ...]:
    """Return which multiples of a power of ten get a tick, `width` in columns; more decades, fewer: labels overlap."""
    decades = np.log10(high / low) / width
    return (1.0, 2.0, 5.0) if decades < 1.5 else (1.0, 3.0) if decades < 2.5 else (1.0,)


def _log_axis(axis: Axes, width: float = 1.0) -> None:
    """Make what was plotted logarithmic in x, with ticks for an axis as wide as this part of a column."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=_within_decade(*axis.get_xlim(), width)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())


def _distribution(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ordered = np.sort(values[np.isfinite(values)])
    return ordered, np.arange(1, ordered.size + 1) / ordered.size


def draw_satisfaction(dataset: xr.Dataset) -> Figure | None:
    """Draw the complementary CDF of the minimum per-slice throughput satisfaction."""
    names = list(_shown(dataset))
    if not names:
        return None
    figure, (axis,) = _new(COLUMN, 3.0)
    lowest = 1.0
    for name, colour, dashes in names:
        x, share = _distribution(results.worst_satisfaction(dataset, name).ravel())
        axis.plot(
            np.concatenate([[0.0], x]),
            np.concatenate([[1.0], 1.0 - share + 1.0 / x.size]),
            color=colour,
            linestyle=dashes,
            label=results.label(name),
        )
        lowest = min(lowest, float(np.mean(x >= results.MET)))
    axis.axvline(results.MET, color=GREY, linewidth=0.8)
    axis.set(
        xlabel="smallest throughput satisfaction of the slices, x",
        ylabel="share of cell-steps with at least x",
        xlim=(0.5, 0.999),
        ylim=(max(0.0, np.floor(10.0 * lowest - 0.5) / 10.0), 1.005),
    )
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_delay(dataset: xr.Dataset) -> Figure | None:
    """Draw the CDF of the maximum per-slice delay."""
    names = list(_shown(dataset))
    if not names:
        return None
    figure, (axis,) = _new(COLUMN, 3.0)
    for name, colour, dashes in names:
        x, share = _distribution(results.worst_delay_ms(dataset, name).ravel())
        axis.plot(x, share, color=colour, linestyle=dashes, label=results.label(name))
    _log_axis(axis)
    axis.set(
        xlabel="largest mean delay of the slices, x [ms]", ylabel="share of cell-steps with at most x", ylim=(0, 1.02)
    )
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def draw_distance(dataset: xr.Dataset) -> Figure | None:
    """Draw the distance matrix and the latent space of the first seed that has them."""
    if "distance" not in dataset:
        return None
    seed = int(np.flatnonzero(np.isfinite(dataset.distance.values[:, 0, 0]))[0])
    distance = dataset.distance.isel(seed=seed)
    figure, (left, right) = _new(COLUMN, 5.9, rows=2, height_ratios=(1.0, 0.85))
    cells = np.arange(distance.shape[0])
    image = left.imshow(distance.values, cmap="cividis_r", aspect="equal", norm="log")
    left.grid(visible=False)
    ticks = cells[:: max(1, cells.size // 12)]
    left.set_xticks(ticks, [str(cell + 1) for cell in ticks])
    left.set_yticks(ticks, [str(cell + 1) for cell in ticks])
    left.set(xlabel="target cell", ylabel="source cell")
    most = np.where(np.eye(cells.size, dtype=bool), np.inf, distance.values).argmin(axis=0)
    left.plot(cells, most, linestyle="none", marker="o", markersize=3.5, color="white", markeredgecolor=BLACK)
    left.set_title("dot: the most similar other cell")
    bar = figure.colorbar(image, ax=left, label="mean KL divergence [nat]", shrink=0.9)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=_within_decade(*bar.ax.get_ylim())))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    latent = np.asarray(dataset.latent_mean.isel(seed=seed), dtype=np.float64)
    flat = latent.reshape(-1, latent.shape[-1])
    centred = flat - flat.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    shown = (centred @ axes[:2].T).reshape(*latent.shape[:2], 2)
    explained = spread[:2] ** 2 / np.sum(spread**2)
    groups = dataset.requirement_group.values
    for network, marker, name in ((0, "o", "source"), (1, "^", "target")):
        for group in np.unique(groups):
            members = np.flatnonzero(groups == group) + network * cells.size
            points = shown[members].reshape(-1, 2)
            right.plot(
                *points.T,
                linestyle="none",
                marker=marker,
                markersize=2.5,
                alpha=0.55,
                markeredgewidth=0,
                color=(BLUE, VERMILION, GREEN, PURPLE)[group % 4],
                label=f"{name} cells, group {group + 1}",
            )
    right.set_xlabel(f"main direction ({100 * explained[0]:.0f} % of variance)")
    right.set_ylabel(f"second direction ({100 * explained[1]:.0f} %)")
    right.set_title("default-action samples in the latent space")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", markerscale=2, ncols=2)
    return figure


def draw_gain(dataset: xr.Dataset) -> Figure | None:
    """Draw the gain of each transfer over DRL at the same steps against its distance, and how it is ranked."""
    gains = results.pair_gains_percent(dataset)
    if gains is not None and "distance" in dataset:
        return _draw_pair_gain(dataset, gains)
    found = gains_against_distance(dataset)
    if found is None:
        return None
    distance, early, final = found
    figure, axes = _new(COLUMN, 4.2, rows=2, sharex=True)
    steps = results.protocol_of(dataset)
    titles = (f"first {steps['early_steps']} steps", f"last {steps['evaluation_steps']} steps")
    for axis, gain, title in zip(axes, (early, final), titles, strict=True):
        for index, name in enumerate(("transfer_most", "transfer_least")):
            _points(axis, distance[index], gain[index], LINES[name][0], ("o", "^")[index], results.label(name))
        correlation = statistics.rank_correlation_over_seeds(np.moveaxis(distance, 1, 0), np.moveaxis(gain, 1, 0))
        axis.axhline(0.0, color=BLACK, linewidth=0.8)
        _log_axis(axis)
        axis.set(title=f"{title}: rank correlation {correlation.value:+.2f}", ylabel="gain over DRL [%]")
    axes[1].set_xlabel("distance to the source [nat]")
    axes[0].legend(loc="best")
    return figure


def _points(axis: Axes, x: NDArray[Any], y: NDArray[Any], colour: str, marker: str, name: str, size: float = 4) -> None:
    style: dict[str, Any] = {
        "linestyle": "none",
        "marker": marker,
        "markersize": size,
        "alpha": 0.7,
        "markeredgewidth": 0,
    }
    axis.plot(x.ravel(), y.ravel(), color=colour, label=name, **style)


def _draw_pair_gain(dataset: xr.Dataset, gains: NDArray[np.float64]) -> Figure:
    """Draw all ordered pairs at the first and the last gain step, and the rank correlation at every gain step."""
    figure, axes = _new(COLUMN, 5.2, rows=3, height_ratios=(1, 1, 1.1))
    steps, groups = dataset.gain_step.values, dataset.requirement_group.values
    alike = np.broadcast_to(groups[:, None] == groups[None], dataset.distance.shape)
    for axis, index in zip(axes, (0, len(steps) - 1), strict=False):
        for same, colour, marker, name in ((True, BLUE, "o", "same"), (False, VERMILION, "^", "other")):
            x = np.where(alike == same, dataset.distance.values, np.nan)
            _points(axis, x, gains[:, index], colour, marker, f"{name} requirements", 2.0)
        axis.axhline(0.0, color=BLACK, linewidth=0.8)
        _log_axis(axis)
        axis.set(title=f"step {steps[index]}", ylabel="gain over DRL [%]")
    axes[1].set_xlabel("mean KL divergence, source to target [nat]")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", markerscale=2, ncols=2)
    found = ordering.pair_correlations(dataset)
    assert found is not None
    for estimates, colour, marker, name in zip(
        found, (GREY, BLUE), ("s", "o"), ("all pairs", "within targets"), strict=True
    ):
        value, low, high = (np.array([getattr(item, key) for item in estimates]) for key in ("value", "low", "high"))
        error = np.nan_to_num(np.stack([value - low, high - value]))
        axes[2].errorbar(steps, value, error, color=colour, marker=marker, markersize=3.5, capsize=2, label=name)
    axes[2].axhline(0.0, color=BLACK, linewidth=0.8)
    axes[2].set_xscale("log")
    axes[2].set_xticks(steps, [str(step) for step in steps])
    axes[2].xaxis.set_minor_locator(NullLocator())
    axes[2].set(xlabel="step", ylabel="rank correlation")
    axes[2].legend(loc="best", ncols=2)
    return figure


def draw_ordering(dataset: xr.Dataset) -> Figure | None:
    """Draw the rank correlation of gain and every distance within targets, at the first and the last gain step."""
    found = ordering.orderings(dataset)
    if not found:
        return None
    figure, (axis,) = _new(COLUMN, 0.9 + 0.26 * len(found))
    steps, rows = dataset.gain_step.values, np.arange(len(found))[::-1]
    for index, colour, marker, shift in ((0, BLUE, "o", 0.15), (-1, VERMILION, "^", -0.15)):
        estimates = [item.within[index] for item in found]
        value, low, high = (np.array([getattr(item, key) for item in estimates]) for key in ("value", "low", "high"))
        error = np.nan_to_num(np.stack([value - low, high - value]))
        style: dict[str, Any] = {"linestyle": "none", "marker": marker, "markersize": 3.5, "capsize": 2}
        axis.errorbar(value, rows + shift, xerr=error, color=colour, label=f"step {steps[index]}", **style)
    axis.axvline(0.0, color=BLACK, linewidth=0.8)
    axis.set_yticks(rows, [item.short for item in found])
    axis.set_xlabel("rank correlation within targets")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def gains_against_distance(dataset: xr.Dataset) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None:
    """Return the distance, the early and the final gain [%] of the two transfers, (2, K, N) each."""
    names = ("transfer_most", "transfer_least")
    if "distance" not in dataset or not all(results.has(dataset, name) for name in (*names, "drl")):
        return None
    distance, early, final = [], [], []
    for name in names:
        source = dataset.source_cell.sel(policy=name).values - 1
        seeds, targets = np.indices(source.shape)
        distance.append(np.where(source >= 0, dataset.distance.values[seeds, source, targets], np.nan))
        found = results.scores(dataset, name)
        early.append(found["early_gain_percent"])
        final.append(found["final_gain_percent"])
    return np.stack(distance), np.stack(early), np.stack(final)


def draw_final(dataset: xr.Dataset) -> Figure | None:
    """Draw what every policy's mean reward over the evaluation steps lacks to the oracle's, with its interval."""
    present = [str(name) for name in dataset.policy.values if results.has(dataset, str(name))]
    names = [name for name in present if name != "oracle"]
    if "oracle" not in present or not names:
        return None
    estimates = [over(dataset, results.scores(dataset, name)["oracle_gap"]) for name in names]
    order = np.argsort([-estimate.value for estimate in estimates])
    figure, (axis,) = _new(COLUMN, 0.6 + 0.16 * len(names))
    families = {"transfer": BLUE, "specialist": BLUE, "best": PURPLE}
    for row, index in enumerate(order):
        name, estimate = names[index], estimates[index]
        colour = families.get(ARMS[name].kind, LINES.get(name, (VERMILION, ""))[0])
        value, low, high = (max(x, LEAST_GAP) for x in (estimate.value, estimate.low, estimate.high))
        error = np.nan_to_num([[value - low], [high - value]])
        axis.errorbar(value, row, xerr=error, color=colour, marker="o", markersize=3, capsize=2)
    axis.set_yticks(range(len(names)), [results.label(names[index]) for index in order])
    _log_axis(axis, width=0.5)
    axis.invert_xaxis()
    axis.set(xlabel="reward below oracle", ylim=(-0.6, len(names) - 0.4))
    axis.tick_params(axis="y", labelsize=6.5)
    return figure


DRAWINGS = (
    Drawing(
        "traffic_masks",
        "Traffic masks",
        "Share of each slice's users that is active over the first steps of the target network, one cell of each "
        "requirement group.",
        draw_masks,
    ),
    Drawing(
        "learning",
        "Reward over training",
        "Mean reward of the cells, exploration noise included: interquartile mean over seeds, the band its 95 % "
        "bootstrap interval. DRL starts with random partitions, transfer does not.",
        draw_learning,
    ),
    Drawing(
        "satisfaction",
        "Throughput satisfaction",
        "Complementary distribution of the smallest per-slice throughput satisfaction over all cells and "
        "evaluation steps; the line marks 0.95.",
        draw_satisfaction,
    ),
    Drawing(
        "delay",
        "Delay",
        "Distribution of the largest per-slice mean delay over all cells and evaluation steps.",
        draw_delay,
    ),
    Drawing(
        "distance",
        "Distance and latent space",
        "Above: mean divergence between the default-action samples of source and target cells. Below: the same samples "
        "in the autoencoder's latent space, projected on its two main directions. One seed.",
        draw_distance,
    ),
    Drawing(
        "gain",
        "Gain against distance",
        "Reward gained over DRL from scratch at the same steps, one point per target cell and seed, against the "
        "distance to the source it was given; where all ordered pairs were run, one per pair and seed, and below "
        "how gain and distance rank together (below zero: the nearer source helps more).",
        draw_gain,
    ),
    Drawing(
        "ordering",
        "Distances tried",
        "Rank correlation of gain and distance among the sources of a target, mean over targets, with its 95 % "
        "bootstrap interval over seeds; left of zero the nearer source helps more. The first is the paper's distance.",
        draw_ordering,
    ),
    Drawing(
        "final",
        "Where every policy ends",
        "How far the mean reward over the evaluation steps stays below the clairvoyant oracle's on the same network: "
        "interquartile mean with its 95 % stratified bootstrap interval, on a logarithmic axis, better to the right.",
        draw_final,
    ),
)
