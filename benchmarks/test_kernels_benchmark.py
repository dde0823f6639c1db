"""Replay and KL kernels beside the alternatives of the same job, in the same groups."""

import numpy as np
import pytest
import torch

from slicefast import kernels
from slicefast.learn import ReplayRing
from slicefast.learn.threads import one_thread

OBS, ACT, BATCH, ROWS = 16, 4, 32, 8750
AGENTS = [12, 300]


def filled_ring(n_agents):
    ring = ReplayRing(n_agents, ROWS, OBS, ACT)
    ring.array[...] = np.random.default_rng(0).random(ring.array.shape, np.float32)
    ring.n_own[:] = ROWS
    return ring


@pytest.mark.parametrize("n_agents", AGENTS)
def test_replay_numba(benchmark, n_agents):
    benchmark.group = f"replay of {BATCH} for {n_agents} agents"
    ring, ids, free = filled_ring(n_agents), np.arange(n_agents), np.full(n_agents, -1)
    out = np.empty((n_agents, BATCH, ring.width), np.float32)
    array, step = ring.array, iter(range(10**9))

    def sample():
        index = ring.sample(0, ids, next(step), BATCH, free)
        kernels.gather(array, index, out)
        return index

    index = benchmark(sample)
    np.testing.assert_array_equal(out, array[np.arange(n_agents)[:, None], index])


@pytest.mark.parametrize("n_agents", AGENTS)
def test_replay_torch_index_select(benchmark, n_agents):
    benchmark.group = f"replay of {BATCH} for {n_agents} agents"
    ring = filled_ring(n_agents)
    flat, base = ring.ring.view(-1, ring.width), torch.arange(n_agents)[:, None] * ROWS

    def sample():
        index = torch.randint(ROWS, (n_agents, BATCH)) + base
        return index, flat.index_select(0, index.view(-1))

    index, out = benchmark(sample)
    assert torch.equal(out[5], flat[index.view(-1)[5]])


@pytest.mark.parametrize("n_agents", AGENTS)
def test_replay_cpprb(benchmark, n_agents):
    cpprb = pytest.importorskip("cpprb", reason="needs the extra 'bench'")
    benchmark.group = f"replay of {BATCH} for {n_agents} agents"
    fields = {"obs": {"shape": OBS}, "act": {"shape": ACT}, "rew": {}, "next_obs": {"shape": OBS}}
    buffers = [cpprb.ReplayBuffer(ROWS, fields) for _ in range(n_agents)]
    rng = np.random.default_rng(0)
    shapes = {"obs": (ROWS, OBS), "act": (ROWS, ACT), "rew": (ROWS,), "next_obs": (ROWS, OBS)}
    data = {key: rng.random(shape, np.float32) for key, shape in shapes.items()}
    for buffer in buffers:
        buffer.add(**data)
    batches = benchmark(lambda: [buffer.sample(BATCH) for buffer in buffers])
    assert len(batches) == n_agents
    assert np.isin(batches[0]["rew"], data["rew"]).all()


def kl_inputs(n_agents, n_samples):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_agents * n_samples, 4)), rng.uniform(0.1, 2.0, (n_agents * n_samples, 4))


@pytest.mark.parametrize(("n_agents", "n_samples"), [(12, 200), (300, 1000)])
def test_kl_factorised(benchmark, moved, n_agents, n_samples):
    benchmark.group = f"all-pairs KL, {n_agents} agents x {n_samples} samples x 4"
    mean, variance = kl_inputs(n_agents, n_samples)
    offsets = np.arange(n_agents + 1) * n_samples
    got = benchmark(kernels.gaussian_kl_matrix, mean, variance, offsets)
    moved(mean.nbytes + variance.nbytes + got.nbytes)
    assert got[1, 2] == pytest.approx(torch_kl(mean, variance, n_samples, 1, 2), rel=1e-12)


def torch_kl(mean, variance, n_samples, i, j):
    one, other = (slice(k * n_samples, (k + 1) * n_samples) for k in (i, j))
    make = lambda rows, axis: torch.distributions.Normal(  # noqa: E731
        torch.tensor(mean[rows]).unsqueeze(axis), torch.tensor(variance[rows]).sqrt().unsqueeze(axis)
    )
    return torch.distributions.kl_divergence(make(one, 1), make(other, 0)).sum(-1).mean().item()


def test_kl_torch_distributions(benchmark):
    benchmark.group = "all-pairs KL, 12 agents x 200 samples x 4"
    mean, variance = kl_inputs(12, 200)
    with one_thread():
        got = benchmark.pedantic(
            lambda: [[torch_kl(mean, variance, 200, i, j) for j in range(12)] for i in range(12)],
            rounds=5, warmup_rounds=1,
        )  # fmt: skip
    np.testing.assert_allclose(
        got, kernels.gaussian_kl_matrix(mean, variance, np.arange(13) * 200), rtol=1e-12, atol=1e-12
    )
