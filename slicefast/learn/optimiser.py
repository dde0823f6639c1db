"""Adam over a parameter bank, with one step counter per agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from slicefast.errors import refuse
from slicefast.learn.config import TD3Config
from slicefast.learn.hindsight_config import HindsightConfig
from slicefast.learn.networks import StackedMLP, laid_out, zero_bank


class StackedAdam:
    """Adam (Kingma, Ba, ICLR 2015) on a bank (A, P): every agent has its own bias correction.

    m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2;
    theta <- theta - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps).

    Parameters
    ----------
    network : StackedMLP
        Whose bank is moved.
    lr : float
        Step size.
    config : TD3Config or HindsightConfig
        Adam's other numbers.

    Attributes
    ----------
    first_moment, second_moment : Tensor, (A, P)
        m and v, laid out like the bank.
    steps : Tensor of int64, (A,)
        t of each agent.
    trainable : Tensor, (A, P), or None
        0 where a parameter is frozen, 1 elsewhere; None when nothing is.
    """

    def __init__(self, network: StackedMLP, lr: float, config: TD3Config | HindsightConfig) -> None:
        self.network, self.config = network, config
        self._lr, self._rate = lr, torch.tensor(lr, dtype=torch.float64, device=network.bank.device)
        self.first_moment = zero_bank(network.n_agents, network.bank.shape[1], network.bank.device)
        self.second_moment = zero_bank(network.n_agents, network.bank.shape[1], network.bank.device)
        self.steps = torch.zeros(network.n_agents, dtype=torch.int64, device=network.bank.device)
        self.trainable: Tensor | None = None
        # Kept between steps: fresh memory of this size would be mapped and zeroed by the system every time.
        self._gradient, self._scale = torch.empty(0), torch.empty(0)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: all but the memory kept between steps."""
        return {**vars(self), "_gradient": torch.empty(0), "_scale": torch.empty(0)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a copy's values, the moments on the boundaries that the native engine's memory lies on."""
        vars(self).update(state)
        self.first_moment, self.second_moment = laid_out(self.first_moment), laid_out(self.second_moment)

    @property
    def lr(self) -> float:
        """The step size, which may be changed between updates; a finite number of at least 0."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        if not 0.0 <= value < np.inf:
            refuse("lr", value, "a finite number of at least 0")
        self._lr = float(value)
        self._rate.fill_(self._lr)  # in place: a captured CUDA graph reads it

    def _corrections(self) -> tuple[Tensor, Tensor]:
        """Return c and d (A, 1) with lr / (1 - b1^t) / (sqrt(v) / sqrt(1 - b2^t) + eps) = 1 / (c sqrt(v) + d)."""
        config = self.config
        if self.steps.device.type == "cpu":  # NumPy: a microsecond per small operation, torch takes five
            count = self.steps.numpy()[:, None]
            with np.errstate(divide="ignore"):  # a step of size 0 divides by infinity
                per_step = (1.0 - config.beta1**count) / self._lr
            root = (per_step / np.sqrt(1.0 - config.beta2**count)).astype(np.float32)
            return torch.from_numpy(root), torch.from_numpy((config.epsilon * per_step).astype(np.float32))
        counts = self.steps.to(torch.float64).unsqueeze(1)
        inverse = (1.0 - config.beta1**counts) / self._rate
        return (inverse / (1.0 - config.beta2**counts).sqrt()).float(), (config.epsilon * inverse).float()

    def follow(self, gradients: Sequence[Tensor]) -> None:
        """Follow gradients given per parameter, in the order of `network.parameters()`."""
        if self._gradient.numel() == 0:
            self._gradient, self._scale = torch.zeros_like(self.network.bank), torch.empty_like(self.network.bank)
        self.step(self.network.flat_gradient(gradients, self._gradient))

    def step(self, gradient: Tensor) -> None:
        """Follow the gradient (A, P). Only tensor operations, so a CUDA graph can hold it."""
        config = self.config
        if self.trainable is not None:
            gradient = gradient * self.trainable
        self.steps += 1
        root, shift = self._corrections()
        self.first_moment.lerp_(gradient, 1.0 - config.beta1)
        self.second_moment.mul_(config.beta2).addcmul_(gradient, gradient, value=1.0 - config.beta2)
        # The shift by 1e-36, its root far below epsilon, keeps zeros off the slow path of the vector library's root.
        scale = torch.add(self.second_moment, 1e-36, out=self._scale).sqrt_()
        scale.mul_(root).add_(shift)
        self.network.bank.addcdiv_(self.first_moment, scale, value=-1.0)

    def reset(self, agent: int) -> None:
        """Forget one agent's moments and steps."""
        self.first_moment[agent] = 0.0
        self.second_moment[agent] = 0.0
        self.steps[agent] = 0

    def set_frozen(self, frozen: Tensor) -> None:
        """Freeze all layers but the last of the agents where frozen (A,) is true; their moments there are forgotten."""
        network = self.network
        if not bool(frozen.any()):
            self.trainable = None
            return
        mask = torch.ones_like(network.bank)
        lower = mask.view(network.n_agents, network.n_nets, network.stride)[:, :, : network.n_lower]
        lower[frozen] = 0.0
        self.trainable = mask
        # With zero gradient and zero moments Adam's step is exactly zero.
        self.first_moment.mul_(mask)
        self.second_moment.mul_(mask)
