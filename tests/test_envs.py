"""The environments pass their libraries' own conformance tests and are, step by step, a task on a simulator."""

from __future__ import annotations

import gc
import weakref

import gymnasium
import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

import slicefast as sf
from slicefast import rewards
from slicefast.kpis import CELL_KPIS, Kpis
from slicefast.replica import Replica


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


def loads(kpis: Kpis, scenario: sf.Scenario) -> np.ndarray:
    """Return a reward that no registered one equals."""
    return 3.0 - kpis.load.sum(axis=-1)


OPTIONS = [
    {},
    {"coordination": "none"},
    {"features": ["load", "throughput"], "reward": "logarithmic"},
    {"reward": loads, "features": "users"},
]


def next_seed(seed: int, episode: int) -> int:
    """Return the seed of a later episode, as the environments document it."""
    return int(np.random.SeedSequence((seed, episode)).generate_state(1, np.uint64)[0])


def test_parallel_env_passes_pettingzoo_api(scenario):
    parallel_api_test(sf.parallel_env(scenario, seed=0, n_steps=30), num_cycles=100)


def test_parallel_env_passes_pettingzoo_seeding(scenario):
    parallel_seed_test(lambda: sf.parallel_env(scenario, n_steps=30), num_cycles=20)


@pytest.mark.parametrize("options", OPTIONS)
def test_parallel_env_is_the_task_on_a_simulator(scenario, options):
    task = sf.Task(scenario, **options)
    env = sf.parallel_env(scenario, seed=9, n_steps=3, **options)
    assert env.possible_agents == ["cell_1", "cell_2", "cell_3"]
    assert env.agents == []
    generator = np.random.default_rng(0)
    for episode in range(2):
        simulator = sf.Simulator(scenario, seed=9 if episode == 0 else next_seed(9, 1))
        observations, infos = env.reset()
        kpis = simulator.reset()
        assert_rows(observations, task.observe(kpis))
        for n, agent in enumerate(env.possible_agents):
            np.testing.assert_array_equal(infos[agent]["throughput_bps"], kpis.throughput_bps[n])
            assert list(infos[agent]) == list(sf.kpis.CELL_KPIS)
        for step in range(3):
            actions = {agent: generator.random(4, dtype=np.float32) for agent in env.agents}
            observations, earned, terminations, truncations, infos = env.step(actions)
            rows = np.stack([actions[agent] for agent in env.possible_agents]).astype(np.float64)
            kpis = simulator.step(rows / rows.sum(axis=1, keepdims=True))
            assert_rows(observations, task.observe(kpis))
            assert_rows(earned, task.reward(kpis))
            for name in CELL_KPIS:
                assert_rows({agent: info[name] for agent, info in infos.items()}, getattr(kpis, name))
            assert terminations == dict.fromkeys(env.possible_agents, False)
            assert truncations == dict.fromkeys(env.possible_agents, step == 2)
            np.testing.assert_array_equal(env.state(), task.observe(kpis).ravel())
            assert env.agents == ([] if step == 2 else env.possible_agents)
            for agent in env.possible_agents:
                assert env.observation_space(agent).contains(observations[agent])


def assert_rows(found: dict, expected: np.ndarray) -> None:
    """Dictionaries by agent hold the rows of an array, in the order of the cells."""
    assert list(found) == ["cell_1", "cell_2", "cell_3"]
    np.testing.assert_array_equal(list(found.values()), expected)


@pytest.mark.parametrize("n_replicas", [1, 3])
@pytest.mark.parametrize("options", OPTIONS)
def test_vector_env_is_the_task_on_a_simulator(scenario, n_replicas, options):
    task = sf.Task(scenario, **options)
    venv = sf.VectorEnv(scenario, n_replicas=n_replicas, seed=5, n_steps=2, **options)
    assert isinstance(venv, gymnasium.vector.VectorEnv)
    assert venv.num_envs == 3 * n_replicas
    simulator = sf.Simulator(scenario, seed=5, n_replicas=n_replicas)
    generator = np.random.default_rng(0)
    observation, info = venv.reset()
    kpis = simulator.reset()
    assert_infos(info, kpis, n_replicas)
    np.testing.assert_array_equal(observation, rows_of(task.observe(kpis), n_replicas))
    for step in range(5):
        action = generator.random((venv.num_envs, 4), dtype=np.float32)
        observation, earned, terminated, truncated, info = venv.step(action)
        if step == 2:  # the step after the end starts the next episode, whatever the action
            kpis = simulator.reset(next_seed(5, 1))
            np.testing.assert_array_equal(earned, np.zeros(venv.num_envs))
        else:
            shares = np.float64(action) / np.float64(action).sum(axis=1, keepdims=True)
            kpis = simulator.step(shares.reshape(simulator.shares_shape))
            np.testing.assert_array_equal(earned, task.reward(kpis).ravel())
        assert earned.dtype == np.float64
        np.testing.assert_array_equal(observation, rows_of(task.observe(kpis), n_replicas))
        assert venv.observation_space.contains(observation)
        np.testing.assert_array_equal(terminated, np.zeros(venv.num_envs, bool))
        np.testing.assert_array_equal(truncated, np.full(venv.num_envs, step in (1, 4)))
        assert_infos(info, kpis, n_replicas)


def assert_infos(info: dict, kpis: Kpis, n_replicas: int) -> None:
    """Infos are the seven KPIs, one row per sub-environment, each with Gymnasium's mask."""
    assert set(info) == {*CELL_KPIS, *(f"_{name}" for name in CELL_KPIS)}
    for name in CELL_KPIS:
        np.testing.assert_array_equal(info[name], rows_of(getattr(kpis, name), n_replicas))
        np.testing.assert_array_equal(info[f"_{name}"], np.ones(3 * n_replicas, bool))


def rows_of(values: np.ndarray, n_replicas: int) -> np.ndarray:
    """Sub-environment i is cell i % 3 of replica i // 3."""
    replicas = values[None] if n_replicas == 1 else values
    return np.stack([replicas[i // 3, i % 3] for i in range(3 * n_replicas)])


def test_each_replica_is_played_under_its_own_actions(scenario):
    """Replica 1 of three is the same network whatever the others do."""
    venvs = [sf.VectorEnv(scenario, n_replicas=3, seed=2) for _ in range(2)]
    for venv in venvs:
        venv.reset()
    action = np.random.default_rng(0).random((9, 4), dtype=np.float32)
    other = action.copy()
    other[:3], other[6:] = 0.5, 0.5
    first, second = venvs[0].step(action)[0], venvs[1].step(other)[0]
    np.testing.assert_array_equal(first[3:6], second[3:6])
    assert (first[:3] != second[:3]).any()


def test_rewards_are_those_asked_for(scenario, monkeypatch):
    monkeypatch.setattr(rewards.REWARDS, "entries", dict(rewards.REWARDS.entries))
    rewards.register("loads-of-an-env", loads)
    for asked in ("loads-of-an-env", loads):
        env = sf.parallel_env(scenario, reward=asked)
        env.reset()
        earned = env.step(dict.fromkeys(env.agents, np.ones(4)))[1]
        expected = loads(env.simulator.kpis, scenario).astype(np.float32)
        np.testing.assert_array_equal(list(earned.values()), expected)
        venv = sf.VectorEnv(scenario, reward=asked)
        venv.reset()
        np.testing.assert_array_equal(venv.step(np.ones((3, 4)))[1], expected)


@pytest.mark.parametrize("make", [sf.parallel_env, sf.VectorEnv])
def test_an_environment_of_a_task_is_that_of_its_scenario(scenario, make):
    task = sf.Task(scenario, coordination="none", reward="logarithmic")
    assert make(task).task is task
    for name, value in (("reward", "max_min"), ("features", "load"), ("coordination", "mean")):
        with pytest.raises(ValueError, match=r"options: .*none beside a task"):
            make(task, **{name: value})
    with pytest.raises(ValueError, match="reward: got 'fairness'"):
        make(scenario, reward="fairness")
    with pytest.raises(ValueError, match="n_steps: got 0"):
        make(scenario, n_steps=0)
    with pytest.raises(ValueError, match=r"seed: got -1|seed = -1"):
        make(scenario, seed=-1)
    with pytest.raises(ValueError, match="seed: got -1"):
        make(scenario).reset(seed=-1)


def test_spaces_have_the_sizes_of_the_task(scenario):
    env = sf.parallel_env(scenario, features=["load", "users"], coordination="none")
    assert env.observation_space("cell_2").shape == (8,)
    assert env.action_space("cell_2") == gymnasium.spaces.Box(0.0, 1.0, (4,), np.float32)
    assert env.action_space("cell_1") is not env.action_space("cell_2")
    venv = sf.VectorEnv(scenario, n_replicas=2)
    assert venv.single_observation_space.shape == (16,)
    assert venv.observation_space.shape == (6, 16)
    assert venv.action_space.shape == (6, 4)


@pytest.mark.parametrize("make", [sf.parallel_env, sf.VectorEnv])
def test_the_seed_given_is_the_one_played(scenario, make):
    env = make(scenario, seed=4)
    for seed, played in ((None, 4), (None, next_seed(4, 1)), (None, next_seed(4, 2)), (7, 7), (None, next_seed(7, 1))):
        env.reset(seed=seed)
        assert env.simulator.seed == played
    assert len({next_seed(seed, episode) for seed in range(20) for episode in range(1, 20)}) == 20 * 19


def test_actions_that_are_not_finite_are_refused_by_name_and_nothing_is_played(scenario):
    env = sf.parallel_env(scenario)
    env.reset()
    good = {agent: np.full(4, 0.5, np.float32) for agent in env.agents}
    for value in (np.nan, np.inf, -np.inf):
        bad = good | {"cell_2": np.array([0.5, value, 0.5, 0.5])}
        with pytest.raises(ValueError, match=r"action of cell_2: got .*allowed: finite"):
            env.step(bad)
    with pytest.raises(ValueError, match=r"action of cell_3: got shape \(3,\), allowed: shape \(4,\)"):
        env.step(good | {"cell_3": np.ones(3)})
    with pytest.raises(ValueError, match="actions: got none of cell_1"):
        env.step({agent: good[agent] for agent in ("cell_2", "cell_3")})
    twin = sf.parallel_env(scenario)
    twin.reset()
    for one, other in zip(env.step(good)[:2], twin.step(good)[:2], strict=True):
        np.testing.assert_array_equal(list(one.values()), list(other.values()))

    venv = sf.VectorEnv(scenario, n_replicas=2)
    venv.reset()
    action = np.full((6, 4), 0.5)
    action[4, 0] = np.nan
    with pytest.raises(ValueError, match=r"action of cell_2 in replica 1: got .*allowed: finite"):
        venv.step(action)
    with pytest.raises(ValueError, match=r"actions: got shape \(2, 3, 4\), allowed: shape \(6, 4\)"):
        venv.step(np.ones((2, 3, 4)))
    assert venv.simulator.step_index == 0


def test_steps_without_an_episode_are_refused(scenario):
    env = sf.parallel_env(scenario, n_steps=1)
    actions = dict.fromkeys(env.possible_agents, np.ones(4))
    for reason in ("before the first reset", "after the end"):
        with pytest.raises(ValueError, match=r"step: .*allowed: after reset"):
            env.step(actions)
        if reason == "before the first reset":
            env.reset()
            env.step(actions)
    venv = sf.VectorEnv(scenario)
    with pytest.raises(ValueError, match=r"step: .*allowed: after reset"):
        venv.step(np.ones((3, 4)))
    for seeds in ([1, 2, 3], [1, 1], [1, 1, None]):
        with pytest.raises(ValueError, match=r"seed: .*one integer, or 3, 3 alike for the cells of each replica"):
            venv.reset(seed=seeds)


def test_what_an_environment_hands_out_is_a_copy_or_read_only(scenario):
    env = sf.parallel_env(scenario)
    env.reset()
    observations, _, _, _, infos = env.step(dict.fromkeys(env.agents, np.ones(4)))
    before = env.state()
    for values in infos["cell_1"].values():
        with pytest.raises(ValueError, match="read-only"):
            values[:] = -1.0
    observations["cell_1"][:] = -1.0
    np.testing.assert_array_equal(env.state(), before)


@pytest.fixture
def builds(monkeypatch) -> list[int]:
    """Return the seeds of the replicas that are built from now on."""
    seeds = []
    init = Replica.__init__

    def counted(self, scenario, seed, *rest):
        seeds.append(seed)
        init(self, scenario, seed, *rest)

    monkeypatch.setattr(Replica, "__init__", counted)
    return seeds


@pytest.mark.parametrize("make", [sf.parallel_env, sf.VectorEnv])
def test_a_network_is_built_once_an_episode_and_none_before_the_first(scenario, builds, make):
    env = make(scenario, seed=4)
    assert builds == []
    with pytest.raises(ValueError, match=r"simulator: .*allowed: after reset"):
        _ = env.simulator
    env.reset(seed=7)
    assert builds == [7]
    env.reset()
    assert builds == [7, next_seed(7, 1)]


@pytest.mark.parametrize("make", [sf.parallel_env, sf.VectorEnv])
def test_what_is_closed_lets_go_of_its_network(scenario, make):
    env = make(scenario, n_threads=2)
    env.close()  # before anything was played
    env = make(scenario, n_threads=2)
    env.reset()
    simulator = weakref.ref(env.simulator)
    env.close()
    gc.collect()
    assert simulator() is None
    with pytest.raises(ValueError, match=r"step: .*allowed: after reset"):
        env.step(dict.fromkeys(env.possible_agents, np.ones(4)) if make is sf.parallel_env else np.ones((3, 4)))


@pytest.mark.parametrize(("options", "named"), [({"n_threads": 0}, "n_threads: got 0"), ({"gains": 3}, "gains: got 3")])
@pytest.mark.parametrize("make", [sf.parallel_env, sf.VectorEnv])
def test_what_the_simulator_would_refuse_is_refused_at_once(scenario, make, options, named):
    with pytest.raises(ValueError, match=named):
        make(scenario, **options)


def test_no_replicas_are_refused(scenario):
    with pytest.raises(ValueError, match="n_replicas: got 0"):
        sf.VectorEnv(scenario, n_replicas=0)


@pytest.mark.parametrize(
    "action",
    [
        [1.0, [2.0, 3.0]],
        ["1", "1", "1", "1"],
        "text",
        {},
        None,
        [10**400] * 4,
        np.ones(4, complex),
        np.ma.masked_equal(np.ones(4), 1.0),
        np.ones(4, "m8[s]"),
        np.ones(4, object),
    ],
)
def test_an_action_that_is_no_vector_of_numbers_is_refused(action):
    env = sf.parallel_env(sf.Scenario.hexagonal(n_sites=1), seed=0)
    env.reset()
    good = {agent: np.full(4, 0.25) for agent in env.agents}
    with pytest.raises(ValueError, match=f"action of {env.agents[1]}: got .*, allowed: real numbers"):
        env.step({**good, env.agents[1]: action})
