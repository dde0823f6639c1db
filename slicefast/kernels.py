"""Compiled loops over agents: replay sampling and gathering, exploration noise, and all-pairs Gaussian KL divergence.

Dimensions: A agents, B batch, C capacity of the replay ring, W width of one transition, S action length, M pooled
samples, d latent dimensions.

Randomness here is *counter-based*: every number is a pure function of (seed, purpose, agent, step, place), through the
Philox4x32-10 generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). So an agent draws the
same numbers whoever trains beside it, and a resumed run needs no generator state beyond its step counters.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast.arguments import checked
from slicefast.errors import described, refuse

REPLAY, SMOOTHING, LOGIT_NOISE, DIRICHLET = range(4)

_F = TypeVar("_F", bound=Callable[..., Any])


def _compiled(function: _F, **options: Any) -> _F:
    # nogil: the loops touch only the arrays they are given. error_model numpy: 1/0 is inf, as in the twins.
    options |= {"nogil": True, "error_model": "numpy"}
    try:
        return cast(_F, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # a read-only installation and no home: there is no place for a cache
        return cast(_F, numba.njit(**options)(function))


def _inlined(function: _F) -> _F:
    return _compiled(function, inline="always")


_MASK = np.uint64(0xFFFFFFFF)
_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_8, _9, _32 = np.uint64(8), np.uint64(9), np.uint64(32)


@_inlined
def _philox(seed: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> Any:
    """Four 32-bit words (in 64-bit variables) of Philox4x32-10 with key = seed and counter (c0, c1, c2, c3)."""
    k0 = seed & _MASK
    k1 = seed >> _32
    for _ in range(10):
        p0 = _MULTIPLIER_0 * c0
        p1 = _MULTIPLIER_1 * c2
        c0 = (p1 >> _32) ^ c1 ^ k0
        c1 = p1 & _MASK
        c2 = (p0 >> _32) ^ c3 ^ k1
        c3 = p0 & _MASK
        k0 = (k0 + _WEYL_0) & _MASK
        k1 = (k1 + _WEYL_1) & _MASK
    return c0, c1, c2, c3


@_inlined
def _block(seed: Any, purpose: Any, agent: Any, step: Any, place: Any) -> Any:
    """Return the four words at `place` of the stream (seed, purpose, agent, step)."""
    step_bits = np.uint64(step)
    return _philox(
        seed, np.uint64(place), step_bits & _MASK, np.uint64(agent), np.uint64(purpose) | ((step_bits >> _32) << _8)
    )


@_inlined
def _unit(word: Any) -> Any:
    """Map a 32-bit word to the open interval (0, 1), on a grid of 2^23 points that float32 holds exactly."""
    return (np.float64(word >> _9) + 0.5) * 2.0**-23


@_compiled
def _uniform_bits(seed: Any, purpose: Any, agent: Any, step: Any, out: Any) -> None:
    for place in range(out.shape[0]):
        w0, w1, w2, w3 = _block(seed, purpose, agent, step, place)
        out[place, 0] = w0
        out[place, 1] = w1
        out[place, 2] = w2
        out[place, 3] = w3


@checked
def uniform_bits(seed: int, purpose: int, agent: int, step: int, n_blocks: int) -> NDArray[np.uint32]:
    """Raw words of one random stream, for tests and for other implementations: (n_blocks, 4) uint32.

    Examples
    --------
    >>> sf.kernels.uniform_bits(seed=0, purpose=0, agent=0, step=0, n_blocks=2).shape
    (2, 4)
    """
    for name, value in (("seed", seed), ("purpose", purpose), ("agent", agent), ("step", step), ("n_blocks", n_blocks)):
        if not 0 <= value < 2 ** (64 if name == "seed" else 63):
            refuse(name, value, "0 to 2^63 - 1, a seed to 2^64 - 1")
    out = np.empty((n_blocks, 4), np.uint32)
    _uniform_bits(np.uint64(seed), purpose, agent, step, out)
    return out


@_compiled
def sample_indices(seed: Any, agent_ids: Any, step: Any, n_kept: Any, n_own: Any, kept_in_batch: Any, out: Any) -> None:
    """Draw the rows of each agent's batch, uniformly and with replacement.

    Rows [0, n_kept) of an agent's ring hold transferred instances, rows [n_kept, n_kept + n_own) its own. With
    kept_in_batch < 0 a row is uniform over both; otherwise the first kept_in_batch rows of the batch are uniform over
    the transferred and the rest over its own (all over the other part where one is empty).

    A 32-bit word x becomes floor(x n / 2^32): the probabilities of two rows differ by at most n / 2^32 relative.

    Parameters
    ----------
    seed, step : uint64 and int
        The learner's seed, and the number of the update.
    agent_ids : ndarray, (A,) int64
        Whose streams.
    n_kept, n_own : ndarray, (A,) int64
        Rows in each part; empty rings give row 0.
    kept_in_batch : ndarray, (A,) int64
        Rows of the batch that are transferred ones, or below 0.
    out : ndarray, (A, B) int64
        Written: the rows drawn.
    """
    n_agents, batch = out.shape
    for a in range(n_agents):
        split = kept_in_batch[a]
        if split >= 0:
            if n_own[a] == 0:
                split = batch
            elif n_kept[a] == 0:
                split = 0
        both = n_kept[a] + n_own[a]
        for place in range((batch + 3) // 4):
            words = _block(seed, REPLAY, agent_ids[a], step, place)
            for lane in range(4):
                b = 4 * place + lane
                if b < batch:
                    base, count = 0, both
                    if split >= 0:
                        if b < split:
                            count = n_kept[a]
                        else:
                            base, count = n_kept[a], n_own[a]
                    out[a, b] = base + np.int64((words[lane] * np.uint64(count)) >> _32)


@_compiled
def gather(ring: Any, index: Any, out: Any) -> None:
    """Copy the sampled transitions: out[a, b] = ring[a, index[a, b]]; ValueError where that is outside an array.

    Parameters
    ----------
    ring, out : ndarray, (A, C, W) and (A, B, W) float32
        Transitions, and where they are written.
    index : ndarray, (A, B) int64
        Rows, in [0, C).
    """
    n_agents, batch = index.shape
    if out.shape != (n_agents, batch, ring.shape[2]) or ring.shape[0] != n_agents:
        raise ValueError("out: allowed: shape (A, B, W), with index (A, B) and ring (A, C, W)")
    for a in range(n_agents):
        for b in range(batch):
            row = index[a, b]
            if row < 0 or row >= ring.shape[1]:
                raise ValueError("index: has a row outside the ring, allowed: at least 0 and below its capacity")
            for w in range(ring.shape[2]):
                out[a, b, w] = ring[a, row, w]


@_compiled
def _not_finite(observation: Any, action: Any, reward: Any, next_observation: Any) -> int:
    n_agents, obs_dim = observation.shape
    for a in range(n_agents):
        for i in range(obs_dim):
            if not np.isfinite(observation[a, i]):
                return 4 * a
            if not np.isfinite(next_observation[a, i]):
                return 4 * a + 3
        for i in range(action.shape[1]):
            if not np.isfinite(action[a, i]):
                return 4 * a + 1
        if not np.isfinite(reward[a]):
            return 4 * a + 2
    return -1


@_compiled
def store(ring: Any, row: Any, observation: Any, action: Any, reward: Any, next_observation: Any) -> int:
    """Write one transition per agent into ring[a, row[a]]; return -1, or 4 a + part where agent a's part is not finite.

    Parts: 0 observation, 1 action, 2 reward, 3 next observation. Nothing is written unless everything is finite.

    Parameters
    ----------
    ring : ndarray, (A, C, W) float32
        Changed.
    row : ndarray, (A,) int64
        Where, in [0, C).
    observation, action, reward, next_observation : ndarray, (A, n_o), (A, S), (A,) and (A, n_o) float32
        Before the step, what was done, what it earned, after it.
    """
    fault = _not_finite(observation, action, reward, next_observation)
    if fault >= 0:
        return fault
    n_agents, obs_dim = observation.shape
    action_dim = action.shape[1]
    if ring.shape[0] != n_agents or row.size != n_agents or ring.shape[2] != 2 * obs_dim + action_dim + 1:
        raise ValueError("ring: allowed: shape (A, C, 2 n_o + S + 1), with row (A,) and observation (A, n_o)")
    for a in range(n_agents):
        if row[a] < 0 or row[a] >= ring.shape[1]:
            raise ValueError("row: is outside the ring, allowed: at least 0 and below its capacity")
        target = ring[a, row[a]]
        for i in range(obs_dim):
            target[i] = observation[a, i]
            target[obs_dim + action_dim + 1 + i] = next_observation[a, i]
        for i in range(action_dim):
            target[obs_dim + i] = action[a, i]
        target[obs_dim + action_dim] = reward[a]
    return -1


@_compiled
def normal_noise(seed: Any, purpose: Any, agent_ids: Any, step: Any, out: Any) -> None:
    """Fill out (A, B, S) float32 with standard normals, a function of (seed, purpose, agent, step, sample).

    Box-Muller: z = sqrt(-2 ln u1) (cos, sin)(2 pi u2). Sample b owns the blocks b ceil(S/4) ... of its stream.

    Parameters
    ----------
    seed, step : uint64 and int
        The learner's seed, and the number of the action or update.
    purpose : int
        What the noise is for, `LOGIT_NOISE` or `SMOOTHING`.
    agent_ids : ndarray, (A,) int64
        Whose streams.
    out : ndarray, (A, B, S) float32
        Written.
    """
    n_agents, batch, length = out.shape
    n_blocks = (length + 3) // 4
    for a in range(n_agents):
        for b in range(batch):
            for k in range(n_blocks):
                words = _block(seed, purpose, agent_ids[a], step, b * n_blocks + k)
                for pair in range(2):
                    radius = np.sqrt(-2.0 * np.log(_unit(words[2 * pair])))
                    angle = 2.0 * np.pi * _unit(words[2 * pair + 1])
                    s = 4 * k + 2 * pair
                    if s < length:
                        out[a, b, s] = radius * np.cos(angle)
                    if s + 1 < length:
                        out[a, b, s + 1] = radius * np.sin(angle)


@_compiled
def dirichlet(seed: Any, agent_ids: Any, step: Any, out: Any) -> None:
    """Fill out (A, S) float32 with points uniform on the simplex, Dirichlet(1, ..., 1): normalised -ln u.

    The other arguments are those of `normal_noise`.
    """
    n_agents, length = out.shape
    for a in range(n_agents):
        total = 0.0
        for k in range((length + 3) // 4):
            words = _block(seed, DIRICHLET, agent_ids[a], step, k)
            for lane in range(4):
                s = 4 * k + lane
                if s < length:
                    value = -np.log(_unit(words[lane]))
                    out[a, s] = value
                    total += value
        for s in range(length):
            out[a, s] /= total


@_compiled
def _moments(mean: Any, variance: Any, offsets: Any, base: Any, moment: Any) -> None:
    # Per agent and dimension, with base = the agent's first mean m_0 (so that nothing large is squared):
    # moment[0] mean log s^2; [1] precision P = mean 1/s^2; [2] mean s^2 + var m;
    # [3] mean (m - m_0); [4] weighted mean of (m - m_0), weights 1/s^2; [5] mean (m - m_0 - moment[4])^2 / s^2.
    for a in range(offsets.shape[0] - 1):
        start, stop = offsets[a], offsets[a + 1]
        count = np.float64(stop - start)
        for k in range(mean.shape[1]):
            first = mean[start, k]
            logs, product, precision, spread, shift, weighted = 0.0, 1.0, 0.0, 0.0, 0.0, 0.0
            for m in range(start, stop):
                v = variance[m, k]
                # One logarithm per run of factors that stays inside the range of float64.
                if 1e-140 < v < 1e140:
                    product *= v
                else:
                    logs += np.log(v)
                if product < 1e-140 or product > 1e140:
                    logs += np.log(product)
                    product = 1.0
                weight = 1.0 / v
                delta = mean[m, k] - first
                precision += weight
                spread += v
                shift += delta
                weighted += weight * delta
            shift /= count
            weighted /= precision
            variance_of_mean, residual = 0.0, 0.0
            for m in range(start, stop):
                delta = mean[m, k] - first
                variance_of_mean += (delta - shift) ** 2
                residual += (delta - weighted) ** 2 / variance[m, k]
            base[a, k] = first
            moment[0, a, k] = (logs + np.log(product)) / count
            moment[1, a, k] = precision / count
            moment[2, a, k] = (spread + variance_of_mean) / count
            moment[3, a, k] = shift
            moment[4, a, k] = weighted
            moment[5, a, k] = residual / count


@_compiled
def _kl_from_moments(base: Any, moment: Any, out: Any) -> None:
    n_agents, n_dims = base.shape
    for i in range(n_agents):
        for j in range(n_agents):
            total = 0.0
            for k in range(n_dims):
                # mean of m_i minus the precision-weighted mean of m_j; the two bases subtract without rounding error
                # where they are close, which is where it matters.
                gap = (base[i, k] - base[j, k]) + (moment[3, i, k] - moment[4, j, k])
                logs = moment[0, j, k] - moment[0, i, k]
                total += logs + moment[1, j, k] * (moment[2, i, k] + gap * gap) + moment[5, j, k] - 1.0
            out[i, j] = max(0.5 * total, 0.0)


@checked
def gaussian_kl_matrix(mean: ArrayLike, variance: ArrayLike, offsets: ArrayLike) -> NDArray[np.float64]:
    """Mean KL divergence between the diagonal Gaussians of every pair of groups, in float64.

    D_ij = mean over samples a of group i and b of group j of KL(N(m_a, s_a^2) || N(m_b, s_b^2)). The mean over pairs
    factorises exactly over moments; with P_j = mean 1/s_j^2 and c_j = mean(m_j / s_j^2) / P_j,

    D_ij = 1/2 sum_d [ mean ln s_j^2 - mean ln s_i^2 + P_j (mean s_i^2 + var m_i + (mean m_i - c_j)^2)
                       + mean (m_j - c_j)^2 / s_j^2 - 1 ].

    Every squared term is of a centred quantity, so nothing cancels when means are large against variances. Cost
    O(M d + A^2 d) instead of O(M^2 d). Source: the closed form (Kullback, Information Theory and Statistics, 1959,
    ch. 9); the shifted factorisation is ours.

    Parameters
    ----------
    mean, variance : array_like, (M, d)
        Pooled samples; group a is the rows offsets[a]:offsets[a+1].
    offsets : array_like of int, (A + 1,)
        Where groups begin, and M.

    Returns
    -------
    ndarray of float64, (A, A)
        Row i: the divergence *from* group i; never negative.

    Raises
    ------
    SlicefastError
        Shapes differ, a mean is not finite, a variance is not positive and finite, or a group is empty.

    Examples
    --------
    >>> mean, variance = np.array([[0.0], [1.0], [1.0]]), np.ones((3, 1))
    >>> sf.kernels.gaussian_kl_matrix(mean, variance, [0, 1, 3]).tolist()  # groups of one and of two: KL is 1/2
    [[0.0, 0.5], [0.5, 0.0]]
    """
    mean = np.ascontiguousarray(mean, np.float64)
    variance = np.ascontiguousarray(variance, np.float64)
    if np.asarray(offsets).dtype.kind not in "iu":
        refuse("offsets", described(f"an array of {np.asarray(offsets).dtype}"), "integers")
    offsets = np.ascontiguousarray(offsets, np.int64)
    if mean.ndim != 2:
        refuse("mean", described(f"shape {mean.shape}"), "shape (M, d)")
    if variance.shape != mean.shape:
        refuse("variance", described(f"shape {variance.shape}"), f"that of mean, {mean.shape}")
    _check_rows("mean", mean, np.isfinite(mean), "finite numbers")
    _check_rows("variance", variance, np.isfinite(variance) & (variance > 0.0), "positive and finite numbers")
    wrong_ends = offsets.ndim != 1 or offsets.size < 2 or offsets[0] != 0 or offsets[-1] != len(mean)
    if wrong_ends or (offsets[1:] <= offsets[:-1]).any():  # differences could wrap
        refuse("offsets", offsets.tolist(), f"increasing from 0 to M = {len(mean)}, no group empty")
    n_agents, n_dims = offsets.size - 1, mean.shape[1]
    base = np.empty((n_agents, n_dims))
    moment = np.empty((6, n_agents, n_dims))
    _moments(mean, variance, offsets, base, moment)
    out = np.empty((n_agents, n_agents))
    _kl_from_moments(base, moment, out)
    return out


def _check_rows(name: str, value: NDArray[np.float64], good: NDArray[np.bool_], allowed: str) -> None:
    if not good.all():
        row = int(np.argmin(good.all(axis=1)))
        refuse(f"{name}: row {row}", float(value[row][~good[row]][0]), allowed)
