"""Runs a study's parts on this machine or on a Ray cluster, resumes what was interrupted, and collects the result file.

`study.json` in the study's folder says what is studied; a part is finished when its file is there. So resuming is
running whatever has no file yet, and killing a study at any moment loses only the parts under way.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicefast import provenance
from slicefast.errors import RunError
from slicefast.scenario import Scenario
from slicefast.study.jobs import MANIFEST, Study, run_part, write_text
from slicefast.study.protocol import Part, Protocol, parts, ready, work


class StoppedError(Exception):
    """Raised inside a part when the study was interrupted."""


class Progress:
    """What a runner tells about its progress; this one keeps it to itself."""

    def started(self, part: Part) -> None:
        """Hear that a part began."""

    def advanced(self, part: Part, steps: int) -> None:
        """Hear that a part played steps."""

    def finished(self, part: Part) -> None:
        """Hear that a part's file was written."""


def open_study(folder: Path, scenario: Scenario, protocol: Protocol, resume: bool = False) -> Study:
    """Return the study of a folder, made if it is new.

    Raises
    ------
    RunError
        The folder holds a study and `resume` was not asked for, or one of another scenario or protocol or of more
        seeds, or files that are no study. Nothing is changed then.
    """
    manifest = folder / MANIFEST
    asked = {"scenario": scenario.model_dump(mode="json"), "protocol": protocol.to_dict()}
    if manifest.is_file():
        if not resume:
            raise RunError(f"{folder} already holds a study: continue it with --resume, or name another folder (--out)")
        try:
            kept = json.loads(manifest.read_text())
            kept_protocol = Protocol.from_dict(kept["protocol"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{manifest} cannot be read: {error}") from None
        if kept["scenario"] != asked["scenario"]:
            changed = _difference(kept["scenario"], asked["scenario"])
            raise RunError(f"{folder} holds a study of another scenario ({changed}): name another folder (--out)")
        if protocol.n_seeds < kept_protocol.n_seeds:
            raise RunError(
                f"n_seeds = {protocol.n_seeds}: {folder} holds a study of {kept_protocol.n_seeds}, which can only grow"
            )
        if kept_protocol.without_seeds() != protocol.without_seeds():
            changed = _difference(kept["protocol"], asked["protocol"])
            raise RunError(f"{folder} holds a study with other settings ({changed}): name another folder (--out)")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is not empty and holds no study: name another folder (--out)")
    study = Study(folder, scenario, protocol)
    entries = provenance.kept(manifest) if manifest.is_file() else []
    if not all(study.finished(part) for part in parts(protocol)):
        entries = provenance.gone_on(entries)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(manifest, json.dumps({**asked, provenance.KEY: entries}, indent=1))
    return study


def load_study(folder: Path) -> Study:
    """Return the study that a folder holds, or raise RunError."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise RunError(f"{folder} holds no study ({MANIFEST} is missing)")
    try:
        kept = json.loads(manifest.read_text())
        return Study(folder, Scenario.model_validate(kept["scenario"]), Protocol.from_dict(kept["protocol"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{manifest} cannot be read: {error}") from None


def _difference(kept: dict[str, Any], asked: dict[str, Any]) -> str:
    for name in sorted(kept.keys() | asked.keys()):
        old, new = kept.get(name), asked.get(name)
        if old != new and name != "n_seeds":
            return f"{name} was {_short(old)}, now {_short(new)}"
    return "unknown difference"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def run_study(study: Study, workers: int = 2, engine: str = "local", progress: Progress | None = None) -> bool:
    """Run every part that is not finished yet; return False when it was interrupted with Ctrl-C.

    Parameters
    ----------
    study
        What to run; see `open_study`.
    workers
        Parts that run side by side on this machine, each in a process with one thread; 1 runs in this process.
    engine
        "local", or "ray": the parts become tasks of the Ray cluster that `ray.init()` finds.
    progress
        Told about every part.
    """
    watcher = progress or Progress()
    todo = [part for part in parts(study.protocol) if not study.finished(part)]
    try:
        if engine == "ray":
            _run_on_ray(study, todo, watcher)
        elif engine != "local":
            raise RunError(f"engine = {engine!r}: allowed are local, ray")
        elif workers == 1 or len(todo) < 2:
            _run_here(study, todo, watcher)
        else:
            _run_in_processes(study, todo, workers, watcher)
    except KeyboardInterrupt:
        return False
    return True


def total_work(study: Study, only_finished: bool = False) -> int:
    """Return the study's steps over all parts, or those of the finished parts."""
    chosen = (part for part in parts(study.protocol) if not only_finished or study.finished(part))
    return sum(work(part, study.protocol) for part in chosen)


def _run_here(study: Study, todo: list[Part], progress: Progress) -> None:
    one_thread()
    for part in todo:  # in the order of `parts`, which puts needs first
        progress.started(part)
        run_part(study, part, lambda steps, part=part: progress.advanced(part, steps))  # type: ignore[misc]
        progress.finished(part)


def one_thread() -> None:
    """Keep torch to one thread: parts share the cores among them, and small layers gain nothing from more."""
    import torch

    torch.set_num_threads(1)


_stop: Any = None
_reports: Any = None


def _start_worker(stop: Any, reports: Any) -> None:
    """Prepare a worker process: one thread, deaf to Ctrl-C (the parent tells it to stop), gone when its parent is."""
    global _stop, _reports
    _stop, _reports = stop, reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread()


def _run_in_worker(study: Study, part: Part, parent: int) -> None:
    def tick(steps: int) -> None:
        if _stop.is_set() or os.getppid() != parent:
            raise StoppedError
        _reports.put((part, steps))

    _reports.put((part, 0))
    run_part(study, part, tick)


def _run_in_processes(study: Study, todo: list[Part], workers: int, progress: Progress) -> None:
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

    # Workers read these when they import NumPy, torch and Numba; one thread each, or they fight over the cores.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    context = multiprocessing.get_context("spawn")
    stop, reports = context.Event(), context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(reports, progress), daemon=True)
    pending = list(todo)
    finished = {part for part in parts(study.protocol) if study.finished(part)}
    running: dict[Future[None], Part] = {}
    before = {name: os.environ.get(name) for name in threads}
    os.environ.update(threads)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(stop, reports))
    listener.start()
    try:
        while pending or running:
            for part in ready(pending, finished)[: workers - len(running)]:
                pending.remove(part)
                running[pool.submit(_run_in_worker, study, part, os.getpid())] = part
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                part = running.pop(future)
                future.result()
                finished.add(part)
                progress.finished(part)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        reports.put(None)
        listener.join(timeout=5.0)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _listen(reports: Any, progress: Progress) -> None:
    while (report := reports.get()) is not None:
        part, steps = report
        if steps:
            progress.advanced(part, steps)
        else:
            progress.started(part)


def _run_on_ray(study: Study, todo: list[Part], progress: Progress) -> None:
    """Run the parts as Ray tasks; the study's folder must be on storage that every node sees."""
    try:
        import ray
    except ImportError:
        raise RunError('engine = "ray": Ray is not installed; pip install "slicefast[ray]"') from None

    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    absolute = Study(study.folder.resolve(), study.scenario, study.protocol)
    task: Callable[..., Any] = ray.remote(num_cpus=1, max_retries=2)(_run_on_node).remote
    pending = list(todo)
    running: dict[Any, Part] = {}
    finished = {part for part in parts(study.protocol) if study.finished(part)}
    try:
        while pending or running:
            for part in ready(pending, finished):
                pending.remove(part)
                running[task(absolute, part)] = part
                progress.started(part)
            done, _ = ray.wait(list(running), num_returns=1)
            for reference in done:
                part = running.pop(reference)
                ray.get(reference)
                finished.add(part)
                progress.advanced(part, work(part, study.protocol))
                progress.finished(part)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _run_on_node(study: Study, part: Part) -> None:
    one_thread()
    run_part(study, part, lambda steps: None)
