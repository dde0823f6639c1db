"""What counts as delivered, and when: the rows of the table that hold KPIs against hand-made and queueing theory.

=======  ===================================================================  ====
symbol   meaning                                                              unit
=======  ===================================================================  ====
x        bits arriving over bits that can be sent, above 1
T        discard timer, far above the time s that one packet takes            ms
=======  ===================================================================  ====

An overloaded queue, first in first out, that drops packets of age T wherever they are: the work found by a packet is
that of a dam of content T (Moran; Asmussen, Applied Probability and Queues, ch. XIV.3), for packets of one size spread
like exp(g v / s) up to T with x (1 - exp(-g)) = g. A packet is complete in time if it finds less than T - s, so
x exp(-g) of what is sent is of use.

M/M/1, first in first out, mean service s and load rho: the time from arrival to the last bit is exponential with mean
s / (1 - rho), so p of the packets take less than -ln(1 - p) s / (1 - rho); half a TTI more, as a packet leaves at the
end of the TTI in which its last bit is sent.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from slicefast.packets import PacketKpis
from slicefast.scheduling import Scheduler, flow_window, schedule_window
from slicefast.validation.scheduler import Check, poisson

PACKET_BITS = 12_000.0
#: Channels of a lone packet [bit/s], over the 100 PRBs of a cell.
CHANNELS_BPS = (12e6, 25e6, 50e6, 100e6, 150e6)
TIMER_TTIS = 100
OVERLOADS = (1.3, 1.6, 2.0, 3.0)
#: Percentiles of the delay and what they may differ by: 250,000 packets, those of a busy period alike.
PERCENT = {50.0: 0.03, 95.0: 0.03, 99.0: 0.05, 99.9: 0.1}


def lone_packet_bps(channel_bps: float) -> float:
    """Return the throughput that a lone packet of 12,000 bits shows."""
    result = schedule_window(20, [0], [3], [PACKET_BITS], [channel_bps * 1e-3 / 100])
    return float(result.throughput_bps[0, 0])


def starved_bits(bits_per_ms: float = 119.0, n_users: int = 32, n_windows: int = 10) -> tuple[float, float]:
    """Return the bits delivered, and the throughput, of users that can send less than a packet within the timer."""
    cell = Scheduler(1, 1, n_users, n_users, "round_robin", discard_ttis=TIMER_TTIS)
    user, tti = np.tile(np.arange(n_users), 20), np.repeat(np.arange(20) * 10, n_users)
    arrivals = (user, tti, np.full(user.size, PACKET_BITS))
    found = [cell.run(200, *arrivals, np.full(n_users, bits_per_ms)) for _ in range(n_windows)]
    return sum(float(r.delivered_bits[0, 0]) for r in found), max(float(r.throughput_bps[0, 0]) for r in found)


def of_use(overload: float) -> float:
    """Return x exp(-g), x (1 - exp(-g)) = g: what is of use of the bits that an overloaded queue sends."""
    g = overload
    for _ in range(200):
        g = overload * (1 - np.exp(-g))
    return float(overload * np.exp(-g))


def delivered_over_sent(overload: float, n_users: int = 8, bits_per_ms: float = 600.0) -> tuple[float, float]:
    """Return delivered over sent bits of users in round robin, each ``overload`` times its part: packets; flow."""
    rng = np.random.default_rng(1)
    n_prb, n_ttis, n_windows = 25, 200, 60
    cell = Scheduler(1, 1, n_users, n_prb, "round_robin", discard_ttis=TIMER_TTIS)
    rate = np.full(n_users, n_users * bits_per_ms / n_prb)
    one, queued, ages = np.zeros(n_users, int), np.zeros(n_users), np.zeros(n_users)
    delivered, sent = np.zeros(2), np.zeros(2)
    for k in range(n_windows):
        user, tti = poisson(rng, overload * n_users * bits_per_ms / PACKET_BITS, n_ttis, n_users)
        played = cell.run(n_ttis, user, tti, np.full(user.size, PACKET_BITS), rate)
        arriving = np.bincount(user, minlength=n_users) * PACKET_BITS
        flow = flow_window(
            n_ttis, arriving, PACKET_BITS, rate, [[1.0]], one, one, queued,
            backlog_age_bit_ms=ages, n_prb=n_prb, discard_ttis=TIMER_TTIS,
        )  # fmt: skip
        left = queued.sum() + arriving.sum() - flow.backlog_bits.sum()
        queued, ages = flow.backlog_bits, flow.backlog_age_bit_ms
        if k < 5:  # until the queues are as old as the timer
            continue
        delivered += (float(played.delivered_bits[0, 0]), left - float(flow.dropped_bits[0, 0]))
        hz_s = 180e3 * n_prb * n_ttis * 1e-3
        sent += [float(r.spectral_efficiency[0, 0] * r.load[0, 0]) * hz_s for r in (played, flow)]
    packets, flow_level = delivered / sent
    return float(packets), float(flow_level)


def checks() -> list[Check]:
    """Run every check, in the order of the table."""
    return [*_lone_packets(), *_discarded(), *percentile_checks()]


def _lone_packets() -> Iterator[Check]:
    for channel in CHANNELS_BPS:
        what = f"a lone packet of 12,000 bits on a channel of {1e-6 * channel:g} Mbit/s: throughput"
        yield Check(what, 1e-6 * channel, 1e-6 * lone_packet_bps(channel), 1e-6, "Mbit/s")


def _discarded() -> Iterator[Check]:
    delivered, throughput = starved_bits()
    where = "32 users at 119 kbit/s, packets of 12,000 bits dropped after 100 ms"
    yield Check(f"{where}: delivered", 0.0, delivered, 0.0, "bit", absolute=True)
    yield Check(f"{where}: throughput", 0.0, throughput, 0.0, "bit/s", absolute=True)
    for overload in OVERLOADS:
        packets, flow = delivered_over_sent(overload)
        # s is a fifth of the timer: over it the dam's end is not far away.
        for level, measured in (("packets", packets), ("flow level", flow)):
            what = f"users {overload:g} times overloaded, dropped after 100 ms, of use of what is sent: {level}"
            yield Check(what, of_use(overload), measured, 0.1, "")


def exponential_packets(load: float = 0.5, s: int = 20, n_ttis: int = 10_000_000, seed: int = 7) -> PacketKpis:
    """Return the packets of one user, of exponential sizes that take ``s`` TTIs on average."""
    rng = np.random.default_rng(seed)
    cell = Scheduler(1, 1, 1, 10, "round_robin")
    found, window = [], 1_000_000
    for _ in range(n_ttis // window):
        user, tti = poisson(rng, load / s, window)
        bits = np.maximum(rng.exponential(1000.0 * s, tti.size), 1)
        packets = cell.run(window, user, tti, bits, [100.0], per_packet=True).packets
        assert packets is not None
        found.append(packets)
    return PacketKpis.total(found)


def percentile_checks() -> list[Check]:
    """Return the rows of the delay's percentiles."""
    packets, rows = exponential_packets(), []
    for percent, allowed in PERCENT.items():
        theory = -np.log(1 - percent / 100) * 40 + 0.5
        measured = float(packets.delay_ms(percent)[0, 0])
        rows.append(Check(f"M/M/1, load 0.5: {percent:g} % of the packets take less", theory, measured, allowed, "ms"))
    return rows
