"""Transfer between agents: how alike two cells are, which source to take, and what to hand over.

The similarity of Hu, Liao, Liu and Carle (arXiv 2301.03262): samples x = [observation, reward] of every agent under
the default action are encoded by one variational autoencoder; the distance of source i to target j is the mean
Kullback-Leibler divergence between the latent Gaussians of all their sample pairs. A small distance promises a useful
transfer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from slicefast.learn import TD3

Indices = int | Sequence[int] | NDArray[np.int64]
Strategy = Literal["model", "feature", "instance", "integrated"]
STRATEGIES: tuple[str, ...] = get_args(Strategy)
DISTANCES = ("kl", "fast")


@dataclass(frozen=True)
class Similarity:
    """Distances between A agents and the latent samples they come from.

    Attributes
    ----------
    distance
        (A, A): row i the source, column j the target; not symmetric for the divergence.
    latent_mean, latent_variance
        (M, d): the latent Gaussian of every pooled sample.
    offsets
        (A + 1,): agent a owns the samples offsets[a] to offsets[a + 1].
    loss
        The autoencoder's loss per epoch.
    """

    distance: NDArray[np.float64]
    latent_mean: NDArray[np.float64]
    latent_variance: NDArray[np.float64]
    offsets: NDArray[np.int64]
    loss: NDArray[np.float64]


def similarity_matrix(
    samples: Sequence[ArrayLike], seed: int = 0, vae_epochs: int = 60, distance: str = "kl", **vae_options: Any
) -> Similarity:
    """Train one autoencoder on the pooled samples and return the agents' mean pairwise distances.

    D_ij = mean over all sample pairs of KL(q(z|x_i) || q(z|x_j)).

    Parameters
    ----------
    samples
        One array (n_a, F) per agent: [observation, reward] under the default action.
    seed
        Seed of the autoencoder's weights, batches and noise.
    vae_epochs
        Passes over the pooled samples.
    distance
        "kl", or "fast": the mean squared distance of the latent means, to which the divergence is proportional when
        all variances are one small constant.
    **vae_options
        Further arguments of `slicefast.learn.VAE`.

    Raises
    ------
    ValueError
        An empty sample set, samples of different lengths or not finite, an unknown distance.
    """
    from slicefast.learn import VAE

    if distance not in DISTANCES:
        raise ValueError(f"distance = {distance!r}: allowed are {', '.join(DISTANCES)}")
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


def latent_distance(
    mean: NDArray[np.float64], variance: NDArray[np.float64], offsets: NDArray[np.int64], distance: str = "kl"
) -> NDArray[np.float64]:
    """Return the (A, A) mean pairwise distances of latent samples (M, d) pooled by agent."""
    if distance == "kl":
        from slicefast.kernels import gaussian_kl_matrix

        return np.asarray(gaussian_kl_matrix(mean, variance, offsets), dtype=np.float64)
    return mean_squared_distance(mean, offsets)


def mean_squared_distance(mean: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the fast distance (A, A): the mean over all sample pairs of ||m_i - m_j||^2.

    It factorises over moments, E||m_i - m_j||^2 = tr C_i + tr C_j + ||E m_i - E m_j||^2, which does not cancel.
    """
    parts = [mean[start:stop] for start, stop in pairwise(offsets)]
    centre = np.stack([part.mean(axis=0) for part in parts])
    spread = np.array([part.var(axis=0).sum() for part in parts])
    between = ((centre[:, None] - centre[None]) ** 2).sum(axis=-1)
    distance: NDArray[np.float64] = spread[:, None] + spread[None] + between
    return distance


def without_spread(distance: ArrayLike) -> NDArray[np.float64]:
    """Return D_ij - (D_ii + D_jj) / 2: what sets two agents apart beyond how widely each one's samples are spread.

    The mean over all pairs grows with the spread of both samples, so it prefers sources that saw little variety,
    whatever the target (ours; of squared distances the squared distance of the centres is left).
    """
    matrix = np.asarray(distance, dtype=np.float64)
    own = np.diag(matrix)
    corrected: NDArray[np.float64] = matrix - 0.5 * (own[:, None] + own[None])
    return corrected


def floored_variance(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return latent variances (M, d) raised to the pooled median of their dimension where they are smaller (ours).

    The divergence divides by the target's variances; so no sample counts for more than an ordinary one.
    """
    return np.maximum(variance, np.median(variance, axis=0))


def median_distance(
    mean: NDArray[np.float64], variance: NDArray[np.float64], offsets: NDArray[np.int64], most_samples: int = 100
) -> NDArray[np.float64]:
    """Return the (A, A) median over sample pairs of KL(q(z|x_i) || q(z|x_j)), where the paper takes the mean (ours).

    A median does not factorise, so at most `most_samples` samples of each agent are compared, evenly spaced.
    """
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


def rank_sources(
    distance: ArrayLike, target: int, exclude: Sequence[int] = (), sources: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Return the sources in the order of their distance to a target, the most similar first.

    Parameters
    ----------
    distance
        (sources, targets): row i the source, column j the target.
    target
        Column to rank.
    exclude
        Sources that are not allowed, such as the target itself.
    sources
        The rows to rank; all unless given.
    """
    matrix = np.asarray(distance, dtype=np.float64)
    if not 0 <= target < matrix.shape[1]:
        raise ValueError(f"target = {target}: allowed are 0 to {matrix.shape[1] - 1}")
    rows = np.arange(matrix.shape[0]) if sources is None else np.asarray(sources)
    rows = rows[~np.isin(rows, list(exclude))]
    if rows.size == 0:
        raise ValueError("no source is left: exclude names every one of them")
    return rows[np.argsort(matrix[rows, target], kind="stable")].astype(np.int64)


def transfer(
    source: TD3,
    source_index: Indices,
    target: TD3,
    target_index: Indices,
    strategy: Strategy = "integrated",
) -> None:
    """Hand what source agents learned to target agents, in place.

    model: all layers of actor and critics. feature: the lower layers, then frozen. instance: the source's transitions
    into the target's replay. integrated: model and instance, the paper's proposal. Optimiser state stays behind.

    Parameters
    ----------
    source, target
        Agents with the same observation, action and layer sizes.
    source_index, target_index
        Which agent goes where; sequences of one length, or two integers.
    strategy
        One of `STRATEGIES`.

    Raises
    ------
    ValueError
        An unknown strategy, unequal lengths, or agents whose slices or sizes differ; the target is unchanged.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy = {strategy!r}: allowed are {', '.join(STRATEGIES)}")
    sources = np.atleast_1d(np.asarray(source_index, dtype=np.int64))
    targets = np.atleast_1d(np.asarray(target_index, dtype=np.int64))
    if sources.shape != targets.shape:
        raise ValueError(f"source_index has {sources.size} entries, target_index {targets.size}: need as many")
    check_compatible(source, target)
    for i, j in zip(sources.tolist(), targets.tolist(), strict=True):
        if strategy in ("model", "integrated"):
            target.copy_agent(source, i, j, layers="all")
        if strategy == "feature":
            target.copy_agent(source, i, j, layers="lower")
        if strategy in ("instance", "integrated"):
            target.replay.load(j, source.replay.export(i))
    if strategy == "feature":
        frozen = np.zeros(target.n_agents, dtype=bool)
        frozen[targets] = True
        target.freeze_lower(frozen)


def check_compatible(source: TD3, target: TD3) -> None:
    """Raise ValueError unless two sets of agents observe and act alike."""
    for name, meaning in (("obs_dim", "observation length"), ("action_dim", "number of slices")):
        mine, theirs = getattr(source, name), getattr(target, name)
        if mine != theirs:
            raise ValueError(f"{name} ({meaning}) of the source is {mine}, of the target {theirs}: they must be equal")


def _checked(samples: Sequence[ArrayLike]) -> list[NDArray[np.float32]]:
    arrays = [np.asarray(sample, dtype=np.float32) for sample in samples]
    if not arrays:
        raise ValueError("samples is empty: need one array per agent")
    for agent, array in enumerate(arrays):
        if array.ndim != 2 or array.shape[0] == 0:
            raise ValueError(f"samples[{agent}] has shape {array.shape}: need (n, features) with n > 0")
        if array.shape[1] != arrays[0].shape[1]:
            raise ValueError(f"samples[{agent}] has {array.shape[1]} features, samples[0] {arrays[0].shape[1]}")
        if not np.isfinite(array).all():
            raise ValueError(f"samples[{agent}] holds a value that is not finite")
    return arrays
