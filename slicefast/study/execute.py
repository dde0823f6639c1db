"""Runs a study's jobs on this machine or on a Ray cluster; what is finished is not run again.

A job's file appears when it is finished, whole or not at all. So resuming is running whatever has no usable file, and
killing a study at any moment loses only the jobs under way.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from slicefast import files
from slicefast.arguments import checked
from slicefast.errors import RunError, refuse
from slicefast.granted import granted_cpus
from slicefast.signals import as_ctrl_c
from slicefast.study.folder import Study
from slicefast.study.jobs import Job, ready, steps
from slicefast.training import Tick

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.synchronize import Event

    #: A job and the steps it played, 0 as it starts; None at the end.
    _Report = tuple[Job, int] | None

#: Where jobs run: in processes of this machine, or on a Ray cluster.
Engine = Literal["local", "ray"]


class StoppedError(Exception):
    """Raised inside a job when the study was interrupted."""


class Progress:
    """What a runner reports; this one keeps it to itself."""

    def started(self, job: Job) -> None:
        """Take note that a job began."""

    def advanced(self, job: Job, steps: int) -> None:
        """Take note that a job played steps."""

    def finished(self, job: Job) -> None:
        """Take note that a job's file was written."""

    def replaced(self, job: Job, fault: str) -> None:
        """Take note that a job has a file that cannot be used, and why; it is made anew."""


def run_job(study: Study, job: Job, tick: Tick) -> None:
    """Do one job and write its file; `tick(steps)` is called as it advances and may raise to stop it.

    Parameters
    ----------
    study : Study
        Whose.
    job : Job
        Its needs are finished.
    tick : callable
        Called with how many steps were played since the last call.
    """
    from slicefast.learn.threads import one_thread

    study.begin(job)
    with one_thread():  # jobs share the cores among them
        arrays = job.work.run(study.context(job, tick))
    study.save(job, arrays)


@checked
def run_study(
    study: Study, workers: int | None = None, engine: Engine = "local", progress: Progress | None = None
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
        "ray": the jobs become tasks of the Ray cluster that `ray.init()` finds.
    progress : Progress, optional
        Hears of every job.

    Raises
    ------
    RunError
        The engine is unknown or not installed, another process is at work in the folder, or a worker was killed.
    """
    if engine not in get_args(Engine):
        refuse("engine", engine, ", ".join(get_args(Engine)), RunError)
    workers = workers or granted_cpus()
    watcher = progress or Progress()
    try:
        with files.claim(study.folder), as_ctrl_c():
            pending = _Pending(study, watcher)
            if engine == "ray":
                _run_on_ray(study, pending, watcher)
            elif workers == 1 or len(pending.jobs) < 2:
                _run_here(study, pending, watcher)
            else:
                _run_in_processes(study, pending, workers, watcher)
    except KeyboardInterrupt:
        return False
    return True


class _Pending:
    """The jobs that wait, those that are finished, and which can start."""

    def __init__(self, study: Study, progress: Progress) -> None:
        self.jobs: list[Job] = []
        self._finished: set[Job] = set()
        for job in study.jobs:
            if study.finished(job):
                self._finished.add(job)
                continue
            self.jobs.append(job)
            if fault := study.fault(job):
                progress.replaced(job, fault)

    def take(self, most: int) -> list[Job]:
        """Return jobs that can start, and wait no longer for them."""
        chosen = ready(self.jobs, self._finished)[:most]
        self.jobs = [job for job in self.jobs if job not in chosen]
        return chosen

    def finish(self, job: Job) -> None:
        """Let jobs start that need this one."""
        self._finished.add(job)


def total_steps(study: Study, only_finished: bool = False) -> int:
    """Return the steps that all jobs report to the progress bar, or those of the finished ones."""
    chosen = (job for job in study.jobs if not only_finished or study.finished(job))
    return sum(steps(job, study.protocol, study.scenario) for job in chosen)


def _run_here(study: Study, pending: _Pending, progress: Progress) -> None:
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


def _run_in_processes(study: Study, pending: _Pending, workers: int, progress: Progress) -> None:
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


def _run_on_ray(study: Study, pending: _Pending, progress: Progress) -> None:
    """Run the jobs as Ray tasks; the study's folder must be on storage that every node sees."""
    try:
        import ray
    except ImportError:
        raise RunError('engine = "ray": Ray is not installed; pip install "slicefast[ray]"') from None

    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    absolute = replace(study, folder=study.folder.resolve())
    task: Callable[..., Any] = ray.remote(num_cpus=1, max_retries=2)(_run_on_node).remote
    running: dict[Any, Job] = {}
    try:
        while pending.jobs or running:
            for job in pending.take(len(pending.jobs)):
                running[task(absolute, job)] = job
                progress.started(job)
            done, _ = ray.wait(list(running), num_returns=1)
            for reference in done:
                job = running.pop(reference)
                ray.get(reference)
                pending.finish(job)
                progress.advanced(job, steps(job, study.protocol, study.scenario))
                progress.finished(job)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def _run_on_node(study: Study, job: Job) -> None:
    run_job(study, job, lambda steps: None)
