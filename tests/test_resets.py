"""Seeds per replica, and resets that keep the place: bit for bit what a network that is made anew has."""

from __future__ import annotations

import copy
import json
from unittest import mock

import gymnasium
import numpy as np
import pytest

import slicefast as sf
from slicefast.kpis import CELL_KPIS
from slicefast.network import make_links
from slicefast.rng import episode_seed


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


def same(found: sf.Kpis, expected: sf.Kpis, row: object = ...) -> None:
    for name in CELL_KPIS:
        np.testing.assert_array_equal(getattr(found, name)[row], getattr(expected, name))


def shares(simulator: sf.Simulator) -> np.ndarray:
    drawn = np.random.default_rng(0).random(simulator.shares_shape[-2:]) + 0.1
    return np.broadcast_to(drawn / drawn.sum(axis=-1, keepdims=True), simulator.shares_shape)


def test_replicas_with_seeds_of_their_own_are_lone_networks(scenario):
    many = sf.Simulator(scenario, seed=[4, 9], n_replicas=2)
    assert many.seed == (4, 9)
    lone = [sf.Simulator(scenario, seed=seed) for seed in (4, 9)]
    many.reset()
    for simulator in lone:
        simulator.reset()
    snapshot, twin = many.snapshot(), copy.deepcopy(many)
    played = many.step(shares(many))
    for row, simulator in enumerate(lone):
        same(played, simulator.step(shares(simulator)), row)
    same(twin.step(shares(twin)), played)
    many.restore({**snapshot, "seed": [4, 9]})  # a list, as files give it back
    same(many.step(shares(many)), played)
    same(many.reset(7), sf.Simulator(scenario, seed=7, n_replicas=2).reset())
    same(many.reset([1, 3]), sf.Simulator(scenario, seed=3).reset(), 1)
    with pytest.raises(sf.SlicefastError, match=r"seed: .*one integer, or 2, one per replica"):
        many.reset([1, 2, 3])


@pytest.mark.parametrize("seeds", [5, [5, 6]])
def test_a_reset_in_one_place_is_a_network_made_anew_but_for_its_links(scenario, seeds):
    made = sf.Simulator(scenario, seed=seeds, n_replicas=2, place_seed=3)
    made.reset()
    made.step(shares(made))
    with mock.patch("slicefast.replica.make_links", side_effect=make_links) as links:
        made.reset([8, 9])
        assert links.call_count == (1 if seeds == 5 else 0)  # of one seed the second is in a place of its own
        links.reset_mock()
        made.reset([10, 11])
        found = made.reset([8, 9])
        assert not links.called
    anew = sf.Simulator(scenario, seed=[8, 9], n_replicas=2, place_seed=3)
    same(found, anew.reset())
    np.testing.assert_array_equal(made.gain, anew.gain)
    same(made.step(shares(made)), anew.step(shares(anew)))


def test_without_a_place_seed_every_reset_is_in_another_place(scenario):
    simulator = sf.Simulator(scenario, seed=1)
    with mock.patch("slicefast.replica.make_links", side_effect=make_links) as links:
        found = simulator.reset(2)
    assert links.call_count == 1
    same(found, sf.Simulator(scenario, seed=2).reset())


@pytest.mark.parametrize("seeds", [5, (5, 6)])
def test_a_reset_to_the_seed_that_is_played_keeps_the_place(scenario, seeds):
    simulator = sf.Simulator(scenario, seed=seeds, n_replicas=2)
    first = simulator.reset()
    anew, played = simulator.snapshot(), simulator.step(shares(simulator))
    with mock.patch("slicefast.replica.make_links", side_effect=make_links) as links:
        same(simulator.reset(), first)
        assert json.dumps(simulator.snapshot(), default=repr) == json.dumps(anew, default=repr)
        same(simulator.step(shares(simulator)), played)
        same(simulator.reset(seeds), first)
        assert not links.called
        simulator.reset([6, 5])  # the place of one is not the place of another
        assert links.call_count == 2
    simulator.reset(seeds)
    same(simulator.step(shares(simulator)), played)


def test_sub_environments_take_seeds_of_their_own_and_go_on_with_them(scenario):
    venv = sf.VectorEnv(scenario, n_replicas=2, n_steps=1)
    observation, _ = venv.reset(seed=[4, 4, 4, 9, 9, 9])
    task, lone = venv.task, sf.Simulator(scenario, seed=9)
    np.testing.assert_array_equal(observation[3:], task.observe(lone.reset()))
    action = np.ones((6, 4), np.float32)
    venv.step(action)
    following, *_ = venv.step(action)  # the next episode of each
    np.testing.assert_array_equal(following[3:], task.observe(lone.reset(episode_seed(9, 1))))
    of_all, _ = venv.reset(seed=4)
    np.testing.assert_array_equal(of_all[:3], observation[:3])
    assert (of_all[3:] != observation[3:]).any()


def test_one_cell_each_has_a_seed_each_as_gymnasium_gives_them(scenario):
    venv = gymnasium.make_vec("slicefast/Cell-v0", num_envs=2, scenario=scenario)
    observation, _ = venv.reset(seed=[3, 8])
    env = gymnasium.make("slicefast/Cell-v0", scenario=scenario)
    for row, seed in enumerate((3, 8)):
        np.testing.assert_array_equal(observation[row], env.reset(seed=seed)[0])


def test_replicas_of_one_seed_are_refused_and_change_nothing(scenario):
    venv, untouched = (sf.VectorEnv(scenario, n_replicas=2, n_steps=2) for _ in range(2))
    first, expected = venv.reset(seed=5)[0], untouched.reset(seed=5)[0]
    np.testing.assert_array_equal(first, expected)
    with pytest.raises(sf.SlicefastError, match=r"^seed: got .*1, 1.*, allowed: another of every replica"):
        venv.reset(seed=[1] * 6)
    action = np.ones((6, 4), np.float32)
    np.testing.assert_array_equal(venv.step(action)[0], untouched.step(action)[0])


def test_a_mask_that_spares_some_is_refused_and_changes_nothing(scenario):
    venv, untouched = (sf.VectorEnv(scenario, n_replicas=2, n_steps=2) for _ in range(2))
    for env in (venv, untouched):
        env.reset(seed=5, options={"reset_mask": np.ones(6, bool)})
    with pytest.raises(sf.SlicefastError, match=r"^reset_mask: got .*False.*, allowed: all of them"):
        venv.reset(options={"reset_mask": np.array([True, False, True, True, True, True])})
    action = np.ones((6, 4), np.float32)
    np.testing.assert_array_equal(venv.step(action)[0], untouched.step(action)[0])
