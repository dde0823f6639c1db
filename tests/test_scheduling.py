"""PRB scheduling: the slow twin, conservation, exact delays and quotas, refusals that change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicefast import _core, scheduling

KINDS = ("round_robin", "proportional_fair", "max_ci")
seeds = st.integers(0, 2**32 - 1)


def instance(rng, n_cells=2, n_slices=3, n_users=18, n_ttis=40, n_packets=60, reach=0.9):
    """Random packets, rates (whole 1/4 bits, some users out of reach), shares and places."""
    tti = np.sort(rng.integers(n_ttis, size=n_packets))
    rate = np.where(rng.random(n_users) < reach, rng.integers(40, 2000, n_users) / 4, 0.0)
    return {
        "n_ttis": n_ttis,
        "arrival_user": rng.integers(n_users, size=n_packets),
        "arrival_tti": tti,
        "arrival_bits": rng.integers(1, 12000, n_packets),
        "bits_per_prb": rate,
        "share": rng.dirichlet(np.ones(n_slices), n_cells),
        "serving": rng.integers(n_cells, size=n_users),
        "slice_of": rng.integers(n_slices, size=n_users),
    }


def assert_same(result, expected):
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(result, name), values, rtol=1e-12, atol=1e-12, err_msg=name)


@given(
    seed=seeds, kind=st.sampled_from(KINDS), n_prb=st.sampled_from([6, 25]), isa=st.sampled_from(_core.available_isas())
)
def test_windows_match_the_slow_twin(reference, seed, kind, n_prb, isa):
    rng = np.random.default_rng(seed)
    options = {"alpha": float(rng.choice([0, 0.5, 1])), "beta": float(rng.choice([0.5, 1])), "averaging_ttis": 20.0}
    options["discard_ttis"] = int(rng.choice([0, 1, 7, 60]))
    fast = scheduling.Scheduler(2, 3, 18, n_prb, kind, **options, isa=isa)
    slow = reference("scheduling").SlowScheduler(2, 3, 18, n_prb, kind, **options)
    for _ in range(3):  # users change cells between windows; queues, averages, fractions and pointers persist
        window = instance(rng)
        assert_same(fast.run(**window), slow.run(*window.values()))


@pytest.mark.parametrize(
    ("averaging_ttis", "alpha", "beta"),
    [(2, 1, 5), (2, 1, 8), (100, 1, 100), (1.5, 2, 3), (20, 3, 1.5), (3, 0, 40), (2, 1e3, 1e3), (1.01, 1, 8)],
)
@pytest.mark.parametrize("seed", range(4))
def test_large_exponents_and_short_averages_match_the_slow_twin(reference, seed, averaging_ttis, alpha, beta):
    # T^beta leaves the range of a double: still the largest metric wins, not the lowest user number.
    rng = np.random.default_rng(seed)
    options = {"alpha": float(alpha), "beta": float(beta), "averaging_ttis": float(averaging_ttis)}
    fast = scheduling.Scheduler(1, 1, 6, 10, "proportional_fair", **options)
    slow = reference("scheduling").SlowScheduler(1, 1, 6, 10, "proportional_fair", **options)
    for _ in range(3):
        window = instance(rng, 1, 1, 6, n_packets=40) | {"arrival_bits": rng.integers(1, 90_000, 40)}
        assert_same(fast.run(**window), slow.run(*window.values()))


def test_an_infinite_fairness_shares_evenly():
    everyone = (np.arange(5), np.zeros(5, int), np.full(5, 1e9))
    options = {"averaging_ttis": 100.0, "beta": 100.0}
    out = scheduling.Scheduler(1, 1, 5, 10, **options).run(1000, *everyone, [600, 500, 400, 300, 200])
    # R / T^100 alike: T within (600 / 200)^(1 / 100) = 1.1 %, and a TTI's whole service on top.
    np.testing.assert_allclose(out.user_delivered_bits, out.user_delivered_bits.mean(), rtol=0.03)


@given(seed=seeds, kind=st.sampled_from(KINDS), buffer_bits=st.sampled_from([11_999.0, 12_000.0, 20_000.0, 60_000.0]))
def test_full_buffers_match_the_slow_twin(reference, seed, kind, buffer_bits):
    rng = np.random.default_rng(seed)
    options = {"buffer_bits": buffer_bits, "discard_ttis": int(rng.choice([0, 7, 60]))}
    fast = scheduling.Scheduler(2, 3, 18, 6, kind, **options)
    slow = reference("scheduling").SlowScheduler(2, 3, 18, 6, kind, **options)
    for _ in range(3):
        window = instance(rng, n_packets=200)
        window["arrival_bits"] = rng.integers(1, 12_500, 200)
        assert_same(fast.run(**window), slow.run(*window.values()))


@given(seed=seeds, kind=st.sampled_from(KINDS))
def test_bits_are_conserved_exactly(seed, kind):
    rng = np.random.default_rng(seed)
    scheduler = scheduling.Scheduler(2, 3, 18, 15, kind, discard_ttis=int(rng.choice([0, 12])))
    offered = delivered = dropped = 0.0
    for _ in range(5):
        window = instance(rng) | {"bits_per_prb": rng.uniform(0, 700, 18)}
        result = scheduler.run(**window)
        offered += window["arrival_bits"].sum()
        delivered += result.user_delivered_bits.sum()
        dropped += result.dropped_bits.sum()
        assert offered == delivered + scheduler.backlog_bits.sum() + scheduler.state()["head_sent"].sum() + dropped
        assert (result.load.sum(axis=1) <= 1.0 + 1e-12).all()


@given(seed=seeds, n_prb=st.integers(1, 110), n_slices=st.integers(1, 6))
def test_every_slice_gets_its_share_in_whole_prbs(seed, n_prb, n_slices):
    # One user per slice with an endless queue: the load is the quota. Over k TTIs it stays within 1 PRB per slice of
    # the share, and all PRBs are given.
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(n_slices))
    scheduler = scheduling.Scheduler(1, n_slices, n_slices, n_prb)
    used = np.zeros(n_slices)
    for k in range(60):
        result = scheduler.run(
            7, np.arange(n_slices), np.zeros(n_slices, int), np.full(n_slices, 1e9), np.full(n_slices, 1.0),
            share[None], slice_of=np.arange(n_slices),
        )  # fmt: skip
        prbs = result.load[0] * n_prb * 7
        np.testing.assert_allclose(prbs, np.round(prbs), atol=1e-6)
        assert prbs.sum() == pytest.approx(7 * n_prb)
        used += prbs
        assert np.abs(used - share * n_prb * 7 * (k + 1)).max() <= max(1, n_slices - 1)


@given(seed=seeds, kind=st.sampled_from(KINDS), cut=st.integers(1, 39))
def test_a_window_may_be_cut_in_two(seed, kind, cut):
    rng = np.random.default_rng(seed)
    window = instance(rng)
    whole, parts = (scheduling.Scheduler(2, 3, 18, 15, kind) for _ in range(2))
    expected = whole.run(**window)
    early = window["arrival_tti"] < cut
    names = ("arrival_user", "arrival_tti", "arrival_bits")
    first = parts.run(**window | {name: window[name][early] for name in names} | {"n_ttis": cut})
    late = {name: window[name][~early] for name in names}
    late["arrival_tti"] = late["arrival_tti"] - cut
    second = parts.run(**window | late | {"n_ttis": 40 - cut})
    assert np.array_equal(first.user_delivered_bits + second.user_delivered_bits, expected.user_delivered_bits)
    # Parts of TTIs do not add up exactly.
    np.testing.assert_allclose(first.user_busy_ttis + second.user_busy_ttis, expected.user_busy_ttis, rtol=1e-12)


@given(seed=seeds, kind=st.sampled_from(KINDS))
def test_state_and_copy_continue_bit_identically(seed, kind):
    rng = np.random.default_rng(seed)
    scheduler = scheduling.Scheduler(2, 3, 18, 15, kind)
    scheduler.run(**instance(rng))
    restored = scheduling.Scheduler(2, 3, 18, 15, kind)
    restored.set_state(scheduler.state())
    copied = scheduler.copy()
    for _ in range(2):
        window = instance(rng)
        expected = vars(scheduler.run(**window))
        for other in (restored, copied):
            result = vars(other.run(**window))
            assert all(np.array_equal(result[name], values) for name, values in expected.items())


def test_delays_of_a_queue_by_hand():
    # 10 PRBs of 100 bits a TTI. Packets of 1500 bits in TTI 0 and 1, one of 100 in TTI 5: done in TTI 1, 2 and 5, so
    # delays 2, 2 and 1 ms; busy TTIs 0-2 and a tenth of 5; 15 + 15 + 1 = 31 PRBs used of 80.
    result = scheduling.schedule_window(8, [0, 0, 0], [0, 1, 5], [1500, 1500, 100], [100.0], n_prb=10)
    assert result.delay_ms[0, 0] == pytest.approx((2 + 2 + 1) / 3)
    assert result.user_busy_ttis[0] == pytest.approx(3.1)
    assert result.throughput_bps[0, 0] == pytest.approx(3100 / 3.1e-3)
    assert result.load[0, 0] == pytest.approx(31 / 80)


def test_a_packet_still_queued_counts_with_its_age():
    result = scheduling.schedule_window(10, [0], [4], [1e6], [100.0], n_prb=1)
    assert result.delay_ms[0, 0] == 6.0
    assert result.throughput_bps[0, 0] == pytest.approx(600 / 6e-3)


def test_idle_and_out_of_reach():
    idle = scheduling.schedule_window(10, [], [], [], [100.0])
    assert idle.users[0, 0] == idle.load[0, 0] == idle.throughput_bps[0, 0] == idle.delay_ms[0, 0] == 0
    lost = scheduling.schedule_window(10, [0], [0], [100], [0.0])
    assert (lost.users[0, 0], lost.load[0, 0], lost.throughput_bps[0, 0], lost.delay_ms[0, 0]) == (1, 0, 0, 10)


def test_separate_slices_answer_for_every_share_at_once():
    # Each slice as if it shared its cell with one other slice that has the rest.
    rng = np.random.default_rng(3)
    window = instance(rng, n_packets=120)
    share = rng.uniform(0.1, 0.9, (2, 3))
    apart = scheduling.Scheduler(2, 3, 18, 10).run(**window | {"share": share}, separate_slices=True)
    for s in range(3):
        pair = np.zeros((2, 3))
        pair[:, s], pair[:, (s + 1) % 3] = share[:, s], 1 - share[:, s]
        alone = scheduling.schedule_window(**window | {"share": pair}, n_prb=10)
        assert np.array_equal(alone.load[:, s], apart.load[:, s])
        assert np.array_equal(alone.delay_ms[:, s], apart.delay_ms[:, s])


@pytest.mark.parametrize("share", [[1.0, 0.4, 1.0], [0.5, 0.5, 0.5]])
def test_separate_slices_all_meet_the_small_last_group_alike(share):
    # 10 PRBs in groups of 4 are 4 + 4 + 2: who has all of the cell has 10, and half of it is 4 and 8 in turn.
    users = np.arange(3)
    packets = (users, np.zeros(3, int), np.full(3, 1e9))
    alone = [10.0 if a == 1 else 12 * a for a in share]
    cell = scheduling.Scheduler(1, 3, 3, 10, rbg_prb=4)
    result = cell.run(1000, *packets, np.ones(3), [share], slice_of=users, separate_slices=True)
    np.testing.assert_allclose(10 * result.load[0], alone, atol=0.02)


def test_totals_beyond_a_doubles_grid_are_conserved():
    # 30 users of 1e12 bits and a fraction: together beyond 2^43 bits, where builds with assertions must not be misled.
    users = np.arange(30)
    cell = scheduling.Scheduler(1, 1, 30, 10)
    out = cell.run(50, users, np.zeros(30, int), np.full(30, 1e12), np.full(30, 100 + 1 / 1024))
    sent = np.float64(np.float32(1e12)) - out.user_queued_bits
    np.testing.assert_array_equal(out.user_delivered_bits, sent)
    assert out.user_delivered_bits.sum() == 50 * 10 * (100 + 1 / 1024)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": [[0.5, 0.5, 0.5], [1, 0, 0]]}, ["share", "row 0"]),
        ({"share": [[1, 0, 0], [1.5, -0.5, 0]]}, ["share", "row 1"]),
        ({"share": [[1, 0, 0], [np.nan, 0.5, 0.5]]}, ["share", "row 1"]),
        ({"share": [[0.5, 0.5]]}, ["share", "(1, 2)"]),
        ({"arrival_tti": np.r_[np.zeros(58, int), 3, 2]}, ["arrival_tti", "row 59"]),
        ({"arrival_tti": np.r_[np.zeros(59, int), 40]}, ["arrival_tti", "row 59", "39"]),
        ({"arrival_bits": np.r_[np.ones(7), -1.0, np.ones(52)]}, ["arrival_bits", "row 7"]),
        ({"arrival_bits": np.r_[np.ones(7), np.nan, np.ones(52)]}, ["arrival_bits", "row 7"]),
        ({"arrival_bits": np.ones(3)}, ["arrival_bits", "3"]),
        ({"arrival_bits": np.ones((60, 1))}, ["arrival_bits", "(60, 1)"]),
        ({"arrival_bits": np.ones((6, 10))}, ["arrival_bits", "(6, 10)"]),
        ({"arrival_user": np.r_[18, np.zeros(59, int)]}, ["arrival_user", "row 0", "18"]),
        ({"arrival_user": np.zeros(60)}, ["arrival_user", "float64"]),
        ({"serving": np.full(18, 2)}, ["serving", "row 0"]),
        ({"slice_of": np.full(18, -1)}, ["slice_of", "row 0"]),
        ({"bits_per_prb": np.full(18, -1.0)}, ["bits_per_prb", "row 0"]),
        ({"bits_per_prb": np.ones(17)}, ["bits_per_prb", "17"]),
        ({"n_ttis": 0}, ["n_ttis", "0"]),
    ],
)
def test_refusals_name_the_row_and_change_nothing(change, words):
    rng = np.random.default_rng(1)
    scheduler = scheduling.Scheduler(2, 3, 18, 10)
    scheduler.run(**instance(rng))
    before = scheduler.state()
    with pytest.raises(ValueError, match=words[0]) as error:
        scheduler.run(**instance(rng) | change)
    assert all(word in str(error.value) for word in words)
    assert all(np.array_equal(before[name], values) for name, values in scheduler.state().items())


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"kind": "first_come"}, "kind"),
        ({"alpha": -1.0}, "alpha"),
        ({"beta": np.nan}, "beta"),
        ({"averaging_ttis": 1.0}, "averaging_ttis"),
        ({"n_prb": 0}, "n_prb"),
        ({"n_prb": 8, "rbg_prb": 9}, "rbg_prb"),
        ({"discard_ttis": 2.5}, "discard_ttis"),
    ],
)
def test_bad_configurations_are_refused(options, word):
    with pytest.raises(ValueError, match=word):
        scheduling.Scheduler(1, 1, 1, **options)


def test_a_users_queue_ends_where_sums_are_exact():
    cell = scheduling.Scheduler(1, 1, 2, 10)
    most = np.full(8, 1e12)
    cell.run(1, np.zeros(8, int), np.zeros(8, int), most, [0.0, 0.0])
    before = cell.state()
    with pytest.raises(
        ValueError, match=r"arrival_bits: user 0 has 9e\+12 bits queued and arriving, allowed: up to 2\^43"
    ):
        cell.run(1, [0], [0], [1e12], [0.0, 0.0])
    with pytest.raises(ValueError, match="bits_per_prb: row 1"):
        cell.run(10**6, [], [], [], [0.0, 1e7])
    np.testing.assert_equal(cell.state(), before)
    cell.run(1, np.ones(8, int), np.zeros(8, int), most, [0.0, 0.0])  # of another user: nobody's sum is larger
    assert cell.backlog_bits.tolist() == [8 * np.float64(np.float32(1e12))] * 2


PACKETS = {"packet_user": np.array([0, 1]), "packet_tti": np.array([3, 5]), "packet_bits": np.array([8.0, 100.0])}
PACKETS |= {"head_sent": np.array([4.0, 0.0]), "head_lost": np.array([0, 1])}
# User 1: 60 bits sent, of which 0 to 20 and 40 to 60 failed.
BLOCKS = {
    "sent": np.array([0.0, 60.0]),
    "block_user": np.array([1, 1]),
    "block_prb": np.array([1, 2]),
    "block_attempts": np.array([1, 2]),
    "block_lost": np.array([0, 1]),
    "block_due": np.array([14, 15]),
    "block_sent_at": np.array([6, 7]),
    "block_offset": np.array([0.0, 40.0]),
    "block_bits": np.array([20.0, 20.0]),
}
BAD_STATES = [
    ("clock_ttis", -1, "clock_ttis: got -1"),
    ("clock_ttis", 2, "average_tti|packet_tti: row 0 has 3, allowed: 0 to 2"),
    ("clock_ttis", "now", "clock_ttis: got a str"),
    ("packet_user", [0, 2], "packet_user: row 1 has 2"),
    ("packet_user", [0], "packet_tti: got 2 values, allowed: 1"),
    ("packet_tti", [3, 11], "packet_tti: row 1 has 11, allowed: 0 to 10"),
    ("packet_tti", [-(2**62), 5], "packet_tti: row 0"),
    ("packet_bits", [-1.0, 8.0], "packet_bits: row 0"),
    ("packet_bits", [np.nan, 8.0], "packet_bits: row 0 has nan"),
    ("packet_bits", [8.0, 1e13], "packet_bits: row 1"),
    ("packet_bits", [8.0, 0.1], "packet_bits: row 1 has 0.1, allowed: whole 1/1024"),
    ("head_sent", [-1.0, 0.0], "head_sent: row 0"),
    ("head_sent", [0.0, 0.1], "head_sent: row 1 has 0.1, allowed: whole 1/1024"),
    ("head_sent", [0.0], "head_sent: got 1 values"),
    ("head_lost", [0, 2], "head_lost: row 1"),
    ("head_lost", [0], "head_lost: got 1 values"),
    ("carry", [np.nan], "carry: row 0 has nan"),
    ("carry", [1e300], "carry: row 0"),
    ("carry", [0.0, 0.0], "carry: got 2 values"),
    ("pointer", [2], "pointer: row 0 has 2"),
    ("average", [0.0, 1.0], "average: row 0 has 0"),
    ("average", [1.0, -1.0], "average: row 1"),
    ("average", [1.0, np.nan], "average: row 1 has nan"),
    ("average", [1.0, 1e300], "average: row 1"),
    ("average", np.ones(3), "average: got 3 values"),
    ("average_tti", [0, 11], "average_tti: row 1 has 11"),
    ("sent", [0.0, 101.0], "sent: user 1 has 101"),
    ("sent", [0.0, -1.0], "sent: row 1"),
    ("sent", [8.0, 60.0], "sent: user 0 has 8, allowed: 0"),
    ("sent", [0.0, 50.0], "block_bits: row 1 has 20, allowed: within"),
    ("sent", [], "sent: got 0 values"),
    ("block_user", [1, 3], "block_user: row 1"),
    ("block_user", [0, 1], "block_bits: row 0"),
    ("block_user", [1], "block_prb: got 2 values"),
    ("block_prb", [1, 101], "block_prb: row 1"),
    ("block_attempts", [0, 1], "block_attempts: row 0"),
    ("block_attempts", [1, 4], "block_attempts: row 1"),
    ("block_lost", [2, 0], "block_lost: row 0"),
    ("block_lost", [1, 1], "sent: user 1"),
    ("block_due", [14, 19], "block_due: row 1"),
    ("block_due", [15, 14], "block_due: row 1"),
    ("block_due", [6, 15], "block_due: row 0"),
    ("block_sent_at", [-5, 7], "block_sent_at: row 0"),
    ("block_offset", [np.inf, 40.0], "block_offset: row 0"),
    ("block_offset", [0.0, 10.0], "block_offset: row 1"),
    ("block_bits", [0.0, 20.0], "block_bits: row 0"),
    ("dedicated_carry", [-0.5], "dedicated_carry: row 0"),
    ("max_carry", [np.nan], "max_carry: row 0"),
    ("lending_pointer", [1], "lending_pointer: row 0"),
    ("pointer", "none", "pointer: got a str"),
    ("pointer", [[0]], "pointer: got shape"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD_STATES)
def test_bad_states_are_refused_and_change_nothing(name, value, message):
    cell = scheduling.Scheduler(1, 1, 2, block_error_rate=0.5)
    good = cell.state() | PACKETS | BLOCKS | {"clock_ttis": 10, "average_tti": np.array([10, 10])}
    cell.set_state(good)
    np.testing.assert_equal(cell.state(), good)
    with pytest.raises(ValueError, match=message):
        cell.set_state(good | {name: value if isinstance(value, (int, str)) else np.array(value)})
    with pytest.raises(ValueError, match=f"state: got no '{name}'"):
        cell.set_state({field: values for field, values in good.items() if field != name})
    np.testing.assert_equal(cell.state(), good)
    cell.run(50, [0], [0], [100.0], [10.0, 10.0])


@pytest.mark.parametrize("name", ["head_sent", "head_lost"])
def test_nothing_was_sent_of_a_packet_that_is_not_there(name):
    cell = scheduling.Scheduler(1, 1, 2)
    with pytest.raises(ValueError, match=f"{name}: row 1 has 1, allowed: 0, where no packet is queued"):
        cell.set_state(cell.state() | {name: np.array([0, 1])})


def test_bad_states_are_refused():
    scheduler = scheduling.Scheduler(1, 1, 2)
    state = scheduler.state()
    for name, value in (("packet_user", np.array([5])), ("average", np.ones(3)), ("packet_bits", np.array([-1.0]))):
        packet = {"packet_user": np.array([0]), "packet_tti": np.array([0]), "packet_bits": np.array([8.0])}
        with pytest.raises(ValueError, match=name):
            scheduler.set_state(state | packet | {name: value})
