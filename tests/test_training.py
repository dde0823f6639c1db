"""The one loop: against the loops written out, and who is given what, held by a fake network and a fake learner."""

from __future__ import annotations

import numpy as np
import pytest

from slicefast import Scenario, Simulator, Task
from slicefast.kpis import Kpis
from slicefast.learn import TD3, TD3Config
from slicefast.training import (
    CentralAgent,
    History,
    Step,
    new_agents,
    play,
    train,
)

CONFIG = TD3Config(exploration_steps=6, batch_size=4, actor_hidden=(8, 6), critic_hidden=(9, 5), capacity=20)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Three cells, four slices."""
    return Scenario.hexagonal(n_sites=1, window_ttis=20)


def started(scenario: Scenario, seed: int = 3, n_replicas: int = 1) -> Simulator:
    simulator = Simulator(scenario, seed=seed, n_replicas=n_replicas)
    simulator.reset()
    return simulator


# Against the loops written out


def test_training_is_the_loop_written_out(scenario, reference) -> None:
    task = Task(scenario)
    expected_agents, agents = (new_agents(task, CONFIG, seed=5) for _ in range(2))
    expected = reference("training").learn(started(scenario), expected_agents, task.observe, task.reward, 14, 20)
    found = train(started(scenario), agents, task, 20, learn_steps=14)
    np.testing.assert_array_equal(found.reward, expected)
    assert_same_agents(agents, expected_agents)
    assert agents.step == 14
    assert agents.n_updates == 14 - 6 + 1  # from the sixth transition on, before the seventh


def test_central_training_is_the_loop_written_out(scenario, reference) -> None:
    task = Task(scenario)
    pair = [TD3(1, 3 * task.observation_size, 3 * task.action_size, CONFIG, seed=5) for _ in range(2)]
    expected = reference("training").learn_centralised(started(scenario), pair[0], task.observe, task.reward, 14, 20)
    found = train(started(scenario), CentralAgent(pair[1], 3), task, 20, learn_steps=14)
    np.testing.assert_array_equal(found.reward, expected)
    assert_same_agents(*pair)


def test_shared_training_is_the_loop_written_out(scenario, reference) -> None:
    task = Task(scenario)
    pair = [new_agents(task, CONFIG, seed=5, n_agents=1) for _ in range(2)]
    expected = reference("training").learn_shared(started(scenario), pair[0], task.observe, task.reward, 12)
    found = train(started(scenario), pair[1], task, 12)
    np.testing.assert_array_equal(found.reward, expected)
    assert_same_agents(*pair)
    assert pair[1].step == 12 * 3  # transitions


def test_training_side_by_side_is_the_loop_written_out(scenario, reference) -> None:
    task = Task(scenario)
    pair = [new_agents(task, CONFIG, seed=5, n_agents=6) for _ in range(2)]
    networks = [[started(scenario, seed) for seed in (3, 4)] for _ in range(2)]
    twin = reference("training").learn_side_by_side
    expected = twin(networks[0], pair[0], task.observe, task.reward, 12)
    np.testing.assert_array_equal(train(networks[1], pair[1], task, 12).reward, expected)
    assert_same_agents(*pair)


def assert_same_agents(found: TD3, expected: TD3) -> None:
    """Networks, optimisers and transitions are the same to the last bit."""
    for mine, theirs in zip(found.state.tensors(), expected.state.tensors(), strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    np.testing.assert_array_equal(found.replay.array, expected.replay.array)
    assert (found.step, found.n_updates, found.n_acts) == (expected.step, expected.n_updates, expected.n_acts)


def test_replicas_are_trained_like_networks_beside_each_other(scenario) -> None:
    """Agents of replica r are numbers 3 r to 3 r + 2, and learn from that replica."""
    task = Task(scenario)
    agents = new_agents(task, CONFIG, seed=5, n_agents=6)
    log: list[Step] = []
    found = train(started(scenario, n_replicas=2), agents, task, 10, callbacks=[log.append])
    assert found.reward.shape == (10, 6)
    for step in log:
        np.testing.assert_array_equal(step.reward.reshape(2, 3), task.reward(step.kpis[0]))
    for r in range(2):
        rows = agents.replay.array[3 * r : 3 * r + 3]
        seen = np.stack([task.observe(step.kpis[0])[r] for step in log], axis=1)
        np.testing.assert_array_equal(rows[:, :10, -task.observation_size :], seen)


# Who is given what


class FakeNetwork:
    """A network whose load in step t is offset + 100 t + 10 n + s and whose rewards follow from it."""

    def __init__(self, scenario: Scenario, offset: float, replicas: int = 1) -> None:
        self.offset, self.steps = offset, 0
        cells, slices = scenario.n_cells, scenario.n_slices
        self.shares_shape = (cells, slices) if replicas == 1 else (replicas, cells, slices)
        self.played: list[np.ndarray] = []
        self.kpis = self.measure()

    def measure(self) -> Kpis:
        """Return the KPIs of the step that was played last."""
        place = 10.0 * np.arange(self.shares_shape[-2])[:, None] + np.arange(self.shares_shape[-1])
        load = np.broadcast_to(self.offset + 100.0 * self.steps + place, self.shares_shape).copy()
        if len(self.shares_shape) == 3:
            load += 10_000.0 * np.arange(self.shares_shape[0])[:, None, None]
        return Kpis(np.ones_like(load), np.ones_like(load), load, np.ones_like(load))

    def step(self, shares: np.ndarray) -> Kpis:
        """Write the shares down and go on."""
        assert shares.shape == self.shares_shape
        self.played.append(np.array(shares))
        self.steps += 1
        self.kpis = self.measure()
        return self.kpis


class FakeLearner:
    """Acts with its number of calls and writes down what it is given, in order."""

    def __init__(self) -> None:
        self.log: list[tuple] = []

    def act(self, observation: np.ndarray, explore: bool = False) -> np.ndarray:
        """Return another action in every call."""
        self.log.append(("act", np.array(observation), explore))
        return 1000.0 * len(self.log) + np.arange(len(observation) * 4.0).reshape(-1, 4)

    def store(self, *transition: np.ndarray) -> None:
        """Write a transition down."""
        self.log.append(("store", *(np.array(part) for part in transition)))

    def update(self) -> None:
        """Write down that it learned."""
        self.log.append(("update",))


@pytest.fixture
def task(scenario: Scenario) -> Task:
    """Agents see their load and earn their first slice's."""
    return Task(scenario, features="load", reward=lambda kpis, scenario: kpis.load[..., 0], coordination="none")


def test_what_a_learner_is_given(scenario, task) -> None:
    networks, learner, log = [FakeNetwork(scenario, 0.0), FakeNetwork(scenario, 1e6)], FakeLearner(), []
    place = 10.0 * np.arange(3)[:, None] + np.arange(4)
    seen = [np.concatenate([100.0 * t + place, 1e6 + 100.0 * t + place]) for t in range(4)]
    history = train(networks, learner, task, 3, learn_steps=2, callbacks=[lambda step: log.append(("step", step))])
    assert [entry[0] for entry in learner.log] == ["act", "store", "update", "act", "store", "update", "act"]
    for t, number in enumerate((0, 3, 6)):
        _, observation, explore = learner.log[number]
        np.testing.assert_array_equal(observation, seen[t].astype(np.float32))
        assert explore is (t < 2)
        np.testing.assert_array_equal(history.reward[t], seen[t + 1][:, 0])
        action = 1000.0 * (number + 1) + np.arange(24.0).reshape(6, 4)
        np.testing.assert_array_equal(np.concatenate([network.played[t] for network in networks]), action)
        if t < 2:
            _, before, given, earned, after = learner.log[number + 1]
            np.testing.assert_array_equal(before, seen[t].astype(np.float32))
            np.testing.assert_array_equal(given, action)
            np.testing.assert_array_equal(earned, seen[t + 1][:, 0])
            np.testing.assert_array_equal(after, seen[t + 1].astype(np.float32))
    for t, (_, step) in enumerate(log):
        assert (step.index, step.learning) == (t, t < 2)
        np.testing.assert_array_equal(step.reward, history.reward[t])
        for kpis, offset in zip(step.kpis, (0.0, 1e6), strict=True):
            np.testing.assert_array_equal(kpis.load, offset + 100.0 * (t + 1) + place)


def test_callbacks_come_after_learning_and_in_their_order(scenario, task) -> None:
    learner = FakeLearner()
    calls = [lambda step, name=name: learner.log.append((name, step.index)) for name in ("first", "second")]
    train(FakeNetwork(scenario, 0.0), learner, task, 2, callbacks=calls)
    expected = ["act", "store", "update", "first", "second"]
    assert [entry[0] for entry in learner.log] == 2 * expected
    assert [entry[1] for entry in learner.log if entry[0] == "first"] == [0, 1]


def test_everything_is_learning_unless_said_otherwise(scenario, task) -> None:
    learner = FakeLearner()
    train(FakeNetwork(scenario, 0.0), learner, task, 3)
    assert [entry[2] for entry in learner.log if entry[0] == "act"] == [True] * 3
    learner = FakeLearner()
    train(FakeNetwork(scenario, 0.0), learner, task, 3, learn_steps=0)
    assert [entry[0] for entry in learner.log] == ["act"] * 3
    assert not any(entry[2] for entry in learner.log)


def test_replicas_reach_the_learner_one_after_the_other(scenario, task) -> None:
    network, learner = FakeNetwork(scenario, 0.0, replicas=2), FakeLearner()
    history = train(network, learner, task, 1)
    place = 10.0 * np.arange(3)[:, None] + np.arange(4)
    np.testing.assert_array_equal(learner.log[0][1], np.concatenate([place, 10_000.0 + place]))
    np.testing.assert_array_equal(network.played[0], 1000.0 + np.arange(24.0).reshape(2, 3, 4))
    np.testing.assert_array_equal(history.reward, [[100, 110, 120, 10_100, 10_110, 10_120]])


def test_a_run_goes_on_where_it_was(scenario, task) -> None:
    learner, log = FakeLearner(), []
    history = History.empty(5, 3)
    history.reward[:2] = 7.0
    network = FakeNetwork(scenario, 0.0)
    found = train(network, learner, task, 5, learn_steps=4, first_step=2, history=history, callbacks=[log.append])
    assert found is history
    assert [(step.index, step.learning) for step in log] == [(2, True), (3, True), (4, False)]
    np.testing.assert_array_equal(history.reward[:, 0], [7.0, 7.0, 100.0, 200.0, 300.0])
    unplayed = train(FakeNetwork(scenario, 0.0), FakeLearner(), task, 3, first_step=2)
    assert np.isnan(unplayed.reward[:2]).all()
    assert not np.isnan(unplayed.reward[2]).any()


def test_a_resumed_training_is_an_undisturbed_one(scenario) -> None:
    task = Task(scenario)
    whole = new_agents(task, CONFIG, seed=5)
    expected = train(started(scenario), whole, task, 12)
    simulator, agents, history = started(scenario), new_agents(task, CONFIG, seed=5), History.empty(12, 3)

    def stop(step: Step) -> None:
        if step.index == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(simulator, agents, task, 12, history=history, callbacks=[stop])
    train(simulator, agents, task, 12, first_step=7, history=history)
    np.testing.assert_array_equal(history.reward, expected.reward)
    assert_same_agents(agents, whole)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"steps": -1}, "steps: got -1"),
        ({"steps": 3, "first_step": 4}, "first_step: got 4, allowed: 0 to steps, 3"),
        ({"steps": 3, "first_step": -1}, "first_step: got -1"),
        ({"steps": 3, "history": History.empty(2, 3)}, r"history: .*\(3, 3\)"),
    ],
)
def test_steps_that_do_not_fit_are_refused_before_any_is_played(scenario, task, arguments, named) -> None:
    network = FakeNetwork(scenario, 0.0)
    with pytest.raises(ValueError, match=named):
        train(network, FakeLearner(), task, **arguments)
    with pytest.raises(ValueError, match=named):
        play(network, lambda *_: None, task, **arguments)
    assert network.played == []


def test_a_policy_sees_the_last_step_and_nobody_learns(scenario, task) -> None:
    network, log, seen = FakeNetwork(scenario, 0.0), [], []

    def policy(simulator: FakeNetwork, observation: np.ndarray) -> np.ndarray:
        assert simulator is network
        seen.append(observation)
        return np.full((3, 4), float(len(seen)))

    found = play(network, policy, task, 4, first_step=1, callbacks=[log.append])
    place = 10.0 * np.arange(3)[:, None] + np.arange(4)
    np.testing.assert_array_equal(seen, [100.0 * t + place for t in range(3)])
    np.testing.assert_array_equal([shares[0, 0] for shares in network.played], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(found.reward[1:, 1], [110.0, 210.0, 310.0])
    assert np.isnan(found.reward[0]).all()
    assert [(step.index, step.learning) for step in log] == [(1, False), (2, False), (3, False)]
    np.testing.assert_array_equal([step.reward for step in log], found.reward[1:])


def test_the_reward_of_a_task_is_the_reward_that_is_learned(scenario) -> None:
    """The same network, agents that act alike: what is stored differs by the reward alone."""
    stored = {}
    for name in ("max_min", "logarithmic"):
        task, learner = Task(scenario, reward=name), FakeLearner()
        network = FakeNetwork(scenario, 0.0)
        history = train(network, learner, task, 1)
        stored[name] = learner.log[1][3]
        np.testing.assert_array_equal(stored[name], task.reward(network.kpis))
        np.testing.assert_array_equal(history.reward[0], stored[name])
    assert (stored["max_min"] != stored["logarithmic"]).all()


# Learners made of one agent


class FakeAgent(FakeLearner):
    """One agent whose outputs are fixed."""

    action_dim = 6

    def __init__(self, action: list[float]) -> None:
        super().__init__()
        self.action = np.array([action], np.float32)

    def act(self, observation: np.ndarray, explore: bool = False) -> np.ndarray:
        """Return the one action."""
        self.log.append(("act", np.array(observation), explore))
        return self.action


def test_a_central_agent_divides_every_cell_and_earns_the_mean() -> None:
    agent = FakeAgent([0.1, 0.3, 0.0, 0.0, 0.6, 0.2])
    central = CentralAgent(agent, 3)
    observation = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    shares = central.act(observation, explore=True)
    np.testing.assert_allclose(shares, [[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]], rtol=1e-6)
    central.store(observation, shares, np.array([0.1, 0.2, 0.6], np.float32), observation + 1.0)
    central.update()
    acted, stored, updated = agent.log
    np.testing.assert_array_equal(acted[1], observation.reshape(1, 12))
    assert acted[2] is True
    np.testing.assert_array_equal(stored[1], observation.reshape(1, 12))
    np.testing.assert_array_equal(stored[2], agent.action)
    np.testing.assert_allclose(stored[3], [0.3], rtol=1e-6)
    np.testing.assert_array_equal(stored[4], observation.reshape(1, 12) + 1.0)
    assert updated == ("update",)
    central.act(observation)
    assert agent.log[-1][2] is False


def test_new_agents_have_the_sizes_of_the_task(scenario) -> None:
    agents = new_agents(Task(scenario), CONFIG, seed=4)
    assert (agents.n_agents, agents.obs_dim, agents.action_dim, agents.seed) == (3, 16, 4, 4)
    assert agents.config is CONFIG
    fewer = Task(scenario, features=["load"], coordination="none")
    assert new_agents(fewer, CONFIG, seed=4, n_agents=7).n_agents == 7
    assert new_agents(fewer, CONFIG, seed=4).obs_dim == 4
