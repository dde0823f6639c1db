"""Agents that act in several networks at once: one for all cells, or one for the cells of a number."""

import numpy as np
import pytest

from slicefast import Scenario, Simulator, Task
from slicefast.learn import TD3, TD3Config
from slicefast.rng import Restarts, episode_seed
from slicefast.training import new_agents, train

CONFIG = TD3Config(exploration_steps=8, batch_size=8, updates_per_step=2, capacity=50, exploration_noise=0.3)


def random_rows(count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    observation, following = generator.random((2, count, 16), dtype=np.float32)
    action = generator.dirichlet(np.ones(4), count).astype(np.float32)
    return observation, action, generator.random(count, dtype=np.float32), following


def small_scenario() -> Scenario:
    return Scenario.hexagonal(1, slices=[{"name": f"s{s}", "rate_bps": 1e5, "users_per_cell": 4} for s in range(4)])


def started(seed: int = 3, n_replicas: int = 1) -> Simulator:
    simulator = Simulator(small_scenario(), seed=seed, n_replicas=n_replicas)
    simulator.reset()
    return simulator


def assert_same(first: TD3, second: TD3) -> None:
    for name, tensor in first.state.named_tensors().items():
        np.testing.assert_array_equal(tensor.numpy(), second.state.named_tensors()[name].numpy(), err_msg=name)
    np.testing.assert_array_equal(first.replay.array, second.replay.array)
    assert (first.step, first.n_updates, first.n_acts) == (second.step, second.n_updates, second.n_acts)


@pytest.mark.parametrize("engine", ["native", "torch"])
@pytest.mark.parametrize("n_agents", [1, 3])
def test_rows_of_many_networks_are_acted_and_kept_network_by_network(n_agents: int, engine: str) -> None:
    """With exploration, then noise, then none: k A rows at once are k calls of A rows, noise and ring included."""
    together, one_by_one = (TD3(n_agents, 16, 4, CONFIG, seed=7, engine=engine) for _ in range(2))
    for round_number in range(5):
        rows = random_rows(4 * n_agents, round_number)
        explore = round_number < 4
        found = together.act(rows[0], explore=explore)
        parts = [slice(k * n_agents, (k + 1) * n_agents) for k in range(4)]
        expected = np.concatenate([one_by_one.act(rows[0][part], explore=explore) for part in parts])
        np.testing.assert_allclose(found, expected, rtol=0 if engine == "native" else 1e-5)
        assert np.ptp(found, axis=0).min() > 0  # rows differ, each with noise of its own
        together.store(*rows)
        for part in parts:
            one_by_one.store(*(item[part] for item in rows))
        for agents in (together, one_by_one):
            agents.update()
    assert together.step == 20
    assert together.n_updates == 8
    assert_same(together, one_by_one)


def test_the_ring_goes_round_within_one_call() -> None:
    agents, slow = (TD3(1, 16, 4, CONFIG) for _ in range(2))
    for seed in range(3):
        rows = random_rows(23, seed)
        agents.store(*rows)
        for k in range(23):
            slow.store(*(item[k : k + 1] for item in rows))
    assert (len(agents.replay), agents.step) == (50, 69)
    np.testing.assert_array_equal(agents.replay.array, slow.replay.array)
    assert agents.replay.next_row.tolist() == [69 - 50]


@pytest.mark.parametrize("part", range(4))
def test_a_value_that_is_not_finite_stores_nothing_at_all(part: int) -> None:
    agents = TD3(2, 16, 4, CONFIG)
    rows = random_rows(6)
    rows[part][3] = np.nan
    with pytest.raises(ValueError, match=r"agent 1"):
        agents.store(*rows)
    assert (len(agents.replay), agents.step, agents.replay.array.any()) == (0, 0, False)


def test_rows_that_fill_no_network_are_refused() -> None:
    agents = TD3(3, 16, 4, CONFIG)
    with pytest.raises(ValueError, match=r"observation: got shape \(4, 16\), allowed: shape \(3, 16\)"):
        agents.act(np.zeros((4, 16), np.float32))
    with pytest.raises(ValueError, match=r"reward: got shape \(4,\)|observation: got shape"):
        agents.store(*random_rows(4))
    assert agents.step == 0


@pytest.mark.parametrize("n_agents", [1, 3])
def test_training_with_restarts_is_the_loop_written_out(n_agents: int) -> None:
    task = Task(small_scenario())
    slow, agents = (new_agents(task, CONFIG, seed=5, n_agents=n_agents) for _ in range(2))
    network, expected = started(n_replicas=2), []
    kpis = network.kpis
    for step in range(10):
        if step in (4, 8):
            kpis = network.reset(episode_seed(3, step // 4))
        seen = task.observe(kpis).reshape(6, 16)
        action = slow.act(seen, explore=True)
        kpis = network.step(action.reshape(2, 3, 4))
        expected.append(task.reward(kpis).ravel())
        slow.store(seen, action, expected[-1], task.observe(kpis).reshape(6, 16))
        slow.update()
    found = train(started(n_replicas=2), agents, task, 10, restarts=Restarts(3, 4))
    np.testing.assert_array_equal(found.reward, expected)
    assert_same(agents, slow)


@pytest.mark.parametrize("stop", [3, 4, 6])
def test_a_training_that_goes_on_is_the_undisturbed_one_to_the_last_bit(stop: int, tmp_path) -> None:
    """Stopped before, at and after a restart, the agent through its file and the network through its snapshot."""
    task, restarts = Task(small_scenario()), Restarts(3, 4)
    whole = new_agents(task, CONFIG, seed=5, n_agents=1)
    expected = train(started(n_replicas=2), whole, task, 9, restarts=restarts)
    first, network = new_agents(task, CONFIG, seed=5, n_agents=1), started(n_replicas=2)
    history = train(network, first, task, stop, restarts=restarts).reward
    first.save(tmp_path / "agent.safetensors")
    other = started(seed=99, n_replicas=2)
    other.restore(network.snapshot())
    agent = TD3.load(tmp_path / "agent.safetensors")
    rest = train(other, agent, task, 9, first_step=stop, restarts=restarts).reward
    np.testing.assert_array_equal(np.concatenate([history, rest[stop:]]), expected.reward)
    assert_same(agent, whole)


def test_restarts_say_when_and_with_which_seed() -> None:
    restarts = Restarts(7, 5)
    seeds = [restarts.seed_at(step) for step in range(11)]
    assert [seed is None for seed in seeds] == [True] * 5 + [False] + [True] * 4 + [False]
    assert seeds[5] != seeds[10]
    assert (seeds[5], episode_seed(7, 0)) == (episode_seed(7, 1), 7)
    for seed, every, message in ((-1, 5, "seed: got -1"), (0, 0, "every_steps: got 0, allowed: at least 1")):
        with pytest.raises(ValueError, match=message):
            Restarts(seed, every)
    with pytest.raises(ValueError, match="restarts: got '2 simulators', allowed: one simulator"):
        train([started(1), started(2)], TD3(1, 16, 4), Task(small_scenario()), 2, restarts=restarts)


def test_settings_of_shared_agents_count_transitions() -> None:
    ours = TD3Config.preset("ours", learning_starts=100).per_row(12, batch_size=256)
    assert (ours.exploration_steps, ours.learning_starts, ours.exploration_decay_steps) == (3000, 1200, 36_000)
    assert (ours.capacity, ours.batch_size, ours.updates_per_step) == (120_000, 256, 2)
    assert TD3Config().per_row(3).learning_starts is None
    assert ours.noise_at(3000 + 18_000) == TD3Config.preset("ours").noise_at(250 + 1500)
