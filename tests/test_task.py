"""The agents' problem: sizes, what is seen and earned, and what actions mean."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import numpy as np
import pytest

from slicefast import Scenario, Task, features, rewards
from slicefast.kpis import Kpis
from slicefast.task import observe, reward, to_simplex


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario.paper()


def random_kpis(scenario: Scenario, replicas: int | None = None, seed: int = 0) -> Kpis:
    """Return KPIs around the requirements: some far above, some below, some slices without traffic."""
    generator = np.random.default_rng(seed)
    shape = (scenario.n_cells, scenario.n_slices) if replicas is None else (replicas, scenario.n_cells, 4)
    throughput = scenario.throughput_requirement_bps * generator.uniform(0.2, 6.0, shape)
    delay = scenario.delay_requirement_ms * generator.uniform(0.3, 1.5, shape)
    idle = generator.random(shape) < 0.1
    throughput[idle] = delay[idle] = 0.0
    return Kpis(throughput, delay, generator.uniform(0, 0.4, shape), generator.uniform(0, 40, shape))


def test_observation_is_the_one_written_out(scenario, reference) -> None:
    kpis = random_kpis(scenario)
    users = [item.users_per_cell for item in scenario.slices]
    expected = reference("training").observe(kpis, scenario.throughput_requirement_bps, users, scenario.neighbours)
    task = Task(scenario)
    found = task.observe(kpis)
    assert found.dtype == np.float32
    assert found.shape == (12, 16) == (task.n_agents, task.observation_size)
    np.testing.assert_allclose(found, expected, rtol=1e-6)  # float32; the mean is summed in another order
    np.testing.assert_array_equal(observe(kpis, scenario), found)
    assert (found[:, :4] == 4.0).any()  # the cap is met
    assert (found[:, :4] < 4.0).any()
    alone = Task(scenario, coordination="none")
    np.testing.assert_array_equal(alone.observe(kpis), found[:, :12])
    np.testing.assert_array_equal(observe(kpis, scenario, "none"), found[:, :12])


def test_reward_is_the_one_written_out(scenario, reference) -> None:
    kpis = random_kpis(scenario)
    wanted = scenario.throughput_requirement_bps, scenario.delay_requirement_ms
    found = Task(scenario).reward(kpis)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, reference("training").max_min(kpis, *wanted))
    np.testing.assert_array_equal(reward(kpis, scenario), found)
    logarithmic = Task(scenario, reward="logarithmic")
    np.testing.assert_array_equal(logarithmic.reward(kpis), rewards.logarithmic(kpis, scenario))
    for mine, theirs in zip(logarithmic.satisfaction(kpis), rewards.satisfaction(kpis, scenario), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_replicas_are_seen_and_earn_one_by_one(scenario) -> None:
    kpis, task = random_kpis(scenario, replicas=3), Task(scenario)
    seen, earned = task.observe(kpis), task.reward(kpis)
    assert seen.shape == (3, 12, 16)
    assert earned.shape == (3, 12)
    for r in range(3):
        one = Kpis(*(getattr(kpis, name)[r] for name in ("throughput_bps", "delay_ms", "load", "users")))
        np.testing.assert_array_equal(seen[r], task.observe(one))
        np.testing.assert_array_equal(earned[r], task.reward(one))


def test_features_come_in_the_order_asked_for(scenario) -> None:
    kpis = random_kpis(scenario)
    whole = Task(scenario).observe(kpis)
    task = Task(scenario, features=["users", "throughput"], coordination="mean")
    assert task.feature_names == ("users", "throughput", "neighbour_load")
    assert task.observation_size == 12
    np.testing.assert_array_equal(task.observe(kpis), whole[:, [*range(8, 12), *range(4), *range(12, 16)]])
    alone = Task(scenario, features="load", coordination="none")
    np.testing.assert_array_equal(alone.observe(kpis), whole[:, 4:8])
    assert Task(scenario).feature_names == ("throughput", "load", "users", "neighbour_load")


def test_neighbour_load_by_hand() -> None:
    """Each cell of three hears the two others; cells that hear nobody see no load."""
    load = np.array([[0.1, 0.0], [0.3, 0.4], [0.5, 1.0]])
    kpis = Kpis(load, load, load, load)
    ring = SimpleNamespace(neighbours=np.array([[1, 2], [0, 2], [0, 1]]))
    heard = features.neighbour_load(kpis, ring)
    np.testing.assert_allclose(heard, [[0.4, 0.7], [0.3, 0.5], [0.2, 0.2]])
    alone = SimpleNamespace(neighbours=np.empty((3, 0), np.int64))
    np.testing.assert_array_equal(features.neighbour_load(kpis, alone), np.zeros((3, 2)))


def test_own_features_and_rewards(scenario, monkeypatch) -> None:
    monkeypatch.setattr(features.FEATURES, "entries", dict(features.FEATURES.entries))
    monkeypatch.setattr(rewards.REWARDS, "entries", dict(rewards.REWARDS.entries))

    def delay(kpis: Kpis, scenario: Scenario) -> np.ndarray:
        return kpis.delay_ms / scenario.delay_requirement_ms

    def first(kpis: Kpis, scenario: Scenario) -> np.ndarray:
        return kpis.load[..., 0]

    features.register("delay", delay)
    features.register("delay", delay)
    rewards.register("first", first)
    kpis = random_kpis(scenario)
    task = Task(scenario, features=["paper", "delay"], reward="first")
    assert task.feature_names == ("throughput", "load", "users", "delay", "neighbour_load")
    np.testing.assert_array_equal(task.observe(kpis)[:, 12:16], delay(kpis, scenario).astype(np.float32))
    np.testing.assert_array_equal(task.reward(kpis), kpis.load[:, 0].astype(np.float32))
    assert Task(scenario, reward=first).reward_name == "first"
    assert {"paper", "delay", "load", "neighbour_load", "throughput", "users"} <= set(features.names())
    with pytest.raises(ValueError, match="name: got 'delay'"):
        features.register("delay", first)
    with pytest.raises(ValueError, match="name: got 'paper'"):
        features.register("paper", first)


def test_features_may_be_functions(scenario) -> None:
    def delay(kpis: Kpis, scenario: Scenario) -> np.ndarray:
        return kpis.delay_ms / 100.0

    kpis = random_kpis(scenario)
    for given, names in ((delay, ()), ([delay], ()), (["paper", delay], ("throughput", "load", "users"))):
        task = Task(scenario, features=given)
        assert task.feature_names == (*names, "delay", "neighbour_load")
        at = 4 * len(names)
        np.testing.assert_array_equal(task.observe(kpis)[:, at : at + 4], (kpis.delay_ms / 100.0).astype(np.float32))
        assert np.isfinite(task.observation_bounds()).all()

    def load(kpis: Kpis, scenario: Scenario) -> np.ndarray:
        return kpis.load

    for given in (load, ["paper", load]):
        with pytest.raises(ValueError, match="features: got a function of the name load, allowed: a name that no"):
            Task(scenario, features=given)
    with pytest.raises(ValueError, match="each feature once"):
        Task(scenario, features=[delay, delay])
    assert Task(scenario, features=features.load).feature_names == ("load", "neighbour_load")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"features": "speed"}, "features: got 'speed', allowed: paper, .*load"),
        ({"features": []}, "features: got"),
        ({"features": ["load", "paper"]}, r"^features: got .*each feature once"),
        ({"features": ["load", "neighbour_load"], "coordination": "mean"}, "each feature once"),
        ({"reward": "fairness"}, "reward: got 'fairness', allowed: .*logarithmic, max_min"),
        ({"coordination": "all"}, "coordination: got 'all', allowed: mean, none"),
    ],
)
def test_unknown_words_are_refused(scenario, options, named) -> None:
    with pytest.raises(ValueError, match=named):
        Task(scenario, **options)


def test_the_feature_or_reward_at_fault_is_named(scenario, monkeypatch) -> None:
    monkeypatch.setattr(features.FEATURES, "entries", dict(features.FEATURES.entries))
    features.register("total", lambda kpis, scenario: kpis.load.sum(axis=-1, keepdims=True))
    kpis = random_kpis(scenario)
    with pytest.raises(ValueError, match=r"feature total: got shape \(12, 1\)"):
        Task(scenario, features=["paper", "total"]).observe(kpis)

    def scalar(kpis: Kpis, scenario: Scenario) -> float:
        return 1.0

    def broken(kpis: Kpis, scenario: Scenario) -> np.ndarray:
        return np.where(np.arange(12) == 3, np.nan, 1.0)

    def failing(kpis: Kpis, scenario: Scenario) -> float:
        return 1 / 0

    for function, named in (
        (scalar, r"reward 'scalar': got shape \(\), allowed: one finite number per cell"),
        (broken, "reward 'broken': got nan, allowed: one finite number per cell"),
        (failing, "reward 'failing' failed: ZeroDivisionError"),
    ):
        with pytest.raises(ValueError, match=named):
            Task(scenario, reward=function).reward(kpis)


def test_actions_become_shares(scenario) -> None:
    task = Task(scenario)
    rows = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 3.0, 0.0, 0.0], [-1.0, 0.5, 0.5, 0.0]], np.float32)
    expected = [[0.25] * 4, [0.25, 0.75, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]
    np.testing.assert_array_equal(task.to_shares(rows), expected)
    assert task.to_shares(rows).dtype == np.float64
    np.testing.assert_array_equal(task.to_shares(rows[None, 1:]), [expected[1:]])
    np.testing.assert_array_equal(to_simplex(rows), expected)
    three = Scenario.paper().n_slices - 1
    with pytest.raises(ValueError, match=r"action: got shape \(12, 3\), allowed: shape \(\.\.\., 4\)"):
        task.to_shares(np.ones((12, three)))
    with pytest.raises(ValueError, match="action: got"):
        task.to_shares(np.float64(1.0))


def test_actions_that_are_not_finite_are_named(scenario) -> None:
    task = Task(scenario)
    for value in (np.nan, np.inf, -np.inf):
        actions = np.ones((2, 12, 4))
        actions[1, 4, 2] = value
        with pytest.raises(ValueError, match=r"action of cell_5 in replica 1: got \[1.0, 1.0, .*allowed: finite"):
            task.to_shares(actions)
        with pytest.raises(ValueError, match=r"action of cell_5 in replica 1"):
            task.to_shares(actions.reshape(24, 4))
        with pytest.raises(ValueError, match=r"action of cell_5: got"):
            task.to_shares(actions[1])


def test_a_task_says_what_it_is(scenario) -> None:
    task = Task(scenario, features=["load"], reward="logarithmic")
    assert "load+neighbour_load" in repr(task)
    assert "logarithmic" in repr(task)
    assert task.agent_names[0] == "cell_1"
    assert len(task.agent_names) == 12
    assert Task.of(task) is task
    assert Task.of(scenario, features="load").observation_size == 8
    with pytest.raises(ValueError, match=r"^options: got .*'max_min'.*, allowed: none beside a task"):
        Task.of(task, reward="max_min")


def test_a_function_that_dresses_one_of_ours_is_not_undressed(scenario) -> None:
    """Our own rewards and features are called bare; a wrapper of somebody else's, which copies their names, is kept."""

    @functools.wraps(rewards.max_min)
    def halved(kpis, scenario):
        return 0.5 * rewards.max_min(kpis, scenario)

    kpis = random_kpis(scenario)
    np.testing.assert_array_equal(Task(scenario, reward=halved).reward(kpis), 0.5 * Task(scenario).reward(kpis))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "feature mine of cell_3: got nan, allowed: finite numbers of float32"),
        (-np.inf, "feature mine of cell_3: got -inf, allowed: finite numbers of float32"),
        (1e300, r"feature mine of cell_3: got 1e\+300, allowed: finite numbers of float32"),
        (1j, "feature mine: got an array of complex128"),
        (np.ma.masked, "feature mine: got a masked array, allowed: real numbers"),
    ],
)
def test_a_feature_that_no_agent_can_see_is_refused_by_agent(scenario, monkeypatch, value, problem) -> None:
    monkeypatch.setattr(features.FEATURES, "entries", dict(features.FEATURES.entries))

    def mine(kpis: Kpis, _: Scenario) -> np.ndarray:
        made = np.ma.ones(kpis.load.shape) if value is np.ma.masked else np.ones(kpis.load.shape, type(value))
        made[..., 2, 1] = value
        return made

    features.register("mine", mine)
    with pytest.raises(ValueError, match=problem):
        Task(scenario, features=["load", "mine"]).observe(random_kpis(scenario))


@pytest.mark.parametrize("earned", [np.ones(12, complex), np.ma.masked_equal(np.ones(12), 1.0), ["1"] * 12, None])
def test_a_reward_that_is_no_real_numbers_is_refused_by_name(scenario, earned) -> None:
    def mine(kpis: Kpis, _: Scenario) -> object:
        return earned

    with pytest.raises(ValueError, match=r"reward 'mine': got .*, allowed: real numbers"):
        Task(scenario, reward=mine).reward(random_kpis(scenario))
