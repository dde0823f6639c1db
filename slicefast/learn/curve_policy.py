"""A policy learned from what every share would have given: gradient ascent on measured satisfaction curves."""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from slicefast.learn import checkpoint

_KIND = "curve_policy"


class CurvePolicy:
    """One softmax policy for all cells, trained to maximise E[min_s f_s(pi_s(x))].

    f_s is slice s's satisfaction as a function of its share in one step, known at L levels and linear in between. So
    every sample tells what any partition would have earned, and no exploration is needed; the mean over samples is one
    over what the observation does not tell, such as the packets to come.

    Parameters: input_dim F, values per slice; n_slices S; hidden, width of the layers; shared, whether slices share
    their weights, each seeing its own values and the mean and the maximum over the slices of what the first layers make
    of theirs, so that a permutation of the slices permutes the partition; else one network of all F S values, three
    times as wide. learning_rate and batch_size of its Adam. Inputs are normalised to zero mean and unit variance over
    samples and slices. Deterministic in the seed on one machine.
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
        self.input_mean, self.input_scale = np.zeros(input_dim), np.ones(input_dim)

    def fit(
        self, observation: ArrayLike, curves: ArrayLike, levels: ArrayLike, epochs: int = 20, seed: int = 0
    ) -> list[float]:
        """Train from scratch; return the mean of min_s f_s per epoch.

        Shapes: observation (M, S, F); curves (M, L, S), satisfaction at each level, non-decreasing along L; levels (L,)
        from 0 to 1, increasing. Raises ValueError for other shapes or values that are not finite.
        """
        x, f, grid = (np.asarray(value, np.float64) for value in (observation, curves, levels))
        if x.ndim != 3 or x.shape[1:] != (self.n_slices, self.input_dim) or len(x) == 0:
            wanted = f"(M, {self.n_slices}, {self.input_dim}) with M > 0"
            raise ValueError(f"observation: got shape {x.shape}, expected {wanted}")
        if f.shape != (len(x), len(grid), self.n_slices):
            raise ValueError(f"curves: got shape {f.shape}, expected {(len(x), len(grid), self.n_slices)}")
        if not (np.isfinite(x).all() and np.isfinite(f).all()):
            raise ValueError("observation, curves: values must be finite")
        spread = x.std(axis=(0, 1))
        self.input_mean, self.input_scale = x.mean(axis=(0, 1)), np.where(spread > 1e-9, spread, 1.0)
        generator = torch.Generator().manual_seed(seed)
        self._initialise(generator)
        data, known = self._normalised(x), torch.from_numpy(f.astype(np.float32))
        steps = torch.from_numpy(grid.astype(np.float32))
        optimiser = torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
        earned = []
        for _ in range(epochs):
            total = 0.0
            for rows in torch.split(torch.randperm(len(data), generator=generator), self.batch_size):
                share = torch.softmax(self.network(data[rows]), dim=-1)
                value = _interpolate(known[rows], steps, share).min(dim=-1).values
                loss = -value.mean()
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += float(value.detach().sum())
            schedule.step()
            earned.append(total / len(data))
        return earned

    def act(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Return partitions, points of the simplex: observation (M, S, F) -> (M, S) float64."""
        with torch.no_grad():
            logits = self.network(self._normalised(np.asarray(observation, np.float64)))
            shares: NDArray[np.float64] = torch.softmax(logits.double(), dim=-1).numpy()
        return shares

    def _normalised(self, x: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(((x - self.input_mean) / self.input_scale).astype(np.float32))

    def _initialise(self, generator: torch.Generator) -> None:
        with torch.no_grad():
            for module in self.network.modules():
                if isinstance(module, nn.Linear):
                    bound = module.in_features**-0.5
                    module.weight.uniform_(-bound, bound, generator=generator)
                    module.bias.uniform_(-bound, bound, generator=generator)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and normalisation as one safetensors file, atomically."""
        arrays = {name: value.numpy() for name, value in self.network.state_dict().items()}
        arrays |= {"input_mean": self.input_mean, "input_scale": self.input_scale}
        settings = ("input_dim", "n_slices", "hidden", "shared", "learning_rate", "batch_size")
        checkpoint.write(path, _KIND, arrays, {name: getattr(self, name) for name in settings})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CurvePolicy:
        """Read what `save` wrote; CheckpointError for a truncated or foreign file."""
        arrays, document = checkpoint.read(path, _KIND)
        policy = cls(**document)
        state = policy.network.state_dict()
        for name, tensor in state.items():
            tensor.copy_(torch.from_numpy(checkpoint.take(arrays, name, tuple(tensor.shape), path)))
        for name in ("input_mean", "input_scale"):
            setattr(policy, name, checkpoint.take(arrays, name, (policy.input_dim,), path).copy())
        return policy


class _SharedBySlices(nn.Module):
    """The same weights for every slice, and what the slices have in common: (B, S, F) -> logits (B, S)."""

    def __init__(self, input_dim: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(input_dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        layers = (nn.Linear(input_dim + 3 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Sequential(*layers, nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        own = self.encoder(x)
        common = torch.cat([own.mean(dim=1, keepdim=True), own.amax(dim=1, keepdim=True)], dim=-1)
        logits: Tensor = self.head(torch.cat([x, own, common.expand(-1, x.shape[1], -1)], dim=-1))
        return logits.squeeze(-1)


def _plain(input_dim: int, n_slices: int, hidden: int) -> nn.Sequential:
    sizes = (n_slices * input_dim, 3 * hidden, 2 * hidden, n_slices)
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _interpolate(curves: Tensor, levels: Tensor, share: Tensor) -> Tensor:
    """Return f_s(share_s) by linear interpolation: curves (B, L, S), levels (L,), share (B, S) -> (B, S)."""
    upper = torch.searchsorted(levels, share.detach().contiguous()).clamp(1, len(levels) - 1)
    low, high = levels[upper - 1], levels[upper]
    at_low = curves.gather(1, (upper - 1).unsqueeze(1)).squeeze(1)
    at_high = curves.gather(1, upper.unsqueeze(1)).squeeze(1)
    return at_low + (share - low) / (high - low) * (at_high - at_low)
