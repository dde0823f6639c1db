"""Load coupling: known answers, the plain-NumPy twin, and the properties of an interference mapping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicefast import NotConverged, _core, load_coupling

W = 18e6
# Problems in units of the noise: gains above 1, which a user is told of (test_plausible.py).
pytestmark = pytest.mark.filterwarnings("ignore::slicefast.errors.RangeWarning")


def problem(seed, n_cells=5, n_users=60, load=0.4, n_slices=1):
    """Random gains with a serving cell that is mostly the best, and demand for a mean load near `load`."""
    rng = np.random.default_rng(seed)
    gain = 10.0 ** rng.uniform(-13, -8, (n_users, n_cells))
    serving = np.where(rng.random(n_users) < 0.9, gain.argmax(axis=1), rng.integers(n_cells, size=n_users))
    demand = rng.uniform(0.1, 1.9, n_users) * load * n_cells * W * 2.0 / n_users
    demand[rng.random(n_users) < 0.2] = 0.0
    arguments = {
        "gain": gain,
        "power_w": rng.uniform(0.1, 0.4, n_cells),
        "noise_w": 5e-15,
        "demand_bps": demand,
        "serving": serving,
        "bandwidth_hz": W,
    }
    if n_slices > 1:
        arguments |= {
            "slice_of": rng.integers(n_slices, size=n_users),
            "share": rng.dirichlet(np.ones(n_slices), n_cells),
        }
    return arguments


def feasible(p, radius=0.4):
    """Scale the demand to a given spectral radius, which is linear in it."""
    return {**p, "demand_bps": p["demand_bps"] * radius / load_coupling.spectral_radius(**p)}


def twin_solution(reference, p, **extra):
    extra |= {"share": p.get("share"), "slice_of": p.get("slice_of")}
    n_slices = 1 if p.get("share") is None else p["share"].shape[1]
    return reference("load_coupling").solve(
        p["gain"],
        p["power_w"],
        p["noise_w"],
        p["demand_bps"],
        p["serving"],
        p["bandwidth_hz"],
        n_slices=n_slices,
        **extra,
    )


def test_one_cell_known_answer():
    # SNR 15, 36 Mbit/s over 18 MHz: 36 / (18 log2 16) = 0.5.
    assert load_coupling.solve([[15.0]], 1.0, 1.0, 36e6, [0], W).load == pytest.approx([0.5], abs=1e-12)


def test_two_cells_known_answer():
    gain = np.array([[15.0, 2.0], [2.0, 15.0]])
    solution = load_coupling.solve(gain, 1.0, 1.0, 27787165.571253, [0, 1], W, tolerance=1e-12)
    np.testing.assert_allclose(solution.load, [0.5, 0.5], atol=1e-10)
    radius = load_coupling.spectral_radius(gain, 1.0, 1.0, 27787165.571253, [0, 1], W)
    assert radius == pytest.approx(0.14267107756642, abs=1e-12)


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("name", ["shannon", "tr36942", "mogensen", "cqi"])
@pytest.mark.parametrize("n_slices", [1, 3])
def test_is_the_twins(reference, isa, name, n_slices):
    p = problem(1, n_cells=9, n_users=150, load=0.2, n_slices=4 if n_slices == 3 else 1)
    if n_slices == 1:
        # Users below the lowest rate need a cap.
        p = p | {"share": np.ones((9, 1))} if name in ("tr36942", "cqi") else feasible(p)
    expected = twin_solution(reference, p, name=name)
    solution = load_coupling.solve(**p, efficiency=name, tolerance=1e-11, isa=isa)
    assert expected is not None
    # The twin stops at 1e-13; a tolerance of 1e-11 on a contraction leaves less than 1e-9.
    np.testing.assert_allclose(solution.load.reshape(expected.shape), expected, atol=1e-9)
    assert solution.residual <= 1e-11


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("name", ["shannon", "tr36942", "mogensen", "cqi"])
@pytest.mark.parametrize("ceiling", [1.5, 4.19])
def test_a_ceiling_is_the_twins(reference, isa, name, ceiling):
    # Under the lower one most users are at the kink; the highest SINR of these problems passes both.
    for seed in range(8):
        p = problem(seed, n_cells=9, n_users=150, load=0.4, n_slices=4)
        expected = twin_solution(reference, p, name=name, ceiling=ceiling)
        solution = load_coupling.solve(**p, efficiency=name, ceiling_bps_per_hz=ceiling, tolerance=1e-11, isa=isa)
        # The twin stops at 1e-13; a tolerance of 1e-11 on a contraction leaves less than 1e-9.
        np.testing.assert_allclose(solution.load.reshape(expected.shape), expected, atol=1e-9)


@pytest.mark.parametrize("isa", _core.available_isas())
def test_sinr_is_the_twins(reference, isa):
    p = problem(2)
    rho = np.random.default_rng(0).random(5)
    expected = reference("load_coupling").sinr(p["gain"], p["power_w"], p["noise_w"], rho, p["serving"])
    for dtype, tolerance in ((np.float64, 2e-7), (np.float32, 5e-7)):  # one rounding to float32 of gains and result
        got = load_coupling.sinr(p["gain"].astype(dtype), p["power_w"], p["noise_w"], rho, p["serving"], isa=isa)
        np.testing.assert_allclose(got, expected, rtol=tolerance)


@given(st.floats(1e-3, 1e5))
def test_efficiency_is_the_twins(x):
    from pathlib import Path
    from runpy import run_path

    twin = run_path(str(Path(__file__).parent / "reference" / "load_coupling.py"))["efficiency"]
    for name in ("shannon", "tr36942", "mogensen", "cqi"):
        assert load_coupling.spectral_efficiency(name, x) == pytest.approx(float(twin(name, x)), rel=1e-12)
        capped = load_coupling.spectral_efficiency(name, x, ceiling_bps_per_hz=4.19)
        assert capped == pytest.approx(float(twin(name, x, 4.19)), rel=1e-12)


def test_efficiency_golden():
    # TR 36.942 A.1 and Mogensen et al. evaluated, four decimals; CQI 15 is 5.5547 x 168 / 180.
    for name, sinr_db, expected in (
        ("tr36942", -12, 0.0), ("tr36942", -9, 0.1026), ("tr36942", -4, 0.2901), ("tr36942", 40, 4.4),
        ("mogensen", -10, 0.0833), ("mogensen", -3, 0.3648), ("shannon", -12, 0.0883), ("shannon", 0, 1.0),
        ("cqi", -8, 0.0), ("cqi", -7.4, 0.1421), ("cqi", 30, 5.1844),
    ):  # fmt: skip
        assert load_coupling.spectral_efficiency(name, 10 ** (sinr_db / 10)) == pytest.approx(expected, abs=6e-5)


seeds = st.integers(0, 10_000)


@given(seeds, st.floats(0.05, 0.9))
def test_any_start_reaches_the_same_point(seed, load):
    p = problem(seed, load=load, n_slices=3)
    solutions = [
        load_coupling.solve(**p, tolerance=1e-9, start=start).load
        for start in (np.zeros((5, 3)), np.ones((5, 3)) / 3, np.full((5, 3), 2.0))
    ]
    np.testing.assert_allclose(solutions[1], solutions[0], atol=1e-7)
    np.testing.assert_allclose(solutions[2], solutions[0], atol=1e-7)


@given(seeds, st.integers(0, 59), st.floats(1.0, 3.0))
def test_monotone_in_demand(seed, user, factor):
    p = problem(seed, n_slices=3)
    before = load_coupling.solve(**p, tolerance=1e-10).load
    p["demand_bps"] = p["demand_bps"].copy()
    p["demand_bps"][user] = p["demand_bps"][user] * factor + 1e3
    assert (load_coupling.solve(**p, tolerance=1e-10).load >= before - 1e-8).all()


@given(seeds, st.floats(1.01, 5.0))
def test_scalable(reference, seed, factor):
    # f(c rho) < c f(rho) for c > 1; seen at the fixed point: demand times c needs more than c times the load, and the
    # map at c rho lies below c rho.
    p = feasible(problem(seed))
    rho = load_coupling.solve(**p, tolerance=1e-10).load
    above = reference("load_coupling").load_map(
        p["gain"], p["power_w"], p["noise_w"], p["demand_bps"], p["serving"], W, factor * rho
    )[:, 0]
    assert (above < factor * rho + 1e-12).all()


@given(seeds)
def test_independent_of_user_order(seed):
    p = problem(seed, n_slices=3)
    order = np.random.default_rng(seed).permutation(60)
    shuffled = {**p, **{name: p[name][order] for name in ("gain", "demand_bps", "serving", "slice_of")}}
    expected = load_coupling.solve(**p, tolerance=1e-10).load
    np.testing.assert_allclose(load_coupling.solve(**shuffled, tolerance=1e-10).load, expected, atol=1e-9)


@given(seeds, st.floats(0.05, 4.0))
def test_feasible_iff_radius_below_one(reference, seed, load):
    p = problem(seed, load=load)
    radius = load_coupling.spectral_radius(**p)
    expected = reference("load_coupling").spectral_radius(
        p["gain"], p["power_w"], p["demand_bps"], p["serving"], p["bandwidth_hz"]
    )
    assert radius == pytest.approx(expected, rel=1e-9)
    if radius >= 1.0:
        with pytest.raises(NotConverged) as caught:
            load_coupling.solve(**p)
        assert caught.value.iterations >= 1
        assert caught.value.residual > 1e-6
    elif radius < 0.98:
        assert (load_coupling.solve(**p).load >= 0).all()


def test_radius_of_one_way_interference():
    # Cell 1 disturbs cell 0 but not the reverse: the matrix is nilpotent and any demand is feasible.
    gain = np.array([[1.0, 0.5], [0.0, 1.0]])
    assert load_coupling.spectral_radius(gain, 1.0, 1.0, 1e9, [0, 1], W) == 0.0
    assert load_coupling.solve(gain, 1.0, 1.0, 1e7, [0, 1], W).load[1] == pytest.approx(1e7 / W, rel=1e-6)


def jumping_problem(seed, n_cells, n_users, load):
    """Cells and users scattered over a square, three slices, a third of the users away from their best cell.

    SINRs around the cut-off and demand around the caps: where the efficiency jumps, loads fit together in several ways,
    and an iteration that starts anywhere may go round in circles.
    """
    rng = np.random.default_rng(seed)
    side_m = 500.0 * np.sqrt(n_cells)
    cell, user = rng.uniform(0.0, side_m, (n_cells, 2)), rng.uniform(0.0, side_m, (n_users, 2))
    distance_m = np.maximum(np.hypot(*(user[:, None] - cell).transpose(2, 0, 1)), 20.0)
    gain = 10.0 ** (-(128.0 + 37.6 * np.log10(distance_m / 1e3) + rng.normal(0.0, 8.0, distance_m.shape)) / 10.0)
    rank = np.minimum(rng.geometric(0.6, n_users) - 1, 3)
    return {
        "gain": gain,
        "power_w": np.full(n_cells, 0.4),
        "noise_w": 5e-15,
        "demand_bps": rng.uniform(0.1, 1.9, n_users) * load * n_cells * W * 2.0 / n_users,
        "serving": np.argsort(-gain, axis=1)[np.arange(n_users), rank],
        "bandwidth_hz": W,
        "slice_of": rng.integers(3, size=n_users),
        "share": rng.dirichlet(np.ones(3), n_cells),
    }


@pytest.mark.parametrize("name", ["tr36942", "cqi"])
@pytest.mark.parametrize("n_cells", [5, 21])
def test_jumps_lead_to_the_lowest_fixed_point_from_any_start(reference, name, n_cells):
    """The plain iteration from zero defines it; cold, near, far, low, high and other fixed points all lead there."""
    n_ambiguous = 0
    for seed in range(100):
        p = jumping_problem(seed, n_cells, 14 * n_cells, load=(0.01, 0.02, 0.04, 0.08)[seed % 4])
        rng = np.random.default_rng(seed)
        lowest = twin_solution(reference, p, name=name)
        highest = twin_solution(reference, p, name=name, start=p["share"].sum(axis=1))
        n_ambiguous += np.abs(highest - lowest).max() > 1e-3
        cold = load_coupling.solve(**p, efficiency=name, tolerance=1e-11)
        np.testing.assert_allclose(cold.load, lowest, atol=1e-9, err_msg=f"seed {seed}")
        for start in (lowest, highest, p["share"], rng.random((n_cells, 3)), 5.0 * rng.random((n_cells, 3))):
            warm = load_coupling.solve(**p, efficiency=name, tolerance=1e-11, start=start)
            np.testing.assert_array_equal(warm.load, cold.load, err_msg=f"seed {seed}")
    assert n_ambiguous >= 4  # or the problems are too tame to say anything


@pytest.mark.parametrize("name", ["tr36942", "cqi"])
@pytest.mark.parametrize("isa", _core.available_isas())
def test_jumps_in_large_networks_always_settle(reference, name, isa):
    """Sizes at which warm starts used to go round in circles, in single precision and at the default tolerance."""
    for seed, load in enumerate((0.02, 0.05, 0.02, 0.05, 0.1)):
        p = jumping_problem(seed, n_cells=147, n_users=1500 if seed % 2 else 600, load=load)
        p["gain"] = p["gain"].astype(np.float32)
        rng = np.random.default_rng(seed)
        lowest = twin_solution(reference, p, name=name)
        for start in (None, rng.random((147, 3)), p["share"]):
            load_ns = load_coupling.solve(**p, efficiency=name, start=start, isa=isa).load
            np.testing.assert_allclose(load_ns, lowest, atol=1e-4, err_msg=f"seed {seed}")


@pytest.mark.parametrize("name", ["tr36942", "cqi"])
def test_jumps_without_caps_are_infeasible_once_nobody_can_serve(name):
    """Two cells that need each other silent: one user falls below the lowest step as the other cell's load grows."""
    gain = np.array([[1.0, 4.0], [4.0, 1.0]])
    with pytest.raises(NotConverged):
        load_coupling.solve(gain, 1.0, 1.0, 3e7, [0, 1], W, efficiency=name)
    light = load_coupling.solve(gain, 1.0, 1.0, 3e5, [0, 1], W, efficiency=name)
    assert 0.0 < light.load[0] < 0.1


@given(seeds)
def test_cqi_settles_from_any_start(reference, seed):
    # The map jumps at the CQI thresholds: several fixed points may exist, and ours must be one of them.
    p = problem(seed, load=0.6, n_slices=3)
    start = np.random.default_rng(seed).random((5, 3))
    load = load_coupling.solve(**p, efficiency="cqi", start=start).load
    again = reference("load_coupling").load_map(
        *(p[name] for name in ("gain", "power_w", "noise_w", "demand_bps", "serving")), W, load.sum(axis=1),
        name="cqi", share=p["share"], slice_of=p["slice_of"], n_slices=3,
    )  # fmt: skip
    np.testing.assert_allclose(again, load, atol=1e-5)


def test_no_demand_is_no_load():
    p = problem(8) | {"demand_bps": np.zeros(60)}
    assert (load_coupling.solve(**p).load == 0.0).all()
    with pytest.raises(ValueError, match="at least one user"):
        load_coupling.solve(np.ones((0, 3)), 1.0, 1.0, np.ones(0), np.zeros(0, int), W)


def test_near_the_limit_of_feasibility():
    # Radius 0.999: the plain iteration would need thousands of steps.
    gain = np.array([[15.0, 2.0], [2.0, 15.0]])
    demand = 27787165.571253 * 0.999 / 0.14267107756642
    solution = load_coupling.solve(gain, 1.0, 1.0, demand, [0, 1], W)
    assert solution.iterations < 60
    assert solution.load[0] > 10.0


def test_warm_start_is_short():
    p = problem(3, n_slices=3)
    cold = load_coupling.solve(**p)
    warm = load_coupling.solve(**p, start=cold.load)
    assert warm.iterations == 1
    np.testing.assert_allclose(warm.load, cold.load, atol=1e-6)


def test_not_converged_leaves_the_start_alone():
    start = np.full((5, 1), 0.3)
    with pytest.raises(NotConverged) as caught:
        load_coupling.solve(**problem(4), max_iterations=1, start=start)
    assert caught.value.iterations == 1
    assert (start == 0.3).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_give_the_same_bits(dtype):
    p = problem(5, n_cells=70, n_users=700, n_slices=3)  # more cells than the direct solver takes
    p["gain"] = p["gain"].astype(dtype)
    one = load_coupling.solve(**p, n_threads=1)
    for n_threads in (2, 3):
        np.testing.assert_array_equal(load_coupling.solve(**p, n_threads=n_threads).load, one.load)


def test_many_cells_are_the_twins(reference):
    p = feasible(problem(6, n_cells=90, n_users=900))
    np.testing.assert_allclose(
        load_coupling.solve(**p, tolerance=1e-10).load, twin_solution(reference, p)[:, 0], atol=1e-8
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": np.full((60, 5), -1.0)}, "gain: user [0-9]+, cell [0-9] has -1"),
        ({"gain": np.full((60, 5), np.nan)}, "gain: user [0-9]+, cell"),
        ({"gain": np.zeros((60, 5))}, "gain: user .* serving cell"),
        ({"gain": np.ones(5)}, r"gain: got shape \(5,\)"),
        ({"power_w": np.full(5, -1.0)}, "power_w: cell 0 has -1"),
        ({"power_w": np.full(4, 1.0)}, r"power_w: got shape \(4,\)"),
        ({"noise_w": 0.0}, "noise_w"),
        ({"noise_w": np.nan}, "noise_w"),
        ({"demand_bps": np.full(60, np.inf)}, "demand_bps: user 0"),
        ({"demand_bps": np.ones(59)}, "demand_bps"),
        ({"serving": np.full(60, -1)}, "serving: user 0 has -1"),
        ({"serving": np.full(60, 5)}, "serving: user 0 has 5"),
        ({"serving": np.zeros(60)}, "serving: got dtype float64"),
        ({"bandwidth_hz": 0.0}, "bandwidth_hz"),
        ({"ceiling_bps_per_hz": 0.0}, "ceiling_bps_per_hz: got 0, allowed: above 0"),
        ({"share": np.full((5, 1), 1.5)}, "share: cell 0 has 1.5"),
        ({"share": np.full((4, 1), 0.5)}, "share: got shape"),
        ({"share": np.full((5, 2), 0.5)}, "slice_of"),
        ({"efficiency": "turbo"}, "turbo"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"start": np.full(5, -1.0)}, "start: cell 0 has -1"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        load_coupling.solve(**{**problem(7), **change})
