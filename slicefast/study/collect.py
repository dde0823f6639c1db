"""Collects what a study's finished jobs made into one dataset, as they declare it; `dataset` says the format."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from slicefast import provenance
from slicefast.policies import informed
from slicefast.study.arms import ARMS, Arm
from slicefast.study.budget import GAIN_WINDOW
from slicefast.study.folder import Study
from slicefast.study.work import Variable
from slicefast.units import Arrays

_Made = dict[str, tuple[tuple[str, ...], NDArray[Any], dict[str, Any]]]


def collect(study: Study) -> xr.Dataset:
    """Return what a study's finished jobs measured."""
    policies = [name for name in study.protocol.arms if name not in study.left_out]
    made: _Made = _of_scenario(study)
    finished = 0
    for job in study.jobs:
        arrays = study.read(job)
        finished += arrays is not None
        place = {"policy": policies.index(job.name) if job.name in policies else -1, "seed": job.seed}
        sizes = {"policy": len(policies), "seed": study.protocol.n_seeds}
        for name, variable in job.work.outputs.items():
            if arrays is not None and name in arrays:
                whole = _room(made, name, variable, job.work.axes, sizes, arrays)
                whole[tuple(place[axis] for axis in job.work.axes)] = arrays[name]
    source = Arm.outputs["source_cell"]  # there also where nothing was transferred: readers ask it of every policy
    nothing = np.zeros((len(policies), study.protocol.n_seeds, study.scenario.n_cells), source.dtype)
    made.setdefault("source_cell", (("policy", "seed", *source.dims), nothing, _texts(source)))
    for name in made.keys() & {"pair_reward", "pair_reward_ours"}:
        made[name][2]["window_steps"] = GAIN_WINDOW
    coords = {**_coordinates(study, policies), **_gain_steps(study, made)}
    return xr.Dataset(made, coords=coords, attrs=_attributes(study, finished))


def _room(
    made: _Made, name: str, variable: Variable, axes: tuple[str, ...], sizes: dict[str, int], arrays: Arrays
) -> NDArray[Any]:
    """Return the array of the result file that an output goes into, made when its first is there."""
    key = variable.name or name
    if key not in made:
        shape = (*(sizes[axis] for axis in axes), *arrays[name].shape)
        made[key] = ((*axes, *variable.dims), np.full(shape, variable.fill, variable.dtype), _texts(variable))
    return made[key][1]


def _texts(variable: Variable) -> dict[str, Any]:
    return {"units": variable.units, **({"long_name": variable.long_name} if variable.long_name else {})}


def _of_scenario(study: Study) -> _Made:
    scenario, per_slice = study.scenario, ("cell", "slice")
    return {
        "throughput_requirement_bps": (
            per_slice,
            np.asarray(scenario.throughput_requirement_bps),
            {"units": "bit/s"},
        ),
        "delay_requirement_ms": (per_slice, np.asarray(scenario.delay_requirement_ms), {"units": "ms"}),
        "requirement_group": (("cell",), np.where(scenario.counted, scenario.requirement_groups, -1), {"units": "1"}),
    }


def _coordinates(study: Study, policies: list[str]) -> dict[str, Any]:
    numbers = np.arange(1, study.scenario.n_cells + 1)
    arms = [ARMS[name] for name in policies]
    texts = {
        "label": [arm.label for arm in arms],
        "family": [arm.family for arm in arms],
        "strategy": [arm.strategy for arm in arms],
        "source_choice": [arm.source_choice for arm in arms],
        "without": [arm.without for arm in arms],
        "setting": [arm.explores for arm in arms],
    }
    return {
        "policy": policies,
        **{name: ("policy", values) for name, values in texts.items()},
        "seed": list(study.protocol.seeds),
        "cell": numbers,
        "source": numbers,
        "target": numbers,
        "slice": [item.name for item in study.scenario.slices],
    }


def _gain_steps(study: Study, made: _Made) -> dict[str, Any]:
    return (
        {"gain_step": list(study.protocol.gain_steps)}
        if "gain_step" in {axis for dims, _, _ in made.values() for axis in dims}
        else {}
    )


def _attributes(study: Study, finished: int) -> dict[str, Any]:
    everything = len(study.jobs)
    entries = provenance.read_entries(study.manifest)
    last = entries[-1] or provenance.current_entry()
    return {
        "title": "slicefast: network slicing by transfer learning",
        "scenario": study.scenario.model_dump_json(),
        "protocol": json.dumps(study.protocol.to_dict()),
        "seeds": json.dumps(list(study.protocol.seeds)),
        "left_out": json.dumps(study.left_out),
        "training_networks": informed.NETWORKS,
        "versions": json.dumps(last["versions"]),
        "build": json.dumps(last["build"]),
        "ran_with": json.dumps(entries),
        "versions_note": provenance.note(entries),
        "complete": int(finished == everything),
        "parts_finished": finished,
        "parts": everything,
    }
