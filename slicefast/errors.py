"""Every error and warning of the package, under one root, and the one grammar of their messages."""

from __future__ import annotations

import threading
from typing import NoReturn

from slicefast._core import InUseError, NotConverged

__all__ = [
    "MISSING",
    "Alone",
    "CheckpointError",
    "GivenBy",
    "InUseError",
    "NonFiniteError",
    "NotConverged",
    "RangeWarning",
    "RunError",
    "ScenarioError",
    "SlicefastError",
    "described",
    "one_line",
    "refuse",
    "shorten",
]

#: Stands for a value that is not there at all.
MISSING = object()
_LONGEST_VALUE = 60
_LONGEST_FIELD = 120  # a file and its row are part of it


class SlicefastError(ValueError):
    """An argument, a file or a folder that cannot be used; the root of the package's errors.

    What it says is one line, whatever a file's name or text has in it.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


class ScenarioError(SlicefastError):
    """A scenario, or a file it names, cannot be used.

    Parameters
    ----------
    field : str
        Where the fault is, such as ``slices[1].rate_bps`` or ``trace.csv row 7 column volume``.
    value : object
        What stands there; `MISSING` if nothing does.
    problem : str
        What is allowed, or what went wrong.
    """

    def __init__(self, field: str, value: object, problem: str) -> None:
        super().__init__(field, value, problem)
        self.field = field
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        field = _shorten_name(self.field)
        if self.value is MISSING:
            return one_line(f"{field}: {self.problem}")
        return one_line(f"{field}: got {shorten(self.value)}, {self.problem}")


class RunError(SlicefastError):
    """A training, a transfer, an evaluation or a study that cannot be started or continued as asked."""


class CheckpointError(SlicefastError):
    """A file is not a checkpoint of the expected kind, or is damaged."""


class NonFiniteError(SlicefastError):
    """A number that is not finite reached a learner.

    Attributes
    ----------
    what : str
        Which number.
    agent : int
        The agent's index in its stack.
    step : int
        The learner's step.
    """

    def __init__(self, what: str, agent: int, step: int) -> None:
        super().__init__(what, agent, step)
        self.what, self.agent, self.step = what, agent, step

    def __str__(self) -> str:
        return f"{self.what} of agent {self.agent} at step {shorten(self.step)} is not finite"


class RangeWarning(UserWarning):
    """What is possible, and more likely a mistake: a model far from what it was made for, a column that is not read."""


class _Described(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def described(text: str) -> str:
    """Return a description, such as ``shape (3,)``, that `refuse` prints as it is: without quotes."""
    return _Described(text)


def one_line(text: str) -> str:
    """Return text on one line, what a terminal would obey or not show as "?"."""
    return "".join(char if char.isprintable() else "?" for char in text)


def shorten(value: object) -> str:
    """Return a value's repr on one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _shorten_name(name: str) -> str:
    """Return a field's or an argument's name, which may come from a file, on one line of bounded length."""
    text = one_line(name)
    half = _LONGEST_FIELD // 2  # it begins with a file and ends with the field
    return text if len(text) <= _LONGEST_FIELD else f"{text[:half]}...{text[-half:]}"


def refuse(name: str, got: object, allowed: str, error: type[SlicefastError] = SlicefastError) -> NoReturn:
    """Raise ``name: got <value>, allowed: <what is allowed>``.

    Parameters
    ----------
    name : str
        The argument that is refused.
    got : object
        What came; long values are cut.
    allowed : str
        What is allowed.
    error : type of SlicefastError
        The type to raise; its only argument is the message.

    Raises
    ------
    SlicefastError
        Always.
    """
    raise error(f"{_shorten_name(name)}: got {shorten(got)}, allowed: {allowed}")


class GivenBy:
    """Puts an argument's name before what is refused inside: the policy's, before that of shares no simulator takes.

    Parameters
    ----------
    name : str
        The argument.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, place: object) -> None:
        if isinstance(error, SlicefastError):
            raise SlicefastError(f"{self._name}: {error}") from error


class Alone:
    """Refuses a second thread, where a lock would let it wait; a class, as every step enters it.

    Parameters
    ----------
    name : str
        What is in use.
    """

    def __init__(self, name: str) -> None:
        self._name, self._lock = name, threading.RLock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise InUseError(f"{self._name}: in use by another thread")

    def __exit__(self, *error: object) -> None:
        self._lock.release()
