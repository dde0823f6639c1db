"""Every preparatory job on a toy network with fakes: which networks, which learners, which rewards, which distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slicefast import Scenario, Simulator, Task
from slicefast.learn import TD3Config
from slicefast.learn.config import PRESETS
from slicefast.rng import episode_seed
from slicefast.study import preparations, similarity_work
from slicefast.study.seeds import source_network_seed, stream_seed, target_network_seed, training_network_seed
from slicefast.transfer import Similarity

SOURCE, TARGET = 6, 7  # the network seeds of seed 3


def check_trained_by_cell(toy: Any, agents: Any, config: dict[str, Any]) -> None:
    """Check that every cell's agent explored and learned in every step of the source network."""
    assert (agents.n_agents, agents.obs_dim, agents.action_dim) == (3, 8, 2)
    assert agents.config == TD3Config(**config)
    assert [explore for _, explore, _ in agents.acts] == [True] * 7
    for step, (before, action, earned, after) in enumerate(agents.stores):
        np.testing.assert_array_equal(before, toy.observed(SOURCE, step))
        np.testing.assert_array_equal(action, toy.networks[0].played[step].astype(np.float32))
        np.testing.assert_array_equal(earned, toy.earned(SOURCE, step + 1))
        np.testing.assert_array_equal(after, toy.observed(SOURCE, step + 1))
    assert agents.updates == list(range(1, 8))


@pytest.mark.parametrize(("name", "place"), [("pretrain", None), ("known_pretrain", TARGET), ("pretrain_ours", None)])
def test_agents_train_on_the_source_network(toy: Any, name: str, place: int | None) -> None:
    """Known cells train where the target network stands, among other users."""
    arrays = toy.run(name)
    assert [(network.seed, network.place_seed) for network in toy.networks] == [(SOURCE, place)]
    (agents,) = toy.learners
    assert agents.seed == stream_seed(3, name)
    ours = PRESETS["ours"] if name == "pretrain_ours" else {}
    check_trained_by_cell(toy, agents, {**ours, "exploration_steps": 3, "batch_size": 6, "gamma": 0.3})
    expected = np.stack([toy.earned(SOURCE, step) for step in range(1, 8)])
    np.testing.assert_array_equal(arrays["reward"], expected)
    assert (toy.folder / f"{name}.safetensors").is_file()


def test_the_generalist_learns_from_every_cells_own_reward(toy: Any) -> None:
    arrays = toy.run("generalist_training")
    assert [(network.seed, network.place_seed) for network in toy.networks] == [(SOURCE, None)]
    (agent,) = toy.learners
    assert (agent.n_agents, agent.obs_dim, agent.action_dim) == (1, 8, 2)
    assert agent.seed == stream_seed(3, "generalist_training")
    # It counts transitions, three a step.
    assert agent.config == TD3Config(exploration_steps=9, capacity=30_000, batch_size=18, gamma=0.3)
    assert len(agent.stores) == 21
    for row, (before, action, earned, after) in enumerate(agent.stores):
        step, cell = divmod(row, 3)
        one = slice(cell, cell + 1)
        np.testing.assert_array_equal(before, toy.observed(SOURCE, step)[one])
        np.testing.assert_array_equal(action, toy.networks[0].played[step][one].astype(np.float32))
        np.testing.assert_array_equal(earned, toy.earned(SOURCE, step + 1)[one])
        np.testing.assert_array_equal(after, toy.observed(SOURCE, step + 1)[one])
    assert agent.updates == [3, 6, 9, 12, 15, 18, 21]
    assert all(explore for _, explore, _ in agent.acts)
    np.testing.assert_array_equal(arrays["reward"], np.stack([toy.earned(SOURCE, step) for step in range(1, 8)]))


def test_the_shared_agent_learns_on_a_network_after_the_other(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparations, "RESTART_STEPS", 4)
    arrays = toy.run("shared_training")
    (agent,), (network,) = toy.learners, toy.networks
    assert (agent.n_agents, agent.seed) == (1, stream_seed(3, "shared_training"))
    assert agent.config == TD3Config.preset("ours_shared").per_row(3)
    second = episode_seed(SOURCE, 1)
    assert (network.seed, len(network.played)) == (second, 2)
    steps = [(SOURCE, step) for step in range(1, 5)] + [(second, step) for step in range(1, 3)]
    np.testing.assert_array_equal(arrays["reward"], np.stack([toy.earned(*step) for step in steps]))
    before = np.concatenate([toy.observed(seed, step - 1) for seed, step in steps])
    np.testing.assert_array_equal(np.concatenate([stored[0] for stored in agent.stores]), before)
    assert (toy.folder / "shared_training.safetensors").is_file()


def test_learning_starts_are_counted_in_transitions_too(toy: Any) -> None:
    toy.budget = toy.budget.model_copy(update={"td3": {"learning_starts": 2}})
    toy.run("generalist_training")
    assert toy.learners[0].config.learning_starts == 6


def test_the_counterfactual_policy_trains_on_networks_that_nobody_is_evaluated_on(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Any, ...]] = []
    saved: list[str] = []

    class Policy:
        def save(self, path: Any) -> None:
            path.write_bytes(b"")
            saved.append(path.name)

    def train(scenario: Any, networks: Any, seed: int, steps: int, tick: Any) -> dict[str, Policy]:
        given.append((scenario, list(networks), seed, steps))
        tick(steps)
        return {variant: Policy() for variant in preparations.informed.ABLATIONS}

    monkeypatch.setattr(preparations.informed, "train", train)
    arrays = toy.run("counterfactual_training")
    ((scenario, networks, seed, steps),) = given
    assert (scenario, seed, steps) == (toy.scenario, stream_seed(3, "best_training"), 5)
    assert networks[0] == SOURCE
    assert len(set(networks)) == preparations.informed.NETWORKS
    targets = {target_network_seed(other) for other in range(1_000)}
    assert not targets & set(networks)
    assert saved == [f"counterfactual_training-{variant}.safetensors" for variant in preparations.informed.ABLATIONS]
    np.testing.assert_array_equal(arrays["steps"], 5)


def test_no_training_network_is_a_target_network_or_another_seeds() -> None:
    targets = {target_network_seed(seed) for seed in range(200)}
    training = [training_network_seed(seed, number) for seed in range(200) for number in range(12)]
    assert len(set(training)) == len(training)
    assert not targets & set(training)
    assert [training_network_seed(seed, 0) for seed in range(5)] == [source_network_seed(seed) for seed in range(5)]


def fake_similarity(calls: list[dict[str, Any]]) -> Any:
    """Return a stand-in whose distances are known, 100 i + j, and not symmetric."""

    def similarity_matrix(samples: list[Any], seed: int, vae_epochs: int, **options: Any) -> Similarity:
        calls.append({"samples": samples, "seed": seed, "epochs": vae_epochs, **options})
        rows, columns = np.indices((6, 6))
        length = len(samples[0])
        latent = np.arange(6.0 * length * 2).reshape(-1, 2)
        return Similarity(
            distance=100.0 * rows + columns + len(calls) / 10.0,
            latent_mean=latent,
            latent_variance=1.0 + latent % 7,
            offsets=np.arange(7) * length,
            loss=np.arange(float(vae_epochs)),
        )

    return similarity_matrix


def test_similarity_goes_from_source_cells_to_target_cells(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(similarity_work, "similarity_matrix", fake_similarity(calls))
    toy.budget = toy.budget.model_copy(update={"remedies": False})
    arrays = toy.run("similarity")
    assert [network.seed for network in toy.networks[:2]] == [SOURCE, TARGET]
    assert all((shares == 0.5).all() for network in toy.networks for shares in network.played)
    (call,) = calls
    assert (call["seed"], call["epochs"]) == (stream_seed(3, "similarity"), 9)
    for agent, samples in enumerate(call["samples"]):
        network, cell = (SOURCE, TARGET)[agent // 3], agent % 3
        assert samples.shape == (4, 9)
        for step in range(4):
            np.testing.assert_array_equal(samples[step, :8], toy.observed(network, step)[cell])
            assert samples[step, 8] == toy.earned(network, step + 1)[cell]
    sources, targets = np.indices((3, 3))
    np.testing.assert_allclose(arrays["distance"], 100.0 * sources + (3 + targets) + 0.1)
    own_source, own_target = 101.0 * sources + 0.1, 101.0 * (3 + targets) + 0.1
    np.testing.assert_allclose(arrays["distance_corrected"], arrays["distance"] - 0.5 * (own_source + own_target))
    latent = np.arange(6.0 * 4 * 2).reshape(6, 4, 2)
    np.testing.assert_array_equal(arrays["latent_mean"], latent.astype(np.float32))
    np.testing.assert_array_equal(arrays["latent_variance"], (1.0 + latent % 7).astype(np.float32))
    squared = ((latent[:3, None, :, None] - latent[None, 3:, None, :]) ** 2).sum(axis=-1).mean(axis=(2, 3))
    np.testing.assert_allclose(arrays["distance_fast"], squared)
    centres = latent.mean(axis=1)
    expected = ((centres[:3, None] - centres[None, 3:]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(arrays["distance_centres"], expected)
    np.testing.assert_array_equal(arrays["traffic_mask"][:, :, 1], np.full((6, 3), np.float32(TARGET / 10)))
    np.testing.assert_array_equal(arrays["vae_loss"], np.arange(9.0))


def test_sources_are_held_against_what_is_known_and_what_they_would_have_earned(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, earned = np.arange(9.0).reshape(3, 3), np.arange(9.0).reshape(3, 3) / 9.0
    monkeypatch.setattr(preparations, "configuration_distance", lambda scenario: known + (scenario is not toy.scenario))

    def fake_hindsight(source: Any, network: Any, task: Any, steps: int, tick: Any) -> np.ndarray:
        assert (source.origin, network.seed, steps) == ("pretrain", TARGET, 4)
        tick(steps)
        return earned

    monkeypatch.setattr(preparations, "hindsight_rewards", fake_hindsight)
    toy.trained("pretrain")
    arrays = toy.run("source_distances")
    np.testing.assert_array_equal(arrays["distance_configuration"], known)
    np.testing.assert_array_equal(arrays["distance_probe"], -earned)


def test_the_remedies_of_the_distance_are_measured_where_they_are_asked_for(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(similarity_work, "similarity_matrix", fake_similarity(calls))
    arrays = toy.run("similarity")
    paper, weighted, longer = calls
    assert [len(call["samples"][0]) for call in calls] == [4, 4, 16]
    assert (weighted["reconstruction_weight"], weighted["epochs"]) == (1.0, 9)
    assert (longer["epochs"], "reconstruction_weight" in longer) == (2, False)
    assert paper["seed"] == weighted["seed"] == longer["seed"]
    for few, many in zip(paper["samples"], longer["samples"], strict=True):
        np.testing.assert_array_equal(few, many[:4])
    sources, targets = np.indices((3, 3))
    for name, call in (("distance", 1), ("distance_weighted", 2), ("distance_longer", 3)):
        np.testing.assert_allclose(arrays[name], 100.0 * sources + 3 + targets + call / 10, err_msg=name)
    latent = np.arange(6.0 * 4 * 2).reshape(-1, 2)
    mean, variance = latent.reshape(6, 4, 2), (1.0 + latent % 7).reshape(6, 4, 2)
    floored = np.maximum(variance, np.median(1.0 + latent % 7, axis=0))

    def divergences(variances: Any, i: int, j: int) -> Any:
        ours, theirs = variances[i][:, None], variances[j][None]
        square = (mean[i][:, None] - mean[j][None]) ** 2
        return 0.5 * (np.log(theirs / ours) + (ours + square) / theirs - 1.0).sum(axis=-1)

    for i in range(3):
        for j in range(3):
            np.testing.assert_allclose(
                arrays["distance_floored"][i, j], divergences(floored, i, 3 + j).mean(), rtol=1e-6
            )
            np.testing.assert_allclose(arrays["distance_median"][i, j], np.median(divergences(variance, i, 3 + j)))


@pytest.mark.parametrize("end", ["", "_ours"])
def test_pairs_transfer_every_source_to_every_target(toy: Any, end: str) -> None:
    """The fakes measure something else in every copy of the network, so each pair's reward is told from all others'."""
    steps = 600
    toy.budget = toy.budget.model_copy(update={"pair_steps": steps, "transfer_steps": steps, "train_steps": steps})
    toy.trained(f"pretrain{end}")
    arrays = toy.run(f"pairs{end}")
    assert [network.seed for network in toy.networks] == [TARGET] * 3
    (agents,) = [learner for learner in toy.learners if learner.origin == "new"]
    assert (agents.n_agents, agents.seed) == (9, stream_seed(3, f"pairs{end}"))
    # Room for all transitions of both networks.
    numbers = {"exploration_steps": 0, "capacity": 3 + steps + steps, "batch_size": 6, "gamma": 0.3}
    assert agents.config == TD3Config(**numbers, exploration_noise=0.05 if end else 0.4)
    source_of = {agent: source for _, _, source, agent in agents.received}
    assert {strategy for strategy, *_ in agents.received} == {"integrated"}
    assert {(source_of[agent], agent % 3) for agent in range(9)} == {(i, j) for i in range(3) for j in range(3)}
    assert [explore for _, explore, _ in agents.acts] == [True] * steps
    assert len(agents.stores) == len(agents.updates) == steps
    for step in (0, 1, steps - 1):
        before_step, action, earned, after = agents.stores[step]
        seen = np.concatenate([toy.observed(TARGET, step, copy) for copy in range(3)])
        np.testing.assert_array_equal(before_step, seen)
        np.testing.assert_array_equal(action, np.concatenate([net.played[step] for net in toy.networks]))
        np.testing.assert_array_equal(earned, np.concatenate([toy.earned(TARGET, step + 1, copy) for copy in range(3)]))
        seen = np.concatenate([toy.observed(TARGET, step + 1, copy) for copy in range(3)])
        np.testing.assert_array_equal(after, seen)
    assert arrays["reward"].shape == (2, 3, 3)
    for agent, source in source_of.items():
        copy, target = divmod(agent, 3)
        earned = np.array([toy.earned(TARGET, step, copy)[target] for step in range(1, steps + 1)])
        np.testing.assert_allclose(arrays["reward"][0, source, target], earned[:250].mean(), rtol=1e-5)
        np.testing.assert_allclose(arrays["reward"][1, source, target], earned[250:500].mean(), rtol=1e-5)
    assert len(np.unique(arrays["reward"][0].round(6))) == 9


def test_offered_traffic_is_users_by_their_rate_and_that_of_the_neighbours(toy: Any) -> None:
    """Four users a slice; a slice's rates are 0.1 and 0.3 Mbit/s."""
    arrays = toy.run("offered")
    assert [network.seed for network in toy.networks] == [TARGET]
    expected = np.empty((9, 3))
    for step in range(9):
        for cell in range(3):
            expected[step, cell] = 4 * ((0.7 - 0.01 * step + 0.1 * cell) * 1e5 + 0.7 * 3e5)
    np.testing.assert_allclose(arrays["own"], expected)
    for cell, others in enumerate(([1, 2], [0, 2], [0, 1])):
        np.testing.assert_allclose(arrays["neighbours"][:, cell], expected[:, others].mean(axis=1))
    assert arrays["cycle"] == 3
    toy.scenario.neighbours, toy.ticks = np.empty((3, 0), int), 0
    np.testing.assert_array_equal(toy.run("offered")["neighbours"], arrays["own"])


def test_the_baselines_of_a_map_play_the_first_steps_of_the_target(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {"traffic_aware": 0.25, "max_min_rule": 0.75}

    def policy(name: str) -> Any:
        return lambda simulator, observation: np.tile([marks[name], 1.0 - marks[name]], (3, 1))

    monkeypatch.setattr(preparations.policies, "get", policy)
    arrays = toy.run("baselines")
    assert [network.seed for network in toy.networks] == [TARGET] * 2
    for network, name in zip(toy.networks, marks, strict=True):
        assert [shares[0, 0] for shares in network.played] == [marks[name]] * 5
        played = [toy.earned(TARGET, step, network.copy) for step in range(1, 6)]
        np.testing.assert_array_equal(arrays[name], played)


def test_samples_are_scored_by_the_reward_that_is_asked_for(tiny_scenario: Any) -> None:
    def load(kpis: Any, scenario: Scenario) -> Any:
        return kpis.load.sum(axis=-1)

    def samples(**options: Any) -> Any:
        network = Simulator(tiny_scenario(), seed=0)
        network.reset()
        return similarity_work.collect_samples(network, Task(tiny_scenario(), **options), 4)

    scored, paper = samples(reward=load), samples()
    np.testing.assert_array_equal(scored[..., :-1], paper[..., :-1])
    np.testing.assert_allclose(scored[:, 0, -1], scored[:, 1, 4:8].sum(axis=-1), rtol=1e-5)
    assert not np.array_equal(scored[..., -1], paper[..., -1])
