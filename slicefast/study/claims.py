"""The claims a study confirms, refutes or leaves undecided, each with its numbers and, apart from them, its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from slicefast.study.comparison import Comparison
from slicefast.study.document import Verdict, show
from slicefast.study.evidence import Claim, Criterion, Decision, Evidence, decide
from slicefast.study.ordering import Ordering
from slicefast.study.scores import Estimate
from slicefast.units import Float64

EQUAL_REWARD = 0.01  # "ends at least as high": not lower by more than this in mean reward
PAPER_GAIN_PERCENT = 27.0


def verdicts(comparison: Comparison) -> list[Verdict]:
    """Return the verdict on every claim the result file has the policies for."""
    return [claim.judge(comparison) for claim in CLAIMS if claim.applies(comparison)]


def _reward(comparison: Comparison, policy: str) -> Float64:
    return comparison.scores(policy).reward


def _early_reward(comparison: Comparison, policy: str) -> Float64:
    return comparison.scores(policy).early_reward


def _say_whole_seeds(test: Criterion) -> str:
    """Say the interval of whole seeds and, where it would decide otherwise, so."""
    if not test.whole_seeds.known:
        return ""
    decision = decide(Criterion(test.whole_seeds, test.threshold))
    differs = f", by which it is {decision}" if decision != decide(test) else ""
    return f" (whole seeds resampled: {test.whole_seeds.low:+.3f} to {test.whole_seeds.high:+.3f}{differs})"


def _say_gain(gain: Estimate) -> str:
    return show(gain, 1, " %", True) if np.isfinite(gain.value) else "not defined, where DRL earns nothing"


class DrlBeatsBaseline(Claim[Evidence]):
    """Learning from scratch against the best rule that learns nothing, at the end."""

    statement = "(a) Converged DRL beats the traffic-aware baseline."
    needs = ("drl", "traffic_aware")

    def compute(self, comparison: Comparison) -> Evidence:
        """Return the difference in mean reward."""
        difference = _reward(comparison, "drl") - _reward(comparison, "traffic_aware")
        return Evidence((Criterion.of(comparison, difference),))

    def say(self, evidence: Evidence) -> str:
        """Name the difference."""
        (difference,) = evidence.tests
        return (
            f"difference in mean reward over the evaluation steps {show(difference.estimate, sign=True)}"
            f"{_say_whole_seeds(difference)}"
        )


@dataclass(frozen=True)
class StartEvidence(Evidence):
    """What says how transfer starts and ends; `tests`: its reward less DRL's early, then at the end.

    Attributes
    ----------
    steps : int
        How many of the first steps are early.
    over_baseline : Estimate or None
        Early reward of transfer less that of the traffic-aware baseline, where that was played.
    """

    steps: int
    over_baseline: Estimate | None


class TransferStartsHigher(Claim[StartEvidence]):
    """Transfer against learning from scratch, at the start and at the end."""

    statement = "(b) Transfer starts far higher than DRL from scratch and ends at least as high."
    needs = ("drl", "transfer_most")

    def compute(self, comparison: Comparison) -> StartEvidence:
        """Return the differences in mean reward."""
        early, final = (
            measure(comparison, "transfer_most") - measure(comparison, "drl") for measure in (_early_reward, _reward)
        )
        lead = None
        if comparison.has("traffic_aware"):
            lead = comparison.estimate(
                _early_reward(comparison, "transfer_most") - _early_reward(comparison, "traffic_aware")
            )
        tests = Criterion.of(comparison, early), Criterion.of(comparison, final, -EQUAL_REWARD)
        return StartEvidence(tests, comparison.protocol["early_steps"], lead)

    def say(self, evidence: StartEvidence) -> str:
        """Name both differences and the lead over the baseline."""
        (early, final), steps = evidence.tests, evidence.steps
        beside = ""
        if evidence.over_baseline is not None:
            beside = f"; transfer less the traffic-aware baseline over the first {steps} steps "
            beside += show(evidence.over_baseline, sign=True)
        return (
            f"difference in mean reward {show(early.estimate, sign=True)}{_say_whole_seeds(early)} over the first "
            f"{steps} steps (“far” names no threshold: above 0 counts), {show(final.estimate, sign=True)}"
            f"{_say_whole_seeds(final)} over the evaluation steps (at least as high: above -{EQUAL_REWARD}){beside}"
        )


@dataclass(frozen=True)
class EarlyGainEvidence(Evidence):
    """What says how much transfer gains early; `tests`: its gain over DRL [%].

    Attributes
    ----------
    steps, random_steps : int
        How many of the first steps are early, and in how many of those DRL still explores.
    of_equal_split : Estimate or None
        The same gain [%] of equal split, which learns nothing, where that was played.
    """

    steps: int
    random_steps: int
    of_equal_split: Estimate | None


class GainsEarly(Claim[EarlyGainEvidence]):
    """The paper's gain, taken over the first steps."""

    statement = (
        f"(c) Transfer gains more than {PAPER_GAIN_PERCENT:.0f} % over DRL from scratch early (the paper does not say "
        "where it measured its gain)."
    )
    needs = ("drl", "transfer_most")

    def compute(self, comparison: Comparison) -> EarlyGainEvidence:
        """Return the early gain, and that of a policy without knowledge beside it."""
        protocol = comparison.protocol
        steps = protocol["early_steps"]
        alone = None
        if comparison.has("equal_split"):
            alone = comparison.estimate(comparison.early_gain_percent("equal_split"))
        gain = Criterion(comparison.estimate(comparison.early_gain_percent("transfer_most")), PAPER_GAIN_PERCENT)
        return EarlyGainEvidence((gain,), steps, min(steps, protocol.get("exploration_steps", 0)), alone)

    def say(self, evidence: EarlyGainEvidence) -> str:
        """Name the gain and what it is worth."""
        (gain,) = evidence.tests
        words = f"gain in mean reward {_say_gain(gain.estimate)} over the first {evidence.steps} steps"
        if evidence.random_steps:
            words += f", in {evidence.random_steps} of which DRL still plays random partitions"
        if evidence.of_equal_split is not None:
            alone = _say_gain(evidence.of_equal_split)
            words += f"; equal split, which learns nothing, gains {alone} by the same measure"
        return words


class GainsAtEnd(Claim[Evidence]):
    """The paper's gain, taken over the evaluation steps."""

    statement = f"(c) Transfer gains more than {PAPER_GAIN_PERCENT:.0f} % over DRL from scratch at the end."
    needs = ("drl", "transfer_most")

    def compute(self, comparison: Comparison) -> Evidence:
        """Return the gain at the end."""
        gain = comparison.estimate(comparison.final_gain_percent("transfer_most"))
        return Evidence((Criterion(gain, PAPER_GAIN_PERCENT),))

    def say(self, evidence: Evidence) -> str:
        """Name the gain."""
        return f"gain in mean reward {_say_gain(evidence.tests[0].estimate)} over the evaluation steps"


@dataclass(frozen=True)
class SimilarityEvidence(Evidence):
    """What says whether similarity helps.

    `tests`: most less least similar source early; that less the same at the end; with pairs, the rank correlation of
    gain and distance within targets at the first gain step, negated.

    Attributes
    ----------
    final : Estimate
        Most less least similar source at the end.
    paper, corrected : Ordering or None
        How the paper's distance, and that less its spread, order the gains of all pairs.
    gain_steps : tuple of int
        The steps of those orderings.
    """

    final: Estimate
    paper: Ordering | None
    corrected: Ordering | None
    gain_steps: tuple[int, ...]


class SimilarHelpsMore(Claim[SimilarityEvidence]):
    """The most against the least similar source, and, with all pairs, distance against gain."""

    statement = "(d) A more similar source helps more, most of all early."
    needs = ("drl", "transfer_most", "transfer_least")

    def compute(self, comparison: Comparison) -> SimilarityEvidence:
        """Return the differences between both sources and the rank correlations."""
        most, least = (comparison.scores(name) for name in ("transfer_most", "transfer_least"))
        early, final = most.early_reward - least.early_reward, most.reward - least.reward
        tests = [Criterion(comparison.estimate(early)), Criterion(comparison.estimate(early - final))]
        paper, corrected = (comparison.orderings.get(name) for name in ("distance", "distance_corrected"))
        if paper is not None:
            tests.append(Criterion(-paper.within[0]))
        steps = tuple(comparison.gain_steps)
        return SimilarityEvidence(tuple(tests), comparison.estimate(final), paper, corrected, steps)

    def say(self, evidence: SimilarityEvidence) -> str:
        """Name the differences and, with pairs, the rank correlations."""
        early, fading = (test.estimate for test in evidence.tests[:2])
        words = (
            f"most similar minus least similar source: {show(early, sign=True)} in mean reward over the early steps, "
            f"{show(evidence.final, sign=True)} over the evaluation steps, {show(fading, sign=True)} more early than "
            "late"
        )
        if evidence.paper is None:
            return words
        within, every = evidence.paper.within, evidence.paper.every
        first, last = evidence.gain_steps[0], evidence.gain_steps[-1]
        words += (
            "; rank correlation of gain and distance among the sources of a target, which similarity should make "
            f"negative: {show(within[0], 2, sign=True)} at step {first}, {show(within[-1], 2, sign=True)} at step "
            f"{last}; over all pairs, where targets that gain more or less are mixed, {show(every[0], 2, sign=True)} "
            f"and {show(every[-1], 2, sign=True)}"
        )
        if evidence.corrected is not None:
            words += (
                "; among a target's sources with the distance less its spread "
                f"{show(evidence.corrected.within[0], 2, sign=True)} at step {first}"
            )
        return words


@dataclass(frozen=True)
class GapEvidence(Evidence):
    """What says how far the informed policy gets; `tests`: its reward less half-way from DRL's to the oracle's.

    Attributes
    ----------
    gained, gap : Estimate
        What the informed policy, and what the oracle, earns more than DRL.
    n_networks : int
        How many networks the policy was trained on.
    """

    gained: Estimate
    gap: Estimate
    n_networks: int

    @property
    def decision(self) -> Decision:
        """What the tests say; undecided where the oracle gains nothing, so that there is no gap to close."""
        return decide(*self.tests) if self.gap.value > 0.0 else "undecided"

    @property
    def closed_percent(self) -> float | None:
        """Share of the gap that is closed; None where there is no gap."""
        return 100.0 * self.gained.value / self.gap.value if self.gap.value > 0.0 else None


class InformedClosesHalf(Claim[GapEvidence]):
    """The policy that goes past the paper, between learning from scratch and the clairvoyant bound."""

    statement = (
        "(e) Past the paper: the counterfactual policy closes at least half of the gap between DRL and the oracle."
    )
    needs = ("drl", "oracle")

    def applies(self, comparison: Comparison) -> bool:
        """Whether the informed policy, DRL and the oracle were played."""
        return comparison.has(*self.needs) and bool(comparison.of_family("informed"))

    def compute(self, comparison: Comparison) -> GapEvidence:
        """Return what it gains and how far that is beyond half of the gap."""
        (policy, *_) = comparison.of_family("informed")
        drl, own, oracle = (_reward(comparison, name) for name in ("drl", policy, "oracle"))
        beyond = Criterion.of(comparison, own - 0.5 * (drl + oracle))
        return GapEvidence(
            (beyond,),
            comparison.estimate(own - drl),
            comparison.estimate(oracle - drl),
            int(comparison.dataset.attrs["training_networks"]),
        )

    def say(self, evidence: GapEvidence) -> str:
        """Name both gains and how the policy is trained."""
        (beyond,), closed = evidence.tests, evidence.closed_percent
        part = "there is no gap to close" if closed is None else f"{closed:.0f} % of the gap"
        return (
            f"it gains {show(evidence.gained, sign=True)} in mean reward over DRL where the oracle gains "
            f"{show(evidence.gap, sign=True)} ({part}); beyond half of the gap {show(beyond.estimate, sign=True)}"
            f"{_say_whole_seeds(beyond)}. It is trained centrally, on what the simulator says every share would have "
            f"brought on {evidence.n_networks} training networks, none of which is evaluated on, and does not learn "
            "on the target, where it decides by the cell's own measurements and its neighbours' loads"
        )


#: Every claim, in the order of the report. A new one is a class and a place here.
CLAIMS: tuple[Claim[Any], ...] = (
    DrlBeatsBaseline(),
    TransferStartsHigher(),
    GainsEarly(),
    GainsAtEnd(),
    SimilarHelpsMore(),
    InformedClosesHalf(),
)
