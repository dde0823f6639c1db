"""Traffic models and packet traces: one event list, against theory and slow twins."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slicefast._traffic import draw_constant_arrivals, draw_on_off_arrivals, order_by_tti
from slicefast.rng import Streams
from slicefast.scenario import Scenario
from slicefast.traffic.arrivals import Arrivals

SIGNIFICANCE = 1e-4  # the seeds are fixed


def one_site(*slices, **overrides):
    """Return a scenario of 3 cells with the slices given."""
    n = len(slices)
    filled = [{"name": f"s{k}", "users_per_cell": 10, **item} for k, item in enumerate(slices)]
    group = {"cells": "all", "throughput_bps": [1e6] * n, "delay_ms": [1.0] * n}
    return Scenario.hexagonal(1, slices=filled, requirements=[group], **overrides)


def run(scenario, windows, active=None, seed=0, backlog=None):
    """Draw windows and return all packets with TTIs counted from the first window."""
    arrivals = Arrivals(scenario, Streams(seed).traffic)
    active = np.ones(scenario.n_users, bool) if active is None else active
    parts = []
    for window in range(windows):
        events = arrivals.draw(active, backlog)
        assert (np.diff(events.tti) >= 0).all()
        assert events.tti.size == 0 or (events.tti[0] >= 0 and events.tti[-1] < scenario.window_ttis)
        assert (events.user.dtype, events.tti.dtype, events.bits.dtype) == (np.int32, np.int32, np.float32)
        parts.append((events.user, events.tti + window * scenario.window_ttis, events.bits))
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


EVERY_RATED_MODEL = [
    {"rate_bps": 1e6},
    {"rate_bps": 1e6, "traffic": "constant"},
    {"rate_bps": 1e6, "traffic": {"kind": "on_off", "on_s": 0.05, "off_s": 0.1}},
    {"rate_bps": 1e6, "traffic": {"kind": "ftp3", "file_bits": 50_000}},
]


@pytest.mark.parametrize("item", EVERY_RATED_MODEL)
def test_every_model_sends_its_mean_rate(item):
    scenario = one_site(item)
    windows = 500
    _, _, bits = run(scenario, windows)
    seconds = windows * 0.2
    per_user = bits.sum() / scenario.n_users / seconds
    # 30 users for 100 s at 1 Mbit/s: files of 50 kbit give 60,000 arrivals (0.4 %), phases of 0.15 s on average 20,000
    # cycles (about 1 %); five standard deviations of the worse.
    assert per_user == pytest.approx(1e6, rel=0.05)
    expected_size = 50_000 if "file_bits" in str(item) else 12_000
    assert set(bits) == {expected_size}


def test_constant_packets_are_evenly_spaced_from_uniform_phases():
    scenario = one_site({"rate_bps": 1e6, "traffic": "constant", "users_per_cell": 300})  # every 12 TTIs
    user, tti, _ = run(scenario, 7)
    first = np.array([tti[user == u][0] for u in range(scenario.n_users)])
    assert stats.chisquare(np.bincount(first, minlength=12)).pvalue > SIGNIFICANCE
    for u in range(0, scenario.n_users, 50):
        assert (np.diff(tti[user == u]) == 12).all()


@given(st.floats(0.05, 50), st.integers(1, 40), st.integers(0, 2**32))
def test_constant_arrivals_equal_the_slow_twin(reference, interval, window, seed):
    generator = np.random.default_rng(seed)
    start = generator.random(6) * interval
    active = generator.random((5, 6)) < 0.7
    clock, slow_clock = start.copy(), start.copy()
    for row in active:
        ours = draw_constant_arrivals(row, clock, 8.0, interval, window)
        slow = reference("traffic").constant_arrivals(row, slow_clock, interval, window)
        assert list(zip(ours[0].tolist(), ours[1].tolist(), strict=True)) == slow
    np.testing.assert_allclose(clock, slow_clock)


def test_on_off_packets_come_in_bursts_of_exponential_length():
    """At one packet per TTI while on, runs of packets show the phases."""
    source = {"kind": "on_off", "on_s": 0.05, "off_s": 0.2}
    scenario = one_site({"rate_bps": 200.0, "packet_bits": 1.0, "traffic": source, "users_per_cell": 60})
    windows = 150
    user, tti, _ = run(scenario, windows)
    gaps, runs, on_share = [], [], user.size / (scenario.n_users * windows * 200)
    for u in range(scenario.n_users):
        mine = tti[user == u]
        steps = np.diff(mine)
        gaps.append(steps[steps > 1] - 1)
        runs.append(np.diff(np.flatnonzero(steps > 1)))
    gaps, runs = np.concatenate(gaps), np.concatenate(runs)
    # 180 users x 30 s are 21,600 cycles; the share's relative deviation is about sqrt(2 / 21,600), 1 %.
    assert on_share == pytest.approx(0.2, rel=0.05)
    # Whole TTIs hide off phases below one TTI and cut each run's ends: one TTI in 50 or 200.
    assert gaps.mean() == pytest.approx(200, rel=0.05)
    assert runs.mean() == pytest.approx(50, abs=2.5)
    # Exponential: the standard deviation equals the mean.
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.05)
    assert runs.std() / runs.mean() == pytest.approx(1.0, abs=0.05)


def test_on_off_starts_stationary():
    source = {"kind": "on_off", "on_s": 3.0, "off_s": 1.0}
    scenario = one_site({"rate_bps": 1e6, "traffic": source, "users_per_cell": 2000})
    _, _, bits = run(scenario, 1)
    # 6,000 users of which 75 +- 0.56 % are on for nearly all of the first 200 TTIs.
    assert bits.sum() / scenario.n_users / 0.2 == pytest.approx(1e6, rel=0.04)


def test_a_window_cut_in_two_sends_the_same_packets():
    """Clocks go on over windows: 40 windows of 50 TTIs are 10 of 200."""
    for item in EVERY_RATED_MODEL[1:3]:
        long, short = (run(one_site(item, window_ttis=ttis), 2000 // ttis) for ttis in (200, 50))
        if item["traffic"] == "constant":
            for a, b in zip(long, short, strict=True):
                assert sorted(a) == sorted(b)
        else:  # phases are drawn in another order: the same law, not the same packets
            assert long[2].sum() == pytest.approx(short[2].sum(), rel=0.3)


def test_ftp3_files_are_poisson_and_half_a_megabyte():
    scenario = one_site({"rate_bps": 80e6, "traffic": "ftp3"})
    user, tti, bits = run(scenario, 100)
    assert set(bits) == {4e6}
    counts = np.bincount(user * 100 + tti // 200, minlength=scenario.n_users * 100)  # mean 4 per user and window
    assert (
        stats.chisquare(np.bincount(np.minimum(counts, 10)), _poisson_bins(4.0, 10, counts.size)).pvalue > SIGNIFICANCE
    )


def _poisson_bins(mean, top, n):
    expected = stats.poisson(mean).pmf(np.arange(top + 1))
    expected[-1] += stats.poisson(mean).sf(top)
    return n * expected


def test_ftp2_waits_for_delivery_and_then_reads():
    """With a download of D windows the cycle is reading + D windows, and a user never has two files."""
    scenario = one_site({"traffic": {"kind": "ftp2", "reading_time_s": 2.0}, "users_per_cell": 200})
    arrivals = Arrivals(scenario, Streams(0).traffic)
    n, download = scenario.n_users, 5
    backlog, due = np.zeros(n), np.full(n, -1)
    requests = []
    for window in range(600):
        backlog[due == window] = 0.0
        events = arrivals.draw(np.ones(n, bool), backlog)
        assert (backlog[events.user] == 0.0).all()
        assert np.unique(events.user).size == events.user.size
        backlog[events.user] = 4e6
        due[events.user] = window + download
        requests.append(np.stack([events.user, events.tti + 200 * window]))
    user, tti = np.concatenate(requests, axis=1)
    cycles = np.concatenate([np.diff(tti[user == u]) for u in range(n)])
    # A request in window w, at its middle on average, is delivered in window w + 4, dated to its middle on average:
    # 800 TTIs, and 2,000 of reading. 25,000 cycles give 0.5 %.
    assert cycles.mean() == pytest.approx(2000 + 800, rel=0.03)
    # The download is constant and the reading exponential.
    assert cycles.std() == pytest.approx(2000, rel=0.05)


def test_full_buffer_is_topped_up_to_more_than_a_window_can_carry():
    scenario = one_site({"traffic": "full_buffer"})
    arrivals = Arrivals(scenario, Streams(0).traffic)
    active = np.arange(30) < 20
    backlog = np.zeros(30)
    first = arrivals.draw(active, backlog)
    assert first.user.tolist() == list(range(20))
    assert (first.tti == 0).all()
    assert first.bits.min() >= 75_376 * 200  # LTE's highest rate on one layer, TS 36.213 Table 7.1.7.2.1-1, 100 PRBs
    backlog[:20] = first.bits
    assert arrivals.draw(active, backlog).user.size == 0
    backlog[3] -= 1000.0
    second = arrivals.draw(active, backlog)
    assert second.user.tolist() == [3]
    assert second.bits[0] == pytest.approx(1000.0, abs=16)  # float32 at 2e8 bits
    # The scheduler takes no packet below one bit.
    backlog[:20] = scenario.slice_rate_bps.max() * scenario.window_ttis / 1000 - np.linspace(0.0, 2.0, 20)
    third = arrivals.draw(active, backlog)
    assert third.user.tolist() == list(range(10, 20))
    assert third.bits.min() >= 1.0


def test_idle_users_send_nothing_and_keep_their_clocks():
    items = [*EVERY_RATED_MODEL, {"traffic": "ftp2"}, {"traffic": "full_buffer"}]
    scenario = one_site(*items)
    arrivals = Arrivals(scenario, Streams(0).traffic)
    before = arrivals.state()
    events = arrivals.draw(np.zeros(scenario.n_users, bool), np.zeros(scenario.n_users))
    assert events.user.size == 0
    np.testing.assert_array_equal(arrivals.next_tti, before["next_tti"])
    np.testing.assert_array_equal(arrivals.left_tti, before["left_tti"])
    some = np.arange(scenario.n_users) % 3 == 0
    for _ in range(20):
        assert some[arrivals.draw(some, np.zeros(scenario.n_users)).user].all()


def test_slices_of_all_models_share_one_sorted_list():
    scenario = one_site(*EVERY_RATED_MODEL)
    user, tti, bits = run(scenario, 50)
    assert np.bincount(scenario.slice_of[user]).min() > 100
    for s, item in enumerate(EVERY_RATED_MODEL):
        expected = 50_000 if s == 3 else 12_000
        assert set(bits[scenario.slice_of[user] == s]) == {expected}, item
    assert tti.max() == pytest.approx(50 * 200, abs=20)


def test_state_continues():
    scenario = one_site(*EVERY_RATED_MODEL, {"traffic": "ftp2"})
    active, backlog = np.ones(scenario.n_users, bool), np.zeros(scenario.n_users)
    arrivals = Arrivals(scenario, Streams(0).traffic)
    arrivals.draw(active, backlog)
    state, stream = arrivals.state(), copy.deepcopy(arrivals.generator.bit_generator.state)
    expected = [arrivals.draw(active, backlog) for _ in range(3)]
    other = Arrivals(scenario, Streams(5).traffic)
    other.set_state(state)
    other.generator.bit_generator.state = stream
    for events in expected:
        for a, b in zip(events, other.draw(active, backlog), strict=True):
            np.testing.assert_array_equal(a, b)


def test_packets_are_sorted_and_keep_their_order_within_a_tti():
    tti = np.random.default_rng(0).integers(0, 20, 1000, dtype=np.int32)
    np.testing.assert_array_equal(order_by_tti(tti, 20), np.argsort(tti, kind="stable"))
    assert order_by_tti(tti[:0], 20).size == 0
    with pytest.raises(ValueError, match=r"tti\[2\]: got 20, allowed: \[0, 20\)"):
        order_by_tti([0, 1, 20], 20)


def test_slices_of_several_models_send_at_their_rates():
    """The mix of the ColO-RAN testbed: eMBB 4 Mbit/s constant, MTC 30 and URLLC 10 packets/s of 125 bytes, Poisson."""
    scenario = Scenario.paper(
        slices=[
            {"name": "eMBB", "rate_bps": 4e6, "traffic": "constant", "users_per_cell": 2},
            {"name": "MTC", "rate_bps": 30e3, "packet_bits": 1000, "users_per_cell": 2},
            {"name": "URLLC", "rate_bps": 10e3, "packet_bits": 1000, "users_per_cell": 2},
        ],
        requirements=[{"cells": "all", "throughput_bps": [4e6, 0.25e6, 0.5e6], "delay_ms": [10, 10, 3]}],
    )
    user, _, bits = run(scenario, 1000)
    seconds, users = 200.0, 24
    rate = np.bincount(scenario.slice_of[user], bits) / seconds / users
    packets = np.bincount(scenario.slice_of[user]) / seconds / users
    # 144,000 and 48,000 Poisson packets: 0.26 and 0.46 %.
    np.testing.assert_allclose(rate, [4e6, 30e3, 10e3], rtol=0.02)
    np.testing.assert_allclose(packets[1:], [30, 10], rtol=0.02)


def write(path, text):
    path.write_text(text)
    return str(path)


def test_trace_of_users_is_replayed_and_repeats(tmp_path):
    path = write(tmp_path / "p.csv", "time,user,bytes\n10.0,1,100\n10.0,30,50\n10.0035,2,10\n10.349,1,1\n")
    scenario = one_site({"rate_bps": 1e3}, {"traffic": {"kind": "trace", "path": path}})
    user, tti, bits = run(scenario, 7, active=np.zeros(60, bool))  # a traced user sends, whatever the mask says
    expected = [(30, 0, 800.0), (59, 0, 400.0), (31, 3, 80.0), (30, 349, 8.0)]
    laps = [(u, t + 350 * lap, b) for lap in range(4) for u, t, b in expected]
    assert list(zip(user.tolist(), tti.tolist(), bits.tolist(), strict=True)) == laps
    assert scenario.slice_rate_bps[1] == pytest.approx(1288 / 0.35 / 30)


def test_trace_of_slices_goes_to_active_users(tmp_path):
    rows = [f"{k / 1000},{('gold', '2')[k % 2]},{k + 1}" for k in range(1000)]
    path = write(tmp_path / "p.csv", "time,slice,bytes\n" + "\n".join(rows))
    source = {"kind": "trace", "path": path}
    scenario = one_site({"name": "gold", "traffic": source}, {"name": "tin", "traffic": source})
    active = np.arange(60) % 5 == 0
    user, tti, bits = run(scenario, 5, active)
    assert active[user].all()
    np.testing.assert_array_equal(tti, np.arange(1000))
    np.testing.assert_array_equal(bits, 8.0 * np.arange(1, 1001))
    np.testing.assert_array_equal(scenario.slice_of[user], np.arange(1000) % 2)
    assert np.unique(user).size == active.sum()
    # With nobody active the packets are not lost.
    assert run(scenario, 5, np.zeros(60, bool))[0].size == 1000


def test_traffic_survives_toml(tmp_path):
    write(tmp_path / "p.csv", "time,user,bytes\n0,1,100\n")
    source = {"kind": "trace", "path": str(tmp_path / "p.csv")}
    scenario = one_site(*EVERY_RATED_MODEL, {"traffic": "ftp2"}, {"traffic": "full_buffer"}, {"traffic": source})
    scenario.to_toml(tmp_path / "s.toml")
    assert Scenario.from_toml(tmp_path / "s.toml") == scenario
    text = (tmp_path / "s.toml").read_text()
    (tmp_path / "s.toml").write_text(text.replace(str(tmp_path) + "/", ""))
    assert Scenario.from_toml(tmp_path / "s.toml") == scenario  # beside the file


def test_wrong_arguments_are_named():
    scenario = one_site({"traffic": "ftp2"})
    arrivals = Arrivals(scenario, Streams(0).traffic)
    with pytest.raises(ValueError, match=r"active: got shape \(3,\), allowed: shape \(30,\)"):
        arrivals.draw(np.ones(3, bool))
    with pytest.raises(
        ValueError, match=r"backlog_bits: got None, allowed: bits queued per user, shape \(30,\), with ftp2 traffic"
    ):
        arrivals.draw(np.ones(30, bool))
    with pytest.raises(ValueError, match=r"backlog_bits: got shape .*, allowed: shape \(30,\)"):
        arrivals.draw(np.ones(30, bool), np.zeros(2))
    clock = np.zeros(2)
    with pytest.raises(ValueError, match=r"interval_ttis: got 0\.0, allowed: finite and above 0"):
        draw_constant_arrivals([True, True], clock, 1.0, 0.0, 10)
    with pytest.raises(ValueError, match=r"next_tti: got shape .*, allowed: shape \(3,\)"):
        draw_constant_arrivals([True] * 3, clock, 1.0, 1.0, 10)
    with pytest.raises(ValueError, match=r"off_ttis: got nan, allowed: finite and above 0"):
        draw_on_off_arrivals(Streams(0).traffic, [True] * 2, clock, clock, 1.0, 1.0, 1.0, np.nan, 10)
    with pytest.raises(TypeError, match="left_tti: got list, allowed: a float64 array"):
        draw_on_off_arrivals(Streams(0).traffic, [True] * 2, clock, [1, 2], 1.0, 1.0, 1.0, 1.0, 10)
