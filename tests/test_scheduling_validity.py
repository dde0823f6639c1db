"""The scheduler against queueing theory, against another simulator's published throughputs, and the flow level."""

from __future__ import annotations

import numpy as np
import pytest

from slicefast import scheduling


def poisson(rng, packets_per_tti, n_ttis, n_users=1):
    tti = np.sort(rng.integers(n_ttis, size=rng.poisson(packets_per_tti * n_ttis))).astype(np.int32)
    return rng.integers(n_users, size=tti.size, dtype=np.int32), tti


@pytest.mark.parametrize(("load", "n_ttis"), [(0.2, 2_000_000), (0.5, 2_000_000), (0.8, 6_000_000), (0.9, 20_000_000)])
def test_one_user_meets_m_d_1(load, n_ttis):
    # Packets take D = 4 TTIs. Poisson arrivals rounded to TTI borders come in Poisson batches; the batch's own wait
    # (rho / 2) makes up exactly for the rounding, so the mean wait is M/D/1's rho D / (2 (1 - rho)) with no correction
    # as long as D is a whole number of TTIs. Lengths: standard error below 0.6 %.
    rng = np.random.default_rng(11)
    duration, window = 4, 1_000_000
    scheduler = scheduling.Scheduler(1, 1, 1, 10, "round_robin")
    delay = packets = 0.0
    for _ in range(n_ttis // window):
        user, tti = poisson(rng, load / duration, window)
        result = scheduler.run(window, user, tti, np.full(tti.size, 4000.0), [100.0])
        delay += result.delay_ms[0, 0] * tti.size
        packets += tti.size
    wait = delay / packets - duration
    assert wait == pytest.approx(load * duration / (2 * (1 - load)), rel=0.02)


@pytest.mark.parametrize("sizes", ["fixed", "exponential"])
@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_round_robin_with_many_users_approaches_processor_sharing(load, sizes):
    # Mean sojourn s / (1 - rho) whatever the size distribution (first in, first out would differ by a factor of up to
    # 2 between the two). s = 20 TTIs; leaving at TTI borders adds half a TTI. 400 users, so that a user rarely has two.
    rng = np.random.default_rng(5)
    n_ttis, s, n_users = 1_000_000, 20, 400
    user, tti = poisson(rng, load / s, n_ttis, n_users)
    bits = np.full(tti.size, s * 10_000.0)
    if sizes == "exponential":
        bits *= rng.exponential(size=tti.size)
    result = scheduling.schedule_window(
        n_ttis, user, tti, np.maximum(bits, 1), np.full(n_users, 100.0), kind="round_robin"
    )
    assert result.delay_ms[0, 0] == pytest.approx(s / (1 - load) + 0.5, rel=0.05)


def test_proportional_fair_gives_equal_time():
    # Full buffers: users of equal distance get equal bits, users of unequal distance equal time. The averaging window
    # of 100 TTIs makes the cycle's imbalance below 1 % after 20,000 TTIs.
    rate = np.array([100.0, 100.0, 100.0, 400.0, 25.0])
    users = np.arange(5)
    result = scheduling.schedule_window(20_000, users, np.zeros(5, int), np.full(5, 1e11), rate)
    time = result.user_delivered_bits / rate
    np.testing.assert_allclose(time / time.sum(), 0.2, rtol=0.01)


# Downlink, bytes per second and user, of a round-robin LTE scheduler: 24 of 25 PRBs in groups of two, one transport
# block per user and TTI. lte-test-rr-ff-mac-scheduler.cc of the ns-3 test suite, tolerance 10 % as there. I_TBS is the
# one row of TS 36.213 whose 24-PRB block gives the single user's figure.
PUBLISHED = {
    26: {1: 2196000, 3: 749000, 6: 373000, 9: 185000, 12: 185000, 15: 148000},
    20: {1: 1383000, 3: 469000, 6: 233000, 9: 113000, 12: 113000, 15: 90400},
    18: {1: 1191000, 3: 389000, 6: 193000, 9: 97000, 12: 97000, 15: 77600},
    8: {1: 421000, 3: 137000, 6: 67000, 9: 32000, 12: 32000, 15: 25600},
}


@pytest.mark.parametrize("index", list(PUBLISHED))
def test_round_robin_meets_published_throughputs(index):
    for n_users, expected in PUBLISHED[index].items():
        users = np.arange(n_users)
        result = scheduling.schedule_window(
            3000, users, np.zeros(n_users, int), np.full(n_users, 1e11), share=[[1.0]],
            tbs_index=np.full(n_users, index), n_prb=24, rbg_prb=2, kind="round_robin", deal_leftover=False,
        )  # fmt: skip
        np.testing.assert_allclose(result.user_delivered_bits / 8 / 3.0, expected, rtol=0.1)


def flow_and_packets(load, n_ttis=20_000, n_windows=5, s=4.3):
    """Play one slice at both levels: 64 users of three rates, packets of s TTIs at the middle rate."""
    rng = np.random.default_rng(2)
    n_users = 64
    rate = np.array([50.0, 100.0, 200.0])[np.arange(n_users) % 3]
    packet = s * 100 * 100
    per_tti = load / np.mean(packet / rate / 100)
    place = {"serving": np.zeros(n_users, int), "slice_of": np.zeros(n_users, int)}
    scheduler, backlog = scheduling.Scheduler(1, 1, n_users, 100, "round_robin"), np.zeros(n_users)
    packets, flows = [], []
    for _ in range(n_windows):
        user, tti = poisson(rng, per_tti, n_ttis, n_users)
        packets.append(scheduler.run(n_ttis, user, tti, np.full(tti.size, packet), rate, [[1.0]], **place))
        arriving = np.bincount(user, minlength=n_users) * packet
        flow = scheduling.flow_window(n_ttis, arriving, packet, rate, [[1.0]], backlog_bits=backlog, **place)
        backlog = flow.backlog_bits
        flows.append(flow)
    mean = lambda results, name: np.mean([getattr(r, name)[0, 0] for r in results])  # noqa: E731
    return {name: (mean(flows, name), mean(packets, name)) for name in ("load", "delay_ms", "throughput_bps")}


@pytest.mark.parametrize(("load", "tolerance"), [(0.1, 0.1), (0.3, 0.1), (0.5, 0.1), (0.7, 0.15), (0.85, 0.25)])
def test_flow_level_meets_the_packet_level(load, tolerance):
    # The load is the same but for rounding up to whole PRBs. Delay and throughput: packets of fixed size, first in
    # first out within a user, wait less than under processor sharing once users have several, towards load 1.
    both = flow_and_packets(load)
    assert both["load"][0] == pytest.approx(both["load"][1], rel=0.01)
    assert both["delay_ms"][0] == pytest.approx(both["delay_ms"][1], rel=tolerance)
    assert both["throughput_bps"][0] == pytest.approx(both["throughput_bps"][1], rel=2 * tolerance)


def test_flow_level_in_overload_and_refusals():
    window = {"n_ttis": 200, "packet_bits": 12000.0, "bits_per_prb": [300.0, 0.0]}
    window |= {"share": [[0.25, 0.75]], "serving": [0, 0]}
    first = scheduling.flow_window(arriving_bits=[3e6, 1e5], slice_of=[0, 1], **window)
    assert first.backlog_bits[0] == pytest.approx(3e6 - 0.25 * 100 * 300 * 200)
    assert first.backlog_bits[1] == 1e5
    assert first.load[0, 0] == pytest.approx(0.25)
    assert first.throughput_bps[0, 0] == pytest.approx(0.25 * 100 * 300 / 1e-3, rel=0.01)
    second = scheduling.flow_window(arriving_bits=[0, 0], slice_of=[0, 1], backlog_bits=first.backlog_bits, **window)
    assert second.backlog_bits[0] == 0
    assert second.delay_ms[0, 0] > 50
    for change, word in (
        ({"arriving_bits": [-1, 0]}, "arriving_bits: row 0"),
        ({"serving": [0, 1]}, "serving: row 1"),
        ({"bits_per_prb": [1.0]}, "bits_per_prb"),
        ({"share": [[0.5, np.nan]]}, "share: row 0"),
    ):
        with pytest.raises(ValueError, match=word):
            scheduling.flow_window(**{"arriving_bits": [1, 1], "slice_of": [0, 1]} | window | change)
