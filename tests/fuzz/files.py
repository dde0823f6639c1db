"""Damaged files: every input is read as a user's command would read it, and is taken or refused in one line.

    python tests/fuzz/files.py 10000                  # that many inputs of every kind
    python tests/fuzz/files.py 10000 --kind toml --seed 7 --first 5000
    python tests/fuzz/files.py 1000000 --seconds 30   # as many of every kind as this processor time allows

An input is a good file with one to four faults drawn from the seed and the input's number; a finding prints both, and
the file is kept. Anything else than `SlicefastError` is a finding, so is a message of several lines or of more than
1,000 characters, an input that takes more than 20 seconds of the processor, a checksummed file taken as another than it
was, and a process that dies. Every other damaged document gets a checksum of its own, and every other learner, log and
part is a forgery (`forged.py`), so that what lies behind checksums is reached too.
Inputs are read in forked batches, from memory where the system has a folder there.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from damage import damaged
from forged import forged_arrays, forged_checkpoint, forged_document

from slicefast import Scenario, files, progress, runs
from slicefast.errors import SlicefastError
from slicefast.learn import TD3, VAE, Hindsight, HindsightConfig, TD3Config
from slicefast.radio import read_gain_map
from slicefast.rng import Streams
from slicefast.study import dataset
from slicefast.study.folder import load_study, open_study
from slicefast.study.jobs import Job
from slicefast.study.protocol import Protocol
from slicefast.traffic.mask import TrafficMask

LONGEST_MESSAGE = 1000
LONGEST_S = 20
BATCH = 250  # inputs of a process
MEMORY_BYTES = 8 << 30
SMALL = {"window_ttis": 20}


@dataclass(frozen=True)
class Kind:
    """A kind of file: where a good one is, and what reads it; `read` returns what was read if a checksum guards it.

    It does where the file holds `seal`; `sealed` gives damaged data a checksum of their own, if they can have one;
    `forge` writes another file with a right one, drawn from damaged data.
    """

    path: Path
    read: Callable[[], Any]
    seal: bytes = b""
    sealed: Callable[[bytes], bytes] | None = None
    forge: Callable[[bytes], bytes] | None = None


def sealed_json(data: bytes) -> bytes:
    """Return a damaged document with the checksum of what it says now."""
    try:
        document = json.loads(data)
        document.pop("checksum", None)
        return json.dumps({**document, "checksum": files.digest(document)}).encode()
    except (ValueError, AttributeError, RecursionError):
        return data


def sealed_results(data: bytes) -> bytes:
    """Return a damaged result file with the checksum of its bytes."""
    whole = data[: data.rfind(files._SEAL)]
    return whole + files._SEAL + hashlib.sha256(whole).hexdigest().encode()


def unguarded(path: Path, read: Callable[[Path], object]) -> Kind:
    """Return a kind that no checksum guards: whatever is read may differ."""

    def read_it() -> None:
        read(path)

    return Kind(path, read_it)


def make_kinds(folder: Path) -> dict[str, Kind]:
    """Write a good file of every kind."""
    rows = "".join(f"{3600 * hour},{cell},{100 + hour % 24}\n" for hour in range(48) for cell in (1, 2))
    texts = {
        "trace": f"time,cell,volume\n{rows}",
        "sites": "x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n0,0,25,0,6,46\n500,0,25,120,6,46\n",
        "packets": "time,bytes,user,slice\n0,100,1,s0\n0.5,200,2,1\n0.75,1e3,1,1\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    slices = [{"name": f"s{k}", "rate_bps": 1e5, "users_per_cell": 2} for k in range(3)]
    packets = {"name": "s3", "users_per_cell": 2, "traffic": {"kind": "trace", "path": str(folder / "packets.csv")}}
    scenario = Scenario.paper(slices=[packets, *slices], **SMALL)
    layout = {"sites_csv": str(folder / "sites.csv")}
    Scenario.paper(traffic_trace=str(folder / "trace.csv"), layout=layout).to_toml(folder / "s.toml")
    made = {
        "toml": unguarded(folder / "s.toml", Scenario.from_toml),
        "trace": unguarded(
            folder / "trace.csv", lambda path: TrafficMask.from_trace(path, Scenario.paper(), Streams(0).mask)
        ),
        "sites": unguarded(folder / "sites.csv", lambda path: Scenario.paper(layout=layout)),
        "packets": unguarded(folder / "packets.csv", lambda path: scenario.model_copy().packet_traces),
    }
    return made | _learned(folder) | _kept(folder)


def _learn(hindsight: Hindsight) -> None:
    for _ in range(8):
        levels = np.linspace(0.0, 1.0, hindsight.config.n_levels)
        hindsight.store(np.ones((2, 4)), np.zeros((2, 2)), np.broadcast_to(levels[:, None], (2, len(levels), 2)))
    hindsight.update()


def _learned(folder: Path) -> dict[str, Kind]:
    agents = TD3(2, 4, 2, TD3Config(exploration_steps=0, capacity=20, batch_size=4), seed=0)
    for _ in range(8):
        agents.store(np.ones((2, 4)), np.full((2, 2), 0.5), np.ones(2), np.ones((2, 4)))
    agents.save(folder / "td3.safetensors")
    vae = VAE(input_dim=3, hidden=(4,))
    vae.fit(np.random.default_rng(0).random((20, 3)), epochs=1)
    vae.save(folder / "vae.safetensors")

    def use_agents() -> Any:
        loaded = TD3.load(folder / "td3.safetensors")
        loaded.store(np.ones((2, 4)), np.full((2, 2), 0.5), np.ones(2), np.ones((2, 4)))
        loaded.update()
        return loaded.act(np.ones((2, 4))).tolist()

    def use_vae() -> Any:
        return VAE.load(folder / "vae.safetensors").encode(np.ones((2, 3)))[0].tolist()

    def use_hindsight() -> Any:
        loaded = Hindsight.load(folder / "hindsight.safetensors")
        _learn(loaded)
        return loaded.act(np.ones((2, 4))).tolist()

    hindsight = Hindsight(2, 4, 2, HindsightConfig(capacity=20, batch_size=4), seed=0)
    _learn(hindsight)
    hindsight.save(folder / "hindsight.safetensors")
    td3, vae, curves = (folder / f"{name}.safetensors" for name in ("td3", "vae", "hindsight"))
    return {
        "td3": Kind(td3, use_agents, forge=forged_checkpoint(td3, "td3")),
        "vae": Kind(vae, use_vae, forge=forged_checkpoint(vae, "vae")),
        "hindsight": Kind(curves, use_hindsight, forge=forged_checkpoint(curves, "hindsight")),
    }


def _kept(folder: Path) -> dict[str, Kind]:
    """Write a run, an interrupted run, a study, a result file and a gain map."""
    scenario = Scenario.hexagonal(1, **SMALL)
    run = runs.new_run(folder / "run", scenario, exploration_steps=2, train_steps=4)
    runs.train(run)

    def stop(steps: int) -> None:
        raise KeyboardInterrupt

    stopped = runs.new_run(folder / "stopped", scenario, exploration_steps=2, train_steps=40)
    with contextlib.suppress(KeyboardInterrupt):
        runs.train(stopped, stop)
    (network,) = stopped.folder.glob("network-*")
    study = open_study(folder / "study", scenario, Protocol.quick(1))
    job = Job("equal_split", 0)
    study.save(job, {"reward": np.arange(12.0).reshape(4, 3)})

    def part() -> Any:
        found = study.read(job)
        if found is None and not study.fault(job):
            raise AssertionError("a part is neither taken nor refused")
        return None if found is None else {name: array.tolist() for name, array in found.items()}

    import xarray as xr

    results = folder / "results.nc"
    dataset.write(xr.Dataset({"reward": (("seed", "step"), np.arange(6.0).reshape(2, 3))}), results)
    x_m = np.arange(3.0)
    gains = xr.Dataset({"gain": (("cell", "y", "x"), np.full((2, 3, 3), 1e-9))}, {"x": x_m, "y": x_m})
    gains.to_netcdf(folder / "map.nc", engine="h5netcdf")

    def resumed() -> Any:
        return _resumable(runs.load_interrupted(stopped.folder)[0])

    def run_of() -> Any:
        found = runs.load_run(run.folder)
        found.task()
        if found.scenario == scenario:  # another one may be as large as it likes
            runs.evaluate(found, steps=1)
        return found.scenario, found.seed, found.config, found.train_steps

    def study_of() -> Any:
        found = load_study(study.folder)
        return found.scenario, found.protocol, found.jobs

    def log_of() -> Any:
        return {name: array.tolist() for name, array in files.load_arrays(log).items()}

    reached, log = stopped.folder / progress.PROGRESS_FILE, run.folder / runs.LOG_FILE
    document = (b'"checksum": "', sealed_json)
    return {
        "run": Kind(run.folder / runs.RUN_FILE, run_of, *document, forged_document(run.folder / runs.RUN_FILE)),
        "log": Kind(log, log_of, forge=forged_arrays(log)),
        "progress": Kind(reached, resumed, *document, forged_document(reached)),
        "network": Kind(network, lambda: _resumable(stopped), forge=forged_checkpoint(network, "training progress")),
        "study": Kind(study.manifest, study_of, *document, forged_document(study.manifest)),
        "part": Kind(study.path(job), part, forge=forged_arrays(study.path(job))),
        "results": Kind(results, lambda: dataset.read(results).reward.values.tolist(), files._SEAL, sealed_results),
        "map": unguarded(folder / "map.nc", read_gain_map),
    }


def _resumable(run: runs.Run) -> Any:
    """Load what a resumed run starts from, without playing it."""
    from slicefast.runs.learning import started
    from slicefast.runs.resuming import reached_progress, resume_network

    reached = reached_progress(run)
    simulator = started(run.scenario, run.seed)
    resume_network(simulator, run, reached)
    return reached.reward.tobytes(), simulator.kpis.load.tobytes()  # of what is not played yet it is NaN


class TooLongError(Exception):
    """An input took more than `LONGEST_S`."""


def _alarm(number: int, frame: object) -> None:
    raise TooLongError


def try_input(kind: Kind, good: object, data: bytes) -> tuple[str, str]:
    """Return "taken", "refused" or "finding", and what was wrong."""
    kind.path.write_bytes(data)
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)  # of the processor, however busy it is
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = kind.read()
    except SlicefastError as error:
        message = str(error)
        if "\n" in message or len(message) > LONGEST_MESSAGE:
            return "finding", f"message of {len(message)} characters: {message[:200]!r}"
        return "refused", message
    except (Exception, RecursionError) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "finding", f"{type(error).__name__}: {str(error)[:150]!r} at {Path(where.filename).name}:{where.lineno}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    differs = found is not None and found != good and kind.seal in data
    return ("finding", "taken, but not what was written") if differs else ("taken", "")


def _batch(name: str, kind: Kind, numbers: range, seed: int, kept: Path, stream: IO[bytes]) -> None:
    """Try inputs of one kind, in a child; tell each input's number before it is read, and what came of it after."""
    signal.signal(signal.SIGPROF, _alarm)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    sys.unraisablehook = lambda found: None  # of h5netcdf, on files that are none
    whole, good = kind.path.read_bytes(), kind.read()
    for number in numbers:
        data = damaged(whole, random.Random(f"{seed} {name} {number}"))
        seals = [seal for seal in (kind.sealed, kind.forge) if seal is not None]
        own = bool(seals) and number % 2 == 1
        tried = replace(kind, seal=b"its own checksum guards it") if own else kind
        if own:
            data = seals[number // 2 % len(seals)](data)
        pickle.dump((number, "died", ""), stream)
        stream.flush()
        used_s = int(time.process_time())  # the alarm waits for Python, which compiled code may never come back to
        resource.setrlimit(resource.RLIMIT_CPU, (used_s + 3 * LONGEST_S, resource.RLIM_INFINITY))
        outcome, problem = try_input(tried, good, data)
        if outcome == "finding":
            (kept / f"{name}-{seed}-{number}").write_bytes(data)
        pickle.dump((number, outcome, problem), stream)
    kind.path.write_bytes(whole)


def _forked(name: str, kind: Kind, numbers: range, seed: int, kept: Path) -> list[tuple[int, str, str]]:
    """Return what came of a batch; the last of it is the input that a child died of, if it did."""
    sys.stdout.flush()
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(read)
            with os.fdopen(write, "wb") as stream:
                _batch(name, kind, numbers, seed, kept, stream)
        finally:
            os._exit(0)
    os.close(write)
    found: dict[int, tuple[int, str, str]] = {}
    with os.fdopen(read, "rb") as results:
        while True:
            try:
                number, outcome, problem = pickle.load(results)
            except (EOFError, pickle.UnpicklingError):
                break
            found[number] = (number, outcome, problem)
    os.waitpid(pid, 0)
    return list(found.values())


def used_s() -> float:
    """Return the processor time of the children so far [s]."""
    used = os.times()
    return used.children_user + used.children_system


def fuzz(
    n_inputs: int, seed: int, only: str = "", first: int = 0, seconds: float = float("inf")
) -> dict[str, Counter[str]]:
    """Try inputs of every kind, or of one; print every finding once, and return the counts."""
    counts: dict[str, Counter[str]] = {}
    kept = Path(tempfile.mkdtemp(prefix="slicefast-findings-"))
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        kinds = make_kinds(Path(folder))
        for name, kind in kinds.items():
            if only and name != only:
                continue
            whole = kind.path.read_bytes()
            counts[name], told, number, begin_s = Counter(), set(), first, used_s()
            while number < first + n_inputs and used_s() - begin_s < seconds:
                batch = _forked(name, kind, range(number, min(number + BATCH, first + n_inputs)), seed, kept)
                kind.path.write_bytes(whole)
                if not batch:
                    raise RuntimeError(f"{name}: no input of the batch from {number} on was read")
                for made, outcome, problem in batch:
                    counts[name]["finding" if outcome == "died" else outcome] += 1
                    if outcome in ("finding", "died") and (outcome, problem) not in told:
                        told.add((outcome, problem))
                        print(f"{name}: seed {seed} input {made}: {problem or 'the process died'}", flush=True)
                number = batch[-1][0] + 1
            count = counts[name]
            print(f"{name:>10}: {count.total():8,} inputs, {count['refused']:8,} refused, {count['taken']:8,} taken, "
                  f"{count['finding']} findings", flush=True)  # fmt: skip
    if any(count["finding"] for count in counts.values()):
        print(f"findings in {kept}")
    else:
        shutil.rmtree(kept)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("n_inputs", type=int, help="of every kind")
    parser.add_argument("--kind", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of the processor, for every kind")
    asked = parser.parse_args()
    begin = time.monotonic()
    counts = fuzz(asked.n_inputs, asked.seed, asked.kind, asked.first, asked.seconds)
    total = sum(count.total() for count in counts.values())
    findings = sum(count["finding"] for count in counts.values())
    print(f"{total:,} inputs, {findings} findings, {time.monotonic() - begin:.0f} s")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
