"""Why distances order gains as they do: numbers of the result file and, apart from them, their words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slicefast.study import ordering
from slicefast.study.comparison import DISTANCES, Comparison
from slicefast.study.intervals import Estimate
from slicefast.study.ordering import Decomposition


@dataclass(frozen=True)
class Spread:
    """How far numbers that ought to be alike lie apart.

    Attributes
    ----------
    smallest_variance, median_variance : float
        Of the latent variances.
    largest_divergence, median_divergence : float
        Of the mean KL divergences [nat].
    """

    smallest_variance: float
    median_variance: float
    largest_divergence: float
    median_divergence: float


@dataclass(frozen=True)
class Explanation:
    """What stands behind the orderings of a result file.

    Attributes
    ----------
    gain_steps : list of int
        The steps that the estimates belong to.
    parts : Decomposition
        What the pairs' rewards depend on.
    same_group : Estimate or None
        How much more sources of the target's own requirement group earn at the first gain step; None where all pairs
        are of one group, or none is.
    n_cells : int
        Targets per network.
    targets_of_one_source : dict of str to float
        By distance: for how many targets one and the same source is the nearest, mean over seeds.
    spread : Spread or None
        None where the file has no latent variances.
    """

    gain_steps: list[int]
    parts: Decomposition
    same_group: Estimate | None
    n_cells: int
    targets_of_one_source: dict[str, float]
    spread: Spread | None


def explain(comparison: Comparison) -> Explanation | None:
    """Return the numbers; None without a seed whose pairs are finished."""
    parts, rewards = comparison.decomposition, comparison.finished_pair_rewards
    if parts is None or rewards is None:
        return None
    groups = comparison.groups
    alike = groups[:, None] == groups[None]
    same_group = None
    if not alike.all() and alike.sum() > groups.size:  # pairs of either kind, a cell with itself aside
        same_group = ordering.same_group_advantage(rewards[:, 0], alike)
    measured = {name: comparison.distance(name) for name in ("distance", "distance_relative")}
    common = {name: ordering.targets_of_one_source(item) for name, item in measured.items() if item is not None}
    return Explanation(comparison.gain_steps, parts, same_group, groups.size, common, _spread(comparison))


def _spread(comparison: Comparison) -> Spread | None:
    data = comparison.dataset
    if not {"latent_variance", "distance"} <= set(data):
        return None
    variance, distance = data.latent_variance.values.astype(np.float64), data.distance.values
    return Spread(
        float(np.nanmin(variance)),
        float(np.nanmedian(variance)),
        float(np.nanmax(distance)),
        float(np.nanmedian(distance)),
    )


def say(explanation: Explanation) -> list[str]:
    """Return the numbers as sentences."""
    return [
        *_say_parts(explanation),
        *([_say_same_group(explanation)] if explanation.same_group is not None else []),
        *(
            f"Ordered by “{DISTANCES[name][1]}”, one and the same source is the nearest for {count:.1f} of the "
            f"{explanation.n_cells} targets of a network, mean over seeds."
            for name, count in explanation.targets_of_one_source.items()
        ),
        *([_say_spread(explanation.spread)] if explanation.spread is not None else []),
    ]


def _say_parts(explanation: Explanation) -> list[str]:
    parts, steps = explanation.parts, explanation.gain_steps
    if not all(np.isfinite(estimate.value) for estimate in (*parts.target, *parts.repeated)):
        return ["At some gain step all pairs earn the same: there is nothing that source or target could explain."]
    sentences = [
        f"What a transfer earns depends on the target for {parts.target[0].value:.0f} % of the variance over the pairs "
        f"at step {steps[0]} and {parts.target[-1].value:.0f} % at step {steps[-1]}, on which source it took, whatever "
        f"the target, for {parts.source[0].value:.0f} % and {parts.source[-1].value:.0f} %, and on how source and "
        f"target go together, chance included, for {parts.pair[0].value:.0f} % and {parts.pair[-1].value:.0f} %: that "
        "last part is all that similarity could explain besides the sources' own quality."
    ]
    if parts.repeated:
        first, last = parts.repeated[0], parts.repeated[-1]
        sentences.append(
            "The order of a target's sources lasts from one gain step to the next with a rank correlation of "
            f"{first.value:+.2f} at first and {last.value:+.2f} at the end."
        )
    return sentences


def _say_same_group(explanation: Explanation) -> str:
    estimate = explanation.same_group
    assert estimate is not None
    interval = ""
    if estimate.known:
        holds = "holds" if estimate.low <= 0.0 <= estimate.high else "is clear of"
        interval = f" (an interval that {holds} zero: {estimate.low:+.3f} to {estimate.high:+.3f})"
    return (
        f"Sources of the target's own requirement group earn {estimate.value:+.3f} more at step "
        f"{explanation.gain_steps[0]} than those of another group{interval}, the difference between cells that their "
        "agents were trained for."
    )


def _say_spread(spread: Spread) -> str:
    return (
        f"The smallest latent variance is {spread.smallest_variance:.1e} where the median is "
        f"{spread.median_variance:.1e}, and the largest mean divergence {spread.largest_divergence:.3g} nat where the "
        f"median is {spread.median_divergence:.3g}: the mean KL divergence divides by the target's variances."
    )
