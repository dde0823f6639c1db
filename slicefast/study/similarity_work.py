"""The job that measures how similar cells are: samples under the default action, the autoencoder, all distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from slicefast.study.budget import MORE_SAMPLES, Budget
from slicefast.study.work import Context, Variable, Work
from slicefast.task import Task
from slicefast.training import collect_samples
from slicefast.transfer import (
    Similarity,
    floored_variance,
    latent_distance,
    median_distance,
    similarity_matrix,
    without_spread,
)
from slicefast.units import Arrays, Float32

LATENT_SAMPLES = 60  # per agent, kept for the figure

_DISTANCES = {
    "distance": "mean Kullback-Leibler divergence between default-action samples, source cell to target cell",
    "distance_fast": "mean squared distance of the latent means",
    "distance_corrected": "distance less half of what source and target have to themselves",
    "distance_centres": "squared distance of the mean latent vectors",
    "distance_floored": "distance with latent variances no less than their pooled median",
    "distance_median": "median in place of the mean over sample pairs",
    "distance_weighted": "distance by an autoencoder with reconstruction weight 1",
    "distance_longer": "distance from four times as many samples",
}


class SimilarityOfCells(Work):
    """Samples of both networks under the default action, the autoencoder trained on them, and all distances.

    Where it is asked for, the remedies for the paper's distance are measured too.
    """

    name = "similarity"
    label = "similarity of the cells"
    reads = ("sample_steps", "vae_epochs", "mask_steps", "remedies")
    outputs: ClassVar[Mapping[str, Variable]] = {
        **{name: Variable(("source", "target"), text) for name, text in _DISTANCES.items()},
        "latent_mean": Variable(
            ("agent", "latent_sample", "latent"),
            "latent means of default-action samples; source network's cells first, then the target network's",
        ),
        "latent_variance": Variable(("agent", "latent_sample", "latent"), "latent variances of the same samples"),
        "vae_loss": Variable(("epoch",), "loss of the autoencoder"),
        "traffic_mask": Variable(
            ("mask_step", "cell", "slice"), "share of the slice's users that is active on the target network"
        ),
    }

    def steps(self, budget: Budget, n_cells: int) -> int:
        """Return the steps of both networks."""
        return 2 * budget.collected_steps

    def run(self, context: Context) -> Arrays:
        """Return distances (N, N), row the source and column the target, latent samples, loss and traffic mask."""
        budget, task = context.budget, Task(context.scenario)
        networks = (context.source_network(), context.target_network())
        everything = np.concatenate(
            [collect_samples(network, task, budget.collected_steps, context.tick) for network in networks]
        )
        samples = everything[:, : budget.sample_steps]
        result = similarity_matrix(list(samples), seed=context.learner_seed, vae_epochs=budget.vae_epochs)
        squared = latent_distance(result.latent_mean, result.latent_variance, result.offsets, "fast")
        distances = {
            "distance": result.distance,
            "distance_fast": squared,
            "distance_corrected": without_spread(result.distance),
            "distance_centres": without_spread(squared),
        }
        if budget.remedies:
            distances |= _remedies(budget, result, everything, context.learner_seed)
        cells = task.n_agents
        keep = np.linspace(0, budget.sample_steps - 1, min(LATENT_SAMPLES, budget.sample_steps)).astype(int)
        shape = (2 * cells, budget.sample_steps, -1)
        return {
            # Sources are the cells of the source network, targets those of the target network.
            **{name: matrix[:cells, cells:] for name, matrix in distances.items()},
            "latent_mean": result.latent_mean.reshape(shape)[:, keep].astype(np.float32),
            "latent_variance": result.latent_variance.reshape(shape)[:, keep].astype(np.float32),
            "vae_loss": result.loss,
            "traffic_mask": context.target_network().traffic_mask(budget.mask_steps).astype(np.float32),
        }


def _remedies(budget: Budget, result: Similarity, samples: Float32, seed: int) -> Arrays:
    """Return further distances of all agents from all: samples (2N, more steps, n_o + 1)."""
    mean, variance, offsets = result.latent_mean, result.latent_variance, result.offsets
    few = list(samples[:, : budget.sample_steps])
    weighted = similarity_matrix(few, seed=seed, vae_epochs=budget.vae_epochs, reconstruction_weight=1.0)
    epochs = max(1, budget.vae_epochs // MORE_SAMPLES)  # as many gradient steps
    return {
        "distance_floored": latent_distance(mean, floored_variance(variance), offsets),
        "distance_median": median_distance(mean, variance, offsets),
        "distance_weighted": weighted.distance,
        "distance_longer": similarity_matrix(list(samples), seed=seed, vae_epochs=epochs).distance,
    }
