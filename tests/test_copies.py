"""Agents, simulators, environments and policies: copies and pickles go on like the originals, and apart from them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import slicefast as sf
from slicefast.learn import TD3, TD3Config
from slicefast.radio import GainSeries
from slicefast.scheduling import Scheduler

COPIERS = [copy.deepcopy, lambda original: pickle.loads(pickle.dumps(original))]
copiers = pytest.mark.parametrize("copier", COPIERS, ids=["deepcopy", "pickle"])


@pytest.fixture(scope="module")
def scenario() -> sf.Scenario:
    """Three cells, four slices."""
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20)


def series(scenario: sf.Scenario) -> GainSeries:
    """Return gains that are not ours."""
    shape = (3, scenario.n_users, scenario.n_cells)
    return GainSeries(np.random.default_rng(4).uniform(1e-12, 1e-10, shape).astype(np.float32))


@copiers
@pytest.mark.parametrize("played", [0, 3])
@pytest.mark.parametrize(
    "given", [{}, {"n_replicas": 3, "n_threads": 2}, {"place_seed": 8, "per_user": True, "per_packet": True}, "gains"]
)
def test_simulator(scenario, copier, played, given):
    options = {"gains": series(scenario)} if given == "gains" else given
    original = sf.Simulator(scenario, seed=5, **options)
    shares = np.random.default_rng(0).dirichlet(np.ones(4), original.shares_shape[:-1])
    if played:
        original.reset(6)
        for _ in range(played):
            original.step(shares)
    twin = copier(original)
    assert repr(twin) == repr(original)
    assert twin.step_index == original.step_index
    if not played:  # the first reset of an untouched one plays what it prepared
        assert same(twin.reset(), original.reset())
    after = [twin.step(shares) for _ in range(3)]
    for kpis in after:
        assert same(kpis, original.step(shares))
    assert same(twin.kpis, original.kpis)
    assert not twin.kpis.load.flags.writeable
    assert same(twin.reset(), original.reset())


def same(one: object, other: object) -> bool:
    """Return whether all indicators, and all of their parts, are equal to the bit."""
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dict__"):
        return vars(one).keys() == vars(other).keys() and all(map(same, vars(one).values(), vars(other).values()))
    return one is other is None or np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")


@copiers
def test_parallel_env(scenario, copier):
    original = sf.parallel_env(scenario, seed=3, n_steps=4)
    original.reset()
    actions = {agent: np.full(4, 0.25, np.float32) for agent in original.agents}
    original.step(actions)
    twin = copier(original)
    for _ in range(3):
        ours, theirs = original.step(actions), twin.step(actions)
        np.testing.assert_equal(ours, theirs)
    assert twin.agents == []
    np.testing.assert_equal(original.reset()[0], twin.reset()[0])  # the next episode's seed went along


@copiers
def test_vector_env(scenario, copier):
    original = sf.VectorEnv(scenario, n_replicas=2, seed=3, n_steps=3)
    original.reset()
    actions = np.full((6, 4), 0.25, np.float32)
    original.step(actions)
    twin = copier(original)
    for _ in range(4):  # over the end of the episode
        np.testing.assert_equal(original.step(actions)[:4], twin.step(actions)[:4])


@copiers
@pytest.mark.parametrize("name", sorted(sf.policies.names()))
def test_policies(scenario, copier, name):
    original = sf.Simulator(scenario, seed=1)
    task = sf.Task(scenario)
    policy = sf.policies.get(name)
    observation = task.observe(original.reset())
    for _ in range(2):
        observation = task.observe(original.step(policy(original, observation)))
    pair = copier((original, policy))
    for _ in range(2):
        shares = policy(original, observation)
        np.testing.assert_array_equal(pair[1](pair[0], observation), shares)
        kpis = original.step(shares)
        assert same(pair[0].step(shares), kpis)
        observation = task.observe(kpis)


def agents_of(engine="native", rows=60) -> TD3:
    """Return three agents with random transitions."""
    agents = TD3(3, 16, 4, TD3Config(exploration_steps=0, capacity=100), engine=engine)
    for row in range(rows):
        agents.store(*transitions(row, 3))
    return agents


def transitions(seed: int, n_agents: int) -> list[np.ndarray]:
    """Return one transition of each agent."""
    rng = np.random.default_rng(seed)
    seen = rng.random((2, n_agents, 16))
    return [seen[0], rng.dirichlet(np.ones(4), n_agents), rng.random(n_agents), seen[1]]


@copiers
@pytest.mark.parametrize("engine", ["native", "torch"])
def test_a_copy_goes_on_like_the_original_and_apart_from_it(engine, copier):
    original = agents_of(engine=engine, rows=120)  # the ring went round
    original.freeze_lower([False, True, False])
    for _ in range(3):
        original.update()
    original.actor_optimiser.lr = 3e-4
    twin = copier(original)
    probe = np.random.default_rng(1).random((3, 16), np.float32)
    before = original.act(probe)
    np.testing.assert_array_equal(twin.act(probe), before)
    row = transitions(7, 3)
    for _ in range(6):
        twin.store(*row)
        twin.update()
    np.testing.assert_array_equal(original.act(probe), before)
    after = twin.act(probe)
    assert (after != before).any(axis=1).all()
    for _ in range(6):
        original.store(*row)
        original.update()
    np.testing.assert_array_equal(original.act(probe), after)
    for name, tensor in original.state.named_tensors().items():
        assert torch.equal(tensor, twin.state.named_tensors()[name]), name
    for key, rows in original.replay.export(1).items():
        np.testing.assert_array_equal(twin.replay.export(1)[key], rows)


@copiers
def test_a_copied_network_keeps_its_parameters_in_its_bank(copier):
    agents = agents_of()
    for network in (copier(agents.actor), copier(agents.critic_target)):
        network.bank.fill_(0.5)
        assert all(bool((parameter == 0.5).all()) for parameter in network.parameters())
    assert not any(parameter.requires_grad for parameter in copier(agents.critic_target).parameters())
    replay = copier(agents.replay)
    replay.add(*transitions(1, 3))
    assert torch.equal(replay.ring, torch.from_numpy(replay.array))


def test_learning_rates_changed_on_the_way_count_in_both_engines(tmp_path):
    native, readable = (agents_of(engine=engine) for engine in ("native", "torch"))
    ways = []
    for stack in (native, readable):
        for rate in (1e-3, 1e-2, 0.0):
            stack.actor_optimiser.lr, stack.critic_optimiser.lr = rate, 2 * rate
            before = stack.actor.bank.clone(), stack.critic.bank.clone()
            for _ in range(4):
                stack.update()
            moved = [not torch.equal(*pair) for pair in zip(before, (stack.actor.bank, stack.critic.bank), strict=True)]
            assert moved == [rate > 0.0] * 2
            ways.append(float((stack.critic.bank - before[1]).abs().mean()))
    # Rounding is amplified where gradients are next to nothing; a rate that is not followed is off by several times.
    np.testing.assert_allclose(ways[:3], ways[3:], rtol=0.05)
    native.save(tmp_path / "agents.safetensors")
    loaded = TD3.load(tmp_path / "agents.safetensors")
    assert (loaded.actor_optimiser.lr, loaded.critic_optimiser.lr) == (0.0, 0.0)
    for rate in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="lr: got"):
            native.actor_optimiser.lr = rate
    assert native.actor_optimiser.lr == 0.0


@pytest.mark.parametrize("reward", ["max_min", "logarithmic"])
@copiers
def test_task(scenario, copier, reward):
    original = sf.Task(scenario, reward=reward)
    kpis = sf.Simulator(scenario).reset()
    twin = copier(original)
    np.testing.assert_array_equal(twin.reward(kpis), original.reward(kpis))
    np.testing.assert_array_equal(twin.observe(kpis), original.observe(kpis))


@copiers
def test_scheduler(copier):
    original = Scheduler(2, 1, 3, 5, "max_ci", discard_ttis=[40], block_error_rate=0.3)
    one = np.ones(3)
    window = {"n_ttis": 30, "arrival_user": [0, 1, 2], "arrival_tti": [0, 0, 4], "arrival_bits": 4e4 * one}
    window |= {"bits_per_prb": 100.0 * one, "serving": [0, 0, 1], "slice_of": [0, 0, 0], "share": [[1.0], [1.0]]}
    original.run(**window)
    twin = copier(original)
    results = [pickle.dumps(made.run(**window)) for made in (original, twin, copier(twin)) for _ in range(2)]
    assert results[0] == results[2]
    assert results[1] == results[3]
    assert results[1] != results[0]
    assert results[5] != results[4]
