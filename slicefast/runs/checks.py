"""What is asked of numbers and slices of runs, before anything is played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slicefast.errors import RunError, refuse

if TYPE_CHECKING:
    from slicefast.scenario import Scenario


def check_integer(name: str, value: object, least: int, most: int | None = None) -> None:
    """Raise RunError unless a value is an integer in a range.

    Parameters
    ----------
    name : str
        For errors.
    value : object
        What came.
    least, most : int
        The range, both included; no upper end unless given.
    """
    right = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not right or value < least or (most is not None and value > most):  # type: ignore[operator]  # an integer here
        allowed = f"an integer of at least {least}" + ("" if most is None else f" and at most {most}")
        refuse(name, value, allowed, RunError)


def check_slices(known: Scenario, wanted: Scenario, by_position: bool, where: str) -> None:
    """Raise RunError unless agents of one scenario find their slices in another.

    Parameters
    ----------
    known, wanted : Scenario
        What the agents learned on, and what they are to play.
    by_position : bool
        Whether the slices' order may stand in for their names.
    where : str
        What `wanted` is called in errors.
    """
    if known.n_slices != wanted.n_slices:
        raise RunError(
            f"n_slices: got {wanted.n_slices} in the {where}, allowed: {known.n_slices}, as the agents learned"
        )
    mine, theirs = (", ".join(item.name for item in scenario.slices) for scenario in (known, wanted))
    if mine != theirs and not by_position:
        raise RunError(
            f"slices: got {theirs} in the {where}, allowed: {mine}, as the agents learned; name them alike, or match "
            "them by their order (by_position, in the shell --by-position)"
        )
