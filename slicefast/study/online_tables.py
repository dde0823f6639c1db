"""Tables of what an operator pays while agents learn: regrets, rewards online, busy hours, negative transfer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from slicefast.study.comparison import Comparison
from slicefast.study.document import Number, Table, number
from slicefast.study.evidence import BASELINES
from slicefast.study.intervals import PERCENT, SHARE, SIGNED, Limits
from slicefast.units import Float64

REGRET_NOTE = """Regret to a step: the reward that all steps so far lack to what the clairvoyant oracle earns on the
same network at that phase of the traffic's cycle, exploration and learning included, mean over the cells; 100 is a
hundred steps without any reward. Busy are cell-steps whose own and whose neighbours' offered traffic are both in their
top quarters, over steps {start} to {stop}, as is the worst tenth. Below a baseline, which is negative transfer: the
share of cells and seeds that earn less than it over the first {early} steps."""
_TRANSFERS = ("transfer", "specialists", "generalist")
#: Heading, digits, whether signed, where the number can lie, and how it follows from a comparison and a policy.
Column = tuple[str, int, bool, Limits, Callable[[Comparison, str], Float64 | None]]


#: From whom the least is expected online to whom the most: what `order` asks of the numbers.
EXPECTED = ("equal_split", "traffic_aware", "transfer_most_ours", "max_min_rule", "hindsight_on_rule", "oracle")


def order(comparison: Comparison) -> str:
    """Return in one sentence what the policies of `EXPECTED` earn over the early steps, and where their order fails.

    Empty where fewer than two of them were played from the first step on.
    """
    early = int(comparison.protocol["early_steps"])
    found = {name: comparison.per_seed(comparison.online(name, 0, early)) for name in EXPECTED if comparison.has(name)}
    means = {name: float(np.nanmean(values)) for name, values in found.items() if np.isfinite(values).any()}
    if len(means) < 2:
        return ""
    said = ", ".join(f"{comparison.label(name)} {value:.4f}" for name, value in means.items())
    wrong = [
        f"{comparison.label(high)} is not above {comparison.label(low)}"
        for low, high in pairwise(means)
        if not means[high] > means[low]
    ]
    verdict = f"the order that one expects does not hold: {'; '.join(wrong)}" if wrong else "in the order one expects"
    return f"Online over the first {early} steps, from whom one expects least: {said}; {verdict}."


def tables(comparison: Comparison) -> list[Table]:
    """Return regrets, rewards over windows, and busy hours with negative transfer; ablations are left out."""
    policies = [name for name in comparison.policies if comparison.family(name) != "ablation"]
    played = [name for name in policies if np.isfinite(comparison.rewards(name)).all(axis=(1, 2)).any()]
    if not played:
        return []
    found = [
        _table(comparison, played, _windows(comparison), "Mean reward while agents learn, by steps"),
        _table(comparison, played, _busy(comparison), "Busy hours, and where a transfer does harm"),
    ]
    if comparison.has("oracle") and np.isfinite(comparison.regret(played[0], comparison.learning_steps)).any():
        regrets = _table(comparison, played, _regrets(comparison), "Regret: what it costs until a step, in steps")
        found.insert(0, regrets)
    return found


def note(comparison: Comparison) -> str:
    """Return what the tables' words mean."""
    start, stop = comparison.learned
    return REGRET_NOTE.format(start=start, stop=stop, early=comparison.protocol["early_steps"])


def _table(comparison: Comparison, policies: list[str], columns: list[Column], title: str) -> Table:
    rows: list[tuple[str | Number, ...]] = []
    for policy in policies:
        cells: list[Number] = []
        for _, digits, sign, limits, column in columns:
            values = column(comparison, policy)
            if values is None:
                cells.append(Number("-"))
            else:
                cells.append(number(comparison.estimate(values, limits), digits, sign=sign))
        rows.append((comparison.label(policy), *cells))
    return Table(("policy", *(heading for heading, *_ in columns)), tuple(rows), title)


def _regrets(comparison: Comparison) -> list[Column]:
    def to(until: int) -> Column:
        return (f"to {until}", 0, False, (-until, until), lambda comparison, policy: comparison.regret(policy, until))

    return [to(until) for until in comparison.regret_steps]


def _windows(comparison: Comparison) -> list[Column]:
    stop = comparison.learned[1]

    def within(window: tuple[int, int]) -> Column:
        name = f"{window[0]} to {window[1]}"
        return (name, 3, False, SHARE, lambda comparison, policy: comparison.online(policy, *window))

    def less(baseline: str) -> Column:
        def difference(comparison: Comparison, policy: str) -> Float64:
            return comparison.online(policy, 0, stop) - comparison.online(baseline, 0, stop)

        return (f"less {comparison.label(baseline)}, 0 to {stop}", 3, True, SIGNED, difference)

    return [*map(within, comparison.windows), *(less(name) for name in BASELINES if comparison.has(name))]


def _busy(comparison: Comparison) -> list[Column]:
    early = int(comparison.protocol["early_steps"])

    def below(baseline: str) -> Column:
        def harmed(comparison: Comparison, policy: str) -> Float64 | None:
            if comparison.family(policy) not in _TRANSFERS:
                return None
            difference = comparison.online(policy, 0, early) - comparison.online(baseline, 0, early)
            return np.where(np.isnan(difference), np.nan, 100.0 * (difference < 0.0))

        return (f"below {comparison.label(baseline)} [%]", 0, False, PERCENT, harmed)

    return [
        ("busy", 3, False, SHARE, Comparison.busy_reward),
        ("not busy", 3, False, SHARE, lambda comparison, policy: comparison.busy_reward(policy, busy=False)),
        ("worst tenth", 3, False, SHARE, Comparison.worst_tenth),
        *(below(name) for name in BASELINES if comparison.has(name)),
    ]
