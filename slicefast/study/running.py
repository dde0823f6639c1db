"""What every engine of a study shares: doing one job, which jobs can start, and who hears of them."""

from __future__ import annotations

from slicefast.study.folder import Study
from slicefast.study.jobs import Job, ready
from slicefast.training import Tick


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


class Pending:
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
