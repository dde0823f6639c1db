"""What interferes is what is used: the activity that users' SINR lets on against the PRBs that the scheduler spent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slicefast as sf

SHARES = (0.4, 0.3, 0.2, 0.1)
LENDS = {"share_as": "guarantee"}
LTE = 75_376 / 18e3  # its highest rate on one layer [bit/s/Hz]
NR = sf.Scenario.nr_3500_100mhz
NR_60_KHZ = {"subcarrier_spacing_khz": 60, "n_prb": 135}
HARQ = (0.1, 0.02, 0.004)  # of the attempts, combined
FAR = {"inter_site_distance_m": 2500.0}  # users out of reach


def scenario(packet_bits=12_000, rate=1.0, preset=sf.Scenario.paper, **options):
    """Return a preset with options, other packets and ``rate`` times the traffic."""
    tables = preset(**options).model_dump()
    for item in tables["slices"]:
        item["packet_bits"] = packet_bits
        item["rate_bps"] *= rate
    return sf.Scenario.model_validate(tables)


def interfering(simulator):
    """Gains with which cells interfere (U, N), of the serving cell's the part that does (U,), and who serves."""
    gain, reach, serving = simulator.gain.astype(float), simulator.reach.astype(float), simulator.serving
    users = np.arange(len(serving))
    return reach, reach[users, serving] - gain[users, serving], serving


def activity_and_load(network, twin, n_steps=36, warm=14, seed=0):
    """Return per cell, in the mean over the steps behind ``warm``, what interferes and what is used."""
    simulator = sf.Simulator(network, seed=seed)
    simulator.reset()
    shares = np.tile(SHARES, (network.n_cells, 1))
    pairs = []
    for _ in range(n_steps):
        gain, own, serving = interfering(simulator)
        load = simulator.step(shares).load.sum(axis=1)
        sinr = simulator.sinr.astype(float)
        activity = twin.recovered_activity(gain, network.power_w_per_prb, network.noise_w_per_prb, sinr, serving, own)
        pairs.append((activity, load))
    return np.mean(pairs[warm:], axis=0)


def test_activity_is_recovered_from_sinr(reference):
    twin = reference("load_coupling")
    rng = np.random.default_rng(0)
    gain, serving = 10.0 ** rng.uniform(-13, -8, (300, 6)), rng.integers(6, size=300)
    rho, power = rng.uniform(0.05, 0.9, 6), rng.uniform(0.1, 0.4, 6)
    sinr = twin.sinr(gain, power, 5e-15, rho, serving).astype(np.float32).astype(float)
    # Single precision of the SINR, averaged over fifty users to a cell.
    np.testing.assert_allclose(twin.recovered_activity(gain, power, 5e-15, sinr, serving), rho, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"radio": {"efficiency": "shannon"}},
        {"radio": {"efficiency": "cqi"}},
        {"radio": {"efficiency": "tr36942"}},
        {"radio": {"efficiency": "transport_block"}},
        {"scheduler": {"block_error_rate": 0.1}},
        {"scheduler": {"block_error_rate": 0.3}},
        {"scheduler": {"rbg_prb": 4}},
        {"scheduler": {"rbg_prb": 16}},
        {"packet_bits": 1_000},
        {"packet_bits": 1_000, "scheduler": {"rbg_prb": 4}},
        {"radio": {"efficiency": "transport_block"}, "scheduler": {"rbg_prb": 4, "block_error_rate": 0.1}},
        {"scheduler": {"kind": "proportional_fair", "buffer_bits": 24_000.0}},
        {"scheduler": LENDS},
        {"scheduler": LENDS | {"dedicated_part": (1.0, 0.5, 1.0, 0.0)}, "rate": 0.8},
        {"scheduler": LENDS | {"max_ratio": (0.3, 0.1, 0.5, 0.2), "rbg_prb": 4, "block_error_rate": 0.1}},
        {"radio": {"efficiency": "cqi"}, "layout": FAR, "rate": 0.5},
        {"radio": {"efficiency": "tr36942"}, "layout": FAR, "rate": 0.5},
        {"radio": {"efficiency": "transport_block"}, "layout": FAR, "rate": 0.5},
        {"preset": NR, "window_ttis": 100},
        {"preset": NR, "window_ttis": 100, "scheduler": {"block_error_rate": HARQ}},
        {"preset": NR, "window_ttis": 100, "radio": NR_60_KHZ, "scheduler": {"block_error_rate": HARQ, "rbg_prb": 4}},
        {"preset": NR, "window_ttis": 100, "radio": {"mcs_table": "qam64", "tdd_pattern": ""}},
        {"fidelity": "flow", "preset": NR, "window_ttis": 100},
        {"radio": {"interference": "fluctuating"}, "scheduler": {"rbg_prb": 4}},
        {"radio": {"interference": "fluctuating"}, "fidelity": "flow"},
        {"radio": {"efficiency": "transport_block", "layers": 2}},
        {"rate": 2.5},  # full cells: up to 0.95, here and below
        {
            "rate": 1.3,
            "packet_bits": 4_000,
            "radio": {"efficiency": "transport_block"},
            "scheduler": {"rbg_prb": 4, "block_error_rate": 0.3},
        },
        {
            "rate": 1.6,
            "packet_bits": 1_000,
            "radio": {"efficiency": "tr36942"},
            "scheduler": {"rbg_prb": 4, "block_error_rate": 0.1},
        },
        {"fidelity": "flow", "rate": 2.5},
        {"fidelity": "flow"},
        {"fidelity": "flow", "radio": {"efficiency": "transport_block"}},
        {"fidelity": "flow", "radio": {"efficiency": "tr36942"}, "layout": FAR, "rate": 0.5},
        {"fidelity": "flow", "packet_bits": 1_000, "scheduler": {"rbg_prb": 4}},
    ],
    ids=str,
)
def test_what_interferes_is_what_is_used(reference, options):
    activity, load = activity_and_load(scenario(**options), reference("load_coupling"))
    assert 0.1 < load.mean() < 0.9
    # The promise is 3 % in every cell. Of the flow level both are one formula: float32 of the SINR.
    np.testing.assert_allclose(activity, load, rtol=1e-4 if options.get("fidelity") == "flow" else 0.03)


@settings(max_examples=5)
@given(
    efficiency=st.sampled_from(["mogensen", "shannon", "tr36942", "cqi", "transport_block"]),
    rbg_prb=st.sampled_from([1, 4, 16]),
    block_error_rate=st.sampled_from([0.0, 0.1, 0.3]),
    packet_bits=st.sampled_from([1_000, 4_000, 12_000]),
    lends=st.booleans(),
)
def test_what_interferes_is_what_is_used_in_every_combination(reference, efficiency, packet_bits, lends, **rule):
    network = scenario(
        packet_bits,
        # Moderate: a resource block group carries no more than a packet.
        rate=0.6 * min(1.0, packet_bits / (500 * rule["rbg_prb"])),
        radio={"efficiency": efficiency},
        scheduler=rule | (LENDS if lends else {}),
    )
    activity, load = activity_and_load(network, reference("load_coupling"))
    moderate = load < 0.7  # beyond, what a window leaves queued depends on when its packets came
    assert moderate.any()
    np.testing.assert_allclose(activity[moderate], load[moderate], rtol=0.03)


def before_a_step(simulator, window_s):
    user, _, bits = simulator.arrivals
    demand = (simulator.backlog_bits + np.bincount(user, bits, minlength=len(simulator.serving))) / window_s
    return demand, *interfering(simulator)


@pytest.mark.parametrize("efficiency", ["cqi", "tr36942"])
def test_users_out_of_reach_wait_and_do_not_interfere(reference, efficiency):
    twin = reference("load_coupling")
    network = scenario(layout={"inter_site_distance_m": 3500.0}, radio={"efficiency": efficiency}, fidelity="flow")
    simulator = sf.Simulator(network, seed=1, per_user=True)
    simulator.reset()
    shares, seen = np.tile(SHARES, (12, 1)), 0
    for _ in range(4):
        demand, gain, own, serving = before_a_step(simulator, 0.2)
        load, waits = twin.rise(
            gain, network.power_w_per_prb, network.noise_w_per_prb, demand, serving, network.bandwidth_hz,
            lambda x: twin.efficiency(efficiency, x, LTE), lambda work: np.minimum(work, shares), network.slice_of, 4,
            own=own,
        )  # fmt: skip
        kpis = simulator.step(shares)
        expected = twin.sinr(gain, network.power_w_per_prb, network.noise_w_per_prb, load.sum(axis=1), serving, own)
        np.testing.assert_allclose(simulator.sinr, expected, rtol=1e-4)  # loads are converged to 1e-6, SINR in float32
        np.testing.assert_allclose(kpis.load, load, atol=1e-5)
        assert (kpis.user_delivered_bits[waits] == 0).all()
        seen += waits.sum()
    assert seen > 20


def test_dedicated_parts_and_max_ratios_are_coupled(reference):
    twin = reference("load_coupling")
    dedicated, most = np.array([1.0, 0.2, 0.7, 1.0]), np.array([0.5, 0.0, 0.9, 0.3])
    rule = LENDS | {"dedicated_part": tuple(dedicated), "max_ratio": tuple(most)}
    network = scenario(rate=4.0, scheduler=rule)  # so busy that limits bite
    simulator = sf.Simulator(network, seed=0)
    simulator.reset()
    for seed in range(3):
        shares = np.random.default_rng(seed).dirichlet(np.ones(4), 12)
        demand, gain, own, serving = before_a_step(simulator, 0.2)
        load, _ = twin.rise(
            gain, network.power_w_per_prb, network.noise_w_per_prb, demand, serving, network.bandwidth_hz,
            lambda x: twin.efficiency("mogensen", x, LTE),
            lambda work, a=shares: twin.lent_load(work, dedicated * a, np.maximum(most, a)), network.slice_of, 4,
            tolerance=1e-9, own=own,
        )  # fmt: skip
        assert load.sum(axis=1).min() < 0.97  # limits, not the cell
        simulator.step(shares)
        expected = twin.sinr(gain, network.power_w_per_prb, network.noise_w_per_prb, load.sum(axis=1), serving, own)
        np.testing.assert_allclose(simulator.sinr, expected, rtol=1e-4)


@pytest.mark.parametrize("efficiency", ["mogensen", "shannon", "tr36942", "cqi"])
def test_fluctuating_interference_has_the_mean_rate_over_neighbours_states(reference, efficiency):
    twin = reference("load_coupling")
    network = scenario(radio={"efficiency": efficiency, "interference": "fluctuating"}, fidelity="flow", rate=2.2)
    simulator = sf.Simulator(network, seed=0)
    simulator.reset()
    demand, gain, own, serving = before_a_step(simulator, 0.2)
    shares = np.tile(SHARES, (12, 1))
    load = simulator.step(shares).load
    rho, ceiling = load.sum(axis=1), None if efficiency == "shannon" else LTE
    watts = (network.power_w_per_prb, network.noise_w_per_prb)

    def rate(x):
        return twin.efficiency(efficiency, x, ceiling)

    some = np.arange(0, len(serving), 8)
    exact = twin.mean_rate(gain[some], *watts, rho, serving[some], rate, own[some])
    sampled, error = twin.mean_rate_prb_by_prb(
        gain[some], *watts, rho, serving[some], rate, 2000, np.random.default_rng(0), own[some]
    )
    assert (np.abs(sampled - exact) < 5 * error + 1e-9).all()
    # Six neighbours on and off, the others in the mean: the load of the twin's map at the loads themselves.
    expected = np.zeros((12, 4))
    for cell in range(12):
        mine = np.flatnonzero((serving == cell) & (demand > 0))
        bits = twin.mean_rate(gain[mine], *watts, rho, serving[mine], rate, own[mine])
        np.add.at(expected[cell], network.slice_of[mine], demand[mine] / (network.bandwidth_hz * bits))
    # The other five in the mean lower the rate (Jensen), most where the six are silent: there a user near its mast has
    # 30 dB more, and without a ceiling its rate goes on to grow. All load: 0.3 % with one, 2.2 % without; a cell: more.
    np.testing.assert_allclose(rho, np.minimum(expected, shares).sum(axis=1), rtol=0.07 if ceiling is None else 0.02)
    mean = sf.Simulator(scenario(radio={"efficiency": efficiency}, fidelity="flow", rate=2.2), seed=0)
    mean.reset()
    assert load.sum() < 0.97 * mean.step(shares).load.sum()


def test_fluctuating_interference_is_refused_beside_transport_blocks():
    with pytest.raises(ValueError, match=r"radio.interference: got 'fluctuating', must be 'mean'"):
        scenario(radio={"efficiency": "transport_block", "interference": "fluctuating"})


def test_the_correction_is_there_only_where_it_is_needed_and_is_restored():
    usage = slice(-3, -1)  # of the state: PRBs used, and work
    plain = sf.Simulator(sf.Scenario.paper(window_ttis=50), seed=0)
    plain.reset()
    assert all(part.size == 0 for part in plain._replicas[0].network.state()[usage])
    # Little traffic: what queues beyond a window hides what a window needs.
    simulator = sf.Simulator(scenario(rate=0.6, window_ttis=50, scheduler={"rbg_prb": 4}), seed=0)
    simulator.reset()
    shares = np.tile(SHARES, (12, 1))
    for _ in range(3):
        simulator.step(shares)
    used, work = simulator._replicas[0].network.state()[usage]
    assert used.shape == work.shape == (48,)
    assert (used / work).mean() > 1.02  # half an RBG of four and more, of packets of some 25 PRBs
    snapshot = simulator.snapshot()
    expected = [simulator.step(shares).load for _ in range(3)]
    simulator.restore(snapshot)
    np.testing.assert_array_equal([simulator.step(shares).load for _ in range(3)], expected)
