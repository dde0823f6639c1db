"""Typed stub of the Cython module."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Events: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]

def move_users(
    generator: np.random.Generator,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    heading: NDArray[np.float64],
    step_m: float,
    turn_probability: float,
    v1x: float,
    v1y: float,
    v2x: float,
    v2y: float,
    wrap: bool,
) -> None: ...
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
