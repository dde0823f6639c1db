"""Arguments of public functions, held against their annotations: refused by name before anything is done.

An annotation is a union of kinds, each of which takes values that it has words for. What a value of the right kind may
be (above zero, of this shape) is left to the function. Names that stand in annotations for type checkers only are told
by the names of a value's classes.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import os
import pathlib
import re
import sys
import traceback
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from slicefast.errors import SlicefastError, described, refuse

_T = TypeVar("_T")
#: Modules whose errors are of arguments that they cannot take; one that a user's own function raises is let through.
_OURS = {"slicefast", "numpy", "torch", "gymnasium", "xarray"} | sys.stdlib_module_names
#: By what a RuntimeError of torch is one of arguments.
_OF_SIZES = ("size", "shape", "dimension", "must match", "can't allocate memory")
#: What NumPy says of a seed and of a size.
_NEGATIVE = ("non-negative integer", "negative dimensions")
#: A message that is longer is a signature, not a reason.
_LONGEST = 200
_Check = Callable[[str, object], None]


def checked(target: _T) -> _T:
    """Let a public function, or a class's constructor and public methods, refuse by name what its annotations exclude.

    Masked, complex, text, time and ragged arrays are no `ArrayLike`; 2.0 and True are no ``int``; NaN, text and 10^400
    are no ``float``; 1 is no ``bool``; a ``Literal`` is one of its values; an object has the class that is written.
    """
    if not isinstance(target, type):
        return cast(_T, _wrapped(cast(Callable[..., Any], target)))
    for name, item in list(vars(target).items()):
        function = getattr(item, "__func__", item)  # of a class method
        if (name == "__init__" or not name.startswith("_")) and inspect.isfunction(function):
            wrapped = _wrapped(function)
            setattr(target, name, type(item)(wrapped) if isinstance(item, classmethod | staticmethod) else wrapped)
    return target


def bare(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that `checked` was given, or another as it is: for callers that checked the arguments."""
    is_ours = getattr(function, "__code__", None) is _wrapped(between).__code__  # wrappers copy names, not code
    return cast(Callable[..., Any], function.__wrapped__) if is_ours else function  # type: ignore[attr-defined]


def between(least: float, most: float = float("inf"), **values: float) -> None:
    """Refuse, by name, the first of several numbers that is not from ``least`` to ``most``."""
    for name, value in values.items():
        if not least <= value <= most:
            refuse(name, value, f"at least {least:g}" if most == float("inf") else f"{least:g} to {most:g}")


def _wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    names = tuple(inspect.signature(function).parameters)
    checks: dict[str, _Check] | None = None
    by_place: tuple[_Check | None, ...] = ()

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        nonlocal checks, by_place
        if checks is None:  # at the first call, as a class may be written below what takes it
            checks = _checks_of(function)
            by_place = tuple(map(checks.get, names))
        for name, check, value in zip(names, by_place, args, strict=False):
            if check is not None:
                check(name, value)
        for name, value in options.items():
            if name in checks:
                checks[name](name, value)
        try:
            return function(*args, **options)
        except (TypeError, ValueError, IndexError, ArithmeticError, MemoryError, RuntimeError) as error:
            given = {**dict(zip(names, args, strict=False)), **options}
            own = type(error).__module__.startswith("slicefast")  # such as InUseError
            if not own and not _names_one(error, given) and _is_of_arguments(error):
                _refuse_what_came(error, given)
            raise

    return call


def _names_one(error: Exception, arguments: dict[str, Any]) -> bool:
    text = str(error)
    refuses = type(error) is ValueError and ", allowed: " in text  # the core, perhaps a part of an argument
    return _is_reason(text) and (refuses or any(re.search(rf"\b{name}\b", text) for name in arguments))


def _is_reason(text: str) -> bool:
    """Whether a message is one, and no signature."""
    return "\n" not in text and len(text) < _LONGEST


def _is_of_arguments(error: Exception) -> bool:
    """Whether an error comes from the package or what it computes with, and not out of a function of the user's.

    Nor is it Python's own, of an argument that is missing or too many. A RuntimeError is one of the machine, such as a
    thread that it refuses, unless it speaks of sizes.
    """
    if isinstance(error, RuntimeError) and not any(word in str(error) for word in _OF_SIZES):
        return False
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return len(modules) > 1 and all(name.split(".")[0] in _OURS for name in modules)


def _refuse_what_came(error: Exception, arguments: dict[str, Any]) -> None:
    """Name the arguments that NumPy, torch or the core could not take; their own words name none.

    An integer that is below 0 or has no room, or the arrays, with their shapes; a call without any says what it said.
    """
    if any(words in str(error) for words in _NEGATIVE):
        between(0, **{name: value for name, value in arguments.items() if _is_integer(value)})
    for name, value in arguments.items():
        if _is_integer(value) and abs(int(value)) >= 2**24:
            refuse(name, value, "a number that there is room for")
    arrays = {name: np.asarray(value) for name, value in arguments.items() if _is_array(value) and np.ndim(value)}
    if arrays and not isinstance(error, MemoryError):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        reason = f": {error}" if _is_reason(str(error)) else ""
        raise SlicefastError(f"{shapes}: got arrays that are not taken together{reason}") from error


def _checks_of(function: Callable[..., Any]) -> dict[str, _Check]:
    single = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.items()
    kinds = {
        name: _kinds(item.annotation, function.__globals__)
        for name, item in parameters
        if item.kind not in single and item.annotation is not inspect.Parameter.empty
    }
    return {name: _check_of(found) for name, found in kinds.items() if None not in found}


class Kind(NamedTuple):
    """Values of one kind: which they are, and what a message calls them."""

    takes: Callable[[Any], bool]
    words: str


def _check_of(kinds: list[Kind | None]) -> _Check:
    known = [kind for kind in kinds if kind is not None]
    takes = tuple(kind.takes for kind in known)
    words = " or ".join(dict.fromkeys(kind.words for kind in known))

    def check(name: str, value: object) -> None:
        for take in takes:
            if take(value):
                return
        refuse(name, _told(value), words)

    return check


def _told(value: object) -> object:
    """Return what a message says of a value: of an array only what keeps it from being taken."""
    if isinstance(value, np.ma.MaskedArray):
        return described("a masked array")
    if isinstance(value, np.ndarray) and value.ndim:
        return described(f"an array of {value.dtype}, shape {value.shape}")
    return value


def _is_array(value: Any) -> bool:
    if type(value) is np.ndarray:
        return value.dtype.kind in "biuf"
    if type(value) is float:
        return True
    if isinstance(value, np.ma.MaskedArray):
        return False
    try:
        return np.asarray(value).dtype.kind in "biuf"
    except (ValueError, TypeError, OverflowError, RuntimeError):  # ragged; a tensor that cannot be read as an array
        return False


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def _is_number(value: Any) -> bool:
    if type(value) is float:
        return value == value
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, np.timedelta64):
        return False
    try:
        return not np.isnan(float(value))
    except OverflowError:
        return False


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and "\0" not in os.fspath(value)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, collections.abc.Sequence) and not isinstance(value, str | bytes)


_ARRAY_LIKE = Kind(_is_array, "real numbers, in rows of one length, none masked")
#: Refuses by name what is no `ArrayLike`: for what a user's own function returned, which no annotation holds.
hold_numbers: _Check = _check_of([_ARRAY_LIKE])


def _array_of(types: str, words: str) -> Kind:
    def take(value: Any) -> bool:
        return isinstance(value, np.ndarray) and value.dtype.kind in types and _is_array(value)

    return Kind(take, f"an array of {words}, none masked")


_ARRAY, _INTEGERS, _FLAGS = _array_of("biuf", "real numbers"), _array_of("iu", "integers"), _array_of("b", "bool")
_PATH = Kind(_is_path, "the path of a file or folder")
_SIMPLE = {
    int: Kind(_is_integer, "an integer"),
    float: Kind(_is_number, "a number"),
    bool: Kind(lambda value: isinstance(value, bool | np.bool_), "True or False"),
    str: Kind(lambda value: isinstance(value, str), "text"),
    type(None): Kind(lambda value: value is None, "None"),
    os.PathLike: _PATH,
    pathlib.Path: Kind(lambda value: isinstance(value, pathlib.Path) and _is_path(value), "a pathlib.Path"),
}
#: Whose objects are never taken for ours, whatever they offer; those of a user's own classes may stand in for ours.
_PLAIN = ("builtins", "numpy", "slicefast", "fractions", "decimal", "datetime", "pathlib", "collections")


def _may_stand_in(value: Any) -> bool:
    return type(value).__module__.split(".")[0] not in _PLAIN


_CALLABLE = Kind(callable, "a function")
_POLICY = Kind(callable, "a function (slicefast.policies.get(name) returns one)")
_CLASS = Kind(lambda value: isinstance(value, type), "a class")
#: What is no class, and may be written for type checkers only.
_FUNCTIONS = ("Callback", "Progress", "Tick")


#: Of classes that a path is often given for: where their objects come from.
_WHENCE = {
    "Run": "from slicefast.runs.new_run, or load_run(folder)",
    "Scenario": "from a file by slicefast.Scenario.from_toml(path)",
}


def _kinds(annotation: Any, known: dict[str, Any]) -> list[Kind | None]:
    """Return the kinds of an annotation; None stands for anything."""
    if annotation == "Policy":  # whose names are often given for it
        return [_POLICY]
    if isinstance(annotation, str):
        parts = _split(annotation)
        if len(parts) > 1:  # a path may be written as text, so ``str`` beside one is a path
            is_path = any("PathLike" in part or part == "Path" for part in parts)
            return [kind for part in parts for kind in ([_PATH] if is_path and part == "str" else _kinds(part, known))]
        try:
            annotation = eval(annotation, known)  # the package's own source
        except (NameError, AttributeError):
            return [_named(annotation)]
    if annotation is ArrayLike:
        return [_ARRAY_LIKE]
    if annotation is None:
        return [_SIMPLE[type(None)]]
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _kinds(annotation.__args__[0], known)
    if origin in (typing.Union, types.UnionType):
        return [kind for item in typing.get_args(annotation) for kind in _kinds(item, known)]
    return [_kind(annotation, origin, known)]


def _kind(annotation: Any, origin: Any, known: dict[str, Any]) -> Kind | None:
    if origin is Literal:
        return _one_of(typing.get_args(annotation))
    if origin is type:
        return _CLASS
    if annotation is collections.abc.Callable or origin is collections.abc.Callable:
        return _CALLABLE
    kind = origin or annotation
    if kind is np.ndarray:
        (of,) = typing.get_args(typing.get_args(annotation)[1]) or (np.generic,)
        is_class = isinstance(of, type)
        return _INTEGERS if is_class and issubclass(of, np.integer) else _FLAGS if of is np.bool_ else _ARRAY
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if not isinstance(kind, type) or kind is object or kind is Any:  # Any is a class since Python 3.11
        return None
    if getattr(kind, "_is_protocol", False):
        return _CALLABLE if "__call__" in vars(kind) else _with_members(kind)
    is_plain = kind.__module__ in ("builtins", "collections.abc")
    if typing.is_typeddict(kind) or (is_plain and issubclass(kind, collections.abc.Mapping)):
        return Kind(lambda value: isinstance(value, collections.abc.Mapping), "a mapping")
    if issubclass(kind, os.PathLike):
        return _PATH
    if is_plain and issubclass(kind, collections.abc.Sequence):
        return _sequence(typing.get_args(annotation), known)
    return Kind(lambda value: isinstance(value, kind) or _may_stand_in(value), _article(kind.__name__))


def _with_members(protocol: type) -> Kind:
    """Return the kind of whatever object has a protocol's attributes and methods."""
    members = {**vars(protocol), **vars(protocol).get("__annotations__", {})}
    methods = [name for name, item in vars(protocol).items() if not name.startswith("_") and inspect.isfunction(item)]
    names = [name for name in members if not name.startswith("_")]

    def take(value: Any) -> bool:
        has_all = not isinstance(value, type) and all(hasattr(value, name) for name in names)
        return has_all and all(callable(getattr(value, name)) for name in methods)

    return Kind(take, f"an object with {', '.join(names)}")


def _one_of(values: tuple[Any, ...]) -> Kind:
    return Kind(lambda value: type(value) in (str, int) and value in values, ", ".join(map(str, values)))


def _sequence(items: tuple[Any, ...], known: dict[str, Any]) -> Kind:
    """Return the kind of a sequence, ``tuple[X, ...]`` or ``Sequence[X]``, whose items are all of the same kinds."""
    alike = len({item for item in items if item is not ...}) == 1
    kinds = _kinds(items[0], known) if alike else [None]
    takes = [kind.takes for kind in kinds if kind is not None]

    def take(value: Any) -> bool:
        if not _is_sequence(value) or isinstance(value, np.ma.MaskedArray):
            return False
        return None in kinds or all(any(take_item(item) for take_item in takes) for item in value)

    each = " or ".join(kind.words for kind in kinds if kind is not None)
    return Kind(take, f"a sequence, each {each}" if each else "a sequence")


def _named(text: str) -> Kind | None:
    """Return the kind of an annotation whose name is known to type checkers only."""
    if text.startswith("type["):
        return _CLASS
    if text.startswith(("Sequence[", "tuple[", "list[")):
        return _sequence((text[text.index("[") + 1 : -1],), {})
    if text.startswith(("Mapping[", "dict[")):
        return Kind(lambda value: isinstance(value, collections.abc.Mapping), "a mapping")
    if text.startswith("Callable["):
        return _CALLABLE
    name = text.split("[")[0].split(".")[-1]
    if name in _FUNCTIONS:
        return _CALLABLE
    if name == "ArrayLike":
        return _ARRAY_LIKE
    if name == "NDArray":
        return _ARRAY

    def take(value: Any) -> bool:
        return any(kind.__name__ == name for kind in type(value).__mro__) or _may_stand_in(value)

    return Kind(take, _article(name))


def _article(name: str) -> str:
    whence = f" ({_WHENCE[name]})" if name in _WHENCE else ""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}{whence}"


def _split(text: str) -> list[str]:
    """Return the members of a union, split where no bracket is open."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in ")]")
        if letter == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
