"""What is called confirmed, refuted or undecided, from rewards whose answer is known."""

import json

import numpy as np
import pytest
import xarray as xr

from slicefast.study import claims as verdicts


def fake(reward_drl: float, reward_transfer: float, spread: float) -> xr.Dataset:
    """Return a result file with constant rewards per arm and seeds that differ by `spread`."""
    names = ["traffic_aware", "drl", "transfer_most"]
    base = np.array([0.5, reward_drl, reward_transfer])[:, None, None, None]
    noise = spread * np.array([-1.5, -0.5, 0.5, 1.5, -1.0, 1.0])[None, :, None, None]
    reward = np.broadcast_to(base, (3, 6, 30, 2)) + noise * np.array([0.0, 1.0, 0.0])[:, None, None, None]
    return xr.Dataset(
        {"reward": (("policy", "seed", "step", "cell"), reward.copy()), "requirement_group": ("cell", [0, 1])},
        coords={"policy": names},
        attrs={"protocol": json.dumps({"early_steps": 10, "evaluation_steps": 5})},
    )


@pytest.mark.parametrize(
    ("drl", "spread", "expected"),
    [(0.8, 0.01, verdicts.CONFIRMED), (0.3, 0.01, verdicts.REFUTED), (0.5, 0.1, verdicts.UNDECIDED)],
)
def test_verdict_follows_from_the_interval(drl: float, spread: float, expected: str) -> None:
    assert verdicts._drl_beats_baseline(fake(drl, 0.9, spread)).verdict == expected


def test_best_policy_is_measured_against_half_of_the_gap() -> None:
    """DRL 0.5 and the oracle 0.9: 0.8 closes three quarters, 0.6 one quarter."""
    for reward, expected in ((0.8, verdicts.CONFIRMED), (0.6, verdicts.REFUTED)):
        dataset = fake(0.5, reward, 0.001).assign_coords(policy=["oracle", "drl", "best"])
        dataset.reward[0] = 0.9
        found = verdicts.verdicts(dataset)[-1]
        assert found.verdict == expected
        assert f"({100 * (reward - 0.5) / 0.4:.0f} % of the gap)" in found.evidence


def test_transfer_that_ends_lower_is_refuted() -> None:
    dataset = fake(0.8, 0.7, 0.001)
    dataset.reward[1, :, :10] = 0.2  # DRL's start
    assert verdicts._transfer_starts_higher(dataset).verdict == verdicts.REFUTED


def test_headline_is_judged_early_and_at_the_end_each_by_its_own_interval() -> None:
    """Transfer 0.6 beside DRL's 0.3 early and 0.55 at the end; equal split's gain early is named beside it."""
    dataset = fake(0.55, 0.6, 0.001).assign_coords(policy=["equal_split", "drl", "transfer_most"])
    dataset.reward[1, :, :10] = 0.3
    early, late = (item for item in verdicts.verdicts(dataset) if item.claim.startswith("(c)"))
    assert (early.verdict, late.verdict) == (verdicts.CONFIRMED, verdicts.REFUTED)
    assert "gain in mean reward +100.0 %" in early.evidence
    assert "equal split, which learns nothing, gains +66.7 %" in early.evidence


def test_similarity_that_helps_no_more_early_than_late_does_not_confirm() -> None:
    """Most similar earns 0.1 more than least throughout; then also 0.2 more early, then 0.2 more at the end."""
    for early, late, expected in ((0.1, 0.1, None), (0.3, 0.1, verdicts.CONFIRMED), (0.1, 0.3, verdicts.REFUTED)):
        dataset = fake(0.5, 0.5, 0.01).assign_coords(policy=["transfer_most", "drl", "transfer_least"])
        dataset.reward[0, :, :10] = 0.5 + early
        dataset.reward[0, :, 10:] = 0.5 + late + 0.01 * np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])[:, None, None]
        found = verdicts._similar_helps_more(dataset)
        assert found.verdict == (expected or verdicts.UNDECIDED)
        assert f"{early - late:+.3f}" in found.evidence or expected is None


def test_evidence_names_the_interval_of_whole_seeds_and_how_the_best_policy_was_trained() -> None:
    dataset = fake(0.5, 0.8, 0.01).assign_coords(policy=["oracle", "drl", "best"])
    dataset.reward[0] = 0.9
    evidence = verdicts.verdicts(dataset)[-1].evidence
    assert "whole seeds resampled: +0." in evidence
    assert "12 training networks" in evidence
    groups = 0.01 * np.array([-1.0, 0.2, -0.6, 2.0, 1.6, 0.0])[:, None] + np.zeros(2)
    assert "by which it is" not in verdicts.whole_seeds(dataset, groups + 1.0)
    assert verdicts.over(dataset, groups + 0.005).above(0.0)
    assert "by which it is undecided" in verdicts.whole_seeds(dataset, groups + 0.005)
