"""What the programs that measure speeds compute from the times they took."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


def test_an_exponent_is_that_of_the_power_law(program: Callable[[str], ModuleType]) -> None:
    exponent = program("benchmarks/scaling_table.py").exponent
    assert exponent({1: 3.0, 2: 12.0, 4: 48.0}) == pytest.approx(2.0)
    assert exponent({10: 7.0, 100: 7.0}) == pytest.approx(0.0)


def test_a_ratio_of_pairs_is_their_median_within_its_interval(program: Callable[[str], ModuleType]) -> None:
    interval = program("benchmarks/paired_step.py").interval
    ratios = np.array([0.5, 1.9, 2.0, 2.1, 40.0])
    middle, low, high = interval(ratios)
    assert middle == 2.0
    assert 0.5 <= low < middle < high <= 40.0
    assert interval(np.full(4, 1.5)) == (1.5, 1.5, 1.5)
