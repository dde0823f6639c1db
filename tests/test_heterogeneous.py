"""Cells that differ: activity factors, patterns over the slices, and what stays the same whatever they are."""

import numpy as np
import pytest

from slicefast import Simulator
from slicefast.errors import SlicefastError
from slicefast.rng import Streams
from slicefast.scenario import Scenario, ScenarioError
from slicefast.scenario.heterogeneous import draw_patterns
from slicefast.traffic.mask import TrafficMask

KINDS = ["mix", "requirements", "both", "anti"]
C = np.log(4.0) / 3.0
USERS = 32


def active_factor(scenario):
    """Factor on the default scenario's active users, (N, S)."""
    return scenario.activity * scenario.slice_users / scenario.n_cells / USERS


def requirement_factor(scenario):
    return scenario.throughput_requirement_bps / Scenario.paper().throughput_requirement_bps


def step_rewards(scenario, n_steps=3):
    simulator = Simulator(scenario, seed=5)
    simulator.reset()
    share = np.full((scenario.n_cells, scenario.n_slices), 1.0 / scenario.n_slices)
    return np.stack([simulator.step(share).throughput_bps for _ in range(n_steps)])


def test_factors_multiply_the_mask_and_one_changes_no_bit():
    rng = np.random.default_rng(0)
    factors = np.round(rng.uniform(0.1, 1.1, (12, 4)), 3)
    settings = [{"cells": [n + 1], "activity": factors[n].tolist()} for n in range(12)]
    plain, changed = (
        TrafficMask.from_scenario(scenario, Streams(3).mask).table(40)
        for scenario in (Scenario.paper(), Scenario.paper(cell_settings=settings))
    )
    np.testing.assert_allclose(changed, factors * plain, rtol=1e-12)
    ones = Scenario.paper(cell_settings=[{"cells": list(range(1, 13)), "activity": [1, 1, 1, 1]}])
    np.testing.assert_array_equal(step_rewards(ones), step_rewards(Scenario.paper()))


def test_the_last_setting_of_a_cell_counts_and_a_slice_may_be_silent():
    settings = [{"cells": [1, 2], "activity": [0.5] * 4}, {"cells": [2], "activity": [0, 1, 0.5, 1]}]
    scenario = Scenario.paper(cell_settings=settings)
    assert scenario.activity[:3].tolist() == [[0.5] * 4, [0, 1, 0.5, 1], [1] * 4]
    simulator = Simulator(scenario, seed=1)
    simulator.reset()
    users = np.mean([simulator.step(np.full((12, 4), 0.25)).users for _ in range(20)], axis=0)
    assert users[1, 0] == 0.0
    assert users[1, 1:].min() > 0.0


@pytest.mark.parametrize(
    ("activity", "message"),
    [
        ([1, 1], r"activity: got \(1.0, 1.0\), needs 4 values, one per slice"),
        ([1, 1, 1, 1.2], r"at most 1 / traffic.high = 1.17647: no more users can be active than there are"),
        ([0, 0, 0, 0], r"leaves cell 7 without users: 0 active at the busiest"),
        ([0, 0, 0, 0.03], r"leaves cell 7 without users: 0.82 active at the busiest, at least 1 is needed"),
        ([1, 1, -0.1, 1], r"cell_settings\[0\].activity\[2\]: got -0.1, must be greater than or equal to 0"),
    ],
)
def test_impossible_factors_are_refused(activity, message):
    with pytest.raises(ScenarioError, match=message):
        Scenario.paper(cell_settings=[{"cells": [7], "activity": activity}])


def test_patterns_are_uniform_on_the_ladders_sphere():
    z = draw_patterns(20_000, 4, seed=0)
    np.testing.assert_allclose(z.sum(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose((z**2).sum(axis=1), 1.5**2 + 0.5**2 + 0.5**2 + 1.5**2)
    # Uniform on a sphere of 3 dimensions: mean 0 and covariance (5 / 3) of the projection; standard errors 0.008, 0.01.
    assert np.abs(z.mean(axis=0)).max() < 0.05
    np.testing.assert_allclose(np.cov(z.T), 5.0 / 3.0 * (np.eye(4) - 0.25), atol=0.06)
    np.testing.assert_array_equal(draw_patterns(5, 4, seed=3), draw_patterns(12, 4, seed=3)[:5])
    assert np.abs(draw_patterns(5, 4, seed=3) - draw_patterns(5, 4, seed=4)).min() > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_without_heterogeneity_it_is_the_default_scenario(kind):
    assert Scenario.heterogeneous(0.0, kind, seed=4) == Scenario.paper()
    tiny = Scenario.heterogeneous(1e-12, kind, seed=4)
    np.testing.assert_allclose(requirement_factor(tiny), 1.0, rtol=1e-9)
    np.testing.assert_allclose(active_factor(tiny), 1.0, rtol=1e-9)


@pytest.mark.parametrize("h", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_factors_follow_the_pattern_and_totals_are_kept(kind, h):
    paper, scenario = Scenario.paper(), Scenario.heterogeneous(h, kind, seed=7)
    users, promised = active_factor(scenario), requirement_factor(scenario)
    steps = h * C * np.diff(draw_patterns(12, 4, seed=7), axis=1)
    of_users = steps if kind != "requirements" else 0.0 * steps
    of_promises = {"mix": 0.0 * steps, "anti": -steps}.get(kind, steps)
    np.testing.assert_allclose(np.diff(np.log(users), axis=1), of_users, atol=1e-9)
    np.testing.assert_allclose(np.diff(np.log(promised), axis=1), of_promises, atol=1e-9)
    np.testing.assert_allclose(users @ paper.slice_rate_bps, paper.slice_rate_bps.sum())
    np.testing.assert_allclose(
        scenario.throughput_requirement_bps.sum(axis=1), paper.throughput_requirement_bps.sum(axis=1)
    )
    per_packet = scenario.throughput_requirement_bps * scenario.delay_requirement_ms
    np.testing.assert_allclose(per_packet, paper.throughput_requirement_bps * paper.delay_requirement_ms)
    assert (users * USERS * scenario.traffic.high <= scenario.slice_users / 12 + 1e-6).all()


def test_users_that_there_are_follow_from_h_alone():
    counts = {Scenario.heterogeneous(1.0, "mix", seed=seed).n_users for seed in range(20)}
    assert len(counts) == 1
    assert counts.pop() < 2.2 * Scenario.paper().n_users


def test_the_traffic_that_comes_is_the_default_scenarios():
    """Two days: the users' draw and the levels of the mask differ by cell, the whole network's traffic by little."""

    def offered_bps(scenario):
        mask = TrafficMask.from_scenario(scenario, Streams(2).mask).table(400).mean(axis=0)
        return mask * scenario.slice_users / 12 * scenario.slice_rate_bps

    plain, mixed = offered_bps(Scenario.paper()), offered_bps(Scenario.heterogeneous(1.0, "mix", seed=2))
    assert mixed.sum() == pytest.approx(plain.sum(), rel=0.08)
    spread = [np.ptp(np.log(part / part.sum(axis=1, keepdims=True)), axis=0).mean() for part in (plain, mixed)]
    assert spread[1] > 2.0 * spread[0]
    simulator = Simulator(Scenario.heterogeneous(1.0, "mix", seed=2), seed=2)
    kpis = simulator.reset()
    expected = simulator.traffic_mask(1)[0] * simulator.scenario.slice_users / 12
    # About 15 users per cell and slice: binomial in who is there and who is active, sd of the sum of 48 below 30.
    assert kpis.users.sum() == pytest.approx(expected.sum(), abs=100)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_reads_back_equal(kind, tmp_path):
    scenario = Scenario.heterogeneous(0.7, kind, seed=1, radio={"tilt_deg": 12.0})
    scenario.to_toml(tmp_path / "scenario.toml")
    assert Scenario.from_toml(tmp_path / "scenario.toml") == scenario
    assert scenario.name == f"paper-{kind}-0.7"
    assert scenario.radio.tilt_deg == 12.0


def test_patterns_lie_over_any_layout_and_over_factors_that_are_there():
    base = {"layout": {"n_sites": 7}, "cell_settings": [{"cells": [3], "activity": [0.5, 0.5, 1, 1]}]}
    scenario = Scenario.heterogeneous(0.5, "both", seed=1, **base)
    offered = (active_factor(scenario) * scenario.slice_rate_bps).sum(axis=1)
    assert scenario.n_cells == 21
    np.testing.assert_allclose(offered[[0, 1, 20]], 550e3)
    np.testing.assert_allclose(offered[2], 0.5 * 385e3 + 165e3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"h": -0.1}, "h: got -0.1, must be from 0 to 2"),
        ({"h": float("nan")}, "h: got nan"),
        ({"h": 1, "kind": "power"}, "kind: got 'power', allowed: mix, requirements, both, anti"),
        ({"h": 1, "seed": -1}, "seed: got -1, must be an integer of at least 0"),
        ({"h": 1, "seed": 0.5}, "seed: got 0.5"),
        (
            {
                "h": 1,
                "slices": [{"name": "a", "rate_bps": 1e6}],
                "requirements": [{"cells": "all", "throughput_bps": [1e6], "delay_ms": [5]}],
            },
            "slices: got 1, patterns need at least 2",
        ),
    ],
)
def test_bad_patterns_are_refused(options, message):
    with pytest.raises(SlicefastError, match=message):
        Scenario.heterogeneous(**options)
