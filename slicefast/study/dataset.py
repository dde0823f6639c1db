"""The result file: everything a study measured as one xarray Dataset, NetCDF on disk, and how it is read.

Dimensions: policy, seed, step, cell, slice; `evaluation_step` counts the last steps, which every policy plays without
noise or learning. What an unfinished study has not measured yet is NaN.
"""

# The format. Sizes: P policies, K seeds, T steps, E evaluation steps, N cells, S slices; float32 unless noted.
#
# coordinates
#   policy (P,) str        key of an arm; index
#   seed (K,) int; slice (S,) str; cell, source, target (N,) int, counted from 1
#   gain_step (G,) int     only where all pairs were transferred
#   along policy, no index, all str:
#     label (policy)           what figures and tables print
#     family (policy)          "fixed", "oracle", "scratch", "centralised", "transfer", "generalist", "specialists",
#                              "informed" (the counterfactual policy), "ablation" (the same without one of its parts)
#                              or "hindsight"
#     strategy (policy)        what a transfer hands over: "integrated", "model", "feature", "instance"; "" elsewhere
#     source_choice (policy)   how a transfer chooses its source: "most", "least", "fast", "corrected",
#                              "configuration", "probe", "random", "own", "other" or "itself"; "" elsewhere.
#                              (Not "source": that is the dimension of the pairs.)
#     without (policy)         what an ablation leaves out; "" elsewhere
#     setting (policy)         how it explores and learns: "published" or "ours"; "" where that makes no difference
# variables of arms
#   reward (policy, seed, step, cell)
#   the seven of slicefast.kpis.CELL_KPIS, throughput_satisfaction, delay_satisfaction
#                          (policy, seed, evaluation_step, cell, slice)
#   source_cell (policy, seed, cell) int32, counted from 1; 0 where nothing was transferred
# variables of preparatory jobs, each only where at least one seed is finished
#   pretrain_reward, pretrain_reward_ours, generalist_reward (seed, pretrain_step, cell)
#   shared_reward (seed, shared_step, cell)
#   offered_bps, neighbours_offered_bps (seed, step, cell): mean traffic, the latter per neighbour
#   cycle_steps (seed) int32: steps after which the traffic's mask begins again, which the oracle played at first
#   distance, distance_fast, distance_corrected, distance_centres (seed, source, target); with remedies
#   distance_floored, distance_median, distance_weighted, distance_longer
#   distance_configuration, distance_probe (seed, source, target)
#   latent_mean, latent_variance (seed, agent, latent_sample, latent); vae_loss (seed, epoch)
#   traffic_mask (seed, mask_step, cell, slice)
#   pair_reward, pair_reward_ours (seed, gain_step, source, target); their attribute window_steps says how many steps
#   each is a mean over
# variables of the scenario
#   throughput_requirement_bps, delay_requirement_ms (cell, slice) float64; requirement_group (cell) int32, -1:
#   a cell that does not count
# attributes of every variable: units, and long_name where there is one
# attributes of the file
#   title; scenario, protocol, seeds, versions, build, ran_with: JSON; versions_note: text;
#   left_out: JSON, why by policy; complete: 0 or 1; parts_finished, parts: counts;
#   training_networks: count, what the informed policy was trained on.
#   protocol holds n_seeds, exploration_steps, train_steps, transfer_steps, pair_steps, hindsight_steps,
#   evaluation_steps, sample_steps, vae_epochs, early_steps, mask_steps, counterfactual_steps, shared_steps, arms,
#   pairs, remedies, td3.

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from slicefast import files
from slicefast.errors import CheckpointError, shorten
from slicefast.hdf5 import fatal_fault
from slicefast.units import Float64

RESULT_FILE = "results.nc"


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write a result file that appears whole or not at all, its checksum behind the data."""
    packed = {name: {"zlib": True, "complevel": 4} for name, array in dataset.data_vars.items() if array.ndim >= 3}
    path.parent.mkdir(parents=True, exist_ok=True)
    image = io.BytesIO()  # on a disk that is full, as that of temporary files may be, the HDF5 library crashes
    with warnings.catch_warnings():  # the file's library adds filters
        import h5netcdf

        with h5netcdf.File(image, "w") as file:
            dataset.dump_to_store(H5NetCDFStore(file), encoding=packed)
    files.write_sealed(path, image.getvalue())


def read(path: Path) -> xr.Dataset:
    """Return a result file's dataset, in memory; OSError if it cannot be opened, CheckpointError if it is damaged."""
    files.check_seal(path)  # a missing or unreadable file is the system's own error, with its own message
    try:
        if fault := fatal_fault(path):
            raise ValueError(fault)
        with warnings.catch_warnings(), xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except Exception as error:  # what the libraries say of a file that is none is no promise of theirs
        raise CheckpointError(f"{path}: is damaged ({shorten(error)})") from None


def label(dataset: xr.Dataset, policy: str) -> str:
    """Return what figures and tables call a policy."""
    return str(dataset.label.sel(policy=policy).item())


def family(dataset: xr.Dataset, policy: str) -> str:
    """Return the family of a policy, see the format above."""
    return str(dataset.family.sel(policy=policy).item())


def protocol_of(dataset: xr.Dataset) -> dict[str, Any]:
    """Return the protocol's fields from a result file."""
    fields: dict[str, Any] = json.loads(dataset.attrs["protocol"])
    return fields


def has(dataset: xr.Dataset, policy: str) -> bool:
    """Whether at least one seed of a policy is finished."""
    if "reward" not in dataset or policy not in dataset.policy.values:
        return False
    return bool(np.isfinite(dataset.reward.sel(policy=policy).isel(step=-1)).any())


def rewards(dataset: xr.Dataset, policy: str) -> Float64:
    """Return the reward of every step, (K, T, N)."""
    return np.asarray(dataset.reward.sel(policy=policy).transpose("seed", "step", "cell"), dtype=np.float64)
