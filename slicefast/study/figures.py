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
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from slicefast.study import ordering, results, statistics
from slicefast.study.protocol import ARMS
from slicefast.study.verdicts import over

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "savefig.dpi": 160,
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
COLUMN = 3.5  # inches, a column of a two-column paper
WIDE = 7.0


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
    figure, axes = _new(WIDE, 2.3, columns=len(cells), sharey=True)
    for axis, cell in zip(axes, cells, strict=True):
        for number, name in enumerate(dataset.slice.values):
            values = dataset.traffic_mask.isel(seed=0, cell=cell, slice=number)
            axis.plot(values, color=SLICE_COLOURS[number % len(SLICE_COLOURS)], label=str(name), linewidth=1.2)
        axis.set(title=f"cell {cell + 1}", xlabel="step", ylim=(0, 1.02))
    axes[0].set_ylabel("share of users active")
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
    window = max(1, min(100, learning // 20))
    figure, (axis,) = _new(WIDE, 3.1)
    for name, colour, dashes in names:
        if name == "oracle":
            axis.axhline(float(np.nanmean(results.final_reward(dataset, name))), color=colour, linestyle=dashes)
            axis.plot([], [], color=colour, linestyle=dashes, label=f"{results.label(name)}, evaluation steps")
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
        "DRL's random exploration ends",
        (protocol["exploration_steps"], 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        fontsize=7.5,
        color="#555555",
    )
    axis.set(xlabel="step on the target network", ylabel=f"mean reward of the cells\n({window}-step running mean)")
    axis.set_xlim(0, learning)
    axis.set_ylim(top=1.0)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _distribution(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ordered = np.sort(values[np.isfinite(values)])
    return ordered, np.arange(1, ordered.size + 1) / ordered.size


def draw_satisfaction(dataset: xr.Dataset) -> Figure | None:
    """Draw the complementary CDF of the minimum per-slice throughput satisfaction."""
    names = list(_shown(dataset))
    if not names:
        return None
    figure, (axis,) = _new(COLUMN + 1.0, 3.0)
    for name, colour, dashes in names:
        x, share = _distribution(results.worst_satisfaction(dataset, name).ravel())
        axis.plot(
            np.concatenate([[0.0], x]),
            np.concatenate([[1.0], 1.0 - share + 1.0 / x.size]),
            color=colour,
            linestyle=dashes,
            label=results.label(name),
        )
    axis.axvline(results.MET, color=GREY, linewidth=0.8)
    axis.set(
        xlabel="smallest throughput satisfaction of the slices, x",
        ylabel="share of cell-steps with at least x",
        xlim=(0.3, 1.0),
        ylim=(0.0, 1.02),
    )
    axis.legend(loc="lower left")
    return figure


def draw_delay(dataset: xr.Dataset) -> Figure | None:
    """Draw the CDF of the maximum per-slice delay."""
    names = list(_shown(dataset))
    if not names:
        return None
    figure, (axis,) = _new(COLUMN + 1.0, 3.0)
    for name, colour, dashes in names:
        x, share = _distribution(results.worst_delay_ms(dataset, name).ravel())
        axis.plot(x, share, color=colour, linestyle=dashes, label=results.label(name))
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set(
        xlabel="largest mean delay of the slices, x [ms]", ylabel="share of cell-steps with at most x", ylim=(0, 1.02)
    )
    axis.legend(loc="lower right")
    return figure


def draw_distance(dataset: xr.Dataset) -> Figure | None:
    """Draw the distance matrix and the latent space of the first seed that has them."""
    if "distance" not in dataset:
        return None
    seed = int(np.flatnonzero(np.isfinite(dataset.distance.values[:, 0, 0]))[0])
    distance = dataset.distance.isel(seed=seed)
    figure, (left, right) = _new(WIDE, 3.7, columns=2)
    cells = np.arange(distance.shape[0])
    image = left.imshow(distance.values, cmap="cividis_r", aspect="equal", norm="log")
    left.grid(visible=False)
    ticks = cells[:: max(1, cells.size // 12)]
    left.set_xticks(ticks, [str(cell + 1) for cell in ticks])
    left.set_yticks(ticks, [str(cell + 1) for cell in ticks])
    left.set(xlabel="target cell", ylabel="source cell")
    most = np.where(np.eye(cells.size, dtype=bool), np.inf, distance.values).argmin(axis=0)
    left.plot(cells, most, linestyle="none", marker="o", markersize=4, color="white", markeredgecolor=BLACK)
    left.set_title("distance (dot: the most similar other cell)")
    figure.colorbar(image, ax=left, label="mean KL divergence [nat]", shrink=0.9)
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
                label=f"{name} cells, requirement group {group + 1}",
            )
    right.set_xlabel(f"main latent direction ({100 * explained[0]:.0f} % of variance)")
    right.set_ylabel(f"second latent direction ({100 * explained[1]:.0f} %)")
    right.set_title("default-action samples, latent space")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", markerscale=2, ncols=2, fontsize=7)
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
    figure, axes = _new(WIDE, 2.8, columns=2, sharex=True)
    steps = results.protocol_of(dataset)
    titles = (f"first {steps['early_steps']} steps", f"last {steps['evaluation_steps']} steps")
    for axis, gain, title in zip(axes, (early, final), titles, strict=True):
        for index, name in enumerate(("transfer_most", "transfer_least")):
            _points(axis, distance[index], gain[index], LINES[name][0], ("o", "^")[index], results.label(name))
        correlation = statistics.rank_correlation_over_seeds(np.moveaxis(distance, 1, 0), np.moveaxis(gain, 1, 0))
        axis.axhline(0.0, color=BLACK, linewidth=0.8)
        axis.set_xscale("log")
        axis.set(title=f"{title}: rank corr. {correlation.value:+.2f}", xlabel="distance to the source [nat]")
    axes[0].set_ylabel("gain in reward over DRL [%]")
    axes[0].legend(loc="best")
    return figure


def _points(axis: Axes, x: NDArray[Any], y: NDArray[Any], colour: str, marker: str, name: str, size: float = 4) -> None:
    style = {"linestyle": "none", "marker": marker, "markersize": size, "alpha": 0.7, "markeredgewidth": 0}
    axis.plot(x.ravel(), y.ravel(), color=colour, label=name, **style)  # type: ignore[arg-type]


def _draw_pair_gain(dataset: xr.Dataset, gains: NDArray[np.float64]) -> Figure:
    """Draw all ordered pairs at the first and the last gain step, and the rank correlation at every gain step."""
    figure, axes = _new(WIDE, 2.8, columns=3, width_ratios=(1, 1, 0.9))
    steps, groups = dataset.gain_step.values, dataset.requirement_group.values
    alike = np.broadcast_to(groups[:, None] == groups[None], dataset.distance.shape)
    for axis, index in zip(axes, (0, len(steps) - 1), strict=False):
        for same, colour, marker, name in ((True, BLUE, "o", "same"), (False, VERMILION, "^", "other")):
            x = np.where(alike == same, dataset.distance.values, np.nan)
            _points(axis, x, gains[:, index], colour, marker, f"{name} requirements", 2.2)
        axis.axhline(0.0, color=BLACK, linewidth=0.8)
        axis.set_xscale("log")
        axis.set(title=f"step {steps[index]}", xlabel="distance to the source [nat]")
    axes[0].set_ylabel("gain in reward over DRL [%]")
    axes[0].legend(loc="best", markerscale=2)
    found = ordering.pair_correlations(dataset)
    assert found is not None
    for estimates, colour, marker, name in zip(
        found, (GREY, BLUE), ("s", "o"), ("all pairs", "within targets"), strict=True
    ):
        value, low, high = (np.array([getattr(item, key) for item in estimates]) for key in ("value", "low", "high"))
        error = np.nan_to_num(np.stack([value - low, high - value]))
        axes[2].errorbar(steps, value, error, color=colour, marker=marker, markersize=4, capsize=2, label=name)
    axes[2].axhline(0.0, color=BLACK, linewidth=0.8)
    axes[2].set_xscale("log")
    axes[2].set_xticks(steps, [str(step) for step in steps], rotation=45)
    axes[2].xaxis.set_minor_locator(NullLocator())
    axes[2].set(title="rank correlation", xlabel="step", ylabel="Spearman's rho")
    axes[2].legend(loc="best")
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
    """Draw every policy's mean reward over the evaluation steps with its interval."""
    names = [str(name) for name in dataset.policy.values if results.has(dataset, str(name))]
    if len(names) < 2:
        return None
    estimates = [over(dataset, results.final_reward(dataset, name)) for name in names]
    order = np.argsort([estimate.value for estimate in estimates])
    figure, (axis,) = _new(WIDE, 0.9 + 0.23 * len(names))
    for row, index in enumerate(order):
        name, estimate = names[index], estimates[index]
        colour = LINES.get(name, (VERMILION, ""))[0]
        error = np.nan_to_num([[estimate.value - estimate.low], [estimate.high - estimate.value]])
        axis.errorbar(estimate.value, row, xerr=error, color=colour, marker="o", markersize=5, capsize=3)
    axis.set_yticks(range(len(names)), [results.label(names[index]) for index in order])
    axis.set(xlabel="mean reward over the evaluation steps, with its 95 % interval", ylim=(-0.6, len(names) - 0.4))
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
        "Left: mean divergence between the default-action samples of source and target cells. Right: the same samples "
        "in the autoencoder's latent space, projected on its two main directions. One seed.",
        draw_distance,
    ),
    Drawing(
        "gain",
        "Gain against distance",
        "Reward gained over DRL from scratch at the same steps, one point per target cell and seed, against the "
        "distance to the source it was given; where all ordered pairs were run, one per pair and seed, and on the "
        "right how gain and distance rank together (below zero: the nearer source helps more).",
        draw_gain,
    ),
    Drawing(
        "final",
        "Where every policy ends",
        "Interquartile mean reward over the evaluation steps with its 95 % stratified bootstrap interval.",
        draw_final,
    ),
)
