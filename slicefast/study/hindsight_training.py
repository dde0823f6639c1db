"""The hindsight learner on the source network, whose network and memory cells of the target network start with."""

from __future__ import annotations

from slicefast.callbacks.bar import Ticker
from slicefast.policies.hindsight import OnlineHindsight, new_hindsight, replay_fault
from slicefast.scenario import Scenario
from slicefast.study.budget import Budget
from slicefast.study.work import Context, Work
from slicefast.task import Task
from slicefast.training import train
from slicefast.units import Arrays

#: About how many steps of another arm a step costs that is learned from; only the progress bar rests on it.
STEP_WEIGHT = 8


class HindsightPretrain(Work):
    """A hindsight learner per cell of the source network, on the paper's observation, from nothing."""

    name = "hindsight_pretrain"
    label = "training in hindsight on the source network"
    reads = ("hindsight_steps",)
    variants = ("",)

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return its steps; each looks at many partitions."""
        return STEP_WEIGHT * budget.hindsight_steps

    def impossible(self, scenario: Scenario) -> str:
        """Refuse a scenario whose steps cannot be replayed slice by slice."""
        return replay_fault(scenario)

    def run(self, context: Context) -> Arrays:
        """Train, and return the mean reward of every step."""
        from slicefast.learn import HindsightConfig

        budget, task, network = context.budget, Task(context.scenario), context.source_network()
        learner = OnlineHindsight(new_hindsight(task, HindsightConfig(), context.learner_seed), network)
        ticker = Ticker(context.tick, budget.hindsight_steps - 1, weight=STEP_WEIGHT)
        history = train([network], learner, task, budget.hindsight_steps, callbacks=[ticker])
        learner.save(context.own_weights_path())
        return {"mean_reward": history.reward.mean(axis=1)}
