"""The scheduler against theory, the standard's promises, another simulator and its own flow level, as one table.

`python -m slicefast.validation` prints the table.

=========  ================================================================  =========
symbol     meaning                                                           unit
=========  ================================================================  =========
rho        offered work over capacity                                        1
D, s       TTIs a packet takes if served alone (one user; one of many)       TTI
W          mean time from arrival to the start of service                    TTI
p          block error rate
=========  ================================================================  =========

M/D/1: W = rho D / (2 (1 - rho)) (Kleinrock, Queueing Systems vol. 1). Arrivals are rounded to the start of their TTI,
so they come in Poisson batches: the queue a batch finds is shorter by rho / 2 than without rounding and the wait within
the batch is rho / 2 longer, so W holds without a correction as long as D is a whole number of TTIs.
Processor sharing: mean sojourn s / (1 - rho) whatever the sizes (Kleinrock vol. 2, section 4.4), and half a TTI, as a
packet leaves at the end of the TTI in which its last bit is sent.
HARQ, up to three retransmissions after 8 TTIs: a PRB carries 1 - p, a lone packet takes 1 + 8 (p + p^2 + p^3) TTIs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slicefast.scenario import Scenario
from slicefast.scheduling import Scheduler, flow_window, schedule_window
from slicefast.simulator import Simulator

Float = NDArray[np.float64]

#: Downlink, byte/s and user, of a round-robin LTE scheduler by row of the transport block table and number of users: 24
#: of 25 PRBs in groups of two, one transport block per user and TTI. lte-test-rr-ff-mac-scheduler.cc of the ns-3 test
#: suite, tolerance 10 % as there. The row is the one of TS 36.213 whose 24-PRB block gives the single user's figure.
PUBLISHED_BYTES_PER_S: Mapping[int, Mapping[int, float]] = {
    26: {1: 2196000, 3: 749000, 6: 373000, 9: 185000, 12: 185000, 15: 148000},
    20: {1: 1383000, 3: 469000, 6: 233000, 9: 113000, 12: 113000, 15: 90400},
    18: {1: 1191000, 3: 389000, 6: 193000, 9: 97000, 12: 97000, 15: 77600},
    8: {1: 421000, 3: 137000, 6: 67000, 9: 32000, 12: 32000, 15: 25600},
}
#: Loads and lengths [TTI] of the M/D/1 runs: standard errors of the mean wait below 0.6 %.
SINGLE_QUEUE = {0.1: 20_000_000, 0.3: 10_000_000, 0.5: 10_000_000, 0.7: 10_000_000, 0.9: 40_000_000}
#: Loads of the comparison of fidelities, and what they may differ by in delay. Towards load 1 packets of fixed size,
#: first in first out within a user, wait less than under processor sharing once users have several.
FIDELITY_LOADS = {0.1: 0.1, 0.3: 0.1, 0.5: 0.1, 0.7: 0.15, 0.85: 0.25}
#: The same for the default network at so many times its traffic: users of a window that have a single packet bias the
#: throughput, and where slices are full, from 1 on, the wait depends on the order of packets too.
NETWORK_TRAFFIC = {0.2: 0.1, 0.5: 0.1, 0.8: 0.1, 1.2: 0.4}

NOTE = """Packets arrive at the start of their TTI, in batches: these wait longer among themselves by just what the
rounding spares them in the queue (half the load), so the mean wait of M/D/1 holds as it stands when a packet
takes whole TTIs. Leaving at the end of a TTI adds half a TTI to processor sharing. Absolute differences stand
where 0 or a rare event is expected; fractions of a PRB, carried from TTI to TTI, may show there. The row of
ns-3's test is the one whose block gives the single user's figure, so only the division among users is tested.
The flow level's delay is above the packets' where packets of one size wait in their user's own queue; where
slices are full it knows the mean only."""

NEAR = 0.1


@dataclass(frozen=True)
class Check:
    """One row: ``expected`` by theory or source, ``measured``, and the relative (or absolute) difference allowed."""

    what: str
    expected: float
    measured: float
    allowed: float
    unit: str
    absolute: bool = False
    at: tuple[str, float] | None = None  # what the flow level was tried on, and at which load or traffic

    @property
    def deviation(self) -> float:
        """Measured minus expected, over expected unless ``absolute``."""
        return (self.measured - self.expected) / (1.0 if self.absolute else self.expected)

    @property
    def holds(self) -> bool:
        """Whether the deviation is within what is allowed."""
        return abs(self.deviation) <= self.allowed


def poisson(
    rng: np.random.Generator, packets_per_tti: float, n_ttis: int, n_users: int = 1
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Draw Poisson arrivals of many users: user and TTI, sorted."""
    tti = np.sort(rng.integers(n_ttis, size=rng.poisson(packets_per_tti * n_ttis))).astype(np.int32)
    return rng.integers(n_users, size=tti.size, dtype=np.int32), tti


def single_queue_wait_ttis(load: float, n_ttis: int, duration: int = 4, seed: int = 11) -> float:
    """Return the mean wait W of one user's packets of ``duration`` TTIs."""
    rng = np.random.default_rng(seed)
    window = min(n_ttis, 1_000_000)
    scheduler = Scheduler(1, 1, 1, 10, "round_robin")
    delay = packets = 0.0
    for _ in range(n_ttis // window):
        user, tti = poisson(rng, load / duration, window)
        result = scheduler.run(window, user, tti, np.full(tti.size, 1000.0 * duration), [100.0])
        delay += float(result.delay_ms[0, 0]) * tti.size
        packets += tti.size
    return delay / packets - duration


def many_users_sojourn_ttis(load: float, exponential: bool, s: int = 20, n_ttis: int = 5_000_000) -> float:
    """Return the mean time packets spend with 400 users in round robin, so that a user rarely has two."""
    rng = np.random.default_rng(5)
    user, tti = poisson(rng, load / s, n_ttis, n_users=400)
    bits = np.full(tti.size, s * 10_000.0)
    if exponential:
        bits *= rng.exponential(size=tti.size)
    result = schedule_window(n_ttis, user, tti, np.maximum(bits, 1), np.full(400, 100.0), kind="round_robin")
    return float(result.delay_ms[0, 0])


def time_shares(rate: Sequence[float], n_ttis: int = 20_000) -> Float:
    """Return each user's share of the time under proportional fair, everyone backlogged; bits per PRB are ``rate``."""
    users, rates = np.arange(len(rate)), np.asarray(rate)
    result = schedule_window(n_ttis, users, np.zeros(users.size, int), np.full(users.size, 1e11), rates)
    time = result.user_delivered_bits / rates
    share: Float = time / time.sum()
    return share


def round_robin_bytes_per_s(index: int, n_users: int, n_ttis: int = 3000) -> float:
    """Return the mean throughput of backlogged users on one row of the transport block table, as ns-3's test has it."""
    users = np.arange(n_users)
    result = schedule_window(
        n_ttis, users, np.zeros(n_users, int), np.full(n_users, 1e11), share=[[1.0]],
        tbs_index=np.full(n_users, index), n_prb=24, rbg_prb=2, kind="round_robin", deal_leftover=False,
    )  # fmt: skip
    return float(result.user_delivered_bits.mean()) / 8 / (n_ttis * 1e-3)


def long_run_shares(share: Sequence[float], n_ttis: int = 100_000) -> Float:
    """Return the PRBs backlogged slices got over those of the cell, one user each, windows of 200 TTIs and 1."""
    users = np.arange(len(share))
    scheduler = Scheduler(1, users.size, users.size, 100, "round_robin")
    used = np.zeros(users.size)
    lengths = [200, 1] * (n_ttis // 201)
    for k, n in enumerate(lengths):
        packets = users if k == 0 else users[:0]
        arrivals = (packets, np.zeros(packets.size, int), np.full(packets.size, 1e12))
        used += n * scheduler.run(n, *arrivals, np.ones(users.size), [list(share)], slice_of=users).load[0]
    return used / sum(lengths)


def policy_excess_prb(n_windows: int = 300, n_ttis: int = 200, seed: int = 0) -> tuple[float, float, float, float]:
    """Break RRMPolicyRatio's promises as far as random traffic can; PRBs per TTI by which it did, at worst.

    Returns (beyond max; into what is dedicated to others; short of min in need; not lent though idle and wanted).
    In every second window the slices that are not in need send a few small packets, in the others nothing, and no max
    holds anybody back: a max below 1 is rounded too, and what is left over need not be wanted in the same TTI.
    Fractions are carried from TTI to TTI, so over a window every figure may reach about one PRB / ``n_ttis``.
    """
    rng = np.random.default_rng(seed)
    n_prb, n_slices, users = 20, 3, 4
    slice_of = np.repeat(np.arange(n_slices), users)
    rate = rng.integers(100, 900, slice_of.size) / 4
    worst = np.zeros(4)
    for k in range(n_windows):
        low = rng.dirichlet(np.ones(n_slices)) * rng.uniform()
        dedicated = low * rng.uniform(size=n_slices)
        high = low + (1 - low) * rng.uniform(size=n_slices) if k % 2 else np.ones(n_slices)
        in_need = rng.random(n_slices) < 0.6
        user = np.flatnonzero(in_need[slice_of])
        light = rng.integers(slice_of.size, size=20 * (k % 2))
        light = light[~in_need[slice_of[light]]]
        tti = np.concatenate([np.zeros(user.size, int), np.sort(rng.integers(n_ttis, size=light.size))])
        bits = np.concatenate([np.full(user.size, 1e9), np.full(light.size, 300.0)])
        result = Scheduler(1, n_slices, slice_of.size, n_prb, "round_robin").run(
            n_ttis, np.concatenate([user, light]), tti, bits, rate, slice_of=slice_of,
            dedicated_ratio=[dedicated], min_ratio=[low], max_ratio=[high],
        )  # fmt: skip
        used = n_prb * result.load[0]
        others = (dedicated.sum() - dedicated) * n_prb
        beyond, into, short = used - high * n_prb, used - (n_prb - others), (low * n_prb - used)[in_need]
        # The others idle, those in need take all but what is dedicated to the others.
        lendable = 0.0 if k % 2 or not in_need.any() else n_prb * (1 - dedicated[~in_need].sum()) - used.sum()
        found = (beyond.max(), into.max(), short.max(initial=0.0), lendable)
        worst = np.maximum(worst, found)
    return tuple(map(float, worst))  # type: ignore[return-value]


def harq_cost(p: float) -> tuple[float, float, float]:
    """Return what HARQ costs: bits delivered per bit of capacity, bits lost over bits ended, a lone packet's delay."""
    n_ttis = 500_000
    capacity = 640 * n_ttis
    result = schedule_window(
        n_ttis, np.zeros(n_ttis, int), np.zeros(n_ttis, int), np.full(n_ttis, 640.0), [64.0], n_prb=10,
        kind="round_robin", block_error_rate=p, harq_seed=3,
    )  # fmt: skip
    delivered, dropped = float(result.delivered_bits[0, 0]), float(result.dropped_bits[0, 0])
    gap, n = 40, 100_000
    alone = schedule_window(
        gap * n, np.zeros(n, int), gap * np.arange(n), np.full(n, 100), [64.0], n_prb=10, block_error_rate=p
    )
    return delivered / capacity, dropped / (delivered + dropped), float(alone.delay_ms[0, 0])


Levels = dict[str, tuple[float, float]]  # KPI -> (flow, packets)


def slice_at_both_levels(load: float, n_ttis: int = 20_000, n_windows: int = 5, s: float = 4.3) -> Levels:
    """Play one slice at both levels: 64 users of three rates, packets of s TTIs at the middle rate."""
    rng = np.random.default_rng(2)
    n_users = 64
    rate = np.array([50.0, 100.0, 200.0])[np.arange(n_users) % 3]
    packet = s * 100 * 100
    per_tti = load / float(np.mean(packet / rate / 100))
    one = np.zeros(n_users, int)  # everybody in one cell and slice
    scheduler, backlog = Scheduler(1, 1, n_users, 100, "round_robin"), np.zeros(n_users)
    both = []
    for _ in range(n_windows):
        user, tti = poisson(rng, per_tti, n_ttis, n_users)
        played = scheduler.run(n_ttis, user, tti, np.full(tti.size, packet), rate, [[1.0]], one, one)
        arriving = np.bincount(user, minlength=n_users) * packet
        flow = flow_window(n_ttis, arriving, packet, rate, [[1.0]], one, one, backlog)
        backlog = flow.backlog_bits
        both.append((flow, played))
    return {
        name: (mean_of(name, (flow for flow, _ in both)), mean_of(name, (played for _, played in both)))
        for name in ("load", "delay_ms", "throughput_bps")
    }


def network_at_both_levels(traffic: float, n_steps: int = 50, seed: int = 1) -> Levels:
    """Play the default scenario with ``traffic`` times its rates at both levels, means over cells, slices and steps.

    Shares 0.4, 0.3, 0.2, 0.1, as the slices' rates. Load is that of the cell: the sum over its slices.
    """
    base = Scenario.paper().model_dump()
    for item in base["slices"]:
        item["rate_bps"] *= traffic
    found = []
    for fidelity in ("flow", "tti"):
        simulator = Simulator(Scenario(**(base | {"fidelity": fidelity})), seed)
        simulator.reset()
        shares = np.tile([0.4, 0.3, 0.2, 0.1], (simulator.scenario.n_cells, 1))
        found.append([simulator.step(shares) for _ in range(n_steps)])
    values = {
        name: (mean_of(name, found[0]), mean_of(name, found[1])) for name in ("load", "delay_ms", "throughput_bps")
    }
    n_slices = len(base["slices"])
    return values | {"load": (n_slices * values["load"][0], n_slices * values["load"][1])}


def mean_of(name: str, results: Iterable[object]) -> float:
    """Return the mean of a KPI over cells, slices and results."""
    return float(np.mean([getattr(result, name) for result in results]))


def _queue_checks() -> Iterator[Check]:
    for load, n_ttis in SINGLE_QUEUE.items():
        theory = load * 4 / (2 * (1 - load))
        yield Check(f"one user, load {load}: wait of M/D/1", theory, single_queue_wait_ttis(load, n_ttis), 0.02, "ms")
    for load in (0.3, 0.6, 0.8):
        theory = 20 / (1 - load) + 0.5
        for sizes in ("fixed", "exponential"):
            measured = many_users_sojourn_ttis(load, sizes == "exponential")
            yield Check(
                f"round robin, 400 users, {sizes} sizes, load {load}: processor sharing", theory, measured, 0.05, "ms"
            )


def _sharing_checks() -> Iterator[Check]:
    share = (0.437, 0.3111, 0.2, 0.0519)
    got = long_run_shares(share)
    worst = int(np.argmax(np.abs(got - share)))
    yield Check("largest remainder: a slice's share in the long run", share[worst], float(got[worst]), 1e-5, "", True)
    time = time_shares([100.0, 100.0, 100.0, 400.0, 25.0])
    worst = int(np.argmax(np.abs(time - 0.2)))
    yield Check("proportional fair, five users, rates 25 to 400: time of the worst", 0.2, float(time[worst]), 0.01, "")
    yield max(
        (
            Check(
                f"round robin of ns-3, worst of 24 throughputs: I_TBS {index}, {n} users",
                expected, round_robin_bytes_per_s(index, n), 0.1, "byte/s",
            )
            for index, published in PUBLISHED_BYTES_PER_S.items()
            for n, expected in published.items()
        ),
        key=lambda check: abs(check.deviation),
    )  # fmt: skip
    promises = (
        "RRMPolicyRatio: beyond max", "RRMPolicyRatio: into others' dedicated PRBs",
        "RRMPolicyRatio: short of min when needed", "RRMPolicyRatio: idle PRBs not lent to those in need",
    )  # fmt: skip
    for what, excess in zip(promises, policy_excess_prb(), strict=True):
        # A fraction of a PRB is carried per slice and kind of ratio: up to 3 slices, two kinds, over 200 TTIs.
        yield Check(f"{what}, worst of 300 windows", 0.0, excess, 6 / 200, "PRB per TTI", absolute=True)


def _harq_checks() -> Iterator[Check]:
    for p in (0.1, 0.5):
        goodput, lost, delay = harq_cost(p)
        yield Check(f"HARQ, p = {p}: bits per bit of capacity", 1 - p, goodput, 0.005, "")
        # Three standard errors over the 500,000 (1 - p) blocks that end.
        noise = 3 * (p**4 / (500_000 * (1 - p))) ** 0.5
        yield Check(f"HARQ, p = {p}: bits lost", p**4, lost, noise, "", absolute=True)
        yield Check(f"HARQ, p = {p}: delay of a lone packet", 1 + 8 * (p + p**2 + p**3), delay, 0.01, "ms")


def _fidelity_checks() -> Iterator[Check]:
    points = [
        (f"a slice at load {load}", ("slice", load), slice_at_both_levels(load), x)
        for load, x in FIDELITY_LOADS.items()
    ]
    points += [
        (
            f"default network, {traffic} of its traffic",
            ("network", traffic),
            network_at_both_levels(traffic, n_steps=20),
            x,
        )
        for traffic, x in NETWORK_TRAFFIC.items()
    ]
    for where, at, both, tolerance in points:
        (delay, delay_tti), (rate, rate_tti) = both["delay_ms"], both["throughput_bps"]
        yield Check(f"flow level against TTIs, {where}: delay", delay_tti, delay, tolerance, "ms", at=at)
        yield Check(
            f"flow level against TTIs, {where}: throughput",
            1e-6 * rate_tti,
            1e-6 * rate,
            min(tolerance, 0.15),
            "Mbit/s",
            at=at,
        )


def checks() -> list[Check]:
    """Run every check, in the order of the table."""
    parts: tuple[Callable[[], Iterator[Check]], ...] = (_queue_checks, _sharing_checks, _harq_checks, _fidelity_checks)
    return [check for part in parts for check in part()]


def table(found: Sequence[Check]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| check | expected | measured | difference | allowed |", "|---|---|---|---|---|"]
    for check in found:
        unit = f" {check.unit}" if check.unit else ""
        if check.absolute:
            difference, allowed = f"{check.deviation:+.1e}", f"{check.allowed:.1e}"
        else:
            difference, allowed = f"{100 * check.deviation:+.2f} %", f"{100 * check.allowed:g} %"
        mark = "" if check.holds else " **missed**"
        values = f"{check.expected:.4g}{unit} | {check.measured:.4g}{unit}"
        lines.append(f"| {check.what} | {values} | {difference}{mark} | {allowed} |")
    return "\n".join(lines)


def flow_range(found: Sequence[Check]) -> str:
    """Say in plain words up to where the flow level is within ``NEAR`` of the TTIs, and how far off it is behind."""
    parts = []
    for kind, form in (("slice", "a slice up to load {}"), ("network", "the default network up to {} of its traffic")):
        worst: dict[float, float] = {}
        for check in found:
            if check.at and check.at[0] == kind:
                worst[check.at[1]] = max(worst.get(check.at[1], 0.0), abs(check.deviation))
        beyond = [x for x in sorted(worst) if worst[x] > NEAR]
        within = [x for x in sorted(worst) if not beyond or x < beyond[0]]
        text = form.format(within[-1]) if within else form.format("none tried")
        parts.append(text + "".join(f", {100 * worst[x]:.0f} % off at {x}" for x in beyond))
    head = f"The flow level is within {100 * NEAR:g} % of the TTIs in delay and throughput:"
    return head + "\n" + ";\n".join(parts) + "."
