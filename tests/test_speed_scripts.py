"""What the programs that measure speeds compute from the times they took."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def load(name: str) -> ModuleType:
    """Return a program of the benchmarks as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_exponent_is_that_of_the_power_law() -> None:
    assert load("scaling_table").exponent({1: 3.0, 2: 12.0, 4: 48.0}) == pytest.approx(2.0)
    assert load("scaling_table").exponent({10: 7.0, 100: 7.0}) == pytest.approx(0.0)


def test_a_ratio_of_pairs_is_their_median_within_its_interval() -> None:
    ratios = np.array([0.5, 1.9, 2.0, 2.1, 40.0])
    middle, low, high = load("paired_step").interval(ratios)
    assert middle == 2.0
    assert 0.5 <= low < middle < high <= 40.0
    assert load("paired_step").interval(np.full(4, 1.5)) == (1.5, 1.5, 1.5)
