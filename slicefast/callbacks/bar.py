"""How far something is: as one line of text, or told to a progress function."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TextIO

from slicefast.arguments import checked

if TYPE_CHECKING:
    from slicefast.training import Step, Tick

#: Steps between two calls of a progress function.
TICK_STEPS = 25
#: Seconds between two lines, by where they are shown.
_EVERY_S = {"terminal": 0.1, "notebook": 0.5, "lines": 60.0}
#: Seconds until the time left is told: what is loaded first says nothing of the steps.
_SETTLED_S = 5.0


@checked
class Bar:
    """How far something is, as text: redrawn in a terminal and in a notebook, a line a minute where there is neither.

    The first line comes with the first steps, so that of what is refused before them the refusal is all that is read.

    A callback of a training, which it shows the mean reward of; or told of steps by `advance`.

    Parameters
    ----------
    title : str
        What runs, and where it goes.
    total : int
        Its steps.
    stream : text file, optional
        Where it is shown, standard error unless given.
    clock : callable
        Returns seconds.

    Examples
    --------
    >>> import sys
    >>> with sf.callbacks.Bar("training", total=4, stream=sys.stdout, clock=lambda: 0.0) as bar:
    ...     bar.advance(4)
    training  4/4 steps  100 %  in 0:00
    """

    def __init__(
        self, title: str, total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title, self._total, self._clock = title, total, clock
        self._stream = sys.stderr if stream is None else stream
        self._kind = _where(self._stream)
        self._done, self._reward = 0, math.nan
        self._began, self._shown = clock(), -math.inf
        self._width = 0

    def __call__(self, step: Step) -> None:
        """Take a step of a training in."""
        mean = float(step.reward.mean())
        self._reward = mean if math.isnan(self._reward) else 0.98 * self._reward + 0.02 * mean
        self.advance(1)

    def advance(self, steps: int) -> None:
        """Take so many steps in.

        Parameters
        ----------
        steps : int
            Played since the last call.
        """
        self._done += steps
        if self._clock() - self._shown >= _EVERY_S[self._kind] or self._done == self._total:
            self._show()

    def close(self) -> None:
        """Leave the line that is redrawn."""
        if self._kind != "lines" and self._width:
            self._stream.write("\n")
            self._stream.flush()
            self._width = 0

    def _show(self) -> None:
        self._shown = now = self._clock()
        part = self._done / self._total if self._total else 1.0
        words = [self._title, f"{self._done:,}/{self._total:,} steps", f"{100.0 * part:.0f} %"]
        if not math.isnan(self._reward):
            words.append(f"reward {self._reward:.3f}")
        if 0.0 < part < 1.0 and now - self._began >= _SETTLED_S:
            words.append(f"{_minutes((now - self._began) * (1.0 / part - 1.0))} left")
        elif part >= 1.0:
            words.append(f"in {_minutes(now - self._began)}")
        line = "  ".join(words)
        end = "\n" if self._kind == "lines" else ""
        start = "" if self._kind == "lines" else "\r"
        self._stream.write(start + line.ljust(self._width) + end)
        self._stream.flush()
        self._width = 0 if end else len(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _where(stream: TextIO) -> str:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if type(shell).__name__ == "ZMQInteractiveShell":
        return "notebook"
    return "terminal" if stream.isatty() else "lines"


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        if whole >= 3600
        else f"{whole // 60}:{whole % 60:02d}"
    )


class Ticker:
    """Callback that reports steps to a progress function, `TICK_STEPS` at a time.

    Parameters
    ----------
    tick : callable
        Called with how many steps were played since it was called last.
    last_step : int
        Index of the run's last step, at which the rest is reported.
    weight : int
        What a step counts.

    Examples
    --------
    >>> from slicefast.callbacks.bar import Ticker
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), seed=0)
    >>> _ = simulator.reset()
    >>> task, ticker = sf.Task(simulator.scenario), Ticker(print, last_step=29)
    >>> _ = sf.training.play(simulator, sf.policies.equal_split, task, steps=30, callbacks=[ticker])
    25
    5
    """

    def __init__(self, tick: Tick, last_step: int, weight: int = 1) -> None:
        self._tick, self._last_step, self._weight = tick, last_step, weight
        self._waiting = 0

    def __call__(self, step: Step) -> None:
        """Count a step."""
        self._waiting += 1
        if self._waiting == TICK_STEPS or step.index == self._last_step:
            self._tick(self._waiting * self._weight)
            self._waiting = 0
