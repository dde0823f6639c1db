"""How figures look.

The colour-blind-safe palette of Okabe and Ito, a line pattern or a marker besides every colour, type that stays legible
at the width of a paper's column, and logarithmic axes with plain numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from slicefast.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Dashes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

#: For `matplotlib.rc_context`, whose stub asks for a literal type of all 330 keys.
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
GROUP_COLOURS = (BLUE, VERMILION, GREEN, PURPLE)
COLUMN_IN = 3.35  # inches, 8.5 cm: a column of a two-column paper
WIDE = 1.5  # columns of a figure with many policies


@dataclass(frozen=True)
class Line:
    """Colour and pattern of a line."""

    colour: str
    dashes: Dashes = "-"

    def named(self, label: str) -> dict[str, Any]:
        """Return what `Axes.plot` takes for a line of this look that the legend calls so."""
        return {"color": self.colour, "linestyle": self.dashes, "label": label}


#: Lines of the policies that are drawn over steps and as distributions, in the legend's order.
LINES = {
    "equal_split": Line(GREY, ":"),
    "traffic_aware": Line(BLACK, "--"),
    "max_min_rule": Line(VERMILION, "-."),
    "oracle": Line(GREEN, (0, (1, 1))),
    "drl": Line(ORANGE, (0, (4, 1.5))),
    "drl_ours": Line(ORANGE),
    "transfer_most": Line(BLUE, (0, (4, 1.5))),
    "transfer_most_ours": Line(BLUE),
    "hindsight": Line(PURPLE, (0, (4, 1.5))),
    "hindsight_on_rule": Line(PURPLE),
    "transfer_least": Line(SKY, (0, (2, 1))),
    "transfer_least_ours": Line(SKY, (0, (6, 1, 1, 1, 1, 1))),
}
INFORMED_LINE = Line(PURPLE, (0, (5, 1, 1, 1)))
#: What the drawing functions of matplotlib take for lines that mark a value or zero, clouds of points, the dots on an
#: image, and the legend of points.
VALUE_MARK: dict[str, Any] = {"color": GREY, "linewidth": 0.8}
ZERO_MARK: dict[str, Any] = {"color": BLACK, "linewidth": 0.8}
POINTS: dict[str, Any] = {"linestyle": "none", "alpha": 0.7, "markeredgewidth": 0}
DOTS: dict[str, Any] = {
    "linestyle": "none", "marker": "o", "markersize": 3.5, "color": "white", "markeredgecolor": BLACK
}  # fmt: skip
POINTS_LEGEND: dict[str, Any] = {"markerscale": 2, "handletextpad": 0.2}
#: Colours of the families, where each policy is a point; `LINES` come first.
FAMILY_COLOURS = {"transfer": BLUE, "specialists": BLUE, "informed": PURPLE, "ablation": PURPLE}


def new_figure(height_in: float, rows: int = 1, width: float = 1.0, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as so many columns and its axes from top to bottom.

    Parameters
    ----------
    height_in : float
        Its height in inches.
    rows : int
        Axes one above the other.
    width : float
        In columns of a paper.
    **options
        Of `Figure.subplots`.
    """
    figure = Figure(figsize=(width * COLUMN_IN, height_in), layout="constrained", dpi=STYLE["savefig.dpi"])
    axes = figure.subplots(rows, 1, squeeze=False, **options)
    return figure, list(axes.ravel())


def legend_above(figure: Figure, axes: Axes, columns: int = 2, **options: Any) -> None:
    """Put the legend of one axes outside of all, above them, in place of all that stand in axes."""
    for panel in figure.axes:
        if (inside := panel.get_legend()) is not None:
            inside.remove()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=columns, **options)


def logarithmic_x(axes: Axes, width: float = 1.0) -> None:
    """Make what was drawn logarithmic in x, with ticks for an axis as wide as this part of a column.

    Axes into which nothing was drawn stay as they are: they have no positive limits.

    Parameters
    ----------
    axes : Axes
        Into which everything was drawn.
    width : float
        Of a column, above 0.
    """
    low, high = axes.dataLim.intervalx
    if not 0.0 < low <= high:
        return
    axes.set_xscale("log")
    plain_ticks(axes.xaxis, *axes.get_xlim(), width)


def plain_ticks(axis: Axis, low: float, high: float, width: float = 1.0) -> None:
    """Label a logarithmic axis from ``low`` to ``high`` with numbers as one writes them, few enough not to overlap."""
    axis.set_major_locator(LogLocator(subs=_within_decade(low, high, width), numticks=20))
    axis.set_major_formatter(FuncFormatter(_written_out))
    axis.set_minor_locator(NullLocator())


_SUBDIVISIONS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0))


def _within_decade(low: float, high: float, width: float) -> tuple[float, ...]:
    """Return which multiples of a power of ten get a tick; the more decades, the fewer, but two ticks at least."""
    decades = np.log10(high / low) / width
    fewest = 2 if decades < 1.5 else 1 if decades < 2.5 else 0
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1.0)
    for multiples in _SUBDIVISIONS[fewest:]:
        ticks = np.outer(powers, multiples)
        if np.count_nonzero((ticks >= low) & (ticks <= high)) >= 2:
            return multiples
    return _SUBDIVISIONS[-1]


def _written_out(value: float, _: int) -> str:
    """Return a tick's label: from ten thousand on with k for thousand and M for million, so that it stays short."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e4 else f"{value:g}"
