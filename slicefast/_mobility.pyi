"""Typed stub of the Cython module."""

import numpy as np
from numpy.typing import NDArray

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
