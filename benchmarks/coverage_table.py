"""How often 95 % intervals hold the truth: those of a study's tables, and those of `sf.compare`.

A study's are of made-up normal scores of two requirement groups, which go together over seeds more or less, as groups
of one network do. Those of `sf.compare` are of real scores: seeds are drawn, again and again, from a pool of seeds that
were played, whose mean is the truth; where all that are drawn are alike there is no interval, and nothing is counted.

    python benchmarks/coverage_table.py --into benchmarks/README.md
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tables
import xarray as xr

import slicefast as sf
from slicefast.pairing import Paired
from slicefast.study import intervals

MARK = "coverage"
SEEDS = (2, 3, 5, 10, 20)
#: Correlation of both groups' scores over seeds.
TOGETHER = (0.0, 0.5, 0.9)
STUDIES, DRAWS, POOL, STEPS = 500, 20_000, 200, 50
POLICIES = ("equal_split", "traffic_aware", "max_min_rule")
LESS = ", less equal_split's"


def main() -> None:
    """Print both tables."""
    parser = tables.parser(__doc__)
    options = parser.parse_args()
    told = (
        f"Shares of {STUDIES} made-up studies, and of {DRAWS:,} draws from {POOL} seeds of three cells, {STEPS} steps "
        "each, whose 95 % interval holds the truth."
    )
    tables.put(table(), MARK, options.into, told)


def table() -> Iterator[str]:
    """Return the lines of both tables."""
    heads = " | ".join(f"{seeds} seeds" for seeds in SEEDS)
    rule = "---:|" * len(SEEDS)
    yield f"| a study's interval | {heads} |"
    yield f"|---|{rule}"
    for together in TOGETHER:
        found = [of_studies(together, seeds) for seeds in SEEDS]
        for name in found[0]:
            yield f"| {name}, groups correlated by {together:g} | {_row([item[name] for item in found])} |"
    yield ""
    yield f"| `sf.compare`'s interval | {heads} |"
    yield f"|---|{rule}"
    for name, shares in of_comparisons(pool()).items():
        yield f"| {name} | {_row(shares)} |"


def _row(shares: list[float]) -> str:
    return " | ".join(f"{share:.2f}" for share in shares)


def of_studies(together: float, seeds: int) -> dict[str, float]:
    """Return how often intervals hold the mean of normal scores of two groups: within groups, and over whole seeds."""
    generator = np.random.default_rng(seeds)
    shared = generator.standard_normal((STUDIES, seeds, 1))
    own = generator.standard_normal((STUDIES, seeds, 2))
    studies = np.sqrt(together) * shared + np.sqrt(1.0 - together) * own
    found = {
        "bootstrap within groups": [intervals.stratified(scores) for scores in studies],
        "Student's over whole seeds": [intervals.over_seeds(scores.mean(axis=1)) for scores in studies],
    }
    return {name: float(np.mean([item.low <= 0.0 <= item.high for item in items])) for name, items in found.items()}


def pool() -> Paired:
    """Return the scores of every policy on all seeds of the pool."""
    scenario = sf.Scenario.hexagonal(n_sites=1)
    return sf.compare({name: (scenario, name) for name in POLICIES}, seeds=POOL, steps=STEPS)


def of_comparisons(played: Paired, seeds: tuple[int, ...] = SEEDS) -> dict[str, list[float]]:
    """Return how often intervals hold the mean of the pool, for each number of seeds, by what they are of."""
    found: dict[str, list[float]] = {}
    free = Paired(played.scores[["reward"]].drop_attrs(), played.confidence)
    for count in seeds:
        drawn = xr.DataArray(np.random.default_rng(count).integers(POOL, size=(DRAWS, count)), dims=("study", "seed"))
        draws, unbound = (Paired(item.scores.isel(seed=drawn), item.confidence) for item in (played, free))
        means = played.scores.mean("seed")
        apart = means - means.sel(case=POLICIES[0], drop=True)
        for what, bounds, truth in (
            ("", draws.means(), means),
            (" as if it had no limit", unbound.means(), means),
            (LESS, draws.differences(), apart),
        ):
            for score, ends in bounds.items():
                for case in ends.case.values:
                    _, low, high = ends.sel(case=case).transpose("bound", "study").values
                    there, true = np.isfinite(low), float(truth[score].sel(case=case))
                    held = (low[there] <= true) & (true <= high[there])
                    found.setdefault(f"{score} of {case}{what}", []).append(float(held.mean()))
    return found


def reached(played: Paired) -> dict[str, tuple[float, float]]:
    """Return the least and the most often that intervals of 2 to 10 seeds hold the truth, `pairing.REACHED`."""
    found = of_comparisons(played, tuple(seeds for seeds in SEEDS if seeds <= 10))
    of = {
        "means": [shares for name, shares in found.items() if LESS not in name and "no limit" not in name],
        "differences": [shares for name, shares in found.items() if LESS in name],
    }
    return {name: (float(np.min(shares)), float(np.max(shares))) for name, shares in of.items()}


if __name__ == "__main__":
    main()
