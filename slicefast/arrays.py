"""Arguments of compiled functions: lists and arrays of any type made into the arrays that the core takes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core
from slicefast.errors import described, refuse
from slicefast.units import Float64, Int32

_P = ParamSpec("_P")
_R = TypeVar("_R")


def checked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a public function refuse, by name, what NumPy or the core would take for a number.

    That is, by its annotations: masked, complex, text, time and ragged arrays for `ArrayLike`, anything but an integer
    for `int`, anything but a real number for `float`. What a value may be is left to the function.
    """
    parameters = inspect.signature(function).parameters
    written = {name: _written(item.annotation) for name, item in parameters.items()}
    checks = {name: _CHECKS[text] for name, text in written.items() if text in _CHECKS}
    names = tuple(parameters)

    @functools.wraps(function)
    def call(*args: _P.args, **options: _P.kwargs) -> _R:
        for name, value in (*zip(names, args, strict=False), *options.items()):
            if name in checks:
                checks[name](name, value)
        return function(*args, **options)

    return call


def _written(annotation: object) -> str:
    """Return an annotation as it is written; a module that Numba reads has it evaluated."""
    return "ArrayLike" if annotation is ArrayLike else str(annotation)


def _refuse_no_numbers(name: str, value: object) -> None:
    if isinstance(value, np.ma.MaskedArray):
        refuse(name, described("a masked array"), "an array of numbers; what is masked would count")
    if type(value) in (float, int) or isinstance(value, _core.FoldedGains):
        return  # a function that takes no folded gains says so itself
    try:
        kind = np.asarray(value).dtype
    except (ValueError, TypeError, OverflowError):
        refuse(name, value, "numbers, in rows of one length")
    if kind.kind not in "biuf":
        refuse(name, described(f"dtype {kind}"), "real numbers")


def _refuse_no_integer(name: str, value: object) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool | np.timedelta64):
        refuse(name, value, "an integer")


def _refuse_no_number(name: str, value: object) -> None:
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, np.timedelta64):
        refuse(name, value, "a number")


def _or_none(check: Callable[[str, object], None]) -> Callable[[str, object], None]:
    return lambda name, value: None if value is None else check(name, value)


_CHECKS = {
    "ArrayLike | _core.FoldedGains": _refuse_no_numbers,
    "ArrayLike": _refuse_no_numbers,
    "ArrayLike | None": _or_none(_refuse_no_numbers),
    "float": _refuse_no_number,
    "float | None": _or_none(_refuse_no_number),
    "int": _refuse_no_integer,
    "int | None": _or_none(_refuse_no_integer),
}


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


def to_flags(value: ArrayLike) -> NDArray[np.uint8]:
    """Return flags as the bytes that the core reads."""
    return np.asarray(value, np.bool_).astype(np.uint8)
