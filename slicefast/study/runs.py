"""A user's own runs: agents trained on one scenario, kept in a folder, evaluated or handed on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast import policies
from slicefast.scenario import Scenario
from slicefast.study.parts import save_arrays
from slicefast.study.play import Recorder, Tick, frozen, learn, new_agents, play, started
from slicefast.study.results import MET
from slicefast.study.runner import StudyError, one_thread

if TYPE_CHECKING:
    from slicefast.learn import TD3

RUN_FILE, AGENTS_FILE, LOG_FILE = "run.json", "agents.safetensors", "training.npz"


@dataclass(frozen=True)
class Run:
    """Agents trained on a scenario and where they are kept."""

    folder: Path
    scenario: Scenario
    seed: int
    exploration_steps: int
    train_steps: int

    @property
    def agents_path(self) -> Path:
        """The file with the agents."""
        return self.folder / AGENTS_FILE


def new_run(folder: Path, scenario: Scenario, seed: int, exploration_steps: int, train_steps: int) -> Run:
    """Return a run to be trained; StudyError where the folder has files already. Nothing is written yet."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{folder} is not empty: name a new folder (--out)")
    return Run(folder, scenario, seed, exploration_steps, train_steps)


def load_run(folder: Path) -> Run:
    """Return a trained run, or raise StudyError."""
    path = folder / RUN_FILE
    if not path.is_file():
        raise StudyError(f"{folder} holds no trained run ({RUN_FILE} is missing)")
    try:
        kept = json.loads(path.read_text())
        scenario = Scenario.model_validate(kept.pop("scenario"))
        return Run(folder, scenario, **kept)
    except (ValueError, TypeError, KeyError) as error:
        raise StudyError(f"{path} cannot be read: {error}") from None


def train(run: Run, tick: Tick) -> NDArray[np.float32]:
    """Train a run's agents, write its folder, and return the reward of every step, (T, N)."""
    one_thread()
    total = run.exploration_steps + run.train_steps
    simulator = started(run.scenario, run.seed)
    agents = new_agents(run.scenario, run.exploration_steps, run.seed)
    recorder = Recorder(run.scenario, total, 1)
    learn(simulator, agents, recorder, total, total, tick)
    keep(run, agents, {"reward": recorder.reward})
    return recorder.reward


def keep(run: Run, agents: TD3, log: dict[str, NDArray[Any]]) -> None:
    """Write a run's folder; `run.json` comes last, so a folder that has it is whole."""
    run.folder.mkdir(parents=True, exist_ok=True)
    agents.save(run.agents_path)
    save_arrays(run.folder / LOG_FILE, log)
    fields = {
        "scenario": run.scenario.model_dump(mode="json"),
        "seed": run.seed,
        "exploration_steps": run.exploration_steps,
        "train_steps": run.train_steps,
    }
    (run.folder / RUN_FILE).write_text(json.dumps(fields, indent=1))


def evaluate(
    run: Run, scenario: Scenario, seed: int, steps: int, baselines: Sequence[str], tick: Tick
) -> list[list[str]]:
    """Play the run's agents and the baselines over the same steps; return one table row of text for each.

    Raises
    ------
    StudyError
        The scenario has another number of cells or slices than the run's.
    """
    from slicefast.learn import TD3

    for name in ("n_cells", "n_slices"):
        mine, theirs = getattr(run.scenario, name), getattr(scenario, name)
        if mine != theirs:
            raise StudyError(f"{name} = {theirs} in the scenario, {mine} in the run: they must be equal")
    one_thread()
    agents = TD3.load(run.agents_path)
    rows = []
    for name in ("trained agents", *baselines):
        recorder = Recorder(scenario, steps, steps)
        policy = frozen(agents) if name == "trained agents" else getattr(policies, name)
        play(started(scenario, seed), policy, recorder, range(steps), tick)
        rows.append([name.replace("_", " "), *_summary(recorder)])
    return rows


def _summary(recorder: Recorder) -> list[str]:
    worst = recorder.kpis["throughput_satisfaction"].min(axis=-1)
    delay = recorder.kpis["delay_ms"].max(axis=-1)
    failing = 100.0 * float((worst < MET).mean())
    return [f"{recorder.reward.mean():.3f}", f"{worst.mean():.3f}", f"{failing:.1f}", f"{delay.mean():.2f}"]
