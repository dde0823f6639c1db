"""Mobility and arrivals of one step: ours beside plain NumPy. Run with --benchmark-only."""

import numpy as np
import pytest
from machine import least

from slicefast._mobility import move_users
from slicefast._traffic import draw_poisson_arrivals
from slicefast.scenario import Scenario
from slicefast.traffic.arrivals import Arrivals

SIZES = {"12 cells": 4, "300 cells": 100}
WINDOW = 200


def numpy_move(generator, x, y, heading, step_m, turn_probability, v1, v2):
    """Walk on the torus, in place, one array operation at a time."""
    turning = generator.random(x.size) < turn_probability
    heading[turning] = generator.uniform(0, 2 * np.pi, turning.sum())
    x += step_m * np.cos(heading)
    y += step_m * np.sin(heading)
    det = v1[0] * v2[1] - v1[1] * v2[0]
    s, t = np.floor((x * v2[1] - y * v2[0]) / det), np.floor((v1[0] * y - v1[1] * x) / det)
    x -= s * v1[0] + t * v2[0]
    y -= s * v1[1] + t * v2[1]


def numpy_arrivals(generator, rate_pps, packet_bits, window_ttis):
    """Poisson counts per user, uniform TTIs, one sort."""
    user = np.repeat(np.arange(rate_pps.size, dtype=np.int32), generator.poisson(rate_pps * window_ttis * 1e-3))
    tti = generator.integers(0, window_ttis, user.size, dtype=np.int32)
    order = np.argsort(tti, kind="stable")
    return user[order], tti[order], packet_bits[user[order]]


@pytest.mark.parametrize("kind", ["slicefast", "numpy"])
@pytest.mark.parametrize("size", SIZES)
def test_move(benchmark, size, kind):
    benchmark.group = f"move users, {size}"
    scenario = Scenario.hexagonal(SIZES[size])
    area, generator = scenario.area, np.random.Generator(np.random.PCG64DXSM(0))
    x, y = area.sample(generator, scenario.n_users)
    heading = generator.uniform(0, 2 * np.pi, scenario.n_users)
    if kind == "slicefast":
        benchmark(move_users, generator, x, y, heading, 1.0, 0.05, *area.v1_m, *area.v2_m, True)
    else:
        benchmark(numpy_move, generator, x, y, heading, 1.0, 0.05, area.v1_m, area.v2_m)
    # The same walk from here on without turns must agree.
    ours, theirs = (x.copy(), y.copy(), heading.copy()), (x.copy(), y.copy(), heading.copy())
    move_users(generator, *ours, 1.0, 0.0, *area.v1_m, *area.v2_m, True)
    numpy_move(generator, *theirs, 1.0, 0.0, area.v1_m, area.v2_m)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", ["slicefast", "numpy"])
@pytest.mark.parametrize("size", SIZES)
def test_arrivals(benchmark, size, kind):
    benchmark.group = f"Poisson arrivals of 200 TTIs, half of the users active, {size}"
    scenario, generator = Scenario.hexagonal(SIZES[size]), np.random.Generator(np.random.PCG64DXSM(0))
    rate = (scenario.slice_rate_bps / scenario.slice_packet_bits)[scenario.slice_of]
    rate *= generator.random(rate.size) < 0.5
    bits = scenario.slice_packet_bits.astype(np.float32)[scenario.slice_of]
    draw = draw_poisson_arrivals if kind == "slicefast" else numpy_arrivals
    user, tti, size_bits = benchmark(draw, generator, rate, bits, WINDOW)
    expected = rate.sum() * WINDOW * 1e-3
    assert abs(user.size - expected) < 6 * np.sqrt(expected)
    assert (np.diff(tti) >= 0).all()
    assert (rate[user] > 0).all()
    assert (size_bits == bits[user]).all()


MODELS = ["poisson", "constant", "on_off", "ftp3", "ftp2"]


@pytest.mark.parametrize("kind", MODELS)
def test_models(benchmark, limit, kind):
    """A window of every traffic model at the same mean rate, all of 1,536 users active."""
    benchmark.group = "arrivals of 200 TTIs by traffic model, 12 cells, all users active"
    rate = {"traffic": {"kind": kind, "reading_time_s": 20.0}} if kind == "ftp2" else {"rate_bps": 2e5, "traffic": kind}
    slices = [{"name": f"s{s}", **rate} for s in range(4)]
    scenario = Scenario.paper(slices=slices)
    arrivals = Arrivals(scenario, np.random.Generator(np.random.PCG64DXSM(0)))
    active, backlog = np.ones(scenario.n_users, bool), np.zeros(scenario.n_users)
    total, windows = 0.0, 0

    def window():
        nonlocal total, windows
        events = arrivals.draw(active, backlog)
        windows += 1
        total += float(events.bits.sum())
        return events

    events = benchmark(window)
    generator = np.random.Generator(np.random.PCG64DXSM(0))
    drawn = least(lambda: generator.random(events.bits.size), repeats=100)
    limit("as many uniform numbers from NumPy", drawn)
    assert (np.diff(events.tti) >= 0).all()
    # Bursts make the mean vary: on-off by sqrt(2 / cycles), files by sqrt(1 / files); six standard deviations.
    expected = scenario.n_users * 2e5 * windows * WINDOW * 1e-3
    files = expected / 4e6
    assert total == pytest.approx(expected, rel=max(0.02, 6 / np.sqrt(files)))
