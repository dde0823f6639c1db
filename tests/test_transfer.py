"""Similarity, ranking and handing over."""

import numpy as np
import pytest

from slicefast import transfer
from slicefast.learn import TD3, TD3Config


def small_agents(seed: int, n_agents: int = 3, obs_dim: int = 16) -> TD3:
    """Return agents that have a few transitions in their replay."""
    agents = TD3(n_agents=n_agents, obs_dim=obs_dim, action_dim=4, config=TD3Config(exploration_steps=5), seed=seed)
    generator = np.random.default_rng(seed)
    observation = generator.random((n_agents, obs_dim), dtype=np.float32)
    for _ in range(10):
        action = agents.act(observation, explore=True)
        following = generator.random((n_agents, obs_dim), dtype=np.float32)
        agents.store(observation, action, generator.random(n_agents, dtype=np.float32), following)
        observation = following
    return agents


def samples(centres: list[float], count: int = 80) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [(generator.normal(scale=0.1, size=(count, 17)) + centre).astype(np.float32) for centre in centres]


def test_agents_alike_are_closer_than_agents_apart() -> None:
    found = transfer.similarity_matrix(samples([0.0, 0.02, 1.0]), seed=1, vae_epochs=30)
    assert found.distance.shape == (3, 3)
    assert np.isfinite(found.distance).all()
    assert found.distance[0, 1] < found.distance[0, 2]
    assert list(transfer.rank_sources(found.distance, target=0, exclude=[0])) == [1, 2]
    np.testing.assert_array_equal(found.offsets, [0, 80, 160, 240])
    assert found.loss[-1] < found.loss[0]


def test_same_seed_same_distance() -> None:
    first, second = (transfer.similarity_matrix(samples([0.0, 1.0]), seed=3, vae_epochs=2) for _ in range(2))
    np.testing.assert_array_equal(first.distance, second.distance)


def test_fast_distance_is_the_mean_over_all_pairs() -> None:
    generator = np.random.default_rng(1)
    mean, offsets = generator.normal(size=(12, 4)) + 100.0, np.array([0, 5, 12])
    expected = np.empty((2, 2))
    parts = mean[:5], mean[5:]
    for i, first in enumerate(parts):
        for j, second in enumerate(parts):
            expected[i, j] = np.mean([np.sum((a - b) ** 2) for a in first for b in second])
    np.testing.assert_allclose(transfer.mean_squared_distance(mean, offsets), expected, rtol=1e-10)


def test_without_spread_leaves_the_distance_of_the_centres() -> None:
    """For the fast distance the rest is exactly the squared distance of the two means."""
    generator = np.random.default_rng(3)
    mean, offsets = generator.normal(size=(60, 4)), np.array([0, 20, 60])
    mean[20:] = 3.0 * mean[20:] + 1.0
    found = transfer.without_spread(transfer.mean_squared_distance(mean, offsets))
    centre = np.sum((mean[:20].mean(axis=0) - mean[20:].mean(axis=0)) ** 2)
    np.testing.assert_allclose(found, [[0.0, centre], [centre, 0.0]], atol=1e-12)


def test_divergence_of_equal_small_variances_is_proportional_to_the_fast_distance() -> None:
    """KL = ||m_i - m_j||^2 / (2 v) when all variances are one constant v (exact, so only rounding is left)."""
    generator = np.random.default_rng(2)
    mean, offsets = generator.normal(size=(30, 4)), np.array([0, 10, 20, 30])
    divergence = transfer.latent_distance(mean, np.full_like(mean, 1e-3), offsets, "kl")
    fast = transfer.latent_distance(mean, np.full_like(mean, 1e-3), offsets, "fast")
    np.testing.assert_allclose(divergence, fast / 2e-3, rtol=1e-8)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], r"samples: got \[\], allowed: one array per agent"),
        ([np.zeros((0, 17))], r"samples\[0\]"),
        ([np.zeros((3, 17)), np.zeros((3, 16))], r"samples\[1\]: got '16 values per sample', allowed: 17"),
        ([np.full((3, 17), np.nan)], r"samples\[0\] row 0: .*allowed: finite"),
    ],
)
def test_bad_samples_are_refused(bad: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        transfer.similarity_matrix(bad)


def test_unknown_distance_is_refused() -> None:
    with pytest.raises(ValueError, match="euclid"):
        transfer.similarity_matrix(samples([0.0]), distance="euclid")


def test_ranking_orders_by_distance_and_leaves_out() -> None:
    distance = np.array([[0.0, 5.0], [1.0, 3.0], [2.0, 4.0]])
    assert list(transfer.rank_sources(distance, 1)) == [1, 2, 0]
    assert list(transfer.rank_sources(distance, 1, exclude=[1])) == [2, 0]
    assert list(transfer.rank_sources(distance, 1, sources=[0, 2])) == [2, 0]
    with pytest.raises(ValueError, match="target: got 2, allowed: 0 to 1"):
        transfer.rank_sources(distance, 2)
    with pytest.raises(ValueError, match=r"exclude: .*so that one is left"):
        transfer.rank_sources(distance, 0, exclude=[0, 1, 2])


def test_sources_follow_the_choice() -> None:
    distance, groups = np.random.default_rng(0).random((6, 6)), np.array([0, 0, 0, 1, 1, 1], np.int32)
    chosen = {
        name: transfer.choose_sources(distance, name, groups, seed=3) for name in ("most", "least", "random", "other")
    }
    for name in ("most", "least", "random", "other"):
        assert (chosen[name] != np.arange(6)).all()
    np.testing.assert_array_equal(chosen["random"], transfer.choose_sources(distance, "random", groups, seed=3))
    assert (groups[chosen["other"]] != groups).all()
    expected = np.where(groups[:, None] != groups[None], distance, np.inf).argmin(axis=0)
    np.testing.assert_array_equal(chosen["other"], expected)
    one_group = transfer.choose_sources(distance, "other", np.zeros(6, np.int32), seed=3)
    np.testing.assert_array_equal(one_group, chosen["most"])
    with pytest.raises(ValueError, match="choice: got 'nearest', allowed: most"):
        transfer.choose_sources(distance, "nearest", groups, seed=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["model", "integrated"])
def test_transferred_agents_act_like_their_sources(strategy: transfer.Strategy) -> None:
    source, target = small_agents(0), small_agents(1)
    transfer.transfer(source, [2, 0], target, [0, 1], strategy)
    observation = np.random.default_rng(5).random((3, 16), dtype=np.float32)
    swapped = observation[[1, 2, 0]]  # source agents 2 and 0 see what target agents 0 and 1 see
    before = small_agents(1).act(observation, explore=False)
    expected, found = source.act(swapped, explore=False), target.act(observation, explore=False)
    np.testing.assert_allclose(found[0], expected[2], atol=1e-6)
    np.testing.assert_allclose(found[1], expected[0], atol=1e-6)
    np.testing.assert_array_equal(found[2], before[2])


def test_instance_transfer_hands_over_transitions_and_no_network() -> None:
    source, target = small_agents(0), small_agents(1)
    observation = np.random.default_rng(5).random((3, 16), dtype=np.float32)
    before = target.act(observation, explore=False)
    transfer.transfer(source, 2, target, 0, "instance")
    np.testing.assert_array_equal(target.act(observation, explore=False), before)
    kept, given = target.replay.export(0), source.replay.export(2)
    for name, array in given.items():
        np.testing.assert_array_equal(np.asarray(kept[name])[: len(array)], array)


def test_rows_are_sources_and_columns_targets() -> None:
    """The divergence of a narrow source from a wide target is small, that of a wide source from a narrow target large.

    KL(N(0, v_i) || N(0, v_j)) = (ln(v_j / v_i) + v_i / v_j - 1) / 2 per dimension.
    """
    mean, offsets = np.zeros((4, 1)), np.array([0, 2, 4])
    variance = np.array([[0.01], [0.01], [1.0], [1.0]])
    distance = transfer.latent_distance(mean, variance, offsets, "kl")
    expected = [[0.0, (np.log(100) - 0.99) / 2], [(99 - np.log(100)) / 2, 0.0]]
    np.testing.assert_allclose(distance, expected, rtol=1e-9, atol=1e-12)


def test_the_matrix_of_samples_is_that_of_the_divergence_from_source_to_target(reference) -> None:
    """Agent 0 saw one thing over and over, agent 1 everything: the matrix is not symmetric, and this is which way."""
    generator = np.random.default_rng(0)
    narrow, wide = (scale * generator.normal(size=(40, 17)).astype(np.float32) for scale in (0.05, 1.0))
    found = transfer.similarity_matrix([narrow, wide], seed=1, vae_epochs=20)
    parts = [(found.latent_mean[rows], found.latent_variance[rows]) for rows in (slice(40), slice(40, 80))]
    divergence = reference("learning").pairwise_kl
    for source in range(2):
        for target in range(2):
            expected = divergence(*parts[source], *parts[target])
            np.testing.assert_allclose(found.distance[source, target], expected, rtol=1e-9)
    assert abs(found.distance[0, 1] / found.distance[1, 0] - 1.0) > 0.05
    median = transfer.median_distance(found.latent_mean, found.latent_variance, found.offsets)
    for source, target in ((0, 1), (1, 0)):
        single = [[(mean[[k]], variance[[k]]) for k in range(40)] for mean, variance in (parts[source], parts[target])]
        pairs = [divergence(*one, *other) for one in single[0] for other in single[1]]
        np.testing.assert_allclose(median[source, target], np.median(pairs), rtol=1e-9)


def test_the_fast_matrix_is_asked_for_by_name() -> None:
    found = transfer.similarity_matrix(samples([0.0, 1.0], count=20), seed=1, vae_epochs=2, distance="fast")
    np.testing.assert_array_equal(found.distance, transfer.mean_squared_distance(found.latent_mean, found.offsets))


def test_sources_are_ranked_by_their_own_row() -> None:
    """Target 1 is near source 2; source 1 is near target 2, which is another matter."""
    distance = np.array([[0.0, 5.0, 9.0], [9.0, 0.0, 1.0], [9.0, 2.0, 0.0]])
    assert list(transfer.rank_sources(distance, 1, exclude=[1])) == [2, 0]
    groups = np.zeros(3, np.int32)
    np.testing.assert_array_equal(transfer.choose_sources(distance, "most", groups, seed=0), [1, 2, 1])
    np.testing.assert_array_equal(transfer.choose_sources(distance, "least", groups, seed=0), [2, 0, 0])
    own = transfer.choose_sources(distance, "most", groups, seed=0, exclude_same=False)
    np.testing.assert_array_equal(own, [0, 1, 2])
    for name in ("fast", "corrected"):
        np.testing.assert_array_equal(transfer.choose_sources(distance, name, groups, seed=0), [1, 2, 1])


def networks_of(agents: TD3, agent: int) -> dict[str, np.ndarray]:
    """Return copies of an agent's parameters by network and name."""
    return {
        f"{kind}.{name}": value[agent].detach().numpy().copy()
        for kind in ("actor", "actor_target", "critic", "critic_target")
        for name, value in getattr(agents, kind).named_parameters()
    }


def is_last(name: str) -> bool:
    """Whether a parameter belongs to the last of the three layers."""
    return name.endswith("_2")


HANDED_OVER = {  # lower layers, last layer, transitions, frozen
    "model": (True, True, False, False),
    "feature": (True, False, False, True),
    "instance": (False, False, True, False),
    "integrated": (True, True, True, False),
}


@pytest.mark.parametrize("strategy", transfer.STRATEGIES)
def test_each_strategy_hands_over_what_it_says_and_nothing_else(strategy: transfer.Strategy) -> None:
    source, target = small_agents(0), small_agents(1)
    lower, last, transitions, frozen = HANDED_OVER[strategy]
    before = [networks_of(target, agent) for agent in range(3)]
    rows = [target.replay.export(agent) for agent in range(3)]
    transfer.transfer(source, [2, 0], target, [0, 1], strategy)
    for agent, giver in ((0, 2), (1, 0), (2, None)):
        own, given = before[agent], None if giver is None else networks_of(source, giver)
        for name, value in networks_of(target, agent).items():
            taken = given is not None and (last if is_last(name) else lower)
            np.testing.assert_array_equal(value, given[name] if taken else own[name], err_msg=name)
        expected = source.replay.export(giver) if transitions and giver is not None else rows[agent]
        for name, value in target.replay.export(agent).items():
            np.testing.assert_array_equal(value, expected[name])
        assert target.replay.n_kept[agent] == (10 if transitions and giver is not None else 0)
        assert target.frozen[agent] == (frozen and giver is not None)


def test_a_chain_of_transfers_hands_over_what_each_source_saw_itself() -> None:
    config = TD3Config(exploration_steps=5, capacity=12)
    first, second, third = (TD3(1, 16, 4, config, seed=seed) for seed in range(3))
    generator = np.random.default_rng(2)

    def see(agents: TD3, times: int) -> None:
        for _ in range(times):
            observation = generator.random((2, 1, 16))
            agents.store(observation[0], generator.dirichlet(np.ones(4), 1), generator.random(1), observation[1])

    see(first, 8)
    transfer.transfer(first, 0, second, 0)
    see(second, 6)  # into four rows
    transfer.transfer(second, 0, third, 0)
    assert (first.replay.n_own[0], second.replay.n_kept[0], second.replay.n_own[0]) == (8, 8, 4)
    assert (third.replay.n_kept[0], third.replay.n_own[0]) == (4, 0)
    for name, rows in second.replay.export(0).items():
        np.testing.assert_array_equal(third.replay.export(0)[name], rows[8:])


def trained(agents: TD3, updates: int = 6) -> TD3:
    """Return the agents after some updates with rewards that move every layer."""
    generator = np.random.default_rng(3)
    for _ in range(updates + agents.config.batch_size):
        observation = generator.random((agents.n_agents, agents.obs_dim), dtype=np.float32)
        action = agents.act(observation, explore=True)
        agents.store(observation, action, action[:, 0], observation)
        agents.update()
    return agents


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_feature_transfer_freezes_exactly_the_lower_layers_of_its_targets(engine: str) -> None:
    source = small_agents(0)
    target = TD3(3, 16, 4, TD3Config(exploration_steps=5), seed=1, engine=engine)  # type: ignore[arg-type]
    transfer.transfer(source, 2, target, 0, "feature")
    transfer.transfer(source, 0, target, 1, "feature")  # one after the other: the first stays frozen
    before = [networks_of(target, agent) for agent in range(3)]
    trained(target)
    for agent in range(3):
        for name, value in networks_of(target, agent).items():
            moved = (value != before[agent][name]).any()
            assert moved == (agent == 2 or is_last(name)), (agent, name)


def test_other_slices_are_refused_and_the_target_unchanged() -> None:
    source, target = small_agents(0, obs_dim=12), small_agents(1)
    observation = np.random.default_rng(5).random((3, 16), dtype=np.float32)
    before = target.act(observation, explore=False)
    with pytest.raises(ValueError, match="obs_dim"):
        transfer.transfer(source, 0, target, 0)
    with pytest.raises(ValueError, match="strategy"):
        transfer.transfer(target, 0, target, 1, "everything")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="source_index"):
        transfer.transfer(target, [0, 1], target, [2])
    with pytest.raises(ValueError, match=r"actor_hidden of the source: got \(8,\), allowed: the target's, \(48, 24\)"):
        transfer.transfer(TD3(1, 16, 4, TD3Config(actor_hidden=(8,))), 0, target, 0)
    small = TD3(3, 16, 4, TD3Config(capacity=10), seed=1)
    unchanged = [networks_of(small, agent) for agent in range(3)]
    with pytest.raises(ValueError, match="capacity of the target: got 10, allowed: more than the 10 transitions"):
        transfer.transfer(small_agents(0), [0, 1], small, [0, 1])
    for agent in range(3):
        for name, value in networks_of(small, agent).items():
            np.testing.assert_array_equal(value, unchanged[agent][name])
    np.testing.assert_array_equal(target.act(observation, explore=False), before)


def test_the_median_compares_evenly_spaced_samples_of_each_agent() -> None:
    """At most 3 of 5 are samples 0, 2 and 4; of two agents' unit Gaussians KL = (m_i - m_j)^2 / 2."""
    mean = np.array([[0.0], [50.0], [1.0], [50.0], [3.0], [10.0], [12.0]])
    offsets = np.array([0, 5, 7])
    found = transfer.median_distance(mean, np.ones_like(mean), offsets, most_samples=3)
    # Between 0, 1, 3 and 10, 12: differences 7, 9, 9, 10, 11, 12, so the median is (81 + 100) / 2 / 2. Within the
    # first: 0 three times, 1, 2 and 3 twice each; within the second: 0 and 2 twice each.
    np.testing.assert_allclose(found, [[0.5, 45.25], [45.25, 1.0]])


def test_small_variances_are_raised_to_the_median_of_their_dimension() -> None:
    variance = np.array([[1.0, 6.0], [2.0, 5.0], [3.0, 4.0]])
    np.testing.assert_array_equal(transfer.floored_variance(variance), [[2.0, 6.0], [2.0, 5.0], [3.0, 5.0]])


def test_what_sets_agents_apart_by_hand() -> None:
    distance = [[1.0, 5.0], [6.0, 3.0]]
    np.testing.assert_array_equal(transfer.without_spread(distance), [[0.0, 3.0], [4.0, 0.0]])


def test_equally_near_sources_keep_their_order() -> None:
    # More than 16 rows: an unstable sort keeps the order of fewer by chance.
    distance = np.tile([1.0, 0.0], 20)[:, None]
    assert transfer.rank_sources(distance, 0).tolist() == [*range(1, 40, 2), *range(0, 40, 2)]
    assert transfer.rank_sources(distance, 0, sources=[2, 0]).tolist() == [2, 0]
    with pytest.raises(ValueError, match="target: got -1, allowed: 0 to 0"):
        transfer.rank_sources(distance, -1)


def test_a_random_source_is_a_uniform_rank_of_the_seeds_generator() -> None:
    distance, groups = np.random.default_rng(0).random((6, 6)), np.zeros(6, np.int32)
    generator, expected = np.random.default_rng(8), []
    for target in range(6):
        order = [row for row in np.argsort(distance[:, target]) if row != target]
        expected.append(order[generator.integers(5)])
    assert transfer.choose_sources(distance, "random", groups, seed=8).tolist() == expected


def test_agents_of_other_critics_are_refused() -> None:
    with pytest.raises(ValueError, match=r"critic_hidden of the source: got \(8,\), allowed: the target's, "):
        transfer.check_compatible(TD3(1, 16, 4, TD3Config(critic_hidden=(8,))), small_agents(1))
    with pytest.raises(ValueError, match="action_dim of the source: got 3, allowed: the target's, 4"):
        transfer.check_compatible(TD3(1, 16, 3), small_agents(1))
    with pytest.raises(ValueError, match="source_index: got '2 entries', allowed: as many as target_index, 1"):
        transfer.transfer(small_agents(0), [0, 1], small_agents(1), [2])


def test_a_replay_with_room_for_one_more_takes_what_is_handed_over() -> None:
    source, target = small_agents(0), TD3(3, 16, 4, TD3Config(capacity=11), seed=1)
    transfer.transfer(source, 0, target, 1, "instance")
    assert target.replay.n_kept.tolist() == [0, 10, 0]
