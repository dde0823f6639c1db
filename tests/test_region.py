"""Users of plane layouts: where they are, that they stay there, and which cells count."""

import numpy as np
import pytest

import slicefast as sf
from slicefast.scenario import Scenario
from slicefast.scenario.region import Region, around

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0))


def distance_to_segment(p, a, b):
    a, b, p = np.array(a), np.array(b), np.array(p)
    along = np.clip((p - a) @ (b - a) / max((b - a) @ (b - a), 1e-30), 0, 1)
    return np.linalg.norm(p - a - along * (b - a))


@pytest.mark.parametrize("hull", [SQUARE, SQUARE[:2], SQUARE[:1]])
def test_a_region_is_what_lies_within_the_margin_of_the_hull(hull):
    region = Region(hull, 1.5)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-3.0, 7.0, (2, 4000))
    expected = [
        (len(hull) == 4 and 0 <= px <= 4 and 0 <= py <= 3)
        or min(distance_to_segment((px, py), a, b) for a, b in zip(hull, hull[1:] + hull[:1], strict=True)) <= 1.5
        for px, py in zip(x, y, strict=True)
    ]
    np.testing.assert_array_equal(region.contains(x, y), expected)
    # 4,000 points in a box of 100 m²: the share's standard error is at most 0.8 m².
    assert 100 * np.mean(expected) == pytest.approx(region.area_m2, abs=4 * 0.8)
    for px, py in zip(*region.edge(36), strict=True):
        nearest = min(distance_to_segment((px, py), a, b) for a, b in zip(hull, hull[1:] + hull[:1], strict=True))
        assert nearest == pytest.approx(1.5, abs=1e-6)


@pytest.mark.parametrize("n_sites", [1, 2, 5, 7, 19, 37, 100])
def test_every_site_of_a_plane_lattice_has_its_hexagon(n_sites):
    scenario = Scenario.hexagonal(n_sites, 200.0, wrap_around=False)
    assert scenario.area.region.area_m2 == pytest.approx(n_sites * 200.0**2 * np.sqrt(0.75))
    (width, _), (_, height) = scenario.area.v1_m, scenario.area.v2_m
    x, y = scenario.area.region.edge(360)
    assert x.min() > 0
    assert x.max() < width
    assert y.min() > 0
    assert y.max() < height


def test_the_margin_stays_sane_where_sites_are_irregular():
    rng = np.random.default_rng(1)
    for _ in range(50):
        sites = rng.uniform(0, 3000, (rng.integers(1, 12), 2))
        assert 500 / 3 <= around(sites, 500.0).margin_m <= 500 / np.sqrt(3)
    twice = np.repeat(sites, 2, axis=0)  # antennas at two heights of each mast
    assert around(twice, 500.0) == around(sites, 500.0)
    assert around(sites, 500.0, 70.0).margin_m == 70.0


def test_users_of_a_plane_are_as_many_per_cell_as_promised_and_stay_so():
    """The bounding box gave inner cells 88 of 128 users, and up to 341 to those at its corners."""
    scenario = Scenario.hexagonal(19, wrap_around=False, window_ttis=1, step_s=30.0)
    assert scenario.n_users == 57 * 128
    simulators = [sf.Simulator(scenario, seed) for seed in range(4)]
    share = np.full((57, 4), 0.25)
    for steps in (0, 100):  # 100 steps of 30 m: 300 m from where they were
        for simulator in simulators:
            for _ in range(steps):
                simulator.step(share)
            assert scenario.area.region.contains(*simulator.positions_m).all()
        users = np.mean([np.bincount(s.serving, minlength=57) for s in simulators], axis=0)
        # Users per cell in four networks spread by 6 (chance) and by shadowing about as much; the mean of 36 by 1.5.
        assert users[scenario.counted].mean() == pytest.approx(128, abs=6)
        assert users[~scenario.counted].mean() == pytest.approx(124, abs=6)
        assert users.max() < 180


def test_walking_users_stay_uniform_over_the_region():
    region = Scenario.hexagonal(7, wrap_around=False).area.region
    rng = np.random.default_rng(2)
    area = Scenario.hexagonal(7, wrap_around=False).area
    x, y = area.sample(rng, 20_000)
    heading = rng.uniform(0, 2 * np.pi, x.size)
    middle = np.mean(region.hull_m, axis=0)
    expected = np.mean(np.hypot(x - middle[0], y - middle[1]) > 500)
    for _ in range(60):
        before = x.copy(), y.copy()
        x += 40 * np.cos(heading)
        y += 40 * np.sin(heading)
        region.turn_back(x, y, heading, before)
        assert region.contains(x, y).all()
    # A share near one half of 20,000: standard error 0.0035.
    assert np.mean(np.hypot(x - middle[0], y - middle[1]) > 500) == pytest.approx(expected, abs=4 * 0.005)


def test_cells_at_the_border_do_not_count():
    scenario = Scenario.hexagonal(7, wrap_around=False)
    assert scenario.counted[:3].all()  # the centre's
    outer = scenario.counted[3:].reshape(6, 3)
    assert outer.sum() == 6  # of each outer site the sector that looks inwards
    middle = np.array([scenario.site_x_m[0], scenario.site_y_m[0]])
    for site, cells in enumerate(outer, start=1):
        inwards = np.degrees(np.arctan2(*(middle - [scenario.site_x_m[site], scenario.site_y_m[site]])[::-1]))
        off = np.abs((scenario.azimuth_deg[3 * site : 3 * site + 3] - inwards + 180) % 360 - 180)
        assert cells[off.argmin()]
    assert not scenario.counted.flags.writeable


def test_where_there_is_no_border_or_nothing_else_all_count():
    assert Scenario.paper().counted.all()
    assert Scenario.hexagonal(1, wrap_around=False).counted.all()


def test_scores_are_means_over_the_cells_that_count():
    from types import SimpleNamespace

    from slicefast import runs
    from slicefast.study.scores import group_scores

    satisfaction = np.array([[[0.5], [1.0], [0.9]]])
    recorder = SimpleNamespace(arrays={"throughput_satisfaction": satisfaction, "delay_ms": 10 * satisfaction})
    history = SimpleNamespace(reward=satisfaction[..., 0])
    scores = runs.Scores.of(history, recorder, np.array([False, True, True]))
    assert (scores.mean_reward, scores.mean_satisfaction, scores.failing_share) == (0.95, 0.95, 0.5)
    assert scores.mean_largest_delay_ms == pytest.approx(9.5)
    assert group_scores([[1.0, 5.0, 3.0, 9.0]], [0, -1, 0, 1]).tolist() == [[2.0, 9.0]]
