"""Slices' places in frequency: neighbours' partitions decide who meets whom."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf

LTE = 75_376 / 18e3  # its highest rate on one layer [bit/s/Hz]


def scenario(rate=1.0, bands="in_order", **options):
    options["scheduler"] = {"bands": bands} | options.get("scheduler", {})
    tables = sf.Scenario.paper(**options).model_dump()
    for item in tables["slices"]:
        item["rate_bps"] *= rate
    return sf.Scenario.model_validate(tables)


def started(network, seed=0):
    simulator = sf.Simulator(network, seed=seed)
    simulator.reset()
    return simulator


def radio(network, simulator):
    """Gains with which cells interfere (U, N), power, noise, and of the serving cell's gain what interferes (U,)."""
    gain, reach = simulator.gain.astype(float), simulator.reach.astype(float)
    users = np.arange(len(gain))
    own = reach[users, simulator.serving] - gain[users, simulator.serving]
    return reach, network.power_w_per_prb, network.noise_w_per_prb, own


def demand_of(simulator, window_s=0.2):
    user, _, bits = simulator.arrivals
    return (simulator.backlog_bits + np.bincount(user, bits, minlength=len(simulator.serving))) / window_s


def random_shares(seed, n_cells=12):
    return np.random.default_rng(seed).dirichlet(np.full(4, 2.0), n_cells)


def test_with_equal_shares_slices_meet_their_own_kind(reference):
    twin = reference("load_coupling")
    shares = np.tile([0.4, 0.3, 0.2, 0.1], (12, 1))
    overlap = twin.band_overlap(shares)
    np.testing.assert_allclose(overlap, np.broadcast_to(np.eye(4)[None, :, None, :], overlap.shape), atol=1e-12)
    network = scenario(fidelity="flow")
    simulator = started(network)
    gain, power, noise, own = radio(network, simulator)
    serving = simulator.serving
    load = simulator.step(shares).load
    # By hand: slice after slice a network of its own, whose cells are active for load over share.
    for s in range(4):
        mine = network.slice_of == s
        alone = twin.sinr(gain[mine], power, noise, load[:, s] / shares[0, s], serving[mine], own[mine])
        np.testing.assert_allclose(simulator.sinr[mine], alone, rtol=1e-4)  # float32; loads converged to 1e-6


def test_one_slice_with_the_whole_carrier_is_as_if_it_lay_anywhere():
    whole = np.tile([1.0, 0.0, 0.0, 0.0], (12, 1))
    sinr, load = [], []
    for bands in ("in_order", "anywhere"):
        simulator = started(scenario(bands=bands, fidelity="flow"))
        load.append(simulator.step(whole).load)
        sinr.append(simulator.sinr)
    np.testing.assert_allclose(load[0], load[1], atol=3e-5)  # plain iteration against Newton's, to 1e-6 each
    np.testing.assert_allclose(sinr[0], sinr[1], rtol=1e-4)


def test_complementary_bands_do_not_meet():
    """Two slices' halves swapped in every other cell: the first slice of a cell meets the other slice's neighbours."""
    network = scenario(fidelity="flow")
    left, right = [0.5, 0.0, 0.0, 0.5], [0.0, 0.5, 0.5, 0.0]
    shares = np.array([left if n % 2 else right for n in range(12)])
    simulator = started(network)
    gain, power, noise, own = radio(network, simulator)
    serving, slice_of = simulator.serving, network.slice_of
    load = simulator.step(shares).load
    # By hand: the lower half is slice 0 of odd cells and slice 1 of even ones; the upper half slices 3 and 2.
    odd = np.arange(12) % 2 == 1
    lower = np.where(odd, load[:, 0], load[:, 1]) / 0.5
    upper = np.where(odd, load[:, 3], load[:, 2]) / 0.5
    users = np.arange(len(serving))
    received = gain * power
    signal = power[serving] * (gain[users, serving] - own)
    received[users, serving] = power[serving] * own
    for active, slices in ((lower, (0, 1)), (upper, (3, 2))):
        mine = slice_of == np.where(odd[serving], *slices)
        expected = signal[mine] / (received[mine] @ active + noise)
        np.testing.assert_allclose(simulator.sinr[mine], expected, rtol=1e-4)


def test_cells_in_different_bands_do_not_interfere():
    """Where the other cells' slices have nothing to send in a band, its users hear noise alone."""
    tables = scenario(fidelity="flow", layout={"wrap_around": False}).model_dump()
    tables["slices"][2].update(rate_bps=10.0, packet_bits=1e7)  # a packet in 10,000 steps
    network = sf.Scenario.model_validate(tables)
    shares = np.tile([0.3, 0.3, 0.4, 0.0], (12, 1))
    shares[4] = [0.3, 0.3, 0.0, 0.4]
    simulator = started(network)
    gain, power, noise, _ = radio(network, simulator)
    mine = (simulator.serving == 4) & (network.slice_of == 3)
    simulator.step(shares)
    np.testing.assert_allclose(simulator.sinr[mine], gain[mine, 4] * power[4] / noise, rtol=1e-6)


@pytest.mark.parametrize("efficiency", ["mogensen", "shannon", "cqi"])
@pytest.mark.parametrize("rate", [0.7, 2.0])
def test_loads_are_the_lowest_that_agree_with_the_interference(reference, efficiency, rate):
    twin = reference("load_coupling")
    network = scenario(rate, radio={"efficiency": efficiency}, fidelity="flow")
    ceiling = None if efficiency == "shannon" else LTE
    simulator = started(network)
    for seed in range(2):
        shares = random_shares(seed)
        shares[seed] = [0.5, 0.0, 0.2, 0.3]  # a slice without a band
        gain, power, noise, own = radio(network, simulator)
        serving = simulator.serving
        expected = twin.band_solve(
            gain, power, noise, demand_of(simulator), serving, network.bandwidth_hz,
            lambda x: twin.efficiency(efficiency, x, ceiling), network.slice_of, shares, own,
        )  # fmt: skip
        simulator.step(shares)
        sinr = twin.band_sinr(gain, power, noise, expected, serving, network.slice_of, shares, own)
        np.testing.assert_allclose(simulator.sinr, sinr, rtol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scheduler": {"rbg_prb": 4}},
        {"radio": {"efficiency": "transport_block"}},
        {"radio": {"interference": "fluctuating"}},
        {"fidelity": "flow"},
    ],
    ids=str,
)
def test_what_interferes_in_a_band_is_what_is_used_there(reference, options):
    twin = reference("load_coupling")
    network = scenario(rate=1.0, **options)
    simulator, shares, pairs = started(network), random_shares(0), []
    shares = 0.5 * shares + 0.125
    for _ in range(44):
        gain, power, noise, own = radio(network, simulator)
        serving = simulator.serving
        load = simulator.step(shares).load
        sinr = simulator.sinr.astype(float)
        activity = twin.recovered_band_activity(gain, power, noise, sinr, serving, network.slice_of, shares, own)
        pairs.append((activity * shares, load))
    activity, load = np.mean(pairs[14:], axis=0)
    assert 0.1 < load.sum(axis=1).mean() < 0.9
    steady = load < 0.7 * shares  # beyond, what a window leaves queued depends on when its packets came
    assert steady.mean() > 0.5
    # Within 3 % and a twentieth of a PRB: some slices use one PRB in a hundred, which a packet's last one rounds.
    exactly = {"rtol": 1e-3} if "fidelity" in options else {"rtol": 0.03, "atol": 5e-4}
    np.testing.assert_allclose(activity[steady], load[steady], **exactly)
    np.testing.assert_allclose(activity.sum(axis=0), load.sum(axis=0), rtol=0.03)


@pytest.mark.parametrize(
    ("fidelity", "tolerance"), [("flow", 1e-9), ("tti", 0.01)]
)  # slices alone round PRBs otherwise
def test_a_probe_has_the_interference_of_the_coupled_shares(fidelity, tolerance):
    network = scenario(fidelity=fidelity)
    simulator, shares = started(network), random_shares(3)
    probed = simulator.probe(shares, coupled_shares=shares)
    other = simulator.probe(random_shares(4), coupled_shares=shares)
    step = simulator.step(shares)
    np.testing.assert_allclose(probed.load, step.load, rtol=tolerance)
    fits = step.load < 0.9 * np.minimum(shares, random_shares(4))  # rates alone decide
    assert fits.sum() > 20
    if fidelity == "flow":  # where no packet comes too late in a window to be sent in full
        np.testing.assert_allclose(other.load[fits], step.load[fits], rtol=1e-9)


@pytest.mark.parametrize("fidelity", ["tti", "flow"])
def test_a_restored_network_goes_on_to_the_last_bit(fidelity):
    first = started(scenario(fidelity=fidelity))
    first.step(random_shares(0))
    snapshot = first.snapshot()
    expected = [first.step(random_shares(i)).load for i in (1, 2)]
    second = started(scenario(fidelity=fidelity), seed=0)
    second.restore(snapshot)
    for i, load in zip((1, 2), expected, strict=True):
        np.testing.assert_array_equal(second.step(random_shares(i)).load, load)


def test_off_changes_no_bit():
    plain = sf.Simulator(sf.Scenario.paper(), seed=0)
    stated = sf.Simulator(scenario(bands="anywhere"), seed=0)
    for simulator in (plain, stated):
        simulator.reset()
    for i in range(3):
        a, b = plain.step(random_shares(i)), stated.step(random_shares(i))
        np.testing.assert_array_equal(a.load, b.load)
        np.testing.assert_array_equal(plain.sinr, stated.sinr)


def test_lending_is_refused_beside_bands():
    with pytest.raises(ValueError, match=r"scheduler.bands: got 'in_order', must be 'anywhere'"):
        scenario(scheduler={"share_as": "guarantee"})


def test_far_cells_do_not_fold_beside_bands():
    network = scenario(layout={"n_sites": 39}, fidelity="flow")
    simulator = started(network)
    simulator.step(random_shares(0, network.n_cells))
