"""The max-min rule: exact where its formula is, on the simplex, robust to missing traffic, overload, one slice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import slicefast as sf
from slicefast import policies
from slicefast.policies.queues import had_data, sum_by_queue
from slicefast.policies.rule import SMOOTHING, MaxMinRule, MaxMinRuleByUser, max_min_division
from slicefast.training import play

RULES = ["max_min_rule", "max_min_rule_by_user"]


def small(**overrides: object) -> sf.Scenario:
    """Return three cells with two slices."""
    slices = [
        {"name": "video", "rate_bps": 1e6, "users_per_cell": 12},
        {"name": "voice", "rate_bps": 3e5, "packet_bits": 4000.0, "users_per_cell": 8},
    ]
    wanted = [{"cells": "all", "throughput_bps": [6e6, 2e6], "delay_ms": [3.0, 6.0]}]
    values = {"n_sites": 1, "window_ttis": 200, "slices": slices, "requirements": wanted}
    return sf.Scenario.hexagonal(**{**values, "traffic": {"low": 0.6, "high": 0.9}, **overrides})


# The division


def test_slices_are_equally_satisfied_where_the_formula_holds() -> None:
    # phi_s = W e_s (a_s - l_s) with l_s = need_s: satisfaction (a - need) / cost is the same for both, and
    # q = (1 - 0.5) / 0.25 = 2 by hand.
    need, cost = np.array([0.3, 0.2]), np.array([0.05, 0.2])
    shares = max_min_division(need, cost)
    np.testing.assert_allclose(shares, [0.3 + 2 * 0.05, 0.2 + 2 * 0.2], rtol=1e-14)
    np.testing.assert_allclose((shares - need) / cost, 2.0, rtol=1e-14)


def test_overload_is_divided_by_need() -> None:
    np.testing.assert_allclose(max_min_division([1.5, 0.5], [0.3, 0.1]), [0.75, 0.25], rtol=1e-15)


def test_nothing_needed_is_divided_by_requirement_and_nothing_at_all_equally() -> None:
    np.testing.assert_allclose(max_min_division([0.0, 0.0], [0.1, 0.3]), [0.25, 0.75], rtol=1e-15)
    np.testing.assert_array_equal(max_min_division([0.0, 0.0], [0.0, 0.0]), [0.5, 0.5])


def test_one_slice_has_the_whole_cell() -> None:
    np.testing.assert_array_equal(max_min_division([[0.2], [3.0], [0.0]], [[0.1], [0.1], [0.0]]), np.ones((3, 1)))


@given(
    arrays(np.float64, (3, 4), elements=st.floats(0.0, 1e6)),
    arrays(np.float64, (3, 4), elements=st.floats(0.0, 1e6)),
)
def test_the_division_stays_on_the_simplex_and_is_max_min(need: np.ndarray, cost: np.ndarray) -> None:
    shares = max_min_division(need, cost)
    assert (shares >= 0.0).all()
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0, rtol=1e-12)
    # Where there is room, no slice has less than it needs: rounding of sums of four terms.
    room = need.sum(axis=-1) <= 1.0
    assert (shares[room] >= need[room] * (1.0 - 1e-12)).all()


# What the rules measure


def test_the_rule_follows_its_formula_from_the_cells_measurements() -> None:
    scenario = small()
    simulator = sf.Simulator(scenario, seed=3)
    simulator.reset()
    rule, expected_efficiency = MaxMinRule(), None
    for _ in range(4):
        kpis = simulator.kpis
        queued = np.zeros(simulator.shares_shape)
        for user, bits in enumerate(simulator.backlog_bits):
            queued[simulator.serving[user], scenario.slice_of[user]] += bits
        last = expected_efficiency
        expected_efficiency = np.zeros(simulator.shares_shape)
        for index in np.ndindex(*simulator.shares_shape):
            measured = kpis.spectral_efficiency[index] if kpis.load[index] > 0 else np.nan
            before = np.nan if last is None else last[index]
            if np.isnan(before) or np.isnan(measured):
                expected_efficiency[index] = measured if np.isnan(before) else before
            else:
                expected_efficiency[index] = (1 - SMOOTHING) * before + SMOOTHING * measured
        assert np.isfinite(expected_efficiency).all()  # every slice of this network is used in every step
        bps = expected_efficiency * 100 * 180e3
        need = (np.array([1e6, 3e5]) * kpis.users + queued / 0.2) / bps
        cost = np.array([6e6, 2e6]) / bps
        q = (1 - need.sum(axis=1, keepdims=True)) / cost.sum(axis=1, keepdims=True)
        wanted = need + np.maximum(q, 0.0) * cost
        shares = rule(simulator)
        np.testing.assert_allclose(shares, wanted / wanted.sum(axis=1, keepdims=True), rtol=1e-12)
        simulator.step(shares)


def test_the_rule_by_user_takes_the_users_that_had_data() -> None:
    scenario = small()
    simulator = sf.Simulator(scenario, seed=3)
    simulator.reset()
    rule = MaxMinRuleByUser()
    first = rule(simulator)
    had = set(simulator.arrivals.user) | set(np.flatnonzero(simulator.backlog_bits > 0))
    simulator.step(first)
    bps = np.minimum(0.75 * np.log2(1 + simulator.sinr.astype(np.float64) / 1.25) * 18e6, 75.376e6)
    need, cost = np.zeros(simulator.shares_shape), np.zeros(simulator.shares_shape)
    for cell, part in np.ndindex(*simulator.shares_shape):
        queue = [u for u in range(scenario.n_users) if (simulator.serving[u], scenario.slice_of[u]) == (cell, part)]
        counted = [u for u in queue if u in had]
        assert counted
        queued = sum(simulator.backlog_bits[u] for u in queue)
        rate = [1e6, 3e5][part] * simulator.kpis.users[cell, part] + queued / 0.2
        need[cell, part] = rate * np.mean([1 / bps[u] for u in counted])
        cost[cell, part] = [6e6, 2e6][part] / np.mean([bps[u] for u in counted])
    # Single-precision SINR, in which the core computes: seven digits.
    np.testing.assert_allclose(rule(simulator), max_min_division(need, cost), rtol=1e-6)


def test_replicas_are_played_like_networks_of_their_own() -> None:
    scenario = small()
    together = sf.Simulator(scenario, seed=5, n_replicas=2)
    together.reset()
    for name in RULES:
        rule = policies.get(name)
        rule(together)
        shares = rule(together)
        assert shares.shape == (2, 3, 2)
    first = sf.Simulator(scenario, seed=5)
    first.reset()
    np.testing.assert_array_equal(MaxMinRule()(together)[0], MaxMinRule()(first))
    np.testing.assert_array_equal(had_data(together)[0], had_data(first))
    np.testing.assert_array_equal(
        sum_by_queue(together, together.backlog_bits)[0], sum_by_queue(first, first.backlog_bits)
    )


@pytest.mark.parametrize("name", RULES)
def test_networks_without_traffic_overload_and_full_buffers_are_divided(name: str) -> None:
    wanted = [{"cells": "all", "throughput_bps": [1e6, 1e6], "delay_ms": [5.0, 5.0]}]
    users = {"users_per_cell": 5}
    for slices, mask in [
        ([{"name": "a", "rate_bps": 1e5, **users}, {"name": "b", "rate_bps": 1e5, **users}], {"low": 0.0, "high": 0.0}),
        ([{"name": "a", "rate_bps": 1e9, **users}, {"name": "b", "rate_bps": 1e9, **users}], {}),
        ([{"name": "a", "traffic": "full_buffer", **users}, {"name": "b", "rate_bps": 1e5, **users}], {}),
        ([{"name": "a", "traffic": "ftp2", **users}, {"name": "b", "rate_bps": 1e5, **users}], {}),
    ]:
        simulator = sf.Simulator(small(slices=slices, requirements=wanted, traffic=mask), seed=1)
        simulator.reset()
        rule = policies.get(name)
        for _ in range(3):
            shares = rule(simulator)
            assert (shares >= 0.0).all()
            np.testing.assert_allclose(shares.sum(axis=-1), 1.0, rtol=1e-12)
            simulator.step(shares)


def test_a_full_buffer_leaves_the_others_what_they_need() -> None:
    users = {"users_per_cell": 5}
    slices = [{"name": "a", "traffic": "full_buffer", **users}, {"name": "b", "rate_bps": 1e5, **users}]
    wanted = [{"cells": "all", "throughput_bps": [1e6, 1e6], "delay_ms": [1e4, 5.0]}]
    scenario = small(slices=slices, requirements=wanted)
    task = sf.Task(scenario)
    earned = {}
    for name in ("traffic_aware", *RULES):
        simulator = sf.Simulator(scenario, seed=1)
        simulator.reset()
        earned[name] = play(simulator, policies.get(name), task, 20).reward.mean()
    # Demand says that the endless queue is worth the whole cell, the requirement says 1 Mbit/s a user.
    assert min(earned[name] for name in RULES) > earned["traffic_aware"] + 0.2


def test_a_new_object_for_every_network() -> None:
    assert policies.get("max_min_rule") is not policies.get("max_min_rule")
    assert isinstance(policies.get("max_min_rule"), MaxMinRule)
    assert isinstance(policies.get("max_min_rule_by_user"), MaxMinRuleByUser)
