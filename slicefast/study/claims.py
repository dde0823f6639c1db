"""The claims a study confirms, refutes or leaves undecided, each with its number and interval.

A claim is confirmed when the whole 95 % interval lies on its side, refuted when the whole interval lies on the other,
and undecided otherwise; one seed decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from slicefast.policies.informed import NETWORKS
from slicefast.study import dataset as results
from slicefast.study.ordering import pair_correlations
from slicefast.study.scores import (
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


def over(dataset: xr.Dataset, values: Floats, jointly: bool = False) -> Estimate:
    """Return the estimate of scores (K, N): requirement groups as strata, seeds resampled in each or `jointly`."""
    return stratified(group_scores(values, dataset.requirement_group.values), jointly=jointly)


def whole_seeds(dataset: xr.Dataset, values: Floats, threshold: float = 0.0) -> str:
    """Return, as text, the interval of scores (K, N) when whole seeds are resampled, whose groups share a network.

    Where it would decide otherwise than the stratified one the text says so.
    """
    estimate = over(dataset, values, jointly=True)
    if not estimate.known:
        return ""
    told = decide((estimate, threshold))
    differs = f", by which it is {told}" if told != decide((over(dataset, values), threshold)) else ""
    return f" (whole seeds resampled: {estimate.low:+.3f} to {estimate.high:+.3f}{differs})"


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
        found += [_transfer_starts_higher(dataset), _headline_early(dataset), _headline_at_end(dataset)]
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
        f"difference in mean reward over the evaluation steps {show(estimate, sign=True)}"
        f"{whole_seeds(dataset, difference)}",
    )


def _transfer_starts_higher(dataset: xr.Dataset) -> Verdict:
    started, ended = (
        measure(dataset, "transfer_most") - measure(dataset, "drl")
        for measure in (results.early_reward, results.final_reward)
    )
    early, final = over(dataset, started), over(dataset, ended)
    steps = results.protocol_of(dataset)["early_steps"]
    beside = ""
    if results.has(dataset, "traffic_aware"):
        lead = results.early_reward(dataset, "transfer_most") - results.early_reward(dataset, "traffic_aware")
        beside = f"; transfer less the traffic-aware baseline over the first {steps} steps "
        beside += show(over(dataset, lead), sign=True)
    return Verdict(
        "(b) Transfer starts far higher than DRL from scratch and ends at least as high.",
        decide((early, 0.0), (final, -EQUAL_REWARD)),
        f"difference in mean reward {show(early, sign=True)}{whole_seeds(dataset, started)} over the first {steps} "
        f"steps (“far” names no threshold: above 0 counts), {show(final, sign=True)}"
        f"{whole_seeds(dataset, ended, -EQUAL_REWARD)} over the evaluation steps (at least as high: above "
        f"-{EQUAL_REWARD}){beside}",
    )


def _headline_early(dataset: xr.Dataset) -> Verdict:
    protocol = results.protocol_of(dataset)
    steps = protocol["early_steps"]
    early = _gain(dataset, "transfer_most", results.early_reward)
    evidence = f"gain in mean reward {show(early, 1, ' %', True)} over the first {steps} steps"
    random_steps = min(steps, protocol.get("exploration_steps", 0))
    if random_steps:
        evidence += f", in {random_steps} of which DRL still plays random partitions"
    if results.has(dataset, "equal_split"):
        alone = _gain(dataset, "equal_split", results.early_reward)
        evidence += f"; equal split, which learns nothing, gains {show(alone, 1, ' %', True)} by the same measure"
    return Verdict(
        f"(c) Transfer gains more than {PAPER_GAIN_PERCENT:.0f} % over DRL from scratch early (the paper does not say "
        "where it measured its gain).",
        decide((early, PAPER_GAIN_PERCENT)),
        evidence,
    )


def _headline_at_end(dataset: xr.Dataset) -> Verdict:
    final = _gain(dataset, "transfer_most", results.final_reward)
    return Verdict(
        f"(c) Transfer gains more than {PAPER_GAIN_PERCENT:.0f} % over DRL from scratch at the end.",
        decide((final, PAPER_GAIN_PERCENT)),
        f"gain in mean reward {show(final, 1, ' %', True)} over the evaluation steps",
    )


def _gain(dataset: xr.Dataset, name: str, measure: Callable[[xr.Dataset, str], Floats]) -> Estimate:
    return over(dataset, results.relative_gain_percent(measure(dataset, name), measure(dataset, "drl")))


def _similar_helps_more(dataset: xr.Dataset) -> Verdict:
    names = ("transfer_most", "transfer_least")
    started = np.subtract(*(results.early_reward(dataset, name) for name in names))
    ended = np.subtract(*(results.final_reward(dataset, name) for name in names))
    early, final, fading = (over(dataset, values) for values in (started, ended, started - ended))
    tests = [(early, 0.0), (fading, 0.0)]
    evidence = (
        f"most similar minus least similar source: {show(early, sign=True)} in mean reward over the early steps, "
        f"{show(final, sign=True)} over the evaluation steps, {show(fading, sign=True)} more early than late"
    )
    correlations = pair_correlations(dataset)
    if correlations is not None:
        (every, within), steps = correlations, dataset.gain_step.values
        tests.append((Estimate(-within[0].value, -within[0].high, -within[0].low), 0.0))
        evidence += (
            "; rank correlation of gain and distance among the sources of a target, which similarity should make "
            f"negative: {show(within[0], 2, sign=True)} at step {steps[0]}, "
            f"{show(within[-1], 2, sign=True)} at step {steps[-1]}; over all pairs, where targets that gain more or "
            f"less are mixed, {show(every[0], 2, sign=True)} and {show(every[-1], 2, sign=True)}"
        )
        corrected = pair_correlations(dataset, "distance_corrected")
        if corrected is not None:
            evidence += (
                "; among a target's sources with the distance less its spread "
                f"{show(corrected[1][0], 2, sign=True)} at step {steps[0]}"
            )
    return Verdict("(d) A more similar source helps more, most of all early.", decide(*tests), evidence)


def _best_closes_half(dataset: xr.Dataset) -> Verdict:
    drl, best, oracle = (results.final_reward(dataset, name) for name in ("drl", "best", "oracle"))
    beyond = over(dataset, best - 0.5 * (drl + oracle))
    gained, gap = over(dataset, best - drl), over(dataset, oracle - drl)
    return Verdict(
        "(e) Past the paper: the best policy closes at least half of the gap between DRL and the oracle.",
        decide((beyond, 0.0)),
        f"it gains {show(gained, sign=True)} in mean reward over DRL where the oracle gains {show(gap, sign=True)} "
        f"({100 * gained.value / gap.value:.0f} % of the gap); beyond half of the gap {show(beyond, sign=True)}"
        f"{whole_seeds(dataset, best - 0.5 * (drl + oracle))}. It is trained centrally, on what the simulator says "
        f"every share would have brought on {NETWORKS} training networks, none of which is evaluated on, and does not "
        "learn on the target, where it decides by the cell's own measurements and its neighbours' loads",
    )
