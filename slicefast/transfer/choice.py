"""Which source a target cell takes, by whatever distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast.arguments import checked
from slicefast.arrays import to_matrix, to_rows
from slicefast.errors import described, refuse
from slicefast.units import Float64, Int64

#: How a source is chosen by its distance, see `choose_sources`.
SourceChoice = Literal["most", "least", "fast", "corrected", "configuration", "probe", "random", "own", "other"]
SOURCE_CHOICES: tuple[SourceChoice, ...] = get_args(SourceChoice)


@checked
def rank_sources(
    distance: ArrayLike, target: int, exclude: Sequence[int] = (), sources: ArrayLike | None = None
) -> Int64:
    """Return the sources in the order of their distance to a target, the most similar first.

    Parameters
    ----------
    distance : array_like, (sources, targets)
        Row i the source, column j the target.
    target : int
        Column to rank.
    exclude : sequence of int
        Sources that are not allowed, such as the target itself.
    sources : array_like of int, optional
        The rows to rank; all unless given.

    Returns
    -------
    ndarray of int64
        Rows, the nearest first; equally near ones in their order.

    Raises
    ------
    SlicefastError
        The target is no column, a source no row, a distance NaN, or no source is left.

    Examples
    --------
    >>> sf.transfer.rank_sources([[0.0], [2.0], [1.0]], target=0, exclude=[0])
    array([2, 1])
    """
    matrix = to_matrix("distance", distance)
    if not 0 <= target < matrix.shape[1]:
        refuse("target", target, f"0 to {matrix.shape[1] - 1}")
    rows = np.arange(matrix.shape[0]) if sources is None else to_rows("sources", sources, matrix.shape[0])
    rows = rows[~np.isin(rows, list(exclude))]
    if rows.size == 0:
        refuse("exclude", list(exclude), "fewer than all sources, so that one is left")
    return rows[np.argsort(matrix[rows, target], kind="stable")].astype(np.int64)


@checked
def choose_sources(
    distance: Float64, choice: SourceChoice, groups: NDArray[np.integer], seed: int, exclude_same: bool = True
) -> Int64:
    """Return a source for every target cell, (N,) int64.

    Parameters
    ----------
    distance : ndarray, (sources, N)
        Row the source, column the target.
    choice : {"most", "least", "fast", "corrected", "configuration", "probe", "random", "own", "other"}
        "most", "fast", "corrected", "configuration", "probe": the nearest cell, by the distance of that name; "least":
        the farthest; "random": any; "own", "other": the nearest of the target's own requirement group, or of another,
        if there is one.
    groups : ndarray of int, (N,)
        Requirement group of every cell.
    seed : int
        Seed of the random choice.
    exclude_same : bool
        Whether the cell of the target's number is no source; only where both networks are numbered alike.

    Raises
    ------
    SlicefastError
        An unknown choice, a distance that is NaN, other groups than targets, or no source is left.

    Examples
    --------
    >>> distance = np.array([[0.0, 3.0], [1.0, 0.0], [2.0, 1.0]])  # of three sources to two targets
    >>> sf.transfer.choose_sources(distance, "most", np.zeros(2, np.int64), seed=0, exclude_same=False)
    array([0, 1])
    >>> sf.transfer.choose_sources(distance, "most", np.zeros(2, np.int64), seed=0)  # cell 0 is not its own source
    array([1, 2])
    """
    if choice not in SOURCE_CHOICES:
        refuse("choice", choice, ", ".join(SOURCE_CHOICES))
    distance = to_matrix("distance", distance)
    if groups.shape != (distance.shape[1],):
        refuse("groups", described(f"shape {groups.shape}"), f"one per target, shape ({distance.shape[1]},)")
    if seed < 0:
        refuse("seed", seed, "at least 0")
    generator = np.random.default_rng(seed)
    chosen = []
    for target in range(distance.shape[1]):
        exclude = (target,) if exclude_same else ()
        alike = {"own": groups == groups[target], "other": groups != groups[target]}.get(choice)
        allowed = None if alike is None else np.setdiff1d(np.flatnonzero(alike), exclude)
        order = rank_sources(distance, target, exclude, None if allowed is None or not allowed.size else allowed)
        pick = {"least": -1, "random": int(generator.integers(order.size))}.get(choice, 0)
        chosen.append(int(order[pick]))
    return np.asarray(chosen, dtype=np.int64)
