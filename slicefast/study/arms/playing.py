"""Arms that play the target network without learning on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from slicefast import policies
from slicefast.policies import Policy, informed
from slicefast.policies.informed import Ablation
from slicefast.study.arms.base import Arm, Family, Played, callbacks_of, play_policy
from slicefast.study.budget import Budget
from slicefast.study.preparations import CounterfactualTraining, GeneralistTraining
from slicefast.study.work import Context
from slicefast.task import Task
from slicefast.training import Ticker, play

# About how many steps of another arm a step of the oracle costs; only the progress bar rests on it.
_ORACLE_WEIGHT = 50


@dataclass(frozen=True, kw_only=True)
class Fixed(Arm):
    """A policy without learning: a function, or a class of which every network gets an object of its own."""

    policy: Policy | type[Policy]
    family = "fixed"

    def play(self, context: Context) -> Played:
        """Play the policy."""
        return play_policy(context, policies.ready(self.policy))


@dataclass(frozen=True, kw_only=True)
class Oracle(Arm):
    """The clairvoyant reference, over the evaluation steps only."""

    family = "oracle"

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of the target network, its own counted as often as they are slower."""
        return budget.horizon + (_ORACLE_WEIGHT - 1) * budget.evaluation_steps

    def play(self, context: Context) -> Played:
        """Play the traffic-aware policy up to the evaluation, then the oracle."""
        budget, task, network = context.budget, Task(context.scenario), context.target_network()
        recorder, _ = callbacks_of(context, task)
        first = budget.horizon - budget.evaluation_steps
        # Its look ahead is slow; the traffic-aware policy brings the queues to the evaluation.
        play(network, policies.traffic_aware, task, first, callbacks=[Ticker(context.tick, first - 1)])
        ticker = Ticker(context.tick, budget.horizon - 1, weight=_ORACLE_WEIGHT)
        history = play(network, policies.oracle, task, budget.horizon, first_step=first, callbacks=[recorder, ticker])
        return Played(history.reward, recorder.arrays, {})


@dataclass(frozen=True, kw_only=True)
class Generalist(Arm):
    """The agent trained on all source cells, as it is."""

    family = "generalist"

    def needs(self) -> tuple[str, ...]:
        """Return the generalist's training."""
        return (GeneralistTraining.name,)

    def play(self, context: Context) -> Played:
        """Play the agent for every cell."""
        return play_policy(context, policies.shared(context.load_agents(GeneralistTraining.name)))


@dataclass(frozen=True, kw_only=True)
class Counterfactual(Arm):
    """The policy of `slicefast.policies.informed`."""

    family: ClassVar[Family] = "informed"

    def needs(self) -> tuple[str, ...]:
        """Return its training."""
        return (CounterfactualTraining.name,)

    def play(self, context: Context) -> Played:
        """Play the trained policy; it does not learn on the target network."""
        return self._play(context, "full")

    def _play(self, context: Context, ablation: Ablation) -> Played:
        from slicefast.learn.curve_policy import CurvePolicy

        trained = CurvePolicy.load(context.weights_path(CounterfactualTraining.name, ablation))
        return play_policy(context, informed.player(trained, ablation))


@dataclass(frozen=True, kw_only=True)
class Ablated(Counterfactual):
    """The counterfactual policy without one of its parts."""

    part: Ablation
    family = "ablation"

    @property
    def without(self) -> Ablation:
        """What it leaves out."""
        return self.part

    def play(self, context: Context) -> Played:
        """Play the trained policy; it does not learn on the target network."""
        return self._play(context, self.part)
