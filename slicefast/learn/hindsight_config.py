"""The numbers of the hindsight learner, validated; all of them are ours."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from slicefast.arguments import checked
from slicefast.learn.config import BELOW_ONE, COUNT, PER_STEP, POSITIVE, hold, hold_widths, require
from slicefast.units import Float64

#: What a cell sees: the task's observation (the paper's, unless told otherwise), or all that its base station measured.
Sight = Literal["task", "rich"]
#: What the network's logits are added to: nothing, or the logarithm of the max-min rule's shares.
Basis = Literal["nothing", "rule"]
#: The smallest share above 0 that is asked for.
SMALLEST_SHARE = 0.02
#: Levels of share that a step may be replayed at: a carrier has fewer resource blocks to tell them apart by.
MOST_LEVELS = 1000


@checked
@dataclass(frozen=True)
class HindsightConfig:
    """Settings of `Hindsight`.

    Attributes
    ----------
    sight : {"task", "rich"}
        What a cell sees; see `slicefast.policies.CellView`.
    basis : {"nothing", "rule"}
        What the network's logits are added to.
    federated : bool
        Whether all cells have one network, which follows the mean of their gradients; each keeps its memory.
    hidden : tuple of int
        Widths of the network's hidden layers.
    learning_rate, beta1, beta2, epsilon : float
        Adam's numbers (Kingma, Ba, ICLR 2015).
    batch_size : int
        Steps per update and cell.
    updates_per_step : int
        Updates per step, each on a batch of its own.
    n_levels : int
        Levels of share at which a step is replayed, 0 among them.
    capacity : int
        Steps that a cell remembers, transferred ones included.

    Raises
    ------
    SlicefastError
        A number is out of range.

    Examples
    --------
    >>> config = sf.learn.HindsightConfig(n_levels=8)
    >>> config.to_dict()["n_levels"], config.levels.shape
    (8, (8,))
    """

    sight: Sight = "task"
    basis: Basis = "nothing"
    federated: bool = False
    hidden: tuple[int, ...] = (48, 24)
    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    batch_size: int = 32
    updates_per_step: int = 2
    n_levels: int = 16
    capacity: int = 10_000

    def __post_init__(self) -> None:
        hold_widths(self, "hidden")
        require(self, "sight", self.sight in get_args(Sight), "'task' or 'rich'")
        require(self, "basis", self.basis in get_args(Basis), "'nothing' or 'rule'")
        hold(self, PER_STEP, "batch_size", "updates_per_step")
        hold(self, COUNT, "capacity")
        hold(self, POSITIVE, "learning_rate")
        hold(self, BELOW_ONE, "beta1", "beta2")
        hold(self, POSITIVE, "epsilon")
        require(self, "n_levels", 3 <= self.n_levels <= MOST_LEVELS, f"3 to {MOST_LEVELS}")

    @property
    def levels(self) -> Float64:
        """Shares at which a step is replayed, (L,): 0, then from 0.02 to 1 by a constant factor."""
        return np.concatenate([[0.0], np.geomspace(SMALLEST_SHARE, 1.0, self.n_levels - 1)])

    @property
    def exploration_steps(self) -> int:
        """Steps of random partitions: none, as every step tells what all shares would have earned."""
        return 0

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-able values; `HindsightConfig(**d)` reads them back."""
        return asdict(self)
