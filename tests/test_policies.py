"""Policies stay on the simplex, and each is what it says."""

import numpy as np
import pytest

import slicefast as sf
from slicefast.policies import equal_split, oracle, traffic_aware
from slicefast.task import reward


@pytest.fixture(scope="module")
def simulator():
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=100), seed=0)
    simulator.reset()
    return simulator


@pytest.mark.parametrize("policy", [equal_split, traffic_aware, oracle])
def test_policies_stay_on_the_simplex(simulator, policy):
    shares = policy(simulator)
    assert shares.shape == simulator.shares_shape
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0, rtol=1e-12)


def test_traffic_aware_is_proportional_to_demand(simulator):
    demand = simulator.demand_bps
    np.testing.assert_allclose(traffic_aware(simulator), demand / demand.sum(axis=1, keepdims=True))


def test_oracle_beats_both_on_the_same_step():
    # The oracle sees the step; over a few steps its mean reward must be the highest of the three, each policy playing
    # from the same snapshot.
    simulator = sf.Simulator(sf.Scenario.paper(), seed=1)
    simulator.reset()
    total = dict.fromkeys((equal_split, traffic_aware, oracle), 0.0)
    for _ in range(5):
        snapshot = simulator.snapshot()
        for policy in total:
            simulator.restore(snapshot)
            total[policy] += float(reward(simulator.step(policy(simulator)), simulator.scenario).mean())
    assert total[oracle] > total[traffic_aware]
    assert total[oracle] > total[equal_split]
