"""Kills at random moments: trainings, transfers and studies that are killed and resumed end bit-identical.

    python tests/fuzz/kills.py 50                     # that many kills of each
    python tests/fuzz/kills.py 50 --kind study --seed 7

A process is killed with SIGKILL at a moment drawn from the seed, up to five times in one folder, and resumed; the last
one is left to end. A loss is a folder that cannot be resumed, or one that ends otherwise than without a kill.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from slicefast import files, runs

KILLS_OF_A_FOLDER = 5
LONGEST_S = 12.0  # after which a process has ended
PROGRAMS = {
    "train": """
import sys
from slicefast import Scenario, runs, progress
progress.KEEP_STEPS = 20
out = sys.argv[1]
try: run, _ = runs.load_interrupted(out)
except ValueError:
    run = runs.new_run(out, Scenario.hexagonal(1, window_ttis=20), exploration_steps=50, train_steps=500)
    runs.train(run)
else: runs.resume(run)
""",
    "transfer": """
import sys
from slicefast import Scenario, runs, progress
progress.KEEP_STEPS = 20
out, source = sys.argv[1:]
try: run, _ = runs.load_interrupted(out)
except ValueError:
    run = runs.new_run(out, Scenario.hexagonal(1, window_ttis=20), seed=1, exploration_steps=0, train_steps=500)
    runs.transfer(runs.load_run(source), run, sample_steps=200)
else: runs.resume(run)
""",
    "study": """
import sys
from pathlib import Path
from slicefast import Scenario
from slicefast.study.execute import run_study
from slicefast.study.folder import open_study
from slicefast.study.protocol import Protocol
small = dict.fromkeys(("train_steps", "transfer_steps", "evaluation_steps", "sample_steps", "early_steps"), 300)
protocol = Protocol(n_seeds=2, exploration_steps=20, vae_epochs=2, arms=("equal_split", "drl"), pairs=False, **small)
run_study(open_study(Path(sys.argv[1]), Scenario.hexagonal(1, window_ttis=20), protocol, resume=True), workers=1)
""",
}


def start(kind: str, folder: Path, source: Path) -> subprocess.Popen[bytes]:
    arguments = [str(folder), *([str(source)] if kind == "transfer" else [])]
    return subprocess.Popen([sys.executable, "-P", "-c", PROGRAMS[kind], *arguments], stderr=subprocess.DEVNULL)


def outcome(kind: str, folder: Path) -> dict[str, object]:
    """Return all that a finished folder holds, by file, without what names machines and folders."""
    if kind != "study":
        runs.load_agents(runs.load_run(folder))  # whole
        paths = [folder / runs.LOG_FILE]
        agents: dict[str, object] = {"agents": (folder / runs.AGENTS_FILE).read_bytes()}
    else:
        paths, agents = sorted(folder.glob("parts/*/*.npz")), {}
    arrays = {str(path.relative_to(folder)): files.load_arrays(path) for path in paths}
    return agents | {name: {k: np.asarray(v).tobytes() for k, v in item.items()} for name, item in arrays.items()}


def kill(kind: str, n_kills: int, seed: int, folder: Path) -> tuple[int, int, int]:
    """Return the kills, the folders they were spread over, and the losses."""
    source = folder / "source"
    start("train", source, source).wait()
    whole = source if kind == "train" else folder / f"{kind}-whole"
    if kind != "train":
        start(kind, whole, source).wait()
    expected = outcome(kind, whole)
    rng = random.Random(f"{seed} {kind}")
    killed = folders = losses = 0
    while killed < n_kills:
        folders += 1
        own, here = folder / f"{kind}-{folders}", 0
        while here < KILLS_OF_A_FOLDER and killed < n_kills:
            process = start(kind, own, source)
            try:
                process.wait(rng.uniform(0.5, LONGEST_S))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed, here = killed + 1, here + 1
        else:
            start(kind, own, source).wait()
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
