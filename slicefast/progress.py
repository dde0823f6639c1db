"""Where a training stands, kept on disk so that one that was stopped goes on as if nothing had happened.

The agents (networks, optimisers, replay, noise counters) and the network (simulator, random streams, queues) are
written as two files named by their step; a third, written last, says which step is whole and what the two weigh.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slicefast import files
from slicefast.errors import CheckpointError
from slicefast.signals import StopSignals
from slicefast.simulator import Simulator
from slicefast.training import Step
from slicefast.units import Arrays, Float32

if TYPE_CHECKING:
    from slicefast.learn import TD3, Hindsight
    from slicefast.policies.hindsight import OnlineHindsight

PROGRESS_FILE = "progress.json"
#: Steps between two savings.
KEEP_STEPS = 500
_KIND = "training progress"


@dataclass(frozen=True)
class Progress:
    """A training between two steps.

    Attributes
    ----------
    step : int
        Steps that were played.
    agents : TD3 or Hindsight
        The learner with everything it goes on with.
    simulator : dict
        A snapshot of the network; see `Simulator.snapshot`.
    reward : ndarray of float32, (T, N)
        What was earned so far, NaN from `step` on.
    log : dict of ndarray
        What else the finished run keeps.
    settings : dict
        The run's own.
    """

    step: int
    agents: TD3 | Hindsight | OnlineHindsight
    simulator: dict[str, Any]
    reward: Float32
    log: Arrays
    settings: dict[str, Any]


def save(folder: Path, progress: Progress) -> None:
    """Write a progress and drop the one before."""
    from slicefast.learn import checkpoint

    agents, network = (folder / f"{kind}-{progress.step}.safetensors" for kind in ("agents", "network"))
    progress.agents.save(agents)
    document = {
        "step": progress.step,
        "settings": progress.settings,
        "checksums": {agents.name: files.checksum(agents)},
    }
    # All of it is in the file of the network too, where it is found if the third one is damaged.
    state = {"simulator": progress.simulator, "reward": progress.reward, "log": progress.log, "document": document}
    checkpoint.write(network, _KIND, *checkpoint.pack(state))
    files.write_json(folder / PROGRESS_FILE, document)
    _drop(folder, {agents, network})


def begin(folder: Path, settings: dict[str, Any]) -> None:
    """Write what a run is before it has played a step, so that it can be begun again however early it is killed."""
    files.write_json(folder / PROGRESS_FILE, {"step": 0, "settings": settings, "checksums": {}})


def is_begun_only(folder: Path) -> bool:
    """Whether a run was killed before its first progress was whole."""
    return not _read_document(folder)["checksums"]


def read_settings(folder: Path) -> tuple[int, dict[str, Any]]:
    """Return how many steps the last whole progress has, and the settings of its run.

    Raises
    ------
    OSError
        There is none.
    ValueError, KeyError
        The file is damaged.
    """
    document = _read_document(folder)
    return int(document["step"]), document["settings"]


def load(folder: Path) -> Progress:
    """Return the last whole progress.

    Raises
    ------
    OSError
        There is none.
    CheckpointError
        One of its files is not as it was written.
    """
    from slicefast.learn import TD3, Hindsight, checkpoint

    document = _read_document(folder)
    step = int(document["step"])
    agents, network = (folder / f"{kind}-{step}.safetensors" for kind in ("agents", "network"))
    files.check_unchanged(agents, document["checksums"][agents.name])
    state = checkpoint.unpack(*checkpoint.read(network, _KIND))
    # Of two runs that were killed in one folder, or copied into it, each may have left a part.
    if "document" in state and files.digest(state["document"]) != files.digest(document):
        raise CheckpointError(f"{network}: is of another run than {PROGRESS_FILE}")
    settings = document["settings"]
    learner = Hindsight if settings.get("learner") == "hindsight" else TD3
    with checkpoint.reading(network):
        simulator, reward, log = (state[name] for name in ("simulator", "reward", "log"))
        if not (isinstance(reward, np.ndarray) and reward.dtype == np.float32 and reward.ndim == 2):
            raise ValueError("its rewards are no numbers by step and cell")
        if not all(isinstance(values, np.ndarray) for values in log.values()):
            raise ValueError("its log holds something else than arrays")
    return Progress(step, learner.load(agents), simulator, reward, log, settings)


def clear(folder: Path) -> None:
    """Remove all progress, once the run is finished."""
    (folder / PROGRESS_FILE).unlink(missing_ok=True)
    _drop(folder, set())


def _read_document(folder: Path) -> dict[str, Any]:
    try:
        return files.read_json(folder / PROGRESS_FILE)
    except CheckpointError:
        found = _recovered(folder)
        if found is None:
            raise
        return found


def _recovered(folder: Path) -> dict[str, Any] | None:
    """Return the document of the last step whose network is whole."""
    from slicefast.learn import checkpoint

    for path in sorted(
        folder.glob("network-*.safetensors"), key=lambda path: (len(path.name), path.name), reverse=True
    ):
        try:
            document: dict[str, Any] = checkpoint.unpack(*checkpoint.read(path, _KIND))["document"]
        except (CheckpointError, OSError, KeyError, TypeError):
            continue
        return document
    return None


def _drop(folder: Path, spared: set[Path]) -> None:
    for path in [*folder.glob("agents-*.safetensors"), *folder.glob("network-*.safetensors")]:
        if path not in spared:
            path.unlink()


class Keeper:
    """Callback that saves a training's progress every `KEEP_STEPS` steps, and before it stops on a signal.

    Parameters
    ----------
    folder : Path
        Where to; claimed by the caller.
    agents, simulator : TD3 or OnlineHindsight, Simulator
        What is trained, and on what.
    reward : ndarray of float32, (T, N)
        Filled by the training.
    log, settings : dict
        What else belongs to the run.
    signals : StopSignals
        Whether the training shall stop.

    Raises
    ------
    KeyboardInterrupt
        On being called after a step in which a signal came.
    """

    def __init__(
        self,
        folder: Path,
        agents: TD3 | OnlineHindsight,
        simulator: Simulator,
        reward: Float32,
        log: Arrays,
        settings: dict[str, Any],
        signals: StopSignals,
    ) -> None:
        self._folder, self._agents, self._simulator = folder, agents, simulator
        self._reward, self._log, self._settings = reward, log, settings
        self._signals = signals

    def __call__(self, step: Step) -> None:
        """Save after a step if it is time to."""
        n_played = step.index + 1
        if n_played < len(self._reward) and (self._signals.came or n_played % KEEP_STEPS == 0):
            self.save(n_played)
            if self._signals.came:
                raise KeyboardInterrupt

    def save(self, n_played: int) -> None:
        """Save now, between two steps."""
        snapshot = self._simulator.snapshot()
        save(self._folder, Progress(n_played, self._agents, snapshot, self._reward, self._log, self._settings))
