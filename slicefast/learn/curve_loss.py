"""What a partition would have earned in steps that were played, and the gradient of it, for all cells at once.

J = mean over the batch of min_s f_s(a_s), a = softmax(z + base), z the network's logits; f_s by linear interpolation
between levels of share. With s* the slice at the minimum and f' its slope, dJ/da_s = f'_s [s = s*] / B and
dJ/dz_s = a_s (dJ/da_s - sum_k a_k dJ/da_k).

Dimensions: A cells, B samples, L levels, S slices, n_o inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slicefast.units import Float32


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return points of the simplex, (..., S)."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: NDArray[Any] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def forward(layers: Sequence[Float32], x: Float32) -> list[Float32]:
    """Return what every layer puts out, the inputs first: ReLU between layers, the last one linear.

    Parameters
    ----------
    layers : sequence of ndarray
        Weights (A, n_in, n_out) and biases (A, n_out) in turn.
    x : ndarray, (A, B, n_o)
        Inputs.
    """
    outputs = [x]
    for layer in range(0, len(layers), 2):
        x = x @ layers[layer] + layers[layer + 1][:, None, :]
        if layer + 2 < len(layers):
            np.maximum(x, 0.0, out=x)
        outputs.append(x)
    return outputs


def worst_slice(curves: NDArray[Any], levels: NDArray[Any], share: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return min_s f_s(a_s), (...), and its derivative by every share, (..., S).

    Parameters
    ----------
    curves : ndarray, (..., L, S)
        Satisfaction at each level.
    levels : ndarray, (L,)
        From 0 to 1, increasing.
    share : ndarray, (..., S)
        On the simplex.
    """
    upper = np.clip(np.searchsorted(levels, share), 1, len(levels) - 1)
    lower = upper - 1
    at_low = np.take_along_axis(curves, lower[..., None, :], axis=-2)[..., 0, :]
    at_high = np.take_along_axis(curves, upper[..., None, :], axis=-2)[..., 0, :]
    slope = (at_high - at_low) / (levels[upper] - levels[lower])
    value = at_low + slope * (share - levels[lower])
    worst = value.argmin(axis=-1)[..., None]
    slope *= np.arange(share.shape[-1]) == worst
    return np.take_along_axis(value, worst, axis=-1)[..., 0], slope


def ascent(
    layers: Sequence[Float32], seen: Float32, base: Float32, curves: Float32, levels: Float32
) -> tuple[Float32, list[Float32]]:
    """Return J of every cell, (A,), and its gradient by every array of `layers`, negated: what Adam descends.

    Parameters
    ----------
    layers : sequence of ndarray
        As in `forward`.
    seen : ndarray, (A, B, n_o)
        Inputs.
    base : ndarray, (A, B, S)
        What the logits are added to.
    curves : ndarray, (A, B, L, S)
        What shares would have earned.
    levels : ndarray, (L,)
        From 0 to 1, increasing.
    """
    outputs = forward(layers, seen)
    share = softmax(outputs[-1] + base)
    value, by_share = worst_slice(curves, levels, share)
    by_share /= -seen.shape[1]
    by_output = share * (by_share - (share * by_share).sum(axis=-1, keepdims=True))
    gradients: list[Float32] = [by_output] * len(layers)
    for layer in range(len(layers) - 2, -1, -2):
        x = outputs[layer // 2]
        gradients[layer] = x.swapaxes(1, 2) @ by_output
        gradients[layer + 1] = by_output.sum(axis=1)
        if layer > 0:
            by_output = (by_output @ layers[layer].swapaxes(1, 2)) * (x > 0.0)
    return value.mean(axis=1), gradients
