"""Public functions called with arguments that are no good: each call is taken, or refused by the argument's name.

    python tests/fuzz/api.py 100000                   # that many calls
    python tests/fuzz/api.py 2000 --only transfer --seed 7

A call is one that its function takes (`targets.TAKEN`) with one to three arguments replaced, drawn from the seed and
the call's number. Findings: a refusal that names none of the function's arguments, or is of several lines or more than
400 characters, unless it is that of a function that is an argument; an exception that is neither ValueError nor
TypeError (OSError where a path is an argument, MemoryError where a size is, NotConverged where one iterates); a NaN
that is taken; a call of more than 20 seconds of the processor (but one that asks for more than a million of
something); a process that dies. Calls run in forked batches, so that a crash costs a batch and is told.
"""

from __future__ import annotations

import argparse
import mmap
import os
import pickle
import random
import re
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import targets

from slicefast.errors import NotConverged, one_line

BATCH = 250
LONGEST_MESSAGE = 400
LONGEST_S = 20
ENDLESS_S = 0.5  # of a call that asks for more than a million of something, and may go on as long as it likes
MEMORY_BYTES = 8 << 30
#: Where a NaN is an answer: indicators that were not given, samples that are drawn, gains where there is no path,
#: positions of which only the number counts.
NAN_TAKEN = (
    "plot.cdf", "plot.ccdf", "plot.intervals", "plot.line", "kpis.read_only", "radio.GainMap",
    "radio.GainSeries", "radio.GainMap.places", "radio.GainSeries.places",
)  # fmt: skip
#: By what else than its name an argument is refused: what it names, or whose it is.
CALLED = {
    "policies.get": ("policy",), "radio.GainMap.check": ("gains",), "radio.GainSeries.check": ("gains",),
    "scheduling.Scheduler.set_state": ("field",), "envs.SlicingParallelEnv.step": ("action of",),
    "VectorEnv.step": ("action of",), "runs.load_run": ("holds no trained run",),
}  # fmt: skip
#: Calls of these have effects outside the process, or take long.
LEFT_OUT = (*targets.COSTLY, *targets.CLOSING, "runs.evaluate", "compare")

STRANGERS = (
    None, True, False, 0, 1, -1, 2, 3, 7, 2.9, 2.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), -float("inf"),
    2**31, 2**31 - 1, -(2**31), 2**62, 2**63, 2**64, 10**400, 1j, "", "text", "x" * 100_000, "a\nb", "\0", b"bytes",
    [], {}, (), [1, 2], [[1.0], [1.0, 2.0]], ["1", "2"], [Fraction(1, 2)], {"a": 1}, object(), int, lambda *args: 0,
    np.float32(1), np.int64(3), np.array(1.0), np.empty(0), np.empty((0, 4)), np.ones((2, 2, 2)), np.array([1j]),
    np.array(["a"]), np.array([1, 2], "m8[s]"), np.timedelta64(1, "s"), np.ma.masked_array([1.0], [True]),
    np.array([None]), Fraction(1, 3), ..., range(3), {1, 2},
)  # fmt: skip


def changed(value: Any, rng: random.Random) -> Any:
    """Return an argument like the good one, but wrong in a place."""
    if isinstance(value, list | tuple | np.ndarray) and np.asarray(value).dtype.kind in "biuf":
        return _changed_array(np.asarray(value), rng)
    if isinstance(value, bool) or value is None:
        return rng.choice(STRANGERS)
    if isinstance(value, int):
        return rng.choice((value - 1, value + 1, -value, value + 0.5, 2**31, 2**63, float(value), [value]))
    if isinstance(value, float):
        return rng.choice((-value, value * 1e300, float("nan"), float("inf"), value * 1e-300, 0.0, [value], str(value)))
    if isinstance(value, str):
        return rng.choice((value.upper(), value[:-1], value + "x", f" {value}", value.encode(), [value], ""))
    if isinstance(value, dict) and value:
        name = rng.choice(list(value))
        less = {key: item for key, item in value.items() if key != name}
        return rng.choice((less, {**less, name: rng.choice(STRANGERS)}, {**value, "more": 1}))
    return rng.choice(STRANGERS)


def _changed_array(array: Any, rng: random.Random) -> Any:
    array = array.copy()
    how = rng.randrange(9)
    if how == 0 and array.size:
        array = array.astype(np.float64)
        array.flat[rng.randrange(array.size)] = rng.choice((float("nan"), float("inf"), -1e308, 1e308, -1.0))
    elif how == 1 and array.size:
        if array.dtype.kind in "iu":
            array.flat[rng.randrange(array.size)] = rng.choice((-1, 10**6, np.iinfo(array.dtype).max))
    elif how == 2:
        array = array[:-1] if array.ndim else array
    elif how == 3:
        array = np.concatenate([array, array]) if array.ndim else np.ones(3)
    elif how == 4:
        array = array[None]
    elif how == 5:
        array = array.astype(rng.choice((np.float16, np.int8, np.complex128, "U", object, np.uint64)))
    elif how == 6:
        array = np.ma.masked_array(array, np.ones(array.shape, bool))
    elif how == 7:
        array = np.full(array.shape, np.nan)
    else:
        array = array[..., :0] if array.ndim else array
    return array


def draw(number: int, seed: int, names: list[str]) -> tuple[str, dict[str, Any], list[str]]:
    """Return the function of a call, its arguments, and which of them were replaced."""
    rng = random.Random(f"{seed} {number}")
    name = rng.choice(names)
    arguments = targets.TAKEN[name](targets.world())
    chosen = rng.sample(sorted(arguments), min(len(arguments), rng.choice((1, 1, 1, 2, 3))))
    for argument in chosen:
        good = arguments[argument]
        arguments[argument] = rng.choice(STRANGERS) if rng.random() < 0.5 else changed(good, rng)
    return name, arguments, chosen


class TooLongError(Exception):
    """A call took more than `LONGEST_S`."""


def _alarm(number: int, frame: object) -> None:
    raise TooLongError


def _has_nan(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and bool(np.isnan(value).any())


def try_call(name: str, arguments: dict[str, Any], chosen: list[str]) -> tuple[str, str]:
    """Return "taken", "refused" or "finding", and what was wrong."""
    longest_s = ENDLESS_S if _sizes(arguments) else LONGEST_S
    signal.setitimer(signal.ITIMER_PROF, longest_s)  # of the processor, however busy it is
    try:
        targets.call_of(name)(**arguments)
    except (ValueError, TypeError) as error:
        message = str(error)
        if TooLongError.__name__ in message:  # told by what called a function that was stopped
            return "refused", message
        if "\n" in message or len(message) > LONGEST_MESSAGE:
            return "finding", f"message of {len(message)} characters: {message[:120]!r}"
        named = [*arguments, *CALLED.get(name, ())]
        entry = any(isinstance(arguments[argument], dict) for argument in chosen) and re.match(
            r"\S{1,80}: (got|row \d+ has) ", message
        )
        if (
            not entry
            and int not in [arguments[argument] for argument in chosen if callable(arguments[argument])]
            and not _of_a_file(message, arguments)
            and not any(re.search(rf"\b{word}\b", message) for word in named)
        ):
            return "finding", f"unnamed: {type(error).__name__}: {message[:150]!r} at {_place(error)}"
        return "refused", message
    except NotConverged as error:
        return "refused", str(error)
    except OSError as error:
        paths = {"path", "folder", "job"} & arguments.keys()
        return ("refused", str(error)) if paths else ("finding", f"{type(error).__name__}: {error}")
    except MemoryError as error:
        return ("refused", str(error)) if _sizes(arguments) else ("finding", f"MemoryError at {_place(error)}")
    except TooLongError:
        return ("refused", "") if _sizes(arguments) else ("finding", f"more than {LONGEST_S} s of the processor")
    except BaseException as error:
        return "finding", f"{type(error).__name__}: {str(error)[:150]!r} at {_place(error)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if name not in NAN_TAKEN and any(_has_nan(arguments[argument]) for argument in chosen):
        return "finding", f"NaN taken for {', '.join(a for a in chosen if _has_nan(arguments[a]))}"
    return "taken", ""


def _of_a_file(message: str, arguments: dict[str, Any]) -> bool:
    """Whether a message begins with the file that an argument names: it says which better than the argument's name."""
    files = [str(Path(arguments[name])) for name in ("path", "folder") if isinstance(arguments.get(name), str | Path)]
    return any(message.startswith(one_line(file)[:100]) for file in files)


def _sizes(arguments: dict[str, Any]) -> bool:
    return any(isinstance(value, int) and abs(value) > 10**6 for value in arguments.values())


def _place(error: BaseException) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(where.filename).name}:{where.lineno}"


def _batch(numbers: range, seed: int, names: list[str], done: mmap.mmap, stream: Any) -> None:
    """Make calls in a child; `done` says which one is being made."""
    os.chdir(targets.world().folder)  # a path may be any text
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, _alarm)
    warnings.simplefilter("ignore")
    for number in numbers:
        done[:8] = struct.pack("q", number)
        used_s = int(time.process_time())  # the alarm waits for Python, which compiled code may never come back to
        resource.setrlimit(resource.RLIMIT_CPU, (used_s + 3 * LONGEST_S, resource.RLIM_INFINITY))
        try:
            name, arguments, chosen = draw(number, seed, names)
            outcome, problem = try_call(name, arguments, chosen)
        except BaseException as error:  # a world that an earlier call has changed cannot give good arguments
            name, outcome, problem, chosen = "draw", "finding", f"{type(error).__name__}: {error}", []
        pickle.dump((number, name, outcome, problem, chosen), stream)
        stream.flush()


def fuzz(n_calls: int, seed: int, only: str = "", first: int = 0) -> tuple[Counter[str], dict[str, list[Any]]]:
    """Make calls; return the counts by outcome, and the findings by what they are."""
    names = [name for name in targets.TAKEN if name.startswith(only) and (only or name not in LEFT_OUT)]
    targets.world()
    for name in names:  # everything that is made or compiled at first use, once
        targets.TAKEN[name](targets.world())
    for name in ("transfer.similarity_matrix", "learn.TD3.act"):  # Numba's, which an alarm must not stop at its work
        targets.call_of(name)(**targets.TAKEN[name](targets.world()))
    counts: Counter[str] = Counter()
    findings: dict[str, list[Any]] = {}
    done = mmap.mmap(-1, 8)
    number = first
    while number < first + n_calls:
        numbers = range(number, min(number + BATCH, first + n_calls))
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.close(read)
                with os.fdopen(write, "wb") as stream:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                    _batch(numbers, seed, names, done, stream)
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as results:
            for made, name, outcome, problem, chosen in _load(results):
                counts[outcome] += 1
                if outcome == "finding":
                    if (found := f"{name}: {problem}") not in findings:
                        print(f"call {made}: {found}", file=sys.stderr, flush=True)  # a long run may be cut short
                    findings.setdefault(found, []).append((made, chosen))
        status = os.waitpid(pid, 0)[1]
        number = numbers.stop
        if number % 10_000 < BATCH:
            print(f"{number:,} calls, {counts['finding']} findings", file=sys.stderr, flush=True)
        if os.WIFSIGNALED(status):
            (made,) = struct.unpack("q", done[:8])
            counts["finding"] += 1
            name, _, chosen = draw(made, seed, names)
            findings.setdefault(f"{name}: died of signal {os.WTERMSIG(status)}", []).append((made, chosen))
            number = made + 1
    return counts, findings


def _load(stream: Any) -> Any:
    while True:
        try:
            yield pickle.load(stream)
        except (EOFError, pickle.UnpicklingError):
            return


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("n_calls", type=int)
    parser.add_argument("--only", default="", help="functions whose names begin so, costly ones too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first call")
    asked = parser.parse_args()
    begin = time.monotonic()
    counts, findings = fuzz(asked.n_calls, asked.seed, asked.only, asked.first)
    for problem, calls in sorted(findings.items(), key=lambda item: -len(item[1])):
        print(f"{len(calls):6} {problem}  (call {calls[0][0]}: {', '.join(calls[0][1])})")
    print(f"{counts.total():,} calls, {counts['refused']:,} refused, {counts['taken']:,} taken, "
          f"{counts['finding']:,} findings of {len(findings)} kinds, {time.monotonic() - begin:.0f} s")  # fmt: skip
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
