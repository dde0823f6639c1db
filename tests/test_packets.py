"""What became of packets: delays by bin against the slow twin and NumPy, loss, reliability, energy and E2SM-KPM."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slicefast as sf
from slicefast import energy, kpm
from slicefast.kpis import KPIS
from slicefast.packets import DELAY_TTIS, PacketKpis
from slicefast.scheduling import Scheduler
from slicefast.validation import counting

seeds = st.integers(0, 2**32 - 1)
SHORT = 63  # the longest delay with a bin of its own [ms]


def bin_of(delay):
    """Return the bin of a delay: its own below 64, else one of 32 to the doubling that it is in."""
    width = max(1, 2 ** (int(np.log2(delay)) - 5))
    return int(np.flatnonzero(delay // width * width + (width - 1) / 2 == DELAY_TTIS)[0])


@given(seed=seeds, kind=st.sampled_from(["round_robin", "proportional_fair", "max_ci"]))
def test_packets_match_the_slow_twin(reference, seed, kind):
    rng = np.random.default_rng(seed)
    options = {"discard_ttis": int(rng.choice([0, 7, 60])), "buffer_bits": float(rng.choice([0, 20_000]))}
    fast = Scheduler(2, 3, 18, 6, kind, **options)
    slow = reference("scheduling").SlowScheduler(2, 3, 18, 6, kind, **options)
    came, ended = 0, 0.0
    for _ in range(3):
        n = 150
        window = {
            "n_ttis": 50, "arrival_user": rng.integers(18, size=n), "arrival_tti": np.sort(rng.integers(50, size=n)),
            "arrival_bits": rng.integers(1, 6000, n), "bits_per_prb": rng.integers(40, 2000, 18) / 4,
            "share": rng.dirichlet(np.ones(3), 2), "serving": rng.integers(2, size=18),
            "slice_of": rng.integers(3, size=18),
        }  # fmt: skip
        packets = fast.run(**window, per_packet=True).packets
        slow.run(*window.values())
        np.testing.assert_array_equal(packets.lost, slow.lost)
        came += n
        ended += (packets.delivered + packets.lost).sum()
        assert came == ended + packets.waiting.sum()
        for c, s in np.ndindex(2, 3):
            delays = np.array(slow.ended[c][s])
            expected = np.bincount([bin_of(delay) for delay in delays], minlength=len(DELAY_TTIS))
            np.testing.assert_array_equal(packets.delay_counts[c, s], expected)
            if not delays.size:
                assert np.isnan(packets.mean_delay_ms[c, s])
                assert np.isnan(packets.delay_ms(50)[c, s])
                continue
            assert packets.mean_delay_ms[c, s] == pytest.approx(delays.mean())
            for percent in (50, 95, 99.9, 100):
                right = np.percentile(delays, percent, method="inverted_cdf")
                # Exact below 64 ms; the middle of a bin beyond.
                assert packets.delay_ms(percent)[c, s] == pytest.approx(right, rel=1e-12 if right <= SHORT else 1 / 64)
            within = (delays <= 7).sum() / (delays.size + slow.lost[c, s])
            assert packets.reliability(7.0)[c, s] == pytest.approx(within)
            assert packets.loss[c, s] == pytest.approx(slow.lost[c, s] / (delays.size + slow.lost[c, s]))


def test_every_delay_is_near_the_middle_of_its_bin():
    assert DELAY_TTIS[: SHORT + 1].tolist() == list(range(SHORT + 1))
    # One packet per window, of a queue that stands still for so many TTIs.
    for delay in (1, 63, 64, 65, 127, 128, 200, 1000, 4095, 4096, 70_000):
        cell = Scheduler(1, 1, 1, 1)
        result = cell.run(delay, [0], [0], [float(delay)], [1.0], per_packet=True)
        got = result.packets.delay_ms(50)[0, 0]
        assert got == pytest.approx(delay, rel=1 / 64)
        assert got == DELAY_TTIS[bin_of(delay)]
        assert result.packets.mean_delay_ms[0, 0] == delay


def test_packets_of_a_network_and_of_several_steps():
    scenario = sf.Scenario.paper()
    simulator = sf.Simulator(scenario, seed=1, n_replicas=2, per_packet=True)
    plain = sf.Simulator(scenario, seed=1, n_replicas=2)
    simulator.reset()
    plain.reset()
    shares = np.full((2, 12, 4), 0.25)
    steps = [simulator.step(shares) for _ in range(3)]
    for step in steps:
        expected = plain.step(shares)
        np.testing.assert_array_equal(step.delay_ms, expected.delay_ms)
        assert expected.packets is None
    total = PacketKpis.total(step.packets for step in steps)
    assert total.delivered.shape == (2, 12, 4)
    assert total.delivered.sum() == sum(step.packets.delivered.sum() for step in steps)
    counts = sum(step.packets.delay_counts[1, 3, 2].astype(int) for step in steps)
    delays = np.repeat(DELAY_TTIS, counts)
    assert total.delay_ms(95)[1, 3, 2] == np.percentile(delays, 95, method="inverted_cdf")
    n = delays.size
    mean = sum(np.nan_to_num(s.packets.mean_delay_ms[1, 3, 2]) * s.packets.delivered[1, 3, 2] for s in steps) / n
    assert total.mean_delay_ms[1, 3, 2] == pytest.approx(mean)
    np.testing.assert_array_equal(total.waiting, steps[-1].packets.waiting)
    budget = scenario.delay_requirement_ms
    assert total.reliability(budget).shape == (2, 12, 4)
    assert total.reliability(budget)[1, 3, 2] == pytest.approx(
        (delays <= budget[3, 2]).sum() / (n + total.lost[1, 3, 2])
    )
    assert not steps[0].packets.delay_counts.flags.writeable
    # Output, no state.
    snapshot = simulator.snapshot()
    assert set(snapshot["kpis"]) == set(KPIS)
    after = simulator.step(shares)
    simulator.restore(snapshot)
    np.testing.assert_array_equal(simulator.step(shares).packets.delay_counts, after.packets.delay_counts)


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="per_packet: got True, allowed: False at the flow level"):
        sf.Simulator(sf.Scenario.paper(fidelity="flow"), per_packet=True)
    packets = Scheduler(1, 1, 1).run(10, [0], [0], [1.0], [1.0], per_packet=True).packets
    for percent in (0, -1, 100.1, np.nan):
        with pytest.raises(ValueError, match="percent"):
            packets.delay_ms(percent)
    with pytest.raises(ValueError, match="steps"):
        PacketKpis.total([])


def test_energy_by_hand():
    # Macro, two transceivers of 20 W: 2 (130 + 4.7 x 20 l); asleep 2 x 75.
    np.testing.assert_allclose(energy.power_w([0.0, 0.5, 1.0]), [260, 354, 448])
    np.testing.assert_allclose(energy.power_w([0.0, 0.5], sleeps=True), [150, 354])
    np.testing.assert_allclose(energy.power_w(1.0, energy.STATIONS["pico"]), 2 * (6.8 + 4.0 * 0.13))
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="load"):
            energy.power_w([0.5, wrong])
    kpis = sf.Simulator(sf.Scenario.paper(), seed=0).reset()
    np.testing.assert_allclose(kpis.power_w(), 260 + 188 * kpis.load.sum(axis=1))


def test_measurements_carry_their_labels():
    base = sf.Scenario.paper().model_dump()
    base["slices"] = list(base["slices"])
    base["slices"][1] |= {"sst": 2, "sd": 0xABCDEF}
    base["slices"][2] |= {"sst": 3}
    scenario = sf.Scenario(**base)
    kpis = sf.Simulator(scenario, seed=0, per_packet=True).reset()
    labels = kpm.slices_snssai(scenario)
    assert labels == ((1, 1), (2, 0xABCDEF), (3, None), (1, 4))
    found = {(r.name, r.cell, r.snssai): r for r in kpm.records(kpis, scenario)}
    record = found["DRB.UEThpDl", 5, labels[1]]
    assert (record.value, record.unit) == (pytest.approx(kpis.throughput_bps[4, 1] / 1e3), "kbit/s")
    assert found["RRU.PrbUsedDl", 12, labels[3]].value == pytest.approx(100 * kpis.load[11, 3])
    assert found["RRU.PrbTotDl", 12, None].value == pytest.approx(100 * kpis.load[11].sum())
    assert found["RRU.PrbAvailDl", 1, None].value == 100
    assert found["DRB.MeanActiveUeDl", 1, labels[0]].value == kpis.users[0, 0]
    delay = found["DRB.RlcSduDelayDl", 1, labels[0]]
    assert (delay.value, delay.unit) == (pytest.approx(10 * kpis.packets.mean_delay_ms[0, 0]), "0.1 ms")
    assert found["DRB.RlcPacketDropRateDl", 1, labels[0]].value == pytest.approx(1e6 * kpis.packets.loss[0, 0])
    names = {r.name for r in kpm.records(sf.Simulator(scenario, seed=0).reset(), scenario)}
    assert "DRB.RlcSduDelayDl" not in names
    base["slices"][2] |= {"sst": 2, "sd": 0xABCDEF}
    with pytest.raises(ValueError, match="S-NSSAI of slice 3"):
        kpm.records(kpis, sf.Scenario(**base))
    with pytest.raises(ValueError, match="kpis: got shape"):
        kpm.records(sf.Simulator(scenario, seed=0, n_replicas=2).reset(), scenario)


def test_percentiles_are_those_of_theory():
    rows = counting.percentile_checks()
    assert len(rows) == 4
    assert not [row for row in rows if not row.holds]


def test_a_percentile_is_a_packets_own_delay():
    counts = np.zeros((1, 1, DELAY_TTIS.size), np.uint32)
    counts[0, 0, [1, 2, 5]] = 1
    packets = PacketKpis(counts, *np.zeros((3, 1, 1)), tti_s=0.5e-3)
    assert [packets.delay_ms(percent)[0, 0] for percent in (33, 50, 66, 67, 100)] == [0.5, 1.0, 1.0, 2.5, 2.5]
