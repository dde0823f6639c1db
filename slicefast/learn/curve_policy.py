"""A policy learned from what every share would have given: gradient ascent on measured satisfaction curves."""

from __future__ import annotations

import os

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from slicefast.errors import described, refuse
from slicefast.learn import checkpoint, modules
from slicefast.learn.threads import one_thread
from slicefast.units import Float64

_KIND = "curve_policy"
_SETTINGS = ("input_dim", "n_slices", "hidden", "shared", "learning_rate", "batch_size")


class CurvePolicy:
    """One softmax policy for all cells, trained to maximise E[min_s f_s(pi_s(x))].

    f_s is slice s's satisfaction as a function of its share in one step, known at L levels and linear in between. So
    every sample says what any partition would have earned, and no exploration is needed; the mean over samples is one
    over what the observation leaves open, such as the packets to come. Inputs are normalised to zero mean and unit
    variance over samples and slices. Deterministic in the seed on one machine.

    Parameters
    ----------
    input_dim : int
        F, values per slice.
    n_slices : int
        S.
    hidden : int
        Width of the layers.
    shared : bool
        Whether slices share their weights, each seeing its own values and the mean and the maximum over the slices of
        what the first layers make of theirs, so that a permutation of the slices permutes the partition; else one
        network of all F S values, three times as wide.
    learning_rate : float
        Adam's first step size; it falls to 0 along half a cosine.
    batch_size : int
        Samples per step.

    Attributes
    ----------
    normaliser : Normaliser
        What inputs are shifted and scaled by.
    """

    def __init__(
        self,
        input_dim: int,
        n_slices: int,
        hidden: int = 32,
        shared: bool = True,
        learning_rate: float = 4e-3,
        batch_size: int = 512,
    ) -> None:
        self.input_dim, self.n_slices, self.hidden, self.shared = input_dim, n_slices, hidden, shared
        self.learning_rate, self.batch_size = learning_rate, batch_size
        self.network: nn.Module = _SharedBySlices(input_dim, hidden) if shared else _plain(input_dim, n_slices, hidden)
        self.normaliser = modules.Normaliser(input_dim)

    @one_thread()
    def fit(
        self, observation: ArrayLike, curves: ArrayLike, levels: ArrayLike, epochs: int = 20, seed: int = 0
    ) -> list[float]:
        """Train from scratch.

        Parameters
        ----------
        observation : array_like, (M, S, F)
            What cells saw.
        curves : array_like, (M, L, S)
            Satisfaction at each level, non-decreasing along L.
        levels : array_like, (L,)
            Shares from 0 to 1, increasing.
        epochs : int
            Passes over the samples.
        seed : int
            Of weights and batches.

        Returns
        -------
        list of float
            The mean of min_s f_s, epoch by epoch.

        Raises
        ------
        SlicefastError
            Another shape, or values that are not finite.
        """
        x, f, grid = self._checked(observation, curves, levels)
        self.normaliser.fit(x)
        generator = torch.Generator().manual_seed(seed)
        modules.initialise(self.network, generator)
        data, known = self.normaliser(x), torch.from_numpy(f.astype(np.float32))
        shares = torch.from_numpy(grid.astype(np.float32))
        optimiser = torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        earned = []
        for _ in range(epochs):
            total = 0.0
            for rows in torch.split(torch.randperm(len(data), generator=generator), self.batch_size):
                share = torch.softmax(self.network(data[rows]), dim=-1)
                value = _interpolate(known[rows], shares, share).min(dim=-1).values
                loss = -value.mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += float(value.detach().sum())
            schedule.step()
            earned.append(total / len(data))
        return earned

    def _checked(self, *arrays: ArrayLike) -> tuple[Float64, Float64, Float64]:
        x, f, grid = (np.asarray(value, np.float64) for value in arrays)
        if x.ndim != 3 or x.shape[1:] != (self.n_slices, self.input_dim) or len(x) == 0:
            got = described(f"shape {x.shape}")
            refuse("observation", got, f"shape (M, {self.n_slices}, {self.input_dim}) with M > 0")
        if f.shape != (len(x), len(grid), self.n_slices):
            refuse("curves", described(f"shape {f.shape}"), f"shape {(len(x), len(grid), self.n_slices)}")
        for name, values in (("observation", x), ("curves", f)):
            finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
            if not finite.all():
                refuse(f"{name}[{int(np.argmin(finite))}]", "a value that is not finite", "finite numbers")
        return x, f, grid

    def act(self, observation: ArrayLike) -> Float64:
        """Return partitions, points of the simplex, (M, S) float64, for observations (M, S, F)."""
        with torch.no_grad(), one_thread():
            logits = self.network(self.normaliser(np.asarray(observation, np.float64)))
            shares: Float64 = torch.softmax(logits.double(), dim=-1).numpy()
        return shares

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and normalisation as one safetensors file, atomically."""
        modules.save(path, _KIND, self.network, self.normaliser, {name: getattr(self, name) for name in _SETTINGS})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CurvePolicy:
        """Read what `save` wrote; CheckpointError for a truncated or foreign file."""
        arrays, document = checkpoint.read(path, _KIND)
        with checkpoint.reading(path):
            input_dim, n_slices, hidden = (checkpoint.count(document, name) for name in _SETTINGS[:3])
            checkpoint.check_weights(arrays, 1, ((1 if document["shared"] else n_slices) * input_dim, hidden, hidden))
            policy = cls(**document)
            modules.load_into(policy.network, policy.normaliser, arrays, path)
        return policy


class _SharedBySlices(nn.Module):
    """The same weights for every slice, and what the slices have in common: (B, S, F) -> logits (B, S)."""

    def __init__(self, input_dim: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*modules.perceptron((input_dim, hidden, hidden)), nn.ReLU())
        # A slice's own values, what the encoder makes of them, and its mean and maximum over the slices.
        self.head = nn.Sequential(*modules.perceptron((input_dim + 3 * hidden, hidden, hidden, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        own = self.encoder(x)
        common = torch.cat([own.mean(dim=1, keepdim=True), own.amax(dim=1, keepdim=True)], dim=-1)
        logits: Tensor = self.head(torch.cat([x, own, common.expand(-1, x.shape[1], -1)], dim=-1))
        return logits.squeeze(-1)


def _plain(input_dim: int, n_slices: int, hidden: int) -> nn.Sequential:
    sizes = (n_slices * input_dim, 3 * hidden, 2 * hidden, n_slices)
    return nn.Sequential(nn.Flatten(), *modules.perceptron(sizes))


def _interpolate(curves: Tensor, levels: Tensor, share: Tensor) -> Tensor:
    """Return f_s(share_s) by linear interpolation: curves (B, L, S), levels (L,), share (B, S) -> (B, S)."""
    upper = torch.searchsorted(levels, share.detach().contiguous()).clamp(1, len(levels) - 1)
    low, high = levels[upper - 1], levels[upper]
    at_low = curves.gather(1, (upper - 1).unsqueeze(1)).squeeze(1)
    at_high = curves.gather(1, upper.unsqueeze(1)).squeeze(1)
    return at_low + (share - low) / (high - low) * (at_high - at_low)
