"""How alike two cells are by what their agents see and earn.

The similarity of Hu, Liao, Liu and Carle (arXiv 2301.03262): samples x = [observation, reward] of every agent under
the default action are encoded by one variational autoencoder; the distance of source i to target j is the mean
Kullback-Leibler divergence between the latent Gaussians of all their sample pairs. A small distance promises a useful
transfer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from slicefast.arguments import between, checked
from slicefast.arrays import to_matrix
from slicefast.errors import described, refuse
from slicefast.units import Float32, Float64, Int64

#: Between latent samples: the mean divergence of the paper, or the mean squared distance of the means.
Distance = Literal["kl", "fast"]
DISTANCES: tuple[Distance, ...] = get_args(Distance)


@dataclass(frozen=True, eq=False)
class Similarity:
    """Distances between A agents and the latent samples they come from.

    Attributes
    ----------
    distance : ndarray of float64, (A, A)
        Row i the source, column j the target; not symmetric for the divergence.
    latent_mean, latent_variance : ndarray of float64, (M, d)
        The latent Gaussian of every pooled sample.
    offsets : ndarray of int64, (A + 1,)
        Agent a owns the samples offsets[a] to offsets[a + 1].
    loss : ndarray of float64, (epochs,)
        The autoencoder's loss.
    """

    distance: Float64
    latent_mean: Float64
    latent_variance: Float64
    offsets: Int64
    loss: Float64


@checked
def similarity_matrix(
    samples: Sequence[ArrayLike],
    seed: int = 0,
    vae_epochs: int = 60,
    distance: Distance = "kl",
    **vae_options: Any,
) -> Similarity:
    """Train one autoencoder on the pooled samples and return the agents' mean pairwise distances.

    D_ij = mean over all sample pairs of KL(q(z|x_i) || q(z|x_j)).

    Parameters
    ----------
    samples : sequence of array_like, (n_a, F) each
        One array per agent: [observation, reward] under the default action.
    seed : int
        Seed of the autoencoder's weights, batches and noise.
    vae_epochs : int
        Passes over the pooled samples.
    distance : {"kl", "fast"}
        "kl", or "fast": the mean squared distance of the latent means, to which the divergence is proportional when
        all variances are one small constant.
    **vae_options
        Further arguments of `slicefast.learn.VAE`.

    Returns
    -------
    Similarity
        Distances and what they were computed from.

    Raises
    ------
    SlicefastError
        An empty sample set, samples of different lengths or not finite, an unknown distance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> samples = [rng.random((30, 5)), rng.random((30, 5)), 1.0 + rng.random((30, 5))]  # the third cell is unlike
    >>> found = sf.transfer.similarity_matrix(samples, vae_epochs=5)
    >>> found.distance.shape, bool(found.distance[0, 1] < found.distance[0, 2])
    ((3, 3), True)
    """
    from slicefast.learn import VAE

    if distance not in DISTANCES:
        refuse("distance", distance, ", ".join(DISTANCES))
    between(0, vae_epochs=vae_epochs)
    arrays = _checked(samples)
    offsets = np.concatenate([[0], np.cumsum([len(array) for array in arrays])]).astype(np.int64)
    pooled = np.concatenate(arrays)
    vae = VAE(input_dim=pooled.shape[1], **vae_options)
    loss = vae.fit(pooled, epochs=vae_epochs, seed=seed)
    mean, variance = vae.encode(pooled)
    return Similarity(
        distance=latent_distance(mean, variance, offsets, distance),
        latent_mean=mean,
        latent_variance=variance,
        offsets=offsets,
        loss=np.asarray(loss, dtype=np.float64),
    )


@checked
def latent_distance(mean: Float64, variance: Float64, offsets: Int64, distance: Distance = "kl") -> Float64:
    """Return the mean distances over all pairs of latent samples, (A, A): row the source, column the target.

    Parameters
    ----------
    mean, variance : ndarray of float64, (M, d)
        Latent Gaussians, pooled by agent.
    offsets : ndarray of int64, (A + 1,)
        Agent a owns the samples offsets[a] to offsets[a + 1].
    distance : {"kl", "fast"}
        See `similarity_matrix`.

    Examples
    --------
    >>> mean, offsets = np.array([[0.0], [1.0], [1.0]]), np.array([0, 1, 3])  # agents of one and of two samples
    >>> sf.transfer.latent_distance(mean, np.ones((3, 1)), offsets)  # mean KL divergence
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    if distance == "kl":
        from slicefast.kernels import gaussian_kl_matrix

        return np.asarray(gaussian_kl_matrix(mean, variance, offsets), dtype=np.float64)
    return mean_squared_distance(mean, offsets)


@checked
def mean_squared_distance(mean: Float64, offsets: Int64) -> Float64:
    """Return the fast distance (A, A): the mean over all sample pairs of ||m_i - m_j||^2.

    It factorises over moments, E||m_i - m_j||^2 = tr C_i + tr C_j + ||E m_i - E m_j||^2, which does not cancel.

    Parameters
    ----------
    mean : ndarray, (M, d)
        Latent means m of all agents' samples, those of one agent together.
    offsets : ndarray of int, (A + 1,)
        Agent i's samples are the rows offsets[i] to offsets[i + 1].

    Examples
    --------
    >>> mean, offsets = np.array([[0.0], [1.0], [1.0]]), np.array([0, 1, 3])
    >>> sf.transfer.mean_squared_distance(mean, offsets)
    array([[0., 1.],
           [1., 0.]])
    """
    mean = to_matrix("mean", mean)
    _check_offsets(offsets, len(mean))
    parts = [mean[start:stop] for start, stop in pairwise(offsets)]
    centre = np.stack([part.mean(axis=0) for part in parts])
    spread = np.array([part.var(axis=0).sum() for part in parts])
    apart = ((centre[:, None] - centre[None]) ** 2).sum(axis=-1)
    distance: Float64 = spread[:, None] + spread[None] + apart
    return distance


@checked
def without_spread(distance: ArrayLike) -> Float64:
    """Return D_ij - (D_ii + D_jj) / 2: what sets two agents apart beyond how widely each one's samples are spread.

    The mean over all pairs grows with the spread of both samples, so it prefers sources that saw little variety,
    whatever the target (ours; of squared distances the squared distance of the centres is left).

    Examples
    --------
    >>> sf.transfer.without_spread([[1.0, 5.0], [4.0, 2.0]])
    array([[0. , 3.5],
           [2.5, 0. ]])
    """
    matrix = to_matrix("distance", distance)
    if matrix.shape[0] != matrix.shape[1]:
        refuse("distance", described(f"shape {matrix.shape}"), "as many sources as targets")
    own = np.diag(matrix)
    corrected: Float64 = matrix - 0.5 * (own[:, None] + own[None])
    return corrected


@checked
def floored_variance(variance: Float64) -> Float64:
    """Return latent variances (M, d) raised to the pooled median of their dimension where they are smaller (ours).

    The divergence divides by the target's variances; so no sample counts for more than an ordinary one.

    Examples
    --------
    >>> sf.transfer.floored_variance(np.array([[1.0, 1e-12], [2.0, 1.0]])).shape
    (2, 2)
    """
    variance = to_matrix("variance", variance)
    if not len(variance):
        refuse("variance", described(f"shape {variance.shape}"), "at least one sample")
    return np.maximum(variance, np.median(variance, axis=0))


@checked
def median_distance(mean: Float64, variance: Float64, offsets: Int64, most_samples: int = 100) -> Float64:
    """Return the (A, A) median over sample pairs of KL(q(z|x_i) || q(z|x_j)), where the paper takes the mean (ours).

    A median does not factorise, so at most `most_samples` samples of each agent are compared, evenly spaced.

    Parameters
    ----------
    mean, variance : ndarray, (M, d)
        Of the latent Gaussians of all agents' samples, those of one agent together.
    offsets : ndarray of int, (A + 1,)
        Agent i's samples are the rows offsets[i] to offsets[i + 1].
    most_samples : int
        Compared of each agent.

    Returns
    -------
    ndarray, (A, A)
        Row i the source, column j the target.

    Examples
    --------
    >>> mean, offsets = np.array([[0.0], [1.0], [1.0]]), np.array([0, 1, 3])
    >>> sf.transfer.median_distance(mean, np.ones((3, 1)), offsets)
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    mean = to_matrix("mean", mean)
    variance = to_matrix("variance", variance, (len(mean), mean.shape[1]))
    if not (variance > 0.0).all():
        refuse("variance", float(variance.min()), "positive numbers")
    _check_offsets(offsets, len(mean))
    if most_samples < 1:
        refuse("most_samples", most_samples, "at least 1")
    chosen = [
        np.linspace(start, stop - 1, min(most_samples, stop - start)).astype(np.int64)
        for start, stop in pairwise(offsets.tolist())
    ]
    distance = np.empty((len(chosen), len(chosen)))
    for j, rows in enumerate(chosen):
        target_mean, target_variance = mean[rows], variance[rows]
        for i, others in enumerate(chosen):
            m, v = mean[others][:, None], variance[others][:, None]
            terms = np.log(target_variance / v) + (v + (m - target_mean) ** 2) / target_variance - 1.0
            distance[i, j] = np.median(0.5 * terms.sum(axis=-1))
    return distance


def _check_offsets(offsets: Int64, n_samples: int) -> None:
    ends = offsets.ndim == 1 and offsets.size > 1 and (int(offsets[0]), int(offsets[-1])) == (0, n_samples)
    if not ends or (offsets[1:] <= offsets[:-1]).any():
        refuse("offsets", offsets.tolist(), f"increasing from 0 to M = {n_samples}, no agent without a sample")


def _checked(samples: Sequence[ArrayLike]) -> list[Float32]:
    arrays = [np.asarray(sample, dtype=np.float32) for sample in samples]
    if not arrays:
        refuse("samples", samples, "one array per agent")
    for agent, array in enumerate(arrays):
        name = f"samples[{agent}]"
        if array.ndim != 2 or not array.size:
            refuse(name, described(f"shape {array.shape}"), "shape (n, F) with n > 0 and F > 0")
        if array.shape[1] != arrays[0].shape[1]:
            refuse(name, f"{array.shape[1]} values per sample", f"{arrays[0].shape[1]}, as in samples[0]")
        if not np.isfinite(array).all():
            row = int(np.argmin(np.isfinite(array).all(axis=1)))
            refuse(f"{name} row {row}", array[row].tolist(), "finite numbers")
    return arrays
