"""The jobs whose results arms rest on: training on the source network, how far sources are, all pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from slicefast import policies
from slicefast.callbacks.bar import Ticker
from slicefast.policies import informed
from slicefast.rng import Restarts
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.study.budget import GAIN_WINDOW, Budget
from slicefast.study.hindsight_training import HindsightPretrain
from slicefast.study.seeds import source_network_seed, target_network_seed, training_network_seed
from slicefast.study.setting import Setting
from slicefast.study.similarity_work import SimilarityOfCells
from slicefast.study.work import Context, Variable, Work
from slicefast.task import Task
from slicefast.training import play, train
from slicefast.transfer import configuration_distance, hindsight_rewards, transfer
from slicefast.units import Arrays

# About how many steps of one network a step of the counterfactual policy's training costs, for the progress bar.
_PROBE_WEIGHT = 20
#: Steps of a network before an agent that is trained on many goes on with another: a day of the default scenario.
RESTART_STEPS = 200


class Pretrain(Work):
    """One agent per cell of the source network, trained from scratch and kept with its replay."""

    name = "pretrain"
    label = "training on the source network"
    reads = ("exploration_steps", "train_steps", "td3")
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(("pretrain_step", "cell"), "reward on the source network", name="pretrain_reward")
    }
    variants = ("",)
    setting: ClassVar[Setting] = "published"

    def settings(self) -> dict[str, Any]:
        """Return the setting in which agents explore and learn."""
        return {"setting": self.setting}

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of exploration and training."""
        return budget.learning_steps

    def run(self, context: Context) -> Arrays:
        """Train, and return the reward of every step."""
        budget, task = context.budget, Task(context.scenario)
        agents = context.new_agents(task, budget.td3_config(self.setting))
        ticker = Ticker(context.tick, budget.learning_steps - 1)
        history = train([self._network(context)], agents, task, budget.learning_steps, callbacks=[ticker])
        agents.save(context.own_weights_path())
        return {"reward": history.reward}

    def _network(self, context: Context) -> Simulator:
        return context.source_network()


class OurPretrain(Pretrain):
    """The same in our setting of exploration and learning."""

    name = "pretrain_ours"
    label = "training on the source network, ours"
    setting = "ours"
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(("pretrain_step", "cell"), "the same in our setting", name="pretrain_reward_ours")
    }


class KnownPretrain(Pretrain):
    """The same where the target network lies: the same places and shadowing, other users and traffic."""

    name = "known_pretrain"
    label = "training before the traffic changes"
    outputs: ClassVar[Mapping[str, Variable]] = {}

    def _network(self, context: Context) -> Simulator:
        return context.network(source_network_seed(context.seed), place_seed=target_network_seed(context.seed))


class GeneralistTraining(Work):
    """One agent, trained on the experience of all cells of the source network (TL-DIRP's generalist).

    It learns once a step from a batch N times as large, so it sees as many transitions as the cells' agents together.
    """

    name = "generalist_training"
    label = "training of the generalist"
    reads = ("exploration_steps", "train_steps", "td3")
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(
            ("pretrain_step", "cell"),
            "reward on the source network while one agent learns for all cells",
            name="generalist_reward",
        )
    }
    variants = ("",)

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of exploration and training."""
        return budget.learning_steps

    def run(self, context: Context) -> Arrays:
        """Train, and return the reward of every step."""
        budget, task = context.budget, Task(context.scenario)
        one, n_cells = budget.td3_config(), task.n_agents
        config = one.per_row(n_cells, batch_size=one.batch_size * n_cells)
        agent = context.new_agents(task, config, n_agents=1)
        ticker = Ticker(context.tick, budget.learning_steps - 1)
        network = context.source_network()
        history = train([network], agent, task, budget.learning_steps, callbacks=[ticker])
        agent.save(context.own_weights_path())
        return {"reward": history.reward}


class SharedTraining(Work):
    """One agent for all cells, trained on many networks in our setting: what central training of a TD3 can do.

    It starts on the source network, which makes room for another one of the scenario every `RESTART_STEPS` steps.
    """

    name = "shared_training"
    label = "training of one agent on many networks"
    reads = ("shared_steps",)
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(
            ("shared_step", "cell"), "reward while one agent learns on many networks", name="shared_reward"
        )
    }
    variants = ("",)

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of its networks."""
        return budget.shared_steps

    def run(self, context: Context) -> Arrays:
        """Train, and return the reward of every step."""
        from slicefast.learn import TD3Config

        steps, task = context.budget.shared_steps, Task(context.scenario)
        agent = context.new_agents(task, TD3Config.preset("ours_shared").per_row(task.n_agents), n_agents=1)
        ticker = Ticker(context.tick, steps - 1)
        restarts = Restarts(source_network_seed(context.seed), RESTART_STEPS)
        history = train(context.source_network(), agent, task, steps, callbacks=[ticker], restarts=restarts)
        agent.save(context.own_weights_path())
        return {"reward": history.reward}


class CounterfactualTraining(Work):
    """The counterfactual policy and its ablations, learned on the source network and further ones of the scenario."""

    name = "counterfactual_training"
    label = "training of the counterfactual policy"
    stream = "best_training"
    reads = ("counterfactual_steps",)
    variants = informed.ABLATIONS

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return its steps; each looks at many partitions."""
        return _PROBE_WEIGHT * budget.counterfactual_steps

    def run(self, context: Context) -> Arrays:
        """Train, and return the number of steps."""
        networks = [training_network_seed(context.seed, number) for number in range(informed.NETWORKS)]
        steps = context.budget.counterfactual_steps

        def tick(count: int) -> None:
            context.tick(_PROBE_WEIGHT * count)

        trained = informed.train(context.scenario, networks, context.learner_seed, steps, tick)
        for ablation, policy in trained.items():
            policy.save(context.own_weights_path(ablation))
        return {"steps": np.array(steps)}


class SourceDistances(Work):
    """How far the sources are by what an operator knows of the cells, and by what their policies would have earned."""

    name = "source_distances"
    label = "sources by configuration and by probe"
    reads = ("exploration_steps", "train_steps", "td3", "sample_steps")
    outputs: ClassVar[Mapping[str, Variable]] = {
        "distance_configuration": Variable(("source", "target"), "distance of the cells' configurations"),
        "distance_probe": Variable(
            ("source", "target"), "minus the mean reward that a source's policy would have earned in the first steps"
        ),
    }

    def needs(self) -> tuple[str, ...]:
        """Return the training on the source network."""
        return (Pretrain.name,)

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of the target network."""
        return budget.sample_steps

    def run(self, context: Context) -> Arrays:
        """Return both distances (N, N), row the source and column the target."""
        sources, task = context.load_agents(Pretrain.name), Task(context.scenario)
        network, steps = context.target_network(), context.budget.sample_steps
        return {
            "distance_configuration": configuration_distance(context.scenario),
            "distance_probe": -hindsight_rewards(sources, network, task, steps, context.tick),
        }


class Pairs(Work):
    """Every source cell transferred to every target cell: N copies of the target network, all agents in one stack.

    In copy r target cell j starts with what source cell (j + r) mod N knows, so that N copies cover all pairs, those of
    the same number included.
    """

    name = "pairs"
    label = "transfer over all pairs"
    setting: ClassVar[Setting] = "published"
    source: ClassVar[type[Pretrain]] = Pretrain
    reads = ("exploration_steps", "train_steps", "pair_steps", "td3")
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(
            ("gain_step", "source", "target"),
            "mean reward over the window before a step of a transfer, for every pair of cells",
            name="pair_reward",
        )
    }

    def settings(self) -> dict[str, Any]:
        """Return the setting in which agents explore and learn."""
        return {"setting": self.setting}

    def needs(self) -> tuple[str, ...]:
        """Return the training on the source network."""
        return (self.source.name,)

    def impossible(self, scenario: Scenario) -> str:
        """Refuse a network of one cell, which has no pair of different cells."""
        return "" if scenario.n_cells > 1 else _ONE_CELL

    def memory_bytes(self, budget: Budget, scenario: Scenario) -> int:
        """Return the size of the replay of N^2 agents."""
        task = Task(scenario)
        row = 2 * task.observation_size + task.action_size + 1
        return int(task.n_agents**2 * (budget.learning_steps + budget.pair_steps) * row * 4)

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of all N networks."""
        return n_cells * budget.pair_steps

    def run(self, context: Context) -> Arrays:
        """Return "reward", (G, N, N): the mean over the window before each gain step, row the source."""
        budget, task = context.budget, Task(context.scenario)
        cells, steps = task.n_agents, budget.pair_steps
        targets = np.tile(np.arange(cells), cells)
        sources = (targets + np.repeat(np.arange(cells), cells)) % cells
        config = budget.td3_config(self.setting, transferred=True, capacity=budget.learning_steps + steps)
        agents = context.new_agents(task, config, n_agents=cells * cells)
        transfer(context.load_agents(self.source.name), sources, agents, range(cells * cells))
        networks = [context.target_network() for _ in range(cells)]
        history = train(networks, agents, task, steps, callbacks=[Ticker(context.tick, steps - 1, weight=cells)])
        reward = np.empty((len(budget.gain_steps), cells, cells), dtype=np.float32)
        for row, until in enumerate(budget.gain_steps):
            reward[row, sources, targets] = history.reward[max(0, until - GAIN_WINDOW) : until].mean(axis=0)
        return {"reward": reward}


class OurPairs(Pairs):
    """The same in our setting of exploration and learning."""

    name = "pairs_ours"
    label = "transfer over all pairs, ours"
    setting = "ours"
    source = OurPretrain
    outputs: ClassVar[Mapping[str, Variable]] = {
        "reward": Variable(("gain_step", "source", "target"), "the same in our setting", name="pair_reward_ours")
    }


class OfferedTraffic(Work):
    """What is offered to every cell of the target network and to its neighbours, whatever is played."""

    name = "offered"
    label = "traffic offered on the target network"
    reads = ("exploration_steps", "train_steps", "evaluation_steps")
    outputs: ClassVar[Mapping[str, Variable]] = {
        "own": Variable(("step", "cell"), "mean traffic offered to the cell", "bit/s", "offered_bps"),
        "neighbours": Variable(
            ("step", "cell"), "mean traffic offered to its neighbours, per neighbour", "bit/s", "neighbours_offered_bps"
        ),
        "cycle": Variable(
            (), "steps after which the traffic's mask begins again", name="cycle_steps", dtype="int32", fill=0
        ),
    }

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return one: it plays nothing."""
        return 1

    def run(self, context: Context) -> Arrays:
        """Return the traffic (T, N) and the cycle: share of active users x users x rate, summed over the slices."""
        network, scenario = context.target_network(), context.scenario
        users = np.array([item.users_per_cell for item in scenario.slices])
        own = network.traffic_mask(context.budget.horizon) @ (users * scenario.slice_rate_bps)
        near = scenario.neighbours
        heard = own[:, near].mean(axis=-1) if near.shape[-1] else own
        context.tick(1)
        return {"own": own, "neighbours": heard, "cycle": np.array(len(network.traffic_mask()))}


class EarlyBaselines(Work):
    """The baselines over the first steps of the target network: all that a map needs of them."""

    name = "baselines"
    label = "baselines over the first steps"
    reads = ("pair_steps",)
    outputs: ClassVar[Mapping[str, Variable]] = {
        name: Variable(("pair_step", "cell"), f"reward of {name} over the first steps", name=f"early_{name}")
        for name in ("traffic_aware", "max_min_rule")
    }

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of both."""
        return len(self.outputs) * budget.pair_steps

    def run(self, context: Context) -> Arrays:
        """Return the rewards (steps, N) of both."""
        task, steps = Task(context.scenario), context.budget.pair_steps
        return {
            name: play(
                context.target_network(), policies.get(name), task, steps, callbacks=[Ticker(context.tick, steps - 1)]
            ).reward
            for name in self.outputs
        }


_ONE_CELL = "a network of one cell has no other cell to transfer from"
PREPARATIONS: dict[str, Work] = {
    work.name: work
    for work in (
        Pretrain(),
        SimilarityOfCells(),
        SourceDistances(),
        GeneralistTraining(),
        SharedTraining(),
        CounterfactualTraining(),
        HindsightPretrain(),
        KnownPretrain(),
        Pairs(),
        OurPretrain(),
        OurPairs(),
        OfferedTraffic(),
        EarlyBaselines(),
    )
}
