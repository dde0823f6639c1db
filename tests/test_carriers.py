"""Carriers of scenarios: LTE and NR, their TTIs, PRBs and TDD, from the scenario to the KPIs."""

import numpy as np
import pytest

import slicefast as sf
from slicefast import load_coupling, scheduling
from slicefast.errors import ScenarioError
from slicefast.radio import carrier

EQUAL = np.full((12, 4), 0.25)


def test_bandwidths():
    # 3GPP TS 38.101-1 Table 5.3.2-1: its largest channels, and that guard bands leave 12 subcarriers per PRB room.
    for mhz, khz, prbs in ((50, 15, 270), (20, 15, 106), (100, 30, 273), (20, 30, 51), (100, 60, 135), (10, 60, 11)):
        assert carrier.n_prb(mhz, khz) == prbs
    for khz, channels in carrier.NR_PRBS.items():
        for mhz, prbs in channels.items():
            assert 0.7 < prbs * 12 * khz / (1e3 * mhz) < 0.99
    with pytest.raises(ValueError, match="bandwidth_mhz: got 100, allowed: 5, 10"):
        carrier.n_prb(100, 15)
    with pytest.raises(ValueError, match="subcarrier_spacing_khz: got 120"):
        carrier.n_prb(100, 120)


def test_downlink_share():
    assert carrier.downlink_share("") == 1.0
    assert carrier.downlink_share("DDDSU") == pytest.approx((3 + 10 / 14) / 5)


@pytest.mark.parametrize(("khz", "tti_s"), [(15, 1e-3), (30, 0.5e-3), (60, 0.25e-3)])
def test_a_slot_is_the_tti(khz, tti_s):
    scenario = sf.Scenario.paper(radio={"technology": "nr", "subcarrier_spacing_khz": khz, "n_prb": 24})
    assert scenario.radio.tti_s == tti_s
    assert scenario.radio.prb_bandwidth_hz == 12e3 * khz
    assert scenario.bandwidth_hz == 24 * 12e3 * khz


def test_nr_at_15_khz_is_lte():
    # With the same curve and no ceiling only the tables would differ.
    kpis = []
    for technology in ("lte", "nr"):
        radio = {"technology": technology, "efficiency": "shannon"}
        simulator = sf.Simulator(sf.Scenario.paper(radio=radio), seed=3)
        simulator.reset()
        kpis.append(simulator.step(EQUAL))
    np.testing.assert_array_equal(kpis[0].delay_ms, kpis[1].delay_ms)
    np.testing.assert_array_equal(kpis[0].throughput_bps, kpis[1].throughput_bps)


def lone_cell(tmp_path, **radio):
    """One cell of 90 dBm, one user with a full buffer: the best of links, all the time."""
    (tmp_path / "cell.csv").write_text("x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n0,0,25,0,10,90\n")
    return sf.Scenario(
        slices=[{"name": "all", "users_per_cell": 1, "traffic": "full_buffer"}],
        requirements=[{"cells": "all", "throughput_bps": [1e6], "delay_ms": [10.0]}],
        layout={"kind": "csv", "sites_csv": str(tmp_path / "cell.csv")},
        traffic={"low": 1.0, "high": 1.0},
        radio={"noise_figure_db": 0.0, "efficiency": "transport_block", **radio},
        window_ttis=700,
    )


NR_100MHZ = {"technology": "nr", "subcarrier_spacing_khz": 30, "n_prb": 273}


@pytest.mark.parametrize(
    ("radio", "bits", "tti_s", "downlink"),
    [
        # LTE, 20 MHz: 75,376 bits a subframe. NR, 100 MHz: MCS 28 of table 1 and MCS 27 of table 2 over 273 PRBs (TS
        # 38.214 5.1.3.2, see test_link_adaptation).
        ({}, 75_376, 1e-3, 1.0),
        (NR_100MHZ, 217_128, 0.5e-3, 1.0),
        ({**NR_100MHZ, "mcs_table": "qam256"}, 295_176, 0.5e-3, 1.0),
        ({**NR_100MHZ, "mcs_table": "qam256", "tdd_pattern": "DDDSU"}, 295_176, 0.5e-3, 52 / 70),
        ({"technology": "nr", "subcarrier_spacing_khz": 60, "n_prb": 135}, 108_552, 0.25e-3, 1.0),
    ],
)
@pytest.mark.filterwarnings("ignore:power_dbm of cell 1")  # mW given as dBm, as it seems
@pytest.mark.parametrize("fidelity", ["tti", "flow"])
def test_peak_throughput(tmp_path, reference, radio, bits, tti_s, downlink, fidelity):
    twin = reference("link_adaptation")
    table = radio.get("mcs_table", "qam64")
    if radio:
        assert bits == twin.prb_block_bits(f"nr_{table}", {"qam64": 28, "qam256": 27}[table], radio["n_prb"])
    simulator = sf.Simulator(lone_cell(tmp_path, **radio).replace(fidelity=fidelity), seed=0)
    simulator.reset()
    kpis = simulator.step(np.ones((1, 1)))
    assert kpis.load[0, 0] == pytest.approx(1.0, abs=1e-9)
    # One slot more or less of the window; at the flow level bits per PRB are float32.
    assert kpis.throughput_bps[0, 0] == pytest.approx(bits / tti_s * downlink, rel=1 / 700)
    hz = simulator.scenario.bandwidth_hz
    assert kpis.spectral_efficiency[0, 0] == pytest.approx(bits / (tti_s * hz), rel=1e-6)


def test_transport_blocks_of_wider_prbs_carry_as_much_per_hertz():
    # 102 x 180 kHz of LTE's 64QAM against 51 x 360 kHz of NR's: NR's overhead and tables move the load by a few per
    # cent, which interference, following the PRBs that are used, takes to a quarter; not by the factor of two and more
    # that LTE's table over wide PRBs would.
    loads = []
    for radio in ({"n_prb": 102}, {"technology": "nr", "subcarrier_spacing_khz": 30, "n_prb": 51}):
        radio |= {"efficiency": "transport_block"}
        scenario = sf.Scenario.paper(radio=radio, window_ttis=200 if "technology" not in radio else 400)
        simulator = sf.Simulator(scenario, seed=0)
        simulator.reset()
        loads.append(np.mean([simulator.step(EQUAL).load.sum(axis=1).mean() for _ in range(10)]))
    assert loads[1] == pytest.approx(loads[0], rel=0.3)


@pytest.mark.parametrize("options", [{}, {"min_ratio": np.ones((1, 1))}])
def test_tdd_deals_no_prb_in_uplink_slots(options):
    # 52 of 70 TTIs: floor(52 k / 70) grows in TTIs 1, 2, 3, 5, 6, 7, 9, ... A packet of one TTI that comes in TTI 0
    # leaves in TTI 1.
    downlink = np.diff(52 * np.arange(71) // 70)
    assert downlink[:5].tolist() == [0, 1, 1, 0, 1]
    share = {} if options else {"share": np.ones((1, 1))}
    cell = scheduling.Scheduler(1, 1, 1, n_prb=10, downlink_parts=52, tdd_parts=70)
    for tti in range(140):
        result = cell.run(1, [0], [0], [100.0], bits_per_prb=[10.0], **share, **options)
        served = downlink[tti % 70]
        assert result.load[0, 0] == served
        assert (result.user_delivered_bits[0] > 0) == served


@pytest.mark.filterwarnings("ignore:power_w gain")  # a user beside the mast
def test_interference_is_that_of_downlink_slots():
    # The coupled activity is the load of the downlink's slots: demand over what they carry.
    # On a plane, where every link is in `gain`.
    scenario = sf.Scenario.paper(radio={"tdd_pattern": "DDDSU"}, window_ttis=700, layout={"wrap_around": False})
    simulator = sf.Simulator(scenario, seed=0)
    simulator.reset()
    gain, serving = simulator.gain.astype(float), simulator.serving
    user, _, bits = simulator.arrivals
    demand = (simulator.backlog_bits + np.bincount(user, bits, minlength=scenario.n_users)) / 0.7
    solution = load_coupling.solve(
        gain, scenario.power_w_per_prb, scenario.noise_w_per_prb, demand, serving, scenario.bandwidth_hz * 52 / 70,
        EQUAL, scenario.slice_of, efficiency="mogensen", ceiling_bps_per_hz=scenario.ceiling_bps_per_hz,
    )  # fmt: skip
    kpis = simulator.step(EQUAL)
    expected = load_coupling.sinr(
        gain, scenario.power_w_per_prb, scenario.noise_w_per_prb, solution.load.sum(axis=1), serving
    )
    np.testing.assert_allclose(simulator.sinr, expected, rtol=1e-4)  # loads to 1e-6, SINR in float32
    assert kpis.load.sum(axis=1).mean() == pytest.approx(solution.load.sum(axis=1).mean(), rel=0.03)


def test_traffic_is_the_same_in_shorter_ttis():
    # Bits per second of every model, over 40 windows of 0.2 s: within 5 standard errors of a thousand packets and more.
    models = ["poisson", "constant", {"kind": "on_off", "on_s": 0.05, "off_s": 0.05}, "ftp3"]
    slices = [{"name": f"s{k}", "traffic": model, "rate_bps": 4e6 if k == 3 else 4e5} for k, model in enumerate(models)]
    rates = []
    for radio, window in (({}, 200), ({"technology": "nr", "subcarrier_spacing_khz": 60, "n_prb": 50}, 800)):
        scenario = sf.Scenario.paper(slices=slices, radio=radio, window_ttis=window, traffic={"low": 1, "high": 1})
        simulator, bits = sf.Simulator(scenario, seed=1), np.zeros(4)
        simulator.reset()
        for _ in range(40):
            user, _, sizes = simulator.arrivals
            bits += np.bincount(scenario.slice_of[user], sizes, minlength=4)
            simulator.step(EQUAL)
        rates.append(bits / (40 * 0.2 * 384))
    np.testing.assert_allclose(rates, [[4e5, 4e5, 4e5, 4e6]] * 2, rtol=0.05)


def test_the_discard_timer_is_in_milliseconds():
    scenario = sf.Scenario.paper(radio=NR_100MHZ | {"n_prb": 24}, window_ttis=400, scheduler={"discard_timer_ms": 20})
    simulator = sf.Simulator(scenario, seed=0)
    simulator.reset()
    shares = np.tile([0.0, 0.0, 0.0, 1.0], (12, 1))
    for _ in range(3):
        kpis = simulator.step(shares)
    assert kpis.delay_ms[:, 0].max() <= 20.0
    assert kpis.delay_ms[:, 0].max() > 15.0


def test_preset(tmp_path):
    scenario = sf.Scenario.nr_3500_100mhz()
    assert scenario.bandwidth_hz == 273 * 360e3
    assert scenario.throughput_requirement_bps[0, 0] == 20e6
    scenario.to_toml(tmp_path / "nr.toml")
    assert sf.Scenario.from_toml(tmp_path / "nr.toml") == scenario
    small = sf.Scenario.nr_3500_100mhz(radio={"tdd_pattern": ""}, layout={"n_sites": 1})
    assert small.radio.downlink_share == 1.0
    assert small.n_cells == 3
    simulator = sf.Simulator(scenario, seed=0)
    simulator.reset()
    kpis = [simulator.step(EQUAL) for _ in range(20)]
    # Not the paper's load, but one of its kind; slots of 0.5 ms let packets through in less than LTE's 1 ms.
    assert 0.1 < np.mean([k.load.sum(axis=1).mean() for k in kpis]) < 0.4
    assert min(k.delay_ms.min() for k in kpis) < 1.0


@pytest.mark.parametrize(
    ("radio", "message"),
    [
        (
            {"prb_bandwidth_hz": 360e3, "efficiency": "transport_block"},
            "prb_bandwidth_hz: got 360000.0, must be 18",
        ),
        ({"prb_bandwidth_hz": 360e3, "efficiency": "cqi"}, "prb_bandwidth_hz"),
        ({"technology": "nr", "prb_bandwidth_hz": 200e3}, "prb_bandwidth_hz: got 200000.0, must be 180000"),
        ({**NR_100MHZ, "n_prb": 274}, "n_prb: got 274, must be at most 273 at 30 kHz"),
        ({"technology": "nr", "efficiency": "cqi"}, "efficiency: got 'cqi'"),
        ({"subcarrier_spacing_khz": 30}, "subcarrier_spacing_khz: got 30, must be 15 with technology = 'lte'"),
        ({"technology": "nr", "subcarrier_spacing_khz": 45}, "subcarrier_spacing_khz: got 45"),
        ({"mcs_table": "qam256"}, "mcs_table: got 'qam256'"),
        ({"technology": "5g"}, "technology: got '5g'"),
        ({"tdd_pattern": "SU"}, "tdd_pattern: got 'SU', must have a slot D"),
        ({"tdd_pattern": "DX"}, "tdd_pattern: got 'DX'"),
    ],
)
def test_refusals(radio, message):
    with pytest.raises(ScenarioError, match=f"radio.{message}"):
        sf.Scenario.paper(radio=radio)
