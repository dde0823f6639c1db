"""Kills at random moments: trainings, transfers and studies that are killed and resumed end bit-identical.

    python tests/fuzz/kills.py 50                     # that many kills of each
    python tests/fuzz/kills.py 50 --kind study --seed 7

A process is killed with SIGKILL at a moment drawn from the seed, up to five times in one folder, and resumed; the last
one is left to end. A loss is a folder that cannot be resumed, or one that ends otherwise than without a kill. Processes
are forks of this one, which has imported everything and runs nothing, so a kill costs the work that it interrupts.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from slicefast import Scenario, files, progress, runs
from slicefast.errors import RunError
from slicefast.study.execute import run_study
from slicefast.study.folder import open_study
from slicefast.study.protocol import Protocol

KILLS_OF_A_FOLDER = 5
LONGEST_S = 120.0  # of the processor, after which a process goes round in circles
STILL_S = 120.0  # without a hundredth of a second of the processor: it waits for what does not come
SCENARIO = Scenario.hexagonal(1, window_ttis=10)


def _train(folder: Path, source: Path) -> None:
    try:
        run, _ = runs.load_interrupted(folder)
    except (OSError, RunError):
        runs.train(runs.new_run(folder, SCENARIO, exploration_steps=20, train_steps=280))
    else:
        runs.resume(run)


def _transfer(folder: Path, source: Path) -> None:
    try:
        run, _ = runs.load_interrupted(folder)
    except (OSError, RunError):
        run = runs.new_run(folder, SCENARIO, seed=1, exploration_steps=0, train_steps=300)
        runs.transfer(runs.load_run(source), run, sample_steps=50)
    else:
        runs.resume(run)


def _study(folder: Path, source: Path) -> None:
    small = dict.fromkeys(("train_steps", "transfer_steps", "evaluation_steps", "sample_steps", "early_steps"), 100)
    protocol = Protocol(
        n_seeds=2, exploration_steps=10, vae_epochs=1, arms=("equal_split", "drl"), pairs=False, **small
    )
    run_study(open_study(folder, SCENARIO, protocol, resume=True), workers=1)


PROGRAMS: dict[str, Callable[[Path, Path], None]] = {"train": _train, "transfer": _transfer, "study": _study}


def start(kind: str, folder: Path, source: Path) -> int:
    """Fork a process that begins a run in a folder, or goes on with it; return its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        progress.KEEP_STEPS = 20
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        PROGRAMS[kind](folder, source)
        code = 0
    finally:
        os._exit(code)


def ended(pid: int, seconds: float) -> bool:
    """Wait for a process so long; whether it has ended."""
    last = time.monotonic() + seconds
    while not os.waitpid(pid, os.WNOHANG)[0]:
        if time.monotonic() > last:
            return False
        time.sleep(0.002)
    return True


def used_s(pid: int) -> float:
    """Return the processor time that a process has used [s], in its own code and the system's."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def finish(kind: str, folder: Path, source: Path) -> None:
    """Let a run end, however slow the machine is; one that hangs is killed."""
    pid, before = start(kind, folder, source), -1.0
    while not ended(pid, STILL_S):
        used = used_s(pid)
        if used == before or used > LONGEST_S:
            print(f"{folder}: hung after {used:.0f} s of the processor", flush=True)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        before = used


def outcome(kind: str, folder: Path) -> dict[str, object]:
    """Return all that a finished folder holds, by file, without what names machines and folders."""
    if kind != "study":
        runs.load_run(folder)  # whole
        paths = [folder / runs.LOG_FILE]
        agents: dict[str, object] = {"agents": (folder / runs.AGENTS_FILE).read_bytes()}
    else:
        paths, agents = sorted(folder.glob("parts/*/*.npz")), {}
    arrays = {str(path.relative_to(folder)): files.load_arrays(path) for path in paths}
    return agents | {name: {k: np.asarray(v).tobytes() for k, v in item.items()} for name, item in arrays.items()}


def kill(kind: str, n_kills: int, seed: int, folder: Path) -> tuple[int, int, int]:
    """Return the kills, the folders they were spread over, and the losses."""
    source = folder / "source"
    finish("train", source, source)
    whole = source if kind == "train" else folder / f"{kind}-whole"
    begin = time.monotonic()
    finish(kind, folder / f"{kind}-timed", source)
    longest_s = 1.1 * (time.monotonic() - begin)
    if kind != "train":
        finish(kind, whole, source)
    expected = outcome(kind, whole)
    rng = random.Random(f"{seed} {kind}")
    killed = folders = losses = 0
    while killed < n_kills:
        folders += 1
        own, here = folder / f"{kind}-{folders}", 0
        while here < KILLS_OF_A_FOLDER and killed < n_kills:
            pid = start(kind, own, source)
            if ended(pid, rng.uniform(0.0, longest_s)):
                break
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            killed, here = killed + 1, here + 1
        else:
            finish(kind, own, source)
        try:
            same = outcome(kind, own) == expected
        except (OSError, ValueError) as error:
            print(f"{own}: {error}")
            same = False
        if not same:
            losses += 1
            print(f"{kind}: folder {folders} after {here} kills ended otherwise", flush=True)
    return killed, folders, losses


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("n_kills", type=int, help="of every kind")
    parser.add_argument("--kind", choices=PROGRAMS, default=None)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    lost = 0
    for kind in [asked.kind] if asked.kind else PROGRAMS:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            killed, folders, losses = kill(kind, asked.n_kills, asked.seed, Path(folder))
        took_s = time.monotonic() - begin
        print(f"{kind:>8}: {killed} kills in {folders} folders, {losses} losses, {took_s:.0f} s", flush=True)
        lost += losses
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
