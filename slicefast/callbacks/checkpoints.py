"""A learner on disk every so many steps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from slicefast.arguments import checked
from slicefast.errors import refuse

if TYPE_CHECKING:
    from slicefast.learn import TD3, Hindsight
    from slicefast.training import Step


@checked
class Checkpoints:
    """Callback that saves a learner every so many steps, as ``agents-STEPS.safetensors`` for its `load`.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.
    learner : TD3 or Hindsight
        What is trained.
    every : int
        Steps between two files.
    kept : int
        How many of the files written last are kept.

    Raises
    ------
    SlicefastError
        A number is below 1.

    Examples
    --------
    >>> from pathlib import Path
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> simulator, task = sf.Simulator(scenario), sf.Task(scenario)
    >>> agents, _ = sf.training.new_agents(task, sf.learn.TD3Config(), seed=0), simulator.reset()
    >>> keeper = sf.callbacks.Checkpoints("kept", agents, every=2, kept=1)
    >>> _ = sf.training.train(simulator, agents, task, steps=5, callbacks=[keeper])
    >>> [path.name for path in Path("kept").iterdir()]
    ['agents-4.safetensors']
    """

    def __init__(
        self, folder: str | os.PathLike[str], learner: TD3 | Hindsight, every: int = 500, kept: int = 3
    ) -> None:
        for name, value in (("every", every), ("kept", kept)):
            if value < 1:
                refuse(name, value, "at least 1")
        self._folder, self._learner, self._every, self._kept = Path(folder), learner, every, kept
        self._folder.mkdir(parents=True, exist_ok=True)
        self._written: list[Path] = []

    def __call__(self, step: Step) -> None:
        """Save after a step if it is time to."""
        if (step.index + 1) % self._every:
            return
        path = self._folder / f"agents-{step.index + 1}.safetensors"
        self._learner.save(path)
        self._written.append(path)
        while len(self._written) > self._kept:
            self._written.pop(0).unlink(missing_ok=True)
