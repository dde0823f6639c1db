"""The step as a whole against the slow twins: what the simulator measured follows from its own gains and arrivals."""

import numpy as np
import pytest

import slicefast as sf


@pytest.mark.parametrize("seed", [0, 1])
def test_sinr_of_a_step_is_the_coupled_fixed_point(reference, seed):
    twin = reference("load_coupling")
    scenario = sf.Scenario.paper(window_ttis=100)
    simulator = sf.Simulator(scenario, seed=seed)
    simulator.reset()
    shares = np.random.default_rng(seed).dirichlet(np.ones(4), 12)
    # Everything the coming step is played on, before it is played.
    gain, reach, serving = simulator.gain.astype(float), simulator.reach.astype(float), simulator.serving
    served = gain[np.arange(scenario.n_users), serving]
    own_images = reach[np.arange(scenario.n_users), serving] - served
    user, _, bits = simulator.arrivals
    demand = (simulator.backlog_bits + np.bincount(user, bits, minlength=scenario.n_users)) / 0.1
    rho = twin.solve(
        reach,
        scenario.power_w_per_prb,
        scenario.noise_w_per_prb,
        demand,
        serving,
        scenario.bandwidth_hz,
        name=scenario.radio.efficiency,
        ceiling=75_376 / 18e3,  # LTE, one layer, 100 PRB: bits per millisecond and 18 MHz
        share=shares,
        slice_of=scenario.slice_of,
        n_slices=4,
        own_images=own_images,
    )
    activity = rho.reshape(12, -1).sum(1)
    expected = twin.sinr(
        reach, scenario.power_w_per_prb, scenario.noise_w_per_prb, activity, serving, own_images=own_images
    )
    # Four sites: every cell meets itself again, but for signals 70 dB above it, which float32 drowns it in.
    assert (own_images >= 0.0).all()
    assert (own_images > 0.0).mean() > 0.9
    simulator.step(shares)
    # Loads are converged to 1e-6; interference, hence SINR, follows them linearly, in float32.
    np.testing.assert_allclose(simulator.sinr, expected, rtol=1e-4)


def test_probe_keeps_the_sinr_and_a_snapshot_holds_it():
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=50), seed=2)
    simulator.reset()
    uniform, skewed = np.full((12, 4), 0.25), np.tile([0.7, 0.1, 0.1, 0.1], (12, 1))
    before, snapshot = simulator.sinr, simulator.snapshot()
    simulator.probe(uniform, skewed)
    np.testing.assert_array_equal(simulator.sinr, before)
    simulator.step(skewed)
    assert (simulator.sinr != before).any()
    simulator.restore(snapshot)
    np.testing.assert_array_equal(simulator.sinr, before)


@pytest.mark.parametrize("fidelity", ["tti", "flow"])
def test_a_refused_step_changes_nothing(fidelity):
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=50, fidelity=fidelity), seed=2)
    simulator.reset()
    shares = np.tile([0.7, 0.1, 0.1, 0.1], (12, 1))
    replica = simulator._replicas[0]
    network, arrivals, before = replica.network, replica.arrivals, replica.network.state()
    out = np.zeros((7, 12, 4))
    for column, value, name in (("bits", 0.5, "arrival_bits: row 3"), ("tti", 49, "arrival_tti: row")):
        changed = getattr(arrivals, column).copy()
        changed[3] = value
        wrong = arrivals._replace(**{column: changed})
        with pytest.raises(ValueError, match=name):
            network.step(shares, replica.serving, *wrong, replica.active, out, None)
        for old, new in zip(before, network.state(), strict=True):
            np.testing.assert_equal(new, old)
    network.step(shares, replica.serving, *arrivals, replica.active, out, None)
    assert (network.state()[0] != before[0]).any()


def test_serving_cell_is_within_the_handover_margin_of_the_best():
    scenario = sf.Scenario.paper(window_ttis=20)
    simulator = sf.Simulator(scenario, seed=3)
    simulator.reset()
    for _ in range(10):
        simulator.step(np.full((12, 4), 0.25))
        received_db = 10 * np.log10(simulator.gain * scenario.power_w_per_prb)
        own = received_db[np.arange(scenario.n_users), simulator.serving]
        assert (own >= received_db.max(axis=1) - scenario.radio.handover_margin_db - 1e-4).all()


def test_users_move_smoothly_and_so_do_their_gains():
    # One second at 1 m/s changes shadowing by sigma sqrt(2 (1 - e^(-1/45))) = 0.21 sigma, 1.7 dB at 8 dB: the median
    # change over links must be of that order, not that of a fresh draw (11 dB).
    scenario = sf.Scenario.paper(window_ttis=20)
    simulator = sf.Simulator(scenario, seed=0)
    before = 10 * np.log10(simulator.gain)
    simulator.reset()
    change_db = np.abs(10 * np.log10(simulator.gain) - before)
    assert 0.1 < np.median(change_db) < 2.0


def test_loaded_cells_interfere_and_idle_ones_do_not():
    scenario = sf.Scenario.paper(window_ttis=50, traffic={"low": 0.0, "high": 0.02})
    busy = sf.Scenario.paper(window_ttis=50, traffic={"low": 1.0, "high": 1.0})
    quiet_sim, busy_sim = sf.Simulator(scenario, seed=0), sf.Simulator(busy, seed=0)
    quiet_sim.reset()
    busy_sim.reset()
    # Same seed, same places: the only difference is who transmits.
    difference_db = 10 * np.log10(quiet_sim.sinr / busy_sim.sinr)
    assert np.median(difference_db) > 3.0
