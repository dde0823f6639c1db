"""A variational autoencoder of [observation, reward] samples (Kingma, Welling, ICLR 2014)."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from slicefast.arguments import between, checked
from slicefast.errors import SlicefastError, described, refuse
from slicefast.learn import checkpoint, modules
from slicefast.learn.replay import as_float32
from slicefast.learn.threads import one_thread
from slicefast.units import Float64

_KIND = "vae"
_SETTINGS = ("input_dim", "latent_dim", "hidden", "reconstruction_weight", "learning_rate", "batch_size")
#: Bounds on ln s^2: beyond them exp() would leave float32's comfortable range and KL divergences mean nothing.
LOG_VARIANCE_RANGE = (-14.0, 6.0)

#: What an encoder may hold: a GiB.
MOST_WEIGHTS = 2**28


@checked
class VAE:
    """Encoder x -> N(m(x), diag s^2(x)) and mirrored decoder, trained on the pooled samples of all agents.

    loss = (reconstruction_weight * mean_batch |x - x_hat|^2 + mean_batch KL(N(m, s^2) || N(0, 1))) / input_dim, with x
    normalised to zero mean and unit variance per component over the pooled sample, x_hat decoded from m + s eps, eps
    standard normal, and KL = 1/2 sum_d (s^2 + m^2 - 1 - ln s^2). Deterministic in the seed on one machine.

    Parameters
    ----------
    input_dim : int
        Values per sample.
    latent_dim : int
        Dimensions of the latent space.
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder's are the same the other way round.
    reconstruction_weight : float
        Ours: 10, so that the latent space keeps what sets agents apart.
    learning_rate : float
        Adam's step size.
    batch_size : int
        Samples per step.

    Attributes
    ----------
    loss_curve : list of float
        Mean loss of every epoch of the last `fit`.
    normaliser : Normaliser
        What samples are shifted and scaled by.

    Examples
    --------
    >>> samples = np.random.default_rng(0).random((20, 5))
    >>> vae = sf.learn.VAE(input_dim=5, latent_dim=2)
    >>> len(vae.fit(samples, epochs=3))  # the loss of every epoch
    3
    >>> mean, variance = vae.encode(samples)
    >>> mean.shape, variance.shape, vae.decode(mean).shape
    ((20, 2), (20, 2), (20, 5))
    >>> vae.save("vae.safetensors")
    >>> bool((sf.learn.VAE.load("vae.safetensors").encode(samples)[0] == mean).all())
    True
    """

    def __init__(
        self,
        input_dim: int = 17,
        latent_dim: int = 4,
        hidden: Sequence[int] = (64, 24),
        reconstruction_weight: float = 10.0,
        learning_rate: float = 1e-3,
        batch_size: int = 256,
    ) -> None:
        between(1, input_dim=input_dim, latent_dim=latent_dim, batch_size=batch_size, hidden=min(hidden, default=1))
        between(0.0, 1e12, reconstruction_weight=reconstruction_weight, learning_rate=learning_rate)
        self.input_dim, self.latent_dim, self.hidden = input_dim, latent_dim, tuple(hidden)
        self.reconstruction_weight, self.learning_rate = reconstruction_weight, learning_rate
        self.batch_size = batch_size
        widths = (input_dim, *self.hidden, 2 * latent_dim)
        n_weights = sum(int(wide) * int(next_) for wide, next_ in itertools.pairwise(widths))
        if n_weights > MOST_WEIGHTS:
            refuse("input_dim, hidden, latent_dim", described(f"{n_weights:,} weights"), f"at most {MOST_WEIGHTS:,}")
        self.encoder = nn.Sequential(*modules.perceptron(widths))
        self.decoder = nn.Sequential(*modules.perceptron((latent_dim, *reversed(self.hidden), input_dim)))
        self._networks = nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder})
        self.normaliser = modules.Normaliser(input_dim)
        self.loss_curve: list[float] = []

    def fit(self, samples: ArrayLike, epochs: int = 100, seed: int = 0) -> list[float]:
        """Train from scratch.

        Parameters
        ----------
        samples : array_like, (M, input_dim)
            At least two.
        epochs : int
            Passes over them.
        seed : int
            Of weights, batches and noise.

        Returns
        -------
        list of float
            The loss of every epoch, also kept as `loss_curve`.

        Raises
        ------
        SlicefastError
            A wrong shape, fewer than two samples or values that are not finite; or the loss is not finite.
        """
        x = self._checked(samples)
        between(0, epochs=epochs)
        between(0, 2**63 - 1, seed=seed)
        if len(x) < 2:
            refuse("samples", f"{len(x)} of them", "at least 2")
        # A mean of some size leaves rounding of its own in the spread of a component that never varies.
        self.normaliser.fit(x, modules.LEAST_SPREAD * np.maximum(np.abs(x.mean(axis=0)), 1.0))
        with one_thread():
            generator = torch.Generator().manual_seed(seed)
            modules.initialise(self._networks, generator)
            data = self.normaliser(x)
            parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
            optimiser = torch.optim.Adam(parameters, lr=self.learning_rate)
            self.loss_curve = []
            for epoch in range(epochs):
                self.loss_curve.append(self._epoch(data, optimiser, generator))
                if not math.isfinite(self.loss_curve[-1]):
                    raise SlicefastError(f"loss is not finite in epoch {epoch + 1}: lower the learning rate")
        return self.loss_curve

    def _epoch(self, data: Tensor, optimiser: torch.optim.Optimizer, generator: torch.Generator) -> float:
        """Learn from all samples once, and return their mean loss."""
        total = 0.0
        for batch in torch.split(data[torch.randperm(len(data), generator=generator)], self.batch_size):
            loss = self._loss(batch, torch.randn((len(batch), self.latent_dim), generator=generator))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += float(loss.detach()) * len(batch)
        return total / len(data)

    def encode(self, samples: ArrayLike) -> tuple[Float64, Float64]:
        """Return the latent Gaussians' means and variances, (M, latent_dim) float64 each, of samples (M, input_dim)."""
        with torch.no_grad(), one_thread():
            mean, log_variance = self._encode(self.normaliser(self._checked(samples)))
            return mean.double().numpy(), log_variance.double().exp().numpy()

    def decode(self, latent: ArrayLike) -> Float64:
        """Return reconstructions in the samples' units, (M, input_dim) float64, of latent (M, latent_dim)."""
        given = as_float32("latent", latent, (len(np.atleast_1d(np.asarray(latent))), self.latent_dim))
        if not np.isfinite(given).all():
            refuse("latent", float(given[~np.isfinite(given)][0]), "finite numbers")
        with torch.no_grad(), one_thread():
            x: Float64 = self.decoder(torch.from_numpy(given)).double().numpy()
        return x * self.normaliser.scale + self.normaliser.mean

    def _checked(self, samples: ArrayLike) -> Float64:
        x = np.asarray(samples, np.float64)
        if x.ndim != 2 or x.shape[1] != self.input_dim:
            refuse("samples", described(f"shape {x.shape}"), f"shape (M, {self.input_dim})")
        finite = np.isfinite(x).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            refuse(f"samples row {row}", x[row].tolist(), "finite numbers")
        return x

    def _encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)

    def _loss(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the mean loss of normalised samples (B, input_dim) under standard normal noise (B, latent_dim)."""
        mean, log_variance = self._encode(x)
        reconstruction: Tensor = self.decoder(mean + (0.5 * log_variance).exp() * noise)
        error = (x - reconstruction).square().sum(dim=1).mean()
        divergence = 0.5 * (log_variance.exp() + mean.square() - 1.0 - log_variance).sum(dim=1).mean()
        loss: Tensor = (self.reconstruction_weight * error + divergence) / self.input_dim
        return loss

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, normalisation and loss curve as one safetensors file, atomically."""
        document = {"settings": {name: getattr(self, name) for name in _SETTINGS}, "loss_curve": self.loss_curve}
        modules.save(path, _KIND, self._networks, self.normaliser, document)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VAE:
        """Read what `save` wrote; CheckpointError for a truncated or foreign file."""
        arrays, document = checkpoint.read(path, _KIND)
        with checkpoint.reading(path):
            settings, curve = document["settings"], np.array(document["loss_curve"])
            sizes = (settings["input_dim"], *settings["hidden"], settings["latent_dim"])
            checkpoint.check_weights(arrays, 1, sizes)
            vae = cls(**settings)
            modules.load_into(vae._networks, vae.normaliser, arrays, path)
            if curve.ndim != 1 or (curve.size and curve.dtype != np.float64):
                raise ValueError("its loss curve is no list of numbers")
            vae.loss_curve = curve.tolist()
        return vae
