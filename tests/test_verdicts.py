"""What is called confirmed, refuted or undecided, from rewards whose answer is known, and how often it errs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

from slicefast.study.claims import CLAIMS, verdicts
from slicefast.study.comparison import Comparison
from slicefast.study.document import Verdict
from slicefast.study.evidence import Claim, Measure, decide, fewest

SPREAD = np.array([-1.5, -0.5, 0.5, 1.5, -1.0, 1.0])[:, None]  # over six seeds, symmetric


@pytest.fixture
def file(reference: Callable[[str], ModuleType]) -> Any:
    """Return the builder of result files."""
    return reference("result_file")


def constant(reward: float, spread: float = 0.0) -> np.ndarray:
    """Return rewards of six seeds, ten steps and two cells."""
    return np.broadcast_to((reward + spread * SPREAD)[:, None], (6, 10, 2))


def stepped(early: float, late: float, spread: float = 0.0) -> np.ndarray:
    """Return rewards that change after the first two steps, which are early."""
    rewards = constant(late, spread).copy()
    rewards[:, :2] += early - late
    return rewards


def judged(dataset: xr.Dataset, letter: str) -> list[Verdict]:
    """Return the verdicts on the claims of a letter."""
    return [item for item in verdicts(Comparison(dataset)) if item.claim.startswith(f"({letter})")]


def measure(*seeds: float, above: float | None = 0.0) -> Measure:
    return Measure("it", np.array(seeds), above)


@pytest.mark.parametrize(
    ("drl", "spread", "expected"),
    [(0.8, 0.01, "confirmed"), (0.3, 0.01, "refuted"), (0.5, 0.1, "undecided")],
)
def test_verdict_follows_from_the_interval(file: Any, drl: float, spread: float, expected: str) -> None:
    dataset = file.build({"traffic_aware": constant(0.5), "drl": constant(drl, spread)}, [0, 1])
    (verdict,) = judged(dataset, "a")
    assert verdict.verdict == expected
    assert verdict.case == "as published, against traffic-aware baseline"
    assert f"{drl - 0.5:+.3f}" in verdict.evidence


def test_all_numbers_confirm_and_one_refutes_at_the_stricter_level() -> None:
    above, below, around = measure(1.0, 1.1, 1.2), measure(-1.0, -1.1, -1.2), measure(-1.0, 0.1, 1.0)
    assert decide([above]) == decide([above, above]) == "confirmed"
    assert decide([below]) == decide([above, below]) == decide([around, below]) == "refuted"
    assert decide([around]) == decide([above, around]) == "undecided"
    assert decide([above, measure(-9.0, -9.0, -9.0, above=None)]) == "confirmed"  # stands beside
    # t = 5.2 with two degrees of freedom: beyond 4.3 of one number, not beyond 7.6 of three.
    barely = measure(-1.0, -1.5, -2.0)
    assert decide([barely]) == "refuted"
    assert decide([barely, around, around]) == "undecided"


def test_fewer_than_three_seeds_decide_nothing_and_say_so(file: Any) -> None:
    assert fewest([measure(1.0, 2.0, np.nan), measure(1.0, 2.0, 3.0)]) == 2
    assert decide([measure(1.0, 1.0, np.nan)]) == "undecided"
    assert decide([measure(1.0, 1.0, 1.0)]) == "confirmed"
    for seeds, words in ((1, "1 seed decides nothing: "), (2, "2 seeds decide nothing: ")):
        dataset = file.build({"traffic_aware": constant(0.5)[:seeds], "drl": constant(0.9)[:seeds]}, [0, 1])
        (verdict,) = judged(dataset, "a")
        assert verdict.verdict == "undecided"
        assert verdict.evidence.startswith(words)


@pytest.mark.parametrize("seeds", [3, 4, 6, 10])
@pytest.mark.parametrize("numbers", [1, 3])
def test_verdicts_err_as_often_as_they_promise(seeds: int, numbers: int) -> None:
    """Where the truth is the threshold, at most one in forty is confirmed and one in forty refuted.

    4,000 draws: a share of 0.025 has a standard error of 0.0025; 0.035 is four of them above.
    """
    generator = np.random.default_rng(seeds)
    draws = generator.standard_normal((4000, numbers, seeds))
    found = [decide([Measure("", item) for item in draw]) for draw in draws]
    assert np.mean([item == "refuted" for item in found]) < 0.035
    assert np.mean([item == "confirmed" for item in found]) < 0.035
    if numbers == 1:  # and not much more seldom, or nothing would ever be decided
        assert np.mean([item == "refuted" for item in found]) > 0.015


def test_every_claim_is_judged_in_both_settings_and_against_both_baselines(file: Any) -> None:
    names = ("traffic_aware", "max_min_rule", "drl", "drl_ours")
    dataset = file.build({name: constant(0.1 * (3 + index)) for index, name in enumerate(names)}, [0, 1])
    found = judged(dataset, "a")
    assert [item.case for item in found] == [
        "as published, against traffic-aware baseline",
        "as published, against max-min rule",
        "ours, against traffic-aware baseline",
        "ours, against max-min rule",
    ]
    assert [item.where for item in found] == [
        (setting, base) for setting in ("published", "ours") for base in names[:2]
    ]
    assert "DRL from scratch, ours, less it, at the end +0.200" in found[3].evidence


def test_every_approach_has_to_beat_the_baseline(file: Any) -> None:
    rewards = {"traffic_aware": constant(0.5), "drl": constant(0.8, 0.01), "drl_alone": constant(0.8, 0.01)}
    for centralised, expected in ((0.7, "confirmed"), (0.4, "refuted")):
        dataset = file.build({**rewards, "centralised": constant(centralised, 0.01)}, [0, 1])
        assert [item.verdict for item in judged(dataset, "a")] == ["confirmed", expected]


@pytest.mark.parametrize(
    ("early", "late", "expected"),
    [(0.6, 0.8, "confirmed"), (0.1, 0.8, "refuted"), (0.6, 0.7, "refuted"), (0.6, 0.792, "confirmed")],
)
def test_transfer_starts_higher_and_ends_no_lower(file: Any, early: float, late: float, expected: str) -> None:
    rewards = {"drl": stepped(0.2, 0.8, 0.001), "transfer_most": stepped(early, late), "traffic_aware": constant(0.5)}
    (verdict,) = judged(file.build(rewards, [0, 1]), "b")
    assert verdict.verdict == expected
    assert f"traffic-aware baseline over them {early - 0.5:+.3f}" in verdict.evidence


def test_the_headline_is_judged_early_and_at_the_end_beside_what_learns_nothing(file: Any) -> None:
    """Transfer 0.6 beside DRL's 0.3 early and 0.55 at the end."""
    rewards = {"equal_split": constant(0.5), "drl": stepped(0.3, 0.55), "transfer_most": constant(0.6)}
    early, late = judged(file.build(rewards, [0, 1]), "c")
    assert (early.verdict, late.verdict) == ("confirmed", "refuted")
    assert early.evidence.startswith("gain over DRL over the first 2 steps +100.0 %")
    assert "equal split, which learns nothing, +66.7 %" in early.evidence
    assert late.evidence.startswith("gain over DRL at the end +9.1 %")


def test_gain_over_agents_that_earn_nothing_is_not_defined(file: Any) -> None:
    dataset = file.build({"drl": constant(0.0), "transfer_most": constant(0.6)}, [0, 1])
    assert [item.verdict for item in judged(dataset, "c")] == ["undecided", "undecided"]
    assert "gain over DRL at the end not defined" in judged(dataset, "c")[1].evidence


@pytest.mark.parametrize(("sign", "expected"), [(-1.0, "confirmed"), (1.0, "refuted")])
@pytest.mark.parametrize("setting", ["published", "ours"])
def test_similarity_is_judged_by_the_pairs_of_its_own_setting(
    file: Any, sign: float, expected: str, setting: str
) -> None:
    """The most similar source is better early in any case; over all pairs nearer sources earn more, or less."""
    cells, seeds, end = 4, 3, "_ours" if setting == "ours" else ""
    near = 1.0 + np.arange(seeds * cells * cells, dtype=float).reshape(seeds, cells, cells) % 7
    pairs = (0.5 + 0.01 * sign * near)[:, None] + np.zeros((1, 2, 1, 1))
    pairs[:, 1] = 1.0 - pairs[:, 1]
    flat = np.full((seeds, 10, cells), 0.5)
    most = flat.copy()
    most[:, :2] = 0.9 + 0.01 * np.arange(seeds)[:, None, None]
    dataset = file.build(
        {f"transfer_most{end}": most, f"transfer_least{end}": flat},
        [0, 0, 1, 1],
        distance=(("seed", "source", "target"), near),
        gain_step=(("gain_step",), [2, 4]),
        **{f"pair_reward{end}": (("seed", "gain_step", "source", "target"), pairs)},
    )
    (verdict,) = judged(dataset.set_coords("gain_step"), "d")
    assert verdict.verdict == expected
    assert f"within targets {-sign:+.2f}" in verdict.evidence


@pytest.mark.parametrize(
    ("early", "late", "expected"), [(0.1, 0.1, "undecided"), (0.3, 0.1, "confirmed"), (0.1, 0.3, "refuted")]
)
def test_similarity_has_to_help_more_early_than_late(file: Any, early: float, late: float, expected: str) -> None:
    """The first 250 steps are all four of a transfer here: what is early is their mean."""
    wobble = 0.01 * np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])[:, None, None]
    most = stepped(0.5 + early, 0.5 + late) + wobble * (np.arange(10)[:, None] >= 2)
    dataset = file.build({"transfer_most": most, "transfer_least": constant(0.5)}, [0, 1])
    (verdict,) = judged(dataset, "d")
    assert verdict.verdict == expected
    assert f"over the first 4 steps {0.5 * (early + late):+.3f}" in verdict.evidence
    assert f"that less the same over steps 2 to 4 {0.5 * (early - late):+.3f}" in verdict.evidence


@pytest.mark.parametrize(
    ("middle", "late", "expected", "reached"),
    [(0.7, 0.7, "confirmed", 6), (0.4, 0.7, "refuted", 6), (0.7, 0.4, "refuted", 0)],
)
def test_transfer_has_to_be_above_soon_and_to_stay(
    file: Any, middle: float, late: float, expected: str, reached: int
) -> None:
    """Step 1 is after a short fine-tuning, steps 2 and 3 are later; the running mean is over all four."""
    transfer = constant(0.0, 0.01).copy()
    transfer[:, 0], transfer[:, 1], transfer[:, 2:4] = 0.5, middle, late
    rewards = {"traffic_aware": constant(0.5), "transfer_most": transfer}
    (verdict,) = judged(file.build(rewards, [0, 1]), "e")
    assert verdict.verdict == expected
    assert f"over steps 1 to 2 {middle - 0.5:+.3f}" in verdict.evidence
    assert f"over steps 2 to 4 {late - 0.5:+.3f}" in verdict.evidence
    assert f"in {reached} of 6 seeds" in verdict.evidence


@pytest.mark.parametrize(
    ("busy", "quiet", "expected"), [(0.8, 0.8, "confirmed"), (0.3, 0.9, "refuted"), (0.8, 0.3, "refuted")]
)
def test_busy_hours_and_the_worst_tenth_are_judged(file: Any, busy: float, quiet: float, expected: str) -> None:
    """Step 3 is busy for both cells, step 2 is not; a tenth of two steps is the worse one."""
    transfer = constant(0.0).copy()
    transfer[:, 2], transfer[:, 3] = quiet, busy
    offered = np.broadcast_to(np.arange(10.0)[:, None], (6, 10, 2))
    dataset = file.build(
        {"traffic_aware": constant(0.5), "transfer_most": transfer},
        [0, 1],
        offered_bps=(("seed", "step", "cell"), offered),
        neighbours_offered_bps=(("seed", "step", "cell"), offered),
    )
    (verdict,) = judged(dataset, "f")
    assert verdict.verdict == expected
    assert f"from 2 to 4 {busy - 0.5:+.3f}" in verdict.evidence
    assert f"worst tenth of each cell's steps {min(busy, quiet) - 0.5:+.3f}" in verdict.evidence
    assert f"not busy {quiet - 0.5:+.3f}" in verdict.evidence


def test_feature_transfer_fails_where_it_costs_more_and_ends_lower(file: Any) -> None:
    rewards = {"drl": constant(0.7), "model_most": constant(0.8, 0.001)}
    for early, late, expected in ((0.3, 0.6, "confirmed"), (0.9, 0.6, "refuted"), (0.3, 0.9, "refuted")):
        dataset = file.build({**rewards, "feature_most": stepped(early, late)}, [0, 1])
        (verdict,) = judged(dataset, "g")
        assert verdict.verdict == expected
        assert f"regret to step 2 beyond model transfer's {2 * (0.8 - early):+.0f}" in verdict.evidence
        assert f"feature transfer less DRL at the end {late - 0.7:+.3f}" in verdict.evidence


@pytest.mark.parametrize("better", [None, "model_most", "feature_most", "instance_most"])
def test_the_best_strategy_is_better_than_each_other_one(file: Any, better: str | None) -> None:
    others = ("model_most", "feature_most", "instance_most")
    rewards = {name: constant(0.9 if name == better else 0.5, 0.001) for name in others}
    dataset = file.build({"transfer_most": constant(0.8), **rewards}, [0, 1])
    (verdict,) = judged(dataset, "h")
    assert verdict.verdict == ("refuted" if better else "confirmed")
    assert verdict.evidence.count("at the end") == 3


def test_coordination_has_to_pay_on_the_way_and_at_the_end(file: Any) -> None:
    for early, late, expected in ((0.9, 0.8, "confirmed"), (0.9, 0.6, "refuted"), (-5.0, 0.8, "refuted")):
        dataset = file.build({"drl": stepped(early, late), "drl_alone": constant(0.7, 0.001)}, [0, 1])
        (verdict,) = judged(dataset, "i")
        assert verdict.verdict == expected
        assert f"at the end {late - 0.7:+.3f}" in verdict.evidence


@pytest.mark.parametrize(
    ("variance", "same", "expected"), [(0.01, 1, "confirmed"), (0.5, 1, "refuted"), (0.01, -1, "refuted")]
)
def test_variances_and_choices_are_judged_together(file: Any, variance: float, same: int, expected: str) -> None:
    distance = 1.0 + (np.arange(27.0).reshape(3, 3, 3) * 5) % 7
    dataset = file.build(
        {"drl": np.full((3, 10, 3), 0.5)},
        [0, 0, 1],
        distance=(("seed", "source", "target"), distance),
        distance_fast=(("seed", "source", "target"), same * distance),
        latent_variance=(("seed", "agent", "latent_sample", "latent"), np.full((3, 6, 2, 4), variance)),
    )
    (verdict,) = judged(dataset, "j")
    assert verdict.verdict == expected
    assert verdict.case == ""


def test_past_the_paper_half_of_the_gap_is_asked_for(file: Any) -> None:
    """The baseline 0.5 and the oracle 0.9: 0.8 closes three quarters, 0.6 one quarter; no gap, nothing to close."""
    for own, oracle, expected in ((0.8, 0.9, "confirmed"), (0.6, 0.9, "refuted"), (0.9, 0.5, "undecided")):
        rewards = {"oracle": constant(oracle), "traffic_aware": constant(0.5), "counterfactual": constant(own, 0.001)}
        (verdict,) = judged(file.build(rewards, [0, 1]), "k")
        assert verdict.verdict == expected
        assert verdict.paper == ""


def test_past_the_paper_nearly_all_of_the_oracles_reward_is_asked_for(file: Any) -> None:
    for own, expected in ((0.897, "confirmed"), (0.7, "refuted")):
        rewards = {"oracle": constant(0.9), "max_min_rule": constant(0.85), "hindsight_on_rule": constant(own, 1e-4)}
        rewards["non_clairvoyant"] = constant(0.898)
        (verdict,) = judged(file.build(rewards, [0, 1]), "l")
        assert verdict.verdict == expected
        assert f"less the baseline over them {own - 0.85:+.3f}" in verdict.evidence
        assert f"earns more at the end {0.898 - own:+.4f} [" in verdict.evidence


def test_past_the_paper_a_source_is_to_halve_the_regret(file: Any) -> None:
    """Of 0.3 lost in each of seven steps 0.1 is left, or 0.2."""
    for helped, expected, saved in ((0.8, "confirmed", 67), (0.7, "refuted", 33)):
        rewards = {"oracle": constant(0.9), "hindsight": constant(0.6), "hindsight_most": constant(helped, 1e-3)}
        dataset = file.build(rewards, [0, 1], cycle_steps=(("seed",), [2] * 6))
        (verdict,) = judged(dataset, "m")
        assert verdict.verdict == expected
        assert f"saved of the regret to step 7 +{saved} % [" in verdict.evidence
        assert "; of +2.1" in verdict.evidence


def test_claims_need_their_policies_and_nothing_else(file: Any) -> None:
    assert verdicts(Comparison(file.build({"drl": constant(0.5)}, [0, 1]))) == []
    for claim in CLAIMS:
        rewards = {name: constant(0.5) for name in (*claim.needs, *claim.against[:1])}
        if rewards:
            statements = [item.claim for item in verdicts(Comparison(file.build(rewards, [0, 1])))]
            assert claim.statement in statements
        for missing in rewards:
            fewer = {name: constant(0.5) for name in rewards if name != missing} or {"equal_split": constant(0.5)}
            assert claim.statement not in [item.claim for item in verdicts(Comparison(file.build(fewer, [0, 1])))]


def test_each_claim_of_the_paper_stands_beside_what_the_paper_says() -> None:
    letters = [claim.statement[1] for claim in CLAIMS]
    assert list(dict.fromkeys(letters)) == list("abcdefghijklm")
    assert all(bool(claim.paper) == (claim.statement[1] not in "klm") for claim in CLAIMS)
    assert all(isinstance(claim, Claim) for claim in CLAIMS)
