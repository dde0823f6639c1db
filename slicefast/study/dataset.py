"""The result file: everything a study measured as one xarray Dataset, NetCDF on disk, and the scores computed from it.

Dimensions: policy, seed, step, cell, slice; `evaluation_step` counts the last steps, which every policy plays without
noise or learning. What an unfinished study has not measured yet is NaN.
"""

# The format. Sizes: P policies, K seeds, T steps, E evaluation steps, N cells, S slices; float32 unless noted.
#
# coordinates
#   policy (P,) str        key of an arm; index.  seed (K,) int; index.  slice (S,) str.  cell, source, target (N,) from 1.
#   gain_step (G,) int     only where all pairs were transferred
#   along policy, no index, all str:
#     label (policy)           what figures and tables print
#     family (policy)          "fixed", "oracle", "scratch", "centralised", "transfer", "generalist", "specialists",
#                              "informed" (past the paper) or "ablation" (the informed policy without one of its parts)
#     strategy (policy)        what a transfer hands over: "integrated", "model", "feature", "instance"; "" elsewhere
#     source_choice (policy)   how a transfer chooses its source: "most", "least", "fast", "corrected", "random",
#                              "other" or "itself"; "" elsewhere.  (Not "source": that is the dimension of the pairs.)
#     without (policy)         what an ablation leaves out; "" elsewhere
# variables of arms
#   reward (policy, seed, step, cell)
#   the seven of slicefast.kpis.CELL_KPIS, throughput_satisfaction, delay_satisfaction
#                          (policy, seed, evaluation_step, cell, slice)
#   source_cell (policy, seed, cell) int32, counted from 1; 0 where nothing was transferred
# variables of preparatory jobs, each only where at least one seed is finished
#   pretrain_reward, generalist_reward (seed, pretrain_step, cell)
#   distance, distance_fast, distance_corrected, distance_centres (seed, source, target); with pairs also
#   distance_floored, distance_median, distance_weighted, distance_longer
#   latent_mean, latent_variance (seed, agent, latent_sample, latent); vae_loss (seed, epoch)
#   traffic_mask (seed, mask_step, cell, slice)
#   pair_reward (seed, gain_step, source, target); its attribute window_steps says how many steps each is a mean over
# variables of the scenario
#   throughput_requirement_bps, delay_requirement_ms (cell, slice) float64; requirement_group (cell) int32
# attributes of every variable: units, and long_name where there is one
# attributes of the file
#   title; scenario, protocol, seeds, versions, build, ran_with: JSON; versions_note: text;
#   complete: 0 or 1; parts_finished, parts: counts.
#   protocol holds n_seeds, exploration_steps, train_steps, transfer_steps, evaluation_steps, sample_steps, vae_epochs,
#   early_steps, mask_steps, best_steps, arms, pairs, td3.
#
# Accessors stay: RESULT_FILE, read, write, label(dataset, policy), family(dataset, policy), protocol_of, has, rewards,
# early_reward, final_reward, worst_satisfaction, worst_delay_ms, pair_gains_percent. `scores`, MET and the gain belong to
# the readers. `collect(study)` is slicefast.study.collect.collect.

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from slicefast import provenance
from slicefast.study.arms import requirement_groups
from slicefast.study.jobs import Study
from slicefast.study.protocol import (
    ARMS,
    BEST_TRAINING,
    GAIN_WINDOW,
    GENERALIST_TRAINING,
    KNOWN_PRETRAIN,
    PAIRS,
    PRETRAIN,
    SIMILARITY,
    parts,
)

RESULT_FILE = "results.nc"
MET = 0.95  # a cell-step fails when a slice gets less than this share of its throughput requirement
KPIS = ("throughput_bps", "delay_ms", "load", "users", "throughput_satisfaction", "delay_satisfaction")
UNITS = {
    "throughput_bps": "bit/s",
    "delay_ms": "ms",
    "throughput_requirement_bps": "bit/s",
    "delay_requirement_ms": "ms",
}
LONG_NAMES = {
    "reward": "reward of every step: min over slices of min(throughput/requirement, delay requirement/delay, 1)",
    "throughput_bps": "mean throughput of the slice's users while they have data",
    "delay_ms": "mean packet delay",
    "load": "share of the cell's resource blocks that were used",
    "users": "active users",
    "throughput_satisfaction": "throughput over its requirement, at most 1; 1 without traffic",
    "delay_satisfaction": "delay requirement over delay, at most 1; 1 without traffic",
    "distance": "mean Kullback-Leibler divergence between default-action samples, source cell to target cell",
    "distance_fast": "mean squared distance of the latent means",
    "distance_corrected": "distance less half of what source and target have to themselves",
    "distance_centres": "squared distance of the mean latent vectors",
    "distance_floored": "distance with latent variances no less than their pooled median",
    "distance_median": "median in place of the mean over sample pairs",
    "distance_weighted": "distance by an autoencoder with reconstruction weight 1",
    "distance_longer": "distance from four times as many samples",
    "latent_mean": "latent means of default-action samples; source network's cells first, then the target network's",
    "pretrain_reward": "reward on the source network",
    "generalist_reward": "reward on the source network while one agent learns for all cells",
    "pair_reward": "mean reward over the window before a step of a transfer, for every pair of cells",
    "source_cell": "the source cell a transfer took, counted from 1; 0 where there is none",
    "traffic_mask": "share of the slice's users that is active on the target network",
}


def collect(study: Study) -> xr.Dataset:
    """Return what a study's finished parts measured."""
    protocol, scenario = study.protocol, study.scenario
    cells, seeds = scenario.n_cells, protocol.n_seeds
    arms = len(protocol.arms)
    made: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {}

    def put(name: str, dims: tuple[str, ...], index: tuple[int, ...], value: NDArray[Any], leading: int) -> None:
        if name not in made:
            sizes = {"policy": arms, "seed": seeds}
            shape = tuple(sizes[dim] for dim in dims[:leading]) + value.shape
            made[name] = (dims, np.full(shape, np.nan, dtype=np.float32))
        made[name][1][index] = value

    source_cell = np.zeros((arms, seeds, cells), dtype=np.int32)
    for part in parts(protocol):
        if not study.finished(part):
            continue
        arrays = study.load(part)
        if part.name == PRETRAIN:
            put("pretrain_reward", ("seed", "pretrain_step", "cell"), (part.seed,), arrays["reward"], 1)
        elif part.name == GENERALIST_TRAINING:
            put("generalist_reward", ("seed", "pretrain_step", "cell"), (part.seed,), arrays["reward"], 1)
        elif part.name == PAIRS:
            put("pair_reward", ("seed", "gain_step", "source", "target"), (part.seed,), arrays["reward"], 1)
        elif part.name == SIMILARITY:
            for name, values in arrays.items():
                dims = ("source", "target") if name.startswith("distance") else _SIMILARITY_DIMS[name]
                put(name, ("seed", *dims), (part.seed,), values, 1)
        elif part.name not in (BEST_TRAINING, KNOWN_PRETRAIN):
            index = (protocol.arms.index(part.name), part.seed)
            put("reward", ("policy", "seed", "step", "cell"), index, arrays["reward"], 2)
            for name in KPIS:
                put(name, ("policy", "seed", "evaluation_step", "cell", "slice"), index, arrays[name], 2)
            if "source" in arrays:
                source_cell[index] = arrays["source"] + 1
    made["source_cell"] = (("policy", "seed", "cell"), source_cell)
    made["throughput_requirement_bps"] = (("cell", "slice"), np.asarray(scenario.throughput_requirement_bps))
    made["delay_requirement_ms"] = (("cell", "slice"), np.asarray(scenario.delay_requirement_ms))
    made["requirement_group"] = (("cell",), requirement_groups(scenario))
    dataset = xr.Dataset(
        made,
        coords={
            "policy": list(protocol.arms),
            "seed": list(protocol.seeds),
            "cell": np.arange(1, cells + 1),
            "source": np.arange(1, cells + 1),
            "target": np.arange(1, cells + 1),
            "slice": [item.name for item in scenario.slices],
            **({"gain_step": list(protocol.gain_steps)} if "pair_reward" in made else {}),
        },
        attrs=_attributes(study),
    )
    for name in map(str, dataset.data_vars):
        dataset[name].attrs["units"] = UNITS.get(name, "1")
        if name in LONG_NAMES:
            dataset[name].attrs["long_name"] = LONG_NAMES[name]
    return dataset


_SIMILARITY_DIMS = {
    "latent_mean": ("agent", "latent_sample", "latent"),
    "latent_variance": ("agent", "latent_sample", "latent"),
    "vae_loss": ("epoch",),
    "traffic_mask": ("mask_step", "cell", "slice"),
}


def _attributes(study: Study) -> dict[str, Any]:
    everything = parts(study.protocol)
    entries = provenance.kept(study.manifest)
    last = entries[-1] or provenance.present()
    done = sum(study.finished(part) for part in everything)
    return {
        "title": "slicefast: network slicing by transfer learning",
        "scenario": study.scenario.model_dump_json(),
        "protocol": json.dumps(study.protocol.to_dict()),
        "seeds": json.dumps(list(study.protocol.seeds)),
        "versions": json.dumps(last["versions"]),
        "build": json.dumps(last["build"]),
        "ran_with": json.dumps(entries),
        "versions_note": provenance.note(entries),
        "complete": int(done == len(everything)),
        "parts_finished": done,
        "parts": len(everything),
    }


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write a result file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    packed = {name: {"zlib": True, "complevel": 4} for name, array in dataset.data_vars.items() if array.ndim >= 3}
    try:
        dataset.to_netcdf(partial, engine="h5netcdf", encoding=packed)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> xr.Dataset:
    """Return a result file's dataset, in memory."""
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def label(policy: str) -> str:
    """Return what figures and tables call a policy."""
    return ARMS[policy].label if policy in ARMS else policy


def protocol_of(dataset: xr.Dataset) -> dict[str, Any]:
    """Return the protocol's fields from a result file."""
    fields: dict[str, Any] = json.loads(dataset.attrs["protocol"])
    return fields


def has(dataset: xr.Dataset, policy: str) -> bool:
    """Whether at least one seed of a policy is finished."""
    if "reward" not in dataset or policy not in dataset.policy.values:
        return False
    return bool(np.isfinite(dataset.reward.sel(policy=policy).isel(step=-1)).any())


def worst_satisfaction(dataset: xr.Dataset, policy: str) -> NDArray[np.float64]:
    """Return the minimum over slices of the throughput satisfaction, (K, E, N)."""
    values = dataset.throughput_satisfaction.sel(policy=policy).min("slice", skipna=False)
    return np.asarray(values.transpose("seed", "evaluation_step", "cell"), dtype=np.float64)


def worst_delay_ms(dataset: xr.Dataset, policy: str) -> NDArray[np.float64]:
    """Return the maximum over slices of the delay [ms], (K, E, N)."""
    values = dataset.delay_ms.sel(policy=policy).max("slice", skipna=False)
    return np.asarray(values.transpose("seed", "evaluation_step", "cell"), dtype=np.float64)


def rewards(dataset: xr.Dataset, policy: str) -> NDArray[np.float64]:
    """Return the reward of every step, (K, T, N)."""
    return np.asarray(dataset.reward.sel(policy=policy).transpose("seed", "step", "cell"), dtype=np.float64)


def early_reward(dataset: xr.Dataset, policy: str, steps: int | None = None) -> NDArray[np.float64]:
    """Return the mean reward over the first steps, (K, N): the protocol's early window unless given."""
    count = steps or int(protocol_of(dataset)["early_steps"])
    return np.asarray(rewards(dataset, policy)[:, :count].mean(axis=1))


def final_reward(dataset: xr.Dataset, policy: str) -> NDArray[np.float64]:
    """Return the mean reward over the evaluation steps, (K, N)."""
    count = int(protocol_of(dataset)["evaluation_steps"])
    return np.asarray(rewards(dataset, policy)[:, -count:].mean(axis=1))


def relative_gain_percent(value: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 100 (value - reference) / (the reference's mean over the cells, the last axis).

    Dividing by the network's mean keeps a cell that DRL leaves near zero from outweighing all others.
    """
    return np.asarray(100.0 * (value - reference) / reference.mean(axis=-1, keepdims=True))


def scores(dataset: xr.Dataset, policy: str) -> dict[str, NDArray[np.float64]]:
    """Return a policy's scores per seed and cell, (K, N) each.

    reward, satisfaction (mean minimum over slices of the throughput satisfaction), failing_percent (cell-steps below
    0.95), delay_ms (mean of the per-step maximum) over the evaluation steps; early_gain_percent and final_gain_percent
    in mean reward over DRL from scratch at the same steps; oracle_gap, the oracle's mean reward minus the policy's over
    the evaluation steps. NaN where DRL or the oracle is missing.
    """
    worst = worst_satisfaction(dataset, policy)
    failing = np.where(np.isnan(worst), np.nan, worst < MET)
    found = {
        "reward": final_reward(dataset, policy),
        "satisfaction": worst.mean(axis=1),
        "failing_percent": 100.0 * failing.mean(axis=1),
        "delay_ms": worst_delay_ms(dataset, policy).mean(axis=1),
    }
    nothing = np.full_like(found["reward"], np.nan)
    known = has(dataset, "drl")
    for name, measure in (("early_gain_percent", early_reward), ("final_gain_percent", final_reward)):
        gain = relative_gain_percent(measure(dataset, policy), measure(dataset, "drl")) if known else nothing
        found[name] = gain
    found["oracle_gap"] = final_reward(dataset, "oracle") - found["reward"] if has(dataset, "oracle") else nothing
    return found


def pair_gains_percent(dataset: xr.Dataset) -> NDArray[np.float64] | None:
    """Return the gain in reward over DRL from scratch of every pair, (K, G, source, target), NaN where they are equal.

    Each is over the window before a gain step, DRL's reward taken over the same steps.
    """
    if "pair_reward" not in dataset or not has(dataset, "drl"):
        return None
    own = rewards(dataset, "drl")
    reference = np.stack(
        [own[:, max(0, step - GAIN_WINDOW) : step].mean(axis=1) for step in dataset.gain_step.values.tolist()], axis=1
    )
    gains: NDArray[np.float64] = 100.0 * (
        dataset.pair_reward.values.astype(np.float64) / reference[:, :, None, :] - 1.0
    )
    cells = np.arange(gains.shape[-1])
    gains[..., cells, cells] = np.nan
    return gains
