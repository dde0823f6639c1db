"""Callbacks of the training loop: what reports steps, and what keeps KPIs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from slicefast import Scenario, Task
from slicefast.callbacks.bar import Ticker
from slicefast.callbacks.recorders import KpiRecorder
from slicefast.kpis import CELL_KPIS, Kpis
from slicefast.training import History, Step


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Three cells, four slices."""
    return Scenario.hexagonal(n_sites=1, window_ttis=20)


def some_step(index: int, kpis: Kpis | None = None) -> Step:
    return Step(index, (kpis,) if kpis else (), np.zeros(3, np.float32), learning=False)


@pytest.mark.parametrize(
    ("first", "last", "weight", "expected"),
    [(0, 59, 1, [25, 25, 10]), (0, 49, 1, [25, 25]), (10, 40, 3, [75, 18]), (0, 2, 1, [3])],
)
def test_ticks_add_up_to_the_steps_played(first: int, last: int, weight: int, expected: list[int]) -> None:
    ticks: list[int] = []
    ticker = Ticker(ticks.append, last_step=last, weight=weight)
    for index in range(first, last + 1):
        ticker(some_step(index))
    assert ticks == expected
    assert sum(ticks) == weight * (last + 1 - first)


def test_all_kpis_of_the_last_steps_are_kept(scenario) -> None:
    task = Task(scenario)
    recorder = KpiRecorder(task, steps=5, last_steps=3)
    generator = np.random.default_rng(0)
    played = [Kpis(*generator.uniform(0.5, 2.0, (7, 3, 4)) * 1e6) for _ in range(4)]
    for index, kpis in enumerate(played):
        recorder(some_step(index, kpis))
    assert set(recorder.arrays) == {*CELL_KPIS, "throughput_satisfaction", "delay_satisfaction"}
    for row, kpis in enumerate(played[2:]):
        for name in CELL_KPIS:
            np.testing.assert_array_equal(recorder.arrays[name][row], getattr(kpis, name).astype(np.float32))
        throughput, delay = task.satisfaction(kpis)
        np.testing.assert_array_equal(recorder.arrays["throughput_satisfaction"][row], throughput.astype(np.float32))
        np.testing.assert_array_equal(recorder.arrays["delay_satisfaction"][row], delay.astype(np.float32))
    for array in recorder.arrays.values():
        assert array.shape == (3, 3, 4)
        assert array.dtype == np.float32
        assert np.isnan(array[2]).all()


def test_steps_are_not_compared_by_their_arrays() -> None:
    first, second = some_step(0), some_step(0)
    assert first == first
    assert first != second
    assert History.empty(1, 1) != SimpleNamespace(reward=0)
