"""Arms that learn in hindsight on the target network, cell by cell, acting greedily from the first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from slicefast.policies.hindsight import OnlineHindsight, new_hindsight, replay_fault
from slicefast.scenario import Scenario
from slicefast.study.arms.base import Arm, Played, callbacks_of
from slicefast.study.budget import Budget
from slicefast.study.hindsight_training import STEP_WEIGHT, HindsightPretrain
from slicefast.study.similarity_work import SimilarityOfCells
from slicefast.study.work import Context
from slicefast.task import Task
from slicefast.training import train
from slicefast.transfer import SourceChoice, choose_sources
from slicefast.units import Arrays

if TYPE_CHECKING:
    from slicefast.learn import Hindsight
    from slicefast.learn.hindsight_config import Basis, Sight


@dataclass(frozen=True, kw_only=True)
class InHindsight(Arm):
    """A hindsight learner that starts from nothing, or on the rule; it learns for as many steps as a transfer does."""

    sight: Sight = "task"
    basis: Basis = "nothing"
    federated: bool = False
    family = "hindsight"
    reads = (*Arm.reads, "hindsight_steps")

    def impossible(self, scenario: Scenario) -> str:
        """Refuse a scenario whose steps cannot be replayed slice by slice."""
        return replay_fault(scenario)

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of the target network, those that are learned from counted as often as they are slower."""
        return budget.horizon + (STEP_WEIGHT - 1) * budget.hindsight_steps

    def play(self, context: Context) -> Played:
        """Learn, then play."""
        return self._play(context, self._new(context), {})

    def _new(self, context: Context) -> Hindsight:
        from slicefast.learn import HindsightConfig

        config = HindsightConfig(sight=self.sight, basis=self.basis, federated=self.federated)
        return new_hindsight(Task(context.scenario), config, context.learner_seed)

    def _play(self, context: Context, learner: Hindsight, extra: Arrays) -> Played:
        budget, task, network = context.budget, Task(context.scenario), context.target_network()
        recorder, _ = callbacks_of(context, task)
        history = train(
            [network],
            OnlineHindsight(learner, network),
            task,
            budget.horizon,
            learn_steps=budget.hindsight_steps,
            callbacks=[
                recorder,
                lambda step: context.tick(STEP_WEIGHT if step.learning else 1),
            ],
        )
        return Played(history.reward, recorder.arrays, extra)


@dataclass(frozen=True, kw_only=True)
class HindsightFromSource(InHindsight):
    """The same that starts with the network and the memory of a cell of the source network, chosen by similarity."""

    source: SourceChoice

    @property
    def source_choice(self) -> SourceChoice:
        """How it chooses its source cells."""
        return self.source

    def needs(self) -> tuple[str, ...]:
        """Return the learner's training on the source network, and the similarity of its cells."""
        return (HindsightPretrain.name, SimilarityOfCells.name)

    def impossible(self, scenario: Scenario) -> str:
        """Refuse a network of one cell as well: a cell of the target's own number is no source."""
        alone = "" if scenario.n_cells > 1 else "a network of one cell has no other cell to transfer from"
        return alone or super().impossible(scenario)

    def play(self, context: Context) -> Played:
        """Choose a source for every cell, hand over, learn, then play."""
        from slicefast.learn import Hindsight

        source, learner = Hindsight.load(context.weights_path(HindsightPretrain.name)), self._new(context)
        distance, groups = context.load(SimilarityOfCells.name)["distance"], context.scenario.requirement_groups
        chosen = choose_sources(distance, self.source, groups, context.learner_seed)
        for target, cell in enumerate(chosen.tolist()):
            learner.copy_agent(source, cell, target, memory=True)
        return self._play(context, learner, {"source_cell": (chosen + 1).astype(np.int32)})
