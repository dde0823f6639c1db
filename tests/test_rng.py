"""Named streams: independent of each other and of the number of replicas, and resumable."""

import json

import numpy as np
import pytest

from slicefast.rng import STREAMS, Streams


def test_same_seed_same_numbers():
    first, second = Streams(7, 2), Streams(7, 2)
    for name in STREAMS:
        assert getattr(first, name).random(5).tolist() == getattr(second, name).random(5).tolist()


def test_streams_differ_by_name_replica_and_seed():
    heads = {
        tuple(getattr(Streams(seed, replica), name).random(2))
        for seed in (0, 1)
        for replica in (0, 1, 2)
        for name in STREAMS
    }
    assert len(heads) == 2 * 3 * len(STREAMS)


def test_a_replica_does_not_depend_on_the_others():
    alone = Streams(3, 5).traffic.random(4)
    many = [Streams(3, replica) for replica in range(8)]
    for replica in many:
        replica.mobility.random(100)
    assert many[5].traffic.random(4).tolist() == alone.tolist()


def test_streams_are_uncorrelated():
    draws = np.array([getattr(Streams(0, replica), name).random(4000) for replica in range(3) for name in STREAMS])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    # Standard deviation 1/sqrt(4000) = 0.016; 210 pairs stay within 4.5 of them.
    assert np.abs(correlation).max() < 4.5 * 4000**-0.5


def test_first_draws_are_pinned():
    """The key of a stream must not change: results are told by their seed."""
    assert Streams(0).traffic.integers(2**32, size=2).tolist() == [808458697, 1127420459]


def test_state_continues_through_json():
    streams = Streams(11)
    streams.mobility.random(3)
    state = json.loads(json.dumps(streams.state()))
    expected = {name: getattr(streams, name).normal(size=3).tolist() for name in STREAMS}
    other = Streams(99)
    other.set_state(state)
    assert {name: getattr(other, name).normal(size=3).tolist() for name in STREAMS} == expected


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="seed: got -1, allowed: an integer of at least 0"):
        Streams(-1)
    with pytest.raises(ValueError, match="replica: got -2, allowed: an integer of at least 0"):
        Streams(0, -2)
    streams = Streams(0)
    state = streams.state()
    del state["mask"]
    with pytest.raises(ValueError, match="state: got no stream 'mask', allowed: placement"):
        streams.set_state(state)
    assert streams.traffic.random() == Streams(0).traffic.random()
