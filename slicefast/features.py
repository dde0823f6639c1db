"""What an agent sees of its cell, by name: one function per feature, one value per slice.

A feature is a function (kpis, scenario) -> (..., N, S); an observation is a list of features one after the other, S
values each. This is the only place where values are scaled for learning.

========  ==================  ===================================================================
symbol    name                meaning
========  ==================  ===================================================================
phi_ns    ``throughput_bps``  mean throughput of a cell's active users of a slice
phi*_ns   requirement         what the scenario requires of it
l_ns      ``load``            share of the cell's PRBs used for the slice
u_ns      ``users``           active users of the slice in the cell
K_n       ``neighbours``      the cells that cell n hears from
========  ==================  ===================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from slicefast.arguments import checked
from slicefast.errors import described, refuse
from slicefast.registry import Registry
from slicefast.units import Float64

if TYPE_CHECKING:
    from slicefast.kpis import Kpis
    from slicefast.scenario import Scenario

#: (kpis, scenario) -> one value per cell and slice.
Feature = Callable[["Kpis", "Scenario"], Float64]
#: scenario -> the least and the largest value that a feature can have.
Bounds = Callable[["Scenario"], tuple[float, float]]

#: Throughput enters the observation relative to its requirement and capped here: far above the requirement nothing is
#: left to learn, and a single packet served alone can be tens of times faster.
THROUGHPUT_CAP = 4.0


@checked
def throughput(kpis: Kpis, scenario: Scenario) -> Float64:
    """Return phi_ns/phi*_ns, capped at 4.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.features.throughput(sf.Simulator(scenario, seed=0).reset(), scenario).shape  # cells, slices
    (3, 4)
    """
    return np.minimum(kpis.throughput_bps / scenario.throughput_requirement_bps, THROUGHPUT_CAP)


@checked
def load(kpis: Kpis, scenario: Scenario) -> Float64:
    """Return l_ns.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.features.load(sf.Simulator(scenario, seed=0).reset(), scenario).sum(axis=1) <= 1.0
    array([ True,  True,  True])
    """
    return kpis.load


@checked
def users(kpis: Kpis, scenario: Scenario) -> Float64:
    """Return u_ns over the slice's users per cell.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.features.users(sf.Simulator(scenario, seed=0).reset(), scenario).shape  # cells, slices
    (3, 4)
    """
    return kpis.users / (scenario.slice_users / scenario.n_cells)


@checked
def neighbour_load(kpis: Kpis, scenario: Scenario) -> Float64:
    """Return c_ns = (1/|K_n|) sum over m in K_n of l_ms; 0 in a network of one cell, which hears from nobody.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> kpis = sf.Simulator(scenario, seed=0).reset()
    >>> heard = sf.features.neighbour_load(kpis, scenario)
    >>> bool(np.allclose(heard[0], kpis.load[1:].mean(axis=0)))  # the first cell hears the two others
    True
    """
    heard = kpis.load.take(scenario.neighbours, axis=-2)
    mean: Float64 = np.add.reduce(heard, axis=-2) / (heard.shape[-2] or 1)
    return mean


FEATURES: Registry[Feature] = Registry(
    "feature",
    {
        "throughput": throughput,
        "load": load,
        "users": users,
        "neighbour_load": neighbour_load,
    },
)
get = FEATURES.get
#: Bounds of the features that have some; any other is taken to be anywhere in float32.
BOUNDS: dict[str, Bounds] = {
    "throughput": lambda scenario: (0.0, THROUGHPUT_CAP),
    "load": lambda scenario: (0.0, 1.0),
    "users": lambda scenario: (0.0, float(scenario.n_cells)),  # all of the network's, in one cell
    "neighbour_load": lambda scenario: (0.0, 1.0),
}
#: Named lists of features: what the paper's agents see of their own cell.
FEATURE_SETS: dict[str, tuple[str, ...]] = {"paper": ("throughput", "load", "users")}


@checked
def register(name: str, feature: Feature, bounds: Bounds | None = None) -> None:
    """Make a feature known under a name.

    Parameters
    ----------
    name : str
        What studies and tasks call it by.
    feature : callable
        Its values (..., N, S) from KPIs and the scenario.
    bounds : callable, optional
        Its least and largest value from the scenario: those of the environments' observation spaces.

    Raises
    ------
    SlicefastError
        The name is taken by another feature or by a set of features.

    Examples
    --------
    >>> sf.features.register("idle", lambda kpis, scenario: 1.0 - kpis.load, lambda scenario: (0.0, 1.0))
    >>> sf.Task(sf.Scenario.hexagonal(n_sites=1), features=["load", "idle"], coordination="none").observation_size
    8
    """
    if name in FEATURE_SETS:
        refuse("name", name, "a name that no set of features has")
    FEATURES.register(name, feature)
    if bounds is not None:
        BOUNDS[name] = bounds


@checked
def bounds_of(name: str, scenario: Scenario) -> tuple[float, float]:
    """Return the least and the largest value of a feature in a scenario, finite: float32's own where it has none.

    Examples
    --------
    >>> sf.features.bounds_of("load", sf.Scenario.hexagonal(n_sites=1))
    (0.0, 1.0)
    """
    largest = float(np.finfo(np.float32).max)
    return BOUNDS[name](scenario) if name in BOUNDS else (-largest, largest)


@checked
def names() -> list[str]:
    """Return the names of the sets of features and of the registered features.

    Examples
    --------
    >>> "load" in sf.features.names()
    True
    """
    return [*FEATURE_SETS, *FEATURES.names()]


@checked
def expand(features: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of features that a set, a name or a list of names stands for.

    Raises
    ------
    SlicefastError
        A name is neither a feature nor a set, occurs twice, or there is none.

    Examples
    --------
    >>> sf.features.expand("paper")
    ('throughput', 'load', 'users')
    """
    return tuple(resolve(features))


@checked
def resolve(features: str | Feature | Sequence[str | Feature]) -> dict[str, Feature]:
    """Return features by name, in the order of the observation: those of sets and names, functions by their own names.

    Raises
    ------
    SlicefastError
        A name is neither a feature nor a set, a function has the name of a feature, one occurs twice, or there is none.

    Examples
    --------
    >>> def idle(kpis, scenario):
    ...     return 1.0 - kpis.load
    >>> list(sf.features.resolve(["paper", idle]))
    ['throughput', 'load', 'users', 'idle']
    """
    asked = (features,) if isinstance(features, str) or callable(features) else tuple(features)
    found: list[tuple[str, Feature]] = []
    for item in asked:
        if isinstance(item, str):
            found += [(name, _known(name)) for name in FEATURE_SETS.get(item, (item,))]
        else:
            found.append((_own_name(item), item))
    if not found:
        refuse("features", asked, ", ".join(names()))
    if len(dict(found)) < len(found):
        refuse("features", tuple(name for name, _ in found), "each feature once")
    return dict(found)


def _known(name: str) -> Feature:
    if name not in FEATURES.entries:
        refuse("features", name, ", ".join(names()))
    return FEATURES.entries[name]


def _own_name(feature: Feature) -> str:
    name = getattr(feature, "__name__", type(feature).__name__)
    if FEATURES.entries.get(name, feature) is not feature or name in FEATURE_SETS:
        refuse("features", described(f"a function of the name {name}"), "a name that no other feature has")
    return name
