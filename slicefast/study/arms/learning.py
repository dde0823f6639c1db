"""Arms that learn on the target network: from nothing, or from what an agent of the source network knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from slicefast.scenario import Scenario
from slicefast.study.arms.base import Arm, Played, train_and_play
from slicefast.study.preparations import (
    GeneralistTraining,
    KnownPretrain,
    OurPretrain,
    Pretrain,
    SourceDistances,
)
from slicefast.study.setting import Setting
from slicefast.study.similarity_work import SimilarityOfCells
from slicefast.study.work import Context
from slicefast.task import Coordination, Task
from slicefast.training import CentralAgent
from slicefast.transfer import SourceChoice, Strategy, choose_sources, transfer
from slicefast.units import Arrays

if TYPE_CHECKING:
    from slicefast.learn import TD3


@dataclass(frozen=True, kw_only=True)
class Scratch(Arm):
    """One agent per cell that starts from nothing."""

    coordination: Coordination = "mean"
    setting: Setting = "published"
    family = "scratch"
    reads = (*Arm.reads, "td3")

    @property
    def explores(self) -> Setting:
        """In which setting it explores and learns."""
        return self.setting

    def play(self, context: Context) -> Played:
        """Explore, train, evaluate."""
        budget, task = context.budget, Task(context.scenario, coordination=self.coordination)
        agents = context.new_agents(task, budget.td3_config(self.setting))
        return train_and_play(context, agents, task, budget.learning_steps)


@dataclass(frozen=True, kw_only=True)
class Centralised(Arm):
    """One agent that observes all cells and divides them all; its reward is the cells' mean.

    Its layers are `wider` times as wide as a cell's agent's (ours).
    """

    wider: int = 4
    setting: Setting = "published"
    family = "centralised"
    reads = (*Arm.reads, "td3")

    @property
    def explores(self) -> Setting:
        """In which setting it explores and learns."""
        return self.setting

    def play(self, context: Context) -> Played:
        """Explore, train, evaluate."""
        from slicefast.learn import TD3

        budget, task = context.budget, Task(context.scenario)
        one = budget.td3_config(self.setting)
        wide = replace(
            one,
            actor_hidden=tuple(self.wider * width for width in one.actor_hidden),
            critic_hidden=tuple(self.wider * width for width in one.critic_hidden),
        )
        sizes = (task.n_agents * task.observation_size, task.n_agents * task.action_size)
        agent = TD3(1, *sizes, config=wide, seed=context.learner_seed)
        return train_and_play(context, CentralAgent(agent, task.n_agents), task, budget.learning_steps)


@dataclass(frozen=True, kw_only=True)
class _FromSource(Arm):
    """One agent per cell that starts with what an agent of the source network knows, without an exploration phase."""

    hands_over: Strategy = "integrated"
    setting: Setting = "published"
    family = "transfer"
    reads = (*Arm.reads, "transfer_steps", "td3")

    @property
    def strategy(self) -> Strategy:
        """What it hands over."""
        return self.hands_over

    @property
    def explores(self) -> Setting:
        """In which setting it, and its source, explore and learn."""
        return self.setting

    def _train_from(self, context: Context, source: TD3, chosen: NDArray[np.int64]) -> Played:
        """Hand over, train, evaluate: target cell i starts with what source cell chosen[i] knows."""
        budget, task = context.budget, Task(context.scenario)
        config = budget.td3_config(self.setting, transferred=True)
        if self.hands_over in ("instance", "integrated"):
            config = replace(config, capacity=config.capacity + budget.learning_steps)
        agents = context.new_agents(task, config)
        transfer(source, chosen, agents, range(task.n_agents), self.hands_over)
        extra: Arrays = {"source_cell": (chosen + 1).astype(np.int32)}
        return train_and_play(context, agents, task, budget.transfer_steps, extra)


@dataclass(frozen=True, kw_only=True)
class Handover(_FromSource):
    """A transfer from a cell of the source network that is chosen by its similarity."""

    source: SourceChoice

    #: Which distance a choice goes by; the paper's unless named.
    _DISTANCE: ClassVar[Mapping[str, tuple[str, str]]] = {
        "fast": (SimilarityOfCells.name, "distance_fast"),
        "corrected": (SimilarityOfCells.name, "distance_corrected"),
        "configuration": (SourceDistances.name, "distance_configuration"),
        "probe": (SourceDistances.name, "distance_probe"),
    }

    @property
    def _measured(self) -> tuple[str, str]:
        """The job that measures the distance, and its name there."""
        return self._DISTANCE.get(self.source, (SimilarityOfCells.name, "distance"))

    @property
    def source_choice(self) -> SourceChoice:
        """How it chooses its source cells."""
        return self.source

    def needs(self) -> tuple[str, ...]:
        """Return the training on the source network, and the distances of its cells."""
        return (self._training, self._measured[0])

    def impossible(self, scenario: Scenario) -> str:
        """Refuse a network of one cell: a cell of the target's own number is no source."""
        return "" if scenario.n_cells > 1 else "a network of one cell has no other cell to transfer from"

    def play(self, context: Context) -> Played:
        """Choose a source for every cell, hand over, train, evaluate."""
        job, name = self._measured
        distance = context.load(job)[name]
        groups = context.scenario.requirement_groups
        chosen = choose_sources(distance, self.source, groups, context.learner_seed)
        return self._train_from(context, context.load_agents(self._training), chosen)

    @property
    def _training(self) -> str:
        return (OurPretrain if self.setting == "ours" else Pretrain).name


@dataclass(frozen=True, kw_only=True)
class KnownCell(_FromSource):
    """A transfer from the same cell before its users and traffic changed."""

    @property
    def source_choice(self) -> Literal["itself"]:
        """How it chooses its source cells: each its own."""
        return "itself"

    def needs(self) -> tuple[str, ...]:
        """Return the training before the traffic changes."""
        return (KnownPretrain.name,)

    def play(self, context: Context) -> Played:
        """Hand over, train, evaluate."""
        itself = np.arange(context.scenario.n_cells, dtype=np.int64)
        return self._train_from(context, context.load_agents(KnownPretrain.name), itself)


@dataclass(frozen=True, kw_only=True)
class Specialists(Arm):
    """One agent per cell that starts as the generalist."""

    family = "specialists"
    reads = (*Arm.reads, "transfer_steps", "td3")

    def needs(self) -> tuple[str, ...]:
        """Return the generalist's training."""
        return (GeneralistTraining.name,)

    def play(self, context: Context) -> Played:
        """Copy the generalist's networks, train, evaluate."""
        budget, task = context.budget, Task(context.scenario)
        agents = context.new_agents(task, budget.td3_config(transferred=True))
        generalist = context.load_agents(GeneralistTraining.name)
        transfer(generalist, [0] * task.n_agents, agents, range(task.n_agents), "model")
        return train_and_play(context, agents, task, budget.transfer_steps)
