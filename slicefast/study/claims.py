"""The paper's claims, each with the numbers that judge it, and what goes past the paper.

The paper is Hu, Liao, Liu, Carle (arXiv 2301.03262); what stands between quotation marks is from its abstract, the rest
in our words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from slicefast.study.comparison import Comparison
from slicefast.study.document import Verdict
from slicefast.study.evidence import BASELINES, Case, Claim, Measure
from slicefast.study.intervals import NOT_NEGATIVE, SHARE, SIGNED, Limits
from slicefast.study.online import first_step_above
from slicefast.study.ordering import nearest_sources
from slicefast.study.scores import rank_correlation_within
from slicefast.units import Float64

EQUAL_REWARD = 0.01  # "ends at least as high": not lower by more than this in mean reward
PAPER_GAIN_PERCENT = 27.0
RUNNING_STEPS = 250  # of the running mean that has to stay above a baseline
#: "Tiny": latent variances below this part of the prior's; and how many of them, and of the targets, have to agree.
TINY_VARIANCE, MOST = 0.1, 0.9
#: What a learner that stays distributed is to earn of the oracle's reward over the early steps, past the paper.
NEARLY_ALL = 0.99
#: Less than nothing cannot be earned: where gains in percent lie.
GAIN: Limits = (-100.0, np.inf)
#: What two rewards differ by, or a rank correlation.
Difference = partial(Measure, limits=SIGNED)


def verdicts(comparison: Comparison) -> list[Verdict]:
    """Return the verdicts on every claim the result file has the policies for, in the order of the claims."""
    return [verdict for claim in CLAIMS for verdict in claim.judge(comparison)]


def not_judged(judged: Sequence[Verdict]) -> str:
    """Return which letters of claims have no verdict at all, and why, in one sentence; "" where each has one.

    Parameters
    ----------
    judged : sequence of Verdict
        All verdicts on a result file.
    """
    letters = list(dict.fromkeys(claim.statement[:3] for claim in CLAIMS))
    found = {item.claim[:3] for item in judged}
    missing = [letter for letter in letters if letter not in found]
    if not missing:
        return ""
    return (
        f"Claims {', '.join(missing)} are not listed: this study lacks the policies that they need, or has not "
        "finished them; one without --quick runs them all."
    )


def _beats_at_the_end(*approaches: str) -> Callable[[Case], list[Measure]]:
    def measure(case: Case) -> list[Measure]:
        base = case.final(case.baseline)
        arms = [case.arm(name) for name in approaches]
        return [
            Difference(f"{case.comparison.label(arm)}, less it, at the end", case.final(arm) - base) for arm in arms
        ]

    return measure


def _starts_higher(case: Case) -> list[Measure]:
    transfer, drl = case.arm("transfer_most"), case.arm("drl")
    early = int(case.comparison.protocol["early_steps"])
    start = case.online(transfer, 0, early)
    beside = [
        Difference(f"transfer less {case.comparison.label(name)} over them", start - case.online(name, 0, early), None)
        for name in BASELINES
        if case.comparison.has(name)
    ]
    return [
        Difference(f"transfer less DRL over the first {early} steps", start - case.online(drl, 0, early)),
        Difference(
            f"at the end (at least as high: above -{EQUAL_REWARD})",
            case.final(transfer) - case.final(drl),
            -EQUAL_REWARD,
        ),
        *beside,
    ]


def _gains(which: str) -> Callable[[Case], list[Measure]]:
    """Return the measures of the headline early or at the end; beside it what a policy that learns nothing gains."""

    def measure(case: Case) -> list[Measure]:
        early = int(case.comparison.protocol["early_steps"])

        def gain(policy: str) -> Float64:
            own, drl = (
                case.online(name, 0, early) if which == "early" else case.final(name)
                for name in (policy, case.arm("drl"))
            )
            return 100.0 * (own / np.where(drl == 0.0, np.nan, drl) - 1.0)

        where = f"over the first {early} steps" if which == "early" else "at the end"
        own = gain(case.arm("transfer_most"))
        found = [Measure(f"gain over DRL {where}", own, PAPER_GAIN_PERCENT, 1, " %", limits=GAIN)]
        for name in ("equal_split", "max_min_rule"):
            if case.comparison.has(name):
                label = case.comparison.label(name)
                words = f"by the same measure {label}, which learns nothing,"
                found.append(Measure(words, gain(name), None, 1, " %", limits=GAIN))
        return found

    return measure


def _similar_helps_more(case: Case) -> list[Measure]:
    most, least = case.arm("transfer_most"), case.arm("transfer_least")
    comparison, (start, stop) = case.comparison, case.comparison.learned
    first = min(RUNNING_STEPS, stop)
    early = case.online(most, 0, first) - case.online(least, 0, first)
    late = case.online(most, start, stop) - case.online(least, start, stop)
    found = [
        Difference(f"most less least similar source over the first {first} steps", early),
        Difference(f"that less the same over steps {start} to {stop}", early - late),
    ]
    pairs, distance = comparison.pair_rewards_of(case.setting or "published"), comparison.distance("distance")
    if pairs is not None and distance is not None:
        ranked = within_targets(distance, pairs[:, 0])
        found.append(Difference("less the rank correlation of distance and reward within targets", -ranked, digits=2))
    found += [
        Difference(
            f"least similar less {comparison.label(name)}",
            case.online(least, 0, first) - case.online(name, 0, first),
            None,
        )
        for name in BASELINES
        if comparison.has(name)
    ]
    return found


def within_targets(distance: Float64, reward: Float64) -> Float64:
    """Return the rank correlation of distance and reward among a target's sources, mean over targets, (K,).

    Parameters
    ----------
    distance, reward : ndarray, (K, source, target)
        Of every pair; NaN where a pair does not count.
    """
    both = zip(distance, reward, strict=True)
    return np.array([rank_correlation_within(near, earned) for near, earned in both])


def _soon_above(case: Case) -> list[Measure]:
    comparison, transfer = case.comparison, case.arm("transfer_most")
    start, stop = comparison.learned
    brief = min(RUNNING_STEPS, start // 2)
    less = comparison.rewards(transfer)[:, :stop] - comparison.rewards(case.baseline)[:, :stop]
    mean = np.stack([comparison.per_seed(less[:, step]) for step in range(stop)], axis=1)
    first = first_step_above(mean, min(RUNNING_STEPS, stop))
    reached, finished = np.isfinite(first).sum(), np.isfinite(mean[:, -1]).sum()
    since = f"first step from which the mean of {RUNNING_STEPS} stays above it, in {reached} of {finished} seeds,"
    return [
        Difference(f"transfer less it over steps {brief} to {start}", mean[:, brief:start].mean(axis=1)),
        Difference(f"over steps {start} to {stop}", mean[:, start:stop].mean(axis=1)),
        Measure(since, first, None, 0, sign=False, limits=NOT_NEGATIVE),
    ]


def _robust_when_busy(case: Case) -> list[Measure]:
    comparison, transfer = case.comparison, case.arm("transfer_most")

    def less(measure: Callable[[str], Float64]) -> Float64:
        return comparison.per_seed(measure(transfer) - measure(case.baseline))

    busy, quiet = less(comparison.busy_reward), less(lambda policy: comparison.busy_reward(policy, busy=False))
    start, stop = comparison.learned
    return [
        Difference(f"transfer less it in busy cell-steps from {start} to {stop}", busy),
        Difference("in the worst tenth of each cell's steps", less(comparison.worst_tenth)),
        Difference("in cell-steps that are not busy", quiet, None),
    ]


def _feature_fails(case: Case) -> list[Measure]:
    feature, model, drl = map(case.arm, ("feature_most", "model_most", "drl"))
    early = int(case.comparison.protocol["early_steps"])
    lost = early * (case.online(model, 0, early) - case.online(feature, 0, early))
    return [
        Measure(f"regret to step {early} beyond model transfer's", lost, digits=0, limits=(-early, early)),
        Difference("model less feature transfer at the end", case.final(model) - case.final(feature)),
        Difference("feature transfer less DRL at the end", case.final(feature) - case.final(drl), None),
    ]


def _integrated_is_best(case: Case) -> list[Measure]:
    integrated, (_, stop) = case.arm("transfer_most"), case.comparison.learned
    found = []
    for name in ("model_most", "feature_most", "instance_most"):
        other = case.arm(name)
        label = name.removesuffix("_most")
        online = case.online(integrated, 0, stop) - case.online(other, 0, stop)
        found.append(Difference(f"integrated less {label} transfer over the first {stop} steps", online))
        found.append(Difference("at the end", case.final(integrated) - case.final(other)))
    return found


def _coordination_helps(case: Case) -> list[Measure]:
    drl, alone = case.arm("drl"), case.arm("drl_alone")
    steps = case.comparison.learning_steps
    return [
        Difference("coordinated less uncoordinated at the end", case.final(drl) - case.final(alone)),
        Difference(f"over the first {steps} steps", case.online(drl, 0, steps) - case.online(alone, 0, steps)),
    ]


def _variances_are_tiny(case: Case) -> list[Measure]:
    data = case.comparison.dataset
    if "latent_variance" not in data:
        return []
    variance = data.latent_variance.values.astype(np.float64)
    variance = variance.reshape(len(variance), -1)
    tiny = np.where(np.isnan(variance).any(axis=1), np.nan, (variance < TINY_VARIANCE).mean(axis=1))
    slow, fast = (case.comparison.distance(name) for name in ("distance", "distance_fast"))
    assert slow is not None
    assert fast is not None
    missing = np.isnan(slow).any(axis=(1, 2))
    same = np.where(missing, np.nan, (nearest_sources(slow) == nearest_sources(fast)).mean(axis=1))
    return [
        Measure(
            f"share of latent variances below {TINY_VARIANCE}, where the prior's is 1 ({MOST} asked for)",
            tiny,
            MOST,
            2,
            limits=SHARE,
        ),
        Measure(
            f"share of targets for which both choose the same source ({MOST} asked for)", same, MOST, 2, limits=SHARE
        ),
        Difference("rank correlation of both within targets", within_targets(slow, fast), None, 2),
    ]


def _closes_half(case: Case) -> list[Measure]:
    own, oracle, base = (case.final(name) for name in ("counterfactual", "oracle", case.baseline))
    gap = oracle - base
    beyond = np.where(gap > 0.0, own - 0.5 * (base + oracle), np.nan)
    return [
        Difference("gained beyond half of the gap at the end", beyond),
        Difference("the gap", gap, None),
    ]


def _earns_nearly_all(case: Case) -> list[Measure]:
    early = int(case.comparison.protocol["early_steps"])
    own, oracle, base = (case.online(name, 0, early) for name in ("hindsight_on_rule", "oracle", case.baseline))
    beside = []
    if case.comparison.has("non_clairvoyant"):
        left = case.final("non_clairvoyant") - case.final("hindsight_on_rule")
        beside.append(Difference("what the bound without foresight of packets earns more at the end", left, None, 4))
    words = f"part of the oracle's reward over the first {early} steps"
    return [
        Measure(words, own / oracle, NEARLY_ALL, limits=NOT_NEGATIVE),
        Difference("less the baseline over them", own - base),
        *beside,
    ]


def _source_halves_regret(case: Case) -> list[Measure]:
    first = min(RUNNING_STEPS, case.comparison.learning_steps)
    alone, helped = (
        case.comparison.per_seed(case.comparison.regret(name, first)) for name in ("hindsight", "hindsight_most")
    )
    saved = 100.0 * (1.0 - helped / np.where(alone > 0.0, alone, np.nan))
    return [
        Measure(f"saved of the regret to step {first}", saved, 50.0, 0, " %", limits=(-np.inf, 100.0)),
        Measure("of", alone, None, 1, limits=(-first, first)),
    ]


#: Every claim, in the order of the report. A new one is a function above and a place here.
CLAIMS: tuple[Claim, ...] = (
    Claim(
        "(a) Converged DRL beats the baseline.",
        "“outperforms the state-of-the-art solutions in terms of performance”",
        ("drl",),
        _beats_at_the_end("drl"),
        against=BASELINES,
    ),
    Claim(
        "(a) So does every DRL approach, the uncoordinated and the centralised included.",
        "All DRL approaches end above the baseline once they have converged.",
        ("drl", "drl_alone", "centralised"),
        _beats_at_the_end("drl", "drl_alone", "centralised"),
        against=BASELINES,
    ),
    Claim(
        "(b) Transfer starts far higher than DRL from scratch and ends at least as high.",
        "“accelerating the policy deployment”: “convergence speed and sample efficiency”",
        ("drl", "transfer_most"),
        _starts_higher,
    ),
    Claim(
        f"(c) Transfer gains more than {PAPER_GAIN_PERCENT:.0f} % over DRL early.",
        "“an additional gain over 27% higher than the coordinated MADRL approach without TL”; where, it does not say",
        ("drl", "transfer_most"),
        _gains("early"),
    ),
    Claim(
        f"(c) Transfer gains more than {PAPER_GAIN_PERCENT:.0f} % over DRL at the end.",
        "“an additional gain over 27% higher than the coordinated MADRL approach without TL”; where, it does not say",
        ("drl", "transfer_most"),
        _gains("end"),
    ),
    Claim(
        "(d) A more similar source helps more, most of all early.",
        "The more similar the source, the higher the gain, most of all at the start.",
        ("transfer_most", "transfer_least"),
        _similar_helps_more,
    ),
    Claim(
        "(e) Transfer beats the baseline after a short fine-tuning.",
        "After a short phase of fine-tuning transfer is above the baseline.",
        ("transfer_most",),
        _soon_above,
        against=BASELINES,
    ),
    Claim(
        "(f) Transfer is more robust in busy hours with strong interference.",
        "Transfer is more robust in busy hours, when neighbours interfere strongly.",
        ("transfer_most",),
        _robust_when_busy,
        against=BASELINES,
    ),
    Claim(
        "(g) Feature transfer fails.",
        "Handing over the lower layers alone fails.",
        ("feature_most", "model_most", "drl"),
        _feature_fails,
    ),
    Claim(
        "(h) Integrated transfer is the best strategy.",
        "Integrated transfer, model and instances together, is the paper's proposal.",
        ("transfer_most", "model_most", "feature_most", "instance_most"),
        _integrated_is_best,
    ),
    Claim(
        "(i) Coordinated DRL beats uncoordinated DRL.",
        "“a coordinated MADRL method with information sharing” manages inter-cell interference.",
        ("drl", "drl_alone"),
        _coordination_helps,
    ),
    Claim(
        "(j) Latent variances are tiny, and the fast distance picks the same source.",
        "Lemma 1: where all variances are one small constant, the divergence is proportional to the squared distance.",
        (),
        _variances_are_tiny,
        by_setting=False,
    ),
    Claim(
        "(k) Past the paper: the counterfactual policy closes at least half of the gap to the oracle.",
        "",
        ("counterfactual", "oracle"),
        _closes_half,
        by_setting=False,
        against=BASELINES,
    ),
    Claim(
        f"(l) Past the paper: hindsight on the rule, cell by cell, earns {NEARLY_ALL} of the oracle's reward early on.",
        "",
        ("hindsight_on_rule", "oracle"),
        _earns_nearly_all,
        by_setting=False,
        against=BASELINES,
    ),
    Claim(
        "(m) Past the paper: the most similar source halves what a hindsight learner pays at the start.",
        "",
        ("hindsight", "hindsight_most", "oracle"),
        _source_halves_regret,
        by_setting=False,
    ),
)
