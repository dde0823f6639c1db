"""Typed stub of the Cython module."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Events: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]

def draw_poisson_arrivals(
    generator: np.random.Generator,
    rate_pps: ArrayLike,
    packet_bits: ArrayLike,
    window_ttis: int,
) -> _Events: ...
def draw_constant_arrivals(
    active: ArrayLike,
    next_tti: NDArray[np.float64],
    packet_bits: float,
    interval_ttis: float,
    window_ttis: int,
) -> _Events: ...
def draw_on_off_arrivals(
    generator: np.random.Generator,
    active: ArrayLike,
    next_tti: NDArray[np.float64],
    left_tti: NDArray[np.float64],
    packet_bits: float,
    interval_ttis: float,
    on_ttis: float,
    off_ttis: float,
    window_ttis: int,
) -> _Events: ...
def order_by_tti(tti: ArrayLike, window_ttis: int) -> NDArray[np.int32]: ...
