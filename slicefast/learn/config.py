"""The numbers of TD3, validated; defaults are the paper's, ours where it says so."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from slicefast.errors import refuse


@dataclass(frozen=True)
class TD3Config:
    """Settings of TD3 (Fujimoto, van Hoof, Meger, ICML 2018; "TD3" below) on the simplex.

    "Paper" below is Hu, Liao, Liu, Carle (arXiv 2301.03262).

    Attributes
    ----------
    actor_hidden : tuple of int
        Widths of the policy's hidden layers (paper).
    critic_hidden : tuple of int
        Widths of the critics' hidden layers (paper).
    actor_lr : float
        Adam's step size for the policy (paper).
    critic_lr : float
        Adam's step size for the critics (paper).
    beta1, beta2, epsilon : float
        Adam's other numbers (Kingma, Ba, ICLR 2015).
    batch_size : int
        Transitions per update and agent (paper).
    gamma : float
        Discount (paper).
    tau : float
        Polyak averaging, target <- (1 - tau) target + tau online (TD3).
    policy_delay : int
        Critic updates per policy update (TD3).
    exploration_steps : int
        Environment steps with actions uniform on the simplex (paper; transferred agents have none).
    learning_starts : int, optional
        Environment steps before the first update (ours); those of the exploration phase unless given.
    exploration_noise : float
        Standard deviation of the normal noise on the policy's logits after that (ours: on logits, so that actions stay
        on the simplex).
    target_noise : float
        The same for the smoothing of the target policy (TD3's 0.2; ours: on logits).
    noise_clip : float
        Where the smoothing's noise is clipped (TD3's 0.5; ours: on logits).
    logit_penalty : float
        Weight of the mean square of the logits in the policy loss (ours; 0 is plain TD3). Without it young critics
        drive the softmax into a corner of the simplex, where its gradient vanishes and thousands of steps pass before
        it comes back.
    capacity : int
        Transitions an agent keeps, transferred ones included (ours).
    transferred_fraction : float, optional
        Share of a batch drawn from transferred transitions (ours); drawn uniformly over both kinds unless given.

    Raises
    ------
    SlicefastError
        A number is out of range.
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
            widths = tuple(int(width) for width in getattr(self, name))
            object.__setattr__(self, name, widths)
            self._require(
                name, bool(widths) and all(width >= 1 for width in widths), "one or more widths of at least 1"
            )
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
            refuse(name, getattr(self, name), allowed)

    @property
    def first_update(self) -> int:
        """Environment steps before the first update."""
        return self.exploration_steps if self.learning_starts is None else self.learning_starts

    @property
    def kept_in_batch(self) -> int:
        """Rows of a batch drawn from transferred transitions; -1 for no stated ratio."""
        return -1 if self.transferred_fraction is None else round(self.transferred_fraction * self.batch_size)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-able values; `TD3Config(**d)` reads them back."""
        return asdict(self)
