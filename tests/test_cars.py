"""Users in cars: what the body costs, towards every cell alike, for every model, folded or not, moving or not."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf
from slicefast import radio
from slicefast.scenario import Scenario, ScenarioError

MASTS_M = {"umi": 10.0, "b1": 10.0, "inh": 3.0, "rma": 35.0}


def scenario(share, model="winner_plus_c2", **changes):
    mast = next((height for name, height in MASTS_M.items() if name in model), 25.0)
    settings = {"car_share": share, "path_loss_model": model, "bs_height_m": mast} | changes.pop("radio", {})
    return Scenario.paper(radio=settings, **changes)


def lost_db(without, full):
    """Return what every link lost, (U, N), from two simulators of one seed."""
    return 10 * np.log10(without.gain / full.gain)


def test_losses_are_those_of_the_document():
    outdoors = np.arange(100_000) % 4 > 0
    loss = radio.draw_car_loss_db(np.random.default_rng(3), outdoors, 0.6)
    assert not loss[~outdoors].any()
    in_cars = loss[loss != 0.0]
    assert in_cars.size == pytest.approx(45_000, abs=4 * np.sqrt(75_000 * 0.24))  # four standard errors, here and below
    assert in_cars.mean() == pytest.approx(9.0, abs=4 * 5.0 / np.sqrt(in_cars.size))
    assert in_cars.std() == pytest.approx(5.0, abs=4 * 5.0 / np.sqrt(2 * in_cars.size))
    below_0 = 0.03593  # Phi(-9 / 5)
    assert (in_cars < 0.0).mean() == pytest.approx(below_0, abs=4 * np.sqrt(below_0 / in_cars.size))


@pytest.mark.filterwarnings("ignore::slicefast.errors.RangeWarning")
@pytest.mark.parametrize("model", radio.PATH_LOSS_MODELS)
def test_a_car_costs_a_user_the_same_towards_every_cell(model):
    sites = {"layout": {"n_sites": 1, "wrap_around": False}}
    without, full = (sf.Simulator(scenario(share, model, **sites)) for share in (0.0, 1.0))
    lost = lost_db(without, full)
    np.testing.assert_allclose(lost, lost[:, :1] * np.ones(lost.shape[1]), atol=1e-4)  # rounding to float32
    assert lost[:, 0].mean() == pytest.approx(9.0, abs=4 * 5.0 / np.sqrt(len(lost)))
    assert lost[:, 0].std() == pytest.approx(5.0, abs=4 * 5.0 / np.sqrt(2 * len(lost)))


def test_cars_are_outdoors():
    settings = {"model": "tr38901_uma", "indoor": {"share": 0.5, "building": "tr38901"}}
    without, full = (sf.Simulator(scenario(share, **settings)) for share in (0.0, 1.0))
    lost = lost_db(without, full)[:, 0]
    assert np.array_equal(lost != 0.0, ~full.indoor)


@pytest.mark.parametrize("resolution_m", [0.0, 1.5])
def test_what_is_lost_is_lost_in_the_sinr(reference, resolution_m):
    """The interference of users who moved, and of those who stayed, follows from the gains that the network shows."""
    network = scenario(0.5, radio={"resolution_m": resolution_m})
    simulator = sf.Simulator(network)
    for _ in range(3):
        gain, reach, serving = simulator.gain.astype(float), simulator.reach.astype(float), simulator.serving
        simulator.step(np.full((12, 4), 0.25))
    users = np.arange(network.n_users)
    own = reach[users, serving] - gain[users, serving]
    power_w, noise_w, sinr = network.power_w_per_prb, network.noise_w_per_prb, simulator.sinr.astype(float)
    activity = reference("load_coupling").recovered_activity(reach, power_w, noise_w, sinr, serving, own)
    received = reach * power_w
    received[users, serving] = own * power_w[serving]
    expected = gain[users, serving] * power_w[serving] / (received @ activity + noise_w)
    if resolution_m == 0.0:
        np.testing.assert_allclose(sinr, expected, rtol=1e-4)
    # With pixels a user's links are those of where it was, at most 1.5 m ago.
    assert np.median(np.abs(sinr / expected - 1.0)) < (1e-5 if resolution_m == 0.0 else 0.05)


@pytest.mark.parametrize("resolution_m", [0.0, 1.5])
def test_folded_links_lose_it_too(resolution_m):
    """Folding moves nobody's SINR by more than its bound, in the first step and after users have moved."""
    sites = {"layout": {"n_sites": 49}, "slices": [{"name": "all", "rate_bps": 2e6, "users_per_cell": 8}],
             "requirements": [{"cells": "all", "throughput_bps": [1e6], "delay_ms": [10.0]}]}  # fmt: skip
    folded, dense = (
        sf.Simulator(scenario(0.5, radio={"fold_db": fold_db, "resolution_m": resolution_m}, **sites))
        for fold_db in (0.1, 0.0)
    )
    plain = sf.Simulator(scenario(0.0, radio={"fold_db": 0.0, "resolution_m": resolution_m}, **sites))
    for _ in range(3):
        for simulator in (folded, dense, plain):
            simulator.step(np.ones((147, 1)))
        off_db = 10 * np.log10(folded.sinr / dense.sinr)
        assert np.abs(off_db).max() < 0.15  # the bound is for equal activity, which these are not quite
    assert 10 * np.log10(plain.sinr / dense.sinr).max() > 1.0  # cars are heard in the SINR at all


def test_refusals():
    with pytest.raises(ScenarioError, match=r"radio\.car_share"):
        scenario(1.1)
    own = radio.GainMap(x_m=np.array([0.0]), y_m=np.array([0.0]), gain=np.full((12, 1, 1), 1e-9))
    with pytest.raises(ValueError, match=r"car_share: got 0\.5, allowed: 0 beside gains of your own"):
        sf.Simulator(scenario(0.5), gains=own)
