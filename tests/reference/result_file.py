"""A small result file built by hand, in the form that slicefast.study.dataset describes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

PROTOCOL = {
    "exploration_steps": 2,
    "train_steps": 5,
    "transfer_steps": 4,
    "evaluation_steps": 3,
    "early_steps": 2,
}
LABELS = {
    "equal_split": ("equal split", "fixed"),
    "traffic_aware": ("traffic-aware baseline", "fixed"),
    "max_min_rule": ("max-min rule", "fixed"),
    "oracle": ("clairvoyant oracle", "oracle"),
    "non_clairvoyant": ("bound without foresight of packets", "oracle"),
    "drl": ("DRL from scratch", "scratch"),
    "drl_ours": ("DRL from scratch, ours", "scratch"),
    "drl_alone": ("DRL without coordination", "scratch"),
    "centralised": ("one centralised agent", "centralised"),
    "transfer_most": ("transfer, most similar source", "transfer"),
    "transfer_most_ours": ("transfer, most similar source, ours", "transfer"),
    "transfer_least": ("transfer, least similar source", "transfer"),
    "transfer_least_ours": ("transfer, least similar source, ours", "transfer"),
    "model_most": ("model transfer", "transfer"),
    "feature_most": ("feature transfer", "transfer"),
    "instance_most": ("instance transfer", "transfer"),
    "hindsight": ("hindsight, the paper's observation", "hindsight"),
    "hindsight_most": ("hindsight from the most similar source", "hindsight"),
    "hindsight_on_rule": ("hindsight on the rule", "hindsight"),
    "counterfactual": ("counterfactual policy", "informed"),
    "counterfactual_no_queue": ("counterfactual without queues", "ablation"),
}


def build(
    rewards: Mapping[str, Any],
    groups: Sequence[int],
    satisfaction: Mapping[str, Any] | None = None,
    delay_ms: Mapping[str, Any] | None = None,
    protocol: Mapping[str, Any] | None = None,
    slices: Sequence[str] = ("slice1", "slice2"),
    **variables: tuple[tuple[str, ...], Any],
) -> xr.Dataset:
    """Return a result file.

    `rewards`: (K, T, N) by policy. `satisfaction` and `delay_ms`: (K, E, N, S) by policy, else 1 and 5 ms throughout.
    """
    numbers = {**PROTOCOL, **(protocol or {})}
    policies = list(rewards)
    reward = np.array([np.asarray(rewards[name], dtype=np.float32) for name in policies])
    _, seeds, _, cells = reward.shape
    shape = (seeds, numbers["evaluation_steps"], cells, len(slices))

    def stacked(given: Mapping[str, Any] | None, otherwise: float) -> Any:
        values = [np.broadcast_to((given or {}).get(name, otherwise), shape) for name in policies]
        return ("policy", "seed", "evaluation_step", "cell", "slice"), np.array(values, dtype=np.float32)

    dataset = xr.Dataset(
        {
            "reward": (("policy", "seed", "step", "cell"), reward),
            "throughput_satisfaction": stacked(satisfaction, 1.0),
            "delay_ms": stacked(delay_ms, 5.0),
            "requirement_group": (("cell",), np.asarray(groups, dtype=np.int32)),
            "source_cell": (("policy", "seed", "cell"), np.zeros((len(policies), seeds, cells), np.int32)),
            **variables,
        },
        coords={
            "policy": policies,
            "seed": np.arange(seeds),
            "cell": np.arange(1, cells + 1),
            "slice": list(slices),
            "label": ("policy", [LABELS[name][0] for name in policies]),
            "family": ("policy", [LABELS[name][1] for name in policies]),
        },
        attrs=attributes(numbers, seeds),
    )
    for name in {"pair_reward", "pair_reward_ours"} & set(dataset):
        dataset[name].attrs["window_steps"] = 250
    return dataset


def attributes(protocol: Mapping[str, Any], seeds: int) -> dict[str, Any]:
    """Return the attributes of a finished study."""
    return {
        "scenario": json.dumps({"name": "two towers", "traffic_trace": None}),
        "protocol": json.dumps({"n_seeds": seeds, **protocol}),
        "seeds": json.dumps(list(range(seeds))),
        "versions": json.dumps({"slicefast": "0.1.0", "numpy": "2.0"}),
        "build": json.dumps({"instruction_set": "avx2"}),
        "versions_note": "",
        "left_out": "{}",
        "training_networks": 12,
        "complete": 1,
        "parts_finished": 12,
        "parts": 12,
    }


def windows(early: Any, final: Any, middle: float = 0.4) -> np.ndarray:
    """Return rewards (K, 10, N) whose means over the first two and the last three steps are given, (K, N) each.

    Within each window the reward goes up and down by 0.05, and it is another one between: a window that is a step too
    long, too short or elsewhere has another mean.
    """
    early, final = np.asarray(early, dtype=float), np.asarray(final, dtype=float)
    steps = [early - 0.05, early + 0.05, *[np.full_like(early, middle)] * 5, final - 0.05, final + 0.05, final]
    return np.stack(steps, axis=1)
