"""Numba kernels against their plain twins: random streams, sampling, gathering, all-pairs KL."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slicefast import kernels

SEEDS = st.integers(0, 2**64 - 1)


def sampled(seed, ids, step, n_kept, n_own, ratio, batch):
    n = len(ids)
    out = np.empty((n, batch), np.int64)
    full = lambda value: np.full(n, value, np.int64)  # noqa: E731
    kernels.sample_indices(np.uint64(seed), np.array(ids), step, full(n_kept), full(n_own), full(ratio), out)
    return out


def test_philox_known_answers():
    # Random123's published known-answer vectors (kat_vectors, philox4x32 10): all zeros, and all ones as far as our
    # stream layout can express them.
    assert [hex(w) for w in kernels.uniform_bits(0, 0, 0, 0, 1)[0]] == [
        "0x6627e8d5",
        "0xe169c58d",
        "0xbc57ac4c",
        "0x9b00dbd8",
    ]


@given(SEEDS, st.integers(0, 3), st.integers(0, 2**32 - 1), st.integers(0, 2**40), st.integers(1, 5))
def test_streams_match_the_twin(reference, seed, purpose, agent, step, n_blocks):
    twin = reference("learning")
    expected = [twin.words(seed, purpose, agent, step, place) for place in range(n_blocks)]
    np.testing.assert_array_equal(kernels.uniform_bits(seed, purpose, agent, step, n_blocks), expected)


@given(
    SEEDS,
    st.lists(st.integers(0, 1000), min_size=1, max_size=4),
    st.integers(0, 2**33),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(-1, 9),
)
def test_sampling_matches_the_twin(reference, seed, ids, step, n_kept, n_own, ratio):
    twin = reference("learning")
    got = sampled(seed, ids, step, n_kept, n_own, ratio, 9)
    expected = [twin.batch_rows(seed, agent, step, n_kept, n_own, ratio, 9) for agent in ids]
    np.testing.assert_array_equal(got, expected)


def test_sampling_is_uniform_and_independent_of_the_stack():
    rows = np.concatenate([sampled(3, [7], step, 0, 10, -1, 32)[0] for step in range(2000)])
    assert stats.chisquare(np.bincount(rows, minlength=10)).pvalue > 1e-3
    lag = np.bincount(10 * rows[:-1] + rows[1:], minlength=100)
    assert stats.chisquare(lag).pvalue > 1e-3
    stack = sampled(3, list(range(20)), 5, 0, 1000, -1, 32)
    np.testing.assert_array_equal(stack[7], sampled(3, [7], 5, 0, 1000, -1, 32)[0])
    assert len({tuple(row) for row in stack}) == 20


def test_transferred_rows_come_at_the_stated_ratio():
    rows = sampled(0, [0], 0, 100, 50, 8, 32)[0]
    assert ((rows[:8] < 100) & (rows[:8] >= 0)).all()
    assert ((rows[8:] >= 100) & (rows[8:] < 150)).all()
    assert (sampled(0, [0], 0, 100, 0, 8, 32) < 100).all(), "nothing of its own yet: all rows are transferred ones"


def test_gather_copies_rows():
    rng = np.random.default_rng(0)
    ring = rng.random((3, 11, 5), np.float32)
    index = rng.integers(0, 11, (3, 7))
    out = np.empty((3, 7, 5), np.float32)
    kernels.gather(ring, index, out)
    np.testing.assert_array_equal(out, ring[np.arange(3)[:, None], index])


@pytest.mark.parametrize("length", [1, 3, 4, 6])
def test_normal_noise_matches_the_twin(reference, length):
    out = np.empty((2, 5, length), np.float32)
    kernels.normal_noise(np.uint64(2**63 + 5), kernels.SMOOTHING, np.array([4, 9]), 17, out)
    expected = [reference("learning").normals(2**63 + 5, kernels.SMOOTHING, agent, 17, 5, length) for agent in (4, 9)]
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-7)  # one rounding to float32


def test_normal_noise_is_standard_normal():
    out = np.empty((4, 5000, 4), np.float32)
    kernels.normal_noise(np.uint64(1), kernels.LOGIT_NOISE, np.arange(4), 0, out)
    assert stats.kstest(out.ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(out.reshape(-1, 4).T) - np.eye(4)).max() < 0.03  # 4 standard errors of 20,000 samples


def test_dirichlet_is_uniform_on_the_simplex():
    out = np.concatenate([dirichlet_at(step) for step in range(5000)])
    np.testing.assert_allclose(out.sum(axis=1), 1.0, atol=1e-6)
    # A component of Dirichlet(1, 1, 1, 1) is Beta(1, 3).
    for component in out.T:
        assert stats.kstest(component, stats.beta(1, 3).cdf).pvalue > 1e-3


def dirichlet_at(step):
    out = np.empty((2, 4), np.float32)
    kernels.dirichlet(np.uint64(0), np.arange(2), step, out)
    return out


# KL


def groups(rng, sizes, d, offset=0.0, variance=1.0):
    mean = offset + rng.normal(size=(sum(sizes), d)) * np.sqrt(variance)
    spread = variance * np.exp(rng.normal(size=(sum(sizes), d)))
    return mean, spread, np.concatenate([[0], np.cumsum(sizes)])


def test_kl_equals_torch_distributions_over_all_pairs():
    mean, variance, offsets = groups(np.random.default_rng(0), [40, 1, 25], 4)
    got = kernels.gaussian_kl_matrix(mean, variance, offsets)
    normal = torch.distributions.Normal(torch.tensor(mean), torch.tensor(variance).sqrt())
    for i in range(3):
        for j in range(3):
            one, other = (slice(offsets[k], offsets[k + 1]) for k in (i, j))
            p = torch.distributions.Normal(normal.loc[one, None], normal.scale[one, None])
            q = torch.distributions.Normal(normal.loc[None, other], normal.scale[None, other])
            expected = torch.distributions.kl_divergence(p, q).sum(-1).mean().item()
            assert got[i, j] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("gap", [0.0, 1e-4, 1.0])
def test_kl_survives_large_offsets_and_tiny_variances(reference, gap):
    rng = np.random.default_rng(1)
    mean, variance, offsets = groups(rng, [30, 20, 7], 4, offset=1e3, variance=1e-8)
    mean[30:] += gap
    got = kernels.gaussian_kl_matrix(mean, variance, offsets)
    for i in range(3):
        for j in range(3):
            one, other = (slice(offsets[k], offsets[k + 1]) for k in (i, j))
            expected = reference("learning").pairwise_kl(mean[one], variance[one], mean[other], variance[other])
            assert got[i, j] == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(-1e3, 1e3), st.floats(-8, 4))
def test_kl_properties(seed, d, offset, exponent):
    mean, variance, offsets = groups(np.random.default_rng(seed), [1, 5, 1, 3], d, offset, 10.0**exponent)
    got = kernels.gaussian_kl_matrix(mean, variance, offsets)
    assert got[0, 0] == 0.0
    assert got[2, 2] == 0.0
    assert (got >= 0).all()
    # Common shift and scale of all means, with variances scaled along, change nothing.
    moved = kernels.gaussian_kl_matrix(4.0 * (mean - mean[0]), 16.0 * variance, offsets)
    np.testing.assert_allclose(moved, got, rtol=1e-6, atol=1e-9)


def test_kl_extreme_variances_do_not_overflow():
    variance = np.array([[1e150], [1e-150], [1e150], [1e-150]])
    got = kernels.gaussian_kl_matrix(np.zeros((4, 1)), variance, [0, 2, 4])
    assert np.isfinite(got).all()


@pytest.mark.parametrize(
    ("mean", "variance", "offsets", "named"),
    [
        (np.zeros((3, 2)), np.ones((3, 1)), [0, 3], r"variance: got shape \(3, 1\), allowed: that of mean"),
        (np.zeros((3, 2)), np.zeros((3, 2)), [0, 3], "variance: row 0: got 0.0, allowed: positive"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), [0, 3], "mean: row 0: got nan, allowed: finite"),
        (np.zeros((3, 2)), np.ones((3, 2)), [0, 2, 2, 3], r"offsets: got \[0, 2, 2, 3\], allowed: increasing"),
        (np.zeros((3, 2)), np.ones((3, 2)), [0, 2], "offsets"),
        (np.zeros(3), np.ones(3), [0, 3], r"mean: got shape \(3,\), allowed: shape"),
    ],
)
def test_kl_refuses_by_name(mean, variance, offsets, named):
    with pytest.raises(ValueError, match=named):
        kernels.gaussian_kl_matrix(mean, variance, offsets)


@pytest.mark.parametrize(
    ("shape", "row", "message"),
    [((2, 4, 3), 10**9, "index: "), ((2, 4, 3), -1, "index: "), ((2, 4, 3), 5, "index: "), ((1, 1, 1), 0, "out: ")],
)
def test_gathering_outside_an_array_is_refused(shape, row, message):
    out = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match=message):
        kernels.gather(np.zeros((2, 5, 3), np.float32), np.full((2, 4), row), out)


def test_storing_outside_the_ring_is_refused():
    parts = (
        np.ones((2, 4), np.float32),
        np.ones((2, 2), np.float32),
        np.ones(2, np.float32),
        np.ones((2, 4), np.float32),
    )
    ring = np.zeros((2, 5, 11), np.float32)
    for rows in ([0, 5], [-1, 0], [0, 1 << 40]):
        with pytest.raises(ValueError, match="row: is outside the ring"):
            kernels.store(ring, np.array(rows), *parts)
    with pytest.raises(ValueError, match="ring: allowed"):
        kernels.store(np.zeros((2, 5, 10), np.float32), np.array([0, 1]), *parts)
    assert not ring[1].any()
    assert kernels.store(ring, np.array([4, 0]), *parts) == -1
    assert ring[0, 4].all()


def test_offsets_whose_differences_wrap_are_refused():
    with pytest.raises(ValueError, match=r"offsets: got .* increasing from 0 to M = 3"):
        kernels.gaussian_kl_matrix(np.zeros((3, 2)), np.ones((3, 2)), np.array([0, 2**62, -(2**63) + 10, 3]))
