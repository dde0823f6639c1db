"""Observation, satisfaction and reward against numbers worked out by hand."""

import numpy as np
import pytest

import slicefast as sf
from slicefast import _core
from slicefast.kpis import CELL_KPIS, KPIS, USER_KPIS, Kpis
from slicefast.rewards import satisfaction
from slicefast.task import observe, reward


@pytest.fixture(scope="module")
def scenario():
    return sf.Scenario.paper()


def uniform_kpis(scenario, throughput_bps=4e6, delay_ms=1.0, load=0.1, users=8.0):
    shape = (scenario.n_cells, scenario.n_slices)
    return Kpis(*(np.full(shape, value) for value in (throughput_bps, delay_ms, load, users)))


def test_satisfied_cell_has_reward_one(scenario):
    assert (reward(uniform_kpis(scenario), scenario) == 1.0).all()


def test_reward_is_the_worst_slice(scenario):
    kpis = uniform_kpis(scenario)
    kpis.throughput_bps[0, 2] = 0.25 * scenario.throughput_requirement_bps[0, 2]
    kpis.delay_ms[1, 3] = 2.0 * scenario.delay_requirement_ms[1, 3]
    got = reward(kpis, scenario)
    assert got[0] == pytest.approx(0.25)
    assert got[1] == pytest.approx(0.5)
    assert (got[2:] == 1.0).all()


def test_slice_without_traffic_counts_as_satisfied(scenario):
    kpis = uniform_kpis(scenario)
    kpis.throughput_bps[0, 0] = 0.0
    kpis.delay_ms[0, 0] = 0.0  # no packet at all: every packet takes at least one TTI
    assert reward(kpis, scenario)[0] == 1.0
    throughput, delay = satisfaction(kpis, scenario)
    assert throughput[0, 0] == delay[0, 0] == 1.0


def test_starved_slice_has_reward_zero(scenario):
    kpis = uniform_kpis(scenario)
    kpis.throughput_bps[0, 0] = 0.0
    kpis.delay_ms[0, 0] = 120.0
    assert reward(kpis, scenario)[0] == 0.0


def test_observation_order_and_neighbour_mean(scenario):
    kpis = uniform_kpis(scenario)
    kpis.load[:] = np.arange(scenario.n_cells)[:, None] + 0.1 * np.arange(scenario.n_slices)
    got = observe(kpis, scenario)
    S = scenario.n_slices
    assert got.shape == (scenario.n_cells, 4 * S)
    assert got.dtype == np.float32
    for n in range(scenario.n_cells):
        expected_message = np.mean([kpis.load[m] for m in scenario.neighbours[n]], axis=0)
        np.testing.assert_allclose(got[n, S : 2 * S], kpis.load[n], rtol=1e-6)  # float32
        np.testing.assert_allclose(got[n, 3 * S :], expected_message, rtol=1e-6)
    assert observe(kpis, scenario, "none").shape == (scenario.n_cells, 3 * S)


def test_observation_of_replicas_is_that_of_each(scenario):
    rng = np.random.default_rng(0)
    shape = (3, scenario.n_cells, scenario.n_slices)
    kpis = Kpis(
        rng.uniform(0, 2e7, shape), rng.uniform(1, 9, shape), rng.uniform(0, 0.3, shape), rng.uniform(0, 32, shape)
    )
    stacked = observe(kpis, scenario)
    for r in range(3):
        one = Kpis(kpis.throughput_bps[r], kpis.delay_ms[r], kpis.load[r], kpis.users[r])
        np.testing.assert_array_equal(stacked[r], observe(one, scenario))


def test_unknown_coordination_is_refused(scenario):
    with pytest.raises(ValueError, match="coordination: got 'all'"):
        observe(uniform_kpis(scenario), scenario, "all")


def test_a_network_of_one_cell_hears_nobody(tmp_path):
    sites = tmp_path / "one.csv"
    sites.write_text("x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n0,0,25,30,12,46\n")
    lonely = sf.Scenario.paper(
        layout={"kind": "csv", "sites_csv": str(sites)},
        requirements=[{"cells": "all", "throughput_bps": [4e6, 3e6, 2e6, 1e6], "delay_ms": [4.5, 6, 9, 18]}],
    )
    got = observe(sf.Simulator(lonely, seed=0).reset(), lonely)
    assert got.shape == (1, 16)
    assert np.isfinite(got).all()
    assert (got[:, 12:] == 0).all()


def test_one_table_names_the_indicators_in_the_cores_order():
    assert (
        *("throughput_bps", "delay_ms", "load", "users"),
        *("dropped_bits", "spectral_efficiency", "throughput_p5_bps"),
    ) == CELL_KPIS
    assert (
        *("user_delivered_bits", "user_busy_ttis"),
        *("user_dropped_bits", "user_throughput_bits"),
    ) == USER_KPIS
    assert (tuple(_core.CELL_KPIS), tuple(_core.USER_KPIS)) == (CELL_KPIS, USER_KPIS)
    assert tuple(KPIS) == CELL_KPIS + USER_KPIS
    assert KPIS["delay_ms"].unit == "ms"
    assert KPIS["throughput_bps"].standard == "DRB.UEThpDl"
    assert all(kpi.long_name for kpi in KPIS.values())


def test_kpis_print_in_a_few_lines_and_compare_by_identity(scenario):
    kpis = uniform_kpis(scenario)
    lines = repr(kpis).splitlines()
    assert len(lines) == 1 + len(CELL_KPIS)
    assert lines[2] == "  delay_ms 1 (1 to 1) ms"
    assert max(map(len, lines)) < 80
    assert kpis == kpis
    assert kpis != uniform_kpis(scenario)


def test_indicators_that_are_not_given_are_nan(scenario):
    kpis = uniform_kpis(scenario)
    for name in CELL_KPIS[4:]:
        assert getattr(kpis, name).shape == kpis.load.shape
        assert np.isnan(getattr(kpis, name)).all()
    for name in USER_KPIS:
        assert getattr(kpis, name) is None
