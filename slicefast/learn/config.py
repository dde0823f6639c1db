"""The numbers of TD3, validated; defaults are the paper's, ours where it says so."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

from slicefast.arguments import between, checked
from slicefast.errors import refuse

#: Of a schedule, in steps or an agent's transitions: at a step a millisecond, thirty years.
MOST_STEPS = 10**12
#: Of what is done or drawn in one step: updates, and a batch's transitions.
MOST_PER_STEP = 10**6

_CONSTANT_NOISE: dict[str, Any] = {"exploration_noise_end": None, "exploration_decay_steps": 0}
#: Named settings: the papers', and what we measured to cost an operator least while agents learn; "_transfer" for
#: agents that start with what others learned, "_shared" for one agent of all cells, in the steps of its networks
#: (`TD3Config.per_row` counts them in transitions).
Preset = Literal["published", "published_transfer", "ours", "ours_transfer", "ours_shared"]
PRESETS: dict[Preset, dict[str, Any]] = {
    "published": {},
    "published_transfer": {"exploration_steps": 0, **_CONSTANT_NOISE, "exploration_noise": 0.4},
    "ours": {
        "exploration_steps": 250,
        "exploration_noise_end": 0.05,
        "exploration_decay_steps": 3000,
        "logit_penalty": 0.1,
        "batch_size": 128,
        "updates_per_step": 2,
    },
    "ours_shared": {
        "exploration_steps": 100,
        "exploration_noise_end": 0.05,
        "exploration_decay_steps": 1000,
        "logit_penalty": 0.1,
        "batch_size": 256,
        "updates_per_step": 4,
    },
    "ours_transfer": {"exploration_steps": 0, **_CONSTANT_NOISE, "exploration_noise": 0.05, "batch_size": 128},
}


def n_weights(sizes: Sequence[int]) -> int:
    """Return how many weights and biases fully connected layers of these widths have, inputs first."""
    return sum((int(before) + 1) * int(after) for before, after in itertools.pairwise(sizes))


class Rule(NamedTuple):
    """What a number of a learner's must be, and how messages say it."""

    holds: Callable[[Any], bool]
    allowed: str


COUNT = Rule(lambda value: value >= 1, "at least 1")
PER_STEP = Rule(lambda value: 1 <= value <= MOST_PER_STEP, f"1 to {MOST_PER_STEP:,}")
POSITIVE = Rule(lambda value: math.isfinite(value) and value > 0.0, "finite and positive")
NOT_NEGATIVE = Rule(lambda value: math.isfinite(value) and value >= 0.0, "finite and at least 0")
BELOW_ONE = Rule(lambda value: 0.0 <= value < 1.0, "in [0, 1)")


def hold(config: object, rule: Rule, *names: str) -> None:
    """Refuse the first of a learner's numbers, by its name, that a rule does not hold for."""
    for name in names:
        require(config, name, rule.holds(getattr(config, name)), rule.allowed)


def hold_widths(config: object, name: str) -> None:
    """Make a tuple of the widths of a network's layers, and refuse none and those below 1."""
    widths = tuple(int(width) for width in getattr(config, name))
    object.__setattr__(config, name, widths)  # a frozen configuration is still being made
    require(config, name, bool(widths) and all(width >= 1 for width in widths), "one or more widths of at least 1")


def require(config: object, name: str, condition: bool, allowed: str) -> None:
    """Refuse a field of a learner's numbers, by its name, unless a condition holds."""
    if not condition:
        refuse(name, getattr(config, name), allowed)


@checked
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
    updates_per_step : int
        Updates per environment step (the papers' 1), each on a batch of its own.
    exploration_steps : int
        Environment steps with actions uniform on the simplex (paper; transferred agents have none).
    learning_starts : int, optional
        Environment steps before the first update (ours); those of the exploration phase unless given.
    exploration_noise : float
        Standard deviation of the normal noise on the policy's logits after that (ours: on logits, so that actions stay
        on the simplex).
    exploration_noise_end : float, optional
        What it falls to, linearly in environment steps (ours); it stays unless given.
    exploration_decay_steps : int
        Steps after the exploration phase at which it has fallen (ours).
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

    Examples
    --------
    >>> config = sf.learn.TD3Config(exploration_steps=100)
    >>> sf.learn.TD3Config(**config.to_dict()) == config
    True
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
    updates_per_step: int = 1
    exploration_steps: int = 3000
    learning_starts: int | None = None
    exploration_noise: float = 0.4
    exploration_noise_end: float | None = None
    exploration_decay_steps: int = 0
    target_noise: float = 0.2
    noise_clip: float = 0.5
    logit_penalty: float = 0.03
    capacity: int = 10_000
    transferred_fraction: float | None = None

    def __post_init__(self) -> None:
        for name in ("actor_hidden", "critic_hidden"):
            hold_widths(self, name)
        hold(self, COUNT, "policy_delay", "capacity")
        hold(self, PER_STEP, "batch_size", "updates_per_step")
        hold(self, POSITIVE, "actor_lr", "critic_lr")
        hold(self, NOT_NEGATIVE, "exploration_noise", "target_noise", "noise_clip", "logit_penalty")
        hold(self, BELOW_ONE, "gamma", "beta1", "beta2")
        hold(self, POSITIVE, "epsilon")
        require(self, "tau", 0.0 < self.tau <= 1.0, "in (0, 1]")
        self._check_schedule()
        fraction = self.transferred_fraction
        require(self, "transferred_fraction", fraction is None or 0.0 <= fraction <= 1.0, "None or in [0, 1]")

    def _check_schedule(self) -> None:
        end, falls = self.exploration_noise_end, self.exploration_noise_end is not None
        require(
            self,
            "exploration_noise_end",
            end is None or (math.isfinite(end) and 0.0 <= end <= self.exploration_noise),
            f"None or from 0 to exploration_noise, {self.exploration_noise}: noise never grows",
        )
        steps = self.exploration_decay_steps
        allowed = "at least 1, where noise falls to an end" if falls else "0 without exploration_noise_end"
        require(self, "exploration_decay_steps", steps >= 1 if falls else steps == 0, allowed)
        for name in ("exploration_steps", "learning_starts", "exploration_decay_steps"):
            value = getattr(self, name)
            require(self, name, value is None or 0 <= value <= MOST_STEPS, f"0 to {MOST_STEPS:,}: a schedule ends")

    @classmethod
    def preset(cls, name: Preset, **changes: Any) -> TD3Config:
        """Return named settings, with changes.

        Parameters
        ----------
        name : {"published", "published_transfer", "ours", "ours_transfer", "ours_shared"}
            A key of `PRESETS`.
        **changes
            Fields by name.

        Raises
        ------
        SlicefastError
            There is no such preset, or a number is out of range.

        Examples
        --------
        >>> sf.learn.TD3Config.preset("ours", batch_size=64).batch_size
        64
        """
        if name not in PRESETS:
            refuse("preset", name, ", ".join(get_args(Preset)))
        return cls(**{**PRESETS[name], **changes})

    def noise_at(self, step: int) -> float:
        """Return the exploration noise of an environment step.

        sigma(t) = sigma_0 + (sigma_end - sigma_0) min(t / T, 1), t the steps since the exploration phase and T
        `exploration_decay_steps`.

        Parameters
        ----------
        step : int
            Environment steps so far, those of the exploration phase included.

        Examples
        --------
        >>> config = sf.learn.TD3Config.preset("ours")
        >>> [round(config.noise_at(step), 3) for step in (250, 1750, 3250)]
        [0.4, 0.225, 0.05]
        """
        if self.exploration_noise_end is None:
            return self.exploration_noise
        part = min(max(step - self.exploration_steps, 0) / self.exploration_decay_steps, 1.0)
        return self.exploration_noise + (self.exploration_noise_end - self.exploration_noise) * part

    def per_row(self, n_rows: int, **changes: Any) -> TD3Config:
        """Return the settings of agents that each act in n_rows cells or networks at once, and count their transitions.

        What counts environment steps (exploration, start, decay of the noise, capacity) is n_rows times as much.

        Parameters
        ----------
        n_rows : int
            Transitions of an agent per environment step.
        **changes
            Fields by name, not scaled.

        Raises
        ------
        SlicefastError
            Fewer than one row, or a field that cannot be.

        Examples
        --------
        >>> sf.learn.TD3Config(capacity=1000).per_row(12).capacity
        12000
        """
        between(1, n_rows=n_rows)
        scaled = {
            name: None if (value := getattr(self, name)) is None else value * n_rows
            for name in ("exploration_steps", "learning_starts", "exploration_decay_steps", "capacity")
        }
        return replace(self, **{**scaled, **changes})

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
