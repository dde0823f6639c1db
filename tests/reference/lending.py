"""Slow twin of one cell whose slices lend (RRMPolicyRatio with min alone) under HARQ, by max C/I, in plain Python."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

WORD = 2**64 - 1


def mix(x):
    """Return the finaliser of SplitMix64 (Steele, Lea and Flood 2014) of ``x``."""
    x = (x + 0x9E3779B97F4A7C15) & WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    return x ^ (x >> 31)


class SlowLendingCell:
    """Queues of [bits left, arrival, size, lost]; what was sent and not handed up: blocks, arrived, waiting or lost."""

    def __init__(self, n_slices, n_users, n_prb, error_rate, max_retransmissions, round_trip):
        self.n_slices, self.n_users, self.n_prb = n_slices, n_users, n_prb
        self.error_rate, self.max_retransmissions, self.round_trip = error_rate, max_retransmissions, round_trip
        self.queue = [[] for _ in range(n_users)]
        self.blocks = [[] for _ in range(n_users)]
        self.carry = [Fraction(0)] * n_slices
        self.lent_last = 0
        self.now = 0

    def fails(self, user, block):
        """Return whether the coming transmission of a block fails; drawn by counter, seed 0."""
        key = mix(mix(mix(0) ^ user) ^ block["sent_at"])
        return (mix(key ^ block["attempts"]) >> 11) * 2.0**-53 < self.error_rate

    def guaranteed(self, low):
        """Return a TTI's whole PRBs by largest remainder; what is promised to nobody takes part."""
        exact = [Fraction(float(a)) * self.n_prb for a in low]
        exact.append(self.n_prb - sum(exact))
        carry = [*self.carry, self.nobody]
        give = [math.floor(x) for x in exact]
        carry = [c + x - math.floor(x) for c, x in zip(carry, exact, strict=True)]
        taking_part = [s for s, x in enumerate(exact) if x != math.floor(x)]
        for s in sorted(taking_part, key=lambda s: (-carry[s], s))[: self.n_prb - sum(give)]:
            give[s] += 1
            carry[s] -= 1
        *self.carry, self.nobody = carry
        return give[:-1]

    def fresh(self, u):
        """Return the bits queued and not yet sent."""
        return sum(packet[0] for packet in self.queue[u]) - sum(block["bits"] for block in self.blocks[u])

    def due(self, members):
        """Return (user, block) of what is to be sent again, the longest due first."""
        blocks = [(u, b) for u in members for b in self.blocks[u] if b["state"] == "waiting" and b["due"] <= self.now]
        return sorted(blocks, key=lambda item: item[1]["due"])

    def needs(self, members):
        """Return the PRBs that a slice could use in this TTI."""
        new = sum(math.ceil(Fraction(self.fresh(u)) / Fraction(self.rate[u])) for u in members)
        return min(self.n_prb, new + sum(block["n_prb"] for _, block in self.due(members)))

    def grants(self, needs, guaranteed):
        """Return what each slice gets: its guarantee as far as needed, and equal parts of what is idle."""
        grants = [min(need, own) for need, own in zip(needs, guaranteed, strict=True)]
        idle = self.n_prb - sum(grants)
        while idle > 0 and any(need > got for need, got in zip(needs, grants, strict=True)):
            part = max(1, idle // sum(need > got for need, got in zip(needs, grants, strict=True)))
            start = self.lent_last
            for k in range(1, self.n_slices + 1):
                s = (start + k) % self.n_slices
                more = min(part, idle, needs[s] - grants[s])
                if more > 0:
                    grants[s] += more
                    idle -= more
                    self.lent_last = s
        self.rooms = [got + idle for got in grants]  # what is idle could have been anyone's
        return grants

    def hand_up(self, u, filled):
        """Pass on, in order, what no failed block holds back; a packet counts when it is complete, if no part is lost.

        ``filled`` is up to where, of what the slice could have had in this TTI, what is passed on fills it.
        """
        had_data = len(self.queue[u]) > 0
        while self.blocks[u] and self.blocks[u][0]["state"] != "waiting":
            block = self.blocks[u].pop(0)
            left = block["bits"]
            while left:
                packet = self.queue[u][0]
                if block["state"] == "lost":
                    packet[3] = True
                part = min(left, packet[0])
                left -= part
                packet[0] -= part
                if packet[0] == 0:
                    _, arrived, bits, lost = self.queue[u].pop(0)
                    (self.dropped if lost else self.delivered)[u] += bits
                    self.delays[self.slice_of[u]].append(self.now + 1 - arrived)
        if had_data and not self.queue[u]:
            self.busy[u] -= 1 - filled

    def send(self, s, quota, room):
        """Use a slice's PRBs: blocks that are due first, then new bits of the best user."""
        members, dealt = self.members(s), 0
        for u, block in self.due(members):
            if quota > 0:
                n_prb = min(quota, block["n_prb"])
                quota -= n_prb
                dealt += n_prb
                self.used[s] += n_prb
                self.transmit(u, block)
        for u in members:
            self.hand_up(u, dealt / room)
        for u in sorted(members, key=lambda u: (-self.rate[u], u)):
            n_prb = min(quota, math.ceil(Fraction(self.fresh(u)) / Fraction(self.rate[u])))
            if n_prb > 0:
                quota -= n_prb
                self.used[s] += n_prb
                filled = dealt + min(self.fresh(u), n_prb * self.rate[u]) / self.rate[u]
                dealt += n_prb
                block = {"bits": min(self.fresh(u), n_prb * self.rate[u]), "n_prb": n_prb, "sent_at": self.now}
                self.blocks[u].append(block | {"attempts": 0, "state": "waiting"})
                self.transmit(u, self.blocks[u][-1])
                self.hand_up(u, filled / room)

    def transmit(self, u, block):
        """Send a block once."""
        if not self.fails(u, block):
            block["state"] = "arrived"
        elif block["attempts"] >= self.max_retransmissions:
            block["state"] = "lost"
        else:
            block["attempts"] += 1
            block["due"] = self.now + self.round_trip

    def members(self, s):
        """Return a slice's users within reach."""
        return [u for u in range(self.n_users) if self.slice_of[u] == s and self.rate[u] > 0]

    def run(self, n_ttis, user, tti, bits, rate, slice_of, low):
        """Play a window; return the KPIs that the core's window returns under the same names."""
        self.rate, self.slice_of = np.asarray(rate, float), slice_of
        self.delivered, self.dropped, self.busy = (np.zeros(self.n_users) for _ in range(3))
        self.used, self.delays = np.zeros(self.n_slices), [[] for _ in range(self.n_slices)]
        self.nobody = -sum(self.carry)
        for t in range(n_ttis):
            for i in np.flatnonzero(np.asarray(tti) == t):
                self.queue[user[i]].append([float(bits[i]), self.now, float(bits[i]), False])
            self.busy += [len(queue) > 0 for queue in self.queue]
            guaranteed = self.guaranteed(low)
            needs = [self.needs(self.members(s)) for s in range(self.n_slices)]
            for s, quota in enumerate(self.grants(needs, guaranteed)):
                if quota > 0:
                    self.send(s, quota, self.rooms[s])
            self.now += 1
        for u, queue in enumerate(self.queue):
            self.delays[slice_of[u]] += [self.now - packet[1] for packet in queue]
        return {
            "load": self.used[None] / (self.n_prb * n_ttis),
            "delay_ms": np.array([[np.mean(found) if found else 0.0 for found in self.delays]]),
            "user_delivered_bits": self.delivered,
            "user_busy_ttis": self.busy,
            "user_dropped_bits": self.dropped,
            "user_queued_bits": np.array([sum(packet[0] for packet in queue) for queue in self.queue]),
        }
