"""What counts as delivered, and the time it is counted over: 3GPP TS 28.552 by hand, and what a reward needs of it."""

from __future__ import annotations

import numpy as np
import pytest

from slicefast import scheduling
from slicefast.scheduling import Scheduler, flow_window, schedule_window
from slicefast.validation import counting

KINDS = ("round_robin", "proportional_fair", "max_ci")
#: Bits that a PRB carries in a TTI: 12 to 150 Mbit/s over the 100 PRBs of a cell.
RATES = (120.0, 240.0, 500.0, 777.0, 1200.0, 1500.0)
OPTIONS = {
    "plain": {},
    "groups of 16": {"rbg_prb": 16},
    "no leftover": {"deal_leftover": False},
    "HARQ": {"block_error_rate": 1e-12},
    "timer": {"discard_ttis": 50},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_lone_packet_shows_its_channel(kind, name):
    for rate in RATES:
        result = schedule_window(20, [0], [3], [12_000.0], [rate], kind=kind, **OPTIONS[name])
        assert result.throughput_bps[0, 0] == pytest.approx(rate * 100 / 1e-3, rel=1e-9), rate
        assert result.delay_ms[0, 0] == 1.0


def test_a_lone_packet_shows_its_channel_where_slices_lend_and_at_the_flow_level():
    for rate in RATES:
        lent = Scheduler(1, 2, 2).run(20, [0], [3], [12_000.0], [rate, rate], slice_of=[0, 1], min_ratio=[[0.2, 0.3]])
        assert lent.throughput_bps[0, 0] == pytest.approx(rate * 100 / 1e-3, rel=1e-9), rate
        # Nobody takes more than 40 of 100 PRBs.
        policy = {"min_ratio": [[0.2, 0.3]], "max_ratio": [[0.4, 1.0]]}
        most = Scheduler(1, 2, 2).run(20, [0], [3], [4000.0], [rate, rate], slice_of=[0, 1], **policy)
        assert most.throughput_bps[0, 0] == pytest.approx(rate * 40 / 1e-3, rel=1e-9), rate
        # In the closed form a lone packet waits a little for itself: 12,000 bits in 20 TTIs, at most 5 % of the time.
        flow = flow_window(20, [12_000.0], 12_000.0, [rate], [[1.0]], [0], [0])
        assert flow.throughput_bps[0, 0] == pytest.approx(rate * 100 / 1e-3, rel=0.06), rate


def test_a_lone_transport_block_shows_its_channel():
    for index in (10, 15, 20, 26):
        result = schedule_window(20, [0], [3], [12_000.0], share=[[1.0]], tbs_index=[index])
        # A block of few PRBs carries somewhat more or less per PRB than one of a hundred.
        whole = scheduling.transport_block_bits(index, 100) / 1e-3
        assert result.throughput_bps[0, 0] == pytest.approx(whole, rel=0.05), index


def test_a_burst_over_several_slots_is_counted_as_in_28_552():
    # 10 PRBs of 100 bits: 3,300 bits leave in TTIs 2 to 5, the last with 300. Without it 3,000 bits in 3 slots.
    result = schedule_window(10, [0], [2], [3300.0], [100.0], n_prb=10)
    assert result.throughput_bps[0, 0] == pytest.approx(3000 / 3e-3)
    # Two users in turns, 5 PRBs each, the other one endless: 1,500 bits without the last 100.
    result = schedule_window(10, [0, 1], [2, 2], [1600.0, 1e6], [100.0, 100.0], n_prb=10, kind="round_robin")
    user_bps = result.user_throughput_bits / (result.user_busy_ttis * 1e-3)
    # The one PRB that user 0 needs at last is the first of ten to be dealt; a fifth of the slot is its turn.
    assert user_bps[0] == pytest.approx(1500 / 3e-3, rel=0.035)
    assert user_bps[1] == pytest.approx(result.user_delivered_bits[1] / 8e-3)


def starved(kind, bits_per_ms, n_windows=4, timer=100, n_users=32):
    """Play windows of 200 ms: every user of a slice has more than it can send, and a PRB of so many bits a TTI."""
    cell = Scheduler(1, 1, n_users, n_users, kind, discard_ttis=timer)
    packets = np.repeat(np.arange(200 // 10), n_users) * 10
    users = np.tile(np.arange(n_users), 200 // 10)
    bits = np.full(users.size, 12_000.0)
    return [cell.run(200, users, packets, bits, np.full(n_users, bits_per_ms)) for _ in range(n_windows)]


def test_what_cannot_be_complete_in_time_is_not_delivered():
    # 119 bits a millisecond are 11,900 within the timer of 100 ms.
    results = starved("round_robin", 119.0)
    for result in results:
        assert result.load[0, 0] == 1
        assert result.delivered_bits[0, 0] == result.throughput_bps[0, 0] == result.throughput_p5_bps[0, 0] == 0
        assert (result.user_throughput_bits == 0).all()
        assert result.spectral_efficiency[0, 0] == pytest.approx(119 / 180)  # of what was sent
    # 121 bits are 12,100: the first packets just end.
    assert starved("round_robin", 121.0)[0].delivered_bits[0, 0] == 32 * 12_000


def test_what_cannot_be_complete_in_time_is_not_delivered_at_the_flow_level():
    def play(bits_per_ms):
        users, queued, ages = np.zeros(32, int), np.zeros(32), np.zeros(32)
        for _ in range(4):
            result = flow_window(
                200, np.full(32, 240_000.0), 12_000.0, np.full(32, bits_per_ms), [[1.0]], users, users, queued,
                backlog_age_bit_ms=ages, n_prb=32, discard_ttis=100,
            )  # fmt: skip
            before, queued, ages = queued, result.backlog_bits, result.backlog_age_bit_ms
        return result, before.sum() + 32 * 240_000 - queued.sum()

    result, gone = play(119.0)
    assert result.throughput_bps[0, 0] == 0
    assert result.dropped_bits[0, 0] == pytest.approx(gone)
    assert result.load[0, 0] == 1
    assert play(1000.0)[0].throughput_bps[0, 0] > 0


def test_a_packet_that_lost_a_block_is_lost_as_a_whole():
    # Three blocks a packet, each lost with 1/2.
    n = 3000
    result = schedule_window(
        40 * n, np.zeros(n, int), 40 * np.arange(n), np.full(n, 1920.0), [64.0], n_prb=10,
        block_error_rate=0.5, max_retransmissions=0,
    )  # fmt: skip
    delivered, dropped = result.delivered_bits[0, 0], result.dropped_bits[0, 0]
    assert delivered + dropped == 1920 * n
    assert delivered % 1920 == 0
    # 1/8 of the packets arrive; 3,000 of them, three standard errors.
    assert delivered / (1920 * n) == pytest.approx(1 / 8, abs=3 * (7 / 64 / n) ** 0.5)
    # Nothing of a lost one counts, though two of its blocks may have arrived.
    assert result.user_throughput_bits[0] == delivered


def test_a_packet_over_two_windows_counts_when_it_is_complete():
    cell = Scheduler(1, 1, 1, 10, discard_ttis=100)
    first = cell.run(10, [0, 0], [0, 0], [1000.0, 20_000.0], [100.0])
    assert first.delivered_bits[0, 0] == 1000
    assert first.throughput_bps[0, 0] == pytest.approx(1e6)  # under way, of a user whose packets get through
    assert cell.state()["head_sent"].tolist() == [9000]
    second = cell.run(20, [], [], [], [100.0])
    assert second.delivered_bits[0, 0] == 20_000
    assert second.throughput_bps[0, 0] == pytest.approx(1e6)
    # Dropped in the second window: what was sent of it in the first is taken back.
    cell = Scheduler(1, 1, 1, 10, discard_ttis=15)
    first = cell.run(10, [0, 0], [0, 0], [1000.0, 20_000.0], [100.0])
    second = cell.run(20, [0], [10], [1500.0], [100.0])
    assert (second.delivered_bits[0, 0], second.dropped_bits[0, 0]) == (1500, 20_000)
    assert second.throughput_bps[0, 0] == 0  # 5,000 + 1,500 bits, less 14,000


@pytest.mark.parametrize("timer", [0, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_throughput_is_a_reward_to_search_over(kind, timer):
    """Over the own share: non-decreasing but for a ripple of whole PRBs, and without jumps."""
    rng = np.random.default_rng(3)
    n_users, n_packets = 24, 320
    users, ttis = rng.integers(n_users, size=n_packets), np.sort(rng.integers(200, size=n_packets))
    rate = rng.uniform(150, 1200, n_users)
    shares = np.linspace(0.02, 1, 99)
    phi = []
    for share in shares:
        cell = Scheduler(1, 2, n_users, 100, kind, discard_ttis=timer)
        bits = np.full(n_packets, 12_000.0)
        cell.run(200, users, ttis, bits, rate, [[share, 1 - share]])  # from the queues that the share leads to
        phi.append(cell.run(200, users, ttis, bits, rate, [[share, 1 - share]]).throughput_bps[0, 0])
    phi = np.array(phi)
    best = np.maximum.accumulate(phi)
    served = phi > 0.02 * phi.max()
    # Below, where packets begin to get through at all, a single one more is a large part.
    assert ((best - phi)[served] <= 0.1 * best[served]).all()
    assert (np.diff(phi) <= 0.05 * phi.max()).all()
    assert phi[-1] > 20 * phi[10]


def test_every_row_of_the_table_holds():
    rows = counting.checks()
    assert not [row for row in rows if not row.holds]
    # x (1 - exp(-g)) = g by hand: g = 1.594 at x = 2.
    assert counting.of_use(2.0) == pytest.approx(2 * np.exp(-1.5936), rel=1e-4)
