"""Slow twin of the PRB scheduler: one PRB at a time, one user at a time, in plain Python."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np


def quotas(share, n_prb, n_ttis, carry):
    """Whole PRBs of every slice and TTI by largest remainder; `carry` (S,) Fractions is updated in place."""
    exact = [Fraction(float(a)) for a in share]
    total = sum(exact)
    exact = [a / total * n_prb for a in exact]
    granted = []
    for _ in range(n_ttis):
        give = [int(x) for x in exact]
        for s, x in enumerate(exact):
            carry[s] += x - int(x)
        candidates = sorted((s for s, x in enumerate(exact) if x != int(x)), key=lambda s: (-carry[s], s))
        for s in candidates[: n_prb - sum(give)]:
            give[s] += 1
            carry[s] -= 1
        granted.append(give)
    return granted


class SlowScheduler:
    """Queues of [bits left, arrival TTI, size] lists; every rule as scheduling.py states it, with no shortcut."""

    def __init__(
        self,
        n_cells,
        n_slices,
        n_users,
        n_prb,
        kind,
        alpha=1.0,
        beta=1.0,
        averaging_ttis=100.0,
        discard_ttis=0,
        buffer_bits=0.0,
    ):
        self.sizes = n_cells, n_slices, n_users
        self.buffer = buffer_bits
        self.n_prb, self.kind = n_prb, kind
        self.alpha, self.beta, self.a = alpha, beta, averaging_ttis
        self.discard = discard_ttis
        self.queue = [[] for _ in range(n_users)]
        self.average = np.ones(n_users)
        self.carry = [[Fraction(0)] * n_slices for _ in range(n_cells)]
        self.pointer = np.full((n_cells, n_slices), -1)
        self.now = 0

    def pick(self, waiting, rate, n, s):
        """Return who gets the next PRB."""
        if self.kind == "round_robin":
            behind = [u for u in waiting if u > self.pointer[n, s]]
            user = min(behind) if behind else min(waiting)
            self.pointer[n, s] = user
            return user
        if self.kind == "max_ci":
            return max(waiting, key=lambda u: (rate[u], -u))
        return max(waiting, key=lambda u: (self.metric(rate[u], self.average[u]), -u))

    def metric(self, rate, average):
        """Return R^alpha / T^beta with exponents that have no end, as large powers leave a float's range."""
        if self.alpha <= 1 and self.beta <= 1:
            return rate**self.alpha / average**self.beta
        with localcontext(prec=40):
            return Decimal(rate) ** Decimal(self.alpha) / Decimal(average) ** Decimal(self.beta)

    def run(self, n_ttis, user, tti, bits, rate, share, serving, slice_of):
        """Play a window PRB by PRB; returns what the core's window returns."""
        n_cells, n_slices, n_users = self.sizes
        rate = np.asarray(rate, float)
        # Of users: bits of complete packets, and for the throughput bits sent, and those taken back.
        delivered, busy = np.zeros(n_users), np.zeros(n_users)
        carried, taken_back = np.zeros(n_users), np.zeros(n_users)
        delays = [[[] for _ in range(n_slices)] for _ in range(n_cells)]
        used, dropped = np.zeros((n_cells, n_slices)), np.zeros((n_cells, n_slices))
        self.ended = [[[] for _ in range(n_slices)] for _ in range(n_cells)]  # delays of packets delivered
        self.lost = np.zeros((n_cells, n_slices))
        refused = np.zeros(n_users, bool)
        granted = [quotas(share[n], self.n_prb, n_ttis, self.carry[n]) for n in range(n_cells)]
        for t in range(n_ttis):
            for i in np.flatnonzero(np.asarray(tti) == t):
                u = user[i]
                if self.buffer and sum(p[0] for p in self.queue[u]) + bits[i] > self.buffer:
                    refused[u] = True
                    delays[serving[u]][slice_of[u]].append(n_ttis)
                    dropped[serving[u], slice_of[u]] += bits[i]
                    self.lost[serving[u], slice_of[u]] += 1
                else:
                    self.queue[u].append([float(bits[i]), self.now, float(bits[i])])
            self.drop(serving, slice_of, delays, dropped, taken_back)
            busy += [len(q) > 0 for q in self.queue]
            served = np.zeros(n_users)
            for n in range(n_cells):
                for s in range(n_slices):
                    members = [u for u in range(n_users) if serving[u] == n and slice_of[u] == s and rate[u] > 0]
                    capacity, place = np.zeros(n_users), np.zeros(n_users)
                    for k in range(granted[n][t][s]):
                        waiting = [u for u in members if sum(p[0] for p in self.queue[u]) > capacity[u]]
                        if not waiting:
                            break
                        chosen = self.pick(waiting, rate, n, s)
                        capacity[chosen] += rate[chosen]
                        place[chosen] = k + 1
                        used[n, s] += 1
                    for u in members:
                        had_data, n_before = len(self.queue[u]) > 0, len(delays[n][s])
                        served[u], complete = self.send(u, capacity[u], delays[n][s])
                        delivered[u] += complete if self.discard else served[u]
                        self.ended[n][s] += delays[n][s][n_before:]
                        if had_data and not self.queue[u]:
                            # Of the last TTI counts what lies before the last of its PRBs that it filled, in part.
                            unfilled = (capacity[u] - served[u]) / rate[u]
                            busy[u] -= 1 - (place[u] - unfilled) / granted[n][t][s]
            carried += served
            self.average = (1 - 1 / self.a) * self.average + served / self.a
            self.now += 1
        busy[refused] = n_ttis
        counted = carried - taken_back
        for u, queue in enumerate(self.queue):
            if self.discard and queue and delivered[u] == 0:
                counted[u] -= queue[0][2] - queue[0][0]
        counted = np.maximum(counted, 0)
        result = self.measure(n_ttis, counted, busy, delays, used, serving, slice_of)
        return result | {"dropped_bits": dropped, "user_delivered_bits": delivered}

    def drop(self, serving, slice_of, delays, dropped, taken_back):
        """Drop packets whose discard timer has run out; they count in the delay with their age."""
        for u, queue in enumerate(self.queue):
            while self.discard and queue and self.now - queue[0][1] >= self.discard:
                left, arrived, bits = queue.pop(0)
                taken_back[u] += bits - left
                dropped[serving[u], slice_of[u]] += bits
                self.lost[serving[u], slice_of[u]] += 1
                delays[serving[u]][slice_of[u]].append(self.now - arrived)

    def send(self, u, capacity, delays):
        """Send up to `capacity` bits of u's queue, note the delays of finished packets; return bits sent, finished."""
        sent = complete = 0.0
        while self.queue[u] and capacity > 0:
            part = min(capacity, self.queue[u][0][0])
            self.queue[u][0][0] -= part
            capacity -= part
            sent += part
            if self.queue[u][0][0] == 0:
                delays.append(self.now + 1 - self.queue[u][0][1])
                complete += self.queue[u].pop(0)[2]
        return sent, complete

    def measure(self, n_ttis, counted, busy, delays, used, serving, slice_of):
        """Return the KPIs of the window that just ended."""
        n_cells, n_slices, n_users = self.sizes
        throughput, delay, users = (np.zeros((n_cells, n_slices)) for _ in range(3))
        for n in range(n_cells):
            for s in range(n_slices):
                members = [u for u in range(n_users) if serving[u] == n and slice_of[u] == s]
                with_data = [u for u in members if busy[u] > 0]
                ages = [self.now - packet[1] for u in members for packet in self.queue[u]]
                if with_data:
                    throughput[n, s] = counted[with_data].sum() / (busy[with_data].sum() * 1e-3)
                delay[n, s] = np.mean(delays[n][s] + ages) if delays[n][s] + ages else 0.0
                users[n, s] = len(with_data)
        return {
            "throughput_bps": throughput,
            "delay_ms": delay,
            "load": used / (self.n_prb * n_ttis),
            "users": users,
            "user_busy_ttis": busy,
            "user_queued_bits": np.array([sum(p[0] for p in q) for q in self.queue]),
        }
