"""Where a training run stands, kept on disk so that a killed run goes on as if nothing had happened.

The agents (networks, optimisers, replay, noise counters) and the network (simulator, random streams, queues) are
written as two files named by their step; a third, renamed into place last, says which step is whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast.simulator import Simulator

if TYPE_CHECKING:
    from slicefast.learn import TD3

PROGRESS_FILE = "progress.json"
KEEP_STEPS = 500
_KIND = "training progress"


@dataclass(frozen=True)
class Progress:
    """A run after `step` steps; `reward` (T, N) is filled so far, `settings` are the run's own."""

    step: int
    agents: TD3
    simulator: Any  # a snapshot
    reward: NDArray[np.float32]
    settings: dict[str, Any]


def save(
    folder: Path, step: int, agents: TD3, simulator: Simulator, reward: NDArray[np.float32], settings: Mapping[str, Any]
) -> None:
    """Write the progress after `step` steps and drop the one before."""
    from slicefast.learn import checkpoint

    folder.mkdir(parents=True, exist_ok=True)
    agents_file, network_file = folder / f"agents-{step}.safetensors", folder / f"network-{step}.safetensors"
    agents.save(agents_file)
    checkpoint.write(network_file, _KIND, *checkpoint.pack({"simulator": simulator.snapshot(), "reward": reward}))
    partial = folder / f"{PROGRESS_FILE}.partial"
    partial.write_text(json.dumps({"step": step, "settings": dict(settings)}, indent=1))
    partial.replace(folder / PROGRESS_FILE)
    _drop(folder, keep={agents_file, network_file})


def load(folder: Path) -> Progress:
    """Return the last whole progress; OSError when there is none, ValueError in one line when a file is damaged."""
    from slicefast.learn import TD3, checkpoint

    kept = json.loads((folder / PROGRESS_FILE).read_text())
    step = int(kept["step"])
    tree = checkpoint.unpack(*checkpoint.read(folder / f"network-{step}.safetensors", _KIND))
    agents = TD3.load(folder / f"agents-{step}.safetensors")
    return Progress(step, agents, tree["simulator"], tree["reward"], kept["settings"])


def clear(folder: Path) -> None:
    """Remove all progress, once the run is finished."""
    (folder / PROGRESS_FILE).unlink(missing_ok=True)
    _drop(folder, keep=set())


def _drop(folder: Path, keep: set[Path]) -> None:
    for path in [*folder.glob("agents-*.safetensors"), *folder.glob("network-*.safetensors")]:
        if path not in keep:
            path.unlink()
