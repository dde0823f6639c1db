"""PRB scheduling: the core beside a NumPy per-PRB loop and a plain-Python per-TTI loop, each asserting its answer."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from slicefast import scheduling


def network(n_cells, users_per_cell, load, n_ttis=200, seed=0):
    """Poisson packets of 12,000 bits for a mean PRB load near `load` under equal shares, four slices."""
    rng = np.random.default_rng(seed)
    n_users = n_cells * users_per_cell
    rate = 180 * rng.uniform(0.5, 4.4, n_users)
    packets = rng.poisson(load * n_cells * 100 * n_ttis / np.mean(12000 / rate))
    return {
        "n_ttis": n_ttis,
        "arrival_user": rng.integers(n_users, size=packets).astype(np.int32),
        "arrival_tti": np.sort(rng.integers(n_ttis, size=packets)).astype(np.int32),
        "arrival_bits": np.full(packets, 12000.0, np.float32),
        "bits_per_prb": rate.astype(np.float32),
        "share": np.full((n_cells, 4), 0.25),
        "serving": np.repeat(np.arange(n_cells), users_per_cell).astype(np.int32),
        "slice_of": np.tile(np.arange(4), n_users // 4).astype(np.int32),
    }


def full_buffers(window):
    """Give every user more than a window can carry, from the first TTI."""
    n_users = len(window["serving"])
    return window | {
        "arrival_user": np.arange(n_users, dtype=np.int32),
        "arrival_tti": np.zeros(n_users, np.int32),
        "arrival_bits": np.full(n_users, 1e9, np.float32),
    }


def fresh(window, kind):
    n_cells, n_slices = window["share"].shape
    return scheduling.Scheduler(n_cells, n_slices, len(window["serving"]), 100, kind)


def nbytes(window, result):
    """Bytes of what a window takes and gives: each is read or written at least once."""
    arrays = (*window.values(), *(getattr(result, name) for name in result.__dataclass_fields__))
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


def measure(benchmark, moved, window, kind):
    start = fresh(window, kind)
    start.copy().run(**window)
    result = benchmark.pedantic(
        lambda scheduler: scheduler.run(**window), setup=lambda: ((start.copy(),), {}), rounds=20, warmup_rounds=2
    )
    assert window["arrival_bits"].sum(dtype=float) == (result.user_delivered_bits + result.user_queued_bits).sum()
    moved(nbytes(window, result))
    user_ttis = len(window["serving"]) * window["n_ttis"]
    benchmark.extra_info["million_user_ttis_per_s"] = round(user_ttis / benchmark.stats["min"] / 1e6)
    benchmark.extra_info["load"] = round(float(result.load.sum(axis=1).mean()), 3)


@pytest.mark.benchmark(group="scheduling: 12 cells, 1,536 users, 200 TTIs")
@pytest.mark.parametrize("kind", ["round_robin", "proportional_fair"])
def test_default_network(benchmark, moved, kind):
    measure(benchmark, moved, network(12, 128, 0.45), kind)


@pytest.mark.benchmark(group="scheduling: 300 cells, 38,400 users, 200 TTIs")
@pytest.mark.parametrize("kind", ["round_robin", "proportional_fair"])
def test_large_network_at_load_0_4(benchmark, moved, kind):
    measure(benchmark, moved, network(300, 128, 0.4), kind)


@pytest.mark.benchmark(group="scheduling: 300 cells, 38,400 users, 200 TTIs")
@pytest.mark.parametrize("kind", ["round_robin", "proportional_fair"])
def test_large_network_all_backlogged(benchmark, moved, kind):
    measure(benchmark, moved, full_buffers(network(300, 128, 0.4)), kind)


def numpy_per_prb(window, n_prb=100, a=100.0):
    """Return bits per user: full buffers, proportional fair, one argmax over each slice's users per PRB."""
    rate = window["bits_per_prb"].astype(np.float64)
    groups = rate.reshape(-1, len(rate) // window["share"].size, window["share"].shape[1]).transpose(0, 2, 1)
    average, total = np.ones(groups.shape), np.zeros(groups.shape)
    cell, slice_ = np.indices(groups.shape[:2])
    for _ in range(window["n_ttis"]):
        served = np.zeros(groups.shape)
        metric = groups / average
        for _ in range(n_prb // 4):
            best = metric.argmax(axis=2)
            served[cell, slice_, best] += groups[cell, slice_, best]
        total += served
        average += (served - average) / a
    return total.transpose(0, 2, 1).ravel()


@pytest.mark.benchmark(group="scheduling: 12 cells, 1,536 users, 200 TTIs, all backlogged")
@pytest.mark.parametrize("engine", ["slicefast", "numpy_per_prb"])
def test_full_buffers_against_numpy(benchmark, moved, engine):
    window = full_buffers(network(12, 128, 0.4))
    expected = fresh(window, "proportional_fair").run(**window).user_delivered_bits
    if engine == "slicefast":
        measure(benchmark, moved, window, "proportional_fair")
    else:
        bits = benchmark.pedantic(numpy_per_prb, (window,), rounds=2)
        # The core rounds rates down to 1/1024 bit; a tie may fall the other way.
        np.testing.assert_allclose(bits, expected, rtol=0.02, atol=25 * 180 * 5)


def plain_python(window, n_prb=100):
    """Return throughput, delay and load per slice of one cell, as an event loop in plain Python finds them.

    TTI by TTI, over users with data alone: packets in deques, a slice's PRBs in equal parts to whoever is next, what
    one does not need to those behind. Who is next differs from the core's order: here first come, first served.
    """
    rate, slice_of = window["bits_per_prb"].tolist(), window["slice_of"].tolist()
    names = ("arrival_tti", "arrival_user", "arrival_bits")
    arrivals = deque(zip(*(window[name].tolist() for name in names), strict=True))
    quotas = [round(n_prb * share) for share in window["share"][0]]
    queues = [deque() for _ in rate]  # of [bits left, TTI of arrival]
    waiting = [deque() for _ in quotas]  # users with data, the next one first
    delivered, busy = [0.0] * len(rate), [0.0] * len(rate)
    used, delays = [0] * len(quotas), [[] for _ in quotas]
    for now in range(window["n_ttis"]):
        while arrivals and arrivals[0][0] == now:
            _, user, bits = arrivals.popleft()
            if not queues[user]:
                waiting[slice_of[user]].append(user)
            queues[user].append([bits, now])
        for s, users in enumerate(waiting):
            left = quotas[s]
            for user in users:
                busy[user] += 1
            while left and users:
                part, together, before = max(1, left // len(users)), min(left, len(users)), quotas[s] - left
                for turn in range(1, together + 1):
                    user = users.popleft()
                    prbs, sent = serve(queues[user], part, rate[user], now, delays[s])
                    delivered[user] += sent
                    used[s] += prbs
                    left -= prbs
                    if queues[user]:
                        users.append(user)
                    else:  # a TTI counts up to the last PRB, dealt one by one
                        busy[user] -= max(0.0, 1.0 - (before + (prbs - 1) * together + turn) / quotas[s])
    for queue, s in zip(queues, slice_of, strict=True):
        delays[s] += [window["n_ttis"] - arrived for _, arrived in queue]
    bits, ttis = (
        [sum(v for v, s in zip(values, slice_of, strict=True) if s == k) for k in range(len(quotas))]
        for values in (delivered, busy)
    )
    return {
        "throughput_bps": [1000 * b / t for b, t in zip(bits, ttis, strict=True)],
        "delay_ms": [sum(values) / len(values) for values in delays],
        "load": [n / n_prb / window["n_ttis"] for n in used],
    }


def serve(queue, n_prb, rate, now, delays):
    """Send what fits into ``n_prb`` PRBs; return PRBs used and bits sent."""
    left = capacity = n_prb * rate
    while queue and left > 0:
        packet = queue[0]
        if packet[0] > left:
            packet[0] -= left
            left = 0.0
        else:
            left -= packet[0]
            delays.append(now + 1 - packet[1])
            queue.popleft()
    return n_prb - int(left / rate), capacity - left


@pytest.mark.benchmark(group="scheduling: 1 cell, 128 users, 200 TTIs, load 0.4")
@pytest.mark.parametrize("engine", ["slicefast", "plain_python"])
def test_against_plain_python(benchmark, moved, engine):
    window = network(1, 128, 0.4)
    expected = fresh(window, "round_robin").run(**window)
    if engine == "slicefast":
        measure(benchmark, moved, window, "round_robin")
    else:
        result = benchmark.pedantic(plain_python, (window,), rounds=20, warmup_rounds=1)
        for name, tolerance in (("throughput_bps", 0.05), ("delay_ms", 0.05), ("load", 0.01)):
            np.testing.assert_allclose(result[name], getattr(expected, name)[0], rtol=tolerance)


@pytest.mark.benchmark(group="scheduling: 300 cells, 38,400 users, 200 TTIs")
def test_large_network_that_lends(benchmark, moved):
    window = network(300, 128, 0.4)
    share = window.pop("share")
    policy = {"dedicated_ratio": 0.4 * share, "min_ratio": share}
    start = scheduling.Scheduler(300, 4, 38_400, 100, "round_robin")
    result = benchmark.pedantic(
        lambda scheduler: scheduler.run(**window, **policy), setup=lambda: ((start.copy(),), {}), rounds=5
    )
    assert window["arrival_bits"].sum(dtype=float) == (result.user_delivered_bits + result.user_queued_bits).sum()
    moved(nbytes(window | policy, result))


@pytest.mark.benchmark(group="scheduling: 300 cells, 38,400 users, 200 TTIs")
def test_large_network_at_flow_level(benchmark, moved):
    window = network(300, 128, 0.4)
    arriving = np.bincount(window["arrival_user"], window["arrival_bits"], 38_400)
    names = ("n_ttis", "bits_per_prb", "share", "serving", "slice_of")
    arguments = {"arriving_bits": arriving, "packet_bits": 12000.0} | {name: window[name] for name in names}
    result = benchmark(lambda: scheduling.flow_window(**arguments))
    moved(nbytes(arguments, result))
    packets = fresh(window, "round_robin").run(**window)
    assert result.load.mean() == pytest.approx(packets.load.mean(), rel=0.05)
