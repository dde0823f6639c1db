"""Which job runs where and when: in one process or several, with stand-ins for the jobs and the processes."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import queue
import signal
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slicefast import Scenario
from slicefast.errors import RunError, SlicefastError
from slicefast.study import execute
from slicefast.study.jobs import Job, needs, steps
from slicefast.study.protocol import Protocol

PROTOCOL = Protocol.quick(n_seeds=1).replace(arms=("equal_split", "drl", "transfer_most"), pairs=True)
SCENARIO = Scenario.hexagonal(n_sites=1)
PRETRAIN, SIMILARITY, PAIRS, EQUAL, DRL, MOST = (
    Job(name, 0) for name in ("pretrain", "similarity", "pairs", "equal_split", "drl", "transfer_most")
)
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class FakeStudy(execute.Study):
    """A study of six jobs, of which those in `done` are finished and those in `faults` damaged."""

    done: set[Job]
    faults: dict[Job, str]

    def finished(self, job: Job) -> bool:
        """Whether it was done."""
        return job in self.done

    def fault(self, job: Job) -> str:
        """Return what is wrong with its file."""
        return self.faults.get(job, "")


class Log(execute.Progress):
    """Keeps what happens, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def started(self, job: Job) -> None:
        """Keep a start."""
        self.lines.append(("started", job))

    def advanced(self, job: Job, steps: int) -> None:
        """Keep steps."""
        self.lines.append(("advanced", job, steps))

    def finished(self, job: Job) -> None:
        """Keep an end."""
        self.lines.append(("finished", job))

    def replaced(self, job: Job, fault: str) -> None:
        """Keep a fault."""
        self.lines.append(("replaced", job, fault))

    def order(self, what: str) -> list[Job]:
        """Return the jobs of which something was reported."""
        return [line[1] for line in self.lines if line[0] == what]


@pytest.fixture
def study(tmp_path: Path) -> FakeStudy:
    """Return a study of which nothing is finished."""
    study = FakeStudy(tmp_path, SCENARIO, PROTOCOL)
    object.__setattr__(study, "done", set())
    object.__setattr__(study, "faults", {})
    assert study.jobs == [PRETRAIN, SIMILARITY, PAIRS, EQUAL, DRL, MOST]
    return study


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Return the jobs that were run, in order; each reports its 7 steps."""
    ran: list[Job] = []

    def run_job(study: Any, job: Job, tick: Any) -> None:
        assert all(need in ran or need in study.done for need in needs(job))
        ran.append(job)
        tick(7)

    monkeypatch.setattr(execute, "run_job", run_job)
    return ran


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a pool whose processes are this one; tasks run when they are waited for, the last submitted first."""
    pool = SimpleNamespace(tasks={}, most=0, shutdowns=[], signals=[], broken=False, environment=[])

    class Pool:
        def __init__(self, workers: int, mp_context: Any, initializer: Any, initargs: tuple[Any, ...]) -> None:
            pool.workers, pool.stop = workers, initargs[0]
            pool.environment.append({name: os.environ.get(name) for name in VARIABLES})
            initializer(*initargs)

        def submit(self, function: Any, *given: Any) -> Future[None]:
            future: Future[None] = Future()
            pool.tasks[future] = (function, given)
            pool.most = max(pool.most, len(pool.tasks))
            return future

        def shutdown(self, **options: Any) -> None:
            pool.shutdowns.append(options)

    def wait(running: Any, return_when: str) -> tuple[list[Future[None]], list[Future[None]]]:
        assert return_when == concurrent.futures.FIRST_COMPLETED
        future = list(running)[-1]
        function, given = pool.tasks.pop(future)
        if pool.broken:
            future.set_exception(BrokenProcessPool())
            return [future], []
        try:
            function(*given)
            future.set_result(None)
        except Exception as error:
            future.set_exception(error)
        return [future], list(pool.tasks)

    class Event:
        is_down = False

        def set(self) -> None:
            self.is_down = True

        def is_set(self) -> bool:
            return self.is_down

    context = SimpleNamespace(Event=Event, SimpleQueue=queue.SimpleQueue)
    monkeypatch.setattr(multiprocessing, "get_context", {"spawn": context}.__getitem__)
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(concurrent.futures, "wait", wait)
    monkeypatch.setattr(os, "getppid", os.getpid)
    monkeypatch.setattr(signal, "signal", lambda *given: pool.signals.append(given))
    monkeypatch.setattr(execute, "_stop", None)
    monkeypatch.setattr(execute, "_reports", None)
    return pool


def test_jobs_run_here_one_after_the_other(study: FakeStudy, ran: list[Job]) -> None:
    log = Log()
    assert execute.run_study(study, workers=1, progress=log)
    assert ran == study.jobs
    assert log.lines == [
        line for job in study.jobs for line in (("started", job), ("advanced", job, 7), ("finished", job))
    ]


def test_what_is_finished_is_not_run_again_and_what_is_damaged_is_named(study: FakeStudy, ran: list[Job]) -> None:
    log = Log()
    study.done.update({PRETRAIN, EQUAL})
    study.faults.update({SIMILARITY: "is damaged", PRETRAIN: "is not looked at"})
    assert execute.run_study(study, workers=1, progress=log)
    assert ran == [SIMILARITY, PAIRS, DRL, MOST]
    assert log.lines[0] == ("replaced", SIMILARITY, "is damaged")
    assert log.order("replaced") == [SIMILARITY]
    every = [steps(job, PROTOCOL, SCENARIO) for job in (PRETRAIN, EQUAL)]
    assert execute.total_steps(study, only_finished=True) == sum(every)
    assert execute.total_steps(study) == sum(steps(job, PROTOCOL, SCENARIO) for job in study.jobs)


@pytest.mark.parametrize("before", [None, "3"])
def test_jobs_run_side_by_side_once_what_they_need_is_finished(
    study: FakeStudy, ran: list[Job], one_process: Any, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        if before is not None:
            monkeypatch.setenv(name, before)
    log = Log()
    assert execute.run_study(study, workers=2, progress=log)
    # Two at a time; the one that was submitted last ends first, which here is what nothing else waits for but `drl`.
    assert ran == [SIMILARITY, EQUAL, DRL, PRETRAIN, MOST, PAIRS]
    assert (one_process.workers, one_process.most) == (2, 2)
    assert log.order("finished") == ran
    assert sorted(map(str, log.order("started"))) == sorted(map(str, study.jobs))
    assert sorted(str(line[1]) for line in log.lines if line[0] == "advanced") == sorted(map(str, study.jobs))
    assert {line[2] for line in log.lines if line[0] == "advanced"} == {7}
    assert one_process.environment == [dict.fromkeys(VARIABLES, "1")]
    assert [os.environ.get(name) for name in VARIABLES] == [before] * 4
    ignored = [(signal.SIGINT, signal.SIG_IGN), (signal.SIGHUP, signal.SIG_IGN)]
    assert [given for given in one_process.signals if given[1] is signal.SIG_IGN] == ignored
    assert one_process.shutdowns == [{"wait": True, "cancel_futures": True}]
    assert one_process.stop.is_set()


def test_a_single_job_needs_no_processes(study: FakeStudy, ran: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_run_in_processes", None)
    study.done.update(set(study.jobs) - {MOST})
    assert execute.run_study(study, workers=4)
    assert ran == [MOST]
    monkeypatch.setattr(execute, "_run_in_processes", lambda *given: ran.append(given[2]))
    study.done.discard(DRL)
    assert execute.run_study(study, workers=4)
    assert ran == [MOST, 4]


def test_a_worker_stops_when_it_is_told_to(
    study: FakeStudy, ran: list[Job], one_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stop = multiprocessing.get_context("spawn").Event()
    execute._start_worker(stop, reports)
    execute._run_in_worker(study, DRL)
    assert [reports.get(), reports.get()] == [(DRL, 0), (DRL, 7)]
    stop.set()
    with pytest.raises(execute.StoppedError):
        execute._run_in_worker(study, DRL)
    assert reports.get() == (DRL, 0)
    assert reports.empty()


def test_a_killed_process_is_one_line_and_an_interrupt_is_no(
    study: FakeStudy, ran: list[Job], one_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_process.broken = True
    with pytest.raises(RunError, match="a worker process was killed, perhaps for want of memory; what is finished is"):
        execute.run_study(study, workers=2)
    assert one_process.stop.is_set()
    one_process.broken = False

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "run_job", interrupted)
    assert not execute.run_study(study, workers=1)
    assert not execute.run_study(study, workers=2)
    assert one_process.shutdowns == [{"wait": True, "cancel_futures": True}] * 2


def test_engines_that_are_not_there_are_refused(study: FakeStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlicefastError, match="engine: got 'slurm', allowed: local, ray"):
        execute.run_study(study, engine="slurm")  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r'resources: .*, allowed: none where engine is not "ray"'):
        execute.run_study(study, resources={"num_cpus": 2})
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r'engine = "ray": Ray is not installed; pip install "slicefast\[ray\]"'):
        execute.run_study(study, engine="ray")


def test_a_job_begins_works_on_one_thread_and_is_saved() -> None:
    import torch

    log: list[Any] = []
    ticks: list[int] = []
    work = SimpleNamespace(run=lambda context: (log.append(("run", context, torch.get_num_threads())), {"a": 1})[1])
    job = SimpleNamespace(work=work)
    study = SimpleNamespace(
        begin=lambda job: log.append(("begin", job)),
        context=lambda job, tick: (job, tick),
        save=lambda job, arrays: log.append(("save", job, arrays)),
    )
    execute.run_job(study, job, ticks.append)  # type: ignore[arg-type]
    assert log == [("begin", job), ("run", (job, ticks.append), 1), ("save", job, {"a": 1})]
