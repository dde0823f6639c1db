"""Figures of networks and runs: each function takes the axes to draw on, or makes some, and returns them.

Labels carry units; colours are blind-safe. Nothing here opens a window or touches pyplot's state unless it must make
the axes itself. Each function is imported when first used, so that drawing what is known loads no simulator.
"""

from typing import TYPE_CHECKING

from slicefast import _lazy

if TYPE_CHECKING:
    from slicefast.plot.animation import animate
    from slicefast.plot.curves import ccdf, cdf, load_and_satisfaction, series
    from slicefast.plot.estimates import intervals, line, mean
    from slicefast.plot.maps import layout, serving_map, sinr_map

__all__ = [
    "animate", "ccdf", "cdf", "intervals", "layout", "line", "load_and_satisfaction", "mean", "series", "serving_map",
    "sinr_map",
]  # fmt: skip

_lazy.import_when_used(
    __name__,
    {
        "animate": "animation",
        **dict.fromkeys(("ccdf", "cdf", "load_and_satisfaction", "series"), "curves"),
        **dict.fromkeys(("intervals", "line", "mean"), "estimates"),
        **dict.fromkeys(("layout", "serving_map", "sinr_map"), "maps"),
    },
)
