"""What is called confirmed, refuted or undecided, from rewards whose answer is known, and how often it errs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

from slicefast.cli import study
from slicefast.study.claims import CLAIMS, not_judged, verdicts
from slicefast.study.comparison import Comparison
from slicefast.study.document import Verdict, to_markdown
from slicefast.study.evidence import FEWEST_SEEDS, Claim, Measure, decide, fewest, to_decide
from slicefast.study.protocol import Protocol
from slicefast.study.report import build, section

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


def test_a_claim_that_lacks_seeds_of_a_larger_study_says_so(file: Any) -> None:
    assert fewest([measure(1.0, 2.0, np.nan), measure(1.0, 2.0, 3.0)]) == 2
    assert decide([measure(1.0, 1.0, np.nan)]) == "undecided"
    assert decide([measure(1.0, 1.0, 1.0)]) == "confirmed"
    rewards = {"traffic_aware": constant(0.5), "drl": constant(0.9, 0.01)}
    whole = {name: values[:3] for name, values in rewards.items()}
    for finished, words in ((1, "1 seed decides nothing: "), (2, "2 seeds decide nothing: "), (3, "DRL from scratch")):
        part = whole["drl"].copy()
        part[finished:] = np.nan
        (verdict,) = judged(file.build({**whole, "drl": part}, [0, 1]), "a")
        assert verdict.verdict == ("confirmed" if finished == 3 else "undecided")
        assert verdict.evidence.startswith(words)


def test_what_would_decide_a_study_of_too_few_seeds_is_said_once(file: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """In the report, at the end of what is printed and in what is printed as JSON; of enough seeds nowhere."""
    rewards = {"traffic_aware": constant(0.5), "drl": constant(0.9, 0.01), "drl_ours": constant(0.9, 0.01)}
    for seeds, words in ((1, "1 seed decides no claim: "), (2, "2 seeds decide no claim: "), (3, "")):
        comparison = Comparison(file.build({name: item[:seeds] for name, item in rewards.items()}, [0, 1]))
        assert to_decide(seeds).startswith(words)
        assert ("takes at least 3" in to_decide(seeds)) == ("--resume --seeds 3" in to_decide(seeds)) == bool(words)
        study._print_outcome(comparison, (), as_json=True)
        assert json.loads(capsys.readouterr().out)["needed"] == to_decide(seeds)
        study._print_outcome(comparison, (), as_json=False)
        for document in (capsys.readouterr().out, to_markdown(section(comparison)), to_markdown(build(comparison))):
            assert len(re.findall("decides? (no|nothing)", document)) == bool(words)
            assert to_decide(seeds) in document
    assert Protocol.full().n_seeds >= FEWEST_SEEDS


def test_letters_without_a_verdict_are_named(file: Any) -> None:
    dataset = file.build({"traffic_aware": constant(0.5), "drl": constant(0.9, 0.01)}, [0, 1])
    words = not_judged(verdicts(Comparison(dataset)))
    letters = ", ".join(f"({letter})" for letter in "bcdefghijklm")
    assert words.startswith(f"Claims {letters} are not listed: ")
    assert words in to_markdown(build(Comparison(dataset)))
    every = [Verdict(claim.statement, "undecided", "it") for claim in CLAIMS]
    assert not_judged(every) == ""


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


def test_intervals_of_claims_end_where_their_numbers_do(file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeds that differ as much as they can: Student's interval would be six times as wide as their range."""
    seeds = {name: np.ones((2, 10, 2)) for name in ("traffic_aware", "oracle", "hindsight", "hindsight_most", "drl")}
    seeds |= {
        name: np.ones((2, 10, 2)) for name in ("transfer_most", "hindsight_on_rule", "feature_most", "model_most")
    }
    seeds["traffic_aware"][:] = 0.5
    for name in ("drl", "hindsight", "feature_most"):
        seeds[name][:, :] = [[[0.1]], [[0.9]]]
    seeds["hindsight_most"][:, :] = [[[0.2]], [[0.95]]]
    seeds["hindsight_on_rule"][1] = 0.2
    seeds["transfer_most"][0, :1] = 0.0
    seeds["transfer_most"][1, :3] = 0.0
    dataset = file.build(
        seeds,
        [0, 1],
        cycle_steps=(("seed",), [2, 2]),
        latent_variance=(("seed", "x"), np.array([[0.01, 0.01], [0.01, 1.0]])),
        **{
            name: (("seed", "source", "target"), np.array([[[0.0, 1.0], [1.0, 0.0]]] * 2))
            for name in ("distance", "distance_fast")
        },
    )
    found = {letter: " ".join(item.evidence for item in judged(dataset, letter)) for letter in "abcdefghijklm"}
    assert "DRL from scratch, less it, at the end -0.000 [-1.000, +1.000]" in found["a"]
    assert "at the end +455.6 % [-100.0, +6102.8]" in found["c"]
    assert "is 1 (0.9 asked for) +0.75 [+0.00, +1.00]" in found["j"]
    assert "reward over the first 2 steps +0.600 [+0.000, +5.682]" in found["l"]
    assert "regret to step 2 beyond model transfer's +1 [-2, +2]" in found["g"]
    assert re.search(r"saved of the regret to step 7 \+\d+ % \[-\d+, \+100\]; of \+3.5 \[-7.0, \+7.0\]", found["m"])
    monkeypatch.setattr("slicefast.study.claims.RUNNING_STEPS", 1)
    (verdict,) = judged(dataset, "e")
    assert verdict.evidence.endswith("in 2 of 2 seeds, 3 [0, 16]")


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
