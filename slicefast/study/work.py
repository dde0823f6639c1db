"""What a unit of a study's work is: what it needs and reads, what it makes, and what it is handed to make it with.

Dimensions: T steps, E evaluation steps, N cells, S slices.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from slicefast import files
from slicefast.errors import SlicefastError
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.study.budget import Budget
from slicefast.study.seeds import source_network_seed, stream_seed, target_network_seed
from slicefast.task import Task
from slicefast.training import Tick, new_agents
from slicefast.units import Arrays

if TYPE_CHECKING:
    from slicefast.learn import TD3, TD3Config


@dataclass(frozen=True)
class Variable:
    """How an array of a job enters the result file.

    Attributes
    ----------
    dims : tuple of str
        Dimensions of the array, without policy and seed.
    long_name : str
        What it is; "" where its name says it.
    units : str
        Its unit.
    name : str
        Its name in the result file, if that is not the array's own.
    dtype : str
        Its type there.
    fill : float
        What stands there for a job that did not make it or is not finished.
    """

    dims: tuple[str, ...]
    long_name: str = ""
    units: str = "1"
    name: str = ""
    dtype: str = "float32"
    fill: float = float("nan")


@dataclass(frozen=True)
class Context:
    """What a job is handed: the numbers it reads, the results it needs, networks, learners, and a place to write.

    Attributes
    ----------
    work : Work
        Whose context it is.
    scenario : Scenario
        The network.
    budget : Budget
        The numbers that the work reads, and no others.
    seed : int
        The study's seed.
    folder : Path
        Where the results of this seed are.
    tick : callable
        Called with the steps that were played; may raise to stop the job.
    """

    work: Work
    scenario: Scenario
    budget: Budget
    seed: int
    folder: Path
    tick: Tick

    @property
    def learner_seed(self) -> int:
        """Where the learners' randomness starts; it is independent of every other job's."""
        return stream_seed(self.seed, self.work.stream)

    def network(self, network_seed: int, place_seed: int | None = None) -> Simulator:
        """Return a network after its warm-up step; see `Simulator` for `place_seed`.

        Parameters
        ----------
        network_seed : int
            The simulator's seed.
        place_seed : int, optional
            Seed of the fields; the network's unless given.
        """
        simulator = Simulator(self.scenario, seed=network_seed, place_seed=place_seed)
        simulator.reset()
        return simulator

    def source_network(self) -> Simulator:
        """Return the source network."""
        return self.network(source_network_seed(self.seed))

    def target_network(self) -> Simulator:
        """Return the target network."""
        return self.network(target_network_seed(self.seed))

    def new_agents(self, task: Task, config: TD3Config, n_agents: int | None = None) -> TD3:
        """Return untrained agents, one per cell unless told otherwise.

        Parameters
        ----------
        task : Task
            What they see and do.
        config : TD3Config
            How they learn.
        n_agents : int, optional
            One per cell unless given.
        """
        return new_agents(task, config, self.learner_seed, n_agents)

    def load(self, name: str) -> Arrays:
        """Return the arrays of a finished job that this one needs."""
        return load_result(self._needed(name, ".npz"))[0]

    def load_agents(self, name: str) -> TD3:
        """Return the agents that a finished job, which this one needs, trained."""
        from slicefast.learn import TD3

        return TD3.load(self.weights_path(name))

    def weights_path(self, name: str, variant: str = "") -> Path:
        """Return the file of weights of a finished job that this one needs.

        Parameters
        ----------
        name : str
            The job that wrote it.
        variant : str
            Which of its files, where it wrote several.
        """
        return self._needed(name, f"{variant and '-' + variant}.safetensors")

    def own_weights_path(self, variant: str = "") -> Path:
        """Return where this job writes its weights, in a folder that is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{self.work.name}{variant and '-' + variant}.safetensors"

    def _needed(self, name: str, ending: str) -> Path:
        if name not in self.work.needs():
            raise SlicefastError(f"{name}: is read by {self.work.name}, which needs only {self.work.needs()}")
        return self.folder / f"{name}{ending}"


class Work(ABC):
    """A unit of a study: run, written and resumed as a whole.

    Attributes
    ----------
    name : str
        Its key; the name of its file.
    label : str
        What progress bars, figures and tables call it.
    reads : tuple of str
        The fields of `Budget` that `run` reads: all that it can read.
    outputs : mapping of str to Variable
        How its arrays enter the result file; others stay in its own file.
    axes : tuple of str
        The result file's leading dimensions of its arrays.
    variants : tuple of str
        Names of the files of weights that it writes, "" for the one that bears its own name.
    """

    name: str
    label: str
    reads: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[Mapping[str, Variable]] = {}
    axes: ClassVar[tuple[str, ...]] = ("seed",)
    variants: ClassVar[tuple[str, ...]] = ()

    @property
    def stream(self) -> str:
        """The name of its learners' random stream."""
        return self.name

    def needs(self) -> tuple[str, ...]:
        """Return the names of the jobs of the same seed that must be finished before."""
        return ()

    def settings(self) -> dict[str, Any]:
        """Return what sets it apart from other work of its class, as JSON-able values."""
        return {}

    def impossible(self, scenario: Scenario) -> str:
        """Return why it cannot be done on a scenario, or nothing."""
        return ""

    def memory_bytes(self, budget: Budget, scenario: Scenario) -> int:
        """Return about how many bytes it holds at once, where that grows faster than the network; 0 elsewhere."""
        return 0

    @abstractmethod
    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return how many steps it reports to the progress bar; slow ones count more than once."""

    @abstractmethod
    def run(self, context: Context) -> Arrays:
        """Do it, and return its arrays; its weights are written to `context.own_weights_path`."""


def save_result(path: Path, arrays: Arrays, about: str) -> None:
    """Write a job's arrays, and a text about them, whole or not at all."""
    import numpy as np

    files.save_arrays(path, {**arrays, _ABOUT: np.array(about)})


def load_result(path: Path) -> tuple[Arrays, str]:
    """Return a job's arrays and the text about them, "" where there is none."""
    arrays = files.load_arrays(path)
    about = arrays.pop(_ABOUT, None)
    return arrays, "" if about is None else str(about)


_ABOUT = "about"
