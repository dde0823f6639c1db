"""What the small torch models have in common: layers, first weights, normalised inputs, checkpoints."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from slicefast.errors import CheckpointError
from slicefast.learn import checkpoint
from slicefast.units import Float64

#: Spread of an input component, relative to its size, below which it never varies and carries nothing.
LEAST_SPREAD = 1e-9


def perceptron(sizes: Sequence[int]) -> list[nn.Module]:
    """Return linear layers of these sizes with ReLU between them, the last one linear; `initialise` draws them."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):  # torch draws weights of its own, from the user's generator
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return layers[:-1]


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights and biases from U(-1/sqrt(in), 1/sqrt(in)), layer by layer in the order of the modules.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    generator : torch.Generator
        On the CPU.
    """
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                bound = layer.in_features**-0.5
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)


class Normaliser:
    """Shifts and scales inputs to zero mean and unit variance.

    Parameters
    ----------
    n_values : int
        F, values per input.

    Attributes
    ----------
    mean, scale : ndarray of float64, (F,)
        0 and 1 before `fit`.
    """

    def __init__(self, n_values: int) -> None:
        self.mean: Float64 = np.zeros(n_values)
        self.scale: Float64 = np.ones(n_values)

    def fit(self, inputs: Float64, least_spread: float | Float64 = LEAST_SPREAD) -> None:
        """Take mean and spread over all axes of the inputs (..., F) but the last.

        A component whose spread is not above `least_spread` is centred and keeps its scale.

        Parameters
        ----------
        inputs : ndarray, (..., F)
            What is to have mean 0 and variance 1.
        least_spread : float or ndarray, (F,)
            In the unit of the inputs.
        """
        axes = tuple(range(inputs.ndim - 1))
        self.mean, spread = inputs.mean(axis=axes), inputs.std(axis=axes)
        self.scale = np.where(spread > least_spread, spread, 1.0)

    def __call__(self, inputs: Float64) -> Tensor:
        """Return normalised inputs as a float32 tensor of the same shape."""
        return torch.from_numpy(((inputs - self.mean) / self.scale).astype(np.float32))


def save(
    path: str | os.PathLike[str], kind: str, module: nn.Module, normaliser: Normaliser, document: Mapping[str, Any]
) -> None:
    """Write weights, normalisation and a JSON-able document as one safetensors file, atomically.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        What it holds; `checkpoint.read` asks for it.
    module : torch.nn.Module
        The weights.
    normaliser : Normaliser
        The inputs' mean and spread.
    document : mapping
        What else is needed to build the module again.
    """
    arrays: dict[str, NDArray[Any]] = {name: value.numpy() for name, value in module.state_dict().items()}
    arrays |= {"input_mean": normaliser.mean, "input_scale": normaliser.scale}
    checkpoint.write(path, kind, arrays, document)


def load_into(
    module: nn.Module, normaliser: Normaliser, arrays: Mapping[str, NDArray[Any]], path: str | os.PathLike[str]
) -> None:
    """Copy the weights and the normalisation of a checkpoint that `save` wrote.

    Parameters
    ----------
    module : torch.nn.Module
        Of the sizes that were saved; changed.
    normaliser : Normaliser
        Changed.
    arrays : mapping of str to ndarray
        What `checkpoint.read` returned.
    path : path-like
        The file, for errors.

    Raises
    ------
    CheckpointError
        An array is missing or of another shape.
    """
    fill(module.state_dict(), arrays, path)
    for name in ("mean", "scale"):
        shape = getattr(normaliser, name).shape
        setattr(normaliser, name, checkpoint.take(arrays, f"input_{name}", shape, path, np.float64).copy())
    if not (normaliser.scale > 0.0).all():
        raise CheckpointError(f"{path}: array 'input_scale' has values that are not above 0")


def fill(tensors: Mapping[str, Tensor], arrays: Mapping[str, NDArray[Any]], path: str | os.PathLike[str]) -> None:
    """Copy the arrays of a checkpoint into tensors of the same names, shapes and types; CheckpointError otherwise."""
    for name, tensor in tensors.items():
        dtype = tensor[:0].cpu().numpy().dtype
        tensor.copy_(torch.from_numpy(checkpoint.take(arrays, name, tuple(tensor.shape), path, dtype)))
