"""The numbers of TD3, validated; defaults are the paper's, ours where it says so."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TD3Config:
    """Settings of TD3 (Fujimoto, van Hoof, Meger, ICML 2018) on the simplex.

    actor_hidden, critic_hidden: widths of the hidden layers. actor_lr, critic_lr: Adam's step sizes. gamma: discount.
    tau: Polyak averaging, target <- (1 - tau) target + tau online. policy_delay: critic updates per policy update.
    exploration_steps: environment steps with actions uniform on the simplex. learning_starts: environment steps before
    the first update; None: those of the exploration phase.
    exploration_noise: standard deviation of the normal noise on the policy's *logits* afterwards (ours).
    target_noise, noise_clip: the same for the target policy's smoothing, clipped (ours: on logits, so that smoothed
    actions stay on the simplex).
    logit_penalty: weight of the mean square of the logits in the policy loss (ours; 0 is plain TD3). Without it young
    critics drive the softmax into a corner of the simplex, where its gradient vanishes and thousands of steps pass
    before it comes back. capacity: replay rows per agent. transferred_fraction: share of a batch drawn from
    transferred instances; None draws uniformly over both.
    """

    actor_hidden: tuple[int, ...] = (48, 24)
    critic_hidden: tuple[int, ...] = (64, 24)
    actor_lr: float = 5e-4
    critic_lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    batch_size: int = 32
    gamma: float = 0.1
    tau: float = 0.005
    policy_delay: int = 2
    exploration_steps: int = 3000
    learning_starts: int | None = None
    exploration_noise: float = 0.4
    target_noise: float = 0.2
    noise_clip: float = 0.5
    logit_penalty: float = 0.03
    capacity: int = 10_000
    transferred_fraction: float | None = None

    def __post_init__(self) -> None:
        for name in ("actor_hidden", "critic_hidden"):
            object.__setattr__(self, name, tuple(int(width) for width in getattr(self, name)))
            self._require(name, all(width >= 1 for width in getattr(self, name)), "positive layer widths")
            self._require(name, len(getattr(self, name)) >= 1, "at least one hidden layer")
        for name in ("batch_size", "policy_delay", "capacity"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("actor_lr", "critic_lr"):
            self._require(name, math.isfinite(getattr(self, name)) and getattr(self, name) > 0.0, "finite and positive")
        for name in ("exploration_noise", "target_noise", "noise_clip", "logit_penalty"):
            value = getattr(self, name)
            self._require(name, math.isfinite(value) and value >= 0.0, "finite and at least 0")
        for name in ("gamma", "beta1", "beta2"):
            self._require(name, 0.0 <= getattr(self, name) < 1.0, "in [0, 1)")
        self._require("epsilon", self.epsilon > 0.0, "positive")
        self._require("tau", 0.0 < self.tau <= 1.0, "in (0, 1]")
        self._require("exploration_steps", self.exploration_steps >= 0, "at least 0")
        self._require("learning_starts", self.first_update >= 0, "None or at least 0")
        fraction = self.transferred_fraction
        self._require("transferred_fraction", fraction is None or 0.0 <= fraction <= 1.0, "None or in [0, 1]")

    def _require(self, name: str, condition: bool, allowed: str) -> None:
        if not condition:
            raise ValueError(f"{name}: got {getattr(self, name)}, must be {allowed}")

    @property
    def first_update(self) -> int:
        """Environment steps before the first update."""
        return self.exploration_steps if self.learning_starts is None else self.learning_starts

    @property
    def kept_in_batch(self) -> int:
        """Rows of a batch drawn from transferred instances; -1 for no stated ratio."""
        return -1 if self.transferred_fraction is None else round(self.transferred_fraction * self.batch_size)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-able values; `TD3Config(**d)` reads them back."""
        return asdict(self)
