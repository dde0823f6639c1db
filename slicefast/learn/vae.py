"""A variational autoencoder of [observation, reward] samples (Kingma, Welling, ICLR 2014)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from slicefast.learn import checkpoint

_KIND = "vae"
# Bounds on ln s^2: beyond them exp() would leave float32's comfortable range and KL divergences mean nothing.
_LOG_VARIANCE_RANGE = (-14.0, 6.0)


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        parts += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


class VAE:
    """Encoder x -> N(m(x), diag s^2(x)) and mirrored decoder, trained on the pooled samples of all agents.

    loss = (reconstruction_weight * mean_batch |x - x_hat|^2 + mean_batch KL(N(m, s^2) || N(0, 1))) / input_dim, with x
    normalised to zero mean and unit variance per component over the pooled sample and
    KL = 1/2 sum_d (s^2 + m^2 - 1 - ln s^2).

    Parameters: input_dim 17, latent_dim 4, hidden (64, 24); reconstruction_weight (ours: 10, so that the latent space
    keeps what tells agents apart); learning_rate, batch_size of its Adam.
    Attributes: loss_curve, mean loss of every epoch trained so far; input_mean, input_scale (input_dim,).
    Deterministic in the seed on one machine at one thread count.
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
        self.input_dim, self.latent_dim, self.hidden = input_dim, latent_dim, tuple(hidden)
        self.reconstruction_weight, self.learning_rate, self.batch_size = (
            reconstruction_weight,
            learning_rate,
            batch_size,
        )
        self.encoder = _layers((input_dim, *hidden, 2 * latent_dim))
        self.decoder = _layers((latent_dim, *reversed(self.hidden), input_dim))
        self.input_mean = np.zeros(input_dim)
        self.input_scale = np.ones(input_dim)
        self.loss_curve: list[float] = []

    def fit(self, samples: ArrayLike, epochs: int = 100, seed: int = 0) -> list[float]:
        """Train from scratch on samples (M, input_dim); return the loss of every epoch, also kept as `loss_curve`.

        Raises ValueError for a wrong shape, fewer than two samples or values that are not finite.
        """
        x = self._checked(samples)
        if len(x) < 2:
            raise ValueError(f"samples: got {len(x)}, need at least 2")
        self.input_mean, spread = x.mean(axis=0), x.std(axis=0)
        # A component that never varies carries nothing: scale 1 leaves it at zero after centring.
        self.input_scale = np.where(spread > 1e-9 * np.maximum(np.abs(self.input_mean), 1.0), spread, 1.0)
        generator = torch.Generator().manual_seed(seed)
        self._initialise(generator)
        data = self._normalised(x)
        optimiser = torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], lr=self.learning_rate)
        self.loss_curve = []
        for _ in range(epochs):
            order = torch.randperm(len(data), generator=generator)
            total = 0.0
            for batch in torch.split(data[order], self.batch_size):
                loss = self._loss(batch, generator)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += float(loss.detach()) * len(batch)
            self.loss_curve.append(total / len(data))
            if not math.isfinite(self.loss_curve[-1]):
                raise ValueError(f"loss is not finite in epoch {len(self.loss_curve)}: lower the learning rate")
        return self.loss_curve

    def encode(self, samples: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the latent Gaussians' means and variances: samples (M, input_dim) -> (M, latent_dim) float64 each."""
        with torch.no_grad():
            mean, log_variance = self._encode(self._normalised(self._checked(samples)))
        return mean.double().numpy(), log_variance.double().exp().numpy()

    def decode(self, latent: ArrayLike) -> NDArray[np.float64]:
        """Return reconstructions in the samples' units: latent (M, latent_dim) -> (M, input_dim)."""
        with torch.no_grad():
            x: NDArray[np.float64] = self.decoder(torch.as_tensor(np.asarray(latent, np.float32))).double().numpy()
        return x * self.input_scale + self.input_mean

    def _checked(self, samples: ArrayLike) -> NDArray[np.float64]:
        x = np.asarray(samples, np.float64)
        if x.ndim != 2 or x.shape[1] != self.input_dim:
            raise ValueError(f"samples: got shape {x.shape}, expected (M, {self.input_dim})")
        if not np.isfinite(x).all():
            raise ValueError(f"samples: row {int(np.argmin(np.isfinite(x).all(axis=1)))} is not finite")
        return x

    def _normalised(self, x: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(((x - self.input_mean) / self.input_scale).astype(np.float32))

    def _initialise(self, generator: torch.Generator) -> None:
        with torch.no_grad():
            for module in (*self.encoder, *self.decoder):
                if isinstance(module, nn.Linear):
                    bound = module.in_features**-0.5
                    module.weight.uniform_(-bound, bound, generator=generator)
                    module.bias.uniform_(-bound, bound, generator=generator)

    def _encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(*_LOG_VARIANCE_RANGE)

    def _loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        mean, log_variance = self._encode(x)
        noise = torch.randn(mean.shape, generator=generator)
        reconstruction: Tensor = self.decoder(mean + (0.5 * log_variance).exp() * noise)
        error = (x - reconstruction).square().sum(dim=1).mean()
        divergence = 0.5 * (log_variance.exp() + mean.square() - 1.0 - log_variance).sum(dim=1).mean()
        loss: Tensor = (self.reconstruction_weight * error + divergence) / self.input_dim
        return loss

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, normalisation and loss curve as one safetensors file, atomically."""
        modules = nn.ModuleDict({"encoder": self.encoder, "decoder": self.decoder})
        arrays = {name: value.numpy() for name, value in modules.state_dict().items()}
        arrays |= {"input_mean": self.input_mean, "input_scale": self.input_scale}
        settings = ("input_dim", "latent_dim", "hidden", "reconstruction_weight", "learning_rate", "batch_size")
        document = {"settings": {name: getattr(self, name) for name in settings}, "loss_curve": self.loss_curve}
        checkpoint.write(path, _KIND, arrays, document)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VAE:
        """Read what `save` wrote; CheckpointError for a truncated or foreign file."""
        arrays, document = checkpoint.read(path, _KIND)
        vae = cls(**document["settings"])
        modules = nn.ModuleDict({"encoder": vae.encoder, "decoder": vae.decoder})
        state = modules.state_dict()
        for name, tensor in state.items():
            tensor.copy_(torch.from_numpy(checkpoint.take(arrays, name, tuple(tensor.shape), path)))
        for name in ("input_mean", "input_scale"):
            setattr(vae, name, checkpoint.take(arrays, name, (vae.input_dim,), path).copy())
        vae.loss_curve = list(document["loss_curve"])
        return vae
