"""What a run measured, with names: an xarray Dataset with dimensions, units, and 3GPP's names.

Dimensions: T steps, R replicas (only where there are several), N cells, S slices, U users.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from slicefast import files
from slicefast.arguments import checked
from slicefast.errors import GivenBy, refuse
from slicefast.kpis import CELL_KPIS, KPIS, USER_KPIS, coordinates
from slicefast.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from slicefast.simulator import Simulator
    from slicefast.units import Float32, Float64

#: Variables of a run beside the KPIs: unit and long name.
_BESIDE = {
    "share": ("1", "share of the cell's PRBs that the slice was given"),
    "throughput_satisfaction": ("1", "min(throughput / requirement, 1), 1 without traffic"),
    "delay_satisfaction": ("1", "min(requirement / delay, 1), 1 without traffic"),
    "reward": ("1", "reward of the task"),
    "user_sinr_db": ("dB", "SINR of the user"),
    "user_serving_cell": ("1", "number of the cell that served the user, from 1"),
}
_Variables = dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, str]]]


def record(
    simulator: Simulator,
    policy: Callable[[Simulator, Float32], Float64],
    steps: int,
    task: Task | None = None,
    per_user: bool = False,
) -> xr.Dataset:
    """Play a network on under a policy and return everything that it measured; `Simulator.run` calls this.

    Parameters
    ----------
    simulator : Simulator
        Goes on from where it is, after a `reset` where nothing was played yet.
    policy : callable
        policy(simulator, observation) -> shares, such as those of `slicefast.policies`.
    steps : int
        T.
    task : Task, optional
        What the policy sees and earns; the paper's unless given.
    per_user : bool
        Whether users' KPIs, SINR and serving cells are kept; the simulator must measure them.

    Returns
    -------
    xarray.Dataset
        Dimensions (step, [replica,] cell, slice) and user: the KPIs of `Kpis`, ``share``, ``reward``,
        ``throughput_satisfaction`` and ``delay_satisfaction``, with ``units``, ``long_name`` and the names of 3GPP.

    Raises
    ------
    SlicefastError
        There are no steps, users' KPIs are not measured, or the policy's shares are no partition.

    Examples
    --------
    >>> from slicefast.labelled import record
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0)
    >>> record(simulator, sf.policies.equal_split, steps=2).reward.dims
    ('step', 'cell')
    """
    if steps < 1:
        refuse("steps", steps, "at least 1")
    if per_user and not simulator.per_user:
        refuse("per_user", per_user, "False for a simulator that was made without per_user=True")
    task = Task(simulator.scenario) if task is None else task
    try:
        kpis = simulator.kpis
    except RuntimeError:
        kpis = simulator.reset()
    first = simulator.step_index + 1
    columns: dict[str, list[NDArray[Any]]] = {}

    def keep(name: str, value: NDArray[Any]) -> None:
        columns.setdefault(name, []).append(value)

    for _ in range(steps):
        serving = simulator.serving if per_user else None
        with GivenBy("policy"):
            shares = policy(simulator, task.observe(kpis))
            kpis = simulator.step(shares)
        keep("share", np.array(shares, np.float64))
        for name in CELL_KPIS:
            keep(name, getattr(kpis, name))
        for name, value in zip(("throughput_satisfaction", "delay_satisfaction"), task.satisfaction(kpis), strict=True):
            keep(name, value)
        keep("reward", task.reward(kpis))
        if serving is not None:
            keep("user_serving_cell", serving + 1)
            keep("user_sinr_db", _db(simulator.sinr))
            for name in USER_KPIS:
                keep(name, getattr(kpis, name))
    return _dataset(simulator, columns, first, steps)


@checked
def write_table(dataset: xr.Dataset, path: str | os.PathLike[str], per: Literal["cell", "user"] = "cell") -> None:
    """Write a run as a table with a row per step, [replica,] and cell and slice, or user: CSV or Parquet by the name.

    Units are in the columns' names. For NetCDF there is ``dataset.to_netcdf``.

    Parameters
    ----------
    dataset : xarray.Dataset
        From `slicefast.Simulator.run` or `slicefast.Kpis.to_xarray`.
    path : path-like
        Ends with ".csv", or ".parquet", which wants the extra ``slicefast[parquet]``.
    per : {"cell", "user"}
        Which variables: those of cells and slices, what is of a cell alone repeated for its slices, or those of users.

    Raises
    ------
    SlicefastError
        The name ends otherwise, nothing is measured per that, or pyarrow is not installed.

    Examples
    --------
    >>> run = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0).run(sf.policies.equal_split, steps=2)
    >>> sf.write_table(run, "run.csv")
    >>> len(np.loadtxt("run.csv", str, skiprows=1))  # 2 steps x 3 cells x 4 slices
    24
    """
    kind = Path(path).suffix
    if kind not in (".csv", ".parquet"):
        refuse("path", os.fspath(path), "a name that ends with .csv or .parquet")
    names = [str(name) for name, values in dataset.data_vars.items() if per in values.dims]
    if not names:
        refuse("per", per, f"a dimension of the dataset, of {tuple(map(str, dataset.dims))}")
    order = [name for name in ("step", "replica", "cell", "slice", "user") if name in dataset[names].dims]
    rows = dataset[names].to_dataframe(dim_order=order).reset_index()
    table = io.BytesIO()
    try:
        rows.to_csv(table, index=False) if kind == ".csv" else rows.to_parquet(table, index=False)
    except ImportError:  # of many sentences, about another library too
        allowed = ".csv where pyarrow is not installed, or too old: pip install 'slicefast[parquet]'"
        refuse("path", os.fspath(path), allowed)
    files.write_bytes(Path(path), table.getvalue())  # one that does not fit replaces nothing


def _dataset(simulator: Simulator, columns: dict[str, list[NDArray[Any]]], first: int, steps: int) -> xr.Dataset:
    scenario = simulator.scenario
    lead = ("step", "replica") if simulator.n_replicas > 1 else ("step",)
    variables: _Variables = {}
    for name, values in columns.items():
        own = ("cell",) if name == "reward" else ("user",) if name.startswith("user_") else ("cell", "slice")
        variables[name] = ((*lead, *own), np.stack(values), _texts(name))
    index = np.arange(first, first + steps)
    coords = coordinates((scenario.n_cells, scenario.n_slices), scenario)
    coords["step"] = ("step", index, {"long_name": "decision step"})
    coords["time_s"] = ("step", index * scenario.step_s, {"units": "s", "long_name": "time since the reset"})
    if any(name.startswith("user_") for name in columns):
        names = [item.name for item in scenario.slices]
        coords["user_slice"] = (
            "user",
            [names[number] for number in scenario.slice_of],
            {"long_name": "slice of the user"},
        )
    attributes = {"title": f"run of {scenario.name}", "scenario": scenario.model_dump_json(), "seed": simulator.seed}
    return xr.Dataset(variables, coords=coords, attrs=attributes)


def _texts(name: str) -> dict[str, str]:
    if name in KPIS:
        return KPIS[name].texts()
    return dict(zip(("units", "long_name"), _BESIDE[name], strict=True))


def _db(ratio: Float32) -> Float64:
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(np.asarray(ratio, np.float64))
