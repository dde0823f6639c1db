"""Colours that colour-blind readers tell apart, and a line pattern beside each: of every figure, the study's too."""

from __future__ import annotations

Dashes = str | tuple[float, tuple[float, ...]]
#: Okabe and Ito's palette, and a grey.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#8C8C8C",
)
#: Of slices, and of curves one after the other.
SLICE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, BLACK, GREY)
SLICE_DASHES: tuple[Dashes, ...] = ("-", (0, (4, 1)), (0, (1, 0.8)), (0, (5, 1, 1, 1)))
