"""The replay ring against a list."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicefast.learn import NonFiniteError, ReplayRing

OBS, ACT = 3, 2


def transition(rng, n):
    return (
        rng.random((n, OBS), np.float32),
        rng.random((n, ACT), np.float32),
        rng.random(n, np.float32),
        rng.random((n, OBS), np.float32),
    )


def rows_of(arrays):
    return np.concatenate(
        [arrays["observation"], arrays["action"], arrays["reward"][:, None], arrays["next_observation"]], axis=1
    )


@given(st.integers(1, 6), st.integers(0, 20), st.integers(0, 5))
def test_ring_matches_the_list(reference, capacity, n_added, n_loaded):
    rng = np.random.default_rng(capacity + 10 * n_added)
    ring, twins = ReplayRing(2, capacity, OBS, ACT), [reference("learning").Ring(capacity) for _ in range(2)]
    if n_loaded < capacity:
        source = ReplayRing(1, 10, OBS, ACT)
        for _ in range(n_loaded):
            source.add(*transition(rng, 1))
        ring.load(1, source.export(0))
        twins[1].load(rows_of(source.export(0)))
    for _ in range(n_added):
        parts = transition(rng, 2)
        ring.add(*parts)
        for agent, twin in enumerate(twins):
            twin.add(np.concatenate([parts[0][agent], parts[1][agent], parts[2][agent : agent + 1], parts[3][agent]]))
    for agent, twin in enumerate(twins):
        expected = [*twin.kept, *twin.own]
        assert ring.n_kept[agent] + ring.n_own[agent] == len(expected)
        if expected:
            np.testing.assert_array_equal(rows_of(ring.export(agent)), expected)
    assert len(ring) == min(len(twin.kept) + len(twin.own) for twin in twins)


def test_memory_is_stated():
    ring = ReplayRing(12, 10_000, 16, 4)
    assert ring.nbytes == ring.array.nbytes == 12 * 10_000 * 37 * 4


@pytest.mark.parametrize(("part", "name"), list(enumerate(ReplayRing.PARTS)))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_is_refused_naming_agent_and_step(part, name, value):
    ring = ReplayRing(3, 4, OBS, ACT)
    parts = transition(np.random.default_rng(0), 3)
    parts[part][1] = value
    with pytest.raises(NonFiniteError, match=f"{name} of agent 1 at step 77") as caught:
        ring.add(*parts, step=77)
    assert (caught.value.what, caught.value.agent, caught.value.step) == (name, 1, 77)
    assert len(ring) == 0
    assert not ring.array.any()


def test_wrong_arguments_are_named():
    ring = ReplayRing(2, 4, OBS, ACT)
    parts = transition(np.random.default_rng(0), 3)
    with pytest.raises(ValueError, match="observation: got shape"):
        ring.add(*parts)
    one = {"observation": parts[0], "action": parts[1], "reward": parts[2], "next_observation": parts[3]}
    with pytest.raises(ValueError, match=r"arrays: .*also reward"):
        ring.load(0, {key: value for key, value in one.items() if key != "reward"})
    with pytest.raises(ValueError, match=r"arrays: got .* rows', allowed: fewer than the capacity"):
        ReplayRing(2, 3, OBS, ACT).load(0, one)
    with pytest.raises(ValueError, match=r"arrays row 2: .*finite"):
        ring.load(0, one | {"reward": np.array([0, 0, np.nan])})
    with pytest.raises(ValueError, match="capacity"):
        ReplayRing(2, 0, OBS, ACT)
