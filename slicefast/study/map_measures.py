"""What a map says: per point how distance orders transfers, what the choice of source is worth, and where it does harm.

K seeds, N cells; pairs are (source, target). The reward of a transfer is the mean over its first 250 steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slicefast.study.claims import within_targets
from slicefast.study.collect import collect
from slicefast.study.comparison import Comparison
from slicefast.study.document import Number, Table, number
from slicefast.study.evidence import FEWEST_SEEDS
from slicefast.study.intervals import SHARE, SIGNED, Estimate, over_seeds
from slicefast.study.map_folder import Map, Point
from slicefast.study.scores import without_diagonal
from slicefast.transfer import configuration_distance
from slicefast.units import Float64

#: What is tried to choose a source by, with the name that tables and figures give it.
CHOICES = {
    "distance": "KL",
    "distance_fast": "fast",
    "distance_corrected": "without spread",
    "configuration": "configuration",
}
SOURCES = ("most", "random", "least")
_BASELINES = {"traffic_aware": "traffic-aware", "max_min_rule": "the rule"}
_SAID = {"most": "most similar", "random": "mean", "least": "least similar"}
_WINDOW = 250


@dataclass(frozen=True)
class Measured:
    """What one point of a map says; every number is per seed, with Student's interval over seeds.

    Attributes
    ----------
    kind, h
        Of the point.
    n_seeds : int
        Seeds that are finished.
    correlation : dict of str to Estimate
        By `CHOICES`: rank correlation of distance and reward among a target's sources, mean over targets.
    chosen : dict of str to Estimate
        By `CHOICES`: reward with the nearest source less the mean over all sources.
    reward : dict of str to Estimate
        Of "most", "random" and "least" similar source by the paper's distance, and of the baselines.
    most_less_least, most_less_random : Estimate
        Differences of those.
    less : dict of (str, str) to Estimate
        Reward of "most", "random" and "least" less that of a baseline.
    """

    kind: str
    h: float
    n_seeds: int
    correlation: dict[str, Estimate]
    chosen: dict[str, Estimate]
    reward: dict[str, Estimate]
    most_less_least: Estimate
    most_less_random: Estimate
    less: dict[tuple[str, str], Estimate]


def measure(found: Map) -> list[Measured]:
    """Return what the finished seeds of every point say; points without one are left out."""
    measured = (measure_point(point) for point in found.points)
    return [item for item in measured if item is not None]


def measure_point(point: Point) -> Measured | None:
    """Return what the finished seeds of a point say, or None without one."""
    comparison = Comparison(collect(point))
    pairs = comparison.pair_rewards_of("ours")
    measured = {name: comparison.distance(name) for name in CHOICES if name != "configuration"}
    distances = {name: values for name, values in measured.items() if values is not None}
    data = comparison.dataset
    if pairs is None or not distances or "early_traffic_aware" not in data:
        return None
    seeds = range(point.protocol.n_seeds)
    configured = np.stack([configuration_distance(point.scenario_of(seed)) for seed in seeds])
    early = {name: data[f"early_{name}"].isel(pair_step=slice(0, _WINDOW)) for name in _BASELINES}
    base = {name: rewards.mean(("pair_step", "cell"), skipna=False).values for name, rewards in early.items()}
    return summarise(point.kind, point.h, pairs[:, 0], {**distances, "configuration": configured}, base)


def summarise(
    kind: str, h: float, reward: Float64, distances: dict[str, Float64], baselines: dict[str, Float64]
) -> Measured | None:
    """Return what rewards of all pairs say.

    Parameters
    ----------
    kind, h
        Of the point.
    reward : ndarray, (K, source, target)
        NaN where both have the same number, and throughout where a seed is not finished.
    distances : dict of ndarray, (K, source, target)
        By `CHOICES`.
    baselines : dict of ndarray, (K,)
        Reward of the baselines over the same steps.

    Returns
    -------
    Measured or None
        None without a finished seed.
    """
    off = ~np.eye(reward.shape[-1], dtype=bool)
    whole = np.isfinite(reward[:, off]).all(axis=1)
    for values in (*(item[:, off].sum(axis=1) for item in distances.values()), *baselines.values()):
        whole &= np.isfinite(values)
    if not whole.any():
        return None
    reward, base = reward[whole], {name: values[whole] for name, values in baselines.items()}
    near = {name: values[whole] for name, values in distances.items()}
    earned = {
        "most": _reward_of(reward, near["distance"]),
        "random": np.nanmean(reward, axis=(1, 2)),
        "least": _reward_of(reward, -near["distance"]),
    }
    return Measured(
        kind,
        h,
        int(whole.sum()),
        {
            name: over_seeds(within_targets(without_diagonal(values), reward)).within(SIGNED)
            for name, values in near.items()
        },
        {
            name: over_seeds(_reward_of(reward, values) - earned["random"]).within(SIGNED)
            for name, values in near.items()
        },
        {name: over_seeds(values).within(SHARE) for name, values in {**earned, **base}.items()},
        over_seeds(earned["most"] - earned["least"]).within(SIGNED),
        over_seeds(earned["most"] - earned["random"]).within(SIGNED),
        {(name, low): over_seeds(earned[name] - base[low]).within(SIGNED) for name in SOURCES for low in base},
    )


def _reward_of(reward: Float64, distance: Float64) -> Float64:
    """Return the reward with each target's nearest other source, mean over targets, (K,)."""
    nearest = without_diagonal(distance, np.inf).argmin(axis=1)
    taken: Float64 = np.take_along_axis(reward, nearest[:, None], axis=1)[:, 0].mean(axis=-1)
    return taken


def tables(points: list[Measured]) -> list[Table]:
    """Return how distances order transfers, and what transfers earn beside the baselines."""
    ordered = Table(
        ("cells differ in, h", *(f"by {name}" for name in CHOICES.values()), "most less least", "most less random"),
        tuple(
            (
                label(item),
                *(number(item.correlation[name], 2, sign=True) for name in CHOICES),
                number(item.most_less_least, sign=True),
                number(item.most_less_random, sign=True),
            )
            for item in points
        ),
        "Rank correlation of distance and reward within targets, and what the choice by KL is worth",
    )
    return [ordered, _against(points)]


def _against(points: list[Measured]) -> Table:
    columns = [(source, base) for base in _BASELINES for source in SOURCES]
    rows: list[tuple[str | Number, ...]] = []
    for item in points:
        rows.append((label(item), *(number(item.less[column], sign=True) for column in columns)))
    headings = ("cells differ in, h", *(f"{source} less {_BASELINES[base]}" for source, base in columns))
    return Table(headings, tuple(rows), "Transfer less each baseline, by the source's similarity")


def label(item: Measured) -> str:
    """Return what a table calls a point."""
    return f"{item.kind} {item.h:g}" if item.h else "nothing 0"


def five_lines(points: list[Measured]) -> list[str]:
    """Return what the map says in five sentences, each with its numbers."""
    kinds = list(dict.fromkeys(item.kind for item in points if item.h))
    return [
        _say_order(points, kinds),
        _say_worth(points, kinds),
        _say_harm(points, kinds),
        _say_choices(points),
        _say_rule(points),
    ]


def _strongest(points: list[Measured], kind: str) -> Measured:
    return max((item for item in points if item.kind == kind), key=lambda item: item.h)


def _say_order(points: list[Measured], kinds: list[str]) -> str:
    alike = [item for item in points if not item.h]
    start = f" from {_show(alike[0].correlation['distance'], 2)} where cells are alike" if alike else ""
    ends = "; ".join(
        f"{_show(_strongest(points, kind).correlation['distance'], 2)} ({kind}, h = {_strongest(points, kind).h:g})"
        for kind in kinds
    )
    return f"The rank correlation of distance and reward among a target's sources goes{start} to {ends}."


def _say_worth(points: list[Measured], kinds: list[str]) -> str:
    first = []
    for kind in kinds:
        clear = [item.h for item in points if item.kind == kind and item.h and _clear(item.most_less_least, 1)]
        first.append(f"{kind}: {f'from h = {min(clear):g}' if clear else 'nowhere'}")
    return f"The most similar source earns more than the least similar one, its whole interval, in {', '.join(first)}."


def _say_harm(points: list[Measured], kinds: list[str]) -> str:
    said = []
    for kind in kinds:
        for source in ("least", "random", "most"):
            below = [
                item.h
                for item in points
                if item.kind == kind and item.h and _clear(item.less[source, "traffic_aware"], -1)
            ]
            if below:
                said.append(f"{kind} from h = {min(below):g} with the {_SAID[source]} source")
    where = "; ".join(said) or "nowhere"
    return f"Transfer turns negative, below the traffic-aware baseline with its whole interval: {where}."


def _say_choices(points: list[Measured]) -> str:
    strongest = max(points, key=lambda item: (np.nan_to_num(-item.correlation["distance"].value), item.h))
    worth = ", ".join(f"{_show(strongest.chosen[name])} by {said}" for name, said in CHOICES.items())
    return (
        f"Where similarity orders most ({label(strongest)}), the nearest source earns more than the mean one: {worth}."
    )


def _say_rule(points: list[Measured]) -> str:
    ahead = [item for item in points if _clear(item.less["most", "max_min_rule"], 1)]
    worst, best = (pick(points, key=lambda item: item.less["most", "max_min_rule"].value) for pick in (min, max))
    where = ", ".join(label(item) for item in ahead) or "no point of the map"
    return (
        f"The most similar source beats the max-min rule, which needs none, in {where}: its lead is from "
        f"{_show(worst.less['most', 'max_min_rule'])} ({label(worst)}) to {_show(best.less['most', 'max_min_rule'])} "
        f"({label(best)})."
    )


def _clear(estimate: Estimate, sign: int) -> bool:
    return estimate.above(0.0) if sign > 0 else estimate.below(0.0)


def _show(estimate: Estimate, digits: int = 3) -> str:
    return str(number(estimate, digits, sign=True))


def few(points: list[Measured]) -> str:
    """Return a warning that some point has too few seeds to say anything, or nothing."""
    fewest = min((item.n_seeds for item in points), default=0)
    if fewest >= FEWEST_SEEDS:
        return ""
    return f"The point with the fewest seeds has {fewest}: its intervals say nothing yet."
