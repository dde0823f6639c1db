"""What an arm is, and how the target network is played and recorded."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from slicefast.kpis import CELL_KPIS
from slicefast.policies import Policy
from slicefast.study.budget import Budget
from slicefast.study.work import Context, Variable, Work
from slicefast.task import Task
from slicefast.training import KpiRecorder, Learner, Ticker, play, train
from slicefast.units import Arrays, Float32

_KPI_UNITS = {
    "throughput_bps": "bit/s",
    "delay_ms": "ms",
    "dropped_bits": "bit",
    "spectral_efficiency": "bit/s/Hz",
    "throughput_p5_bps": "bit/s",
}
_KPI_LONG_NAMES = {
    "throughput_bps": "mean throughput of the slice's users while they have data",
    "delay_ms": "mean packet delay",
    "load": "share of the cell's resource blocks that were used",
    "users": "active users",
    "dropped_bits": "bits given up: too old, no room in the buffer, or lost for good by HARQ",
    "spectral_efficiency": "bits delivered over the resource blocks used; 0 when none were",
    "throughput_p5_bps": "5th percentile of the throughput of the slice's users",
}
_PER_SLICE = ("evaluation_step", "cell", "slice")


@dataclass(frozen=True, kw_only=True)
class Arm(Work):
    """One competitor.

    Attributes
    ----------
    name, label : str
        Key in the result file, and what figures and tables print.
    random_stream : str
        The name of its learners' random stream, if not its own: a renamed arm keeps its numbers.
    family : str
        What is drawn alike.
    """

    name: str
    label: str
    random_stream: str = ""
    family: ClassVar[str]

    reads: ClassVar[tuple[str, ...]] = ("exploration_steps", "train_steps", "evaluation_steps")
    axes = ("policy", "seed")
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(
            ("step", "cell"),
            "reward of every step: min over slices of min(throughput/requirement, delay requirement/delay, 1)",
        ),
        **{name: Variable(_PER_SLICE, _KPI_LONG_NAMES.get(name, ""), _KPI_UNITS.get(name, "1")) for name in CELL_KPIS},
        "throughput_satisfaction": Variable(
            _PER_SLICE, "throughput over its requirement, at most 1; 1 without traffic"
        ),
        "delay_satisfaction": Variable(_PER_SLICE, "delay requirement over delay, at most 1; 1 without traffic"),
        "source_cell": Variable(
            ("cell",),
            "the source cell a transfer took, counted from 1; 0 where there is none",
            dtype="int32",
            fill=0,
        ),
    }

    @property
    def stream(self) -> str:
        """The name of its learners' random stream."""
        return self.random_stream or self.name

    @property
    def strategy(self) -> str:
        """What it hands over, "" if nothing."""
        return ""

    @property
    def source_choice(self) -> str:
        """How it chooses its source cells, "" if it has none."""
        return ""

    @property
    def without(self) -> str:
        """What it leaves out of the counterfactual policy, "" if nothing."""
        return ""

    def settings(self) -> dict[str, Any]:
        """Return its random stream and what its class is told besides its name."""
        told = {name: value for name, value in vars(self).items() if name not in ("name", "label", "random_stream")}
        plain = {name: getattr(value, "__qualname__", value) for name, value in told.items()}
        return {"stream": self.stream, **plain}

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of the target network."""
        return budget.horizon

    def run(self, context: Context) -> Arrays:
        """Play the target network."""
        played = self.play(context)
        return {"reward": played.reward, **played.kpis, **played.extra}

    @abstractmethod
    def play(self, context: Context) -> Played:
        """Play the target network."""


@dataclass(frozen=True)
class Played:
    """What an arm did on the target network.

    Attributes
    ----------
    reward : ndarray of float32, (T, N)
        NaN for steps that do not count.
    kpis : dict of ndarray
        What `KpiRecorder` keeps of the evaluation steps, (E, N, S) each.
    extra : dict of ndarray
        Further outputs of the arm.
    """

    reward: Float32
    kpis: Arrays
    extra: Arrays


def play_policy(context: Context, policy: Policy) -> Played:
    """Play a policy without learning from the first step to the last."""
    budget, task = context.budget, Task(context.scenario)
    recorder, ticker = callbacks_of(context, task)
    history = play(context.target_network(), policy, task, budget.horizon, callbacks=[recorder, ticker])
    return Played(history.reward, recorder.arrays, {})


def train_and_play(
    context: Context, learner: Learner, task: Task, learn_steps: int, extra: Arrays | None = None
) -> Played:
    """Train a learner on the target network, then play it as it is to the last step."""
    recorder, ticker = callbacks_of(context, task)
    history = train(
        [context.target_network()],
        learner,
        task,
        context.budget.horizon,
        learn_steps=learn_steps,
        callbacks=[recorder, ticker],
    )
    return Played(history.reward, recorder.arrays, extra or {})


def callbacks_of(context: Context, task: Task) -> tuple[KpiRecorder, Ticker]:
    """Return what keeps the KPIs of the evaluation steps and what reports to the progress bar."""
    budget = context.budget
    return KpiRecorder(task, budget.horizon, budget.evaluation_steps), Ticker(context.tick, budget.horizon - 1)
