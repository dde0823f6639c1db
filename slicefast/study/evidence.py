"""What a claim is: something that numbers confirm or refute, computed and put into words apart from each other.

A claim is confirmed when the whole 95 % interval of each number it rests on lies on its side, refuted when one whole
interval lies on the other, and undecided otherwise; one seed decides nothing, nor does a number that is not defined.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from slicefast.study.comparison import Comparison
from slicefast.study.document import Verdict
from slicefast.study.scores import UNKNOWN, Estimate
from slicefast.units import Float64

Decision = Literal["confirmed", "refuted", "undecided"]


@dataclass(frozen=True)
class Criterion:
    """A number that a claim says is above a threshold.

    Attributes
    ----------
    estimate : Estimate
        The number, seeds resampled in every requirement group.
    threshold : float
        What it is to lie above.
    whole_seeds : Estimate
        The number, whole seeds resampled, whose groups share a network; beside the other, decides nothing.
    """

    estimate: Estimate
    threshold: float = 0.0
    whole_seeds: Estimate = UNKNOWN

    @classmethod
    def of(cls, comparison: Comparison, values: Float64, threshold: float = 0.0) -> Criterion:
        """Return the test of scores (K, N), resampled both ways."""
        return cls(comparison.estimate(values), threshold, comparison.estimate(values, jointly=True))


@dataclass(frozen=True)
class Evidence:
    """The numbers behind a claim; those it rests on are in `tests`."""

    tests: tuple[Criterion, ...]

    @property
    def decision(self) -> Decision:
        """What they say of the claim."""
        return decide(*self.tests)


E = TypeVar("E", bound=Evidence)


class Claim(ABC, Generic[E]):
    """Something a study can confirm or refute.

    Attributes
    ----------
    statement : str
        The claim as a sentence.
    needs : tuple of str
        Policies without which nothing can be said.
    """

    statement: str
    needs: tuple[str, ...]

    def applies(self, comparison: Comparison) -> bool:
        """Whether the result file has what the claim is about."""
        return comparison.has(*self.needs)

    @abstractmethod
    def compute(self, comparison: Comparison) -> E:
        """Return the numbers."""

    @abstractmethod
    def say(self, evidence: E) -> str:
        """Return the numbers as words."""

    def judge(self, comparison: Comparison) -> Verdict:
        """Return the verdict and its reasons."""
        evidence = self.compute(comparison)
        return Verdict(self.statement, evidence.decision, self.say(evidence))


def decide(*tests: Criterion) -> Decision:
    """Return the verdict of several tests, all of which a claim needs."""
    if all(test.estimate.above(test.threshold) for test in tests):
        return "confirmed"
    return "refuted" if any(test.estimate.below(test.threshold) for test in tests) else "undecided"
