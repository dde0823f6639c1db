"""What Gymnasium makes by name: one cell of a network, alone or as replicas of one batched step."""

from __future__ import annotations

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from pettingzoo.test import render_test

import slicefast as sf
from slicefast import features, policies

ID = "slicefast/Cell-v0"


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


@pytest.mark.parametrize("first", ["slicefast", "gymnasium"])
def test_it_is_registered_in_whichever_order_the_two_are_imported(first):
    second = {"slicefast": "gymnasium", "gymnasium": "slicefast"}[first]
    code = f"import {first}, {second}, gymnasium; print(gymnasium.spec({ID!r}).entry_point)"
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == ["slicefast.envs.cell:CellEnv"]


def test_gymnasium_finds_no_fault(scenario, monkeypatch, recwarn):
    monkeypatch.setattr("matplotlib.get_backend", lambda: "QtAgg")  # it tries a window too
    check_env(gymnasium.make(ID, scenario=scenario, n_steps=5, render_mode="rgb_array").unwrapped)
    assert [str(item.message) for item in recwarn] == []


@pytest.mark.parametrize("actions", ["symmetric", "simplex"])
def test_one_cell_learns_and_the_others_follow_their_policy(scenario, actions):
    task = sf.Task(scenario, actions=actions)
    env = gymnasium.make(ID, scenario=task, cell="cell_2", others=policies.traffic_aware, seed=6, n_steps=4)
    simulator = sf.Simulator(scenario, seed=6)
    kpis = simulator.reset()
    observation, info = env.reset()
    np.testing.assert_array_equal(observation, task.observe(kpis)[1])
    np.testing.assert_array_equal(info["load"], kpis.load[1])
    env.action_space.seed(0)
    for step in range(4):
        action = env.action_space.sample()
        shares = policies.traffic_aware(simulator, task.observe(kpis)).copy()
        weight = np.exp(3.0 * np.float64(action)) if actions == "symmetric" else np.float64(action)
        shares[1] = weight / weight.sum()
        kpis = simulator.step(shares)
        observation, reward, terminated, truncated, info = env.step(action)
        np.testing.assert_allclose(observation, task.observe(kpis)[1], rtol=1e-6)
        assert reward == pytest.approx(float(task.reward(kpis)[1]), rel=1e-6)
        assert (terminated, truncated) == (False, step == 3)
    with pytest.raises(ValueError, match=r"step: .*before the episode's end"):
        env.unwrapped.step(action)


def test_replicas_of_one_batched_step_are_made_by_make_vec(scenario):
    venv = gymnasium.make_vec(ID, num_envs=3, scenario=scenario, cell="cell_3", seed=2, n_steps=2)
    assert venv.num_envs == 3
    assert venv.single_action_space == gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
    simulator = sf.Simulator(scenario, seed=2, n_replicas=3)
    task = sf.Task(scenario)
    np.testing.assert_array_equal(venv.reset()[0], task.observe(simulator.reset())[:, 2])
    shares = np.full((3, 3, 4), 0.25)
    shares[1, 2] = np.exp([3.0, -3.0, 0.0, 0.0]) / np.exp([3.0, -3.0, 0.0, 0.0]).sum()
    action = np.zeros((3, 4), np.float32)
    action[1] = [1.0, -1.0, 0.0, 0.0]
    observation, reward, *_ = venv.step(action)
    kpis = simulator.step(shares)
    np.testing.assert_array_equal(observation, task.observe(kpis)[:, 2])
    np.testing.assert_array_equal(reward, task.reward(kpis)[:, 2])


def test_an_episode_that_is_over_is_reset_in_the_same_step_where_asked(scenario):
    options = {"scenario": scenario, "seed": 3, "n_steps": 2}
    now = sf.VectorEnv(**options, autoreset_mode=AutoresetMode.SAME_STEP)
    later = sf.VectorEnv(**options)
    assert now.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    now.reset(), later.reset()
    action = np.full((3, 4), 0.5)
    now.step(action), later.step(action)
    final, earned, _, truncated, final_info = later.step(action)
    begun, _, _, _, begun_info = later.step(action)
    observation, reward, _, over, info = now.step(action)
    np.testing.assert_array_equal(over, truncated)
    np.testing.assert_array_equal(reward, earned)
    np.testing.assert_array_equal(observation, begun)
    np.testing.assert_array_equal(np.stack(info["final_obs"]), final)
    np.testing.assert_array_equal(info["final_info"]["load"], final_info["load"])
    np.testing.assert_array_equal(info["load"], begun_info["load"])
    assert info["_final_obs"].all()
    assert not now.step(action)[3].any()


def test_every_episode_is_in_the_place_of_the_place_seed(scenario):
    env = sf.parallel_env(scenario, seed=1, n_steps=1, place_seed=8)
    env.reset(), env.reset()
    twin = sf.Simulator(scenario, env.simulator.seed, place_seed=8)
    np.testing.assert_array_equal(env.state(), sf.Task(scenario).observe(twin.reset()).ravel())
    with pytest.raises(ValueError, match="place_seed: got -1"):
        sf.VectorEnv(scenario, place_seed=-1)


def test_observations_lie_in_bounds_that_are_finite(scenario, monkeypatch):
    monkeypatch.setattr(features.FEATURES, "entries", dict(features.FEATURES.entries))
    monkeypatch.setattr(features, "BOUNDS", dict(features.BOUNDS))
    features.register("tenfold", lambda kpis, scenario: 10.0 * kpis.load, lambda scenario: (0.0, 10.0))
    features.register("anywhere", lambda kpis, scenario: kpis.load)
    task = sf.Task(scenario, features=["paper", "tenfold", "anywhere"])
    low, high = task.observation_bounds()
    np.testing.assert_array_equal(high[:16], np.repeat([4.0, 1.0, 3.0, 10.0], 4))
    np.testing.assert_array_equal(low[:16], np.zeros(16))
    assert np.isfinite([low, high]).all()
    venv = sf.VectorEnv(task, n_steps=50)
    venv.reset()
    for _ in range(20):
        assert venv.observation_space.contains(venv.step(venv.action_space.sample())[0])


def test_symmetric_actions_are_scaled_logits(scenario):
    task = sf.Task(scenario, actions="symmetric")
    np.testing.assert_array_equal(task.to_shares(np.zeros((3, 4))), np.full((3, 4), 0.25))
    ends = task.to_shares(np.array([[1.0, -1.0, -1.0, -1.0], [9.0, -9.0, -9.0, -9.0], [0.0, 0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(ends[0], [0.9926, 0.00246, 0.00246, 0.00246], rtol=1e-3)
    np.testing.assert_array_equal(ends[0], ends[1])  # clipped to the box
    assert ends[2, 2] == pytest.approx(np.e**3 / (np.e**3 + 3.0), rel=1e-12)


def test_pictures_show_what_is_played(scenario):
    env = sf.parallel_env(scenario, render_mode="rgb_array", n_steps=3)
    env.reset()
    before = env.render()
    assert before.shape == (560, 640, 3)
    assert before.dtype == np.uint8
    env.step(dict.fromkeys(env.agents, np.array([1.0, 0.0, 0.0, 0.0])))
    assert (env.render() != before).any()
    venv = sf.VectorEnv(scenario, n_replicas=2, render_mode="rgb_array")
    venv.reset()
    first, second = venv.render()
    assert (first != second).any()
    quiet = sf.VectorEnv(scenario)
    quiet.reset()
    assert quiet.render() is None
    with pytest.raises(ValueError, match="render_mode: got 'ansi', allowed: None, 'human', 'rgb_array'"):
        sf.parallel_env(scenario, render_mode="ansi")


def test_a_window_that_does_not_open_is_told_once(scenario, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.pause", lambda seconds: None)
    for backend, told in (("Agg", 1), ("QtAgg", 0)):
        monkeypatch.setattr("matplotlib.get_backend", lambda backend=backend: backend)
        venv = sf.VectorEnv(scenario, render_mode="human")
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            venv.reset()
            for _ in range(2):
                venv.step(np.full((3, 4), 0.25))
        venv.close()
        said = [str(item.message) for item in found]
        assert len(said) == told, said
        assert all("opens no window by its backend 'Agg'" in text for text in said)


def test_pettingzoo_finds_no_fault_in_the_pictures(scenario, monkeypatch):
    monkeypatch.setattr("matplotlib.get_backend", lambda: "QtAgg")
    monkeypatch.setattr("matplotlib.pyplot.pause", lambda seconds: None)
    from pettingzoo.utils import parallel_to_aec

    render_test(lambda render_mode=None: parallel_to_aec(sf.parallel_env(scenario, render_mode=render_mode, n_steps=5)))


def test_the_state_lies_in_its_space(scenario):
    env = sf.parallel_env(scenario)
    env.reset()
    assert env.state_space.contains(env.state())
    assert env.state_space.shape == (48,)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"cell": "cell_9"}, "cell: got 'cell_9', allowed: cell_1 to cell_3"),
        ({"actions": "logits"}, "actions: got 'logits'"),
        ({"others": lambda simulator, observation: np.ones(3)}, "shares of the other cells' policy"),
        (
            {"others": lambda *_: np.full((3, 4), 0.25j)},
            "shares of the other cells' policy: got an array of complex128",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(scenario, options, named):
    def play() -> None:
        env = sf.envs.CellEnv(scenario, **options)
        env.reset()
        env.step(np.zeros(4, np.float32))

    with pytest.raises(ValueError, match=named):
        play()
    for agents in ([], ["cell_1", "cell_1"]):
        with pytest.raises(ValueError, match="agents: got"):
            sf.VectorEnv(scenario, agents=agents)
    with pytest.raises(ValueError, match="autoreset_mode: got"):
        sf.VectorEnv(scenario, autoreset_mode=AutoresetMode.DISABLED)
