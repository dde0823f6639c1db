"""Arms that play the target network without learning on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from slicefast import policies
from slicefast.policies import Policy, informed
from slicefast.policies.informed import Ablation
from slicefast.scenario import Scenario
from slicefast.study.arms.base import Arm, Family, Played, callbacks_of, play_policy
from slicefast.study.preparations import CounterfactualTraining, GeneralistTraining, OfferedTraffic
from slicefast.study.work import Context
from slicefast.task import Task
from slicefast.training import play


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
    """The clairvoyant reference, over the first cycle of the traffic and the evaluation steps.

    What it earns in a phase of the cycle is what regret is counted from; between the two the max-min rule plays.
    """

    family = "oracle"

    def needs(self) -> tuple[str, ...]:
        """Return what says how long the traffic's cycle is."""
        return (OfferedTraffic.name,)

    def play(self, context: Context) -> Played:
        """Play the oracle for a cycle, the rule up to the evaluation, then the oracle again."""
        budget, task, network = context.budget, Task(context.scenario), context.target_network()
        recorder, ticker = callbacks_of(context, task)
        evaluation = budget.horizon - budget.evaluation_steps
        cycle = min(int(context.load(OfferedTraffic.name)["cycle"]), evaluation)
        history = play(network, policies.oracle, task, cycle, callbacks=[ticker]).reward
        # Its look ahead is slow; the rule brings the queues to the evaluation.
        play(network, policies.MaxMinRule(), task, evaluation, first_step=cycle, callbacks=[ticker])
        last = play(
            network, policies.oracle, task, budget.horizon, first_step=evaluation, callbacks=[recorder, ticker]
        ).reward
        last[:cycle] = history
        return Played(last, recorder.arrays, {})


@dataclass(frozen=True, kw_only=True)
class Bound(Arm):
    """What one reaches who knows all but the packets to come, over the evaluation steps; the rule plays until then."""

    family = "oracle"

    def impossible(self, scenario: Scenario) -> str:
        """Refuse packets that depend on those before them."""
        kinds = [item.traffic.kind for item in scenario.slices if not item.traffic.superposed]
        return f"fresh packets cannot be drawn for {kinds[0]} traffic" if kinds else ""

    def play(self, context: Context) -> Played:
        """Play the rule up to the evaluation, then the bound."""
        budget, task, network = context.budget, Task(context.scenario), context.target_network()
        recorder, ticker = callbacks_of(context, task)
        first = budget.horizon - budget.evaluation_steps
        play(network, policies.MaxMinRule(), task, first, callbacks=[ticker])
        policy = policies.NonClairvoyant(seed=context.learner_seed)
        history = play(network, policy, task, budget.horizon, first_step=first, callbacks=[recorder, ticker])
        return Played(history.reward, recorder.arrays, {})


@dataclass(frozen=True, kw_only=True)
class Generalist(Arm):
    """One agent trained for all cells, on those of the source network unless another training is named, as it is."""

    trained_by: str = GeneralistTraining.name
    family = "generalist"

    def needs(self) -> tuple[str, ...]:
        """Return the agent's training."""
        return (self.trained_by,)

    def play(self, context: Context) -> Played:
        """Play the agent for every cell."""
        return play_policy(context, policies.greedy(context.load_agents(self.trained_by)))


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
