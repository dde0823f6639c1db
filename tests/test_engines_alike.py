"""Both engines learn alike: a comparison of many whole trainings, for `pytest -m slow`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from slicefast.study.intervals import stratified

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def test_learning_curves_of_both_engines_lie_in_each_others_band(program: Callable[[str], ModuleType]) -> None:
    """Over 10 seeds: in every tenth of the steps the mean of each lies in the other's 95 % band."""
    train = program("benchmarks/training_loop.py").train

    def curves(engine: str) -> np.ndarray:
        return np.stack([train(engine, seed)[0].reshape(10, -1).mean(axis=1) for seed in range(10)])

    native, torch = (curves(engine) for engine in ("native", "torch"))
    for tenth in range(10):
        ours, theirs = (stratified(curve[:, [tenth]]) for curve in (native, torch))
        assert theirs.low <= ours.value <= theirs.high, tenth
        assert ours.low <= theirs.value <= ours.high, tenth
