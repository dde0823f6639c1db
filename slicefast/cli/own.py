"""Functions of the user's own, named on the command line as FILE.py:FUNCTION; the only files that are ever executed."""

from __future__ import annotations

import functools
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicefast.errors import RunError, refuse

if TYPE_CHECKING:
    from slicefast.policies import Policy
    from slicefast.runs import Run
    from slicefast.simulator import Simulator
    from slicefast.units import Float32, Float64


def load_function(what: str, text: str) -> Callable[..., Any]:
    """Return a function of a file, which may import its neighbours as a script does.

    Parameters
    ----------
    what : str
        What the function is for, used in messages.
    text : str
        FILE.py:FUNCTION.

    Raises
    ------
    RunError
        There is no such file or function, or the file fails.
    """
    path, _, name = text.rpartition(":")
    if not Path(path).is_file():
        refuse(what, text, "FILE.py:FUNCTION with a file that exists", RunError)
    folder = str(Path(path).resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        function: Callable[..., Any] | None = runpy.run_path(path).get(name)
    except Exception as error:
        raise RunError(f"{what} {text}: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise RunError(f"{what} {text}: {path} defines no function {name}")
    return function


def load_policy(text: str) -> Policy:
    """Return a policy of a file; its own errors come out as one line, as those of a reward do in `Task.reward`."""
    import numpy as np

    from slicefast.arguments import hold_numbers

    function = load_function("policy", text)

    @functools.wraps(function)
    def policy(simulator: Simulator, observation: Float32) -> Float64:
        try:
            shares = function(simulator, observation)
        except Exception as error:
            raise RunError(f"policy {text} failed: {type(error).__name__}: {error}") from error
        hold_numbers(f"policy {text}", shares)
        return np.asarray(shares, np.float64)

    return policy


def load_reward(text: str) -> str:
    """Return the name of a reward; FILE.py:FUNCTION is loaded and registered.

    Its name is made of the file's name, the function's and a digest of the file, so that a run is continued with what
    it was begun with, wherever the file lies by then.
    """
    from slicefast import files, rewards

    if ":" not in text or text in rewards.names():
        return text
    function = load_function("reward", text)
    path = Path(text.rpartition(":")[0])
    name = f"{path.name}:{text.rpartition(':')[2]}#{files.checksum(path)[:12]}"
    if name not in rewards.names():
        rewards.register(name, function)
    return name


def check_reward_is_known(run: Run) -> None:
    """Raise RunError where a run in a folder is for a reward that only the user can bring: no folder is executed."""
    from slicefast import rewards

    if run.reward not in rewards.names():
        raise RunError(
            f"{run.folder} was trained for {run.reward}, a reward that is not slicefast's: name the file that has it, "
            "--reward FILE.py:FUNCTION"
        )
