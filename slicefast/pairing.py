"""Policies and scenarios held against each other over the same seeds, with intervals.

Dimensions: C cases, K seeds.

========  ===============  ===================================================================
symbol    name             meaning
========  ===============  ===================================================================
x_ck      ``scores``       score of case c on seed k
K         ``seed``         seeds, each one network: common random numbers for all cases
t         ``half_width``   Student's t at K - 1 degrees of freedom
========  ===============  ===================================================================

An interval is m -+ t s / sqrt(K) about the mean m of K scores, s their standard deviation, on a scale that has no end:
the logit of a score between two limits, the logarithm of one above a limit (`slicefast.student.around`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from slicefast import policies
from slicefast.arguments import checked
from slicefast.callbacks.recorders import KpiRecorder
from slicefast.errors import GivenBy, refuse
from slicefast.rewards import BOUNDED, MET
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.student import around, half_width
from slicefast.task import Task
from slicefast.training import play

if TYPE_CHECKING:
    import pandas as pd

    from slicefast.policies import Policy

#: The least and the most often that 95 % intervals of 2 to 10 seeds held the truth on real scores, as
#: benchmarks/coverage_table.py prints; differences least where most seeds have next to none, such as loads.
REACHED = {"means": (0.84, 0.98), "differences": (0.63, 0.96)}
#: Options of `Task` that a comparison takes.
TASK_OPTIONS = ("features", "reward", "coordination")
#: What is scored: unit, long name and where it can lie, each a mean over the cells that count and the steps. A reward
#: of a user's own may lie anywhere.
SCORES = {
    "reward": ("1", "reward of the task", (0.0, 1.0)),
    "satisfaction": ("1", "smallest throughput over requirement among a cell's slices, at most 1", (0.0, 1.0)),
    "failing_share": ("1", f"share of cell-steps with a satisfaction below {MET}", (0.0, 1.0)),
    "largest_delay_ms": ("ms", "largest mean packet delay among a cell's slices", (0.0, np.inf)),
    "load": ("1", "share of the cell's PRBs used", (0.0, 1.0)),
}


@dataclass(frozen=True, eq=False, repr=False)
class Paired:
    """Scores of cases on the same seeds.

    Attributes
    ----------
    scores : xarray.Dataset
        One variable per name of `SCORES`, dimensions (case, seed); attributes ``valid_min`` and ``valid_max``, where a
        score has them, are where its mean can lie.
    confidence : float
        Of the intervals.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> found = sf.compare({name: (scenario, name) for name in ("equal_split", "max_min_rule")}, seeds=2, steps=2)
    >>> found.scores.reward.dims, found.means().reward.dims
    (('case', 'seed'), ('case', 'bound'))
    >>> found.to_frame().shape[0]  # cases x seeds
    4
    """

    scores: xr.Dataset
    confidence: float = 0.95

    def means(self) -> xr.Dataset:
        """Return mean, low and high of each score per case: the mean over seeds and Student's interval.

        An interval stays where the score does. NaN where there is one seed, or where all seeds are alike: of those no
        interval can be had.
        """
        return _interval(self.scores, self.confidence)

    def differences(self, reference: str | None = None) -> xr.Dataset:
        """Return mean, low and high of each case's score minus the reference's on the same seed, as of `means`.

        Parameters
        ----------
        reference : str, optional
            A case; the first unless given.

        Raises
        ------
        SlicefastError
            There is no such case.
        """
        cases = [str(name) for name in self.scores.case.values]
        reference = cases[0] if reference is None else reference
        if reference not in cases:
            refuse("reference", reference, ", ".join(cases))
        others = [name for name in cases if name != reference]
        apart = self.scores.sel(case=others) - self.scores.sel(case=reference, drop=True)
        for name, score in self.scores.items():
            if {"valid_min", "valid_max"} <= score.attrs.keys():
                most = score.attrs["valid_max"] - score.attrs["valid_min"]
                apart[name].attrs = {**score.attrs, "valid_min": -most, "valid_max": most}
        return _interval(apart, self.confidence)

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as a table, a row per case and seed; it writes CSV, and Parquet where pyarrow is there."""
        return self.scores.to_dataframe()

    def __repr__(self) -> str:
        return "\n".join([*(" | ".join(row).rstrip() for row in self._rows()), self._note()])

    def _repr_html_(self) -> str:
        from html import escape

        rows = ("".join(f"<td>{escape(text.strip())}</td>" for text in row) for row in self._rows())
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table><p>{escape(self._note())}</p>"

    def _rows(self) -> list[list[str]]:
        means = self.means()
        count = self.scores.sizes["seed"]
        rows = [[f"{count} seed{'' if count == 1 else 's'}", *SCORES]]
        for name in means.case.values:
            cells = (means[score].sel(case=name).values for score in SCORES)
            rows.append([str(name), *(_words(mean, low, high, count) for mean, low, high in cells)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [[text.ljust(width) for text, width in zip(row, widths, strict=True)] for row in rows]

    def _note(self) -> str:
        if self.scores.sizes["seed"] == 1:
            return "Means over the steps; one seed has no interval."
        least, most = (round(100 * share) for share in REACHED["means"])
        return (
            f"Means, in brackets Student's {100 * self.confidence:g} % intervals over seeds. Tried on real scores, "
            f"those of 95 % and 2 to 10 seeds held the truth {least} to {most} times in 100, least often where scores "
            "crowd at their limit."
        )


def _words(mean: float, low: float, high: float, seeds: int) -> str:
    if np.isfinite([low, high]).all():
        return f"{mean:.3f} [{low:.3f}, {high:.3f}]"
    return f"{mean:.3f}" if seeds == 1 else f"{mean:.3f}, all seeds alike"


@checked
def compare(
    cases: Mapping[str, tuple[Scenario, Policy | type[Policy] | str]],
    seeds: int | Sequence[int] = 10,
    steps: int = 200,
    task: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
) -> Paired:
    """Play cases on the same networks and hold their scores against each other.

    Every case plays seed k as ``Simulator(scenario, seed=k)``: users, traffic and fields are the same for all cases of
    one scenario, so differences are paired. Intervals are Student's over the seeds' scores, mean +- t_{K-1} s /
    sqrt(K), on the scale of the logit or logarithm where a score has a limit. They hold the truth as often as promised
    where scores are normal and have none, from 2 seeds on; of real scores less often (`slicefast.pairing.REACHED`).

    Parameters
    ----------
    cases : mapping of str to (Scenario, policy)
        By name; a policy is a function (simulator, observation) -> shares, a class of which each seed gets a new
        object, or a name of `slicefast.policies`.
    seeds : int or sequence of int
        How many, from 0 on, or which.
    steps : int
        T, after a first one under the equal split.
    task : mapping, optional
        Options of `Task`: features, reward, coordination.
    confidence : float
        Of the intervals.

    Returns
    -------
    Paired
        Scores, means and differences with their intervals.

    Raises
    ------
    SlicefastError
        There is no case, seed or step, a policy's name is unknown, or its shares are no partition.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> found = sf.compare({name: (scenario, name) for name in ("equal_split", "max_min_rule")}, seeds=3, steps=5)
    >>> found.differences("equal_split").reward.sizes["bound"]  # mean, lower and upper end
    3
    """
    numbers = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not cases:
        refuse("cases", dict(cases), "at least one (scenario, policy) by name")
    for name, case in cases.items():
        if not (isinstance(case, tuple | list) and len(case) == 2 and isinstance(case[0], Scenario)):
            refuse("cases", {name: case}, "a Scenario and a policy by name")
        if not (isinstance(case[1], str) or callable(case[1])):
            refuse("cases", {name: case[1]}, "a policy, or the name of one")
    if not numbers or len(set(numbers)) < len(numbers) or min(numbers) < 0:
        refuse("seeds", seeds, "at least 1, or different integers of at least 0")
    if steps < 1:
        refuse("steps", steps, "at least 1")
    if not 0.0 < confidence < 1.0:
        refuse("confidence", confidence, "a number between 0 and 1")
    scores = {name: np.empty((len(cases), len(numbers))) for name in SCORES}
    for c, (scenario, policy) in enumerate(cases.values()):
        played = _task_of(scenario, task or {})
        for k, seed in enumerate(numbers):
            entry = policies.get(policy) if isinstance(policy, str) else policies.ready(policy)
            for name, value in _score(played, entry, seed, steps).items():
                scores[name][c, k] = value
    variables = {name: (("case", "seed"), values, _attributes(name, task or {})) for name, values in scores.items()}
    dataset = xr.Dataset(variables, coords={"case": list(cases), "seed": numbers}, attrs={"steps": steps})
    return Paired(dataset, confidence)


def _task_of(scenario: Scenario, options: Mapping[str, Any]) -> Task:
    if unknown := options.keys() - set(TASK_OPTIONS):
        refuse("task", sorted(map(str, unknown)), f"{', '.join(TASK_OPTIONS)} by name")
    with GivenBy("task"):
        return Task(scenario, **options)


def _attributes(name: str, task: Mapping[str, Any]) -> dict[str, object]:
    units, long_name, (least, most) = SCORES[name]
    attributes: dict[str, object] = {"units": units, "long_name": long_name}
    if name != "reward" or task.get("reward", "max_min") in BOUNDED:
        attributes |= {"valid_min": least, "valid_max": most}
    return attributes


def _score(task: Task, policy: Policy, seed: int, steps: int) -> dict[str, float]:
    simulator = Simulator(task.scenario, seed=seed)
    simulator.reset()
    recorder = KpiRecorder(task, steps, steps)
    reward = play(simulator, policy, task, steps, callbacks=(recorder,)).reward
    counted = task.scenario.counted
    satisfied = recorder.arrays["throughput_satisfaction"].min(axis=-1)[..., counted]
    values = (
        reward[..., counted],
        satisfied,
        satisfied < MET,
        recorder.arrays["delay_ms"].max(axis=-1)[..., counted],
        recorder.arrays["load"].sum(axis=-1)[..., counted],
    )
    return {name: float(np.mean(value, dtype=np.float64)) for name, value in zip(SCORES, values, strict=True)}


def _interval(scores: xr.Dataset, confidence: float) -> xr.Dataset:
    """Return mean, low and high along a new dimension ``bound`` in place of the seeds."""
    count = scores.sizes["seed"]
    mean = scores.mean("seed", keep_attrs=True)
    half = scores.std("seed", ddof=1) * half_width(count, confidence) if count > 1 else mean * np.nan
    bounds = xr.concat([mean, mean, mean], dim="bound").assign_coords(bound=["mean", "low", "high"])
    for name, score in scores.items():
        limits = (score.attrs.get("valid_min", -np.inf), score.attrs.get("valid_max", np.inf))
        low, high = around(mean[name], half[name], *limits)
        bounds[name].loc[{"bound": "low"}], bounds[name].loc[{"bound": "high"}] = low, high
    return bounds.transpose(..., "case", "bound")
