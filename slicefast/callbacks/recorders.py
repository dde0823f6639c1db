"""What steps say of a training, in arrays, in a table, in TensorBoard, or wherever a tracker sends it."""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from slicefast import files
from slicefast.arguments import checked
from slicefast.errors import SlicefastError, refuse
from slicefast.kpis import CELL_KPIS

if TYPE_CHECKING:
    from slicefast.task import Task
    from slicefast.training import Step
    from slicefast.units import Arrays, Float64


@checked
def measures(step: Step, task: Task, best_reward: float | None = None) -> dict[str, float]:
    """Return what a step says of a training, by name.

    Parameters
    ----------
    step : Step
        What was played.
    task : Task
        Whose satisfaction is meant.
    best_reward : float, optional
        What regret is counted from, such as the 1 of the paper's reward; no regret unless given.

    Returns
    -------
    dict of float
        ``reward``, the agents' mean; ``satisfaction/throughput/SLICE`` and ``satisfaction/delay/SLICE``, the cells';
        ``noise`` [logits] and the losses, such as ``loss/critic``, where the learner says them. With several groups of
        requirements ``reward/group_1`` and so on; with a best reward ``regret/group_1``, what the group's mean fell
        short of it.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> kpis, task = sf.Simulator(scenario, seed=0).reset(), sf.Task(scenario)
    >>> step = sf.training.Step(0, (kpis,), task.reward(kpis), learning=False)
    >>> sorted(sf.callbacks.measures(step, task, best_reward=1.0))[:2]
    ['regret/group_1', 'reward']
    """
    groups = np.resize(task.scenario.requirement_groups, step.reward.shape)
    found = {"reward": float(step.reward.mean())}
    for group in range(int(groups.max()) + 1):
        mean = float(step.reward[groups == group].mean())
        if groups.any():
            found[f"reward/group_{group + 1}"] = mean
        if best_reward is not None:
            found[f"regret/group_{group + 1}"] = best_reward - mean
    for kind, values in zip(("throughput", "delay"), _satisfied(step, task), strict=True):
        for item, value in zip(task.scenario.slices, values, strict=True):
            found[f"satisfaction/{kind}/{item.name}"] = float(value)
    if not math.isnan(step.noise):
        found["noise"] = step.noise
    for name, loss in step.losses.items():
        found[f"loss/{name.removesuffix('_loss')}"] = float(np.mean(loss))
    return found


def _satisfied(step: Step, task: Task) -> Float64:
    """Return the mean over cells, replicas and networks of both satisfactions, (2, S)."""
    of_networks = [np.stack(task.satisfaction(kpis)) for kpis in step.kpis]
    every = np.concatenate([part.reshape(2, -1, part.shape[-1]) for part in of_networks], axis=1)
    mean: Float64 = every.mean(axis=1)
    return mean


@checked
class Recorder:
    """Callback that hands on means over steps; a tracker is one whose `write` says where they go.

    Parameters
    ----------
    task : Task
        What is trained for.
    every : int
        Steps over which means are taken, up to multiples of it.
    best_reward : float, optional
        As of `measures`; where the task has the paper's reward, its 1 unless given.

    Raises
    ------
    SlicefastError
        `every` is below 1.

    Examples
    --------
    >>> class Printed(sf.callbacks.Recorder):
    ...     def write(self, step, values):
    ...         print(step, sorted(values)[:2])
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> simulator, task = sf.Simulator(scenario), sf.Task(scenario)
    >>> _ = simulator.reset()
    >>> with Printed(task, every=2) as tracker:
    ...     _ = sf.training.play(simulator, sf.policies.get("equal_split"), task, steps=3, callbacks=[tracker])
    2 ['regret/group_1', 'reward']
    3 ['regret/group_1', 'reward']
    """

    def __init__(self, task: Task, every: int = 25, best_reward: float | None = None) -> None:
        if every < 1:
            refuse("every", every, "at least 1")
        self._task, self._every = task, every
        self._best = 1.0 if best_reward is None and task.reward_name == "max_min" else best_reward
        self._waiting: dict[str, list[float]] = {}
        self._steps = 0

    def __call__(self, step: Step) -> None:
        """Take a step in."""
        for name, value in measures(step, self._task, self._best).items():
            self._waiting.setdefault(name, []).append(value)
        self._steps = step.index + 1
        if self._steps % self._every == 0:
            self._hand_on()

    def write(self, step: int, values: dict[str, float]) -> None:
        """Take means, named as by `measures`, over the steps since the last call.

        Parameters
        ----------
        step : int
            Steps that were played so far.
        values : dict of float
            The means; what was not measured in any of the steps is left out.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Hand on what is waiting."""
        if self._waiting:
            self._hand_on()

    def _hand_on(self) -> None:
        values = {name: float(np.mean(taken)) for name, taken in self._waiting.items()}
        self._waiting = {}
        self.write(self._steps, values)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@checked
class Csv(Recorder):
    """A table with a row per `every` steps, on disk as soon as it is written.

    A file that is there is gone on with, less its rows behind the first step that is played: what a training that was
    killed had not kept is played, and written, again.

    Parameters
    ----------
    path : path-like
        The file.
    task, every, best_reward
        As of `Recorder`.

    Raises
    ------
    SlicefastError
        The file that is there has other columns.

    Examples
    --------
    >>> from pathlib import Path
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> simulator, task = sf.Simulator(scenario), sf.Task(scenario)
    >>> _ = simulator.reset()
    >>> with sf.callbacks.Csv("run.csv", task, every=2) as table:
    ...     _ = sf.training.play(simulator, sf.policies.equal_split, task, steps=4, callbacks=[table])
    >>> [row.split(",")[0] for row in Path("run.csv").read_text().splitlines()]
    ['step', '2', '4']
    """

    def __init__(
        self, path: str | os.PathLike[str], task: Task, every: int = 25, best_reward: float | None = None
    ) -> None:
        super().__init__(task, every, best_reward)
        self._path = Path(path)
        scenario = task.scenario
        groups = [f"group_{number + 1}" for number in range(int(scenario.requirement_groups.max()) + 1)]
        regret = [] if self._best is None else [f"regret/{name}" for name in groups]
        satisfied = [f"satisfaction/{kind}/{item.name}" for kind in ("throughput", "delay") for item in scenario.slices]
        mine = [f"reward/{name}" for name in groups] if len(groups) > 1 else []
        self._columns = ["step", "reward", *mine, *regret, *satisfied, "noise", "loss/critic", "loss/actor"]
        self._begun = False

    def __call__(self, step: Step) -> None:
        """Take a step in."""
        if not self._begun:
            self._begin(step.index)
            self._begun = True
        super().__call__(step)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Append a row."""
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns, extrasaction="ignore").writerow({"step": step, **values})

    def _begin(self, first_step: int) -> None:
        rows = []
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                table = csv.DictReader(file)
                if table.fieldnames is not None and list(table.fieldnames) != self._columns:
                    refuse(str(self._path), f"columns {list(table.fieldnames)}", f"{self._columns}")
                rows = [row for row in table if _is_whole(row) and 0 < int(row["step"]) <= first_step]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns)
        writer.writeheader()
        writer.writerows(rows)
        files.write_text(self._path, text.getvalue())


def _is_whole(row: dict[str | None, Any]) -> bool:
    """Whether a row is one that was written, and no rest of one, as a run that was killed may leave."""
    step = row.get("step") or ""
    return None not in row and None not in row.values() and step.isascii() and step.isdecimal() and len(step) < 20


@checked
class TensorBoard(Recorder):
    """Scalars for ``tensorboard --logdir FOLDER``; wants the extra ``slicefast[tensorboard]``.

    Parameters
    ----------
    folder : path-like
        Where the events are written.
    task, every, best_reward
        As of `Recorder`.

    Raises
    ------
    SlicefastError
        tensorboard is not installed.
    """

    def __init__(
        self, folder: str | os.PathLike[str], task: Task, every: int = 25, best_reward: float | None = None
    ) -> None:
        super().__init__(task, every, best_reward)
        try:
            from tensorboard.summary import Writer
        except ImportError as error:
            raise SlicefastError(f"tensorboard: {error}; pip install 'slicefast[tensorboard]'") from error
        self._writer = Writer(os.fspath(folder))

    def write(self, step: int, values: dict[str, float]) -> None:
        """Write one scalar per name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Hand on what is waiting, and end the file."""
        super().close()
        self._writer.close()


class KpiRecorder:
    """Callback that keeps all KPIs and the satisfaction of the last steps of a run on one network.

    Parameters
    ----------
    task : Task
        Whose satisfaction is kept.
    steps : int
        Steps of the run.
    last_steps : int
        How many of them are kept.

    Attributes
    ----------
    arrays : dict of ndarray
        Every name of `slicefast.kpis.CELL_KPIS`, "throughput_satisfaction" and "delay_satisfaction", each
        (last_steps, N, S) float32; NaN for steps that were not played.

    Examples
    --------
    >>> from slicefast.callbacks.recorders import KpiRecorder
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), seed=0)
    >>> task, _ = sf.Task(simulator.scenario), simulator.reset()
    >>> recorder = KpiRecorder(task, steps=5, last_steps=2)
    >>> _ = sf.training.play(simulator, sf.policies.equal_split, task, steps=5, callbacks=[recorder])
    >>> recorder.arrays["load"].shape  # steps, cells, slices
    (2, 3, 4)
    """

    def __init__(self, task: Task, steps: int, last_steps: int) -> None:
        self._task = task
        self._first = steps - last_steps
        shape = (last_steps, task.n_agents, task.action_size)
        names = (*CELL_KPIS, "throughput_satisfaction", "delay_satisfaction")
        self.arrays: Arrays = {name: np.full(shape, np.nan, np.float32) for name in names}

    def __call__(self, step: Step) -> None:
        """Keep a step if it is one of the last."""
        row = step.index - self._first
        if row < 0:
            return
        (kpis,) = step.kpis
        for name in CELL_KPIS:
            self.arrays[name][row] = getattr(kpis, name)
        satisfied = self._task.satisfaction(kpis)
        for name, value in zip(("throughput_satisfaction", "delay_satisfaction"), satisfied, strict=True):
            self.arrays[name][row] = value
