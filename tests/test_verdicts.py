"""What is called confirmed, refuted or undecided, from rewards whose answer is known, and how it is put into words."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

from slicefast.study import claims
from slicefast.study.claims import CLAIMS, GapEvidence, verdicts
from slicefast.study.comparison import Comparison
from slicefast.study.document import Verdict
from slicefast.study.evidence import Criterion, Evidence, decide
from slicefast.study.scores import Estimate

SPREAD = np.array([-1.5, -0.5, 0.5, 1.5, -1.0, 1.0])[:, None]  # over six seeds, symmetric


@pytest.fixture
def file(reference: Callable[[str], ModuleType]) -> Any:
    """Return the builder of result files."""
    return reference("result_file")


def constant(reward: float, spread: float = 0.0) -> np.ndarray:
    """Return rewards of six seeds, ten steps and two cells."""
    return np.broadcast_to((reward + spread * SPREAD)[:, None], (6, 10, 2))


def judged(dataset: xr.Dataset) -> dict[str, Verdict]:
    """Return the verdicts by the first words of their claims."""
    return {item.claim: item for item in verdicts(Comparison(dataset))}


@pytest.mark.parametrize(
    ("drl", "spread", "expected"),
    [(0.8, 0.01, "confirmed"), (0.3, 0.01, "refuted"), (0.5, 0.1, "undecided")],
)
def test_verdict_follows_from_the_interval(file: Any, drl: float, spread: float, expected: str) -> None:
    dataset = file.build({"traffic_aware": constant(0.5), "drl": constant(drl, spread)}, [0, 1])
    (verdict,) = verdicts(Comparison(dataset))
    assert verdict.claim.startswith("(a) Converged DRL beats")
    assert verdict.verdict == expected
    assert f"{drl - 0.5:+.3f}" in verdict.evidence


def test_a_claim_is_refuted_by_one_number_and_confirmed_by_all() -> None:
    above, below, around = (Criterion(Estimate(*x), 1.0) for x in ((2.0, 1.5, 3.0), (0.0, -1.0, 0.9), (1.0, 0.5, 1.5)))
    unknown = Criterion(Estimate(5.0, np.nan, np.nan), 1.0)
    assert decide(above) == decide(above, above) == "confirmed"
    assert decide(below) == decide(above, below) == decide(around, below) == "refuted"
    assert decide(around) == decide(above, around) == decide(unknown) == decide(above, unknown) == "undecided"


def test_evidence_is_numbers_before_it_is_words(file: Any) -> None:
    """Two seeds and one group: values are means and intervals go from one seed to the other."""
    early = {"drl": [[0.2, 0.3], [0.3, 0.4]], "transfer_most": [[0.5, 0.6], [0.8, 0.9]]}
    final = {"drl": [[0.7, 0.8], [0.8, 0.9]], "transfer_most": [[0.6, 0.9], [0.9, 0.9]]}
    dataset = file.build({name: file.windows(early[name], final[name]) for name in early}, [0, 0])
    comparison = Comparison(dataset)
    start = claims.TransferStartsHigher().compute(comparison)
    assert approx(start.tests[0].estimate) == (0.4, 0.3, 0.5)
    assert approx(start.tests[1].estimate) == (0.025, 0.0, 0.05)
    assert (start.tests[0].threshold, start.tests[1].threshold) == (0.0, -0.01)
    assert (start.steps, start.over_baseline, start.decision) == (2, None, "confirmed")
    gain = claims.GainsEarly().compute(comparison)
    # cells over the network's mean: (0.3 + 0.3) / 2 / 0.25 and (0.5 + 0.5) / 2 / 0.35
    assert approx(gain.tests[0].estimate) == (131.429, 120.0, 142.857)
    assert (gain.random_steps, gain.of_equal_split, gain.tests[0].threshold) == (2, None, 27.0)
    assert approx(claims.GainsAtEnd().compute(comparison).tests[0].estimate) == (2.941, 0.0, 5.882)


def approx(estimate: Estimate) -> Any:
    return pytest.approx((estimate.value, estimate.low, estimate.high), abs=6e-4)


def test_words_follow_from_the_numbers_alone() -> None:
    evidence = claims.StartEvidence(
        (
            Criterion(Estimate(0.5, 0.4, 0.6), 0.0, Estimate(0.5, -0.1, 0.7)),
            Criterion(Estimate(-0.02, -0.04, -0.011), -0.01, Estimate(-0.02, -0.05, -0.012)),
        ),
        steps=500,
        over_baseline=Estimate(-0.1, -0.2, -0.05),
    )
    assert evidence.decision == "refuted"
    assert claims.TransferStartsHigher().say(evidence) == (
        "difference in mean reward +0.500 [+0.400, +0.600] (whole seeds resampled: -0.100 to +0.700, by which it is "
        "undecided) over the first 500 steps (“far” names no threshold: above 0 counts), -0.020 [-0.040, -0.011] "
        "(whole seeds resampled: -0.050 to -0.012) over the evaluation steps (at least as high: above -0.01); transfer "
        "less the traffic-aware baseline over the first 500 steps -0.100 [-0.200, -0.050]"
    )


@pytest.mark.parametrize(("reward", "expected"), [(0.8, "confirmed"), (0.6, "refuted")])
def test_informed_policy_is_measured_against_half_of_the_gap(file: Any, reward: float, expected: str) -> None:
    """DRL 0.5 and the oracle 0.9: 0.8 closes three quarters, 0.6 one quarter."""
    rewards = {"oracle": constant(0.9), "drl": constant(0.5, 0.001), "counterfactual": constant(reward)}
    verdict = verdicts(Comparison(file.build(rewards, [0, 1])))[-1]
    assert verdict.verdict == expected
    assert f"({100 * (reward - 0.5) / 0.4:.0f} % of the gap)" in verdict.evidence


def test_number_of_training_networks_is_what_the_file_says(file: Any) -> None:
    rewards = {"oracle": constant(0.9), "drl": constant(0.5), "counterfactual": constant(0.8)}
    dataset = file.build(rewards, [0, 1])
    dataset.attrs["training_networks"] = 7
    assert "on 7 training networks" in verdicts(Comparison(dataset))[-1].evidence


def test_oracle_that_gains_nothing_leaves_no_gap_to_close(file: Any) -> None:
    for oracle in (0.5, 0.4):
        rewards = {"oracle": constant(oracle), "drl": constant(0.5), "counterfactual": constant(0.9, 0.001)}
        verdict = verdicts(Comparison(file.build(rewards, [0, 1])))[-1]
        assert verdict.verdict == "undecided"
        assert "(there is no gap to close)" in verdict.evidence


def test_gap_decides_only_where_there_is_one() -> None:
    beyond, gained = (Criterion(Estimate(0.2, 0.1, 0.3)),), Estimate(0.3, 0.2, 0.4)
    open_gap = GapEvidence(beyond, gained, Estimate(0.4, 0.3, 0.5), 12)
    assert (open_gap.decision, open_gap.closed_percent) == ("confirmed", pytest.approx(75.0))
    for value in (0.0, -0.1, np.nan):
        closed = GapEvidence(beyond, gained, Estimate(value, value, value), 12)
        assert (closed.decision, closed.closed_percent) == ("undecided", None)


def test_gain_over_agents_that_earn_nothing_is_not_defined(file: Any) -> None:
    rewards = {"drl": constant(0.0), "transfer_most": constant(0.6), "equal_split": constant(0.5)}
    gains = [item for item in verdicts(Comparison(file.build(rewards, [0, 1]))) if item.claim.startswith("(c)")]
    assert [item.verdict for item in gains] == ["undecided", "undecided"]
    assert all("gain in mean reward not defined, where DRL earns nothing" in item.evidence for item in gains)
    assert "equal split, which learns nothing, gains not defined" in gains[0].evidence


def test_transfer_that_gains_exactly_nothing_is_refuted(file: Any) -> None:
    rewards = {"drl": constant(0.5), "transfer_most": constant(0.5)}
    gains = [item for item in verdicts(Comparison(file.build(rewards, [0, 1]))) if item.claim.startswith("(c)")]
    assert [item.verdict for item in gains] == ["refuted", "refuted"]
    assert "gain in mean reward +0.0 % [+0.0, +0.0]" in gains[0].evidence


def test_one_seed_decides_nothing(file: Any) -> None:
    names = ("traffic_aware", "oracle", "drl", "transfer_most", "transfer_least", "counterfactual")
    rewards = {name: np.full((1, 10, 2), 0.1 * (1 + number)) for number, name in enumerate(names)}
    found = verdicts(Comparison(file.build(rewards, [0, 1])))
    assert [item.verdict for item in found] == ["undecided"] * len(CLAIMS)
    assert not any("nan" in item.evidence or "whole seeds" in item.evidence for item in found)


def test_transfer_that_ends_lower_is_refuted(file: Any) -> None:
    drl = constant(0.8, 0.001).copy()
    drl[:, :2] = 0.2  # its start
    dataset = file.build({"drl": drl, "transfer_most": constant(0.7)}, [0, 1])
    assert judged(dataset)[claims.TransferStartsHigher.statement].verdict == "refuted"


def test_headline_is_judged_early_and_at_the_end_each_by_its_own_interval(file: Any) -> None:
    """Transfer 0.6 beside DRL's 0.3 early and 0.55 at the end; equal split's gain early is named beside it."""
    drl = constant(0.55).copy()
    drl[:, :2] = 0.3
    rewards = {"equal_split": constant(0.5), "drl": drl, "transfer_most": constant(0.6)}
    early, late = (item for item in verdicts(Comparison(file.build(rewards, [0, 1]))) if item.claim.startswith("(c)"))
    assert (early.verdict, late.verdict) == ("confirmed", "refuted")
    assert "gain in mean reward +100.0 %" in early.evidence
    assert "over the first 2 steps, in 2 of which DRL still plays random partitions" in early.evidence
    assert "equal split, which learns nothing, gains +66.7 %" in early.evidence
    assert "gain in mean reward +9.1 %" in late.evidence


@pytest.mark.parametrize(
    ("early", "late", "expected"), [(0.1, 0.1, "undecided"), (0.3, 0.1, "confirmed"), (0.1, 0.3, "refuted")]
)
def test_similarity_that_helps_no_more_early_than_late_does_not_confirm(
    file: Any, early: float, late: float, expected: str
) -> None:
    """Most similar earns 0.1 more than least throughout; then also 0.2 more early, then 0.2 more at the end."""
    most = constant(0.5 + early).copy()
    most[:, 2:] = 0.5 + late + 0.01 * np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])[:, None, None]
    rewards = {"transfer_most": most, "drl": constant(0.5, 0.01), "transfer_least": constant(0.5)}
    verdict = verdicts(Comparison(file.build(rewards, [0, 1])))[-1]
    assert verdict.verdict == expected
    assert f"source: {early:+.3f}" in verdict.evidence
    assert f"steps, {late:+.3f} [" in verdict.evidence
    assert f"steps, {early - late:+.3f} [" in verdict.evidence or expected == "undecided"


@pytest.mark.parametrize(("sign", "expected"), [(-1.0, "confirmed"), (1.0, "refuted")])
def test_with_all_pairs_similarity_is_judged_by_the_papers_distance_too(file: Any, sign: float, expected: str) -> None:
    """The most similar source is better early in any case; over all pairs nearer sources gain more, or less.

    Targets that are far from all sources gain more, or less, of any: over all pairs the sign is the other one.
    """
    cells, seeds = 4, 3
    near = 1.0 + np.arange(seeds * cells * cells, dtype=float).reshape(seeds, cells, cells) % 7
    distance = near + 100.0 * np.arange(cells)
    pairs = (0.5 + 0.01 * sign * near - 0.1 * sign * np.arange(cells))[:, None] + np.zeros((1, 2, 1, 1))
    pairs[:, 1] = 1.0 - pairs[:, 1]
    flat = np.full((seeds, 10, cells), 0.5)
    most = flat.copy()
    most[:, :2] = 0.9
    dataset = file.build(
        {"drl": flat, "transfer_most": most, "transfer_least": flat},
        [0, 0, 1, 1],
        pair_reward=(("seed", "gain_step", "source", "target"), pairs),
        distance=(("seed", "source", "target"), distance),
        distance_corrected=(("seed", "source", "target"), -distance),
        gain_step=(("gain_step",), [2, 4]),
    )
    verdict = verdicts(Comparison(dataset.set_coords("gain_step")))[-1]
    assert verdict.verdict == expected
    assert f"negative: {sign:+.2f} [{sign:+.2f}, {sign:+.2f}] at step 2, {-sign:+.2f}" in verdict.evidence
    over_all = verdict.evidence.split("are mixed, ")[1]
    assert float(over_all.split(" ")[0]) * sign < -0.5
    assert f"the distance less its spread {-sign:+.2f} [{-sign:+.2f}, {-sign:+.2f}] at step 2" in verdict.evidence


def test_intervals_of_whole_seeds_are_named_where_they_decide_otherwise(file: Any) -> None:
    groups = 0.01 * np.array([-1.0, 0.2, -0.6, 2.0, 1.6, 0.0])[:, None, None] + np.zeros((1, 10, 2))
    for lead, differs in ((1.0, False), (0.005, True)):
        dataset = file.build({"traffic_aware": constant(0.5), "drl": 0.5 + lead + groups}, [0, 1])
        (verdict,) = verdicts(Comparison(dataset))
        assert verdict.verdict == "confirmed"
        assert "whole seeds resampled: " in verdict.evidence
        assert ("by which it is undecided" in verdict.evidence) is differs


def test_claims_need_their_policies_and_nothing_else(file: Any) -> None:
    assert judged(file.build({"drl": constant(0.5)}, [0, 1])) == {}
    for claim in CLAIMS:
        rewards = {name: constant(0.5) for name in claim.needs}
        if isinstance(claim, claims.InformedClosesHalf):
            rewards["counterfactual"] = constant(0.5)
        assert claim.statement in judged(file.build(rewards, [0, 1]))
        assert isinstance(claim.compute(Comparison(file.build(rewards, [0, 1]))), Evidence)
