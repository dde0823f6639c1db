"""What an arm is, and how the target network is played and recorded."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from slicefast.callbacks.bar import Ticker
from slicefast.callbacks.recorders import KpiRecorder
from slicefast.kpis import CELL_KPIS, KPIS
from slicefast.policies import Policy
from slicefast.policies.informed import Ablation
from slicefast.study.budget import Budget
from slicefast.study.setting import Setting
from slicefast.study.work import Context, Variable, Work
from slicefast.task import Task
from slicefast.training import Learner, play, train
from slicefast.transfer import SourceChoice, Strategy
from slicefast.units import Arrays, Float32

#: What is drawn alike; the format of `slicefast.study.dataset` says what each is.
Family = Literal[
    "fixed",
    "oracle",
    "scratch",
    "centralised",
    "transfer",
    "generalist",
    "specialists",
    "informed",
    "ablation",
    "hindsight",
]
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
    family : Family
        What is drawn alike.
    """

    name: str
    label: str
    random_stream: str = ""
    family: ClassVar[Family]

    reads: ClassVar[tuple[str, ...]] = ("exploration_steps", "train_steps", "evaluation_steps")
    axes = ("policy", "seed")
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(
            ("step", "cell"),
            "reward of every step: min over slices of min(throughput/requirement, delay requirement/delay, 1)",
        ),
        **{name: Variable(_PER_SLICE, KPIS[name].long_name, KPIS[name].unit) for name in CELL_KPIS},
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
    def strategy(self) -> Strategy | Literal[""]:
        """What it hands over, "" if nothing."""
        return ""

    @property
    def source_choice(self) -> SourceChoice | Literal["itself", ""]:
        """How it chooses its source cells, "" if it has none."""
        return ""

    @property
    def without(self) -> Ablation | Literal[""]:
        """What it leaves out of the counterfactual policy, "" if nothing."""
        return ""

    @property
    def explores(self) -> Setting | Literal[""]:
        """In which setting it explores and learns, "" if it does not matter to it."""
        return ""

    def settings(self) -> dict[str, Any]:
        """Return its fields but for its names, which change no result; of a function its name."""
        fields = {name: value for name, value in vars(self).items() if name not in ("name", "label", "random_stream")}
        return {name: getattr(value, "__qualname__", value) for name, value in fields.items()}

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
    """Train a learner on the target network, then play it as it is to the last step.

    Parameters
    ----------
    context : Context
        The job's.
    learner : Learner
        What is trained.
    task : Task
        What it sees and earns.
    learn_steps : int
        Steps in which it explores and learns, of the budget's horizon.
    extra : dict of ndarray, optional
        Further outputs of the arm.
    """
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
