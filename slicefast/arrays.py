"""Arguments of compiled functions: lists and arrays of any type made into the arrays that the core takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from slicefast.errors import described, refuse
from slicefast.units import Bool, Float64, Int32, Int64


def to_int32(name: str, value: ArrayLike, size: int | None = None) -> Int32:
    """Return integers as a contiguous vector of int32.

    Parameters
    ----------
    name : str
        The argument, for the message.
    value : array_like of int, (K,)
        Values beyond int32 are clipped, so that the core refuses them by row.
    size : int, optional
        K, where it is known.

    Raises
    ------
    SlicefastError
        Another shape, or no integers.
    """
    array = np.asarray(value)
    if array.ndim != 1 or (size is not None and array.size != size):
        refuse(name, described(f"shape {array.shape}"), "one dimension" if size is None else f"shape ({size},)")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        refuse(name, described(f"dtype {array.dtype}"), "integers")
    return np.ascontiguousarray(np.clip(array, -(2**31), 2**31 - 1), dtype=np.int32)


def to_vector(name: str, value: ArrayLike, size: int) -> Float64:
    """Return a number, spread over ``size`` places, or a vector of that size, as contiguous float64.

    Parameters
    ----------
    name : str
        For errors.
    value : array_like
        A number or (size,).
    size : int
        Places.

    Raises
    ------
    SlicefastError
        Another shape.
    """
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (size,)):
        refuse(name, described(f"shape {array.shape}"), f"a number or shape ({size},)")
    return np.ascontiguousarray(np.broadcast_to(array, (size,)))


def to_matrix(name: str, value: ArrayLike, shape: tuple[int | None, int | None] = (None, None)) -> Float64:
    """Return a matrix of numbers, none NaN, as float64.

    Parameters
    ----------
    name : str
        For errors.
    value : array_like, (rows, columns)
        What came.
    shape : tuple of int or None
        Its rows and columns, where they are known.

    Raises
    ------
    SlicefastError
        Another shape, or a NaN.
    """
    array = np.asarray(value, np.float64)
    if array.ndim != 2 or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        wanted = "two dimensions" if shape == (None, None) else f"shape {shape}".replace("None", "any")
        refuse(name, described(f"shape {array.shape}"), wanted)
    if np.isnan(array).any():
        refuse(name, float("nan"), f"numbers; the first NaN is in row {int(np.argmax(np.isnan(array).any(axis=1)))}")
    return array


def to_rows(name: str, value: ArrayLike, n_rows: int) -> Int64:
    """Return row numbers, one or several, as int64; SlicefastError where one is no integer from 0 to ``n_rows`` - 1."""
    rows = np.atleast_1d(np.asarray(value))
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        refuse(name, described(f"{rows.dtype} of shape {rows.shape}"), "integers")
    wrong = rows[(rows < 0) | (rows >= n_rows)]
    if wrong.size:
        refuse(name, int(wrong[0]), f"0 to {n_rows - 1}")
    return rows.astype(np.int64)


def to_sinr(value: ArrayLike) -> Float64:
    """Return linear SINRs as float64; what can only be dB, a negative one, is refused.

    Raises
    ------
    SlicefastError
        A value is negative or not a number.
    """
    array = np.asarray(value, np.float64)
    if not (array >= 0.0).all():
        refuse("sinr", float(array[~(array >= 0.0)][0]), "at least 0: it is linear, 10^(dB / 10)")
    return array


def to_flags(name: str, value: ArrayLike) -> Bool:
    """Return flags, True or False or 1 or 0, as bool; SlicefastError where one is another number, such as NaN."""
    array = np.asarray(value)
    wrong = array[(array != 0) & (array != 1)]
    if wrong.size:
        refuse(name, wrong.flat[0].item(), "True or False")
    return array.astype(np.bool_)


def to_finite(name: str, value: ArrayLike, size: int | None = None) -> Float64:
    """Return a vector of finite numbers as float64.

    Parameters
    ----------
    name : str
        For errors.
    value : array_like, (size,)
        What came.
    size : int, optional
        Its length, where it is known.

    Raises
    ------
    SlicefastError
        Another shape, or a number that is not finite.
    """
    array = np.asarray(value, np.float64)
    if array.ndim != 1 or (size is not None and array.size != size):
        refuse(name, described(f"shape {array.shape}"), "one dimension" if size is None else f"shape ({size},)")
    if not np.isfinite(array).all():
        refuse(name, float(array[~np.isfinite(array)][0]), "finite numbers")
    return array
