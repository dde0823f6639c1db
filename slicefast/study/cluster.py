"""Runs a study's jobs as tasks of a Ray cluster whose machines need to share no storage.

What a job needs travels to its node, and what it made travels back, as the bytes of files, through Ray's object store.
The driver alone writes to the study's folder, and checks what it wrote; so a study that was begun by one engine goes on
by another; a map's points are studies too. A task whose node dies is run again elsewhere.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from slicefast import __version__, files
from slicefast.errors import RunError, SlicefastError
from slicefast.study.folder import Study, load_study
from slicefast.study.jobs import Job, needs, steps
from slicefast.study.map_folder import load_map
from slicefast.study.running import Pending, Progress, run_job

#: How often a task is run again after its node or its process has died.
RETRIES = 3
#: What a job asks of its node unless told otherwise.
RESOURCES: Mapping[str, float] = {"num_cpus": 1}
#: Tasks that wait at Ray for each that can run: enough that no core idles, few enough that their inputs fit in memory.
_AHEAD = 2
_TELL_EVERY_S = 1.0
#: Files by their names in the folder of the manifest, a study's or a map's.
Contents = dict[str, bytes]
#: A job and the steps that it has played so far.
Report = tuple[Job, int]


def run_on_ray(study: Study, pending: Pending, progress: Progress, resources: Mapping[str, float] | None) -> None:
    """Run the jobs as tasks of the Ray cluster that ``ray.init()`` finds, or of this machine.

    Parameters
    ----------
    study : Study
        Whose; only this process sees its folder.
    pending : Pending
        Its jobs.
    progress : Progress
        Hears of every job, within seconds.
    resources : mapping of str to float or None
        What a job asks of its node: ``num_cpus``, ``num_gpus``, ``memory`` [bytes], or a resource that the nodes were
        started with.

    Raises
    ------
    RunError
        Ray is not installed, a job's nodes died more often than `RETRIES`, or what came back cannot be used.
    """
    try:
        import ray
    except ImportError:
        raise RunError('engine = "ray": Ray is not installed; pip install "slicefast[ray]"') from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    asked = {**RESOURCES, **(resources or {})}
    own: dict[str, Any] = {name: asked.pop(name) for name in ("num_cpus", "num_gpus", "memory") if name in asked}
    task = ray.remote(max_retries=RETRIES, resources=asked, **own)(_task).remote
    common, reports = ray.put(_read(study, _common_files(study))), _mailbox(ray)
    told: dict[Job, int] = {}
    running: dict[Any, Job] = {}
    try:
        while pending.jobs or running:
            for job in pending.take(max(0, _most(ray, own) - len(running))):
                running[task(common, job, _needed(study, job), __version__, reports, _place(study))] = job
            done, _ = ray.wait(list(running), num_returns=1, timeout=_TELL_EVERY_S)
            watch(_told(ray, reports), told, progress)
            for reference in done:
                job = running.pop(reference)
                keep(study, job, _arrived(ray, reference, job))
                watch([(job, steps(job, study.protocol, study.scenario))], told, progress)
                pending.finish(job)
                progress.finished(job)
    finally:
        for reference in running:
            ray.cancel(reference, force=True)


def run_on_node(
    common: Contents, job: Job, needed: Contents, version: str, tell: Callable[[Job, int], Any], place: str = "."
) -> Contents:
    """Do one job in a folder of its own, and return the files that it made.

    Parameters
    ----------
    common : dict of str to bytes
        The files that say what is studied.
    job : Job
        What to do.
    needed : dict of str to bytes
        The files of the jobs that it needs.
    version : str
        The driver's slicefast.
    tell : callable
        Called with the job and the steps that it has played so far, at its start and then once a second.
    place : str
        The point of the map that is studied, by its folder; "." of a study that is none.

    Raises
    ------
    RunError
        This node has another slicefast.
    """
    if version != __version__:
        raise RunError(f"{job}: its node has slicefast {__version__}, the driver {version}: install the same on both")
    done, due = 0, time.monotonic() + _TELL_EVERY_S
    tell(job, done)

    def tick(played: int) -> None:
        nonlocal done, due
        done += played
        if time.monotonic() >= due:
            tell(job, done)
            due = time.monotonic() + _TELL_EVERY_S

    with tempfile.TemporaryDirectory(prefix="slicefast-") as name:
        for path, content in {**common, **needed}.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_bytes(content)
        study = load_study(name) if place == "." else load_map(Path(name)).point(place)
        run_job(study, job, tick)
        return _read(study, study.files(job))


def _task(common: Contents, job: Job, needed: Contents, version: str, reports: Any, place: str) -> Contents:
    return run_on_node(common, job, needed, version, reports.put.remote, place)


def keep(study: Study, job: Job, made: Contents) -> None:
    """Write the files that a job made, its result last, and check them.

    Parameters
    ----------
    study : Study
        Whose folder is written to.
    job : Job
        Which.
    made : dict of str to bytes
        What `run_on_node` returned.

    Raises
    ------
    RunError
        They are not what this study would make.
    """
    study.begin(job)
    for path in study.files(job):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(path, made.get(_sent_as(study, path), b""))
    if not study.finished(job):
        raise RunError(f"{job}: what came back from its node {study.fault(job)}")


def watch(reports: Iterable[Report], told: dict[Job, int], progress: Progress) -> None:
    """Pass on what nodes have told; a job that runs again is heard of where it is further than before.

    Parameters
    ----------
    reports : iterable of (Job, int)
        Jobs and the steps that they have played so far.
    told : dict of Job to int
        What the watcher knows; kept up to date.
    progress : Progress
        Who hears.
    """
    for job, done in reports:
        if job not in told:
            progress.started(job)
            told[job] = 0
        if done > told[job]:
            progress.advanced(job, done - told[job])
            told[job] = done


class _Reports:
    """Where tasks leave how far they are; one actor of the cluster."""

    def __init__(self) -> None:
        self._reports: list[Report] = []

    def put(self, job: Job, done: int) -> None:
        self._reports.append((job, done))

    def take(self) -> list[Report]:
        taken, self._reports = self._reports, []
        return taken


def _mailbox(ray: Any) -> Any:
    """Return a handle of `_Reports` on the driver's machine: whichever other one dies, it stays, or starts again."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, max_restarts=-1)(_Reports).options(scheduling_strategy=here).remote()


def _told(ray: Any, reports: Any) -> list[Report]:
    """Return what tasks have left; of a mailbox that died nothing, as tasks say again how far they are."""
    try:
        left: list[Report] = ray.get(reports.take.remote())
    except ray.exceptions.RayActorError:
        return []
    return left


def _most(ray: Any, asked: Mapping[str, float]) -> int:
    """Return how many tasks may be at Ray now; clusters grow and shrink."""
    places = ray.cluster_resources().get("CPU", 1.0) / max(asked.get("num_cpus", 1.0), 0.1)
    return max(1, int(_AHEAD * places))


def _arrived(ray: Any, reference: Any, job: Job) -> Contents:
    try:
        made: Contents = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, SlicefastError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        lost = f"{job}: was lost with its node or process {RETRIES + 1} times ({type(error).__name__})"
        raise RunError(f"{lost}; what is finished is kept") from None
    return made


def _common_files(study: Study) -> list[Path]:
    inputs = study.manifest.parent / "inputs"
    return [study.manifest, *sorted(path for path in inputs.glob("*") if path.is_file())]


def _needed(study: Study, job: Job) -> Contents:
    return _read(study, [path for need in needs(job) for path in study.files(need)])


def _read(study: Study, paths: Iterable[Path]) -> Contents:
    return {_sent_as(study, path): path.read_bytes() for path in paths}


def _place(study: Study) -> str:
    """Return where a study lies beside its manifest: "." but for a map's points."""
    return study.folder.relative_to(study.manifest.parent).as_posix()


def _sent_as(study: Study, path: Path) -> str:
    return path.relative_to(study.manifest.parent).as_posix()
