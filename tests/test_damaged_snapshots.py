"""A snapshot whose values no simulator has is refused when it is restored, not a step later, and nothing changes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from slicefast import Scenario, Simulator, SlicefastError

SLICES = [{"name": f"s{k}", "users_per_cell": 4, "rate_bps": 1e6, "traffic": "on_off"} for k in range(4)]
SCENARIO = Scenario.hexagonal(1, window_ttis=50, slices=SLICES)
SHARE = np.full((3, 4), 0.25)


def put(name: str, value: Any) -> Any:
    def change(replica: dict[str, Any]) -> None:
        replica[name] = np.full_like(replica[name], value) if np.ndim(replica[name]) else value

    return pytest.param(change, name, id=f"{name}={value}")


def put_arrival(part: int, value: Any) -> Any:
    def change(replica: dict[str, Any]) -> None:
        replica["arrivals"][part][0] = value

    return pytest.param(change, "arrivals", id=f"arrivals[{part}]={value}")


def cut_arrivals(replica: dict[str, Any]) -> None:
    replica["arrivals"][1] = replica["arrivals"][1][:-1]


def put_clock(name: str, value: float) -> Any:
    def change(replica: dict[str, Any]) -> None:
        replica["sources"][name][0] = value

    return pytest.param(change, name, id=f"{name}={value}")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        put("x_m", np.nan),
        put("y_m", 1e300),
        put("heading", np.inf),
        put("threshold", np.nan),
        put("serving", -1),
        put("serving", 3),
        put("active", 2),
        put("step_index", -1),
        put_arrival(0, 48),
        put_arrival(0, -1),
        put_arrival(1, 50),
        put_arrival(1, 49),
        put_arrival(2, np.nan),
        put_arrival(2, 0.0),
        pytest.param(cut_arrivals, "arrivals", id="cut"),
        put_clock("next_tti", np.nan),
        put_clock("left_tti", np.nan),
    ],
)
def test_a_damaged_snapshot_is_refused_by_name_and_changes_nothing(change: Any, named: str) -> None:
    simulator, twin = Simulator(SCENARIO, seed=0), Simulator(SCENARIO, seed=0)
    other = Simulator(SCENARIO, seed=5)
    for each in (simulator, twin, other):
        each.reset()
        each.step(SHARE)
    damaged = copy.deepcopy(other.snapshot())
    assert len(damaged["replicas"][0]["arrivals"][0]) > 1
    change(damaged["replicas"][0])
    with pytest.raises(SlicefastError, match=named):
        simulator.restore(damaged)
    np.testing.assert_array_equal(simulator.step(SHARE).load, twin.step(SHARE).load)
