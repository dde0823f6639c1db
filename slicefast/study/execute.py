"""Runs a study's jobs on this machine or on a Ray cluster; what is finished is not run again.

A job's file appears when it is finished, whole or not at all. So resuming is running whatever has no usable file, and
killing a study at any moment loses only the jobs under way.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from slicefast import files
from slicefast.arguments import checked
from slicefast.errors import RunError, refuse
from slicefast.granted import granted_cpus
from slicefast.signals import as_ctrl_c
from slicefast.study.folder import Study
from slicefast.study.jobs import Job, steps
from slicefast.study.running import Pending, Progress, run_job

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Event

    #: A job and the steps it played, 0 as it starts; None at the end.
    _Report = tuple[Job, int] | None

#: Where jobs run: in processes of this machine, or on a Ray cluster.
Engine = Literal["local", "ray"]


class StoppedError(Exception):
    """Raised inside a job when the study was interrupted."""


@checked
def run_study(
    study: Study,
    workers: int | None = None,
    engine: Engine = "local",
    progress: Progress | None = None,
    resources: Mapping[str, float] | None = None,
) -> bool:
    """Run every job that is not finished yet; return False when it was stopped by Ctrl-C, SIGTERM or SIGHUP.

    Parameters
    ----------
    study : Study
        What to run; see `slicefast.study.folder.open_study`.
    workers : int, optional
        Jobs that run side by side on this machine, each in a process with one thread; as many as this process has
        processor cores unless given; 1 runs in this process.
    engine : {"local", "ray"}
        "ray": the jobs become tasks of the Ray cluster that `ray.init()` finds, whose nodes share no storage.
    progress : Progress, optional
        Hears of every job.
    resources : mapping of str to float, optional
        With "ray", what a job asks of its node: ``num_cpus`` (1 unless given), ``num_gpus``, ``memory`` [bytes], or a
        resource that the nodes were started with.

    Raises
    ------
    RunError
        The engine is unknown, not installed or takes no resources; another process is at work in the folder; a worker
        was killed, or what came back from a node cannot be used.
    """
    if engine not in get_args(Engine):
        refuse("engine", engine, ", ".join(get_args(Engine)), RunError)
    if resources and engine != "ray":
        refuse("resources", dict(resources), 'none where engine is not "ray"', RunError)
    workers = workers or granted_cpus()
    watcher = progress or Progress()
    try:
        with files.claim(study.folder), as_ctrl_c():
            pending = Pending(study, watcher)
            if engine == "ray":
                from slicefast.study.cluster import run_on_ray

                run_on_ray(study, pending, watcher, resources)
            elif workers == 1 or len(pending.jobs) < 2:
                _run_here(study, pending, watcher)
            else:
                _run_in_processes(study, pending, workers, watcher)
    except KeyboardInterrupt:
        return False
    return True


def total_steps(study: Study, only_finished: bool = False) -> int:
    """Return the steps that all jobs report to the progress bar, or those of the finished ones."""
    chosen = (job for job in study.jobs if not only_finished or study.finished(job))
    return sum(steps(job, study.protocol, study.scenario) for job in chosen)


def _run_here(study: Study, pending: Pending, progress: Progress) -> None:
    for job in pending.jobs:  # in the order of `Study.jobs`, which puts needs first
        progress.started(job)
        run_job(study, job, lambda steps, job=job: progress.advanced(job, steps))  # type: ignore[misc]
        progress.finished(job)


_stop: Any = None  # both are set where a worker starts
_reports: Any = None


def _start_worker(stop: Event, reports: SimpleQueue[_Report]) -> None:
    """Prepare a worker process: deaf to its terminal (the parent stops it), gone when its parent is."""
    global _stop, _reports
    _stop, _reports = stop, reports
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended, however that came: the system closes the pipe between them."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)  # whatever it was doing: nobody waits for it, and files appear whole or not at all


def _run_in_worker(study: Study, job: Job) -> None:
    def tick(steps: int) -> None:
        if _stop.is_set():
            raise StoppedError
        _reports.put((job, steps))

    _reports.put((job, 0))
    run_job(study, job, tick)


def _run_in_processes(study: Study, pending: Pending, workers: int, progress: Progress) -> None:
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    # Workers read these when they import NumPy, torch and Numba; one thread each, or they fight over the cores.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    context = multiprocessing.get_context("spawn")
    stop, reports = context.Event(), context.SimpleQueue()
    listener = threading.Thread(target=_listen, args=(reports, progress), daemon=True)
    running: dict[Future[None], Job] = {}
    before = {name: os.environ.get(name) for name in threads}
    os.environ.update(threads)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(stop, reports))
    listener.start()
    try:
        while pending.jobs or running:
            for job in pending.take(workers - len(running)):
                running[pool.submit(_run_in_worker, study, job)] = job
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                job = running.pop(future)
                future.result()
                pending.finish(job)
                progress.finished(job)
    except BrokenProcessPool:
        raise RunError("a worker process was killed, perhaps for want of memory; what is finished is kept") from None
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


def _listen(reports: SimpleQueue[_Report], progress: Progress) -> None:
    while (report := reports.get()) is not None:
        job, steps = report
        if steps:
            progress.advanced(job, steps)
        else:
            progress.started(job)
