"""Figures of networks and runs: each function takes the axes to draw on, or makes some, and returns them.

Labels carry units; colours are blind-safe. Nothing here opens a window or touches pyplot's state unless it must make
the axes itself.
"""

from slicefast.plot.animation import animate
from slicefast.plot.curves import ccdf, cdf, load_and_satisfaction, series
from slicefast.plot.estimates import intervals, line, mean
from slicefast.plot.maps import layout, serving_map, sinr_map

__all__ = [
    "animate", "ccdf", "cdf", "intervals", "layout", "line", "load_and_satisfaction", "mean", "series", "serving_map",
    "sinr_map",
]  # fmt: skip
