"""Slow twins of mobility and arrivals: a loop per user, plain NumPy."""

import numpy as np


def walk(x, y, heading, step_m, v1, v2, wrap):
    """Walk every user one step; return new x, y, heading."""
    side = np.array([v1, v2], dtype=float)
    out = []
    for px, py, h in zip(x, y, heading, strict=True):
        position = np.array([px + step_m * np.cos(h), py + step_m * np.sin(h)])
        if wrap:
            s = position @ np.linalg.inv(side)
            out.append([*(s - np.floor(s)) @ side, h])
            continue
        dx, dy = np.cos(h), np.sin(h)
        size = np.array([side[0, 0], side[1, 1]])
        while (position < 0).any() or (position > size).any():  # bounce wall by wall
            for axis in range(2):
                if position[axis] < 0:
                    position[axis] = -position[axis]
                elif position[axis] > size[axis]:
                    position[axis] = 2 * size[axis] - position[axis]
                else:
                    continue
                dx, dy = (-dx, dy) if axis == 0 else (dx, -dy)
        out.append([*position, np.arctan2(dy, dx)])
    return np.array(out).T


def poisson_arrivals(generator, rate_pps, packet_bits, window_ttis):
    """Per user: exponential times between packets until the window ends; return user, tti, bits sorted by tti."""
    events = []
    for user, rate in enumerate(rate_pps):
        time_ms = 0.0
        while rate > 0:
            time_ms += generator.exponential(1e3 / rate)
            if time_ms >= window_ttis:
                break
            events.append((int(time_ms), user))
    events.sort()
    tti = np.array([event[0] for event in events], dtype=np.int32)
    user = np.array([event[1] for event in events], dtype=np.int32)
    return user, tti, np.asarray(packet_bits, dtype=np.float32)[user]


def constant_arrivals(active, clock, interval_ttis, window_ttis):
    """Step through time user by user; return (user, tti) pairs and move the clocks of active users on."""
    events = []
    for user, sends in enumerate(active):
        if not sends:
            continue
        while clock[user] < window_ttis:
            events.append((user, int(np.floor(clock[user]))))
            clock[user] = clock[user] + interval_ttis
        clock[user] -= window_ttis
    return events
