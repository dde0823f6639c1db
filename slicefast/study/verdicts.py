"""The claims a study confirms, refutes or leaves undecided, each with its number and interval.

A claim is confirmed when the whole 95 % interval lies on its side, refuted when the whole interval lies on the other,
and undecided otherwise; one seed decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from slicefast.study import results
from slicefast.study.ordering import pair_correlations
from slicefast.study.statistics import (
    Estimate,
    Floats,
    group_scores,
    stratified,
)

CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"
EQUAL_REWARD = 0.01  # "ends at least as high": not lower by more than this in mean reward
PAPER_GAIN_PERCENT = 27.0


@dataclass(frozen=True)
class Verdict:
    """One claim, what was found, and the numbers behind it."""

    claim: str
    verdict: str
    evidence: str


def over(dataset: xr.Dataset, values: Floats) -> Estimate:
    """Return the estimate of scores (K, N): requirement groups as strata, seeds resampled."""
    return stratified(group_scores(values, dataset.requirement_group.values))


def show(estimate: Estimate, digits: int = 3, unit: str = "", sign: bool = False) -> str:
    """Return an estimate as text: value [low, high]."""
    if not np.isfinite(estimate.value):
        return "-"
    form = f"{'+' if sign else ''}.{digits}f"
    interval = f" [{estimate.low:{form}}, {estimate.high:{form}}]" if estimate.known else ""
    return f"{estimate.value:{form}}{unit}{interval}"


def decide(*tests: tuple[Estimate, float]) -> str:
    """Return the verdict of tests (estimate, threshold), each to lie above its threshold."""
    if all(estimate.above(threshold) for estimate, threshold in tests):
        return CONFIRMED
    return REFUTED if any(estimate.below(threshold) for estimate, threshold in tests) else UNDECIDED


def verdicts(dataset: xr.Dataset) -> list[Verdict]:
    """Return the verdict on every claim the result file has the arms for."""
    present = {name for name in map(str, dataset.policy.values) if results.has(dataset, name)}
    found = []
    if {"drl", "traffic_aware"} <= present:
        found.append(_drl_beats_baseline(dataset))
    if {"drl", "transfer_most"} <= present:
        found += [_transfer_starts_higher(dataset), _headline(dataset)]
    if {"drl", "transfer_most", "transfer_least"} <= present:
        found.append(_similar_helps_more(dataset))
    if {"drl", "oracle", "best"} <= present:
        found.append(_best_closes_half(dataset))
    return found


def _drl_beats_baseline(dataset: xr.Dataset) -> Verdict:
    difference = results.final_reward(dataset, "drl") - results.final_reward(dataset, "traffic_aware")
    estimate = over(dataset, difference)
    return Verdict(
        "(a) Converged DRL beats the traffic-aware baseline.",
        decide((estimate, 0.0)),
        f"difference in mean reward over the evaluation steps {show(estimate, sign=True)}",
    )


def _transfer_starts_higher(dataset: xr.Dataset) -> Verdict:
    early = over(dataset, results.early_reward(dataset, "transfer_most") - results.early_reward(dataset, "drl"))
    final = over(dataset, results.final_reward(dataset, "transfer_most") - results.final_reward(dataset, "drl"))
    steps = results.protocol_of(dataset)["early_steps"]
    return Verdict(
        "(b) Transfer starts far higher than DRL from scratch and ends at least as high.",
        decide((early, 0.0), (final, -EQUAL_REWARD)),
        f"difference in mean reward {show(early, sign=True)} over the first {steps} steps, {show(final, sign=True)} "
        f"over the evaluation steps (at least as high: above -{EQUAL_REWARD})",
    )


def _headline(dataset: xr.Dataset) -> Verdict:
    found = results.scores(dataset, "transfer_most")
    early, final = (over(dataset, found[name]) for name in ("early_gain_percent", "final_gain_percent"))
    steps = results.protocol_of(dataset)["early_steps"]
    return Verdict(
        f"(c) Transfer gains more than {PAPER_GAIN_PERCENT:.0f} % over DRL from scratch.",
        decide((early, PAPER_GAIN_PERCENT)),
        f"gain in mean reward {show(early, 1, ' %', True)} over the first {steps} steps, on which the verdict rests "
        f"(the paper does not say where its own was measured); {show(final, 1, ' %', True)} over the evaluation steps",
    )


def _similar_helps_more(dataset: xr.Dataset) -> Verdict:
    names = ("transfer_most", "transfer_least")
    early = over(dataset, np.subtract(*(results.early_reward(dataset, name) for name in names)))
    final = over(dataset, np.subtract(*(results.final_reward(dataset, name) for name in names)))
    tests = [(early, 0.0)]
    evidence = (
        f"most similar minus least similar source: {show(early, sign=True)} in mean reward over the early steps, "
        f"{show(final, sign=True)} over the evaluation steps"
    )
    correlations = pair_correlations(dataset)
    if correlations is not None:
        within, steps = correlations[1], dataset.gain_step.values
        tests.append((Estimate(-within[0].value, -within[0].high, -within[0].low), 0.0))
        evidence += (
            "; rank correlation of gain and distance among the sources of a target, which similarity should make "
            f"negative: {show(within[0], 2, sign=True)} at step {steps[0]}, "
            f"{show(within[-1], 2, sign=True)} at step {steps[-1]}"
        )
        corrected = pair_correlations(dataset, "distance_corrected")
        if corrected is not None:
            evidence += f"; with the distance less its spread {show(corrected[1][0], 2, sign=True)} at step {steps[0]}"
    return Verdict("(d) A more similar source helps more, most of all early.", decide(*tests), evidence)


def _best_closes_half(dataset: xr.Dataset) -> Verdict:
    drl, best, oracle = (results.final_reward(dataset, name) for name in ("drl", "best", "oracle"))
    beyond = over(dataset, best - 0.5 * (drl + oracle))
    gained, gap = over(dataset, best - drl), over(dataset, oracle - drl)
    return Verdict(
        "(e) Past the paper: the best policy closes at least half of the gap between DRL and the oracle.",
        decide((beyond, 0.0)),
        f"it gains {show(gained, sign=True)} in mean reward over DRL where the oracle gains {show(gap, sign=True)} "
        f"({100 * gained.value / gap.value:.0f} % of the gap); beyond half of the gap {show(beyond, sign=True)}",
    )
