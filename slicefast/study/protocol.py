"""What a study runs: its numbers, its seeds and its arms."""

from __future__ import annotations

import difflib
from typing import Any, Self

from pydantic import field_validator

from slicefast.arguments import checked
from slicefast.errors import ScenarioError
from slicefast.study.arms import ARMS, FULL_ARMS, QUICK_ARMS
from slicefast.study.budget import Budget, Seeds


@checked
class Protocol(Budget):
    """How many seeds and steps a study takes, and which arms; the defaults are the full run.

    Attributes
    ----------
    n_seeds : int
        Repetitions; seed k uses the networks of seed 2k (source) and 2k + 1 (target).
    arms : tuple of str
        Names from `slicefast.study.arms.ARMS`, those that the claims need unless given.

    Raises
    ------
    ScenarioError
        A number is out of range, or an arm is unknown or named twice, or none is named.

    Examples
    --------
    >>> protocol = sf.study.Protocol.quick(n_seeds=3).replace(train_steps=2000)
    >>> protocol.n_seeds, protocol.train_steps, sf.study.Protocol.full().n_seeds
    (3, 2000, 10)
    >>> sf.study.Protocol.from_dict(protocol.to_dict()) == protocol
    True
    """

    n_seeds: Seeds = 10
    arms: tuple[str, ...] = FULL_ARMS

    @field_validator("arms")
    @classmethod
    def _check_arms(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        for index, name in enumerate(arms):
            if name not in ARMS:
                near = ", ".join(difflib.get_close_matches(name[:50], ARMS, 3, 0.0))
                raise ScenarioError("", name, f"unknown; the nearest are {near}, all {len(ARMS)} in study.arms.ARMS")
            if name in arms[:index]:
                raise ScenarioError("", name, "is named twice")
        if not arms:
            raise ScenarioError("", arms, "must name at least one arm")
        return arms

    @classmethod
    def full(cls, n_seeds: int = 10) -> Protocol:
        """Return the paper's step counts over ten seeds unless told otherwise."""
        return cls(n_seeds=n_seeds)

    @classmethod
    def quick(cls, n_seeds: int = 2) -> Protocol:
        """Return a study that takes a minute or two and still shows the ordering."""
        return cls(
            n_seeds=n_seeds,
            exploration_steps=750,
            train_steps=2000,
            transfer_steps=1500,
            hindsight_steps=500,
            sample_steps=250,
            vae_epochs=30,
            early_steps=500,
            arms=QUICK_ARMS,
            pairs=False,
            remedies=False,
        )

    @property
    def seeds(self) -> range:
        """The study's seeds."""
        return range(self.n_seeds)

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with other fields."""
        return type(self)(**{**dict(self), **changes})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Protocol:
        """Return the protocol that `to_dict` wrote."""
        return cls(**fields)
