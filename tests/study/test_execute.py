"""Running a study: in this process, in several, on a cluster; interrupted, killed and continued to the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slicefast import Scenario
from slicefast.errors import RunError, SlicefastError
from slicefast.granted import granted_cpus
from slicefast.study import execute
from slicefast.study.collect import collect
from slicefast.study.execute import Progress, run_job, run_study, total_steps
from slicefast.study.folder import MANIFEST, Study, open_study
from slicefast.study.jobs import Job
from slicefast.study.protocol import Protocol

Maker = Callable[..., Scenario]
Checker = Callable[[Study, Study], None]


def test_every_job_has_a_file_and_nothing_half_written_is_left(finished: Study) -> None:
    assert all(finished.finished(job) for job in finished.jobs)
    assert not list(finished.folder.rglob("*.partial*"))
    assert total_steps(finished, only_finished=True) == total_steps(finished)


def test_same_seeds_give_the_same_numbers_in_any_order_and_process(
    tmp_path: Path, finished: Study, tiny: Protocol, tiny_scenario: Maker, assert_same: Checker
) -> None:
    study = open_study(tmp_path / "again", tiny_scenario(), tiny.replace(n_seeds=1))
    seen: list[Job] = []

    class Watcher(Progress):
        def finished(self, job: Job) -> None:
            seen.append(job)

    assert run_study(study, workers=2, progress=Watcher())
    assert sorted(map(str, seen)) == sorted(map(str, study.jobs))
    assert_same(study, finished)


def test_interrupted_study_is_readable_and_resumes_to_the_same_numbers(
    tmp_path: Path, finished: Study, tiny: Protocol, tiny_scenario: Maker, assert_same: Checker
) -> None:
    class Impatient(Progress):
        done = 0

        def finished(self, job: Job) -> None:
            self.done += 1
            if self.done == 9:
                raise KeyboardInterrupt

    some = tiny.replace(arms=("equal_split", "drl", "transfer_most", "transfer_itself"))
    study = open_study(tmp_path / "run", tiny_scenario(), some)
    assert not run_study(study, workers=1, progress=Impatient())
    assert 0 < total_steps(study, only_finished=True) < total_steps(study)
    dataset = collect(study)
    assert dataset.attrs["complete"] == 0
    assert dataset.attrs["parts_finished"] == 9
    assert np.isnan(dataset.reward.sel(seed=1)).all()

    again = open_study(tmp_path / "run", tiny_scenario(), some, resume=True)
    assert run_study(again, workers=1)
    assert_same(again, finished)


def test_killed_study_resumes_to_the_same_numbers(
    tmp_path: Path, finished: Study, tiny: Protocol, tiny_scenario: Maker
) -> None:
    """SIGKILL leaves no time to tidy up: the jobs under way are lost, those with a file are whole."""
    short = tiny.replace(n_seeds=1, arms=("drl", "transfer_most"))
    study = open_study(tmp_path / "run", tiny_scenario(), short)
    code = (
        "import sys; from pathlib import Path; from slicefast.study.execute import run_study;"
        "from slicefast.study.folder import load_study; run_study(load_study(Path(sys.argv[1])), workers=1)"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", code, str(study.folder)])
    give_up = time.monotonic() + 90.0
    while not study.finished(Job("similarity", 0)) and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert study.finished(Job("similarity", 0))
    again = open_study(tmp_path / "run", tiny_scenario(), short, resume=True)
    assert run_study(again, workers=1)
    for job in again.jobs:
        first, second = finished.load(job), again.load(job)
        for name, values in second.items():
            np.testing.assert_array_equal(values, first[name], err_msg=f"{job}: {name}")


def test_stopping_inside_a_job_leaves_no_file(tmp_path: Path, tiny: Protocol, tiny_scenario: Maker) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), tiny)

    def stop(steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(study, Job("equal_split", 0), stop)
    assert sorted(path.name for path in study.folder.rglob("*")) == [MANIFEST]
    dataset = collect(study)  # nothing finished is still readable
    assert (dataset.attrs["complete"], dataset.attrs["parts_finished"]) == (0, 0)


def test_a_killed_worker_is_reported_in_one_line(
    tmp_path: Path, tiny: Protocol, tiny_scenario: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_run_in_worker", _kill_itself)
    study = open_study(tmp_path / "run", tiny_scenario(), tiny)
    with pytest.raises(RunError, match="a worker process was killed"):
        run_study(study, workers=2)


def _kill_itself(study: Study, job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_unknown_engine_is_refused(tmp_path: Path, tiny: Protocol, tiny_scenario: Maker) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), tiny)
    with pytest.raises(SlicefastError, match="slurm"):
        run_study(study, engine="slurm")  # type: ignore[arg-type]


def test_workers_are_as_many_as_the_processor_cores_that_are_granted(
    tmp_path: Path, tiny: Protocol, tiny_scenario: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container that may use 3 of 64 cores there are 3 workers."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {4, 7, 9})
    started: list[int] = []
    monkeypatch.setattr(execute, "_run_in_processes", lambda study, pending, workers, progress: started.append(workers))
    assert granted_cpus() == 3
    run_study(open_study(tmp_path / "run", tiny_scenario(), tiny))
    assert started == [3]
