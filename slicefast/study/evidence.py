"""What a claim is: numbers that confirm or refute it, per setting and baseline; how they become verdict and words.

A claim is confirmed when the 95 % interval of each number it rests on lies on its side, and refuted when that of one of
them lies on the other side at the level 1 - 0.05 / m of m numbers: so of true claims at most one in forty is called
refuted, of wrong ones at most one in forty confirmed, however many numbers a claim rests on. The intervals are
Student's over whole seeds, whose cells share a network. Fewer than `FEWEST_SEEDS` seeds decide nothing, and
`to_decide` says what would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slicefast.study.comparison import Comparison
from slicefast.study.document import Verdict, show
from slicefast.study.intervals import ANYWHERE, Estimate, Limits, over_seeds, told
from slicefast.study.setting import SETTINGS, Setting
from slicefast.units import Float64

Decision = Literal["confirmed", "refuted", "undecided"]

#: Student's interval of two seeds is twelve standard errors wide: it decides nothing that an eye would not.
FEWEST_SEEDS = 3
#: What claims are held against: the paper's baseline, and the rule that a radio engineer would bring.
BASELINES = ("traffic_aware", "max_min_rule")
_SAID = {"published": "as published", "ours": "ours", "": ""}


@dataclass(frozen=True, eq=False)
class Measure:
    """A number per seed, what it is called, and what the claim says of it.

    Attributes
    ----------
    name : str
        Words that the number follows.
    seeds : ndarray, (K,)
        NaN where a seed has none.
    above : float or None
        What it has to lie above for the claim to hold; None for a number that stands beside and decides nothing.
    digits : int
        After the point.
    unit : str
        Behind the number, blank included.
    sign : bool
        Whether a plus stands before positive numbers.
    limits : tuple of float
        Where its mean can lie: the interval that is shown ends there.
    """

    name: str
    seeds: Float64
    above: float | None = 0.0
    digits: int = 3
    unit: str = ""
    sign: bool = True
    limits: Limits = ANYWHERE

    @property
    def estimate(self) -> Estimate:
        """The mean over seeds with its 95 % interval, as it is shown."""
        return told(self.seeds, self.limits)

    @property
    def words(self) -> str:
        """Name, number and interval."""
        estimate = self.estimate
        if not np.isfinite(estimate.value):
            return f"{self.name} not defined"
        return f"{self.name} {show(estimate, self.digits, self.unit, self.sign)}"


@dataclass(frozen=True)
class Case:
    """In which setting a claim is judged, and against which baseline; "" where that makes no difference.

    Attributes
    ----------
    comparison : Comparison
        The results.
    setting : {"published", "ours", ""}
        How agents explore and learn.
    baseline : str
        Policy.
    """

    comparison: Comparison
    setting: Setting | Literal[""] = ""
    baseline: str = ""

    @property
    def words(self) -> str:
        """What a reader calls it."""
        against = f"against {self.comparison.label(self.baseline)}" if self.baseline else ""
        return ", ".join(part for part in (_SAID[self.setting], against) if part)

    def arm(self, name: str) -> str:
        """Return the policy of a name in this setting."""
        return f"{name}_ours" if self.setting == "ours" else name

    def final(self, name: str) -> Float64:
        """Return the mean reward over the evaluation steps, (K,)."""
        return self.comparison.per_seed(self.comparison.scores(name).reward)

    def online(self, name: str, start: int, stop: int) -> Float64:
        """Return the mean reward, exploration included, over the steps from `start` to `stop`, (K,)."""
        return self.comparison.per_seed(self.comparison.online(name, start, stop))


@dataclass(frozen=True)
class Claim:
    """Something a study can confirm or refute.

    Attributes
    ----------
    statement : str
        The claim as a sentence.
    paper : str
        What the paper says, in its words or ours; "" for a claim of ours.
    needs : tuple of str
        Policies without which nothing can be said, by their names as published.
    measure : callable
        Returns the numbers of a case, none where the result file lacks what they are made from.
    by_setting : bool
        Whether the settings are judged apart; else the policies are those of the names.
    against : tuple of str
        Baselines that it is judged against, one after the other.
    """

    statement: str
    paper: str
    needs: tuple[str, ...]
    measure: Callable[[Case], list[Measure]]
    by_setting: bool = True
    against: tuple[str, ...] = ()

    def cases(self, comparison: Comparison) -> list[Case]:
        """Return the cases that the result file has the policies for."""
        settings: Sequence[Setting | Literal[""]] = SETTINGS if self.by_setting else ("",)
        every = [Case(comparison, setting, baseline) for setting in settings for baseline in self.against or ("",)]
        return [case for case in every if comparison.has(*map(case.arm, self.needs), *filter(None, (case.baseline,)))]

    def judge(self, comparison: Comparison) -> list[Verdict]:
        """Return a verdict per case."""
        measured = [(case, self.measure(case)) for case in self.cases(comparison)]
        return [self._say(case, measures) for case, measures in measured if measures]

    def _say(self, case: Case, measures: Sequence[Measure]) -> Verdict:
        evidence = "; ".join(item.words for item in measures)
        # Where the whole study has too few, that is said once, with what would do: `to_decide`.
        if (few := fewest(measures)) < FEWEST_SEEDS <= case.comparison.dataset.sizes["seed"]:
            evidence = (
                f"{few or 'no'} seed{'' if few == 1 else 's'} decide{'s' if few == 1 else ''} nothing: {evidence}"
            )
        where = (case.setting, case.baseline)
        return Verdict(self.statement, decide(measures), evidence, case.words, self.paper, where)


def to_decide(seeds: int) -> str:
    """Return how many seeds would decide the claims of a study of fewer, and how to run them; "" where it has enough.

    Parameters
    ----------
    seeds : int
        Of the study.
    """
    if seeds >= FEWEST_SEEDS:
        return ""
    return (
        f"{seeds} seed{'' if seeds == 1 else 's'} decide{'s' if seeds == 1 else ''} no claim: it takes at least "
        f"{FEWEST_SEEDS}, and more where an interval holds what it is judged by. The same command with --resume "
        f"--seeds {FEWEST_SEEDS} adds to this study; a new one without --quick has enough."
    )


def fewest(measures: Sequence[Measure]) -> int:
    """Return how many seeds the number with the fewest has, of those that a claim rests on."""
    counts = [int(np.isfinite(item.seeds).sum()) for item in measures if item.above is not None]
    return min(counts, default=0)


def decide(measures: Sequence[Measure]) -> Decision:
    """Return the verdict of the numbers that a claim rests on, all of which it needs."""
    judged = [(item, item.above) for item in measures if item.above is not None]
    if fewest(measures) < FEWEST_SEEDS:
        return "undecided"
    if all(over_seeds(item.seeds).above(threshold) for item, threshold in judged):
        return "confirmed"
    level = 1.0 - 0.05 / len(judged)
    wrong = any(over_seeds(item.seeds, level).below(threshold) for item, threshold in judged)
    return "refuted" if wrong else "undecided"
