"""Curves over shares against their slow twin, a probe for every level: the same to the last bit, whatever is played."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slicefast as sf
from slicefast.kpis import Curves
from slicefast.rewards import satisfaction

LEVELS = np.concatenate([[0.0], np.geomspace(0.02, 1.0, 15)])
OPTIONS = {
    "the default": {},
    "proportional fair": {"scheduler": {"kind": "proportional_fair"}},
    "best channel": {"scheduler": {"kind": "max_ci"}},
    "groups": {"scheduler": {"rbg_prb": 3}},
    "buffers": {"scheduler": {"buffer_bits": 24_000.0}},
    "no timer": {"scheduler": {"discard_timer_ms": 0}},
    "harq": {"scheduler": {"block_error_rate": 0.1}},
    "transport blocks, groups, harq": {
        "radio": {"efficiency": "transport_block"},
        "scheduler": {"rbg_prb": 4, "block_error_rate": 0.1, "kind": "proportional_fair"},
    },
    "flow": {"fidelity": "flow"},
    "flow and harq": {"fidelity": "flow", "scheduler": {"block_error_rate": 0.1}},
    "bands": {"scheduler": {"bands": "in_order"}},
    "fluctuating": {"radio": {"interference": "fluctuating"}},
    "guarantee": {"scheduler": {"share_as": "guarantee"}},
}


def simulator_of(options: dict, n_steps: int = 3, **more: int) -> sf.Simulator:
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=60, **options), seed=1, **more)
    simulator.reset()
    rng = np.random.default_rng(0)
    for _ in range(n_steps):  # queues, failed blocks and averages to start from
        simulator.step(rng.dirichlet(np.ones(4), simulator.shares_shape[:-1]))
    return simulator


def probed(simulator: sf.Simulator, levels: np.ndarray, coupled: np.ndarray) -> Curves:
    """Return curves the slow way."""
    kpis = [simulator.probe(np.full(simulator.shares_shape, level), coupled) for level in levels]
    return Curves(np.stack([item.throughput_bps for item in kpis]), np.stack([item.delay_ms for item in kpis]))


@pytest.mark.parametrize("name", OPTIONS)
def test_curves_are_those_of_a_probe_per_level_and_change_nothing(name: str) -> None:
    simulator, untouched = simulator_of(OPTIONS[name]), simulator_of(OPTIONS[name])
    coupled = np.random.default_rng(1).dirichlet(np.full(4, 2.0), 12)
    curves = simulator.curves(LEVELS, coupled)
    expected = probed(simulator, LEVELS, coupled)
    for got, wanted in zip(curves, expected, strict=True):
        assert got.shape == (16, 12, 4)
        np.testing.assert_array_equal(got, wanted)
    assert curves.throughput_bps[-1].sum() > 1.5 * curves.throughput_bps[3].sum()
    np.testing.assert_array_equal(simulator.step(coupled).delay_ms, untouched.step(coupled).delay_ms)
    # And again, though the last replay left queues behind that the step did not.
    for got, wanted in zip(simulator.curves(LEVELS, coupled), probed(simulator, LEVELS, coupled), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", OPTIONS)
def test_levels_behind_the_first_that_satisfies_repeat_it_and_no_satisfaction_changes(name: str) -> None:
    simulator = simulator_of(OPTIONS[name])
    coupled = np.random.default_rng(1).dirichlet(np.full(4, 2.0), 12)
    whole, brief = (simulator.curves(LEVELS, coupled, until_satisfied=flag) for flag in (False, True))
    met = [np.minimum(*satisfaction(curves, simulator.scenario)) for curves in (whole, brief)]
    first = np.where((met[0] == 1.0).any(axis=0), (met[0] == 1.0).argmax(axis=0), len(LEVELS) - 1)
    rows = np.minimum(np.arange(len(LEVELS))[:, None, None], first)
    for full, cut in zip(whole, brief, strict=True):
        np.testing.assert_array_equal(cut, np.take_along_axis(full, rows, axis=0))
    assert 0.1 < (met[1] == 1.0).mean() < 0.9
    np.testing.assert_array_equal(*(np.maximum.accumulate(item, axis=0) for item in met))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_every_replica_has_curves_of_its_own(n_threads: int) -> None:
    simulator = simulator_of({}, n_replicas=2, n_threads=n_threads)
    coupled = np.random.default_rng(1).dirichlet(np.full(4, 2.0), (2, 12))
    curves = simulator.curves(LEVELS, coupled)
    for got, wanted in zip(curves, probed(simulator, LEVELS, coupled), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert (curves.delay_ms[:, 0] != curves.delay_ms[:, 1]).any()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6))
def test_levels_come_in_any_order_and_may_repeat(levels: list[float]) -> None:
    simulator, coupled = simulator_of({}, n_steps=1), np.full((12, 4), 0.25)
    asked = np.array(levels)
    for got, wanted in zip(simulator.curves(asked, coupled), probed(simulator, asked, coupled), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    ("levels", "coupled", "message"),
    [
        ([[0.5]], np.full((12, 4), 0.25), "levels: got shape (1, 1), allowed: shape (L,)"),
        ([0.1, 1.5], np.full((12, 4), 0.25), "levels: got [0.1, 1.5], allowed: shares from 0 to 1"),
        ([0.1, np.nan], np.full((12, 4), 0.25), "levels: got [0.1, nan]"),
        ([0.5], np.full((12, 3), 0.25), "coupled_shares: got shape (12, 3)"),
        ([0.5], np.full((12, 4), 0.5), "coupled_shares of cell 0"),
    ],
)
def test_what_is_no_share_is_refused(levels: list, coupled: np.ndarray, message: str) -> None:
    simulator = simulator_of({}, n_steps=0)
    with pytest.raises(sf.SlicefastError) as refused:
        simulator.curves(np.array(levels), coupled)
    assert message in str(refused.value)
