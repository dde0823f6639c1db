"""The figures of a study, drawn from its result file and nothing else.

Each takes its data out of a comparison, lays out axes, and draws into them with the functions of `slicefast.plot`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from slicefast import files, plot
from slicefast.colours import VERMILION
from slicefast.rewards import MET
from slicefast.study import document, learning_figure, similarity_figures
from slicefast.study.comparison import Comparison
from slicefast.study.evidence import FEWEST_SEEDS
from slicefast.study.intervals import ENOUGH_SEEDS, SIGNED, parts_of
from slicefast.study.style import (
    FAMILY_COLOURS,
    INFORMED_LINE,
    LINES,
    STYLE,
    VALUE_MARK,
    WIDE,
    Line,
    legend_above,
    logarithmic_x,
    new_figure,
)

__all__ = ["DRAWINGS", "Drawing", "write_all"]

#: What captions call middle and interval: of enough seeds, and of fewer.
_WORDS = (
    {"middle": "interquartile mean", "bootstrap": "bootstrap", "stratified": "stratified bootstrap"},
    {"middle": "mean", "bootstrap": "Student's t", "stratified": "Student's t"},
)
_BAND = "the band its 95 % {bootstrap} interval"
_NO_BAND = f"without its interval, which of fewer than {FEWEST_SEEDS} seeds would cover all lines"
_LEAST_GAP = 1e-4  # of reward: the axis is logarithmic, and begins here


@dataclass(frozen=True)
class Drawing:
    """A figure as it goes into the report.

    Attributes
    ----------
    name : str
        Of its file, without the ending.
    title, caption : str
        Words above and below; `_WORDS` stand for those between braces.
    draw : callable
        Returns the figure of a comparison, or None where the result file lacks its data.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Comparison], Figure | None]


def write_all(results: Comparison | xr.Dataset, folder: Path) -> list[document.Figure]:
    """Write every figure the result file has data for as PNG and return what was written.

    Parameters
    ----------
    results : Comparison or xarray.Dataset
        A result file, or what was compared in it.
    folder : Path
        Where to; it is made.
    """
    comparison = Comparison(results) if isinstance(results, xr.Dataset) else results
    folder.mkdir(parents=True, exist_ok=True)
    seeds = comparison.dataset.sizes["seed"]
    words = _WORDS[seeds < ENOUGH_SEEDS]
    words = {**words, "band": (_NO_BAND if seeds < FEWEST_SEEDS else _BAND).format(**words)}
    written = []
    for drawing in DRAWINGS:
        with mpl.rc_context(STYLE), warnings.catch_warnings():  # what others add when they are imported goes again
            figure = drawing.draw(comparison)
            if figure is None:
                continue
            path, stream = folder / f"{drawing.name}.png", io.BytesIO()
            FigureCanvasAgg(figure)
            figure.savefig(stream, format="png", metadata={"Software": None})
        files.write_bytes(path, stream.getvalue())
        caption = drawing.caption.format(**words)
        written.append(document.Figure(drawing.title, caption, path, f"{folder.name}/{path.name}"))
    return written


def _shown(comparison: Comparison) -> list[tuple[str, Line]]:
    """Return the policies that get a line, in the legend's order."""
    shown = [(policy, line) for policy, line in LINES.items() if comparison.has(policy)]
    return shown + [(policy, INFORMED_LINE) for policy in comparison.of_family("informed")[:1]]


def masks(comparison: Comparison) -> Figure | None:
    """Draw the traffic masks of one cell per requirement group, two at most."""
    data = comparison.dataset
    if "traffic_mask" not in data:
        return None
    groups = comparison.groups
    cells = [int(np.flatnonzero(groups == group)[0]) for group in np.unique(groups[groups >= 0])][:2]
    if len(cells) == 1 and groups.size > 1:
        cells.append(groups.size - 1)
    figure, panels = new_figure(0.6 + 1.25 * len(cells), rows=len(cells), sharex=True, sharey=True)
    shares = data[["traffic_mask"]].isel(seed=0).rename(mask_step="step")
    for axes, cell in zip(panels, cells, strict=True):
        plot.series(shares.isel(cell=[cell]), "traffic_mask", axes)
        axes.set(title=f"cell {cell + 1}", xlabel="", ylabel="active users / users", ylim=(0, 1.02))
    panels[-1].set_xlabel("step")
    legend_above(figure, panels[0], columns=min(data.sizes["slice"], 4))
    return figure


def satisfaction(comparison: Comparison) -> Figure | None:
    """Draw how often the smallest throughput satisfaction of the slices is at least x."""
    shown = _shown(comparison)
    if not shown:
        return None
    figure, (axes,) = new_figure(3.0, width=WIDE)
    lowest = 1.0
    for policy, line in shown:
        values = comparison.scores(policy).step_satisfaction.ravel()
        plot.ccdf(values, axes, **line.named(comparison.label(policy)))
        lowest = min(lowest, float(np.mean(values[np.isfinite(values)] >= MET)))
    axes.axvline(MET, **VALUE_MARK)
    axes.set(
        xlabel="smallest throughput satisfaction of the slices, x",
        ylabel="share of cell-steps with at least x",
        xlim=(0.5, 0.999),
        ylim=(max(0.0, np.floor(10.0 * lowest - 0.5) / 10.0), 1.005),
    )
    legend_above(figure, axes)
    return figure


def delay(comparison: Comparison) -> Figure | None:
    """Draw how often the largest delay of the slices is at most x."""
    shown = _shown(comparison)
    if not shown:
        return None
    figure, (axes,) = new_figure(3.0, width=WIDE)
    for policy, line in shown:
        plot.cdf(comparison.scores(policy).step_delay_ms, axes, **line.named(comparison.label(policy)))
    logarithmic_x(axes)
    axes.set(
        xlabel="largest mean delay of the slices, x [ms]", ylabel="share of cell-steps with at most x", ylim=(0, 1.02)
    )
    legend_above(figure, axes)
    return figure


def final(comparison: Comparison) -> Figure | None:
    """Draw what every policy's mean reward over the evaluation steps lacks to the oracle's, with its interval."""
    names = [policy for policy in comparison.policies if policy != "oracle"]
    if not comparison.has("oracle") or not names:
        return None
    gaps = {policy: comparison.estimate(comparison.oracle_gap(policy), SIGNED) for policy in names}
    names.sort(key=lambda policy: -gaps[policy].value)
    figure, (axes,) = new_figure(0.6 + 0.16 * len(names), width=WIDE)
    for row, policy in enumerate(names):
        value, low, high = np.maximum(parts_of([gaps[policy]]), _LEAST_GAP)
        plot.intervals([row], value, low, high, axes, horizontal=True, marker="o", color=_colour(comparison, policy))
    axes.set_yticks(range(len(names)), [comparison.label(policy) for policy in names])
    logarithmic_x(axes, width=0.5)
    axes.invert_xaxis()
    axes.set(xlabel="mean reward below the oracle's", ylim=(-0.6, len(names) - 0.4))
    axes.tick_params(axis="y", labelsize=6.5)
    return figure


def _colour(comparison: Comparison, policy: str) -> str:
    by_family: Mapping[str, str] = FAMILY_COLOURS
    own = LINES[policy].colour if policy in LINES else VERMILION
    return by_family.get(comparison.family(policy), own)


DRAWINGS = (
    Drawing(
        "learning",
        "Who pays what",
        "Above: mean reward of the cells on the target network from the first step on, exploration noise included, on "
        "an axis that stretches what is missing to full reward: {middle} over seeds, {band}. Below: "
        "regret, the steps' worth of reward that is lost to the clairvoyant oracle until nothing learns any more.",
        learning_figure.learning,
    ),
    Drawing(
        "traffic_masks",
        "Traffic masks",
        "Share of each slice's users that is active over the first steps of the target network, one cell of each "
        "requirement group.",
        masks,
    ),
    Drawing(
        "satisfaction",
        "Throughput satisfaction",
        "Complementary distribution of the smallest per-slice throughput satisfaction over all cells and "
        f"evaluation steps; the line marks {MET}.",
        satisfaction,
    ),
    Drawing(
        "delay",
        "Delay",
        "Distribution of the largest per-slice mean delay over all cells and evaluation steps.",
        delay,
    ),
    Drawing(
        "distance",
        "Distance of the cells",
        "Mean divergence between the default-action samples of source and target cells, one seed.",
        similarity_figures.distance,
    ),
    Drawing(
        "latent",
        "Latent space",
        "The default-action samples in the autoencoder's latent space, projected on its two main directions, one seed.",
        similarity_figures.latent,
    ),
    Drawing(
        "gain",
        "Gain against distance",
        "Reward gained over DRL from scratch at the same steps, one point per target cell and seed, against the "
        "distance to the source it was given; where all ordered pairs were run, one per pair and seed, and below "
        "how gain and distance rank together (below zero: the nearer source helps more).",
        similarity_figures.gain,
    ),
    Drawing(
        "ordering",
        "Distances tried",
        "Rank correlation of gain and distance among the sources of a target, mean over targets, with its 95 % "
        "{bootstrap} interval over seeds; left of zero the nearer source helps more. The first is the paper's "
        "distance.",
        similarity_figures.ordering,
    ),
    Drawing(
        "final",
        "Where every policy ends",
        "How far the mean reward over the evaluation steps stays below the clairvoyant oracle's on the same network: "
        "{middle} with its 95 % {stratified} interval, on a logarithmic axis, better to the right.",
        final,
    ),
)
