"""What a policy is."""

from __future__ import annotations

from typing import Protocol

from slicefast.simulator import Simulator
from slicefast.units import Float32, Float64


class Policy(Protocol):
    """Observations (..., N, n_o) of the last step to shares (..., N, S) for the coming one, rows on the simplex."""

    def __call__(self, simulator: Simulator, observation: Float32) -> Float64:
        """Return the shares of the coming step."""
