"""Mobility and Poisson arrivals against slow twins and theory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slicefast._mobility import move_users
from slicefast._traffic import draw_poisson_arrivals
from slicefast.scenario import Scenario

# A statistical test here fails for one seed in 10,000; the seeds are fixed.
SIGNIFICANCE = 1e-4


def rng(seed=0):
    return np.random.Generator(np.random.PCG64DXSM(seed))


def move(generator, x, y, heading, step_m, turn_probability, area):
    move_users(generator, x, y, heading, step_m, turn_probability, *area.v1_m, *area.v2_m, area.wrap)


def angle_difference(a, b):
    return np.abs((a - b + np.pi) % (2 * np.pi) - np.pi)


@given(
    st.integers(0, 2**32), st.floats(0, 5000), st.sampled_from([(4, True), (7, True), (3, False)]), st.floats(-50, 50)
)
def test_moves_like_the_slow_twin(reference, seed, step_m, layout, offset):
    area = Scenario.hexagonal(layout[0], wrap_around=layout[1]).area
    generator = rng(seed)
    x, y = area.sample(generator, 20)
    heading = generator.uniform(0, 2 * np.pi, 20) + offset
    expected = reference("traffic").walk(x, y, heading, step_m, area.v1_m, area.v2_m, area.wrap)
    move(generator, x, y, heading, step_m, 0.0, area)
    # On a torus a point within rounding of a border may come back at the opposite one: compare on the circle.
    side = np.array([area.v1_m, area.v2_m])
    lattice = (np.stack([x, y], axis=1) - expected[:2].T) @ np.linalg.inv(side)
    if area.wrap:
        lattice -= np.rint(lattice)
    np.testing.assert_allclose(lattice @ side, 0.0, atol=1e-6)
    np.testing.assert_allclose(angle_difference(heading, expected[2]), 0.0, atol=1e-9)


@pytest.mark.parametrize("wrap", [True, False])
def test_users_stay_in_the_area(wrap):
    area = Scenario.hexagonal(4, wrap_around=wrap).area
    generator = rng()
    x, y = area.sample(generator, 500)
    heading = generator.uniform(0, 2 * np.pi, 500)
    inverse = np.linalg.inv(np.array([area.v1_m, area.v2_m]))
    for _ in range(300):
        move(generator, x, y, heading, 37.0, 0.1, area)
        lattice = np.stack([x, y], axis=1) @ inverse
        assert lattice.min() > -1e-12
        assert lattice.max() < 1 + 1e-12
        assert heading.min() >= 0
        assert heading.max() <= 2 * np.pi


@pytest.mark.parametrize("wrap", [True, False])
def test_uniform_users_stay_uniform(wrap):
    """Neither the torus nor the walls gather users: positions stay uniform over the area, headings over the circle."""
    area = Scenario.hexagonal(4, wrap_around=wrap).area
    generator = rng(5)
    x, y = area.sample(generator, 4000)
    heading = generator.uniform(0, 2 * np.pi, 4000)
    for _ in range(200):
        move(generator, x, y, heading, 20.0, 0.05, area)
    lattice = np.stack([x, y], axis=1) @ np.linalg.inv(np.array([area.v1_m, area.v2_m]))
    for sample in (lattice[:, 0], lattice[:, 1], heading / (2 * np.pi)):
        assert stats.kstest(sample, "uniform").pvalue > SIGNIFICANCE


@pytest.mark.parametrize("probability", [0.0, 0.02, 0.5, 1.0])
def test_every_user_turns_with_the_probability_given(probability):
    area = Scenario.paper().area
    generator, n, steps = rng(1), 200, 500
    turns = np.zeros(n)
    x, y, heading = np.zeros(n), np.zeros(n), np.full(n, -1.0)
    for _ in range(steps):
        before = heading.copy()
        move(generator, x, y, heading, 0.0, probability, area)
        turns += heading != before
    if probability in (0.0, 1.0):
        assert (turns == steps * probability).all()
        return
    # Turns per user are binomial; so is their total, and neighbouring users are independent.
    expected = stats.binom(steps, probability)
    assert stats.binomtest(int(turns.sum()), n * steps, probability).pvalue > SIGNIFICANCE
    assert abs(turns.var() / expected.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs(np.corrcoef(turns[:-1], turns[1:])[0, 1]) < 5 / np.sqrt(n)


def test_headings_after_a_turn_are_uniform():
    generator, n = rng(2), 5000
    x, y, heading = np.zeros(n), np.zeros(n), np.zeros(n)
    move(generator, x, y, heading, 0.0, 1.0, Scenario.paper().area)
    assert stats.kstest(heading / (2 * np.pi), "uniform").pvalue > SIGNIFICANCE


def test_same_generator_state_same_walk_and_arrivals():
    results = []
    for _ in range(2):
        generator = rng(9)
        x, y = np.arange(100.0), np.arange(100.0)
        heading = np.zeros(100)
        move(generator, x, y, heading, 1.0, 0.3, Scenario.paper().area)
        arrivals = draw_poisson_arrivals(generator, np.full(100, 50.0), np.full(100, 8.0), 200)
        results.append([x, y, heading, *arrivals, generator.random(1)])
    for first, second in zip(*results, strict=True):
        assert first.tolist() == second.tolist()


def test_threads_with_generators_of_their_own_draw_the_same_as_alone():
    def draw(seed):
        generator = rng(seed)
        return [draw_poisson_arrivals(generator, np.full(500, 300.0), np.ones(500), 200)[0].sum() for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(8))) == [draw(seed) for seed in range(8)]


def test_threads_that_share_a_generator_do_not_tear_it():
    generator = rng(0)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: draw_poisson_arrivals(generator, [1e5], [1.0], 200)[1], range(20)))
    tti = np.concatenate(parts)
    assert tti.size == pytest.approx(20 * 20_000, abs=5 * np.sqrt(400_000))
    assert stats.chisquare(np.bincount(tti, minlength=200)).pvalue > SIGNIFICANCE


def test_arrivals_have_the_shape_of_an_event_list():
    user, tti, bits = draw_poisson_arrivals(rng(), np.full(64, 100.0), np.arange(1.0, 65.0), 200)
    assert (user.dtype, tti.dtype, bits.dtype) == (np.int32, np.int32, np.float32)
    assert user.size == tti.size == bits.size > 0
    assert (np.diff(tti) >= 0).all()
    assert tti.min() >= 0
    assert tti.max() < 200
    assert (bits == user + 1).all()


def test_idle_users_get_nothing():
    user, tti, bits = draw_poisson_arrivals(rng(), np.zeros(5), np.ones(5), 100)
    assert user.size == tti.size == bits.size == 0
    for trial in range(50):
        user, _, _ = draw_poisson_arrivals(rng(trial), [0.0, 500.0, 0.0, 100.0, 0.0], np.ones(5), 100)
        assert set(user) <= {1, 3}
    assert draw_poisson_arrivals(rng(), [], [], 10)[0].size == 0


def test_packet_counts_are_poisson():
    """Mean and variance of a user's packets per window, and the whole distribution by chi-square."""
    rates, windows = np.array([5.0, 0.0, 20.0, 45.0]), 4000
    generator = rng(3)
    counts = np.zeros((windows, 4), dtype=int)
    for row in counts:
        row += np.bincount(draw_poisson_arrivals(generator, rates, np.ones(4), 100)[0], minlength=4)
    for user, rate in enumerate(rates):
        mean = rate * 0.1
        if mean == 0:
            continue
        top = int(stats.poisson(mean).ppf(0.998))
        observed = np.bincount(np.minimum(counts[:, user], top), minlength=top + 1)
        expected = windows * stats.poisson(mean).pmf(np.arange(top + 1))
        expected[-1] += windows - expected.sum()
        assert stats.chisquare(observed, expected).pvalue > SIGNIFICANCE
    # Users of one superposition are independent.
    correlation = np.corrcoef(counts[:, [0, 2, 3]].T) - np.eye(3)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(windows)


def test_arrival_ttis_are_uniform():
    _, tti, _ = draw_poisson_arrivals(rng(4), np.full(100, 1000.0), np.ones(100), 200)
    assert stats.chisquare(np.bincount(tti, minlength=200)).pvalue > SIGNIFICANCE


def test_superposition_picks_users_by_their_rates():
    generator = rng(6)
    rates = generator.uniform(0, 100, 300) * (generator.random(300) < 0.6)
    user, _, _ = draw_poisson_arrivals(generator, rates, np.ones(300), 5000)
    active = rates > 0
    observed = np.bincount(user, minlength=300)
    assert observed[~active].sum() == 0
    expected = rates[active] / rates.sum() * user.size
    assert stats.chisquare(observed[active], expected).pvalue > SIGNIFICANCE


def test_arrivals_follow_the_slow_twins_distribution(reference):
    rates, bits = np.array([30.0, 0.0, 100.0, 250.0]), np.array([10.0, 20.0, 30.0, 40.0])
    ours = [draw_poisson_arrivals(rng(seed), rates, bits, 100) for seed in range(400)]
    slow = [reference("traffic").poisson_arrivals(rng(1000 + seed), rates, bits, 100) for seed in range(400)]
    totals = [[float(item[2].sum()) for item in run] for run in (ours, slow)]
    assert stats.ks_2samp(*totals).pvalue > SIGNIFICANCE
    times = [np.concatenate([item[1] for item in run]) for run in (ours, slow)]
    assert stats.ks_2samp(*times).pvalue > SIGNIFICANCE


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"generator": 3}, TypeError, r"generator: got int, allowed: a numpy\.random\.Generator"),
        ({"x": np.zeros(4, np.float32)}, TypeError, "x: got float32, allowed: a float64 array"),
        ({"x": [0.0] * 4}, TypeError, "x: got list, allowed: a float64 array"),
        ({"y": np.zeros(5)}, ValueError, r"y: got shape \(5,\), allowed: shape \(4,\)"),
        ({"heading": np.zeros(8)[::2]}, ValueError, "heading: got a strided .*, allowed: a contiguous and writable"),
        ({"step_m": -1.0}, ValueError, r"step_m: got -1\.0, allowed: finite and at least 0"),
        ({"step_m": np.nan}, ValueError, "step_m: got nan"),
        ({"turn_probability": 1.5}, ValueError, r"turn_probability: got 1\.5, allowed: \[0, 1\]"),
        ({"v1x": 0.0}, ValueError, "allowed: vectors that span an area"),
        ({"v2x": 5.0, "wrap": False}, ValueError, "allowed: vectors along x and y, without wrap"),
    ],
)
def test_move_users_refuses_by_name(change, error, message):
    arguments = {
        "generator": rng(),
        "x": np.ones(4),
        "y": np.ones(4),
        "heading": np.ones(4),
        "step_m": 1.0,
        "turn_probability": 1.0,
        "v1x": 10.0,
        "v1y": 0.0,
        "v2x": 0.0,
        "v2y": 10.0,
        "wrap": True,
        **change,
    }
    with pytest.raises(error, match=message):
        move_users(*arguments.values())
    for name in ("x", "y", "heading"):
        assert np.unique(arguments[name]).size == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate_pps": [1.0, -2.0]}, r"rate_pps\[1\]: got -2\.0, allowed: finite and at least 0"),
        ({"rate_pps": [np.nan, 1.0]}, r"rate_pps\[0\]: got nan"),
        ({"rate_pps": [1.0, np.inf]}, r"rate_pps\[1\]: got inf"),
        ({"packet_bits": [1.0, 0.0]}, r"packet_bits\[1\]: got 0\.0, allowed: finite and above 0"),
        ({"packet_bits": [1.0]}, r"packet_bits: got shape \(1,\), allowed: shape \(2,\) like rate_pps"),
        ({"window_ttis": 0}, "window_ttis: got 0, allowed: at least 1"),
        ({"rate_pps": [1e12, 1.0]}, "rate_pps: .* packets in the window"),
    ],
)
def test_draw_poisson_arrivals_refuses_by_name(change, message):
    generator = rng()
    arguments = {"rate_pps": [1.0, 2.0], "packet_bits": [1.0, 1.0], "window_ttis": 100, **change}
    with pytest.raises(ValueError, match=message):
        draw_poisson_arrivals(generator, *arguments.values())
    assert generator.random() == rng().random()
