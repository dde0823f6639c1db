"""Comparisons over seeds are paired, and their intervals cover what they promise at any number of seeds."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit, logit

import slicefast as sf
from slicefast import policies
from slicefast.pairing import REACHED, SCORES, Paired
from slicefast.student import around


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


def test_scores_are_means_over_the_same_networks(scenario):
    compared = sf.compare(
        {"equal": (scenario, "equal_split"), "aware": (scenario, policies.traffic_aware)}, seeds=[5, 2], steps=4
    )
    assert compared.scores.sizes == {"case": 2, "seed": 2}
    for name, policy in (("equal", policies.equal_split), ("aware", policies.traffic_aware)):
        run = sf.Simulator(scenario, seed=2).run(policy, 4)
        row = compared.scores.sel(case=name, seed=2)
        assert float(row.reward) == pytest.approx(float(run.reward.astype(float).mean()), rel=1e-6)
        worst = run.throughput_satisfaction.min("slice")
        assert float(row.satisfaction) == pytest.approx(float(worst.mean()), rel=1e-6)
        assert float(row.failing_share) == pytest.approx(float((worst < 0.95).mean()), abs=1e-9)
        assert float(row.largest_delay_ms) == pytest.approx(float(run.delay_ms.max("slice").mean()), rel=1e-6)
        assert float(row["load"]) == pytest.approx(float(run["load"].sum("slice").mean()), rel=1e-6)


def test_each_seed_gets_a_policy_of_its_own(scenario):
    """The rule remembers; a run after another must not start with what the other left."""
    twice = sf.compare({"rule": (scenario, policies.MaxMinRule)}, seeds=[1, 3], steps=4)
    alone = sf.compare({"rule": (scenario, "max_min_rule")}, seeds=[3], steps=4)
    assert float(twice.scores.reward.sel(seed=3)[0]) == float(alone.scores.reward[0, 0])


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_intervals_cover_what_they_promise(seeds):
    """Of 4,000 made-up studies 95 % must cover the truth: binomial standard deviation 0.0034, four of them allowed.

    Scores of a seed's cases share that network's part, so the interval of a difference is narrow only where it is
    paired: the shared part is 3 times the cases' own.
    """
    generator = np.random.default_rng(seeds)
    studies = 4_000
    shared = 3.0 * generator.normal(size=(studies, seeds, 1))
    scores = np.array([0.4, 0.5]) + shared + generator.normal(size=(studies, seeds, 2))
    paired = Paired(xr.Dataset({"reward": (("study", "seed", "case"), scores)}, {"case": ["a", "b"]}))
    for truth, bounds in (
        (0.4, paired.means().reward.sel(case="a")),
        (0.1, paired.differences().reward.sel(case="b")),
    ):
        _, low, high = bounds.transpose("bound", "study").values
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.95, abs=4 * 0.0034)
    np.testing.assert_allclose(bounds.sel(bound="mean"), (scores[..., 1] - scores[..., 0]).mean(axis=1), rtol=1e-9)
    # Unpaired, the difference would be sqrt(20 / 2) times as wide.
    width = float((bounds.sel(bound="high") - bounds.sel(bound="low")).mean())
    assert width < 1.05 * 2.0 * np.sqrt(2.0 / seeds) * {2: 12.71, 3: 4.303, 5: 2.776, 10: 2.262}[seeds]


def test_an_interval_stays_where_its_score_does(scenario, monkeypatch):
    names = ("equal_split", "max_min_rule")
    compared = sf.compare({name: (scenario, name) for name in names}, seeds=2, steps=3)
    scores = compared.scores
    values = {"reward": [[0.2, 0.9], [0.99, 1.0]], "largest_delay_ms": [[1.0, 9.0], [200.0, 1.0]]}
    for name, rows in values.items():
        scores[name].values[:] = rows
    means, apart = compared.means(), compared.differences()
    for row, (mean, half) in zip(means.reward.values, ((0.55, 0.35), (0.995, 0.005)), strict=True):
        out = 12.70620 * half / (mean * (1.0 - mean)) * np.array([0.0, -1.0, 1.0])
        np.testing.assert_allclose(row, expit(logit(mean) + out), rtol=1e-4)
    np.testing.assert_allclose(means.largest_delay_ms[0], 5.0 * np.exp(12.7062 * 0.8 * np.array([0, -1, 1])), rtol=1e-4)
    out = 12.70620 * 0.345 / (2 * 0.7225 * 0.2775) * np.array([0.0, -1.0, 1.0])  # 0.445 from -1 to 1
    np.testing.assert_allclose(apart.reward[0], 2.0 * expit(logit(0.7225) + out) - 1.0, rtol=1e-4)
    assert -1.0 <= apart.reward[0, 1] < apart.reward[0, 2] <= 1.0
    np.testing.assert_allclose(apart.largest_delay_ms[0, 1], 95.5 - 12.7062 * 103.5, rtol=1e-4)  # has no limit
    monkeypatch.setitem(sf.rewards.REWARDS.entries, "far", lambda kpis, scenario: 5.0 + kpis.load.sum(axis=-1))
    far = sf.compare({"a": (scenario, "equal_split")}, seeds=2, steps=1, task={"reward": "far"})
    assert float(far.means().reward[0, 2]) > 5.0
    assert "valid_max" not in far.scores.reward.attrs


def test_one_seed_has_no_interval_and_says_so(scenario):
    compared = sf.compare({"equal": (scenario, "equal_split")}, seeds=1, steps=2)
    mean, low, high = compared.means().reward.sel(case="equal").values
    assert np.isfinite(mean)
    assert np.isnan([low, high]).all()
    lines = repr(compared).splitlines()
    assert lines[0].startswith("1 seed ")
    assert "[" not in lines[1]
    assert lines[-1] == "Means over the steps; one seed has no interval."


def test_seeds_that_are_alike_have_no_interval_and_say_so(scenario):
    compared = sf.compare({"equal": (scenario, "equal_split")}, seeds=2, steps=2)
    compared.scores["reward"].values[:] = 1.0
    compared.scores["load"].values[:] = [0.1, 0.3]
    assert np.isnan(compared.means().reward.values[0, 1:]).all()
    cells = repr(compared).splitlines()[1].split(" | ")
    assert cells[1].strip() == "1.000, all seeds alike"
    assert cells[-1].startswith("0.200 [0.0")


def test_what_is_printed_says_how_often_intervals_held_the_truth(scenario):
    compared = sf.compare({"equal": (scenario, "equal_split")}, seeds=2, steps=2, confidence=0.9)
    note = repr(compared).splitlines()[-1]
    least, most = REACHED["means"]
    assert f"held the truth {100 * least:.0f} to {100 * most:.0f} times in 100" in note
    assert "Student's 90 % intervals" in note
    assert note.replace("'", "&#x27;") in compared._repr_html_()


@pytest.mark.slow
def test_intervals_of_real_scores_hold_the_truth_as_often_as_is_said(program):
    coverage = program("benchmarks/coverage_table.py")
    found = coverage.reached(coverage.pool())
    assert found.keys() == REACHED.keys()
    for name, shares in found.items():
        assert shares == pytest.approx(REACHED[name], abs=0.006)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_scores_near_their_limit_are_covered_more_often_than_by_a_cut_interval(seeds):
    """Satisfactions of mean 0.95, most of them nearly 1; a cut interval ends short of the low ones, not yet seen."""
    scores = np.random.default_rng(seeds).beta(3.8, 0.2, size=(4_000, seeds))
    bare = xr.Dataset({"reward": (("study", "case", "seed"), scores[:, None])}, {"case": ["a"]})
    limits = {"valid_min": 0.0, "valid_max": 1.0}
    held = []
    for dataset in (bare, bare.assign(reward=bare.reward.assign_attrs(limits))):
        _, low, high = Paired(dataset).means().reward.sel(case="a").transpose("bound", "study").values
        held.append(np.mean((low <= 0.95) & (high >= 0.95)))
    assert held[0] < held[1] <= 0.97
    assert held[1] - held[0] > 0.04


def test_ends_stay_between_the_limits_and_are_students_where_there_are_none():
    assert around(0.9, 0.2) == (pytest.approx(0.7), pytest.approx(1.1))
    for limits in ((0.0, 1.0), (0.0, np.inf), (-1.0, 1.0)):
        low, high = around([0.5, 0.9, 1e-9], [1e3, 1e-6, 0.5], *limits)
        assert ((limits[0] <= low) & (low < [0.5, 0.9, 1e-9]) & (high <= limits[1])).all()
        assert (low[1], high[1]) == pytest.approx((0.9 - 1e-6, 0.9 + 1e-6), abs=1e-10)  # far from both it is the same
    for mean, half in ((0.5, 0.0), (1.0, 0.1), (0.0, 0.1)):
        assert np.isnan(around(mean, half, 0.0, 1.0)).all()


def test_it_is_a_table_on_screen_in_notebooks_and_as_a_frame(scenario):
    compared = sf.compare({"<equal>": (scenario, "equal_split")}, seeds=2, steps=2)
    lines = repr(compared).splitlines()
    assert lines[0].split(" | ")[0].strip() == "2 seeds"
    assert all(name in lines[0] for name in SCORES)
    assert "&lt;equal&gt;" in compared._repr_html_()
    frame = compared.to_frame()
    assert frame.loc[("<equal>", 1), "reward"] == float(compared.scores.reward[0, 1])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cases": {}}, "cases: got {}"),
        ({"seeds": 0}, "seeds: got 0"),
        ({"seeds": [1, 1]}, "seeds: got"),
        ({"steps": 0}, "steps: got 0"),
        ({"confidence": 1.0}, "confidence: got 1.0"),
        ({"task": {"reward": "fair"}}, "^task: reward: got 'fair'"),
        ({"task": {"actions": "symmetric"}}, r"^task: got \['actions'\]"),
        ({"cases": {"a": 7}}, "^cases: got {'a': 7}"),
        ({"cases": {"a": ()}}, r"^cases: got {'a': \(\)}"),
        ({"cases": {"a": ("equal_split", "equal_split")}}, "^cases: got {'a': "),
    ],
)
def test_what_cannot_be_compared_is_refused(scenario, change, named):
    with pytest.raises(ValueError, match=named):
        sf.compare(**{"cases": {"equal": (scenario, "equal_split")}, "seeds": 1, "steps": 1, **change})
    with pytest.raises(ValueError, match="policy: got 'unknown'"):
        sf.compare({"a": (scenario, "unknown")}, 1, 1)
    with pytest.raises(ValueError, match=r"^cases: got {'a': 7}, allowed: a policy"):
        sf.compare({"a": (scenario, 7)}, 1, 1)
    with pytest.raises(ValueError, match="reference: got 'b'"):
        sf.compare({"a": (scenario, "equal_split")}, 1, 1).differences("b")
