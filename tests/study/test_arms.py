"""Every arm on a toy network with fakes: who learns from what, with which noise, seed and source, and what it plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from slicefast import policies
from slicefast.learn import TD3Config, curve_policy
from slicefast.policies import informed
from slicefast.study.arms import ARMS, playing
from slicefast.study.seeds import stream_seed

# Rows are sources, columns targets; no two of these choose alike, nor does any of them transposed.
DISTANCES = {
    "distance": np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 1.0], [1.0, 5.0, 0.0]]),
    "distance_fast": np.array([[0.0, 3.0, 4.0], [1.0, 0.0, 2.0], [2.0, 5.0, 0.0]]),
    "distance_corrected": np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 2.0], [2.0, 3.0, 0.0]]),
}
SOURCE_DISTANCES = {
    "distance_configuration": np.array([[0.0, 4.0, 2.0], [2.0, 0.0, 1.0], [3.0, 1.0, 0.0]]),
    "distance_probe": np.array([[0.0, 2.0, 1.0], [-1.0, 0.0, 3.0], [-3.0, 4.0, 0.0]]),
}
CHOSEN = {
    "transfer_most": [2, 0, 1],
    "transfer_least": [1, 2, 0],
    "transfer_fast": [1, 0, 1],
    "transfer_corrected": [1, 0, 0],
    "transfer_configuration": [1, 2, 1],
    "transfer_probe": [2, 0, 0],
    "transfer_own": [1, 0, 1],
    "transfer_other": [2, 2, 1],
    "model_most": [2, 0, 1],
    "feature_most": [2, 0, 1],
    "instance_most": [2, 0, 1],
}
CHOSEN |= {
    f"{name}_ours": CHOSEN[name]
    for name in ("transfer_most", "transfer_least", "model_most", "feature_most", "instance_most")
}
FIXED = [name for name, arm in ARMS.items() if arm.family == "fixed"]
REMEMBERING = [name for name in FIXED if isinstance(ARMS[name].policy, type)]
STRATEGIES = {"model_most": "model", "feature_most": "feature", "instance_most": "instance"}
TARGET = 7  # the network seed of the target of seed 3


def check_learned(toy: Any, agents: Any, learn_steps: int, coordination: str = "mean") -> None:
    """Check that one agent per cell learned from its own cell's transitions, then played without noise."""
    (network,) = toy.networks
    horizon = toy.budget.horizon
    assert [explore for _, explore, _ in agents.acts] == [step < learn_steps for step in range(horizon)]
    for step, (seen, _, shares) in enumerate(agents.acts):
        np.testing.assert_array_equal(seen, toy.observed(TARGET, step, coordination=coordination))
        np.testing.assert_array_equal(network.played[step], shares)
    assert len(agents.stores) == learn_steps
    for step, (before, action, earned, after) in enumerate(agents.stores):
        np.testing.assert_array_equal(before, toy.observed(TARGET, step, coordination=coordination))
        np.testing.assert_array_equal(action, agents.acts[step][2])
        np.testing.assert_array_equal(earned, toy.earned(TARGET, step + 1))
        np.testing.assert_array_equal(after, toy.observed(TARGET, step + 1, coordination=coordination))
    assert agents.updates == list(range(1, learn_steps + 1))


def expected_config(toy: Any, **changes: Any) -> TD3Config:
    return TD3Config(**{"batch_size": 6, "gamma": 0.3, "exploration_steps": 0, **changes})


OURS = {
    "exploration_steps": 3, "exploration_noise_end": 0.05, "exploration_decay_steps": 3000, "logit_penalty": 0.1,
    "updates_per_step": 2,
}  # fmt: skip


def ours_of(name: str) -> dict[str, Any]:
    """Return what our setting changes where agents start from nothing; the batch is the study's own number."""
    return OURS if name.endswith("_ours") else {"exploration_steps": 3}


@pytest.mark.parametrize(
    ("name", "coordination"),
    [("drl", "mean"), ("drl_alone", "none"), ("drl_ours", "mean"), ("drl_alone_ours", "none")],
)
def test_agents_from_scratch_learn_every_cell_of_the_target(
    toy: Any, check_evaluated: Callable[..., None], name: str, coordination: str
) -> None:
    arrays = toy.run(name)
    (agents,) = toy.learners
    assert (agents.n_agents, agents.obs_dim, agents.action_dim) == (3, 8 if coordination == "mean" else 6, 2)
    assert agents.seed == stream_seed(3, name)
    assert agents.config == expected_config(toy, **ours_of(name))
    assert agents.received == []
    check_learned(toy, agents, 7, coordination)
    check_evaluated(toy, arrays)
    assert "source_cell" not in arrays


@pytest.mark.parametrize("name", ["centralised", "centralised_ours"])
def test_the_central_agent_sees_all_cells_and_earns_their_mean(
    toy: Any, check_evaluated: Callable[..., None], name: str
) -> None:
    arrays = toy.run(name)
    (agent,) = toy.learners
    assert (agent.n_agents, agent.obs_dim, agent.action_dim) == (1, 24, 6)
    assert agent.seed == stream_seed(3, name)
    wide = {"actor_hidden": (192, 96), "critic_hidden": (256, 96)}
    assert agent.config == expected_config(toy, **ours_of(name), **wide)
    assert [explore for _, explore, _ in agent.acts] == [True] * 7 + [False] * 2
    for step, (seen, _, outputs) in enumerate(agent.acts):
        np.testing.assert_array_equal(seen, toy.observed(TARGET, step).reshape(1, -1))
        per_cell = outputs.reshape(3, 2)
        expected = per_cell / per_cell.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(toy.networks[0].played[step], expected, rtol=1e-6)
    assert len(agent.stores) == 7
    for step, (before, action, earned, after) in enumerate(agent.stores):
        np.testing.assert_array_equal(before, toy.observed(TARGET, step).reshape(1, -1))
        np.testing.assert_array_equal(action, agent.acts[step][2])
        np.testing.assert_allclose(earned, [toy.earned(TARGET, step + 1).mean()], rtol=1e-6)
        np.testing.assert_array_equal(after, toy.observed(TARGET, step + 1).reshape(1, -1))
    assert agent.updates == list(range(1, 8))
    check_evaluated(toy, arrays)


@pytest.mark.parametrize("name", CHOSEN)
def test_transfers_take_the_source_of_their_name_and_hand_over_what_they_say(
    toy: Any, check_evaluated: Callable[..., None], name: str
) -> None:
    training = "pretrain_ours" if name.endswith("_ours") else "pretrain"
    toy.trained(training)
    toy.measured("similarity", **DISTANCES)
    toy.measured("source_distances", **SOURCE_DISTANCES)
    arrays = toy.run(name)
    source, agents = sorted(toy.learners, key=lambda learner: learner.origin == "new")
    strategy = STRATEGIES.get(name.removesuffix("_ours"), "integrated")
    assert agents.received == [(strategy, training, chosen, target) for target, chosen in enumerate(CHOSEN[name])]
    assert (source.acts, source.received) == ([], [])
    assert agents.seed == stream_seed(3, name)
    # Room for the source's transitions beside its own: 7 steps were learned on the source network.
    quiet = {"exploration_noise": 0.05} if name.endswith("_ours") else {}
    room = 10_007 if strategy in ("instance", "integrated") else 10_000
    assert agents.config == expected_config(toy, capacity=room, **quiet)
    check_learned(toy, agents, 5)
    check_evaluated(toy, arrays)
    np.testing.assert_array_equal(arrays["source_cell"], np.array(CHOSEN[name]) + 1)


@pytest.mark.parametrize("end", ["", "_ours"])
def test_a_random_source_is_any_other_cell_and_follows_the_seed(toy: Any, end: str) -> None:
    toy.trained(f"pretrain{end}")
    toy.measured("similarity", **DISTANCES)
    arrays = toy.run(f"transfer_random{end}")
    generator = np.random.default_rng(stream_seed(3, f"transfer_random{end}"))
    order = np.array([[2, 1], [0, 2], [1, 0]])  # others of each target, the nearest first
    expected = [order[target, generator.integers(2)] + 1 for target in range(3)]
    np.testing.assert_array_equal(arrays["source_cell"], expected)


def test_known_cells_start_with_what_they_learned_where_they_stand(
    toy: Any, check_evaluated: Callable[..., None]
) -> None:
    toy.trained("known_pretrain")
    arrays = toy.run("transfer_itself")
    (agents,) = [learner for learner in toy.learners if learner.origin == "new"]
    assert agents.received == [("integrated", "known_pretrain", cell, cell) for cell in range(3)]
    check_learned(toy, agents, 5)
    check_evaluated(toy, arrays)
    np.testing.assert_array_equal(arrays["source_cell"], [1, 2, 3])


def test_specialists_start_with_the_generalists_networks_and_nothing_else(
    toy: Any, check_evaluated: Callable[..., None]
) -> None:
    toy.trained("generalist_training", n_agents=1)
    arrays = toy.run("specialist")
    (agents,) = [learner for learner in toy.learners if learner.origin == "new"]
    assert agents.received == [("model", "generalist_training", 0, cell) for cell in range(3)]
    assert agents.config == expected_config(toy)
    assert agents.seed == stream_seed(3, "specialist")
    check_learned(toy, agents, 5)
    check_evaluated(toy, arrays)


@pytest.mark.parametrize(("name", "training"), [("generalist", "generalist_training"), ("shared", "shared_training")])
def test_the_generalist_plays_every_cell_as_it_is(
    toy: Any, check_evaluated: Callable[..., None], name: str, training: str
) -> None:
    toy.trained(training, n_agents=1)
    arrays = toy.run(name)
    (agent,) = toy.learners
    assert agent.origin == training
    assert [explore for _, explore, _ in agent.acts] == [False] * 27
    assert (agent.stores, agent.updates) == ([], [])
    for step in range(9):
        cells = agent.acts[3 * step : 3 * step + 3]
        np.testing.assert_array_equal(np.concatenate([seen for seen, _, _ in cells]), toy.observed(TARGET, step))
        np.testing.assert_array_equal(toy.networks[0].played[step], np.concatenate([act for _, _, act in cells]))
    check_evaluated(toy, arrays)


@pytest.mark.parametrize("name", sorted({*FIXED} - {*REMEMBERING}))
def test_fixed_policies_play_every_step(toy: Any, check_evaluated: Callable[..., None], name: str) -> None:
    check_evaluated(toy, toy.run(name))
    assert toy.learners == []


def test_the_equal_split_gives_each_slice_as_much(toy: Any) -> None:
    toy.run("equal_split")
    assert all((shares == 0.5).all() for shares in toy.networks[0].played)


def test_the_traffic_aware_policy_follows_the_demand(toy: Any) -> None:
    toy.run("traffic_aware")
    for step, shares in enumerate(toy.networks[0].played):
        demand = 1.0 + np.indices((3, 2)).sum(axis=0) + step
        np.testing.assert_allclose(shares, demand / demand.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("name", REMEMBERING)
def test_a_rule_that_remembers_plays_every_network_anew(
    toy: Any, check_evaluated: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class Counting:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, simulator: Any, observation: Any) -> np.ndarray:
            self.calls += 1
            return np.tile([self.calls / 16, 1.0 - self.calls / 16], (3, 1))

    assert ARMS[name].policy is policies.POLICIES.get(name)
    monkeypatch.setitem(ARMS, name, replace(ARMS[name], policy=Counting))
    for _ in range(2):
        toy.ticks, toy.networks = 0, []
        arrays = toy.run(name)
        assert [shares[0, 0] for shares in toy.networks[0].played] == [step / 16 for step in range(1, 10)]
        check_evaluated(toy, arrays)


@pytest.mark.parametrize(("cycle", "first"), [(3, 3), (7, 7), (50, 7)])
def test_the_oracle_plays_a_cycle_of_the_traffic_and_the_evaluation(
    toy: Any, check_evaluated: Callable[..., None], monkeypatch: pytest.MonkeyPatch, cycle: int, first: int
) -> None:
    """Between them the rule plays, whose rewards do not count."""
    for name, mark in {"traffic_aware": 0.25, "oracle": 0.75, "equal_split": 0.5}.items():
        shares = np.tile([mark, 1.0 - mark], (3, 1))
        monkeypatch.setattr(policies, name, lambda simulator, observation, shares=shares: shares)
    monkeypatch.setattr(policies, "MaxMinRule", lambda: lambda simulator, observation: np.full((3, 2), 0.5))
    toy.measured("offered", cycle=np.array(cycle))
    arrays = toy.run("oracle")
    assert [shares[0, 0] for shares in toy.networks[0].played] == [0.75] * first + [0.5] * (7 - first) + [0.75] * 2
    played = np.stack([toy.earned(TARGET, step) for step in range(1, first + 1)])
    np.testing.assert_array_equal(arrays["reward"][:first], played)
    arrays["reward"][:first] = np.nan
    check_evaluated(toy, arrays, first_recorded=7)


@pytest.mark.parametrize("name", [name for name, arm in ARMS.items() if arm.family in ("informed", "ablation")])
def test_the_counterfactual_policy_and_its_ablations_play_their_own_weights(
    toy: Any, check_evaluated: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: list[tuple[str, str]] = []

    def player(policy: str, variant: str) -> Callable[..., Any]:
        asked.append((policy, variant))
        return lambda simulator, observation: np.tile([0.125, 0.875], (3, 1))

    monkeypatch.setattr(curve_policy.CurvePolicy, "load", staticmethod(lambda path: path.stem))
    monkeypatch.setattr(playing.informed, "player", player)
    arrays = toy.run(name)
    variant = ARMS[name].without or "full"
    assert variant in informed.ABLATIONS
    assert asked == [(f"counterfactual_training-{variant}", variant)]
    assert all(shares[0, 0] == 0.125 for shares in toy.networks[0].played)
    assert toy.learners == []
    check_evaluated(toy, arrays)


def test_every_arm_is_played_by_a_test_above() -> None:
    informed_ones = {name for name, arm in ARMS.items() if arm.family in ("informed", "ablation")}
    twice = {"drl", "drl_alone", "centralised", "transfer_random"}
    others = {"oracle", "non_clairvoyant", "generalist", "shared", "specialist", "transfer_itself"}
    real = {name for name, arm in ARMS.items() if arm.family == "hindsight"}  # test_hindsight_arms.py
    assert {*CHOSEN, *FIXED, *informed_ones, *twice, *(f"{name}_ours" for name in twice), *others, *real} == set(ARMS)
    assert {name for name, arm in ARMS.items() if arm.explores == "ours"} == {n for n in ARMS if n.endswith("_ours")}
    assert [arm.without for arm in ARMS.values() if arm.family == "ablation"] == list(informed.ABLATIONS[1:])


def test_arms_say_what_they_are() -> None:
    said = {name: (arm.family, arm.strategy, arm.source_choice) for name, arm in ARMS.items()}
    assert said["transfer_least"] == ("transfer", "integrated", "least")
    assert said["feature_most"] == ("transfer", "feature", "most")
    assert said["transfer_itself"] == ("transfer", "integrated", "itself")
    assert said["drl_alone"] == ("scratch", "", "")
    assert len({arm.label for arm in ARMS.values()}) == len({arm.stream for arm in ARMS.values()}) == len(ARMS)


def test_a_name_or_stream_is_registered_once() -> None:
    from slicefast.study.arms import Scratch, register

    for fields in ({"name": "drl"}, {"name": "other", "random_stream": "drl"}):
        with pytest.raises(ValueError, match="arm: got"):
            register(Scratch(label="again", **fields))
    assert "other" not in ARMS


def test_arms_and_jobs_read_only_the_numbers_they_name(toy: Any) -> None:
    view = toy.budget.only(("train_steps",))
    assert view.train_steps == 4
    for read in (lambda: view.exploration_steps, lambda: view.horizon, lambda: view.td3_config()):
        with pytest.raises(ValueError, match="is read by a job that names only train_steps"):
            read()


def test_arms_read_only_the_jobs_they_need(toy: Any) -> None:
    from slicefast.study.work import Context

    arm = ARMS["drl"]
    context = Context(arm, toy.scenario, toy.budget, 0, toy.folder, SimpleNamespace())
    toy.measured("similarity", **DISTANCES)
    with pytest.raises(ValueError, match="similarity: is read by drl"):
        context.load("similarity")
